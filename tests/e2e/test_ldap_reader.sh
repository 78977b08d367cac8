#!/bin/bash
# What the LDAP reader does beyond one search on one server: values that come in parts,
# references, servers that go away. Against the LDAP server of the tests' own.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-reader.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/ldap_mock.sh
. tests/e2e/ldap_mock.sh
# shellcheck source=tests/e2e/reads.sh
. tests/e2e/reads.sh

finish() {
	trap '' INT TERM
	mock_stop
	dns_stop
	rm -rf "$work"
}
DNS_PID='' DNS_SERVER=''
dns_stop() {
	[ -z "$DNS_PID" ] || { kill "$DNS_PID" 2>/dev/null; wait "$DNS_PID" 2>/dev/null; } || true
	DNS_PID=''
}
# dns_start RCODE [PRIORITY:WEIGHT:PORT:HOST]...: answers every question so, by UDP.
dns_start() {
	dns_stop
	rm -f "$work/dns.port"
	python3 - "$work/dns.port" "$@" <<-'X' &
		import os, socket, struct, sys
		def name(text):
		    return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".") if l) + b"\0"
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("127.0.0.1", 0))
		with open(sys.argv[1] + ".new", "w") as f:
		    f.write(str(s.getsockname()[1]))
		os.rename(sys.argv[1] + ".new", sys.argv[1])
		while True:
		    asked, who = s.recvfrom(2000)
		    end = asked.index(b"\0", 12) + 5
		    found = b""
		    for one in sys.argv[3:]:
		        priority, weight, port, host = one.split(":")
		        data = struct.pack(">3H", int(priority), int(weight), int(port)) + name(host)
		        found += struct.pack(">3HIH", 0xC00C, 33, 1, 300, len(data)) + data
		    head = asked[:2] + struct.pack(">5H", 0x8180 | int(sys.argv[2]), 1, len(sys.argv) - 3, 0, 0)
		    s.sendto(head + asked[12:end] + found, who)
	X
	DNS_PID=$!
	while [ ! -e "$work/dns.port" ]; do sleep 0.05; done
	DNS_SERVER=127.0.0.1:$(cat "$work/dns.port")
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
SECRET=demo-password

# faults WORD...: what the server does wrong from now on.
faults() { mock_faults "$@"; }
# asked NAME EXPRESSION EXPECTED: what the last client asked for, see mock_count.
asked() {
	local got
	got=$(mock_count "$2")
	: >"$work/out"
	if [ "$got" = "$3" ]; then ok "$1"; else bad "$1" "$2 is $got, not $3"; fi
}

# --- the directory: 30 people, one with 25 mobiles, one group that holds all through another
PEOPLE=30
{
	cat <<-X
		dn: $SLAPD_BASE
		objectClass: domain
		dc: example

		dn: ou=people,$SLAPD_BASE
		objectClass: organizationalUnit
		ou: people

		dn: ou=groups,$SLAPD_BASE
		objectClass: organizationalUnit
		ou: groups

		dn: cn=dirbridge,$SLAPD_BASE
		objectClass: applicationProcess
		cn: dirbridge
		userPassword: demo-password
	X
	printf '\ndn: ou=more,%s\nobjectClass: organizationalUnit\nou: more\n' "$SLAPD_BASE"
	for i in 1 2 3; do
		printf '\ndn: uid=m%s,ou=more,%s\nobjectClass: inetOrgPerson\nuid: m%s\nsn: m\n' "$i" "$SLAPD_BASE" "$i"
		printf 'entryUUID: 00000000-0000-4000-9000-00000000000%s\n' "$i"
	done
	for i in $(seq -w $PEOPLE); do
		printf '\ndn: uid=p%s,ou=people,%s\nobjectClass: inetOrgPerson\nuid: p%s\ncn: Person %s\nsn: %s\n' \
			"$i" "$SLAPD_BASE" "$i" "$i" "$i"
		printf 'entryUUID: 00000000-0000-4000-8000-0000000000%s\nuSNChanged: 1%s\nemployeeNumber: %s\n' "$i" "$i" "$i"
		if [ "$i" = 07 ]; then
			for m in $(seq -w 25); do printf 'mobile: +4930%s\n' "$m"; done
		fi
	done
	printf '\ndn: cn=all,ou=groups,%s\nobjectClass: groupOfNames\ncn: all\nmember: cn=half,ou=groups,%s\nuSNChanged: 500\n' \
		"$SLAPD_BASE" "$SLAPD_BASE"
	printf '\ndn: cn=half,ou=groups,%s\nobjectClass: groupOfNames\ncn: half\nuSNChanged: 501\n' "$SLAPD_BASE"
	for i in $(seq -w $PEOPLE); do printf 'member: uid=p%s,ou=people,%s\n' "$i" "$SLAPD_BASE"; done
} >"$work/company.ldif"
printf 'demo-password' >"$work/bind.password"
chmod 600 "$work/bind.password"
printf 'version: 1\n' >"$work/rules.yaml"
mock_start "$work/mock" "$work/company.ldif"
BASE=(
	[uri]="$MOCK_LDAP" [bind_dn]="cn=dirbridge,$SLAPD_BASE" [password_file]=bind.password
	[connect_timeout]=5 [timeout]=5
	[people]="{base: \"ou=people,$SLAPD_BASE\", filter: (objectClass=inetOrgPerson)}"
	[groups]="{base: \"ou=groups,$SLAPD_BASE\", filter: (objectClass=groupOfNames)}"
)
all_in=(--group all --attr mobile)
# in_group NAME N: the read was whole, and so many are in the group.
in_group() {
	local n
	read_directory "${all_in[@]}" || true
	n=$(grep -c '\[all\]=yes$' "$work/out" || true)
	if ! grep -q '^groups complete' "$work/out" || ! grep -q "^people complete $PEOPLE$" "$work/out"; then
		bad "$1" "not complete"
	elif [ "$n" != "$2" ]; then
		bad "$1" "$n are in the group, not $2"
	elif ! grep -q 'mobile=+493001;+493002;.*;+493024;+493025 ' "$work/out"; then
		bad "$1" "the 25 values did not come"
	else
		ok "$1"
	fi
}
settings

# --- attributes of a search ---------------------------------------------------------------------
faults
settings "people: [{base: \"ou=people,$SLAPD_BASE\", filter: (objectClass=inetOrgPerson), attributes: [SN, uid]}, {base: \"ou=more,$SLAPD_BASE\", filter: (objectClass=inetOrgPerson)}]"
reads "a search that asks for some" '^people complete 33$' --attr sn --attr cn --attr mobile
asked "for no others" '[s["attrs"] for s in c["searches"] if s["base"].startswith(("ou=people", "ou=more"))]' \
	"[['sn', 'entryUUID'], ['sn', 'cn', 'mobile', 'entryUUID']]"
settings

# --- values in parts ------------------------------------------------------------------------
faults
in_group "all values at once" $PEOPLE
asked "no base search for what came whole" 'len([s for s in c["searches"] if s["scope"] == 0 and s["base"]])' 0
for n in 1 2 7 24 25 29 30; do
	faults range=$n
	in_group "$n values at a time" $PEOPLE
done
faults range=10
in_group "ten at a time, read through" $PEOPLE
asked "the parts are asked for one after another" \
	'[s["attrs"][0] for s in c["searches"] if s["scope"] == 0 and "half" in s["base"]]' \
	"['member;range=0-*', 'member;range=10-*', 'member;range=20-*']"
faults range=10 range_empty_too
in_group "an empty attribute beside the part" $PEOPLE
settings "page_size: 3"
faults range=4
in_group "parts between pages" $PEOPLE
settings
faults range=10 where=ou=groups range_moves=1 range_times=1
in_group "begins again when a member goes" $((PEOPLE - 1))
faults range=10 where=ou=groups range_adds=2 range_times=2
in_group "begins again when members come, twice" $PEOPLE
faults range=10 where=ou=groups range_adds=1 range_times=100
reads "gives up when they come all the time" \
	'^reason only a part of the members of "cn=half.*came: .*(changed between|two parts)' "${all_in[@]}"
reads "and then nobody is out of the group" '^groups incomplete' "${all_in[@]}"
if grep -q '\[all\]=no' "$work/out"; then bad "none is out" "one is"; else ok "none is out"; fi
for fault in range_stuck range_gap range_none range_refused; do
	faults range=10 where=ou=groups $fault
	reads "$fault: groups" '^reason only a part of the members of "cn=half' "${all_in[@]}"
	faults range=10 where=people $fault
	reads "$fault: people" '^reason "uid=p07.* only a part of the values of an attribute: ' "${all_in[@]}"
done

# libldap forgets to free a Notice of Disconnection; a sanitised build would count that.
library_leaks() {
	unset ASAN_OPTIONS
	[[ $1 != notice* ]] || export ASAN_OPTIONS=detect_leaks=0
}
# --- connections that are lost, and servers that are busy ------------------------------------
# conns=N: only the first N connections have the fault.
settings "page_size: 10"
for fault in drop_after=7 drop_after=20 drop_done hang_after=14 notice=12 "result=51 result_after=3" \
	result=52; do
	[ "$fault" != hang_after=14 ] || settings "page_size: 10" "timeout: 1"
	# shellcheck disable=SC2086 # several faults
	faults conns=1 where=people $fault
	library_leaks "$fault"
	in_group "people: $fault, and a second connection" $PEOPLE
	asked "and two connections were made" 'c["connections"]' 2
	settings "page_size: 10"
done
for fault in drop_after=0 drop_after=1 drop_done notice=1 result=51 "result=52 result_after=1"; do
	# shellcheck disable=SC2086
	faults conns=2 where=ou=groups $fault
	library_leaks "$fault"
	in_group "groups: $fault, twice" $PEOPLE
	asked "and three connections were made" 'c["connections"]' 3
done
faults conns=1 where=people drop_after=7
reads "each comes once" "^digest entries=$PEOPLE values=55 " --count --attr uid --attr mobile
faults conns=1 where=people drop_after=7
reads "without keeping ids it ends there" '^reason the connection was lost.* after 7 entries' --count --forget
faults conns=1 where=people drop_after=0
reads "and begins again when nothing had come" "^people complete $PEOPLE$" --count --forget
faults where=people drop_after=7
reads "lost three times is enough" '^reason the connection was lost: .*, after 7 entries' --count
asked "three connections" 'c["connections"]' 3
faults where=people drop_after=0
fails "lost three times before anybody came" $NET 'the connection was lost' --count
faults where=people result=51 result_text=later
reads "busy three times" '^reason the search below .* ended after 0 entries: .*busy.*later' --count
faults conns=1 where=people drop_after=7 no_id=3
reads "what was wrong before is forgotten" "^people complete $PEOPLE$" --count
settings "people: [{base: \"ou=people,$SLAPD_BASE\", filter: (uid=p0*)}, {base: \"ou=people,$SLAPD_BASE\", filter: (objectClass=inetOrgPerson)}]"
faults conns=2 where=people drop_after=5
reads "two searches that meet, lost in each" "^digest entries=$PEOPLE values=$PEOPLE " --count --attr uid
settings "uri: [$MOCK_LDAP, $MOCK_DEAD, $MOCK_LDAP]" "connect_timeout: 1"
faults conns=1 where=people drop_after=7
reads "the next servers in the list" "^people complete $PEOPLE$" --count
faults range=10 conns=1 where=ou=groups hang=range
settings "timeout: 1"
in_group "silence at a part, and a second connection" $PEOPLE
faults range=10 where=ou=groups hang=range
reads "silence at each part" '^reason no answer within 1 s|^error' "${all_in[@]}"
settings

# --- references to other servers ---------------------------------------------------------------
more=$MOCK_LDAP/ou=more,$SLAPD_BASE
faults where=people "reference=$more"
reads "a reference spoils the read" '^reason a part below .* is on another server and was not read: ldap://' --count
settings "referrals: ignore"
reads "or is left out" "^people complete $PEOPLE$" --count
settings "referrals: follow"
faults where=people "reference=$more"
reads "or is followed" "^people complete $((PEOPLE + 3))$" --count
asked "by a login of the same account" '[b["dn"] for b in c["binds"]]' \
	"['cn=dirbridge,$SLAPD_BASE', 'cn=dirbridge,$SLAPD_BASE']"
faults where=people "reference=$more" reference_at=12
reads "in the middle of a search" "^people complete $((PEOPLE + 3))$" --count
settings "referrals: follow" "page_size: 7"
reads "and of pages" "^people complete $((PEOPLE + 3))$" --count
settings "referrals: follow"
faults where=people "reference=$more??sub?(uid=m2)"
reads "with a filter of its own" "^people complete $((PEOPLE + 1))$" --count
faults where=people "reference=$more??base"
reads "with a scope of its own" "^people complete $PEOPLE$" --count
faults where=people "referral=$more"
reads "a base that is elsewhere" "^people complete 3$" --count
faults "reference=$more"
reads "servers that refer to each other" "^people complete $((PEOPLE + 3))$" --count
faults "reference=$more??sub?(uid=hop%N)"
reads "servers that refer on and on" '^reason too many references, the last one to ldap://' --count
asked "no further than five" '[s["base"] for s in c["searches"]].count("ou=more,dc=example,dc=org")' 5
faults where=people "reference=$more|$more"
reads "two references to the same" "^people complete $((PEOPLE + 3))$" --count
faults where=people "reference=$MOCK_LDAP/ou=nowhere,$SLAPD_BASE"
reads "a reference to what is not there" '^reason the base "ou=nowhere' --count
faults where=people "reference=ldap://127.0.0.1:1/ou=more,$SLAPD_BASE"
reads "a reference to a server that is down" '^reason the reference to .* can not be followed: no connection' --count
faults where=people "reference=ldap://192.0.2.1/ou=more,$SLAPD_BASE"
reads "the password does not go out in the clear" \
	'^reason the reference to .* can not be followed: the password would go over' --count
faults where=people "reference=http://127.0.0.1/x"
reads "a reference that is no LDAP" '^reason the reference to .* can not be followed: ' --count
faults where=people conns=1 "reference=$more" drop_after=20
reads "a reference of an attempt that was lost is forgotten" "^people complete $PEOPLE$" --count
settings "referrals: follow" "uri: $MOCK_LDAPS" "tls_ca_file: $MOCK_CA_FILE"
faults where=people "reference=$more"
reads "seen over TLS, followed over TLS" "^people complete $((PEOPLE + 3))$" --count
asked "by StartTLS on ldap://" 'c["starttls"], [b["tls"] for b in c["binds"]]' "(1, [True, True])"
faults where=people "reference=$more" starttls=52
reads "or not at all" '^reason the reference to .* can not be followed: .*StartTLS' --count
settings "referrals: follow" "groups: {base: \"ou=people,$SLAPD_BASE\", filter: (objectClass=groupOfNames)}"
faults where=people "reference=$MOCK_LDAP/ou=groups,$SLAPD_BASE"
reads "groups that are elsewhere" '^groups complete 2$' --group all
settings

# --- servers by DNS ---------------------------------------------------------------------------
faults
port=${MOCK_LDAP##*:}
by_dns() { settings "uri:" "domain: localhost" "srv_scheme: ldap" "dns_server: $DNS_SERVER" "connect_timeout: 2" "$@"; }
dns_start 0 "0:100:$port:localhost"
by_dns
reads "the server that DNS names" "^people complete $PEOPLE$" --count
dns_start 0 "20:0:$port:localhost" "10:50:1:localhost" "10:0:1:localhost"
by_dns
reads "the next one when the first is down" "^people complete $PEOPLE$" --count
dns_start 0 "0:1:$port:ldap.elsewhere.example" "1:1:$port:LOCALHOST."
by_dns
reads "one outside the domain is not used" 'ldap.elsewhere.example is outside localhost' --count
reads "and one inside is" "^people complete $PEOPLE$" --count
dns_start 0 "0:1:$port:notlocalhost"
by_dns
fails "only servers outside the domain" $REFUSED 'all servers that DNS names are outside' --count
dns_start 0 "0:0:0:."
by_dns
fails "the domain says it has none" '[0-9]+' 'no such service' --count
dns_start 3
by_dns
fails "no such domain" '[0-9]+' 'no DNS name _ldap._tcp.localhost' --count
dns_start 2
by_dns
fails "the DNS server fails" $NET '_ldap._tcp.localhost' --count
dns_stop
by_dns "connect_timeout: 1"
fails "no DNS server" $NET 'no DNS server answers for _ldap' --count
by_dns "dns_server: localhost"
fails "no address of a DNS server" $INVALID 'no address like' --count
dns_start 0 "0:100:389:localhost"
by_dns "srv_scheme:"
fails "ldaps: port 636 for 389" $NET 'ldaps://localhost:636' --count
dns_stop
settings

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

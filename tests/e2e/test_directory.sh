#!/bin/bash
# The LDAP reader against a real slapd: each way to connect and log in, each way that fails
# with the words people get, paging, nested groups, and reads that break off, which must
# never look complete.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-directory.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh

passed=0 failed=0
reader_pid=
finish() {
	trap '' INT TERM
	[ -z "$reader_pid" ] || kill -CONT "$reader_pid" 2>/dev/null || true
	[ -z "$SLAPD_PID" ] || kill -CONT "$SLAPD_PID" 2>/dev/null || true
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() {
	passed=$((passed + 1))
	echo "ok   $1"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1 $2"
	tail -n 8 "$work/out" | cut -c1-300 | sed 's/^/       /'
}

# settings LINE...: the connection's settings, over those of every case. A later line of the
# same name wins; "name:" alone removes it.
settings() {
	local -A all=(
		[uri]="$LDAPS_URI" [tls_ca_file]="$CA_FILE" [bind_dn]="$BIND_DN"
		[password_file]=bind.password [connect_timeout]=5 [timeout]=5
		[people]="{base: \"ou=people,$SLAPD_BASE\", filter: (objectClass=inetOrgPerson)}"
		[groups]="{base: \"ou=groups,$SLAPD_BASE\", filter: (objectClass=groupOfNames)}"
	)
	local line name
	for line; do
		all[${line%%:*}]=${line#*:}
	done
	{
		echo "directory:"
		for name in "${!all[@]}"; do
			[ -z "${all[$name]}" ] || echo "  $name: ${all[$name]}"
		done
		printf 'target: {region: test.invalid, client_id: x, client_secret_file: bind.password}\n'
		printf 'rules: [rules.yaml]\n'
	} >"$work/dirbridge.yaml"
}
WRAP=()
[ -z "${READ_DIRECTORY_WRAP:-}" ] || read -ra WRAP <<<"$READ_DIRECTORY_WRAP"
read_directory() {
	"${WRAP[@]}" "$build/tests/tools/read_directory" "$work/dirbridge.yaml" "$@" \
		>"$work/out" 2>&1
}
# Never says it read everything, never shows the password.
no_secret() { ! grep -q 'demo-password' "$work/out"; }

# reads NAME REGEX [OPTION]...: ends well, and says REGEX.
reads() {
	local name=$1 regex=$2
	shift 2
	if ! read_directory "$@"; then
		bad "$name" "it failed"
	elif ! grep -Eq -- "$regex" "$work/out"; then
		bad "$name" "nothing says /$regex/"
	elif ! no_secret; then
		bad "$name" "the password is printed"
	else
		ok "$name"
	fi
}
# fails NAME KIND REGEX [OPTION]...: no read at all; KIND is the number of enum err_kind.
fails() {
	local name=$1 kind=$2 regex=$3 status=0
	shift 3
	read_directory "$@" || status=$?
	if [ $status -ne 1 ]; then
		bad "$name" "exit $status"
	elif ! grep -Eq -- "^error $kind .*$regex" "$work/out"; then
		bad "$name" "no error of kind $kind says /$regex/"
	elif grep -Eq '^people complete' "$work/out" || ! no_secret; then
		bad "$name" "it looks complete, or the password is printed"
	else
		ok "$name"
	fi
}
IO=4 NET=5 TLS=6 AUTH=7 TIMEOUT=8 INVALID=1 REFUSED=11

# A certificate of the CA for the server: issue NAME SAN DAYS-OPTIONS...
issue() {
	local name=$1 san=$2
	shift 2
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
		-keyout "$work/$name.key" -out "$work/$name.csr" 2>/dev/null
	printf 'subjectAltName=%s\n' "$san" >"$work/$name.ext"
	openssl x509 -req -in "$work/$name.csr" -CA "$SLAPD_DIR/ca.pem" -CAkey "$SLAPD_DIR/ca.key" \
		-CAcreateserial -extfile "$work/$name.ext" "$@" -out "$work/$name.pem" 2>/dev/null
}
with_certificate() { # NAME: restart with this one
	slapd_stop
	cp "$work/$1.pem" "$SLAPD_DIR/server.pem"
	cp "$work/$1.key" "$SLAPD_DIR/server.key"
	slapd_own
	slapd_start
	settings
}
# set_limit N: size limit of the reading account.
set_limit() {
	slapd_stop
	SLAPD_SIZE_LIMIT=$1 slapd_conf "$SLAPD_DIR" >"$SLAPD_DIR/slapd.conf"
	slapd_own
	slapd_start
	settings
}

"$build/tests/tools/gen_directory" --people 500 --groups 40 --seed 3 >"$work/company.ldif"
# nth N NAME: value of that attribute of the N-th person.
nth() {
	awk -v n="$1" -v name="$2: " '/^dn: / {person = /^dn: uid=/; seen += person}
		person && seen == n && index($0, name) == 1 {print substr($0, length(name) + 1); exit}' \
		"$work/company.ldif"
}
ring_member=$(nth 5 dn) posix_member=$(nth 6 uid) unique_member=$(nth 7 dn)
cat >>"$work/company.ldif" <<X

dn: ou=odd,dc=example,dc=org
objectClass: organizationalUnit
ou: odd

dn: cn=ring-a,ou=odd,dc=example,dc=org
objectClass: groupOfNames
cn: ring-a
member: cn=ring-b,ou=odd,dc=example,dc=org
member: CN=ring-a, OU=odd,dc=example,dc=org

dn: cn=ring-b,ou=odd,dc=example,dc=org
objectClass: groupOfNames
cn: ring-b
member: cn=ring-a,ou=odd,dc=example,dc=org
member: $ring_member

dn: cn=posix,ou=odd,dc=example,dc=org
objectClass: posixGroup
cn: posix
gidNumber: 100
memberUid: $posix_member

dn: cn=unique,ou=odd,dc=example,dc=org
objectClass: groupOfUniqueNames
cn: unique
uniqueMember: $unique_member#'0101'B

dn: cn=outer,ou=odd,dc=example,dc=org
objectClass: groupOfNames
cn: outer
member: cn=posix,ou=odd,dc=example,dc=org
member: $ring_member

dn: ou=far,dc=example,dc=org
objectClass: organizationalUnit
ou: far

dn: cn=far,ou=far,dc=example,dc=org
objectClass: groupOfNames
cn: far
member: $ring_member

dn: cn=over,ou=odd,dc=example,dc=org
objectClass: groupOfNames
cn: over
member: cn=far,ou=far,dc=example,dc=org
X
printf 'version: 1\n' >"$work/rules.yaml"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
cp "$BIND_PASSWORD_FILE" "$work/bind.password"
chmod 600 "$work/bind.password"

# --- connections that work ---
settings
reads "ldaps" '^people complete 500$' --count --attr mail
reads "every value arrives" 'digest entries=500 values=500 ' --count --attr uid
settings "uri: $LDAP_URI" "start_tls: true"
reads "StartTLS" '^people complete 500$' --count
settings "uri: $LDAP_URI" "tls_ca_file:"
reads "plaintext to this machine" '^people complete 500$' --count
settings "uri: [ldaps://127.0.0.1:1, $LDAPS_URI]"
reads "second server when the first is down" '^people complete 500$' --count
for size in 0 1 7 499 500 501 1000; do
	settings "page_size: $size"
	reads "page size $size" '^people complete 500$' --count
done
settings
reads "binary-safe words" 'cn=[^ ].* \[cc-agents\]=yes' --attr cn --group cc-agents

# --- one person ---
uid=$(nth 1 uid)
dn=$(nth 1 dn)
for person in "uid=$uid" "(uid=$uid)" "$dn" "${dn^^}" "(&(uid=$uid)(!(sn=nobody)))"; do
	reads "person by $person" '^people complete 1$' --count --person "$person"
done
reads "a person who is not there" '^people complete 0$' --count --person 'uid=*'
reads "a DN outside the searches" '^people complete 0$' --count --person "$BIND_DN"
reads "a DN that is not there" '^people complete 0$' --count \
	--person "uid=nobody,ou=people,$SLAPD_BASE"
fails "a filter that closes ours" $INVALID 'goes on after its last' --person '(uid=x))(|(cn=*)'
fails "a person that is nothing" $INVALID 'names nobody' --person ann

# --- groups ---
settings "groups: {base: \"$SLAPD_BASE\", filter: \"(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))\"}"
count_in() { # NAME GROUP EXPECTED: how many are in it
	read_directory --group "$2" || true
	local n
	n=$(grep -c '\]=yes$' "$work/out" || true)
	if [ "$n" -eq "$3" ] && grep -q '^groups complete' "$work/out"; then
		ok "$1"
	else
		bad "$1" "$n instead of $3"
	fi
}
count_in "groups nested three deep" cc-agents 500
count_in "a group by DN in other spelling" "CN=CC-Agents, ou=GROUPS,$SLAPD_BASE" 500
count_in "a ring of groups" ring-a 1
count_in "members by uid" posix 1
count_in "members with bits" unique 1
count_in "supervisors as the LDIF has them" cc-supervisors \
	"$(awk '/^dn: cn=cc-supervisors,/ {in_it = 1} /^$/ {in_it = 0} in_it && /^member/' \
		"$work/company.ldif" | wc -l)"
# cc-agents holds the sites, the sites the teams; a filter leaves the teams out.
settings "groups: {base: \"ou=groups,$SLAPD_BASE\", filter: \"(&(objectClass=groupOfNames)(!(cn=cc-team*)))\"}"
reads "a nested group that no search reads is named" '^reason .*cc-team-.* is nested in "cc-agents"' \
	--group cc-agents
reads "and nobody is out of the outer one" '\[cc-agents\]=unknown' --group cc-agents
settings "groups: {base: \"cn=cc-agents,ou=groups,$SLAPD_BASE\", filter: (objectClass=*)}"
reads "nor when they lie outside the base" '\[cc-agents\]=unknown' --group cc-agents
# What the search has read is not asked for again; what it has not must still be found.
for filter in '(objectClass=groupOfNames)' '(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))' \
	'(|(objectClass=groupOfNames)(objectClass=noSuchClass))' '(OBJECTCLASS=GROUPOFNAMES)'; do
	settings "groups: {base: \"ou=odd,$SLAPD_BASE\", filter: \"$filter\"}"
	reads "a nested group of a class not read, $filter" \
		'^reason .*cn=posix,.* is nested in "outer"' --group outer
	reads "a nested group outside the base, $filter" \
		'^reason .*cn=far,.* is nested in "over"' --group over
	reads "and none that was read, $filter" '^groups complete' --group ring-a
done
settings "groups: {base: \"$SLAPD_BASE\", filter: \"(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))\"}"
reads "a group that is not there is unknown" '\[no-such\]=unknown' --group no-such
reads "and spoils the verdict" '^reason .*no group "no-such"' --group no-such

settings "nested_groups: server" "groups: {base: \"$SLAPD_BASE\", filter: (objectClass=groupOfNames)}"
fails "a server that has no in-chain rule" $INVALID \
	'directory.nested_groups: server needs Active Directory.*use directory.nested_groups: own' \
	--group cc-agents
reads "nothing is asked of it when no rule names a group" '^people complete 500$' --count

# --- attributes by another name ---
settings
reads "by OID" '2\.5\.4\.4=[^ ]' --attr 2.5.4.4
reads "by another name" ' surname=[^ ]' --attr surname
reads "both, in each entry" 'digest entries=500 values=1000 ' --count --attr 2.5.4.3 --attr userid
reads "one that the server does not know" '^people complete 500$' --count --attr 1.2.3.4.5

# --- the same from files ---
files() { settings "kind: ldif" "uri:" "tls_ca_file:" "bind_dn:" "password_file:" "ldif: \"$1\""; }
gzip -k "$work/company.ldif"
head -c 20000 "$work/company.ldif.gz" >"$work/cut.ldif.gz"
cat "$work/company.ldif.gz" <(printf '\n' | gzip) >"$work/two.ldif.gz"
files company.ldif
reads "LDIF" '^people complete 500$' --count
files company.ldif.gz
reads "compressed LDIF" '^people complete 500$' --count --group cc-agents
reads "its groups" '^groups complete' --count --group cc-agents
files two.ldif.gz
reads "in two members" '^people complete 500$' --count
files cut.ldif.gz
read_directory --count || true
if grep -q '^people complete' "$work/out" || ! grep -q 'damaged or cut off' "$work/out"; then
	bad "a compressed file that was cut off" "it looks complete, or nothing says so"
else
	ok "a compressed file that was cut off"
fi
files -
for name in company.ldif company.ldif.gz; do
	read_directory --count --group cc-agents <"$work/$name" || true
	if grep -q '^people complete 500$' "$work/out" && grep -q '^groups complete' "$work/out"; then
		ok "$name on standard input"
	else
		bad "$name on standard input" "it is not complete"
	fi
done
settings

# --- connections that fail ---
settings
printf 'wrong' >"$work/wrong.password"
chmod 600 "$work/wrong.password"
settings "password_file: wrong.password"
fails "wrong password" $AUTH 'refuses the password of "cn=dirbridge,.*bind_dn'
settings "bind_dn: cn=nobody,$SLAPD_BASE"
fails "unknown account" $AUTH 'refuses the password'
settings "tls_ca_file: missing.pem"
fails "missing CA file" $IO 'missing.pem.*No such file'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 \
	-subj "/CN=Another CA" -keyout "$work/other.key" -out "$work/other.pem" 2>/dev/null
settings "tls_ca_file: other.pem"
fails "untrusted issuer, ldaps" $TLS 'issuer "Test CA" is not in .*other.pem'
settings "tls_ca_file: other.pem" "uri: $LDAP_URI" "start_tls: true"
fails "untrusted issuer, StartTLS" $TLS 'issuer "Test CA" is not in .*other.pem'
printf 'no certificate\n' >"$work/empty.pem"
settings "tls_ca_file: empty.pem"
fails "CA file without certificates" $INVALID 'empty.pem: no certificate is in it'
settings "uri: ldaps://127.0.0.1:1"
fails "no server" $NET 'no connection: Connection refused'
settings "uri: ldaps://no-such-host.invalid"
fails "unknown host" $NET 'host name is not known'
settings "uri: ldaps://127.0.0.1:${LDAP_URI##*:}"
fails "TLS to a port without it" $TLS 'handshake failed'
settings "uri: ldap://192.0.2.1"
fails "password in clear to another machine" $REFUSED 'unencrypted; use ldaps'
chmod 644 "$work/bind.password"
settings
fails "password file that others may read" '[0-9]+' 'bind.password'
chmod 600 "$work/bind.password"
settings "id_attribute: dn"
fails "a DN as id" $INVALID 'a DN changes'
settings "people: {base: \"ou=people,$SLAPD_BASE\", filter: \"(uid=\"}"
fails "broken filter" $INVALID 'dirbridge.yaml:[0-9]+:[0-9]+: not an LDAP filter'

# --- reads that are not whole ---
settings "people: {base: \"ou=nowhere,$SLAPD_BASE\"}"
reads "missing base" '^people incomplete 0$'
settings "people: {base: \"ou=people,$SLAPD_BASE\", filter: (uid=nobody)}"
reads "nobody found" '^reason .*found nobody'
settings "id_attribute: mobile"
reads "id attribute missing" '^people incomplete'
if grep -Eq '^reason "uid=.* has no mobile' "$work/out"; then
	ok "and named"
else
	bad "and named" "no reason names it"
fi
settings "id_attribute: objectGUID"
reads "no id at all" '^people incomplete 0$'
settings "people: [{base: \"ou=people,$SLAPD_BASE\", filter: (objectClass=inetOrgPerson)}, {base: \"$SLAPD_BASE\", filter: (objectClass=inetOrgPerson)}]"
reads "met in two searches, comes once" '^people complete 500$' --count
settings "uri: $LDAP_URI" "bind: anonymous" "bind_dn:" "password_file:"
reads "an account without rights" '^people incomplete 0$'

set_limit 100
reads "size limit" '^people incomplete 100$' --count
settings "page_size: 0"
reads "size limit without pages" "^reason .*limit ended" --count
set_limit unlimited

# --- the server goes away, or says nothing, in the middle ---
# More people than the reader takes in advance.
slapd_stop
rm -rf "$SLAPD_DIR/db"
mkdir "$SLAPD_DIR/db"
"$build/tests/tools/gen_directory" --people 8000 --groups 40 --seed 3 >"$work/company.ldif"
slapd_load "$work/company.ldif"
slapd_start
# begin_reading: start a slow reader, return when its first entry has come.
begin_reading() {
	rm -f "$work/flag"
	read_directory --delay-us 300 --flag "$work/flag" --attr mail --attr cn --attr title &
	reader_pid=$!
	for _ in $(seq 500); do
		[ ! -e "$work/flag" ] || return 0
		sleep 0.02
	done
}
end_reading() { # NAME REGEX
	wait "$reader_pid" || true
	reader_pid=
	if grep -q '^people complete' "$work/out"; then
		bad "$1" "it looks complete"
	elif ! grep -Eq "$2" "$work/out"; then
		bad "$1" "nothing says /$2/"
	else
		ok "$1"
	fi
}
for page in 1 50 1000; do
	settings "page_size: $page" "timeout: 20"
	begin_reading
	kill -KILL "$SLAPD_PID"
	wait "$SLAPD_PID" 2>/dev/null || true
	SLAPD_PID=
	end_reading "server killed, page size $page" '^reason .*(connection was lost|could not be sent)'
	slapd_start
done
settings "timeout: 1" "page_size: 10"
begin_reading
kill -STOP "$SLAPD_PID"
end_reading "server that falls silent" '^reason no answer within 1 s'
kill -CONT "$SLAPD_PID"
kill -STOP "$SLAPD_PID"
settings "connect_timeout: 1"
fails "server that does not answer" $TIMEOUT 'no answer within 1 s'
settings "connect_timeout: 1" "uri: $LDAP_URI" "start_tls: true"
fails "server that does not answer, StartTLS" $TIMEOUT 'no answer within 1 s'
settings "connect_timeout: 1" "uri: $LDAP_URI"
fails "server that does not answer the login" $TIMEOUT 'to the login within 1 s'
kill -CONT "$SLAPD_PID"

# --- certificates ---
issue expired IP:127.0.0.1 -days -1
with_certificate expired
fails "expired certificate" $TLS 'expired on [0-9-]+T'
settings "uri: $LDAP_URI" "start_tls: true"
fails "expired certificate, StartTLS" $TLS 'expired on [0-9-]+T'
issue elsewhere DNS:ldap.example.org,IP:192.0.2.7 -days 3
with_certificate elsewhere
fails "certificate of another host" $TLS 'is for ldap.example.org, 192.0.2.7, not for 127.0.0.1'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

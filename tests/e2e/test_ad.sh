#!/bin/bash
# The LDAP reader, and whole runs, against a real Samba Active Directory: logins and what a
# refused one means, Kerberos from a keytab, ids, groups, references, the shipped example.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)

# shellcheck source=tests/e2e/samba.sh
. tests/e2e/samba.sh
# shellcheck source=tests/e2e/reads.sh
. tests/e2e/reads.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

missing=$(samba_missing)
if [ -n "$missing" ]; then
	echo "skip Active Directory: not here: $missing"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-ad.XXXXXX")
SECRET='Svc-Passw0rd!'
finish() {
	trap '' INT TERM
	sandbox_stop
	samba_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

STAFF=OU=Staff,$SAMBA_BASE
GROUPS_DN=OU=Groups,$SAMBA_BASE
CITIES=(Berlin Lisbon Osaka)
PEOPLE=120
ALL_PEOPLE=$((PEOPLE + 2)) # two more, whose primary group was changed

# person NAME [LINE]...: without password, not to log in with.
person() {
	local name=$1
	shift
	printf '%s\n' "dn: CN=$name,$STAFF" "objectClass: user" "sAMAccountName: $name" \
		"userPrincipalName: $name@lab.test" "displayName: $name" "$@" ""
}
group() { # NAME MEMBER-DN...
	local name=$1
	shift
	printf '%s\n' "dn: CN=$name,$GROUPS_DN" "objectClass: group" "sAMAccountName: $name"
	[ $# -eq 0 ] || printf 'member: %s\n' "$@"
	echo
}
company() {
	local i city
	printf 'dn: %s\nobjectClass: organizationalUnit\n\n' "$STAFF" "$GROUPS_DN"
	for i in $(seq "$PEOPLE"); do
		person "p$i" "userAccountControl: 544" "mail: p$i@lab.test" "title: Agent" \
			"physicalDeliveryOfficeName: ${CITIES[i % 3]}" "businessCategory: Billing:4" \
			"employeeID: $i" "preferredLanguage: de"
	done
	printf 'dn: %s\nobjectClass: organizationalUnit\n\n' "OU=Hidden,$SAMBA_BASE"
	person hidden "userAccountControl: 544" "nTSecurityDescriptor: D:P(A;;GA;;;DA)(A;;GA;;;SY)" |
		sed "s/$STAFF/OU=Hidden,$SAMBA_BASE/"
	person off "userAccountControl: 546" "physicalDeliveryOfficeName: Berlin"
	# Three deep: person, team, site, CC Agents.
	for i in 0 1 2; do
		city=${CITIES[i]}
		# shellcheck disable=SC2046
		group "Team $city" $(seq -f "CN=p%g,$STAFF" "$i" 3 "$PEOPLE" | grep -v 'CN=p0,')
		group "Site $city" "CN=Team $city,$GROUPS_DN"
	done
	# Whose primary group it will be; AD then takes them off the list.
	person first "userAccountControl: 544" "physicalDeliveryOfficeName: Berlin"
	person second "userAccountControl: 544" "physicalDeliveryOfficeName: Osaka"
	group "CC Direct" "CN=first,$STAFF" "CN=second,$STAFF"
	group "CC Outer" "CN=CC Direct,$GROUPS_DN"
	group "CC Agents" "CN=Site Berlin,$GROUPS_DN" "CN=Site Lisbon,$GROUPS_DN" "CN=off,$STAFF" \
		"CN=CC Outer,$GROUPS_DN"
	group "CC Supervisors" "CN=p1,$STAFF" "CN=p2,$STAFF" "CN=p3,$STAFF"
}

samba_init "$work/dc"
company | samba_ldbadd
samba_account svc-bridge "$SECRET"
samba_account svc-off "$SECRET" 514
samba_account svc-gone "$SECRET"
samba_account svc-new "$SECRET"
samba_account svc-night "$SECRET"
samba_ldbmodify <<-X
	dn: CN=svc-gone,CN=Users,$SAMBA_BASE
	changetype: modify
	replace: accountExpires
	accountExpires: 130000000000000000

	dn: CN=svc-new,CN=Users,$SAMBA_BASE
	changetype: modify
	replace: pwdLastSet
	pwdLastSet: 0

	dn: CN=svc-night,CN=Users,$SAMBA_BASE
	changetype: modify
	replace: logonHours
	logonHours:: AAAAAAAAAAAAAAAAAAAAAAAAAAAA
X
samba_keytab svc-bridge "$work/svc.keytab"
samba_keytab svc-off "$work/off.keytab"
samba_start
printf '%s' "$SECRET" >"$work/bind.password"
printf 'wrong' >"$work/wrong.password"
printf '%s' "$SAMBA_ADMIN_PASSWORD" >"$work/admin.password"
chmod 600 "$work"/*.password
BASE=(
	[uri]=$SAMBA_LDAPS_URI [tls_ca_file]=$SAMBA_CA_FILE [bind_dn]=svc-bridge@lab.test
	[password_file]=bind.password [connect_timeout]=10 [timeout]=10
	[id_attribute]=objectGUID [member_attribute]=member
	[people]="{base: \"$STAFF\", filter: \"(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))\"}"
	[groups]="{base: \"$GROUPS_DN\", filter: (objectClass=group)}"
)
ALL="^people complete $ALL_PEOPLE\$"

ldb_value() { # DN ATTRIBUTE
	ldbsearch -H "$SAMBA_DIR/private/sam.ldb" -b "$1" -s base "$2" 2>/dev/null |
		sed -n "s/^$2: //p"
}
count_in() { # NAME GROUP EXPECTED: how many are in it
	local n
	read_directory --group "$2" || true
	n=$(grep -c '\]=yes$' "$work/out" || true)
	if [ "$n" -eq "$3" ] && grep -q '^groups complete' "$work/out"; then
		ok "$1"
	else
		bad "$1" "$n instead of $3"
	fi
}

# --- ways in ---
settings
reads "password over ldaps; a disabled account is left out" "$ALL" --count
settings "uri: $SAMBA_LDAP_URI" "start_tls: true"
reads "password over StartTLS" "$ALL" --count
settings "bind_dn: \"CN=svc-bridge,CN=Users,$SAMBA_BASE\""
reads "login by DN" "$ALL" --count
GSSAPI=("uri: $SAMBA_LDAP_URI" "bind: gssapi" "bind_dn:" "password_file:"
	"keytab_file: svc.keytab" "principal: svc-bridge@LAB.TEST")
settings "${GSSAPI[@]}"
before=$(ls /tmp/krb5cc_* 2>/dev/null || true)
reads "Kerberos from a keytab" "$ALL" --count
settings "${GSSAPI[@]}" "principal:"
reads "Kerberos, the first key of the keytab" "$ALL" --count
settings "${GSSAPI[@]}"
export KRB5CCNAME=FILE:$work/others.cache KRB5_CLIENT_KTNAME=$work/off.keytab
reads "Kerberos, whatever the environment says" "$ALL" --count
unset KRB5CCNAME KRB5_CLIENT_KTNAME
if [ "$(ls /tmp/krb5cc_* 2>/dev/null || true)" = "$before" ] && [ ! -e "$work/others.cache" ]; then
	ok "no ticket is left behind"
else
	bad "no ticket is left behind" "a cache file was made"
fi

# --- and ways that fail ---
refused() { # NAME KIND REGEX SETTING...
	local name=$1 kind=$2 regex=$3
	shift 3
	settings "$@"
	fails "$name" "$kind" "$regex"
}
refused "password in clear" $AUTH 'wants an encrypted connection \(Strong.*; use ldaps:// or directory.start_tls' "uri: $SAMBA_LDAP_URI"
refused "wrong password (52e)" $AUTH 'refuses "svc-bridge@lab.test": the password is wrong.*password_file' \
	"password_file: wrong.password"
refused "unknown account" $AUTH 'refuses "nobody@lab.test": (the password is wrong|there is no such)' "bind_dn: nobody@lab.test"
refused "disabled account (533)" $AUTH 'the account is disabled; enable it' "bind_dn: svc-off@lab.test"
refused "expired account (701)" $AUTH 'the account has expired; extend it' "bind_dn: svc-gone@lab.test"
refused "must change the password (773)" $AUTH 'must change its password' "bind_dn: svc-new@lab.test"
refused "outside its hours (530)" $AUTH 'may not log in at this hour' "bind_dn: svc-night@lab.test"
refused "Kerberos inside TLS" $AUTH 'wants Kerberos to sign and seal.*use ldap:// without' \
	"${GSSAPI[@]}" "uri: $SAMBA_LDAPS_URI"
refused "Kerberos, disabled account" $AUTH 'no Kerberos ticket: .*(revoked|disabled)' "${GSSAPI[@]}" \
	"keytab_file: off.keytab" "principal: svc-off@LAB.TEST"
refused "Kerberos, no such account" $AUTH 'no Kerberos ticket: ' "${GSSAPI[@]}" "principal: nobody@LAB.TEST"
refused "Kerberos, a key of another account" $AUTH 'no Kerberos ticket: .*klist -k' "${GSSAPI[@]}" \
	"keytab_file: off.keytab"
refused "Kerberos, unknown realm" '[57]' 'no Kerberos ticket: .*' "${GSSAPI[@]}" "principal: svc-bridge@NO.WHERE"
refused "Kerberos, no keytab" $INVALID 'directory.keytab_file: cannot open .*none.keytab' "${GSSAPI[@]}" "keytab_file: none.keytab"
chmod 644 "$work/off.keytab"
refused "Kerberos, a keytab that others may read" $INVALID 'keytab_file: others may read' "${GSSAPI[@]}" \
	"keytab_file: off.keytab"
service_name() { # add or delete: by which Kerberos knows the server's address
	samba_ldbmodify <<-X
		dn: CN=DC1,OU=Domain Controllers,$SAMBA_BASE
		changetype: modify
		$1: servicePrincipalName
		servicePrincipalName: ldap/$SAMBA_ADDRESS
	X
}
service_name delete
refused "Kerberos, a host it does not know" $AUTH 'no service ldap/HOST of this address' "${GSSAPI[@]}"
service_name add

# --- entries ---
settings
one="entry [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} CN=p7,"
reads "objectGUID as id" "^$one" --person sAMAccountName=p7
guid=$(ldb_value "CN=p7,$STAFF" objectGUID)
reads "the same as the server shows it" "^entry $guid CN=p7," --person "CN=p7,$STAFF"
settings "page_size: 50"
reads "pages of 50" "$ALL" --count
settings "page_size: 0"
reads "no pages" "$ALL" --count
# The domain's root answers with references to its other contexts, which people are not in.
settings "people: {base: \"$SAMBA_BASE\", filter: \"(&(objectClass=user)(sAMAccountName=p*))\"}"
reads "references to other contexts do not spoil a read" "^people complete $PEOPLE\$" --count
settings "people: {base: \"$STAFF\", filter: \"(userAccountControl:1.2.840.113556.1.4.803:=2)\"}"
reads "filter by a bit" '^people complete 1$' --count
settings "people: {base: \"OU=Nowhere,$SAMBA_BASE\"}"
reads "a base that is not there" '^people incomplete 0$' --count
settings
rid=$(ldb_value "CN=CC Direct,$GROUPS_DN" objectSid)
rid=${rid##*-}
for name in first second; do
	samba_ldbmodify <<-X
		dn: CN=$name,$STAFF
		changetype: modify
		replace: primaryGroupID
		primaryGroupID: $rid
	X
done
if ldb_value "CN=CC Direct,$GROUPS_DN" member | grep -q .; then
	bad "a primary group does not name its people" "it does"
fi
count_in "people whose primary group it is" "CC Direct" 2
count_in "and those of a group in it" "CC Outer" 2
# Somebody of a trusted domain, and everybody who logged in, stand by identifier.
samba_ldbadd <<-X
	dn: CN=Trusted,$GROUPS_DN
	objectClass: group
	sAMAccountName: Trusted
	groupType: -2147483644
	member: CN=p1,$STAFF
	member: <SID=S-1-5-21-11-22-33-1104>

	dn: CN=Many,$GROUPS_DN
	objectClass: group
	sAMAccountName: Many
	groupType: -2147483644
	member: CN=p1,$STAFF
	member: CN=S-1-5-11,CN=ForeignSecurityPrincipals,$SAMBA_BASE
X
count_in "a group with somebody of a trusted domain" Trusted 1
if grep -q '\[Trusted\]=no$' "$work/out"; then
	ok "others are not in it"
else
	bad "others are not in it" "nobody is told so"
fi
count_in "a group with everybody who logged in" Many 1
if grep -q '\[Many\]=unknown$' "$work/out" && ! grep -q '\[Many\]=no$' "$work/out" &&
	grep -q 'the group "cn=many,.*cn=s-1-5-11,' "$work/out"; then
	ok "who else is in it is not known, and it is said"
else
	bad "who else is in it is not known, and it is said" "it is not"
fi
settings "id_attribute: sAMAccountName"
count_in "the same, when the root DSE tells what this is" "CC Outer" 2
settings
count_in "groups nested three deep" "CC Agents" $((PEOPLE * 2 / 3 + 2))
count_in "a group by its DN" "CN=Team Osaka,$GROUPS_DN" $((PEOPLE / 3))

# --- groups within groups, asked of the server: the answers of reading all of them ---
samba_ldbadd <<-X
	$(group "Ring One" "CN=p1,$STAFF")

	$(group "Ring Two" "CN=p2,$STAFF" "CN=Ring One,$GROUPS_DN")

	dn: OU=More,$GROUPS_DN
	objectClass: organizationalUnit

	dn: CN=Twice,OU=More,$GROUPS_DN
	objectClass: group
	sAMAccountName: Twice2
	member: CN=p1,$STAFF

	$(group Twice "CN=p2,$STAFF")

	dn: CN=Odd (1)*\\, x,$GROUPS_DN
	objectClass: group
	sAMAccountName: Odd
	member: CN=Team Osaka,$GROUPS_DN
X
samba_ldbmodify <<-X
	dn: CN=Ring One,$GROUPS_DN
	changetype: modify
	add: member
	member: CN=Ring Two,$GROUPS_DN
X
# Not the log, which tells the time; nor how many groups, which is to differ.
answers() {
	grep -E '^(entry|people|reason|error) |^groups (in)?complete' "$work/out" |
		sed 's/^\(groups [a-z]*\) .*/\1/' || true
}
same_answers() { # NAME YES GROUP...: by both ways, with YES answers of yes for the first
	local name=$1 yes=$2 first=$3 group n
	local options=()
	shift 2
	for group; do
		options+=(--group "$group")
	done
	settings
	read_directory "${options[@]}" || true
	answers >"$work/own"
	settings "nested_groups: server"
	read_directory "${options[@]}" || true
	n=$(grep -cF "[$first]=yes" "$work/out" || true)
	if ! answers | diff "$work/own" - >"$work/diff"; then
		bad "server: $name" "other answers: $(head -n 3 "$work/diff")"
	elif [ "$n" -ne "$yes" ] || ! grep -q "^people .* $ALL_PEOPLE\$" "$work/out"; then
		bad "server: $name" "$n instead of $yes"
	else
		ok "server: $name"
	fi
}
same_answers "groups nested three deep" $((PEOPLE * 2 / 3 + 2)) "CC Agents"
few=$(sed -n 's/^groups complete //p' "$work/out")
settings
read_directory --group "CC Agents"
if [ "$few" = 7 ] && [ "$(sed -n 's/^groups complete //p' "$work/out")" -gt 7 ]; then
	ok "server: only the groups below are read"
else
	bad "server: only the groups below are read" "$few of them"
fi
same_answers "by DN in other spelling" $((PEOPLE / 3)) "cn=TEAM osaka, OU=Groups,$SAMBA_BASE"
same_answers "a ring" 2 "Ring One"
same_answers "a ring from its other side" 2 "Ring Two"
same_answers "people whose primary group it is" 2 "CC Direct"
same_answers "and those of a group in it" 2 "CC Outer"
same_answers "a name that several groups have" 0 Twice
same_answers "one of them by its DN" 1 "CN=Twice,OU=More,$GROUPS_DN"
same_answers "a name that a filter would take for more" $((PEOPLE / 3)) 'Odd (1)*, x'
same_answers "a DN of that name" $((PEOPLE / 3)) "CN=Odd (1)*\\, x,$GROUPS_DN"
same_answers "somebody of a trusted domain" 1 Trusted
same_answers "everybody who logged in" 1 Many
same_answers "several groups, one within another" $((PEOPLE / 3)) \
	"Team Berlin" "CC Agents" "Site Lisbon" "CC Supervisors" Twice no-such
same_answers "a group that is not there" 0 no-such
if grep -q '\[no-such\]=unknown$' "$work/out" && ! grep -q '\[no-such\]=no$' "$work/out" &&
	grep -q '^reason .*no group "no-such" was read' "$work/out"; then
	ok "server: it is unknown, and said"
else
	bad "server: it is unknown, and said" "it is not"
fi
settings "nested_groups: server" "groups: {base: \"OU=Nowhere,$SAMBA_BASE\"}"
reads "server: a base that is not there" '\[CC Agents\]=unknown' --group "CC Agents"
# Teams and sites are no part of the search: the server tells of them all the same.
settings "nested_groups: server" "groups: {base: \"$GROUPS_DN\", filter: \"(cn=CC*)\"}"
count_in "server: nested groups outside the search" "CC Agents" $((PEOPLE * 2 / 3 + 2))
settings "nested_groups: server" "groups: {base: \"$GROUPS_DN\", filter: \"(cn=Site*)\"}"
reads "server: a wanted group outside the search" '\[CC Agents\]=unknown' --group "CC Agents"

# An account without the right to see people is answered with nobody, and success.
settings "people: {base: \"OU=Hidden,$SAMBA_BASE\", filter: (objectClass=user)}"
reads "an account that may not see people: nobody, and not complete" '^people incomplete 0$' --count
reads "and it is said" '^reason .*found nobody; may the account read there' --count
settings "people: {base: \"OU=Hidden,$SAMBA_BASE\"}"
reads "one whose id it may not see" '^reason "CN=hidden,.*has no objectGUID, or the account may not read it' --count
settings "people: {base: \"OU=Hidden,$SAMBA_BASE\", filter: (objectClass=user)}" \
	"bind_dn: $SAMBA_ADMIN" "password_file: admin.password"
reads "the administrator sees them" '^people complete 1$' --count

# --- the shipped example: its rules, its settings but for places and accounts ---
example=$work/example
cp -r examples/active-directory "$example"
sed -i "s/DC=corp,DC=example,DC=com/$SAMBA_BASE/; s/extensionAttribute1/businessCategory/" \
	"$example/dirbridge.yaml" "$example/mappings/"*.yaml
"$build/tests/tools/gen_tenant" --seed 7 --foreign 3 >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0
mkdir "$example/secrets"
cp "$work/bind.password" "$example/secrets/directory-password"
printf 'demo-secret' >"$example/secrets/genesys-secret"
chmod 600 "$example/secrets/"*
sed -i "s,^  uri: .*,  uri: $SAMBA_LDAPS_URI,; s,^  tls_ca_file: .*,  tls_ca_file: $SAMBA_CA_FILE,
	s,^  bind_dn: .*,  bind_dn: svc-bridge@lab.test,
	s,^  region: .*,  api_url: $SANDBOX_URL\n  login_url: $SANDBOX_URL,
	s,^  client_id: .*,  client_id: dirbridge-demo\n  rate: 0," "$example/dirbridge.yaml"
ends() { # NAME STATUS ARGUMENT...
	local name=$1 want=$2 status=0
	shift 2
	"$build/dirbridge" "$@" -c "$example/dirbridge.yaml" >"$work/out" 2>&1 || status=$?
	if [ $status -eq "$want" ] && no_secret; then
		ok "example: $name"
	else
		bad "example: $name" "exit $status instead of $want, or the password is printed"
	fi
}
ends "check --online" 0 check --online
ends "a plan" 3 plan --exit-code
if grep -q "for $((PEOPLE * 2 / 3 + 2)) people" "$work/out"; then
	ok "example: somebody is in by the primary group"
else
	bad "example: somebody is in by the primary group" "the plan has other people"
fi
ends "done" 0 apply --yes
ends "nothing is left" 0 plan --exit-code
ends "one person alone" 0 plan --exit-code --only sAMAccountName=p7
samba_ldbmodify <<-X
	dn: CN=Team Berlin,$GROUPS_DN
	changetype: modify
	delete: member
	member: CN=p3,$STAFF
X
ends "somebody leaves a team" 3 plan --exit-code
if grep -q 'p3@lab.test' "$work/out" && ! grep -q 'p6@lab.test' "$work/out"; then
	ok "example: and nobody else"
else
	bad "example: and nobody else" "the plan names other people"
fi
ends "done" 0 apply --yes
ends "nothing is left" 0 plan --exit-code

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

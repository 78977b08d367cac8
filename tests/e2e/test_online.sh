#!/bin/bash
# `dirbridge check --online` and --permissions as commands: an LDIF file, the sandbox, a client
# whose roles are changed. No directory server is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-test.XXXXXX")
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
trap 'sandbox_stop; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0

report() { # NAME GOOD
	if [ "$2" = yes ]; then
		passed=$((passed + 1))
		echo "ok   $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1"
		cut -c1-300 "$work/out" "$work/err" | sed 's/^/       /'
	fi
}
expect() { # NAME CODE REGEX ARGUMENT...: exit code, and REGEX in what it says
	local name=$1 code=$2 regex=$3 good=no status=0
	shift 3
	"$build/dirbridge" "$@" -c "$work/dirbridge.yaml" >"$work/out" 2>"$work/err" </dev/null ||
		status=$?
	if [ "$status" -eq "$code" ] && grep -Eq -- "$regex" "$work/out" "$work/err" &&
		! grep -q 'not-to-be-seen' "$work/out" "$work/err"; then
		good=yes
	fi
	report "$name (exit $status)" $good
}
says() { # NAME REGEX: in what the last command printed
	local good=no
	if grep -Eq -- "$2" "$work/out"; then good=yes; fi
	report "$1" $good
}

cat >"$work/company.ldif" <<-X
	dn: ou=people,dc=example,dc=org
	objectClass: organizationalUnit
	ou: people

	dn: uid=ada,ou=people,dc=example,dc=org
	objectClass: inetOrgPerson
	uid: ada
	mail: ada@example.org
	displayName: Ada
	l: Bern
	title: Billing

	dn: uid=bob,ou=people,dc=example,dc=org
	objectClass: inetOrgPerson
	uid: bob
	mail: bob@example.org
	displayName: Bob
	l: Ulm
	title: Biling
X
cat >"$work/rules.yaml" <<-'X'
	version: 1
	people:
	  - name: all
	    when: has(entry.uid)
	    match: [externalId, userName]
	    profile:
	      userName: ${entry.mail}
	      displayName: ${entry.displayName}
	      division: Site ${entry.l}
	    assign:
	      - roles: [{role: Agent, division: "Site ${entry.l}"}]
	      - skills: {"${entry.title}": 3}
X
# tenant LINE...: home and two sites, a skill, and these lines
tenant() {
	cat <<-X
		{"kind":"division","id":"d0","name":"Home","home":true}
		{"kind":"division","id":"d1","name":"Site Bern","home":false}
		{"kind":"division","id":"d2","name":"Site Ulm","home":false}
		{"kind":"role","id":"r0","name":"employee"}
		{"kind":"role","id":"r1","name":"Agent"}
		{"kind":"skill","id":"s1","name":"Billing"}
	X
	printf '%s\n' "$@"
}
write_down() {
	printf 'not-to-be-seen\n' >"$work/secret"
	chmod 600 "$work/secret"
	cat >"$work/dirbridge.yaml" <<-X
		directory:
		  kind: ldif
		  ldif: company.ldif
		  id_attribute: dn
		  people: {base: "ou=people,dc=example,dc=org", filter: (objectClass=inetOrgPerson)}
		target:
		  ${1:-api_url: $SANDBOX_URL}
		  ${2:-login_url: $SANDBOX_URL}
		  client_id: bridge
		  client_secret_file: secret
		rules: [rules.yaml]
	X
}

# --- without a tenant --------------------------------------------------------------------
write_down 'region: mypurcloud.de' 'rate: 300'
expect "a domain that nobody knows" 0 'warning +region: mypurcloud.de is no domain .* nearest: mypurecloud.de' check
write_down 'region: mypurecloud.ie' 'rate: 300'
expect "a domain that is known" 0 'good +region: mypurecloud.ie is Genesys Cloud in eu-west-1' check
expect "permissions" 0 '^authorization:grant:add$' check --permissions
says "of what is used" 'skills of one person set +PATCH /api/v2/users/\{userId\}/routingskills/bulk'
if grep -q 'routinglanguages\|queueMember:manage$' "$work/out"; then
	report "and nothing else" no
else
	report "and nothing else" yes
fi
expect "permissions, JSON" 0 '^\{"schema":"dirbridge.permissions/1"' check --permissions --json
python3 - "$work/out" <<-'X' && report "it is JSON" yes || report "it is JSON" no
	import json, sys
	needs = {n["operation"]: n for n in json.load(open(sys.argv[1]))["needs"]}
	assert needs["SCIM_CREATE"]["permission"] == "directory:user:add"
	assert needs["ROLE_GRANT"]["divisions"] == "grants"
	assert "LANGUAGES_PATCH" not in needs
X

# --- with one ----------------------------------------------------------------------------
# A role with all, in all divisions; members of `permissions` as the sandbox loads them.
all='"authorization:role:view","authorization:grant:view","authorization:grant:add","authorization:grant:delete"'
all=$all',"routing:skill:view","routing:skill:assign","routing:queue:view"'
all=$all',"directory:user:view","directory:user:add","directory:user:edit","directory:group:edit","oauth:client:view"'
role() { echo "{\"kind\":\"role\",\"id\":\"$1\",\"name\":\"Bridge $1\",\"permissions\":[$2]}"; }
# client DIVISION...: the client has the role b in these
client() {
	local roles='' division
	for division; do
		roles="$roles${roles:+,}{\"role\":\"b\",\"division\":\"$division\"}"
	done
	echo '{"kind":"client","id":"bridge","secret":"not-to-be-seen","name":"dirbridge","roles":['"$roles]}"
}
start() {
	sandbox_stop
	tenant "$@" >"$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl"
	write_down
}

start "$(role b "$all")" "$(client '*')"
expect "a name that an expression made" 0 'warning +name: .*skill "Biling" is not in the tenant; nearest: "Billing"; 1 of the people' check --online
says "who does not get it" 'uid=bob'
says "the names in the rules are there" 'every name in the rules is there'
expect "JSON" 0 '^\{"schema":"dirbridge.check/1","ok":true' check --online --json
python3 - "$work/out" <<-'X' && report "findings as JSON" yes || report "findings as JSON" no
	import json, sys
	report = json.load(open(sys.argv[1]))
	assert report["directory"]["people"] == 2 and report["tenant"]["catalogue"]["skill"] == 1
	assert [f for f in report["findings"] if f["what"] == "name" and f["way"]]
X
sed -i 's/role: Agent/role: Agnet/' "$work/rules.yaml"
expect "a name that stands in the rules" 2 'role "Agnet" is not in the tenant; nearest: "Agent"' check --online
says "and the rest is looked at all the same" 'token|permission'
sed -i 's/role: Agnet/role: Agent/' "$work/rules.yaml"

expect "all is held" 0 'good +permission: all permissions' check --online
start "$(role b "${all/,\"routing:skill:assign\"/}")" "$(client '*')"
expect "a permission is missing" 1 'failed +permission: routing:skill:assign is missing; needed for: skills of one person' check --online
start "$(role b "$all")" "$(client d0 d1)"
expect "a division is not seen" 4 'refused +permission: .* no authorization:grant:view in "Site Ulm"' check --online
says "nor its people" 'no directory:user:view in "Site Ulm"'
start "$(role b '"directory:user:view"')" "$(client '*')"
expect "a catalogue that may not be read" 4 '403 .*the client needs authorization:role:view there; dirbridge check --online names all' check --online
says "all that is missing is named" 'failed +permission: authorization:grant:add is missing'
expect "a plan is told where to look" 1 'dirbridge check --online names all that is missing' plan
start "$(role b "$all")" "$(client)"
expect "no role at all" 4 'does not see what it must judge' check --online

# --- limits, other writers ---------------------------------------------------------------
start "$(role b "$all")" "$(client '*')" \
	'{"kind":"role","id":"rs","name":"SCIM Integration"}' \
	'{"kind":"client","id":"okta","secret":"not-to-be-seen","name":"Okta","roles":[{"role":"rs","division":"*"}]}'
expect "another SCIM client" 0 'warning +writers: another OAuth client looks like SCIM provisioning: "Okta", with the role "SCIM Integration"' check --online
sed -i 's/  client_id: bridge/&\n  rate: 900/' "$work/dirbridge.yaml"
expect "a rate that the tenant does not allow" 0 'warning +limit: the tenant allows this client 300 calls a minute, target.rate is 900' check --online

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

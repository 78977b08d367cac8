#!/bin/bash
# What a rule file may say, in whole runs against the sandbox: files that extend others, mode,
# skip, from and until, clear. The directory is an LDIF file.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-rules.XXXXXX")
chmod 700 "$work"

# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0
finish() {
	trap '' INT TERM
	sandbox_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# expect NAME CODE REGEX ARGUMENT...: run dirbridge; exit code, and REGEX in what it says.
expect() {
	local name=$1 code=$2 regex=$3 status=0
	shift 3
	"$build/dirbridge" "$@" -c "$work/dirbridge.yaml" >"$work/out" 2>"$work/err" </dev/null ||
		status=$?
	if [ "$status" -eq "$code" ] && grep -Eq -- "$regex" "$work/out" "$work/err"; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name: exit $status (not $code?), or nothing says /$regex/"
		cat "$work/out" "$work/err" | cut -c1-200 | sed 's/^/       /'
	fi
}

person() { # UID [LINE...]
	local uid=$1
	shift
	printf 'dn: uid=%s,ou=people,dc=x\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nentryUUID: id-%s\n' \
		"$uid" "$uid" "$uid" "$uid" "$uid"
	[ $# -eq 0 ] || printf '%s\n' "$@"
	echo
}
people() { # title and phone of ann; what bob is
	{
		printf 'version: 1\n\ndn: ou=people,dc=x\nobjectClass: organizationalUnit\nou: people\n\n'
		person ann "$@"
		person bob 'employeeType: contractor' 'title: Temp'
		person cid 'title: Boss'
	} >"$work/people.ldif"
}

mkdir "$work/stock" "$work/mappings"
export DIRBRIDGE_STOCK=$work/stock
cat >"$work/stock/base.yaml" <<'X'
version: 1
people:
  - name: agents
    profile:
      userName: ${entry.uid}@example.org
      displayName: ${entry.cn}
      title: {value: "${entry.title}", clear: true}
      department: from the stock
      phoneNumbers: {work: {value: "${entry.telephoneNumber}", clear: true}}
    assign:
      - {name: basics, skills: {Billing: 3}}
X
cat >"$work/mappings/mine.yaml" <<'X'
version: 1
extends: stock/base
people:
  - name: agents
    skip:
      - {when: entry.employeeType == "contractor", reason: "${entry.employeeType}s come later"}
    profile: {department: mine}
    assign:
      - {name: later, from: 2999-01-01, skills: {Sales: 2}}
      - {name: past, until: 2001-01-01, skills: {Refunds: 2}}
X
cat >"$work/dirbridge.yaml" <<X
directory:
  kind: ldif
  ldif: people.ldif
  people: {base: "ou=people,dc=x", filter: (objectClass=inetOrgPerson)}
target: {api_url: URL, login_url: URL, client_id: dirbridge-demo, client_secret_file: secret, rate: 0}
state: {file: dirbridge.db}
rules: [mappings/mine.yaml]
X
printf 'demo-secret\n' >"$work/secret"
chmod 600 "$work/secret" "$work/dirbridge.yaml"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 3 >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0
sed -i "s,URL,$SANDBOX_URL,g" "$work/dirbridge.yaml"

people 'title: Agent' 'telephoneNumber: +49301234567'
expect "check" 0 'settings and rules: good' check
expect "whom a rule skips is listed, and no trouble" 3 'uid=bob.*: contractors come later +mine.yaml:6:16 .agents.skip\[1\]' plan --exit-code
expect "what extends another file counts" 3 'mine' plan --exit-code --all
expect "apply" 0 'steps done' apply --yes
expect "nothing is left to do" 0 '' plan --exit-code
expect "JSON names them" 0 '"skippedByRule":\[\{"person":"id-bob"' plan --exit-code --json

people
expect "what is not stated is cleared" 3 'title: "Agent" -> ' plan --exit-code
expect "so is a value with a type" 3 'phoneNumbers.work' plan --exit-code
expect "apply empties them" 0 '2 of 2 steps done' apply --yes
expect "once is enough" 0 '' plan --exit-code

sed -i 's/2999-01-01/2001-01-01/' "$work/mappings/mine.yaml"
expect "an item counts from its day on" 3 'Sales' plan --exit-code
sed -i 's/until: 2001-01-01/until: someday/' "$work/mappings/mine.yaml"
expect "a wrong date" 2 'mine.yaml:10:29: agents.assign\[past\].until: "someday" is not a moment' check
sed -i 's/stock\/base/stock\/bass/; s/someday/2001-01-01/' "$work/mappings/mine.yaml"
expect "stock rules that are not there" 2 'no stock rules "bass" in .*; nearest: base' check
sed -i 's/stock\/bass/stock\/base/; s/^people:/mode: all\npeople:/' "$work/mappings/mine.yaml"
printf '  - {name: more, when: has(entry.title), profile: {department: no}, assign: [{skills: {Tech: 1}}]}\n' \
	>>"$work/mappings/mine.yaml"
people
expect "mode all: whom no second block takes" 3 'Sales' plan --exit-code --all --only uid=ann
expect "mode all: whom a second block takes" 3 'Tech' plan --exit-code --all --only uid=cid

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

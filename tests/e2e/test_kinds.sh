#!/bin/bash
# Teams, management units and work plans, from the rules to the tenant and to a second, empty plan.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-kinds.XXXXXX")
chmod 755 "$work"

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
ok() {
	passed=$((passed + 1))
	echo "ok   $1"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	{ tail -n 14 "$work/out"; head -n 12 "$work/err"; } | cut -c1-300 | sed 's/^/       /'
}
expect() { # NAME CODE REGEX ARGUMENT...
	local name=$1 code=$2 regex=$3 status=0
	shift 3
	"$build/dirbridge" "$@" -c "$work/dirbridge.yaml" >"$work/out" 2>"$work/err" </dev/null || status=$?
	if [ "$status" -ne "$code" ]; then
		bad "$name" "exit $status, not $code"
	elif [ -n "$regex" ] && ! grep -Eq -- "$regex" "$work/out" "$work/err"; then
		bad "$name" "nothing says /$regex/"
	else
		ok "$name"
	fi
}
# where MAIL: teams, unit and plan of somebody, by names, as the tenant has them.
where() {
	curl -sf "$SANDBOX_URL/sandbox/state" | python3 -c '
import json, sys
things = [json.loads(l) for l in sys.stdin]
user = next(t for t in things if t["kind"] == "user" and t["email"] == sys.argv[1])
names = lambda kind: sorted(t["name"] for t in things if t["kind"] == kind and user["id"] in t.get("members", []))
print(user["state"], *names("team"), "|", *names("unit"), "|", *names("workPlan"))' "$1"
}
is() { # NAME MAIL EXPECTED
	local got
	got=$(where "$2")
	: >"$work/out"
	: >"$work/err"
	if [ "$got" = "$3" ]; then ok "$1"; else bad "$1" "$got, not $3"; fi
}
person() { # UID SITE TYPE
	printf 'dn: uid=%s,ou=people,dc=x\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nmail: %s@x.org\nl: %s\nemployeeType: %s\nentryUUID: 00000000-0000-0000-0000-0000000000%02x\n\n' \
		"$1" "$1" "$1" "$1" "$1" "$2" "$3" "$4"
}

mkdir "$work/mappings"
printf 'demo-secret\n' >"$work/tenant.secret"
chmod 600 "$work/tenant.secret"
people() {
	person ann Bern FT 1
	person bob Bern PT 2
	person cid "${1:-Basel}" "${2:-FT}" 3
	[ "${3:-}" = gone ] || person dan Basel FT 4
}
people >"$work/people.ldif"
cat >"$work/mappings/rules.yaml" <<'X'
version: 1
people:
  - name: agents
    when: "true"
    profile:
      userName: ${entry.mail.lowerAscii()}
      displayName: ${entry.cn}
      division: Site ${entry.l}
    assign:
      - teams: ["Team ${entry.l}"]
      - work_plan: {unit: "MU ${entry.l}", plan: '${entry.employeeType == "PT" ? "Part time 20h" : "Full time 40h"}'}
X
{
	"$build/tests/tools/gen_tenant" --seed 3 --foreign 2
	cat <<-'X'
		{"kind":"division","id":"d-bern","name":"Site Bern"}
		{"kind":"division","id":"d-basel","name":"Site Basel"}
		{"kind":"team","id":"t-bern","name":"Team Bern","division":"d-bern"}
		{"kind":"team","id":"t-basel","name":"Team Basel","division":"d-basel"}
		{"kind":"unit","id":"m-bern","name":"MU Bern","division":"d-bern"}
		{"kind":"unit","id":"m-basel","name":"MU Basel","division":"d-basel"}
		{"kind":"workPlan","id":"p-bern-full","name":"Full time 40h","unit":"m-bern"}
		{"kind":"workPlan","id":"p-bern-part","name":"Part time 20h","unit":"m-bern"}
		{"kind":"workPlan","id":"p-basel-full","name":"Full time 40h","unit":"m-basel"}
	X
} >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 300
cat >"$work/dirbridge.yaml" <<X
directory:
  kind: ldif
  ldif: people.ldif
  people: {base: "ou=people,dc=x", filter: (objectClass=inetOrgPerson)}
  max_drop: 100
target: {api_url: $SANDBOX_URL, login_url: $SANDBOX_URL, client_id: dirbridge-demo, client_secret_file: tenant.secret, rate: 0}
state: {file: dirbridge.db}
rules: [mappings/rules.yaml]
limits: {disables: {min: 5}, group_removals: {min: 50}}
X

expect "the rules are good" 0 'good' check
expect "a plan" 3 '~ +4 management units set' plan --exit-code
grep -q 'work plan Full time 40h in MU Basel' "$work/out" && ok "in words" || bad "in words" "no work plan"
expect "applied" 0 'steps done' apply --yes
is "a team, a unit, a plan" ann@x.org "active Team Bern | MU Bern | Full time 40h"
is "by the rule" bob@x.org "active Team Bern | MU Bern | Part time 20h"
is "of the other unit" cid@x.org "active Team Basel | MU Basel | Full time 40h"
expect "then nothing is left" 0 'Nothing to do' plan --exit-code

people Bern PT >"$work/people.ldif"
expect "somebody moves" 3 'management unit MU Basel -> MU Bern' plan --exit-code
expect "applied" 0 'steps done' apply --yes
is "all of it moved" cid@x.org "active Team Bern | MU Bern | Part time 20h"
expect "then nothing is left" 0 'Nothing to do' plan --exit-code
expect "why they are where they are" 0 'MU Bern' explain uid=cid

people Bern PT gone >"$work/people.ldif"
expect "somebody leaves" 0 'steps done' apply --yes
expect "then nothing is left" 0 'Nothing to do' plan --exit-code

# --- what the tenant does not have, and what it refuses -------------------------------------
people Basel PT gone >"$work/people.ldif"
expect "a plan that the unit does not have" 5 'management unit "MU Basel" has no work plan "Part time 20h"' plan --exit-code
people Zug FT gone >"$work/people.ldif"
expect "a site that is not there" 5 'Site Zug' plan --exit-code
people Bern PT gone >"$work/people.ldif"
sed -i 's/"Team ${entry.l}"/Team Berne/' "$work/mappings/rules.yaml"
expect "a team that is not there" 2 'rules.yaml:10:[0-9]+: team "Team Berne" is not in the tenant; nearest: "Team Bern"' plan
sed -i 's/Team Berne/Team Basel/' "$work/mappings/rules.yaml"
expect "people of another division are refused one by one" 5 'among the failures of a successful call: UserGroupDivisionMismatch' apply --yes
sed -i 's/teams: .*/teams: ["Team ${entry.l}"]/; s/unit: "MU ${entry.l}"/unit: MU Berne/' "$work/mappings/rules.yaml"
expect "a unit that is not there" 2 'rules.yaml:11:[0-9]+: management unit "MU Berne" is not in the tenant; nearest: "MU Bern"' plan
sed -i 's/work_plan: .*/unit: MU Bern/' "$work/mappings/rules.yaml"
expect "a unit alone: the plan is no more wanted" 3 'work plans taken away' plan --exit-code
expect "applied" 0 'steps done' apply --yes
is "the unit stays" ann@x.org "active Team Bern | MU Bern |"
expect "then nothing is left" 0 'Nothing to do' plan --exit-code
sed -i 's/unit: MU Bern/work_plan: {unit: MU Bern}/' "$work/mappings/rules.yaml"
expect "a plan without a name" 2 'rules.yaml:11:[0-9]+: .*plan' check
sed -i 's/work_plan: .*/unit: [MU Bern, MU Basel]/' "$work/mappings/rules.yaml"
expect "two units" 2 'rules.yaml:11:[0-9]+: ' check

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

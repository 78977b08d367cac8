#!/bin/bash
# The vendor's contract against what we do: the rows of bridge/api/api.def. The contract is
# the vendor's and not part of this project: without it this is skipped. GENESYS_OPENAPI names
# the file (Swagger 2.0, JSON).
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
contract=${GENESYS_OPENAPI:-../shared/genesys/openapi-subset.json}
if [ ! -r "$contract" ]; then
	echo "skip the vendor's contract: no $contract; GENESYS_OPENAPI= names it"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
contract=$(realpath "$contract")
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-contract.XXXXXX")
chmod 755 "$work"
# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/prism.sh
. tests/e2e/prism.sh
finish() {
	trap '' INT TERM
	prism_stop
	sandbox_stop
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0 skipped=0

# take NAME COMMAND...: a program that prints a line per case and "N passed, N failed".
take() {
	local name=$1 status=0 ok bad
	shift
	"$@" >"$work/took" 2>&1 || status=$?
	grep -v ' passed, ' "$work/took" || true
	ok=$(grep -c '^ok ' "$work/took" || true)
	bad=$(grep -c '^FAIL ' "$work/took" || true)
	if [ "$ok" -eq 0 ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		bad=$((bad + 1))
		echo "FAIL $name: exit $status"
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
}

"$build/tests/tools/api_rows" >"$work/rows.json"
take "rows of api.def" python3 tests/e2e/contract_rows.py "$contract" "$work/rows.json" \
	tests/cases/contract/rows.txt

# --- what the contract forbids, to the sandbox ------------------------------------------

# more_things FILE: a location, teams, a unit with a plan; the first two users are in the unit.
more_things() {
	python3 - "$1" <<'P'
import json, sys
path = sys.argv[1]
things = [json.loads(line) for line in open(path, encoding="utf-8")]
users = [t["id"] for t in things if t["kind"] == "user" and t.get("state", "active") == "active"][:2]
more = [{"kind": "location", "id": "c0000000-0000-0000-0000-000000000001", "name": "Contract site"}]
more += [{"kind": "team", "id": "c0000000-0000-0000-0000-00000000000%d" % n, "name": "Contract " + name}
         for n, name in ((2, "A"), (3, "B"))]
more += [{"kind": "unit", "id": "c0000000-0000-0000-0000-000000000004", "name": "Contract unit", "members": users},
         {"kind": "workPlan", "id": "c0000000-0000-0000-0000-000000000005", "name": "Contract plan",
          "unit": "c0000000-0000-0000-0000-000000000004"}]
with open(path, "a", encoding="utf-8") as file:
    for thing in more:
        file.write(json.dumps(thing) + "\n")
P
}
"$build/tests/tools/gen_tenant" --seed 3 --foreign 20 >"$work/mutated.jsonl"
more_things "$work/mutated.jsonl"
sandbox_start "$work/mutated.jsonl" --rate 0 --lag 0 --set team-division=any
take "wrong requests" python3 tests/e2e/contract_mutate.py "$contract" "$work/rows.json" \
	"$SANDBOX_URL"
sandbox_stop

# --- what goes over the wire --------------------------------------------------------------

end() {
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" -eq 0 ]
	exit
}
if ! prism_there; then
	echo "skip requests and answers: Prism is not there; make deps installs it where npm is"
	skipped=$((skipped + 1))
	end
fi

# dirbridge NAME CODE ARGUMENT...: a command of the scenario.
dirbridge() {
	local name=$1 code=$2 status=0
	shift 2
	"$build/dirbridge" "$@" -c "$work/dirbridge.yaml" >"$work/out" 2>&1 || status=$?
	if [ "$status" -eq "$code" ]; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name: exit $status, not $code"
		tail -n 8 "$work/out" | cut -c1-300 | sed 's/^/       /'
	fi
}

python3 tests/e2e/contract_cut.py "$contract" "$work/rows.json" >"$work/cut.json"
"$build/tests/tools/gen_directory" --people 60 --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 20 >"$work/tenant.jsonl"
more_things "$work/tenant.jsonl"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 50 --set team-division=any
prism_start "$work/cut.json" "$SANDBOX_URL"
write_settings "$work"
# The login host is not in the contract: tokens come straight from the sandbox.
sed -i "s,api_url: .*,api_url: $PRISM_URL," "$work/dirbridge.yaml"
sed -i 's/^    assign:/&\n      - teams: ["Contract ${entry.l == '"'Lisbon'"' ? '"'A'"' : '"'B'"'}"]\n        work_plan: {unit: Contract unit, plan: Contract plan}/' \
	"$work/mappings/agents.yaml"

dirbridge "check --online" 0 check --online
dirbridge "the first apply" 0 apply --yes
dirbridge "and then nothing" 0 plan --exit-code
# One moves to another site, one marries, one gets another title and no phone, two leave.
python3 tests/e2e/contract_changes.py "$work/company.ldif" "$work"
slapd_modify <"$work/changes.ldif"
dirbridge "changes are there" 3 plan --exit-code
dirbridge "changes" 0 apply --yes
dirbridge "and then nothing" 0 plan --exit-code
slapd_modify <"$work/back.ldif"
dirbridge "leavers come back" 0 apply --yes
dirbridge "one person" 0 plan --only "$(sed -n 's/^dn: \(uid=[^,]*\),.*/\1/p' "$work/company.ldif" | sed -n 9p)"
dirbridge "and then nothing" 0 plan --exit-code
curl -sf "$SANDBOX_URL/sandbox/counters" >"$work/counters.json"
cp "$work/prism.log" "$work/scenario.log"

# Prism must see what is wrong, or nothing above is worth anything.
token=$(curl -sf -u dirbridge-demo:demo-secret -d grant_type=client_credentials \
	"$SANDBOX_URL/oauth/token" | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
wrong() { # NAME WORDS CURL-ARGUMENT...
	local name=$1 words=$2
	shift 2
	curl -s -o "$work/answer" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@" || true
	if prism_violations "$work/prism.log" | grep -q "$words"; then
		passed=$((passed + 1))
		echo "ok   Prism sees $name"
	else
		failed=$((failed + 1))
		echo "FAIL Prism does not see $name"
	fi
}
wrong "a wrong body" 'request.body.*memberIds' -d '{"memberIds": "x"}' "$PRISM_URL/api/v2/groups/g/members"
wrong "a missing field" 'request.body.*subjectIds' -d '{"divisionIds": []}' "$PRISM_URL/api/v2/authorization/roles/r"
wrong "a missing parameter" 'request.query.*ids' -X DELETE "$PRISM_URL/api/v2/groups/g/members"
prism_stop
python3 tests/e2e/contract_stub.py >"$work/stub.out" &
stub=$!
prism_start "$work/cut.json" "$(prism_wait_url "$work/stub.out")"
wrong "a wrong answer" 'response.body.*entities' "$PRISM_URL/api/v2/routing/skills"
kill "$stub"
wait "$stub" 2>/dev/null || true
prism_stop

prism_violations "$work/scenario.log" >"$work/violations"
take "through Prism" python3 tests/e2e/contract_seen.py "$work/counters.json" \
	"$work/scenario.log" "$work/violations" tests/cases/contract/unseen.txt

end

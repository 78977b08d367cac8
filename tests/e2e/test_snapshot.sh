#!/bin/bash
# A snapshot of a real slapd: a plan from it is the plan from the directory, with the groups and
# all that the rules rest on, and also when no rule names a group.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-snapshot.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0
finish() {
	trap '' INT TERM
	sandbox_stop
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
	echo "FAIL $1: $2"
	tail -n 5 "$work/out" | sed 's/^/       /'
}
bridge() { "$build/dirbridge" "$@" -c "$work/d/dirbridge.yaml" >"$work/out" 2>&1; }

"$build/tests/tools/gen_directory" --people 120 --groups 20 --seed 9 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 9 >"$work/tenant.jsonl"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
sandbox_start "$work/tenant.jsonl"
write_settings "$work/d"

# steps FILE: the plan's steps, without what tells of its time.
steps() {
	python3 -c 'import json, sys
for step in json.load(open(sys.argv[1]))["steps"]: print(json.dumps(step, sort_keys=True))' "$1"
}
if bridge snapshot "$work/snap" && grep -q '120 people, 25 groups, read completely' "$work/out"; then
	ok "a snapshot of people and groups"
else
	bad "a snapshot of people and groups" "it is not whole"
fi
bridge plan --json || true
cp "$work/out" "$work/live.json"
bridge plan --from "$work/snap" --json || true
cp "$work/out" "$work/snap.json"
if [ "$(steps "$work/live.json" | wc -l)" -gt 100 ] &&
	cmp -s <(steps "$work/live.json") <(steps "$work/snap.json"); then
	ok "the plan from it is the plan from the directory"
else
	bad "the plan from it is the plan from the directory" "other steps"
fi
# shellcheck disable=SC2016
printf 'version: 1\npeople:\n  - name: all\n    when: "true"\n    profile: {userName: "${entry.mail}"}\n' \
	>"$work/d/mappings/agents.yaml"
if bridge snapshot "$work/snap2" && grep -q '120 people, 25 groups, read completely' "$work/out"; then
	ok "groups are in it also when no rule names one"
else
	bad "groups are in it also when no rule names one" "it is not whole"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

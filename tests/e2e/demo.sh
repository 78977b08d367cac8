#!/bin/bash
# The main job on real parts: a private slapd over LDAPS, the sandbox as tenant, the
# quickstart's rules. Run by `make demo`; ends every process it starts, also when stopped.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
build=$(cd "${BUILD:-build}" && pwd)
people=${DEMO_PEOPLE:-500}
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-demo.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

finish() {
	local status=$?
	trap '' INT TERM
	sandbox_stop
	slapd_stop
	if [ $status -ne 0 ]; then
		echo "demo: failed (exit $status)" >&2
		tail -n 5 "$work"/*.log >&2 2>/dev/null || true
	fi
	rm -rf "$work"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }
run() {
	local status=0
	printf '$ dirbridge %s\n' "$*"
	"$build/dirbridge" "$@" -c "$work/dirbridge.yaml" || status=$?
	return $status
}
must() { # expected exit code, arguments
	local want=$1 status=0
	shift
	run "$@" || status=$?
	if [ $status -ne "$want" ]; then
		echo "demo: 'dirbridge $*' ended with $status instead of $want" >&2
		exit 1
	fi
}

say "A company of $people people in 40 groups, in a private OpenLDAP over LDAPS"
"$build/tests/tools/gen_directory" --people "$people" --groups 40 --seed 7 >"$work/company.ldif"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
echo "$LDAPS_URI"

say "A tenant: roles, divisions, skills, languages, groups, queues, and 20 accounts of others"
"$build/tests/tools/gen_tenant" --seed 7 --foreign 20 >"$work/tenant.jsonl"
cp "$work/tenant.jsonl" "$work/tenant-before.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0
echo "$SANDBOX_URL"

write_settings "$work"
say "Settings and rules"
must 0 check --online
say "What would be done"
must 3 plan --exit-code
say "Do it"
must 0 apply --yes
applied=$(steps_applied "$work")
say "Again: nothing is left to do"
must 0 plan --exit-code

say "Ten people leave the company"
mapfile -t leavers < <(python3 tests/e2e/expect.py pick-leavers "$work/company.ldif" 10)
printf '%s\n' "${leavers[@]}" | slapd_delete
printf '%s\n' "${leavers[@]}"
must 3 plan --exit-code
must 0 apply --yes
applied=$((applied + $(steps_applied "$work")))
say "Again: nothing is left to do"
must 0 plan --exit-code

say "Is the tenant what the directory says? (computed apart from dirbridge)"
sandbox_stop
printf '%s\n' "${leavers[@]}" >"$work/leavers"
python3 "$root/tests/e2e/expect.py" compare "$work/company.ldif" "$work/leavers" \
	"$work/tenant-before.jsonl" "$work/tenant.jsonl"
echo
echo "demo: $people people, $applied steps applied, 0 left"

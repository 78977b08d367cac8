#!/bin/bash
# Scheduled use: figures for monitoring, whatever comes of a run, and the units.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-service.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0 skipped=0
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
	tail -n 12 "$work/out" | cut -c1-300 | sed 's/^/       /'
}
# figures NAME CODE LINE...: an apply that ends so; each LINE stands in what it has written.
figures() {
	local name=$1 code=$2 status=0 line
	shift 2
	rm -f "$work/dirbridge.prom"
	"$build/dirbridge" apply --yes -c "$work/dirbridge.yaml" >"$work/out" 2>&1 </dev/null || status=$?
	[ "$status" -eq "$code" ] || { bad "$name" "exit $status, not $code"; return; }
	for line; do
		grep -qxE -- "$line" "$work/dirbridge.prom" || { bad "$name" "no line $line"; return; }
	done
	# Each line is a comment or NAME{LABELS} VALUE, each name has its type, none comes twice.
	python3 - "$work/dirbridge.prom" <<'P' || { bad "$name" "not the form that Prometheus reads"; return; }
import re, sys
types, seen = set(), set()
for line in open(sys.argv[1], encoding="utf-8"):
    if line.startswith("# TYPE "):
        types.add(line.split()[2])
    elif not line.startswith("# HELP "):
        m = re.fullmatch(r'(dirbridge_[a-z0-9_]+)(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? (-?[0-9.e+]+)\n', line)
        assert m and m.group(1) in types and (m.group(1), m.group(2)) not in seen, line
        seen.add((m.group(1), m.group(2)))
P
	ok "$name"
}

mkdir "$work/mappings"
cp examples/quickstart/mappings/agents.yaml "$work/mappings/"
printf 'demo-secret\n' >"$work/tenant.secret"
chmod 600 "$work/tenant.secret"
"$build/tests/tools/gen_directory" --people 20 --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 4 >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
cat >"$work/dirbridge.yaml" <<X
directory:
  kind: ldif
  ldif: company.ldif
  people: {base: "ou=people,dc=example,dc=org", filter: (objectClass=inetOrgPerson)}
  groups: {base: "ou=groups,dc=example,dc=org", filter: (objectClass=groupOfNames)}
target: {api_url: $SANDBOX_URL, login_url: $SANDBOX_URL, client_id: dirbridge-demo, client_secret_file: tenant.secret, rate: 0}
state: {file: dirbridge.db}
metrics: {file: dirbridge.prom}
rules: [mappings/agents.yaml]
X
figures "a good run" 0 'dirbridge_run_exit_code 0' 'dirbridge_run_refused 0' \
	'dirbridge_run_steps\{kind="create",outcome="done"\} 20' 'dirbridge_accounts_linked 20' \
	'dirbridge_last_good_run_timestamp_seconds [0-9]+' 'dirbridge_people_in_scope 20' \
	'dirbridge_tenant_calls\{operation="SCIM_CREATE"\} 20' 'dirbridge_tenant_throttled 0' \
	'dirbridge_read_complete\{side="directory"\} 1' 'dirbridge_limit_used\{limit="creates"\} 20' \
	'dirbridge_calls_unfinished 0'
if [ "$(stat -c %a "$work/dirbridge.prom")" = 644 ]; then ok "others may read them"; else bad "others may read them" "mode"; fi
figures "nothing to do" 0 'dirbridge_run_exit_code 0' 'dirbridge_limit_used\{limit="creates"\} 20'
cp "$work/company.ldif" "$work/all.ldif"
python3 - "$work/company.ldif" <<'P'
import sys
blocks = open(sys.argv[1], encoding="utf-8").read().split("\n\n")
people = [b for b in blocks if b.startswith("dn: uid=")]
open(sys.argv[1], "w", encoding="utf-8").write("\n\n".join(b for b in blocks if b not in people[:12]))
P
figures "refused by a guard" 4 'dirbridge_run_exit_code 4' 'dirbridge_run_refused 1' \
	'dirbridge_accounts_linked 20' 'dirbridge_last_good_run_timestamp_seconds [0-9]+'
mv "$work/company.ldif" "$work/gone.ldif"
figures "no directory" 1 'dirbridge_run_exit_code 1' 'dirbridge_accounts_linked 20' \
	'dirbridge_last_good_run_timestamp_seconds [0-9]+'
cp "$work/all.ldif" "$work/company.ldif"
sandbox_stop
sed -i "s/^target: {/target: {retry_deadline: 1, /" "$work/dirbridge.yaml"
figures "no tenant" 1 'dirbridge_run_exit_code 1' 'dirbridge_accounts_linked 20'

if command -v systemd-analyze >/dev/null; then
	score=$(systemd-analyze security --offline=true examples/systemd/dirbridge.service 2>/dev/null |
		sed -n 's/^.*exposure level for dirbridge.service: \([0-9.]*\) .*/\1/p')
	echo "score $score" >"$work/out"
	if [ -n "$score" ] && awk "BEGIN {exit !($score <= 1.2)}"; then
		ok "the unit's exposure is $score"
	else
		bad "the unit's exposure" "$score"
	fi
	for unit in dirbridge.service dirbridge.timer; do
		sed "s,/usr/bin/dirbridge,$build/dirbridge,; /^Documentation/d" "examples/systemd/$unit" >"$work/$unit"
	done
	if systemd-analyze verify "$work/dirbridge.service" "$work/dirbridge.timer" >"$work/out" 2>&1; then
		ok "the units are well-formed"
	else
		bad "the units are well-formed" "systemd-analyze says so"
	fi
else
	skipped=$((skipped + 2))
	echo "skip units: systemd-analyze is not there"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

#!/bin/bash
# What isn't known for sure about the vendor, both ways: for each value of each switch of the
# sandbox a first apply, changes to people and a second, and then a plan with nothing to do.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-switches.XXXXXX")
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0
SANDBOX_PID=
finish() {
	trap '' INT TERM
	sandbox_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	tail -n 8 "$work/out" | cut -c1-200 | sed 's/^/       /'
}

"$build/tests/tools/gen_directory" --people 40 --groups 8 --seed 5 >"$work/first.ldif"
# Titles change, and some leave a group: with it go skills, queues, memberships.
awk '/^dn: /{group = 0} /^dn: cn=cc-(billing|sales|support)/{group = 1; left = 3}
	/^title: /{$0 = "title: Changed"} group && /^member: / && left-- > 0 {next} {print}' \
	"$work/first.ldif" >"$work/other.ldif"
"$build/tests/tools/gen_tenant" --seed 5 --foreign 5 >"$work/fresh.jsonl"
BIND_PASSWORD_FILE=/dev/null LDAPS_URI=ldaps://127.0.0.1 CA_FILE=/dev/null BIND_DN=cn=none \
	SLAPD_BASE=dc=example,dc=com SANDBOX_URL=http://127.0.0.1:1 write_settings "$work"
SLAPD_BASE=$(sed -n 's/^dn: \(dc=.*\)$/\1/p' "$work/first.ldif" | head -n 1)

settings() {
	BIND_PASSWORD_FILE=/dev/null LDAPS_URI=ldaps://127.0.0.1 CA_FILE=/dev/null \
		BIND_DN=cn=none write_settings "$work"
	sed -i "s,^  uri:.*,  kind: ldif\n  ldif: company.ldif," "$work/dirbridge.yaml"
}
dirbridge() { # ARGUMENT...: into $work/out
	"$build/dirbridge" "$@" -q -c "$work/dirbridge.yaml" >"$work/out" 2>&1
}

one() { # NAME=VALUE...
	local name="$*" args=() s
	for s; do args+=(--set "$s"); done
	rm -f "$work"/dirbridge.db*
	cp "$work/fresh.jsonl" "$work/tenant.jsonl"
	cp "$work/first.ldif" "$work/company.ldif"
	sandbox_start "$work/tenant.jsonl" --rate 0 --lag 20 --seed 7 "${args[@]}"
	settings
	if ! dirbridge apply --yes; then
		bad "$name" "the first apply"
	elif ! dirbridge plan --exit-code; then
		bad "$name" "the first apply leaves something to do"
	elif cp "$work/other.ldif" "$work/company.ldif" && ! dirbridge apply --yes; then
		bad "$name" "the second apply"
	elif ! dirbridge plan --exit-code; then
		bad "$name" "the second apply leaves something to do"
	else
		passed=$((passed + 1))
		echo "ok   $name"
	fi
	sandbox_stop
}

# Every word of every switch but the defaults, as --help lists them.
switches=$("$build/dirbridge-sandbox" --help |
	sed -n 's/^  \([a-z-]*\)=\([^ ]*|.*\)$/\1 \2/p')
one rate-headers=present
while read -r name values; do
	for value in $(tr '|' ' ' <<<"${values#*|}"); do
		one "$name=$value"
	done
done <<<"$switches"
# Caps larger than what the bridge sends are all the same to it.
one cap-grants=100 cap-role-subjects=500 cap-division-move=500 cap-agent-move=500 \
	cap-work-plans=500 cap-put-skills=100

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

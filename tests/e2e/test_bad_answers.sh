#!/bin/bash
# Answers that no tenant should give, over a real socket: each ends in a clear error, with
# bounded memory, and nothing goes to another host.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-bad.XXXXXX")
server_pid=
finish() {
	trap '' INT TERM
	if [ -n "$server_pid" ]; then
		kill "$server_pid" 2>/dev/null || true
		wait "$server_pid" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0 failed=0
ok() {
	passed=$((passed + 1))
	echo "ok   $1"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	cut -c1-300 "$work/out" | head -n 5 | sed 's/^/       /'
}

echo good >"$work/mode"
python3 tests/tools/bad_server.py "$work" 2>"$work/server.log" &
server_pid=$!
for _ in $(seq 200); do
	[ ! -s "$work/ports" ] || break
	kill -0 "$server_pid" 2>/dev/null || { cat "$work/server.log"; exit 1; }
	sleep 0.05
done
read -r port _ <"$work/ports"
printf 'secret-never-shown\n' >"$work/tenant.secret"
chmod 600 "$work/tenant.secret"
printf 'version: 1\n' >"$work/rules.yaml"
cat >"$work/dirbridge.yaml" <<-X
	directory: {kind: ldif, ldif: none.ldif, people: {base: "dc=x", filter: (a=*)}}
	target:
	  api_url: http://127.0.0.1:$port
	  login_url: http://127.0.0.1:$port
	  client_id: x
	  client_secret_file: tenant.secret
	  rate: 0
	  timeout: 30
	  retry_deadline: 1
	rules: [rules.yaml]
X

# 64 MiB take a while on a busy machine; what is cut is tried again until the deadline.
sed 's/retry_deadline: 1/retry_deadline: 120/; s/timeout: 30/timeout: 120/' "$work/dirbridge.yaml" >"$work/patient.yaml"

# answers MODE REGEX: what is said of it; never a secret, and and memory for eight answers of 64 MiB.
answers() {
	local peak
	echo "$1" >"$work/mode"
	peak=$(python3 - "$build/tests/tools/read_tenant" "$work/$settings.yaml" "$work/out" <<'X'
import os, subprocess, sys
with open(sys.argv[3], "wb") as out:
    p = subprocess.Popen(sys.argv[1:3], stdout=out, stderr=out)
    _, status, usage = os.wait4(p.pid, 0)
print(usage.ru_maxrss // 1024, os.waitstatus_to_exitcode(status))
X
	)
	if ! grep -Eq "$2" "$work/out"; then
		bad "$1" "nothing says /$2/"
	elif grep -q 'never-shown' "$work/out"; then
		bad "$1" "a secret is told"
	elif [ -z "${SANITIZE:-}" ] && [ "${peak% *}" -gt 560 ]; then
		bad "$1" "${peak% *} MiB were held"
	elif [ "${peak#* }" != "${3:-1}" ]; then
		bad "$1" "exit ${peak#* }"
	elif [ -e "$work/elsewhere" ]; then
		bad "$1" "something was sent to another host: $(head -n 1 "$work/elsewhere")"
	else
		ok "$1"
	fi
}
op='^error GET /api/v2/[a-z/]+'
settings=patient
answers good '^digest users=0' 0
answers huge-chunks "$op.*(larger|longer|limit|more than)"
answers huge-length "$op.*(larger|longer|limit|more than)"
settings=dirbridge
answers endless-headers "$op"
answers redirect "$op.*cid-77.*302, a redirect, which is not followed"
answers html "$op.*cid-77.*the answer is text/html, not JSON"
answers binary "$op.*cid-77"
answers zip "$op"
for mode in half-body half-chunk nothing no-http; do
	answers "$mode" "$op"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

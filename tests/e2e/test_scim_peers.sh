#!/bin/bash
# The SCIM services that other tests run against: each switch of scim_quirks.py shows what it
# says, and the examples of RFC 7643 and 7644 do in both services what the RFCs say.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-peers.XXXXXX")
# shellcheck source=tests/e2e/scim.sh
. tests/e2e/scim.sh
finish() {
	trap '' INT TERM
	scim_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0 skipped=0

take() { # NAME COMMAND...
	local name=$1 status=0 ok bad
	shift
	"$@" >"$work/took" 2>&1 || status=$?
	sed -n "s/^\(ok  \|FAIL\) /&$name: /p" "$work/took"
	ok=$(grep -c '^ok ' "$work/took" || true)
	bad=$(grep -c '^FAIL ' "$work/took" || true)
	if [ "$ok" -eq 0 ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		bad=$((bad + 1))
		echo "FAIL $name: exit $status: $(tail -n 1 "$work/took")"
	fi
	passed=$((passed + ok)) failed=$((failed + bad))
}

take "switches" python3 tests/tools/scim_quirks_test.py
scim_start_quirks
take "RFC" python3 tests/tools/scim_rfc_test.py tests/cases/scim/rfc.jsonl "$SCIM_URL" "$SCIM_TOKEN"
scim_stop
if scimmy_there; then
	scim_start_scimmy
	take "scimmy" python3 tests/tools/scim_rfc_test.py tests/cases/scim/rfc.jsonl "$SCIM_URL" \
		"$SCIM_TOKEN" tests/cases/scim/scimmy_differs.txt
	scim_stop
else
	echo "skip scimmy: it is not there; make deps installs it where npm is"
	skipped=1
fi
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

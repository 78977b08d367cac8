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
trap 'rm -rf "$work"' EXIT
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

if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

#!/bin/bash
# Runs every test and ends with "N passed, N failed, N skipped". BUILD and SAN_BUILD name the
# plain and the sanitised build.
set -u
cd "$(dirname "$0")/.." || exit
BUILD=${BUILD:-build}
SAN_BUILD=${SAN_BUILD:-build/san}
export BUILD
passed=0 failed=0 skipped=0
failures=()
log=$(mktemp)
logs=$(mktemp -d)
trap 'rm -rf "$log" "$logs"' EXIT

# A cmocka program counts its tests; one that ends without a count has failed.
run_unit() { # title, program
	local ok bad status
	"$2" >"$log" 2>&1
	status=$?
	ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
	bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
	if [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
	passed=$((passed + ok)) failed=$((failed + bad))
	if [ "$bad" -gt 0 ]; then
		failures+=("$1")
		echo "FAIL $1"
		grep -v '^\[ *\(RUN\|OK\) ' "$log" | tail -n 40 | sed 's/^/    /'
	else
		echo "ok   $1 ($ok)"
	fi
}

# A script prints a line per case and closes with "N passed, N failed[, N skipped]". What it
# printed and its exit status are in $logs.
take_script() { # title, name
	local title=$1 last status log=$logs/$2
	status=$(cat "$log.status")
	last=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
	local ok=0 bad=0 skip=0
	if [ -n "$last" ]; then
		read -r ok _ bad _ skip _ <<<"${last//,/}"
		skip=${skip:-0}
	fi
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
	if [ -z "$last" ] && [ "$bad" -eq 0 ]; then bad=1; fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	grep '^skip ' "$log"
	if [ "$bad" -gt 0 ]; then
		failures+=("$title")
		echo "FAIL $title"
		tail -n 60 "$log" | sed 's/^/    /'
	else
		echo "ok   $title ($ok)"
	fi
}

for t in tests/scim tests/mappings tests/bridge; do
	for src in "$t"/test_*.c; do
		name=${src#tests/}
		name=${name%.c}
		run_unit "$name" "$BUILD/tests/$name"
		run_unit "$name (sanitised)" "$SAN_BUILD/tests/$name"
	done
done
for src in tests/fuzz/fuzz_*.c; do
	name=$(basename "$src" .c)
	if "$SAN_BUILD/tests/fuzz/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
		passed=$((passed + 1))
		echo "ok   corpus of $name"
	else
		failed=$((failed + 1))
		failures+=("$name")
		echo "FAIL corpus of $name"
		tail -n 30 "$log" | sed 's/^/    /'
	fi
done
# They mostly wait for servers: several at a time. Each has servers and folders of its own.
# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\n' tests/e2e/test_*.sh | logs=$logs xargs -P 3 -I{} bash -c \
	'name=$(basename "$1"); "$1" >"$logs/$name" 2>&1; echo $? >"$logs/$name.status"' _ {}
for script in tests/e2e/test_*.sh; do
	take_script "${script#tests/}" "$(basename "$script")"
done

echo
for f in "${failures[@]+"${failures[@]}"}"; do
	echo "failed: $f"
done
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

#!/bin/bash
# libFuzzer on each target, FUZZ_SECONDS each (default 60), starting from the corpus; new
# inputs go to the build folder, findings stay there and make it fail.
set -u
cd "$(dirname "$0")/../.." || exit
BUILD=${BUILD:-build/fuzz}
bad=0
for src in tests/fuzz/fuzz_*.c; do
	name=$(basename "$src" .c)
	[ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
	mkdir -p "$BUILD/corpus/$name" "$BUILD/findings/$name"
	if "$BUILD/tests/fuzz/$name" -max_total_time="${FUZZ_SECONDS:-60}" -rss_limit_mb=4096 \
		-artifact_prefix="$BUILD/findings/$name/" -print_final_stats=1 \
		"$BUILD/corpus/$name" "tests/fuzz/corpus/$name" >"$BUILD/$name.log" 2>&1; then
		echo "ok   $name: $(grep -o 'number_of_executed_units: *[0-9]*' "$BUILD/$name.log" | grep -o '[0-9]*$') runs"
	else
		echo "FAIL $name"
		tail -n 30 "$BUILD/$name.log"
		bad=1
	fi
done
exit $bad

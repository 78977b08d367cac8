# shellcheck shell=bash
# shellcheck disable=SC2154 # $work and $build are the caller's
# What the tests of changes since last time share: a copy of the directory kept by its
# changes (tests/tools/read_changes), in $work/copy, with settings in $work/dirbridge.yaml.

passed=0 failed=0
ok() {
	passed=$((passed + 1))
	echo "ok   $1"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	grep -v '^present' "$work/out" | tail -n 8 | cut -c1-300 | sed 's/^/       /'
}

ATTRS=(--attr cn --attr title --attr mail --attr telephoneNumber --group cc-agents)
WRAP=()
[ -z "${READ_CHANGES_WRAP:-}" ] || read -ra WRAP <<<"$READ_CHANGES_WRAP"
read_changes() {
	"${WRAP[@]}" "$build/tests/tools/read_changes" "$work/dirbridge.yaml" "$work/copy" \
		"$@" "${ATTRS[@]}" >"$work/out" 2>&1
}
# full NAME [REGEX]: a full read that leaves a mark.
full() {
	read_changes full || true
	if grep -q '^mark ' "$work/out" && grep -q '^people complete' "$work/out"; then
		ok "$1"
	else
		bad "$1" "no mark"
	fi
}
# unmarked NAME REGEX: a full read, complete, without a mark, for this reason.
unmarked() {
	read_changes full || true
	if ! grep -q '^people complete' "$work/out"; then
		bad "$1" "the read is not complete"
	elif ! grep -Eq "^no mark: .*$2" "$work/out"; then
		bad "$1" "nothing says /$2/"
	else
		ok "$1"
	fi
}
# delta NAME [REGEX]...: changes come, one for each REGEX; then the copy must be what a full
# read gives. More may come: slapd sends again what has changed since the last deletion.
delta() {
	local name=$1 regex
	shift
	if ! read_changes delta || ! grep -q '^changes read$' "$work/out"; then
		bad "$name" "no changes"
		return
	fi
	for regex; do
		if ! grep -Eq "^$regex" "$work/out"; then
			bad "$name" "nothing says /$regex/"
			return
		fi
	done
	if ! read_changes compare || ! grep -q '^same [1-9]' "$work/out"; then
		bad "$name" "the copy is not the directory"
	elif ! settle; then
		bad "$name" "the mark does not come to rest"
	else
		ok "$name"
	fi
}
# After that, nothing comes and the mark stays as it is.
settle() {
	cp "$work/copy.mark" "$work/last.mark"
	read_changes delta && grep -q '^changes read$' "$work/out" &&
		cmp -s "$work/copy.mark" "$work/last.mark" &&
		! grep -Eq '^(entry|gone|present|sweep) ' "$work/out"
}
# gives_up NAME REGEX: everything must be read, and says why; the next full read is good.
gives_up() {
	if read_changes delta && grep -Eq "^changes full .*$2" "$work/out"; then
		ok "$1"
	else
		bad "$1" "nothing says /$2/"
	fi
}
# churn ROUNDS COUNT APPLY: random changes (churn.py, $work/churn), COUNT in each round, given
# to APPLY; after each round the copy must be what a full read gives.
churn() {
	local rounds=$1 count=$2 apply=$3 moved=0
	for _ in $(seq "$rounds"); do
		python3 tests/e2e/churn.py next "$work/churn" "$count" >"$work/churn.ldif"
		if ! "$apply" <"$work/churn.ldif" 2>"$work/out"; then
			bad "random changes" "the server refuses them"
			return
		fi
		if ! read_changes delta || ! grep -q '^changes read$' "$work/out"; then
			bad "random changes" "no changes"
			return
		fi
		! grep -Eq '^(entry|gone|sweep) ' "$work/out" || moved=$((moved + 1))
		if ! read_changes compare || ! grep -q '^same [1-9]' "$work/out"; then
			bad "random changes" "the copy is not the directory"
			return
		fi
	done
	if [ "$moved" -eq "$rounds" ]; then
		ok "$rounds times $count random changes"
	else
		bad "random changes" "only $moved of $rounds rounds moved anything"
	fi
}
end_changes() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

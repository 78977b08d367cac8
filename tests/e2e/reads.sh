# shellcheck shell=bash
# shellcheck disable=SC2154 # $work and $build are the caller's
# shellcheck disable=SC2034 # what it sets is for the caller
# Cases of the directory reader: settings, a read, what it has to say. Source after slapd.sh or
# samba.sh. The caller sets $build, $work and SECRET (a text that is never to be printed) and
# fills the array BASE with the settings of every case.

passed=0 failed=0
declare -A BASE=()
ok() {
	passed=$((passed + 1))
	echo "ok   $1"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	tail -n 8 "$work/out" | cut -c1-400 | sed 's/^/       /'
}

# settings LINE...: over those of BASE. A later line of the same name wins; "name:" alone
# removes it.
settings() {
	local -A all=()
	local line name
	for name in "${!BASE[@]}"; do
		all[$name]=${BASE[$name]}
	done
	for line; do
		all[${line%%:*}]=${line#*:}
	done
	{
		echo "directory:"
		for name in "${!all[@]}"; do
			[ -z "${all[$name]}" ] || echo "  $name: ${all[$name]}"
		done
		printf 'target: {region: test.invalid, client_id: x, client_secret_file: none}\n'
		printf 'rules: [rules.yaml]\n'
	} >"$work/dirbridge.yaml"
}
read_directory() {
	"$build/tests/tools/read_directory" "$work/dirbridge.yaml" "$@" >"$work/out" 2>&1
}
no_secret() { ! grep -qF -- "$SECRET" "$work/out"; }

# reads NAME REGEX [OPTION]...: ends well, and says REGEX.
reads() {
	local name=$1 regex=$2
	shift 2
	if ! read_directory "$@"; then
		bad "$name" "it failed"
	elif ! grep -Eq -- "$regex" "$work/out"; then
		bad "$name" "nothing says /$regex/"
	elif ! no_secret; then
		bad "$name" "the password is printed"
	else
		ok "$name"
	fi
}
# fails NAME KIND REGEX [OPTION]...: no read at all; KIND is the number of enum err_kind.
fails() {
	local name=$1 kind=$2 regex=$3 status=0
	shift 3
	read_directory "$@" || status=$?
	if [ $status -ne 1 ]; then
		bad "$name" "exit $status"
	elif ! grep -Eq -- "^error $kind .*$regex" "$work/out"; then
		bad "$name" "no error of kind $kind says /$regex/"
	elif grep -Eq '^people complete' "$work/out" || ! no_secret; then
		bad "$name" "it looks complete, or the password is printed"
	else
		ok "$name"
	fi
}
INVALID=1 IO=4 NET=5 TLS=6 AUTH=7 TIMEOUT=8 REFUSED=11

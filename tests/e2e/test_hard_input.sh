#!/bin/bash
# Hostile settings, rules and cases: a clear message with its place, exit 2, in bounded memory
# and time. The files are made by tests/tools/hard_input.py. Smaller ones run under ASan too.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
san=${SAN_BUILD:-$build/san}
[ ! -x "$san/dirbridge" ] || san=$(cd "$san" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-hard.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# What a run may take: address space in KiB. Seconds of CPU only end what never would.
memory=1000000 seconds=120
passed=0 failed=0

settings() { # RULES
	cat <<-X
		directory: {kind: ldif, ldif: none.ldif, people: {base: "dc=x"}}
		target: {api_url: "http://127.0.0.1:1", login_url: "http://127.0.0.1:1", client_id: x, client_secret_env: NONE}
		rules: [$1]
	X
}

# expect NAME CODE REGEX ARGUMENT...: the regex stands in one of the lines, which are not more
# than a reader's page of diagnoses.
expect() {
	local name=$1 code=$2 regex=$3 status=0 lines
	shift 3
	"$@" >"$work/out" 2>&1 </dev/null || status=$?
	lines=$(wc -l <"$work/out")
	if [ "$status" -eq "$code" ] && [ "$lines" -ge 1 ] && [ "$lines" -le 201 ] &&
		grep -Eq -- "$regex" "$work/out"; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name: exit $status (not $code?), $lines lines, or nothing says /$regex/"
		head -n 3 "$work/out" | cut -c1-300 | sed 's/^/       /'
	fi
}

# shellcheck disable=SC2317 # called by name
limited() { # COMMAND...
	(ulimit -v $memory -t $seconds && exec "$@")
}

one() { # NAME RUNNER PROGRAM FILE KIND MESSAGE
	local name=$1 runner=$2 program=$3 file=$4 kind=$5 place="^dirbridge: $4(:|: )$6"

	case $kind in
	yaml)
		expect "$name as settings" 2 "$place" "$runner" "$program" check -c "$file"
		settings "$file" >settings.yml
		expect "$name as rules" 2 "$place" "$runner" "$program" check -c settings.yml
		expect "$name as cases" 2 "$place" "$runner" "$program" test "$file"
		;;
	rules)
		settings "$file" >settings.yml
		expect "$name" 2 "^dirbridge: $file:.*$6|^dirbridge: $file:$6" "$runner" "$program" check -c settings.yml
		;;
	cases)
		case $6 in
		*passed) expect "$name" 0 "$6" "$runner" "$program" test "$file" ;;
		*) expect "$name" 1 "groups are left as they are: .*($6)" "$runner" "$program" test "$file" ;;
		esac
		;;
	esac
}

python3 tests/tools/hard_input.py "$work" >"$work/index"
cd "$work"
while IFS=$'\t' read -r file kind message; do
	one "$file" limited "$build/dirbridge" "$file" "$kind" "$message"
	case $file in
	big* | quote*) ;;
	*) [ ! -x "$san/dirbridge" ] || one "$file (sanitised)" env "$san/dirbridge" "$file" "$kind" "$message" ;;
	esac
done <index

# A good file with a byte order mark is a good file.
printf '\xef\xbb\xbfversion: 1\npeople: [{profile: {userName: a}}]\n' >mark-good.yaml
settings mark-good.yaml >settings.yml
expect 'a byte order mark' 0 'settings and rules: good' limited "$build/dirbridge" check -c settings.yml
# What is no file.
settings . >settings.yml
expect 'a folder' 2 '^dirbridge: \.: ' limited "$build/dirbridge" check -c settings.yml
settings /dev/zero >settings.yml
expect 'a file without end' 2 '^dirbridge: /dev/zero: longer than' limited "$build/dirbridge" check -c settings.yml

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/bash
# The LDAP reader against a server that misbehaves as told: each row names a fault, what the
# reader must make of it and say, and with that whether people may count as gone. After a
# good run three people leave; a complete read finds them, any other must not.
#   LONG=1   drops and damages at every byte, not at some of them
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-faults.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/ldap_mock.sh
. tests/e2e/ldap_mock.sh

passed=0 failed=0 skipped=0
finish() {
	trap '' INT TERM
	sandbox_stop
	mock_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() {
	passed=$((passed + 1))
	echo "ok   $1 ($SECONDS s)"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	tail -n 8 "$work/out" | cut -c1-300 | sed 's/^/       /'
}
# What memory errors are found with, where it was built.
checked=$build
if [ -n "${SAN_BUILD:-}" ] && [ -x "$SAN_BUILD/tests/tools/read_directory" ]; then
	checked=$(cd "$SAN_BUILD" && pwd)
elif [ -x "$build/san/tests/tools/read_directory" ]; then
	checked=$build/san
else
	skipped=1
	echo "skip memory errors: there is no sanitised build of read_directory"
fi

# --- settings, and the two programs --------------------------------------------------------
PEOPLE=40
PEOPLE_BASE="ou=people,$SLAPD_BASE" GROUPS_BASE="ou=groups,$SLAPD_BASE"
NET=5 TLS=6 AUTH=7 TIMEOUT=8 PROTOCOL=9 REFUSED=11

# settings [LINE]...: of the connection, over those of every case; "name:" alone removes one.
settings() {
	local -A all=(
		[uri]="$MOCK_LDAP" [bind_dn]="cn=dirbridge,ou=services,$SLAPD_BASE"
		[password_file]=bind.password [connect_timeout]=30 [timeout]=30 [page_size]=10
		[people]="{base: \"$PEOPLE_BASE\", filter: (objectClass=inetOrgPerson)}"
		[groups]="{base: \"$GROUPS_BASE\", filter: (objectClass=groupOfNames)}"
	)
	local line name
	for line; do
		all[${line%%:*}]=${line#*:}
	done
	{
		echo "directory:"
		for name in "${!all[@]}"; do
			[ -z "${all[$name]}" ] || echo "  $name: ${all[$name]}"
		done
		cat <<-X
			target: {api_url: "$SANDBOX_URL", login_url: "$SANDBOX_URL", client_id: dirbridge-demo, client_secret_file: tenant.secret, rate: 0}
			state: {file: dirbridge.db}
			rules: [mappings/agents.yaml]
		X
	} >"$work/dirbridge.yaml"
	chmod 600 "$work/dirbridge.yaml"
}

# The guard is far beyond what any row takes: it only turns a hang into a failure.
status=0
read_with() { # BUILD [OPTION]...
	status=0
	timeout --kill-after=10 240 "$1/tests/tools/read_directory" "$work/dirbridge.yaml" --count \
		--group cc-agents "${@:2}" >"$work/out" 2>&1 </dev/null || status=$?
}
plan() {
	status=0
	timeout --kill-after=10 240 "$build/dirbridge" plan --exit-code -c "$work/dirbridge.yaml" \
		>"$work/out" 2>&1 </dev/null || status=$?
}
says() { grep -Eq -- "$1" "$work/out"; }

# --- what a row expects ---------------------------------------------------------------------

# verdict_of OUTCOME REGEX: does the read that is in $work/out have this outcome? Sets $why.
#   complete         all people and groups
#   people           groups whole, people not      groups       the other way round
#   error:KIND       no read at all (enum err_kind)
why=
verdict_of() {
	local outcome=$1 regex=$2
	why=
	if says 'demo-password'; then
		why="the password is printed"
		return 1
	fi
	case $outcome in
	complete) [ $status -eq 0 ] && says '^groups complete' && says "^people complete $left$" ;;
	people) [ $status -eq 0 ] && says '^groups complete' && says '^people incomplete' ;;
	groups) [ $status -eq 0 ] && says '^groups incomplete' && says "^people complete $left$" ;;
	both) [ $status -eq 0 ] && says '^groups incomplete' && says '^people incomplete' ;;
	error:*) [ $status -eq 1 ] && says "^error ${outcome#error:} " ;;
	esac || why="exit $status, not $outcome"
	[ -z "$why" ] && ! says "$regex" && why="nothing says /$regex/"
	[ -z "$why" ]
}
# May the three count as gone? The plan must be of the same mind as the reader.
plan_of() {
	why=
	case $1 in
	complete)
		[ $status -eq 3 ] && says '3 deactivated' && return 0
		why="the plan does not deactivate the three (exit $status)" ;;
	error:*)
		[ $status -eq 1 ] && ! says 'deactivate' && return 0
		why="the plan ends with $status, not 1" ;;
	*)
		[ $status -eq 5 ] && ! says '[0-9] deactivated' && return 0
		why="the plan does not stop at an incomplete read (exit $status)" ;;
	esac
	return 1
}

# row NAME FAULTS OUTCOME REGEX [SETTING]...: faults are words.
row() {
	local name=$1 faults=$2 outcome=$3 regex=$4
	shift 4
	settings "$@"
	# shellcheck disable=SC2086 # several faults
	mock_faults leave=3 $faults
	left=$((PEOPLE - 3))
	read_with "$build"
	if ! verdict_of "$outcome" "$regex"; then
		bad "$name" "$why"
		return
	fi
	# shellcheck disable=SC2086
	mock_faults leave=3 $faults
	plan
	if ! plan_of "$outcome"; then
		bad "$name" "$why"
		return
	fi
	ok "$name"
}
# asked NAME EXPRESSION EXPECTED: what the last client asked for, see mock_count.
asked() {
	local got
	got=$(mock_count "$2")
	: >"$work/out"
	if [ "$got" = "$3" ]; then ok "$1"; else bad "$1" "$2 is $got, not $3"; fi
}

# --- start, and a good run ----------------------------------------------------------------

"$build/tests/tools/gen_directory" --people $PEOPLE --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 5 >"$work/tenant.jsonl"
mkdir "$work/mappings"
cp examples/quickstart/mappings/agents.yaml "$work/mappings/"
printf 'demo-secret\n' >"$work/tenant.secret"
printf 'demo-password' >"$work/bind.password"
printf 'other-password' >"$work/wrong.password"
chmod 600 "$work"/*.secret "$work"/*.password
mock_start "$work/mock" "$work/company.ldif"
sandbox_start "$work/tenant.jsonl" --rate 0
settings
if "$build/dirbridge" apply --yes -c "$work/dirbridge.yaml" >"$work/out" 2>&1; then
	ok "a good run before everything"
else
	bad "a good run before everything" "exit $?"
fi

# --- no fault: the rows below can succeed ---------------------------------------------------
row "no fault, three have left" "" complete '^digest entries=37 '
row "no fault, over TLS" "" complete '' "uri: $MOCK_LDAPS" "tls_ca_file: $MOCK_CA_FILE"
row "no fault, StartTLS" "" complete '' "start_tls: true" "tls_ca_file: $MOCK_CA_FILE"
asked "StartTLS before the login" 'c["starttls"], c["binds"][0]["tls"]' '(1, True)'
settings
mock_faults
read_with "$build"
asked "four pages of ten" '[s["page"] for s in c["searches"] if "people" in s["base"]][:5]' '[10, 10, 10, 10]'

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

# Without LANE it runs itself once for each, and adds up.
LANES=(answers silence lost broken cuts before dns)
if [ -z "${LANE:-}" ]; then
	trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
	for lane in "${LANES[@]}"; do
		LANE=$lane "$0" >"$work/$lane" 2>&1 &
	done
	wait
	for lane in "${LANES[@]}"; do
		grep -Ev '^[0-9]+ passed, ' "$work/$lane"
		grep -Eq '^[0-9]+ passed, ' "$work/$lane" || echo "FAIL $lane: it did not come to its end"
	done >"$work/all"
	cat "$work/all"
	count() { grep -c "^$1 " "$work/all" || true; }
	echo "$(count ok) passed, $(count FAIL) failed, $(count skip) skipped"
	[ "$(count FAIL)" -eq 0 ]
	exit
fi

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
	dns_stop
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

# libldap 2.5 with GnuTLS leaks the list of ciphers of each connection's TLS context.
printf 'leak:gnutls_priority_init\n' >"$work/leaks"
export LSAN_OPTIONS=suppressions=$work/leaks:print_suppressions=0

# --- settings, and the two programs --------------------------------------------------------
PEOPLE=40
PEOPLE_BASE="ou=people,$SLAPD_BASE" GROUPS_BASE="ou=groups,$SLAPD_BASE"
NET=5 TLS=6 AUTH=7 TIMEOUT=8 NOT_FOUND=9 PROTOCOL=15

# settings [LINE]...: of the connection, over those of every case; "name:" alone removes one.
# Any fall in numbers is allowed: the verdict alone must keep people from counting as gone.
settings() {
	local -A all=(
		[uri]="$MOCK_LDAP" [bind_dn]="cn=dirbridge,ou=services,$SLAPD_BASE"
		[password_file]=bind.password [connect_timeout]=30 [timeout]=30 [page_size]=10 [max_drop]=100
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
status=0 group=cc-agents
read_with() { # BUILD [OPTION]...
	status=0
	timeout --kill-after=10 240 "$1/tests/tools/read_directory" "$work/dirbridge.yaml" --count \
		--group "$group" "${@:2}" >"$work/out" 2>&1 </dev/null || status=$?
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
	read_with "$checked"
	if ! verdict_of "$outcome" "$regex"; then
		bad "$name" "$why"
		return
	fi
	# Silence was waited for once; the plan gets no further than the reader.
	if [ "$outcome" = "error:$TIMEOUT" ]; then
		ok "$name"
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

whole=$PEOPLE # in a complete read
# survives NAME FAULT...: ends by itself, in one of the ways that a read may end, and what it
# calls complete is. With `any` as first fault it need not be: what is wrong cannot be seen.
survives() {
	local name=$1 any=
	shift
	[ "$1" != any ] || { any=1; shift; }
	mock_faults "$@"
	read_with "$checked"
	if says '^people complete' && says '^groups complete' && [ $status -eq 0 ] &&
		{ [ -n "$any" ] || says "^people complete $whole$"; }; then
		return 0
	fi
	if [ $status -eq 0 ] && says '^(people|groups) incomplete' && says '^reason ' &&
		! { says '^people complete' && [ -z "$any" ] && ! says "^people complete $whole$"; }; then
		return 0
	fi
	[ $status -eq 1 ] && says '^error [0-9]+ ' && return 0
	bad "$name" "$*: exit $status"
	return 1
}
# sweep NAME COUNT FAULT...: at COUNT places, evenly over what a whole read is sent.
sweep() {
	local name=$1 count=$2 bytes at step fine=1
	shift 2
	mock_faults
	read_with "$checked"
	bytes=$(mock_count 'c["bytes"]')
	whole=$(sed -n 's/^people complete //p' "$work/out")
	[ -z "${LONG:-}" ] || count=$bytes
	step=$((bytes / count))
	for ((at = 0; at < bytes && fine; at += step)); do
		survives "$name" "${@//AT/$at}" || fine=
	done
	[ -z "$fine" ] || ok "$name, at $count of $bytes bytes"
}

# --- the lanes: run side by side, since most of the time is waiting ---------------------------

ad_says() { echo "bind_error=80090308:%20LdapErr:%20DSID-0C0903A9,%20data%20$1,%20v1db1"; }
# --- no fault: the rows below can succeed ---------------------------------------------------
lane_answers() {
	row "no fault, three have left" "" complete '^digest entries=37 '
	row "no fault, over TLS" "" complete '' "uri: $MOCK_LDAPS" "tls_ca_file: $MOCK_CA_FILE"
	row "no fault, StartTLS" "" complete '' "start_tls: true" "tls_ca_file: $MOCK_CA_FILE"
	asked "StartTLS before the login" 'c["starttls"], c["binds"][0]["tls"]' '(1, True)'
	settings
	mock_faults
	read_with "$checked"
	asked "four pages of ten" '[s["page"] for s in c["searches"] if "people" in s["base"]][:5]' '[10, 10, 10, 10]'

	# --- pages ----------------------------------------------------------------------------------

	row "the server's pages are smaller" "page_max=7" complete ''
	row "without paging all comes at once" "no_paging" complete ''
	asked "and nothing is asked twice" \
		'len([s for s in c["searches"] if s["base"] == "'"$PEOPLE_BASE"'" and "inetOrg" in s["filter"]])' 1
	row "pages without entries, then entries" "empty_first=3" complete ''
	row "a server that limits what does not page" "page_max=10" both 'limit' "page_size: 0"
	row "cookie lost after one page" "where=people cookie_lost=1" people \
		'after 10 entries.*cookie is invalid'
	row "cookie lost after three pages" "where=people cookie_lost=3" people 'after 30 entries'
	row "cookie of the groups lost" "where=ou=groups cookie_lost=1" groups 'cookie is invalid'
	row "paging stops between pages" "where=people cookie_gone=2" people 'stopped paging'
	row "no page control from a server that pages" "where=people cookie_gone=0" people 'stopped paging'
	row "the same page without end" "where=people cookie_same" people 'sends a page again'
	row "one page twice" "where=people cookie_reset" people 'sends a page again'
	row "pages without end and without entries" "where=people empty_pages" people 'pages without end'

	# --- limits and results ------------------------------------------------------------------
	for limit in size_limit time_limit admin_limit; do
		row "$limit at once" "where=people $limit=0" people "limit ended .* after 0 entries"
		row "$limit in the first page" "where=people $limit=5" people "limit ended .* after 5 entries"
		row "$limit in the third page" "where=people $limit=25" people "after 25 entries"
		row "$limit in the groups" "where=ou=groups $limit=4" groups "after 4 entries"
	done
	row "busy" "where=people result=51 result_text=try_later" people 'busy.*try_later'
	row "busy at the second page" "where=people result=51 result_page=2" people 'after 10 entries.*busy'
	row "unavailable" "where=people result=52" people 'unavailable'
	row "unavailable in the middle" "where=people result=52 result_after=12" people 'after 12 entries'
	row "unwilling" "where=people result=53 result_text=DSID-0C0910" people 'DSID-0C0910'
	row "operations error, as AD says to the anonymous" "where=people result=1" people \
		'Operations error'
	row "a code that nobody knows" "where=people result=123" people '123'
	row "a code below zero" "where=people malformed=done_negative" people ''
	row "insufficient access" "where=people result=50" people 'Insufficient access'
	row "the groups' base is gone" "where=ou=groups result=32" groups 'is not there'
	row "protocol error" "where=ou=groups result=2" groups 'Protocol error'
	row "the control is refused" "where=people result=12" people ''

	# --- nobody, and people without what makes them one -----------------------------------------
	row "success, and nobody" "where=people zero_entries" people 'found nobody'
	row "one person without id" "where=people no_id=5" people 'has no entryUUID'
	row "nobody has an id" "where=people no_id=all" people 'has no entryUUID'
	row "a person without DN" "where=people wrong_dn=empty" people 'without a DN'
	row "a person with a broken DN" "where=people wrong_dn=garbage" people ''

	# --- referrals and references ---------------------------------------------------------------
	other=ldap://dc2.example.org/ou=people,dc=example,dc=org
	row "a referral" "where=people referral=$other" people 'Referral'
	row "a referral in the middle" "where=people referral=$other result_after=11" people \
		'people incomplete 11'
	row "a reference in the people" "where=people reference=$other" people \
		'is on another server and was not read: ldap://dc2'
	row "references after entries" "where=people reference_at=4 reference=$other|$other" people \
		'is on another server'
	row "a reference in the groups" "where=ou=groups reference=$other" groups 'is on another server'
	row "a reference that is no address" "where=people reference=%%nonsense" people ''
	contexts='ldap://example.org/CN=Configuration,DC=example,DC=org'
	contexts+='|ldap://example.org/DC=DomainDnsZones,DC=example,DC=org'
	row "the naming contexts of Active Directory" "where=people reference=$contexts" complete ''

	# --- login ----------------------------------------------------------------------------------
	while read -r code words; do
		row "Active Directory says $code" "$(ad_says "$code")" "error:$AUTH" "$words"
	done <<-X
		525 there is no such account
		52e the password is wrong
		530 at this hour
		531 from this computer
		532 password has expired
		533 is disabled
		701 account has expired
		773 must change its password
		775 is locked
	X
	row "bind: busy" "bind=51" "error:$NET" 'does not take the login.*busy'
	row "bind: unavailable" "bind=52" "error:$NET" 'does not take the login'
	row "bind: encryption wanted" "bind=8" "error:$AUTH" 'encrypted connection.*ldaps'
	row "bind: confidentiality wanted" "bind=13" "error:$AUTH" 'encrypted connection'
	row "bind: no such mechanism" "bind=7" "error:$AUTH" 'method not supported'
	row "bind: a referral" "bind=10" "error:$AUTH" 'Referral'
	row "StartTLS refused" "starttls=52" "error:$TLS" 'refuses StartTLS' \
		"start_tls: true" "tls_ca_file: $MOCK_CA_FILE"
	asked "and no login in the clear" 'c["binds"]' '[]'

	# --- what cannot be told apart --------------------------------------------------------------
	# Two entries with one id: the read is whole, but somebody's own id did not come.
	settings
	mock_faults leave=3 where=people dup_id=5
	read_with "$checked"
	left=$((PEOPLE - 3))
	if verdict_of complete ''; then ok "an id that comes twice is read"; else bad "an id that comes twice is read" "$why"; fi
	plan
	if plan_of people && says 'two entries came with the same directory id'; then
		ok "and nobody has left"
	else
		bad "and nobody has left" "${why:-it is not said why}"
	fi
}

# --- silence: every wait has its end --------------------------------------------------------
lane_silence() {
	row "no answer to the connection" "" "error:$TIMEOUT" 'no connection within 1 s' \
		"${quick[@]}" "uri: $MOCK_DEAD"
	row "no answer to the connection, ldaps" "" "error:$TIMEOUT" 'no connection within 1 s' \
		"${quick[@]}" "${tls[@]}" "uri: ldaps://${MOCK_DEAD#ldap://}"
	row "no answer in the TLS handshake" "hang=tls" "error:$TIMEOUT" 'no answer within 1 s' \
		"${quick[@]}" "${tls[@]}" "uri: $MOCK_LDAPS"
	row "no answer to StartTLS" "hang=starttls" "error:$TIMEOUT" 'no answer within 1 s' \
		"${quick[@]}" "${tls[@]}" "start_tls: true"
	row "no handshake after StartTLS" "hang=tls" "error:$TIMEOUT" 'no answer within 1 s' \
		"${quick[@]}" "${tls[@]}" "start_tls: true"
	row "no answer to the login" "hang=bind" "error:$TIMEOUT" 'no answer to the login within 1 s' "${quick[@]}"
	row "no answer to the first search" "hang=search" "error:$TIMEOUT" 'no answer within 1 s' "${quick[@]}"
	row "no answer to the second search" "hang=search where=people" "error:$TIMEOUT" \
		'no answer within 1 s' "${quick[@]}"
	row "no answer to the next page" "hang=page where=people" people 'no answer within 1 s, after 10' "${quick[@]}"
	row "silence after entries" "hang_after=14 where=people" people 'no answer within 1 s, after 14' "${quick[@]}"
	row "silence in the groups" "hang_after=14 where=ou=groups" groups 'no answer within 1 s' "${quick[@]}"
	row "no result after the last entry" "hang=done where=people page_max=100" people \
		'no answer within 1 s, after 37' "${quick[@]}" "page_size: 100"
	row "slow answers are answers" "slow=20" complete '' "${quick[@]}" "timeout: 5"
}

# --- the connection ends ----------------------------------------------------------------------
lane_lost() {
	for how in fin rst; do
		row "$how at the login" "drop_bind drop_how=$how" "error:$NET" ''
		row "$how before the first entry" "drop_after=0 drop_how=$how" "error:$NET" 'connection was lost'
		row "$how after entries" "drop_after=7 drop_how=$how where=people" people 'lost.* after 7 entries'
		row "$how between pages" "drop_after=20 drop_how=$how where=people" people 'after 20 entries'
		row "$how in the groups" "drop_after=7 drop_how=$how where=ou=groups" groups 'connection was lost'
		row "$how in the place of the result" "drop_done drop_how=$how where=people" people 'after 10 entries'
	done
	for how in fin rst notify; do
		row "TLS ends by $how after entries" "drop_after=7 drop_how=$how where=people" people \
			'after 7 entries' "uri: $MOCK_LDAPS" "${tls[@]}"
		row "TLS ends by $how in the place of the result" "drop_done drop_how=$how where=people" \
			people 'after 10 entries' "uri: $MOCK_LDAPS" "${tls[@]}"
	done
	# A connection that is lost once: the read goes on, logged in and encrypted as before (libldap
	# would connect again by itself, anonymous and in the clear).
	safely='all(s["who"].startswith("cn=dirbridge") and s["tls"] for s in c["searches"])'
	for how in "uri: $MOCK_LDAPS" "start_tls: true"; do
		for at in drop_after=0 "drop_after=7 where=ou=groups" "drop_after=15 where=people" \
			end_after=1 end_after=4 end_after=5 end_after=9 end_after=10 drop_at=9000; do
			row "lost once, $how, $at" "conns=1 $at" complete '' "$how" "${tls[@]}"
			asked "and nothing was asked without login and TLS" "c['connections'] > 1 and $safely" True
		done
	done
	# libldap 2.5 loses the memory of that message, and of what the next section asks for.
	ASAN_OPTIONS=detect_leaks=0 row "the server says that it goes" "notice=12 where=people" \
		people 'after 12 entries'
	row "nobody listens" "" "error:$NET" 'Connection refused' "uri: ldap://127.0.0.1:1"
	row "the first server is silent, the second is not" "" complete '' \
		"uri: [$MOCK_DEAD, $MOCK_LDAP]" "${quick[@]}"
}

# --- messages that are broken -----------------------------------------------------------------
lane_broken() {
	export ASAN_OPTIONS=detect_leaks=0
	for kind in outer_tag outer_huge outer_four_gb outer_nine outer_indefinite outer_short outer_empty \
		no_id id_large op_long; do
		row "message: $kind" "malformed=$kind where=people" people 'after 2 entries'
		row "message: $kind, in the groups" "malformed=$kind where=ou=groups" groups 'groups'
	done
	row "message: op_tag" "malformed=op_tag where=people" people 'after 2 entries' "${quick[@]}"
	for kind in op_empty dn_tag dn_long no_attrs attrs_long attr_short attr_tag attr_long attr_half name_tag \
		values_tag values_long value_tag value_long value_indefinite value_many; do
		row "entry: $kind" "malformed=$kind where=people" people ''
	done
	for kind in attr_tag attr_long attr_half values_tag values_long value_tag value_long; do
		row "group: $kind" "malformed=$kind malformed_attr=member where=ou=groups" groups ''
	done
	for kind in done_empty done_code done_long done_short control_empty control_short control_cookie \
		control_list control_oid; do
		row "result: $kind" "malformed=$kind where=people" people ''
		row "result: $kind, in the groups" "malformed=$kind where=ou=groups" groups ''
	done
	row "result: two of them" "malformed=done_twice" complete ''

	settings
	# An answer under the number of no question is dropped by libldap: nothing can tell that an
	# entry is missing, so all that is asked here is to end.
	for kind in id_zero id_negative id_empty attrs_tag control_tag control_size done_negative; do
		! survives "message: $kind" any "malformed=$kind" "where=people" || ok "message: $kind"
	done
}

# --- the connection ends at any byte, or a byte is damaged ------------------------------------
lane_cuts() {
	unset ASAN_OPTIONS
	few=()
	if [ -n "${LONG:-}" ]; then # every byte, so of a small read
		few=("people: {base: \"$PEOPLE_BASE\", filter: (uid=n*)}"
			"groups: {base: \"$GROUPS_BASE\", filter: (cn=cc-supervisors)}")
		group=cc-supervisors
	fi
	settings "page_size: 15" "${few[@]}"
	sweep "the connection ends anywhere, once" 60 drop_at=AT conns=1
	sweep "the connection is reset anywhere, once" 10 drop_at=AT drop_how=rst conns=1
	sweep "the connection ends anywhere, each time" 12 drop_at=AT
	export ASAN_OPTIONS=detect_leaks=0
	sweep "a byte is damaged anywhere" 40 any flip_at=AT conns=1
	sweep "a bit is damaged anywhere" 40 any flip_at=AT flip_bits=1 conns=1
	settings "uri: $MOCK_LDAPS" "${tls[@]}" "${few[@]}"
	sweep "TLS ends anywhere, once" 30 drop_at=AT conns=1
	sweep "TLS ends anywhere, each time" 6 drop_at=AT
	sweep "a byte is damaged anywhere below TLS" 30 flip_at=AT conns=1
}

# --- what good runs found before ---------------------------------------------------------------
# plans NAME CODE REGEX: the plan ends so, and says REGEX.
plans() {
	plan
	if [ $status -ne "$2" ]; then
		bad "$1" "exit $status, not $2"
	elif ! says "$3"; then
		bad "$1" "nothing says /$3/"
	else
		ok "$1"
	fi
}
lane_before() {
	local site="{base: \"ou=Lisbon,$PEOPLE_BASE\", filter: (objectClass=inetOrgPerson)}"
	local others="{base: \"$PEOPLE_BASE\", filter: \"(&(objectClass=inetOrgPerson)(!(l=Lisbon)))\"}"
	local two=("people: [$site, $others]" "max_drop: 20")

	# A right that was taken away: no error, and an attribute that nobody has any more.
	settings
	mock_faults leave=3 where=people silent_attr=title
	plans "an attribute that is gone from everybody stops the run" 4 \
		'nobody has title any more; [0-9]+ people had it'
	settings "may_be_absent: [title]"
	plans "unless that is meant" 3 '3 deactivated'
	settings "max_drop: 20"
	mock_faults leave=12
	plans "far fewer people stop the run" 4 '28 people were read; the last good run had 40'
	settings "${two[@]}"
	mock_faults
	plans "two searches find what one found" 0 'Nothing to do: 40 people'
	"$build/dirbridge" apply --yes -c "$work/dirbridge.yaml" >"$work/out" 2>&1
	mock_faults where=ou=lisbon fewer=1
	plans "a large search does not hide what a small one lost" 4 \
		'the search "ou=Lisbon.* found 1; good runs of the last days had up to'
}

# --- servers by DNS ---------------------------------------------------------------------------
DNS_PID=
dns_stop() {
	[ -z "$DNS_PID" ] || kill "$DNS_PID" 2>/dev/null || true
	DNS_PID=
}
# by_dns NAME FAULTS OUTCOME REGEX: the domain's server is the one that misbehaves not at all.
by_dns() {
	local name=$1 fault faults=() port=${MOCK_LDAP##*:}
	for fault in $2; do faults+=(--fault "$fault"); done
	dns_stop
	rm -f "$work/dns.port"
	python3 tests/tools/dns_mock.py --port-file "$work/dns.port" "${faults[@]}" \
		--record "_ldap._tcp.localhost SRV 10 0 1 localhost" \
		--record "_ldap._tcp.localhost SRV 20 0 $port localhost" &
	DNS_PID=$!
	while [ ! -e "$work/dns.port" ]; do
		kill -0 "$DNS_PID"
		sleep 0.05
	done
	row "$name" "" "$3" "$4" "uri:" "domain: localhost" "srv_scheme: ldap" \
		"dns_server: 127.0.0.1:$(cat "$work/dns.port")" "connect_timeout: 4"
}
lane_dns() {
	if python3 tests/tools/dns_mock.py --self-test >"$work/out" 2>&1; then
		ok "the DNS server of the tests"
	else
		bad "the DNS server of the tests" "its self-test failed"
	fi
	by_dns "servers by DNS, the first is not there" "" complete ''
	by_dns "an answer cut off, whole by TCP" truncated complete ''
	by_dns "the first question gets no answer" silent=1 complete ''
	by_dns "an answer to another number before ours" wrong_id complete ''
	by_dns "an answer to another question before ours" wrong_question complete ''
	by_dns "thirty servers more" many=30 complete ''
	by_dns "a hundred servers more" "many=100 truncated" complete ''
	by_dns "an answer cut off, and no TCP" "truncated no_tcp" "error:$NET" '_ldap._tcp.localhost'
	by_dns "no answer" silent "error:$NET" 'no DNS server answers'
	by_dns "half an answer" short "error:$PROTOCOL" '_ldap._tcp.localhost'
	by_dns "bytes that are no answer" garbage "error:$NET" '_ldap._tcp.localhost'
	by_dns "a name that points to itself" loop "error:$PROTOCOL" '_ldap._tcp.localhost'
	by_dns "the name is not there" nxdomain "error:$NOT_FOUND" 'no DNS name'
	by_dns "the name has no such record" empty "error:$NOT_FOUND" 'no servers'
	by_dns "the DNS server fails" servfail "error:$NET" '_ldap._tcp.localhost'
	by_dns "the DNS server refuses" refused "error:$NET" '_ldap._tcp.localhost'
	dns_stop
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
quick=("connect_timeout: 1" "timeout: 1")
tls=("tls_ca_file: $MOCK_CA_FILE")
settings
if "$build/dirbridge" apply --yes -c "$work/dirbridge.yaml" >"$work/out" 2>&1; then
	ok "a good run before everything"
else
	bad "a good run before everything" "exit $?"
fi
"lane_$LANE"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

#!/bin/bash
# target.kind: scim against services that speak it. People and groups of a real slapd (300 and 40;
# LONG=1: 2,000 and 100) into scimmy; then a small company into a service with each oddity of real ones in turn:
# create, an empty second plan, changes and leavers, an empty plan again, and an end state
# that code apart from dirbridge finds right. Arguments name the only ones to run: scimmy,
# correct, or an oddity.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-scim.XXXXXX")
chmod 755 "$work"
# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/scim.sh
. tests/e2e/scim.sh
finish() {
	trap '' INT TERM
	scim_stop
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0 skipped=0

ok() {
	passed=$((passed + 1))
	echo "ok   $1 ($SECONDS s)"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	tail -n 6 "$work/out" | cut -c1-250 | sed 's/^/       /'
}

# expect NAME CODE REGEX ARGUMENT...: run dirbridge; exit code, and REGEX in what it says.
expect() {
	local name=$1 code=$2 regex=$3 status=0
	shift 3
	"$build/dirbridge" "$@" -c "$work/dirbridge.yaml" >"$work/out" 2>&1 </dev/null || status=$?
	if [ "$status" -ne "$code" ]; then
		bad "$name" "exit $status, not $code"
	elif [ -n "$regex" ] && ! grep -Eq -- "$regex" "$work/out"; then
		bad "$name" "nothing says /$regex/"
	elif grep -q "$SCIM_TOKEN" "$work/out"; then
		bad "$name" "the token is printed"
	else
		ok "$name"
	fi
}

# company FOLDER PEOPLE GROUPS: a slapd with its own people.
company() {
	"$build/tests/tools/gen_directory" --people "$2" --groups "$3" --seed 5 >"$1/company.ldif"
	slapd_init "$1/slapd"
	slapd_load "$1/company.ldif"
	slapd_start
	mkdir -p "$work/mappings"
	python3 tests/e2e/scim_expect.py rules "$1/company.ldif" >"$work/mappings/scim.yaml"
	python3 tests/e2e/scim_expect.py changes "$1/company.ldif" "$1"
}

# settings [LINE]: of the servers that run; LINE goes into the section target.
settings() {
	rm -f "$work"/dirbridge.db*
	cp -f "$BIND_PASSWORD_FILE" "$work/bind.password"
	printf '%s\n' "$SCIM_TOKEN" >"$work/scim.token"
	chmod 600 "$work/bind.password" "$work/scim.token"
	cat >"$work/dirbridge.yaml" <<-X
		directory:
		  uri: $LDAPS_URI
		  tls_ca_file: $CA_FILE
		  bind_dn: $BIND_DN
		  password_file: bind.password
		  people: {base: "ou=people,$SLAPD_BASE", filter: (objectClass=inetOrgPerson)}
		  groups: {base: "ou=groups,$SLAPD_BASE", filter: (objectClass=groupOfNames)}
		target:
		  kind: scim
		  api_url: $SCIM_URL
		  token_file: scim.token
		  create_groups: true
		  rate: 0
		  ${1:-page_size: 100}
		state:
		  file: dirbridge.db
		rules: [mappings/scim.yaml]
		limits: {disables: {percent: 100}, renames: {percent: 100}, group_removals: {percent: 100}}
	X
}

# right NAME [QUIRK]: the service holds what the directory and the rules want.
right() {
	ldapsearch -LLL -o ldif-wrap=no -x -H "$LDAP_URI" -D "$ADMIN_DN" -y "$ADMIN_PASSWORD_FILE" \
		-b "$SLAPD_BASE" '*' entryUUID >"$work/now.ldif"
	scim_state >"$work/state.json"
	if python3 tests/e2e/scim_expect.py compare "$work/now.ldif" "$work/state.json" \
		${2:+"$2"} >"$work/out" 2>&1; then
		ok "$1"
	else
		bad "$1" "the service does not hold what it should"
	fi
}

# What lags is seen later: a run that comes sooner holds accounts that are not listed yet for
# unknown, changes nothing of theirs and says so.
lag=0.7

# life NAME FOLDER [QUIRK]: the whole life of a company in the service that runs.
life() {
	local name=$1 folder=$2 quirk=${3:-}
	expect "$name: first apply" 0 'steps done' apply --yes
	[ "$name" != lag ] || sleep "$lag"
	right "$name: all are there" "$quirk"
	expect "$name: second plan" 0 'Nothing to do' plan --exit-code
	slapd_modify <"$folder/changes.ldif"
	slapd_delete <"$folder/leavers"
	expect "$name: changes" 0 'steps done' apply --yes
	[ "$name" != lag ] || sleep "$lag"
	right "$name: changes are there" "$quirk"
	expect "$name: plan after changes" 0 'Nothing to do' plan --exit-code
}

only=" $* "
asked() { # NAME
	case $only in "  " | *" $1 "*) return 0 ;; esac
	return 1
}

if ! asked scimmy; then
	:
elif scimmy_there; then
	mkdir "$work/big"
	if [ -n "${LONG:-}" ]; then company "$work/big" 2000 100; else company "$work/big" 300 40; fi
	scim_start_scimmy
	settings
	life "scimmy" "$work/big"
	scim_stop
	slapd_stop
else
	echo "skip scimmy: it is not there; make deps installs it where npm is"
	skipped=1
fi

# A small company for each oddity, the directory as it was at first each time.
mkdir "$work/small"
small() { # QUIRK [LINE [OPTION]...]: slapd and service, both new; a setting; of the service
	local quirk=$1 line=${2:-}
	shift
	[ $# -eq 0 ] || shift
	slapd_stop
	rm -rf "$work/small/slapd"
	company "$work/small" 30 20
	[ "$quirk" = correct ] || set -- --quirk "$quirk" "$@"
	scim_start_quirks "$@"
	settings "$line"
}

# never_settles QUIRK REGEX: the service does not keep what it is told, and says 200. The end
# state is right as far as it can be; the plan goes on asking for the rest, and says so.
never_settles() {
	asked "$1" || return 0
	small "$1"
	expect "$1: first apply" 0 'steps done' apply --yes
	right "$1: all are there" "$1"
	slapd_modify <"$work/small/changes.ldif"
	slapd_delete <"$work/small/leavers"
	expect "$1: changes" 0 'steps done' apply --yes
	right "$1: changes are there" "$1"
	expect "$1: the plan asks again" 3 "$2" plan --exit-code
	scim_stop
}

# Those that are not here have rows of their own, below.
others=" single-valued no-name empty-keeps group-lost-once page-429 no-group-create hides-unmanaged token-expires "
oddities=$(python3 tests/tools/scim_quirks.py --list | cut -d' ' -f1)
for quirk in correct $oddities; do
	case $others in *" $quirk "*) continue ;; esac
	asked "$quirk" || continue
	small "$quirk"
	life "$quirk" "$work/small" "$quirk"
	scim_stop
done
never_settles single-valued 'phoneNumbers'
never_settles no-name 'givenName|steps for'
never_settles empty-keeps 'phoneNumbers.work: .* -> nothing'

# Some services want a membership again that is written right after the account.
if asked group-lost-once; then
	small group-lost-once
	expect "group-lost-once: first apply" 0 'steps done' apply --yes
	expect "group-lost-once: what was lost is seen" 3 '' plan --exit-code
	expect "group-lost-once: and written again" 0 'steps done' apply --yes
	right "group-lost-once: all are there"
	expect "group-lost-once: then nothing" 0 'Nothing to do' plan --exit-code
	scim_stop
fi
# 429 for as long as the page is large: smaller pages when trying again has not helped.
if asked page-429; then
	small page-429 'retry_deadline: 2'
	life page-429 "$work/small" page-429
	scim_stop
fi
# A token that ends can not be renewed by us: what was done counts, the rest is named.
if asked token-expires; then
	small token-expires
	expect "token-expires: in the middle" 5 '401.*has the token expired' apply --yes
	expect "token-expires: from the start" 1 'has the token expired' plan
	scim_stop
fi
# Groups that are there already are used; no other can be made.
if asked no-group-create; then
	"$build/tests/tools/gen_directory" --people 30 --groups 20 --seed 5 >"$work/small/company.ldif"
	python3 tests/e2e/scim_expect.py groups "$work/small/company.ldif" >"$work/seed.json"
	small no-group-create "" --seed "$work/seed.json"
	life no-group-create "$work/small" no-group-create
	scim_stop
fi
# An account that SCIM does not show holds a name: that person is told, the others go on.
if asked hides-unmanaged; then
	"$build/tests/tools/gen_directory" --people 30 --groups 20 --seed 5 >"$work/small/company.ldif"
	python3 tests/e2e/scim_expect.py hidden "$work/small/company.ldif" >"$work/seed.json"
	small hides-unmanaged "" --seed "$work/seed.json"
	expect "hides-unmanaged: one is told, the others go on" 5 'uniqueness|taken|409|in use' apply --yes
	check_count=$(scim_state | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["users"]))')
	if [ "$check_count" = 30 ]; then
		ok "hides-unmanaged: 29 accounts beside the hidden one"
	else
		bad "hides-unmanaged: accounts" "$check_count"
	fi
	scim_stop
fi

if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

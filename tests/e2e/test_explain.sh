#!/bin/bash
# `dirbridge explain`: text and JSON of people in an LDIF file, compared with what is kept in
# tests/cases/explain (EXPLAIN_UPDATE=1 writes them anew); then against slapd and the sandbox.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
cases=tests/cases/explain
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-explain.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0
finish() {
	trap '' INT TERM
	sandbox_stop
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() {
	passed=$((passed + 1))
	echo "ok   $1"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	{ tail -n 40 "$work/out" | cut -c1-200; head -n 8 "$work/err" | cut -c1-200; } | sed 's/^/       /'
}
# explain NAME CODE ARGUMENT...: run it; its exit code.
explain() {
	local name=$1 code=$2 status=0
	shift 2
	"$build/dirbridge" explain "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	if [ "$status" -ne "$code" ]; then
		bad "$name" "exit $status, not $code"
	else
		ok "$name"
	fi
}
says() { # NAME REGEX...: each of them on a line of what was said
	local name=$1 regex
	shift
	for regex; do
		if ! grep -Eq -- "$regex" "$work/out" "$work/err"; then
			bad "$name" "nothing says /$regex/"
			return 0
		fi
	done
	ok "$name"
}
silent() { # NAME REGEX: on no line
	if grep -Eq -- "$2" "$work/out"; then bad "$1" "says /$2/"; else ok "$1"; fi
}
same() { # NAME FILE: what was said is what the file says
	if [ -n "${EXPLAIN_UPDATE:-}" ]; then cp "$work/out" "$2"; fi
	if diff -u "$2" "$work/out" >"$work/diff"; then
		ok "$1"
	else
		cp "$work/diff" "$work/out"
		bad "$1" "not as in $2"
	fi
}
json() { # NAME PYTHON: a condition on the document `d`
	if python3 -c "
import json, sys
d = json.load(open('$work/out'))
$2" 2>"$work/err"; then ok "$1"; else bad "$1" "not so"; fi
}

# --- from a file, without a tenant -------------------------------------------------------
cp "$cases/company.ldif" "$cases/agents.yaml" "$cases/dates.yaml" "$work/"
printf 'no-secret\n' >"$work/secret"
chmod 600 "$work/secret"
cat >"$work/offline.yaml" <<-X
	directory:
	  kind: ldif
	  ldif: company.ldif
	  people: {base: "ou=people,dc=example,dc=org", filter: (objectClass=inetOrgPerson)}
	  groups: {base: "ou=groups,dc=example,dc=org", filter: (objectClass=groupOfNames)}
	target:
	  api_url: http://127.0.0.1:9
	  login_url: http://127.0.0.1:9
	  client_id: nobody
	  client_secret_file: secret
	  retry_deadline: 1
	state: {file: dirbridge.db}
	rules: [agents.yaml]
X
c=$work/offline.yaml

explain "help" 0 --help
says "help says what it shows" 'Usage: dirbridge explain .*PERSON' 'nearly'
explain "nobody named" 2
for who in ada bob eve; do
	explain "$who" 0 "uid=$who" --offline -c "$c"
	same "$who in words" "$cases/$who.txt"
	silent "$who: nothing steers the terminal" $'\033'
done
sed 's/agents.yaml/dates.yaml/' "$c" >"$work/dates-offline.yaml"
for who in ada bob; do
	explain "$who, dates and reasons" 0 "uid=$who" --offline -c "$work/dates-offline.yaml"
	same "$who, dates and reasons, in words" "$cases/$who-dates.txt"
done
explain "each part" 0 uid=ada --offline --all -c "$c"
same "each part in words" "$cases/ada-all.txt"
explain "as JSON" 0 uid=ada --offline --json -c "$c"
json "JSON is complete" "
assert d['schema'] == 'dirbridge.explain/1' and d['offline'] and d['more'] == 0
p, = d['people']
assert set(p) >= {'dn', 'id', 'name', 'inScope', 'entry', 'groups', 'rules', 'record', 'account', 'difference'}
assert p['account'] == {'link': 'not asked'} and p['difference'] == []
assert all(set(r) >= {'kind', 'place', 'fired', 'parts'} for r in p['rules'])
assert all(set(r['place']) == {'file', 'line', 'column', 'rule'} for r in p['rules'])"
python3 - "$work" <<-P
	import json, os, sys
	work = sys.argv[1]
	d = json.load(open(work + "/out"))
	d["time"] = "now"
	text = json.dumps(d, indent=1, ensure_ascii=False)
	open(work + "/out", "w").write(text.replace(os.path.join(work, ""), "") + "\n")
P
same "as JSON, whole" "$cases/ada.json"
explain "several at once" 0 '(objectClass=inetOrgPerson)' --offline --json -c "$c"
json "three of them, one has no id" "
assert [p['name'] for p in d['people']] == ['Ada Lovelace', 'Bob Builder', 'eve']
assert [p['inScope'] for p in d['people']] == [True, True, False]
assert d['people'][2]['record'] is None"
explain "by DN" 0 'UID=Bob, ou=people,dc=example,dc=org' --offline -c "$c"
explain "nobody" 1 uid=nobody --offline -c "$c"
says "nobody, in words" 'uid=nobody: nobody .* matches'
explain "no id" 1 uid=max --offline -c "$c"
says "no id, in words" 'has no entryUUID'
explain "wrong filter" 2 '(uid=' --offline -c "$c"
explain "the tenant does not answer" 1 uid=ada -c "$c"
says "what rules want is shown all the same" '^Profile' 'the tenant could not be read'
python3 - "$work" <<-P
	import sys
	with open(sys.argv[1] + "/company.ldif", "a") as f:
	    for i in range(40):
	        f.write(f"""
	dn: uid=p{i},ou=people,dc=example,dc=org
	objectClass: inetOrgPerson
	entryUUID: 00000000-0000-4000-9000-{i:012d}
	uid: p{i}
	""".replace("\t", ""))
P
explain "more than are shown" 0 '(uid=p*)' --offline -c "$c"
says "the rest is counted" '^20 more match'

# --- against slapd and the sandbox -------------------------------------------------------
"$build/tests/tools/gen_directory" --people 20 --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 5 >"$work/tenant.jsonl"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
sandbox_start "$work/tenant.jsonl" --rate 0
write_settings "$work"
c=$work/dirbridge.yaml
dn=$(grep -m1 '^dn: uid=' "$work/company.ldif" | cut -c5-)
writes() { # calls that are no reads
	curl -sf "$SANDBOX_URL/sandbox/counters" | python3 -c "
import json, sys
c = json.load(sys.stdin)['calls']
print(sum(n for op, n in c.items() if op not in ('TOKEN', 'USERS', 'GRANTS', 'ROLES', 'DIVISIONS',
    'SKILLS', 'LANGUAGES', 'GROUPS', 'QUEUES', 'QUEUE_MEMBERS', 'USERS_QUERY', 'USERS_SEARCH', 'SUBJECT', 'SCIM_USERS', 'SCIM_USER', 'TOKEN_INFO')))"
}
unwritten() { # NAME: nothing was written to the tenant
	if [ "$(writes)" = 0 ]; then ok "$1"; else bad "$1" "$(writes) calls"; fi
}

explain "before the account" 0 "$dn" -c "$c"
says "before the account, in words" 'no account' 'an account will be created' \
	'[+] userName: "' '[+] role Agent in Site ' 'through cc-team-[0-9]+ > cc-site-[a-z]+ > cc-agents'
explain "before the account, JSON" 0 "$dn" --json -c "$c"
json "each step is in the difference" "
import subprocess
p, = d['people']
plan = json.loads(subprocess.run(['$build/dirbridge', 'plan', '--json', '-c', '$c', '--only', '''$dn'''], capture_output=True).stdout)
steps = [s['kind'] for s in plan['steps']]
told = [c['step'] for c in p['difference'] if c['step']]
assert sorted(steps) == sorted(told), (steps, told)
assert p['account']['link'] == 'none' and p['account']['row'] == 20"
unwritten "explain only reads"
if [ -e "$work/dirbridge.db" ]; then bad "explain makes no state" "there is one"; else ok "explain makes no state"; fi
"$build/dirbridge" apply --yes -q -c "$c" >/dev/null
explain "after apply" 0 "$dn" --json -c "$c"
json "all as wanted" "
p, = d['people']
assert p['account']['link'] == 'linked' and p['account']['state'] == 'active'
assert [c for c in p['difference'] if c['step']] == []
assert {c.get('row') for c in p['difference'] if c.get('kind') == 'skill'} <= {8}"
slapd_modify <<-X
	dn: $dn
	changetype: modify
	replace: title
	title: Chief
X
explain "a change" 0 "$dn" -c "$c"
says "a change, in words" '~ title: ".*" -> "Chief" +[a-z]+.yaml:[0-9]+' '^  as wanted: userName, ' \
	'own: merge, it is not ours'
slapd_modify <<-X
	dn: cn=cc-agents,ou=groups,$SLAPD_BASE
	changetype: modify
	replace: member
	member: cn=nobody,$SLAPD_BASE
X
explain "out of scope, and linked" 0 "$dn" -c "$c"
says "out of scope, in words" 'none: out of scope' 'out of scope: a run for everybody' \
	'inGroup\("cn=cc-agents,.* is false'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/bash
# Whole runs of the built program against a real slapd and the sandbox: the main job, then
# each thing that can go wrong, with the words and the exit code that people get.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-whole.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0 skipped=0
mounted=
finish() {
	trap '' INT TERM
	sandbox_stop
	slapd_stop
	[ -z "$mounted" ] || umount "$mounted"
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
	{ tail -n 8 "$work/out" | cut -c1-200; head -n 8 "$work/err" | cut -c1-200; } | sed 's/^/       /'
}
skip() {
	skipped=$((skipped + 1))
	echo "skip $1: $2"
}

# expect NAME CODE REGEX ARGUMENT...: run dirbridge; exit code, and REGEX somewhere in what
# it says ("" = anything).
WRAP=()
expect() {
	local name=$1 code=$2 regex=$3 status=0
	shift 3
	"${WRAP[@]}" "$build/dirbridge" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	if [ "$status" -ne "$code" ]; then
		bad "$name" "exit $status, not $code"
	elif [ -n "$regex" ] && ! grep -Eq -- "$regex" "$work/out" "$work/err"; then
		bad "$name" "nothing says /$regex/"
	elif grep -Eq 'demo-password|demo-secret' "$work/out" "$work/err"; then
		bad "$name" "a secret is printed"
	else
		ok "$name"
	fi
}
check() { # NAME COMMAND...: a condition
	local name=$1
	shift
	if "$@" >"$work/chk" 2>&1; then ok "$name"; else bad "$name" "not so: $*"; fi
}
calls() { curl -sf "$SANDBOX_URL/sandbox/counters" | python3 -c "
import json, sys
c = json.load(sys.stdin)['calls']
print(sum(n for op, n in c.items() if op not in ('TOKEN', 'USERS', 'GRANTS', 'ROLES', 'DIVISIONS',
    'SKILLS', 'LANGUAGES', 'GROUPS', 'QUEUES', 'QUEUE_MEMBERS', 'SCIM_USERS', 'SCIM_USER', 'TOKEN_INFO',
    'SUBJECT_ME', 'OAUTH_CLIENT', 'OAUTH_CLIENTS', 'LIMITS', 'SCIM_CONFIG', 'USERS_QUERY', 'USERS_SEARCH',
    'USER', 'SUBJECT', 'LOCATIONS', 'TEAMS', 'TEAM_MEMBERS', 'UNITS', 'UNIT_USERS', 'UNIT_OF', 'WORK_PLANS',
    'WORK_PLANS_QUERY')))"; }
no_writes() { [ "$(calls)" = "$1" ]; }
settings() { # NAME SED-EXPRESSION: a copy of the settings with a change; prints its path
	sed "$2" "$work/dirbridge.yaml" >"$work/$1.yaml"
	chmod 600 "$work/$1.yaml"
	echo "$work/$1.yaml"
}
rules() { # NAME SED-EXPRESSION: settings whose rule file has a change
	sed "$2" "$work/mappings/agents.yaml" >"$work/mappings/$1-rules.yaml"
	settings "$1" "s,^rules:.*,rules: [mappings/$1-rules.yaml],"
}

"$build/tests/tools/gen_directory" --people 60 --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 20 >"$work/tenant.jsonl"
cp "$work/tenant.jsonl" "$work/before.jsonl"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 50
write_settings "$work"
c=$work/dirbridge.yaml

# --- the main job ------------------------------------------------------------------------
expect "version" 0 'dirbridge [0-9]' --version
expect "help" 0 'Commands:' --help
for command in check eval explain plan apply runs status; do
	expect "help of $command" 0 "Usage: dirbridge $command" "$command" --help
done
expect "status before any run" 1 'no good run' status -c "$c"
for example in quickstart active-directory; do
	expect "the example $example" 0 'good' check -c "examples/$example/dirbridge.yaml"
done
expect "all settings" 0 '^target.rate ' check --settings
expect "check" 0 'good' check -c "$c"
expect "check online" 0 'every name in the rules is there' check --online -c "$c"
check "and every attribute is in the schema" test ! -s "$work/err"
expect "an attribute that the directory does not have" 0 \
	'misspelt-rules.yaml:[0-9]+:[0-9]+.* schema has no attribute "departementNumber"; nearest: "departmentNumber"' \
	check --online -c "$(rules misspelt 's,entry\.departmentNumber,entry.departementNumber,')"
expect "first plan" 3 'accounts created' plan --exit-code -c "$c"
expect "first plan, JSON" 3 '"schema":"dirbridge.plan/1"' plan --exit-code --format json -o "$work/plan.json" -c "$c"
check "JSON and -o are the same bytes" cmp "$work/out" "$work/plan.json"
check "a saved plan is for its owner" test "$(stat -c %a "$work/plan.json")" = 600
check "the plan's hash" python3 -c "
import hashlib, json, sys
b = open('$work/plan.json', 'rb').read()
cut = b.rindex(b'\n\"sha256\"')
assert json.loads(b)['sha256'] == hashlib.sha256(b[:cut]).hexdigest()"
check "one step a line" python3 -c "
import json
steps = json.load(open('$work/plan.json'))['steps']
lines = [l.rstrip().rstrip(',') for l in open('$work/plan.json', encoding='utf-8')]
lines = [l for l in lines if l.startswith('{\"step\":')]
assert len(steps) > 100 and [json.loads(l) for l in lines] == steps"
check "a dry run writes nothing to the tenant" no_writes 0
check "a dry run makes no state" test ! -e "$work/dirbridge.db"
expect "plan repeats byte for byte" 3 '' plan --exit-code --json -c "$c"
check "same bytes but for the time" python3 -c "
import json
a, b = (json.load(open(p)) for p in ('$work/plan.json', '$work/out'))
for x in (a, b): x.pop('time'), x.pop('expires'), x.pop('sha256')
assert a == b"
expect "apply without a terminal wants --yes" 2 'give --yes' apply -c "$c"
WRAP=(valgrind --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite -q)
expect "plan of one person, under valgrind" 3 'accounts created' plan --exit-code --only 'employeeNumber=100007' -c "$c"
expect "apply to one person, under valgrind" 0 'steps done' apply --yes --only 'employeeNumber=100007' -c "$c"
WRAP=()
expect "--only without a match" 1 'nobody in scope matches' plan --only 'uid=nobody' -c "$c"
expect "apply" 0 'steps done' apply --yes -c "$c"
expect "second plan is empty" 0 'Nothing to do: 60 people' plan --exit-code -c "$c"
writes=$(calls)
expect "second apply" 0 '0 of 0 steps' apply --yes -c "$c"
check "a second apply sends no write" no_writes "$writes"
expect "status" 0 'last good run' status -c "$c"
expect "runs" 0 'good' runs -c "$c"
expect "steps of a run" 0 'done +' runs 2 -c "$c"

# --- changes -----------------------------------------------------------------------------
person=$(grep -m1 '^dn: uid=' "$work/company.ldif" | cut -c5-)
slapd_modify <<-X
	dn: $person
	changetype: modify
	replace: title
	title: Chief of everything
X
expect "a new title is one step" 3 'title: "Supervisor" -> "Chief of everything" .*yaml:[0-9]+:[0-9]+' plan --exit-code -c "$c"
expect "a new title is applied" 0 '1 of 1 steps' apply --yes -c "$c"
expect "and then nothing" 0 'Nothing to do' plan --exit-code -c "$c"
python3 tests/e2e/expect.py pick-leavers "$work/company.ldif" 3 >"$work/leavers"
slapd_delete <"$work/leavers"
expect "three leave" 3 '3 deactivated' plan --exit-code -c "$c"
expect "three are deactivated" 0 '3 of 3 steps' apply --yes -c "$c"
expect "nobody else" 0 'Nothing to do' plan --exit-code -c "$c"

# --- limits and guards -------------------------------------------------------------------
limited=$(settings limited 's/^protect:/limits: {disables: {count: 4}}\nprotect:/')
python3 tests/e2e/expect.py pick-leavers "$work/company.ldif" 12 |
	grep -vxFf "$work/leavers" | head -n 2 >"$work/two"
slapd_delete <"$work/two"
expect "more leave than the limit allows, with those of the last day" 4 'disables: 2 in this plan and 3 in the last 24 hours; 4 are allowed' plan --exit-code -c "$limited"
writes=$(calls)
expect "apply is refused" 4 'Refused' apply --yes -c "$limited"
check "and writes nothing" no_writes "$writes"
wrong=$(settings wrong_filter 's/objectClass=inetOrgPerson/uid=a*/')
expect "a wrong filter does not empty the tenant" 4 'max_drop' apply --yes -c "$wrong"
check "and writes nothing" no_writes "$writes"
cat "$work/two" >>"$work/leavers"
expect "within the limit" 0 '2 of 2 steps' apply --yes -c "$c"

# --- bad input: nothing is written, the message names thing and place ----------------------
writes=$(calls)
expect "unknown command" 2 'no command "aply"; nearest: apply' aply
expect "unknown option" 2 'unknown option --onyl; nearest: --only' plan --onyl x
expect "missing settings" 2 'nowhere.yaml' plan -c "$work/nowhere.yaml"
expect "unknown setting" 2 'dirbridge: .*:[0-9]+:[0-9]+: .*directory.url.*nearest: directory.uri' plan -c "$(settings url 's/uri:/url:/')"
expect "a secret in the settings" 2 'does not belong here' plan -c "$(settings plain 's/password_file: .*/password: demo-passw0rd/')"
chmod 644 "$work/bind.password"
expect "a secret that others may read" 2 'others may read .*chmod 600' plan -c "$c"
chmod 600 "$work/bind.password"
expect "unreachable directory" 1 '127.0.0.1:1' plan -c "$(settings unreachable 's,uri: .*,uri: ldaps://127.0.0.1:1,')"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj "/CN=Other CA" -keyout "$work/o.key" -out "$work/other.pem" 2>/dev/null
expect "untrusted directory" 1 'certificate' plan -c "$(settings untrusted "s,tls_ca_file: .*,tls_ca_file: other.pem,")"
expect "missing CA file" 1 'gone.pem' plan -c "$(settings ca 's,tls_ca_file: .*,tls_ca_file: gone.pem,')"
printf 'wrong\n' >"$work/wrong.password"
chmod 600 "$work/wrong.password"
expect "wrong password" 1 'password.*cn=dirbridge' plan -c "$(settings password 's,password_file: .*,password_file: wrong.password,')"
expect "plaintext login to elsewhere" 1 'allow_plaintext' plan -c "$(settings plaintext 's,uri: .*,uri: ldap://192.0.2.1,')"
expect "base that is not there" 5 'ou=nobody' plan -c "$(settings base 's/ou=people/ou=nobody/')"
expect "unreachable tenant" 1 '127.0.0.1' plan -c "$(settings tenant 's,_url: .*,_url: http://127.0.0.1:1,; s,^  rate:,  retry_deadline: 1\n  rate:,')"
expect "wrong client secret" 1 'client' plan -c "$(settings secret 's,client_secret_file: .*,client_secret_file: wrong.password,')"
expect "plaintext tenant elsewhere" 1 'only https is allowed' plan -c "$(settings http 's,_url: .*,_url: http://192.0.2.1,')"
expect "unknown skill" 2 'yaml:[0-9]+:[0-9]+: skill "Biling" is not in the tenant; nearest: "Billing"' plan -c "$(rules skill 's/{Billing:/{Biling:/')"
expect "unknown role" 2 ':[0-9]+:[0-9]+: role "Agnt" is not in the tenant; nearest: "Agent"' plan -c "$(rules role 's/role: Agent/role: Agnt/')"
expect "an error in a rule" 2 ':[0-9]+:[0-9]+: ' plan -c "$(rules error 's/inGroup("cc-billing")/inGroup("cc-billing"/')"
expect "an unknown function" 2 'inGruop.*nearest.*inGroup' plan -c "$(rules function 's/inGroup/inGruop/')"
expect "a group that is not there freezes all" 5 'cc-agnts' plan --exit-code -c "$(rules group 's/cn=cc-agents/cn=cc-agnts/')"
check "nothing was written by all that" no_writes "$writes"

# --- LDIF as a directory, with what a server would not hold ------------------------------
ldif() { # NAME: settings that read $work/NAME.ldif
	settings "$1" "s,^  uri:.*,  kind: ldif\n  ldif: $1.ldif,"
}
cp "$work/company.ldif" "$work/same.ldif"
expect "the same company as LDIF" 3 '' plan --exit-code -c "$(ldif same)"
python3 - "$work" <<'P'
import base64, sys
work = sys.argv[1]
blocks = open(work + "/company.ldif", encoding="utf-8").read().split("\n\n")
people = [i for i, b in enumerate(blocks) if b.startswith("dn: uid=")]
def change(index, name, line):
    rows = [l for l in blocks[index].split("\n") if not l.startswith(name + ":")]
    return "\n".join(rows[:1] + [line] + rows[1:])
bad = list(blocks)
bad[people[20]] = change(people[20], "title", "title:: " + base64.b64encode(b"\xff\xfe").decode())
open(work + "/utf8.ldif", "w", encoding="utf-8").write("\n\n".join(bad))
two = list(blocks)
mail = next(l for l in blocks[people[21]].split("\n") if l.startswith("mail:"))
two[people[22]] = change(people[22], "mail", mail.upper().replace("MAIL:", "mail:"))
open(work + "/twice.ldif", "w", encoding="utf-8").write("\n\n".join(two))
no_key = list(blocks)
no_key[people[23]] = "\n".join(l for l in blocks[people[23]].split("\n") if "UUID" not in l)
open(work + "/nokey.ldif", "w", encoding="utf-8").write("\n\n".join(no_key))
open(work + "/change.ldif", "w").write("dn: cn=x\nchangetype: delete\n")
P
expect "an entry without its key spoils the read" 5 'not read completely: .*uid=' plan --exit-code -c "$(ldif nokey)"
expect "and nobody counts as gone" 5 'nobody is taken for a leaver' plan --exit-code -c "$work/nokey.yaml"
expect "broken UTF-8 in one value" 5 'title: the value is not UTF-8' plan --exit-code -c "$(ldif utf8)"
expect "two people with one login name" 5 'two people have the userName' plan --exit-code -c "$(ldif twice)"
sed '/^title:/d' "$work/company.ldif" >"$work/untitled.ldif"
expect "an attribute that a file has lost" 4 'nobody has title any more' plan --exit-code -c "$(ldif untitled)"
expect "an LDIF of changes is no directory" 2 'change.ldif:2' plan --exit-code -c "$(ldif change)"

# --- the tenant's bad days ---------------------------------------------------------------
sandbox_stop
restart() { # OPTION...: the sandbox with faults, on the tenant as it was before everything
	cp "$work/before.jsonl" "$work/tenant.jsonl"
	rm -f "$work"/dirbridge.db*
	sandbox_start "$work/tenant.jsonl" --lag 50 "$@"
	write_settings "$work"
}
restart --rate 0 --token-life 1
expect "tokens that expire are renewed" 0 'steps done' apply --yes -c "$c"
expect "and then nothing" 0 'Nothing to do' plan --exit-code -c "$c"
sandbox_stop
restart --rate 0 --fault '*:every=31:status=429:retry-after=0' --fault 'ROLE_GRANT:after=2:count=2:status=503' --fault 'QUEUE_CHANGE:after=1:count=1:status=503'
expect "a tenant that is often unavailable" 0 'steps done' apply --yes -c "$c"
expect "and then nothing" 0 'Nothing to do' plan --exit-code -c "$c"
sandbox_stop
restart --rate 0 --fault 'SCIM_CREATE:every=9:cut=after'
expect "answers lost after the write" 5 'unknown' apply --yes -c "$c"
expect "the next run finds what was done" 0 'steps done' apply --yes -c "$c"
expect "and then nothing" 0 'Nothing to do: 55 people' plan --exit-code -c "$c"
sandbox_stop
users=$(python3 -c "
import json
u = [json.loads(l)['email'] for l in open('$work/tenant.jsonl') if '\"kind\":\"user\"' in l]
print(len(u) - len(set(u)), len(u))")
check "no account was made twice" test "$users" = "0 75"
restart --rate 0 --fault 'SCIM_CREATE:after=5:count=1:status=400'
expect "one person fails, the others go on" 5 'failed.*create the account' apply --yes -c "$c"
expect "the next run makes up for it" 0 'steps done' apply --yes -c "$c"
sandbox_stop
restart --rate 0 --fault 'USERS:every=1:half-body'
expect "half an answer is no answer" 1 '/api/v2/users' plan --exit-code -c "$(settings half 's,^  rate:,  retry_deadline: 1\n  rate:,')"

# --- the state ---------------------------------------------------------------------------
sandbox_stop
restart --rate 0
if [ "$(id -u)" = 0 ] && mkdir "$work/small" && mount -t tmpfs -o size=160k tmpfs "$work/small" 2>/dev/null; then
	mounted=$work/small
	full=$(settings full "s,file: dirbridge.db,file: small/dirbridge.db,")
	expect "a full disk under the journal" 1 'disk is full' apply --yes -c "$full"
	check "stops before it loses count" test "$(calls)" -lt 60
	umount "$mounted"
	mounted=
else
	skip "a full disk under the journal" "needs root and tmpfs"
fi
expect "apply again" 0 'steps done' apply --yes -c "$c"
printf 'garbage, not a database, garbage, not a database' >"$work/damaged.db"
expect "a damaged state" 1 'damaged.*Restore a backup' plan -c "$(settings damaged 's,file: dirbridge.db,file: damaged.db,')"
python3 - "$work/dirbridge.db" "$$" <<'P'
import sqlite3, sys, socket
db = sqlite3.connect(sys.argv[1])
key = db.execute("SELECT source, target FROM run").fetchone()
born = open(f"/proc/{sys.argv[2]}/stat").read().rsplit(")", 1)[1].split()[19]
db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, 'dirbridge', ?, ?, ?, 0, 7)",
           (*key, socket.gethostname(), int(sys.argv[2]), born))
db.commit()
P
expect "another run holds the lock" 6 "process $$ on" apply --yes -c "$c"
expect "a plan needs no lock" 0 'Nothing to do' plan --exit-code -c "$c"

if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

#!/bin/bash
# Saved plans: shown, approved, applied; and what has moved, expired or was edited since.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-saved.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0 skipped=0
finish() {
	trap '' INT TERM
	sandbox_stop
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
	{ tail -n 6 "$work/chk"; tail -n 12 "$work/out"; head -n 12 "$work/err"; } | cut -c1-300 | sed 's/^/       /'
}
# expect NAME CODE REGEX ARGUMENT...: run dirbridge; exit code, and REGEX in what it says.
expect() {
	local name=$1 code=$2 regex=$3 status=0
	shift 3
	"$build/dirbridge" "$@" -c "$c" >"$work/out" 2>"$work/err" </dev/null || status=$?
	if [ "$status" -ne "$code" ]; then
		bad "$name" "exit $status, not $code"
	elif [ -n "$regex" ] && ! grep -Eq -- "$regex" "$work/out" "$work/err"; then
		bad "$name" "nothing says /$regex/"
	else
		ok "$name"
	fi
}
check() {
	local name=$1
	shift
	if "$@" >"$work/chk" 2>&1; then ok "$name"; else bad "$name" "not so: $*"; fi
}
writes() { curl -sf "$SANDBOX_URL/sandbox/counters" | python3 -c "
import json, sys
c = json.load(sys.stdin)['calls']
print(sum(n for op, n in c.items() if op.startswith(('SCIM_C', 'SCIM_P', 'SKILL', 'LANGUAGE_', 'LANGUAGES_P',
    'ROLE_', 'SUBJECT_B', 'GRANT_', 'GROUP_', 'QUEUE_C', 'DIVISION_', 'USER_P')) and op not in ('SKILLS',)))"; }
nothing_written() { [ "$(writes)" = "$before" ]; }
# reseal FROM TO SED: a plan with a change and a hash that fits it.
reseal() {
	sed "$3" "$1" | python3 -c '
import hashlib, re, sys
text = sys.stdin.buffer.read()
text = text[:text.rindex(b"\n\"sha256\"")]
sys.stdout.buffer.write(text + b"\n\"sha256\":\"" + hashlib.sha256(text).hexdigest().encode() + b"\"}\n")' >"$2"
}

"$build/tests/tools/gen_directory" --people 40 --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 5 >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
SLAPD_BASE=dc=example,dc=org LDAPS_URI=ldaps://127.0.0.1:1 CA_FILE=/dev/null
BIND_DN=cn=none BIND_PASSWORD_FILE=/dev/null
: "$LDAPS_URI $CA_FILE $BIND_DN $BIND_PASSWORD_FILE $SLAPD_BASE" # for write_settings
write_settings "$work"
sed -i "s,^  uri:.*,  kind: ldif\n  ldif: company.ldif," "$work/dirbridge.yaml"
c=$work/dirbridge.yaml
p=$work/plan.json

# --- made, shown, applied -----------------------------------------------------------------
expect "a plan is saved" 3 'accounts created' plan --exit-code -o "$p"
cp "$work/out" "$work/plan.txt"
check "for its owner alone" test "$(stat -c %a "$p")" = 600
before=$(writes)
expect "shown" 0 'accounts created' show "$p"
check "as it was when it was made" diff "$work/plan.txt" "$work/out"
expect "shown as JSON" 0 '' show "$p" --json
check "with the same bytes" cmp "$work/out" "$p"
if command -v node >/dev/null && [ -d tests/npm/node_modules/ajv ]; then
	mkdir "$work/schemas"
	for kind in settings rules test plan; do
		"$build/dirbridge" check --schema $kind >"$work/schemas/$kind.json"
	done
	check "valid by the schema that is printed" node tests/npm/schema.js "$work/schemas" plans "$p"
else
	echo "skip the schema of plans: node, or ajv in tests/npm, is not there (make deps)"
	skipped=$((skipped + 1))
fi
expect "an unknown format" 2 'text, json, csv or html' show "$p" --format odt
# Another's reader of CSV against the JSON: the same steps, value by value.
cat >"$work/read_rows.py" <<'X'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8"), strict=True))
plan = json.load(open(sys.argv[2], encoding="utf-8"))
people = {p["person"]: p for p in plan["people"]}
steps = plan["steps"]
if len(sys.argv) > 3:
    steps = [s for s in steps if s["kind"] == sys.argv[3]]
if len(sys.argv) > 4:
    steps = [s for s in steps if s["userName"] == sys.argv[4]]
assert len(rows) == len(steps) > 0, (len(rows), len(steps))
same = {"step", "kind", "person", "userName", "attribute", "type", "name", "id", "division", "divisionId",
        "old", "oldName", "new", "rule"}
for row, step in zip(rows, steps):
    who = people[step["person"]]
    want = {k: str(step.get(k, "")) for k in same}
    want |= {"change": who["change"], "displayName": who["displayName"], "dn": who["dn"],
             "account": who.get("account", ""), "level": f"{step['level']:g}" if "level" in step else "",
             "drift": "yes" if step.get("drift") else "", "privileged": "yes" if step.get("privileged") else ""}
    for key, value in want.items():
        if value.lstrip(" ")[:1] in "=+-@" and value.lstrip(" "):
            value = "'" + value
        assert row[key] == value, (key, row[key], value)
X
expect "shown as CSV" 0 '' show "$p" --format csv
check "holds each step" python3 "$work/read_rows.py" "$work/out" "$p"
expect "one kind as CSV" 0 '' show "$p" --format csv --kind grant
check "holds these steps" python3 "$work/read_rows.py" "$work/out" "$p" grant
who=$(sed -n 's/.*"kind":"create".*"userName":"\([^"]*\)".*/\1/p' "$p" | sed -n 5p)
expect "one kind of one person as CSV" 0 '' show "$p" --format csv --kind skill-set --kind grant --only "${who^^}"
expect "one person" 0 'Only a part is shown above' show "$p" --only "$who"
check "and nobody else" test "$(grep -c 'create the account' "$work/out")" = 1
expect "one kind" 0 'New accounts' show "$p" --kind skill-set --all
count=$(grep -c '"kind":"skill-set"' "$p")
check "each of them" test "$(grep -c '^    + skill ' "$work/out")" = "$count"
check "and no other" test "$(grep -c '[.]yaml:[0-9]' "$work/out")" = "$count"
expect "somebody who is not in the plan" 1 'nobody with the login name' show "$p" --only nobody@example.org
expect "a kind that there is none of" 2 'no kind of step grants; kinds are disable,.*grant' show "$p" --kind grants
expect "a part as JSON" 2 'json is the whole plan; --kind' show "$p" --json --kind grant
expect "one person as JSON" 2 'whole plan; --only' show "$p" --format json --only "$who"
expect "a fresh plan as CSV" 0 '' plan --format csv
check "holds each step as well" python3 "$work/read_rows.py" "$work/out" "$p"
expect "rules against others as CSV" 2 'no csv, no html and no --kind' plan --format csv --against "$work/mappings/agents.yaml"
expect "no file" 1 'nowhere.json' show "$work/nowhere.json"
printf '{}\n' >"$work/none.json"
expect "a file that is no plan" 2 'not a saved plan' show "$work/none.json"
expect "and is not applied" 2 'not a saved plan' apply "$work/none.json"
sed 's/"displayName":"[^"]*"/"displayName":"Mallory"/' "$p" >"$work/edited.json"
expect "an edited one" 4 'changed after it was made' show "$work/edited.json"
expect "is not applied" 4 'changed after it was made' apply "$work/edited.json"
expect "nor approved" 4 'changed after it was made' approve "$work/edited.json" --key "$work/none"
reseal "$p" "$work/old.json" 's/"expires":"20[0-9][0-9]/"expires":"2001/'
expect "an old one" 4 'has expired \(2001' apply "$work/old.json"
reseal "$p" "$work/other.json" 's,"target":"[^"]*","target":"https://api.example.org",'
expect "one for another tenant" 4 'for another tenant' apply "$work/other.json"
expect "a part of one" 2 'applied as a whole' apply "$p" --only uid=x
check "nothing was written by all that" nothing_written
expect "applied, and nobody is asked" 0 'steps done' apply "$p"
expect "and then nothing is left" 0 'Nothing to do' plan --exit-code
expect "applied once more" 5 'its ground has moved since the plan was made: create' apply "$p"
before=$(writes)

# --- its ground moves ---------------------------------------------------------------------
first=$(sed -n 's/^dn: \(uid=[^,]*\),.*/\1/p' "$work/company.ldif" | sed -n 3p)
second=$(sed -n 's/^dn: \(uid=[^,]*\),.*/\1/p' "$work/company.ldif" | sed -n 7p)
title() { # UID TITLE: in the directory
	python3 - "$work/company.ldif" "$1" "$2" <<'P'
import sys
path, uid, title = sys.argv[1:]
blocks = open(path, encoding="utf-8").read().split("\n\n")
for i, b in enumerate(blocks):
    if b.startswith("dn: " + uid + ","):
        rows = [r for r in b.split("\n") if not r.startswith("title:")]
        blocks[i] = "\n".join(rows[:1] + ["title: " + title] + rows[1:])
open(path, "w", encoding="utf-8").write("\n\n".join(blocks))
P
}
title "$first" "Head of tests"
title "$second" "Second"
expect "two are to change" 3 '2 steps for 2 people' plan --exit-code -o "$p"
title "$second" "Third"
expect "an entry has moved: its step is named, the other done" 5 \
	'not done.*set title; it would now be .* -> Third' apply "$p"
check "one step was done" grep -q '1 of 1 steps done' "$work/out"
expect "what the plan did not hold is still to be done" 3 '1 step for 1 person' plan --exit-code -o "$p"
sed -i 's,^      manager: .*,&\n      title: x${entry.title},' "$work/mappings/agents.yaml"
expect "the rules have moved" 5 'settings or rules have changed since' apply "$p"
check "and nothing was done" grep -q '0 of 0 steps done' "$work/out"
sed -i '/^      title: x/d' "$work/mappings/agents.yaml"
expect "and back again" 0 'steps done' apply --yes
expect "nothing is left" 0 'Nothing to do' plan --exit-code

# --- limits --------------------------------------------------------------------------------
cp "$work/company.ldif" "$work/all.ldif"
python3 - "$work/company.ldif" <<'P'
import sys
blocks = open(sys.argv[1], encoding="utf-8").read().split("\n\n")
people = [i for i, b in enumerate(blocks) if b.startswith("dn: uid=")][:6]
gone = [blocks[i].split("\n")[0][4:] for i in people]
blocks = [b for i, b in enumerate(blocks) if i not in people]
text = "\n".join(l for l in "\n\n".join(blocks).split("\n") if not (l.startswith("member: ") and l[8:] in gone))
open(sys.argv[1], "w", encoding="utf-8").write(text)
P
sed -i '/^limits:/,/^[a-z]/{/^limits:/d}' "$c"
printf 'limits: {disables: {count: 3}}\n' >>"$c"
before=$(writes)
expect "too many leave: refused, and the plan is saved" 4 \
	'the plan is saved: .*dirbridge apply .*refused.json --allow disables=6' apply --yes
refused=$work/dirbridge.db.refused.json
expect "it can be looked at" 0 'disables: 6 in this plan' show "$refused"
expect "it is not applied as it is" 4 'was refused when it was made' apply "$refused"
expect "nor with too little" 4 'disables: 6 in this plan' apply "$refused" --allow disables=5
expect "a limit that is none" 2 'no limit "disabels"; nearest: disables' apply "$refused" --allow disabels=6
expect "a count that is none" 2 'is no count' apply "$refused" --allow disables=x
expect "no count" 2 'takes KIND=COUNT' apply "$refused" --allow disables
check "nothing was written by all that" nothing_written

# --- approval ------------------------------------------------------------------------------
openssl genpkey -algorithm ed25519 -out "$work/boss.key" 2>/dev/null
openssl pkey -in "$work/boss.key" -pubout -out "$work/boss.pub"
openssl genpkey -algorithm ed25519 -out "$work/other.key" 2>/dev/null
openssl genpkey -algorithm RSA -out "$work/rsa.key" 2>/dev/null
chmod 600 "$work"/*.key
printf 'approval: {key_file: boss.pub}\n' >>"$c"
expect "without a plan nothing is applied" 2 'only a saved and signed plan' apply --yes
expect "without a signature neither" 2 'refused.json.sig' apply "$refused"
expect "nor does the one who runs it allow" 2 'approve .*--allow' apply "$refused" --allow disables=6
expect "a key is needed" 2 '--key FILE is missing' approve "$refused"
expect "one that is there" 1 'nokey' approve "$refused" --key "$work/nokey"
expect "and of Ed25519" 2 'no private key of Ed25519' approve "$refused" --key "$work/rsa.key"
chmod 644 "$work/boss.key"
expect "and nobody else's to read" 2 'others may read' approve "$refused" --key "$work/boss.key"
chmod 600 "$work/boss.key"
expect "signed by somebody else" 0 'approves the plan' approve "$refused" --key "$work/other.key" --allow disables=6
expect "is not signed" 2 'not one of the key' apply "$refused"
expect "signed without what it needs" 0 'approves the plan' approve "$refused" --key "$work/boss.key"
expect "is still refused" 4 'was refused when it was made' apply "$refused"
expect "signed" 0 'approves the plan' approve "$refused" --key "$work/boss.key" --allow disables=6
cp "$refused.sig" "$work/good.sig"
sed -i 's/"disables":6/"disables":600/' "$refused.sig"
expect "what is allowed was edited" 2 'not one of the key' apply "$refused"
printf 'x' >"$refused.sig"
expect "no approval at all" 2 'this is no approval' apply "$refused"
cp "$work/good.sig" "$p.sig"
expect "the approval of another plan" 2 'approves another plan' apply "$p"
check "nothing was written by all that" nothing_written
cp "$work/good.sig" "$refused.sig"
expect "the approved plan is applied" 0 '6 of 6 steps done' apply "$refused"
sed -i '/^approval:/d' "$c"
expect "and nothing is left" 0 'Nothing to do' plan --exit-code

# --- for some people ----------------------------------------------------------------------
uid=$(sed -n 's/^dn: \(uid=[^,]*\),.*/\1/p' "$work/company.ldif" | sed -n 9p)
title "$uid" "Chosen"
title "$(sed -n 's/^dn: \(uid=[^,]*\),.*/\1/p' "$work/company.ldif" | sed -n 10p)" "Not chosen"
expect "a plan for one" 3 '1 step for 1 person' plan --exit-code --only "$uid" -o "$p"
expect "is applied for that one" 0 '1 of 1 steps done' apply "$p"
expect "and the other is still to be done" 3 '1 step for 1 person' plan --exit-code

# --- the record of it all ------------------------------------------------------------------
expect "each run is as it was recorded" 0 'runs, each as it was recorded; newest hash [0-9a-f]{64}' runs --verify
expect "as JSON" 0 '"schema":"dirbridge.audit/1","ok":true' runs --verify --json
expect "a copy of the state" 0 '' backup "$work/copy.db"
check "for its owner alone" test "$(stat -c %a "$work/copy.db")" = 600
expect "where it can not be" 1 'nowhere/copy.db' backup "$work/nowhere/copy.db"
cp "$work/dirbridge.db" "$work/kept.db"
python3 - "$work/dirbridge.db" <<'P'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE step SET outcome = 'done', error = NULL, user_name = 'mallory@x' WHERE run = 1 AND seq = 0")
db.commit()
P
expect "a step that was changed later" 1 'run 1: its steps are not those that were recorded' runs --verify
cp "$work/copy.db" "$work/dirbridge.db"
rm -f "$work"/dirbridge.db-*
expect "the copy in its place" 0 'each as it was recorded' runs --verify
expect "and all goes on" 3 '1 step for 1 person' plan --exit-code

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

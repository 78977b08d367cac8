#!/bin/bash
# First contact with a tenant that has accounts already, a lost state, and new directory ids.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-adopt.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0
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
	{ tail -n 14 "$work/out"; head -n 12 "$work/err"; } | cut -c1-300 | sed 's/^/       /'
}
expect() { # NAME CODE REGEX ARGUMENT...
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
state() { curl -sf "$SANDBOX_URL/sandbox/state"; }
settings() {
	sed "s,URL,$SANDBOX_URL,g" "$work/settings.in" >"$work/dirbridge.yaml"
}

mkdir "$work/mappings"
cp examples/quickstart/mappings/agents.yaml "$work/mappings/"
printf 'demo-secret\n' >"$work/tenant.secret"
chmod 600 "$work/tenant.secret"
cat >"$work/settings.in" <<X
directory:
  kind: ldif
  ldif: company.ldif
  people: {base: "ou=people,dc=example,dc=org", filter: (objectClass=inetOrgPerson)}
  groups: {base: "ou=groups,dc=example,dc=org", filter: (objectClass=groupOfNames)}
target: {api_url: URL, login_url: URL, client_id: dirbridge-demo, client_secret_file: tenant.secret, rate: 0}
state: {file: dirbridge.db}
rules: [mappings/agents.yaml]
limits: {disables: {min: 20}}
X
c=$work/dirbridge.yaml
"$build/tests/tools/gen_directory" --people 30 --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 4 >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
settings
"$build/dirbridge" apply --yes -c "$c" >/dev/null
sandbox_stop
rm -f "$work"/dirbridge.db*

# The accounts are there, and nobody remembers who made them: ten have lost their external ids,
# one of them holds an administrator's role, two have more than the rules want.
python3 - "$work/tenant.jsonl" <<'P'
import json, sys
things = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
users = [t for t in things if t["kind"] == "user" and t.get("externalId")]
skills = [t for t in things if t["kind"] == "skill"]
admin = next(t for t in things if t["kind"] == "role" and t["name"] == "Master Admin")
home = next(t for t in things if t["kind"] == "division" and t.get("home"))
for user in users[:10]:
    user.pop("externalId")
    user.pop("externalIds", None)
for user in users[3:5]:
    have = {s["id"] if isinstance(s, dict) and "id" in s else s for s in map(lambda s: s.get("id", s.get("name")), user.get("skills", []))}
    user["title"] = "Legend"
things.append({"kind": "grant", "subject": users[0]["id"], "role": admin["id"], "division": home["id"]})
open(sys.argv[1], "w", encoding="utf-8").write("".join(json.dumps(t) + "\n" for t in things))
P
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
settings
state >"$work/before"

# --- who is who ---------------------------------------------------------------------------
expect "a plan takes no account by its name alone" 5 'link it with: dirbridge adopt' plan --exit-code
expect "what there is" 0 'Strong: .* \(20\)' adopt
check "weak ones" grep -q 'Weak: .* (9)' "$work/out"
check "a privileged one" grep -Eq 'Privileged: .* \(1\)' "$work/out"
check "and why" grep -q 'it holds the privileged role Master Admin' "$work/out"
expect "as JSON" 0 '"strong":20,"weak":9,"relink":0,"privileged":1' adopt --json
expect "as a list" 0 '' adopt -o "$work/list"
check "strong ones are there, the others are not" test "$(grep -cv '^#\|^$' "$work/list")" = 20
check "and would be" test "$(grep -c '^#[0-9a-f]' "$work/list")" = 10
check "nothing was written" test ! -e "$work/dirbridge.db"

# --- a list with mistakes -------------------------------------------------------------------
first=$(grep -v '^#\|^$' "$work/list" | head -n 1)
for row in "nobody|${first%% *} 00000000-0000-0000-0000-000000000000|list:1: .*nobody who waits" \
	"no account|00000000-0000-0000-0000-000000000000 ${first#* }|list:1: there is no account" \
	"one word|${first%% *}|list:1: a line is ACCOUNT PERSON" \
	"twice|$first"$'\n'"${first%% *} $(grep -v '^#\|^$' "$work/list" | sed -n '2s/^[^ ]* //p')|list:2: .*listed twice"; do
	IFS='|' read -r -d '' name lines regex <<<"$row" || true
	printf '%s\n' "$lines" >"$work/bad.list"
	expect "a list: $name" 2 "bad.${regex%$'\n'}" adopt --yes-to "$work/bad.list"
done
expect "no list" 1 'nowhere' adopt --yes-to "$work/nowhere"

# --- taken ----------------------------------------------------------------------------------
expect "strong ones by one yes" 0 '20 people were linked; nothing was changed in the tenant' adopt --yes
expect "they are linked" 0 '20 people are linked already' adopt
sed -n 's/^#\([0-9a-f]\)/\1/p' "$work/list" >"$work/yes.list"
expect "the others by a list" 0 '10 people were linked' adopt --yes-to "$work/yes.list"
expect "nobody is left" 0 '30 people are linked already' adopt
check "the tenant is as it was" diff <(state) "$work/before"
expect "it is in the history" 0 'adopted' runs
expect "a plan sets what differs" 3 'attributes set' plan --exit-code
check "and makes nobody" bash -c "! grep -q 'accounts created' '$work/out'"
expect "applied" 0 'steps done' apply --yes
expect "and nothing is left" 0 'Nothing to do' plan --exit-code
sandbox_stop

# --- what they had before -------------------------------------------------------------------
rm -f "$work"/dirbridge.db*
python3 - "$work/tenant.jsonl" "$work/extra" <<'P'
import json, sys
things = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
user = next(t for t in things if t["kind"] == "user" and t.get("externalId"))
skill = {"kind": "skill", "id": "77777777-7777-7777-7777-777777777777", "name": "Juggling"}
at = next(i for i, t in enumerate(things) if t["kind"] == "user")
things.insert(at, skill)
user.setdefault("skills", []).append({"id": skill["id"], "proficiency": 3})
open(sys.argv[1], "w", encoding="utf-8").write("".join(json.dumps(t) + "\n" for t in things))
P
sed -i 's/^    assign:/    own: {skills: manage}\n&/' "$work/mappings/agents.yaml"
sed -i 's/^      - when: inGroup("cc-billing")/      - {when: "true", skills: {}}\n&/' "$work/mappings/agents.yaml"
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
settings
expect "linked again after the state was lost" 0 '3[0-9] people were linked|2[0-9] people were linked' adopt --yes
"$build/dirbridge" adopt -o "$work/rest" -c "$c" >/dev/null
sed -n 's/^#\([0-9a-f]\)/\1/p' "$work/rest" >"$work/yes.list"
[ ! -s "$work/yes.list" ] || "$build/dirbridge" adopt --yes-to "$work/yes.list" -c "$c" >/dev/null
expect "what it had before stays, also under manage" 0 'an adopted account had before and is left' plan --exit-code
expect "it can be seen" 0 '^skill Juggling: ' adopt --found
expect "as a list" 0 '' adopt --found -o "$work/found"
printf 'skill:x:  y\n' >"$work/bad.found"
expect "a list with a mistake" 2 'bad.found:1: nothing of that kind' adopt --found --yes-to "$work/bad.found"
sed -n 's/^#\(skill:7777\)/\1/p' "$work/found" >"$work/go.found"
expect "let go" 0 '1 things are no longer kept' adopt --found --yes-to "$work/go.found"
expect "then it is taken away" 3 '1 skills removed' plan --exit-code
expect "applied" 0 '1 of 1 steps done' apply --yes

# --- somebody under a new directory id ------------------------------------------------------
python3 - "$work/company.ldif" <<'P'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
blocks = text.split("\n\n")
at = [i for i, b in enumerate(blocks) if b.startswith("dn: uid=")][4]
blocks[at] = re.sub(r"entryUUID: .*", "entryUUID: 12345678-1234-1234-1234-123456789abc", blocks[at])
open(sys.argv[1], "w", encoding="utf-8").write("\n\n".join(blocks))
P
expect "nobody is disabled, nobody is made" 5 'may be the same person \(dirbridge adopt\)' plan --exit-code
check "not a single step" bash -c "! grep -Eq 'deactivated|accounts created' '$work/out'"
expect "a re-link" 0 'Re-link: .* \(1\)' adopt
expect "waits for a listed yes" 0 '0 people were linked' adopt --yes
"$build/dirbridge" adopt -o "$work/list" -c "$c" >/dev/null
sed -n 's/^#\([0-9a-f]\)/\1/p' "$work/list" >"$work/yes.list"
expect "which is given" 0 '1 person was linked' adopt --yes-to "$work/yes.list"
expect "and all goes on" 3 '1 step for 1 person' plan --exit-code
expect "with the new id" 0 '1 of 1 steps done' apply --yes
expect "nothing is left" 0 'Nothing to do' plan --exit-code

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/bash
# Reading the tenant in bulk: more inactive users than pages show, people touched by id,
# deleted accounts, expansions that do not come; calls are counted, plans compared.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-reads.XXXXXX")
chmod 755 "$work"
# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
finish() {
	trap '' INT TERM
	sandbox_stop
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0 failed=0
ok() {
	passed=$((passed + 1))
	echo "ok   $1"
}
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	tail -n 5 "$work/out" | cut -c1-300 | sed 's/^/       /'
}
# read_all NAME LINE...: what read_tenant prints must hold each of these lines.
read_all() {
	local name=$1 line
	shift
	"$build/tests/tools/read_tenant" "$work/dirbridge.yaml" >"$work/out" 2>&1 || true
	for line; do
		if ! grep -Eq "^$line" "$work/out"; then
			bad "$name" "no line /$line/"
			return
		fi
	done
	ok "$name"
}
reset() { curl -sf -X POST "$SANDBOX_URL/sandbox/reset" >/dev/null; }
calls() { # OP: how often since the last reset
	curl -sf "$SANDBOX_URL/sandbox/counters" | python3 -c "
import json, sys
print(json.load(sys.stdin)['calls'].get('$1', 0))"
}
# called NAME OP=COUNT...
called() {
	local name=$1 pair got
	shift
	for pair; do
		got=$(calls "${pair%%=*}")
		if [ "$got" != "${pair#*=}" ]; then
			bad "$name" "${pair%%=*} was called $got times, not ${pair#*=}"
			return
		fi
	done
	ok "$name"
}

# ---- more inactive users than pages show ----

people="ou=people,$SLAPD_BASE" groups="ou=groups,$SLAPD_BASE"
LDAPS_URI=ldaps://127.0.0.1 CA_FILE=/dev/null BIND_DN=cn=none BIND_PASSWORD_FILE=/dev/null
"$build/tests/tools/gen_tenant" --seed 3 --foreign 5 >"$work/few.jsonl"
python3 - "$work/few.jsonl" "$work/many.jsonl" 12000 <<'X'
import json, sys
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
pattern = next(json.loads(x) for x in lines if '"kind":"user"' in x)
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write("\n".join(lines) + "\n")
    for n in range(int(sys.argv[3])):
        one = {"kind": "user", "id": f"00000000-0000-4000-8000-{n:012d}", "state": "inactive",
               "name": f"Left {n}", "email": f"left{n}@example.org"}
        one.update({k: pattern[k] for k in ("division", "version") if k in pattern})
        out.write(json.dumps(one) + "\n")
X
sandbox_start "$work/many.jsonl" --save "$work/saved.jsonl" --rate 0
write_settings "$work"
read_all "12,000 inactive users by cursor" "digest users=12005" complete
called "one page, then by cursor" USERS=2 USERS_QUERY=24
sandbox_stop
sandbox_start "$work/many.jsonl" --save "$work/saved.jsonl" --rate 0 \
	--fault USERS_QUERY:status=403
write_settings "$work"
read_all "refused: the first 10,000, and it says so" "digest users=10005" incomplete \
	"reason inactive users past the 10000th need directory:user:view in all divisions: GET /api/v2/users/query"
sandbox_stop

# ---- people touched, against a real directory ----

SLAPD_EXTRA=$'moduleload syncprov\noverlay syncprov\nsyncprov-sessionlog 10000'
"$build/tests/tools/gen_directory" --people 700 --groups 20 --seed 3 >"$work/company.ldif"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
sandbox_start "$work/few.jsonl" --save "$work/saved.jsonl" --rate 0 --lag 0
write_settings "$work"
sed -i '/max_drop/d' "$work/dirbridge.yaml"
run() { "$build/dirbridge" "$@" -q -c "$work/dirbridge.yaml" >"$work/out" 2>&1; }
run apply --yes || [ $? -eq 5 ] || bad "the first run" "failed"
run apply --yes || [ $? -eq 5 ] || bad "the second run" "failed"
retitle() { # COUNT TITLE: of the first so many people
	awk -v n="$1" -v title="$2" '/^dn: uid=/ && seen++ < n {
		print $0 "\nchangetype: modify\nreplace: title\ntitle: " title "\n"
	}' "$work/company.ldif" | slapd_modify
}
# touched NAME COUNT CALLS: a plan for so many people takes so many calls for users, and is
# that of a full run.
touched() {
	retitle "$2" "Title $1"
	reset
	run plan --json || [ $? -eq 3 ] || [ $? -eq 5 ] || bad "$1" "the plan failed"
	cp "$work/out" "$work/part.json"
	called "$1: calls for users" USERS="$3" USERS_QUERY=0 USERS_SEARCH=0
	run plan --full --json || [ $? -eq 3 ] || [ $? -eq 5 ] || bad "$1" "the full plan failed"
	if python3 - "$work/part.json" "$work/out" "$2" <<'X'
import json, sys
part, full = (json.load(open(p, encoding="utf-8")) for p in sys.argv[1:3])
assert len(part["steps"]) >= int(sys.argv[3]) * 9 // 10, len(part["steps"])
for key in ("steps", "people", "skipped", "inScope"):
    assert part.get(key) == full.get(key), key
X
	then ok "$1: the plan of a full run"; else bad "$1" "another plan than a full run's"; fi
}
touched "three people" 3 1
called "three people: grants one by one" SUBJECT=3
touched "250 people" 250 3
run apply --yes || [ $? -eq 5 ] || bad "apply" "failed"
run apply --yes || [ $? -eq 5 ] || bad "apply again" "failed"
reset
run plan || [ $? -eq 5 ] || bad "nobody" "the plan failed"
called "nobody touched: no call" USERS=0 TOKEN=0

# A joiner: nobody has the name, also nobody deleted; one search tells both.
printf 'dn: uid=joiner,%s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: joiner\ncn: Joiner One\nsn: One\nmail: joiner.one@example.org\nl: Berlin\ntitle: Agent\nemployeeNumber: 90001\n' \
	"$people" | slapd_modify
printf 'dn: cn=cc-agents,%s\nchangetype: modify\nadd: member\nmember: uid=joiner,%s\n' "$groups" \
	"$people" | slapd_modify
reset
run plan --json || [ $? -eq 3 ] || [ $? -eq 5 ] || bad "a joiner" "the plan failed"
if grep -q '"kind":"create"' "$work/out"; then ok "a joiner is created"; else bad "a joiner" "no step"; fi
called "a joiner: one search" USERS_SEARCH=1
sandbox_stop

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

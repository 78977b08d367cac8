#!/bin/bash
# Doing it right against the sandbox's faults: after each of them nothing is left to do, and
# nobody has two accounts.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-right.XXXXXX")
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
ok() { passed=$((passed + 1)); echo "ok   $1 ($SECONDS s)"; }
bad() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	tail -n 6 "$work/out" | cut -c1-300 | sed 's/^/       /'
}
bridge() { # EXIT-CODES ARGUMENT...: dirbridge, which must end with one of the codes
	local codes=$1 status=0
	shift
	"$build/dirbridge" "$@" -c "$work/dirbridge.yaml" >"$work/out" 2>&1 </dev/null || status=$?
	[[ " $codes " == *" $status "* ]] || { bad "$name" "exit $status of $*"; return 1; }
}
state() { curl -sf "$SANDBOX_URL/sandbox/state" >"$work/state.jsonl"; }
one_each() { # nobody who lives has two accounts
	state
	python3 - "$work/state.jsonl" <<-'P'
		import collections, json, sys
		users = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
		users = [u for u in users if u["kind"] == "user" and u["state"] != "deleted"]
		for key in ("email", "externalId"):
		    twice = [v for v, n in collections.Counter(u.get(key) for u in users).items() if v and n > 1]
		    assert not twice, (key, twice)
	P
}
settled() { # everything is as it should be
	bridge 0 plan --exit-code || return 1
	one_each || { bad "$name" "somebody has two accounts"; return 1; }
	ok "$name"
}
scene() { # OPTION...: a tenant with nobody in it yet, and settings for it
	sandbox_stop
	rm -f "$work"/dirbridge.db*
	cp "$work/empty.jsonl" "$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl" --rate 0 --lag 20 --seed 7 "$@"
	sed "s,URL,$SANDBOX_URL,g" "$work/settings.in" >"$work/dirbridge.yaml"
}
later() { # OPTION...: the same tenant and state again, with other faults
	sandbox_stop
	# At the address it had: another one is another tenant, of which the state knows nothing.
	sandbox_start "$work/tenant.jsonl" --listen "127.0.0.1:${SANDBOX_URL##*:}" --rate 0 \
		--lag 20 --seed 8 "$@"
}
token() {
	curl -sf -u dirbridge-demo:demo-secret -d grant_type=client_credentials \
		"$SANDBOX_URL/oauth/token" | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
}
account() { # FIELD: of the first of ours, by the state that was fetched last
	python3 - "$work/state.jsonl" "$1" <<-'P'
		import json, sys
		users = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
		mine = [u for u in users if u["kind"] == "user" and u["email"].endswith("example.org")
		        and "partner" not in u["email"]]
		print(mine[0][sys.argv[2]])
	P
}
delete_user() { # ID [clear]: deleted, as an administrator would; clear: nothing tells whose it was
	sandbox_stop
	python3 - "$work/tenant.jsonl" "$1" "${2:-}" <<-'P'
		import json, sys
		rows = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]
		for row in rows:
		    if row["kind"] == "user" and row["id"] == sys.argv[2]:
		        row["state"] = "deleted"
		        row["version"] += 1
		        if sys.argv[3]:
		            row.pop("externalId", None)
		            row.pop("externalIds", None)
		    if "members" in row:
		        row["members"] = [m for m in row["members"] if m != sys.argv[2]]
		rows = [r for r in rows if r["kind"] != "grant" or r["subject"] != sys.argv[2]]
		with open(sys.argv[1], "w", encoding="utf-8") as f:
		    f.writelines(json.dumps(r, separators=(",", ":")) + "\n" for r in rows)
	P
}

mkdir "$work/mappings"
cp examples/quickstart/mappings/agents.yaml "$work/mappings/"
printf 'demo-secret\n' >"$work/tenant.secret"
chmod 600 "$work/tenant.secret"
cat >"$work/settings.in" <<-X
	directory:
	  kind: ldif
	  ldif: company.ldif
	  people: {base: "ou=people,dc=example,dc=org", filter: (objectClass=inetOrgPerson)}
	  groups: {base: "ou=groups,dc=example,dc=org", filter: (objectClass=groupOfNames)}
	target: {api_url: URL, login_url: URL, client_id: dirbridge-demo, client_secret_file: tenant.secret, rate: 0}
	state: {file: dirbridge.db}
	rules: [mappings/agents.yaml]
	protect: {roles: [Master Admin]}
X
"$build/tests/tools/gen_directory" --people 12 --groups 40 --seed 3 >"$work/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 3 >"$work/empty.jsonl"

# --- a call that is cut, refused or throttled: the run may fail, the next one may not --------
for op in SCIM_CREATE SCIM_PATCH ROLE_GRANT SUBJECT_BULKADD GROUP_ADD QUEUE_CHANGE; do
	for what in cut=before cut=after half-body status=503 status=429:retry-after=1; do
		name="$op, $what"
		scene --fault "$op:count=2:$what"
		bridge "0 5" apply --yes || continue
		bridge 0 apply --yes || continue
		settled || true
	done
done
name="a storm of 429"
scene --fault "*:every=4:count=20:status=429:retry-after=1"
bridge 0 apply --yes && settled
name="503 for every third call, for a while"
scene --fault "*:every=3:count=12:status=503"
bridge "0 1 5" apply --yes && bridge "0 5" apply --yes && bridge 0 apply --yes && settled
name="the token ends on the way"
scene --token-life 1 --fault "*:delay=40"
bridge 0 apply --yes && settled

# --- deleted accounts -------------------------------------------------------------------
name="a linked account that was deleted comes back with its roles"
scene
if bridge 0 apply --yes; then
	state
	id=$(account id)
	delete_user "$id"
	later
	if bridge 0 apply --yes && settled; then
		name="and it is the account it was"
		state
		if grep -q "\"id\":\"$id\".*\"state\":\"active\"" "$work/state.jsonl" &&
			grep -q "\"kind\":\"grant\".*\"subject\":\"$id\"" "$work/state.jsonl"; then
			ok "$name"
		else
			bad "$name" "not active, or without roles"
		fi
	fi
fi
for what in cut=before cut=after half-body status=503; do
	name="restoring, $what"
	delete_user "$id"
	later --fault "USER_PATCH:count=1:$what"
	bridge "0 5" apply --yes && bridge 0 apply --yes && settled
done
name="a deleted account of nobody's holds the address: left, and said"
scene
if bridge 0 apply --yes; then
	state
	delete_user "$(account id)" clear
	rm -f "$work"/dirbridge.db*
	later
	if bridge 5 apply --yes; then
		if grep -q 'is held by the deleted account' "$work/out" && one_each; then
			ok "$name"
		else
			bad "$name" "not said, or somebody has two accounts"
		fi
	fi
fi

# --- an administrator's edit between plan and apply ------------------------------------------
name="an edit of something else meanwhile: sent again with the new version"
scene
if bridge 0 apply --yes; then
	state
	id=$(account id)
	email=$(account email)
	sed -i 's,^title: .*,title: Moved,' "$work/company.ldif"
	edit() { # MEMBER VALUE: by the platform's own call
		local version
		version=$(curl -sf -H "Authorization: Bearer $bearer" "$SANDBOX_URL/api/v2/users/$id" |
			python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
		curl -sf -X PATCH -H "Authorization: Bearer $bearer" -H 'Content-Type: application/json' \
			-d "{\"version\":$version,\"$1\":\"$2\"}" "$SANDBOX_URL/api/v2/users/$id" >/dev/null
	}
	bearer=$(token)
	bridge 0 plan -o "$work/plan.json"
	edit name "Somebody Else"
	if bridge 0 apply "$work/plan.json" --yes; then ok "$name"; fi
	name="an edit of the same value meanwhile: refused, with both values"
	sed -i 's,^title: .*,title: Again,' "$work/company.ldif"
	bridge 0 plan -o "$work/plan2.json"
	edit title "By hand"
	if bridge 5 apply "$work/plan2.json" --yes; then
		if grep -q "$email.*By hand" "$work/out"; then ok "$name"; else bad "$name" "not said"; fi
	fi
	name="and the next run puts it right"
	bridge 0 apply --yes && settled
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

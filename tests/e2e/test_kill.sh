#!/bin/bash
# Killed at any instant: what the next run makes of it (invariant 5).
#   LONG=1   at every write of the state, request and answer, not at some of them
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-kill.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- two beginnings: nobody is there yet; and some come, some change, some go ---------------
mkdir "$work/first" "$work/later"
for scene in first later; do
	mkdir "$work/$scene/mappings"
	cp examples/quickstart/mappings/agents.yaml "$work/$scene/mappings/"
	printf 'demo-secret\n' >"$work/$scene/tenant.secret"
	chmod 600 "$work/$scene/tenant.secret"
	cat >"$work/$scene/settings.in" <<-X
		directory:
		  kind: ldif
		  ldif: company.ldif
		  people: {base: "ou=people,dc=example,dc=org", filter: (objectClass=inetOrgPerson)}
		  groups: {base: "ou=groups,dc=example,dc=org", filter: (objectClass=groupOfNames)}
		target: {api_url: URL, login_url: URL, client_id: dirbridge-demo, client_secret_file: tenant.secret, rate: 0}
		state: {file: dirbridge.db}
		rules: [mappings/agents.yaml]
		protect: {roles: [Master Admin]}
		limits: {disables: {min: 5}, revokes: {min: 50}, group_removals: {min: 50}}
	X
done
"$build/tests/tools/gen_directory" --people 12 --groups 40 --seed 3 >"$work/first/company.ldif"
"$build/tests/tools/gen_tenant" --seed 3 --foreign 3 >"$work/first/tenant.jsonl"
# Three are not there at first; then they join, two have left, and three have other titles and groups.
python3 - "$work/first/company.ldif" "$work/early.ldif" "$work/later/company.ldif" <<'P'
import sys
blocks = open(sys.argv[1], encoding="utf-8").read().split("\n\n")
people = [b for b in blocks if b.startswith("dn: uid=")]
dn = lambda b: b.split("\n")[0][4:]
def without(gone, change=(), leave=()):
    out = []
    for b in blocks:
        if dn(b) in gone:
            continue
        rows = [r for r in b.split("\n") if not (r.startswith("member: ") and
                (r[8:] in gone or (r[8:] in leave and ("billing" in dn(b) or "refunds" in dn(b)
                                                       or "supervisors" in dn(b)))))]
        if dn(b) in change:
            rows = [r for r in rows if not r.startswith("title:")] + ["title: Moved"]
        out.append("\n".join(rows))
    return "\n\n".join(out)
names = [dn(b) for b in people]
open(sys.argv[2], "w", encoding="utf-8").write(without(names[:3]))
open(sys.argv[3], "w", encoding="utf-8").write(without(names[3:5], names[5:8], names[5:10]))
P
mkdir "$work/make"
cp -r "$work/first/." "$work/make/"
cp "$work/early.ldif" "$work/make/company.ldif"
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
sandbox_start "$work/make/tenant.jsonl" --rate 0 --lag 0 --seed 7
sed "s,URL,$SANDBOX_URL,g" "$work/make/settings.in" >"$work/make/dirbridge.yaml"
"$build/dirbridge" apply --yes -c "$work/make/dirbridge.yaml" >/dev/null
sandbox_stop
cp "$work/make/tenant.jsonl" "$work"/make/dirbridge.db* "$work/later/"

points=500
[ -z "${LONG:-}" ] || points=0
if python3 tests/e2e/kill_points.py "$build" "$work" "$points"; then
	echo "ok   killed at any instant"
	echo "1 passed, 0 failed"
else
	echo "0 passed, 1 failed"
	exit 1
fi

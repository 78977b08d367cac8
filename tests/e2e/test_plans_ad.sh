#!/bin/bash
# A run by changes plans what a full run plans, against a real Samba Active Directory.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
# shellcheck source=tests/e2e/samba.sh
. tests/e2e/samba.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/plans.sh
. tests/e2e/plans.sh
missing=$(samba_missing)
if [ -n "$missing" ]; then
	echo "skip plans by changes in Active Directory: not here: $missing"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-plans-ad.XXXXXX")
finish() {
	trap '' INT TERM
	sandbox_stop
	samba_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

people=OU=Agents,$SAMBA_BASE groups=OU=Teams,$SAMBA_BASE
ad_modify() {
	LDAPTLS_CACERT=$SAMBA_CA_FILE ldapmodify -x -H "$SAMBA_LDAPS_URI" -D "$SAMBA_ADMIN" \
		-y "$work/Administrator.password" >/dev/null
}
samba_init "$work/dc"
samba_account svc 'Svc-Passw0rd!'
printf 'Svc-Passw0rd!' >"$work/svc.password"
printf '%s' "$SAMBA_ADMIN_PASSWORD" >"$work/Administrator.password"
chmod 600 "$work"/*.password
printf 'dn: %s\nobjectClass: organizationalUnit\n\n' "$people" "$groups" "OU=Elsewhere,$SAMBA_BASE" |
	samba_ldbadd
python3 tests/e2e/churn.py init "$work/churn" ad "$people" "$groups" "OU=Elsewhere,$SAMBA_BASE" 3 |
	sed 's/^ou: .*//; /^$/N; /^\n$/D' >"$work/first.ldif"
samba_ldbadd <"$work/first.ldif"
samba_start
"$build/tests/tools/gen_tenant" --seed 3 --foreign 5 >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
plans_settings "  uri: $SAMBA_LDAPS_URI
  tls_ca_file: $SAMBA_CA_FILE
  bind_dn: svc@lab.test
  password_file: svc.password
  id_attribute: objectGUID
  member_attribute: member
  people: {base: \"$people\", filter: \"(&(objectClass=user)(!(title=Hidden)))\"}
  groups: {base: \"$groups\", filter: (objectClass=group)}"
passed=0 failed=0
"$build/dirbridge" apply --yes -q -c "$work/dirbridge.yaml" >"$work/out" 2>&1 || [ $? -eq 5 ]
if plans_compare "${PLANS_ROUNDS:-12}" 10 ad_modify; then passed=1; else failed=1; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/bash
# A run by changes plans what a full run plans, against a real slapd and the sandbox.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-plans.XXXXXX")
chmod 755 "$work"
# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
# shellcheck source=tests/e2e/plans.sh
. tests/e2e/plans.sh
finish() {
	trap '' INT TERM
	sandbox_stop
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

people="ou=people,$SLAPD_BASE" groups="ou=groups,$SLAPD_BASE"
SLAPD_EXTRA=$'moduleload syncprov\noverlay syncprov\nsyncprov-sessionlog 10000'
slapd_init "$work/slapd"
"$build/tests/tools/gen_directory" --people 0 --groups 0 --seed 3 >"$work/company.ldif"
python3 tests/e2e/churn.py init "$work/churn" slapd "$people" "$groups" "$SLAPD_BASE" 5 \
	>>"$work/company.ldif"
slapd_load "$work/company.ldif"
slapd_start
"$build/tests/tools/gen_tenant" --seed 3 --foreign 5 >"$work/tenant.jsonl"
sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
cp "$BIND_PASSWORD_FILE" "$work/bind.password"
plans_settings "  uri: $LDAPS_URI
  tls_ca_file: $CA_FILE
  bind_dn: $BIND_DN
  password_file: bind.password
  people: {base: \"$people\", filter: \"(&(objectClass=inetOrgPerson)(!(title=Hidden)))\"}
  groups: {base: \"$groups\", filter: (objectClass=groupOfNames)}"
passed=0 failed=0
"$build/dirbridge" apply --yes -q -c "$work/dirbridge.yaml" >"$work/out" 2>&1 || [ $? -eq 5 ]
if plans_compare "${PLANS_ROUNDS:-20}" 10 slapd_modify; then passed=1; else failed=1; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

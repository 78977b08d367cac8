#!/bin/bash
# Changes since last time against a real Samba Active Directory, by DirSync: as an account
# with the right to replicate, which is told of deletions, and as an ordinary one, which is not.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)

# shellcheck source=tests/e2e/samba.sh
. tests/e2e/samba.sh
# shellcheck source=tests/e2e/changes.sh
. tests/e2e/changes.sh

missing=$(samba_missing)
if [ -n "$missing" ]; then
	echo "skip changes in Active Directory: not here: $missing"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-changes-ad.XXXXXX")
finish() {
	trap '' INT TERM
	samba_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

people=OU=Agents,$SAMBA_BASE groups=OU=Teams,$SAMBA_BASE
# settings LINE...: as the account of $ACCOUNT; a later line of the same name wins.
settings() {
	local -A all=(
		[uri]="$SAMBA_LDAPS_URI" [tls_ca_file]="$SAMBA_CA_FILE"
		[bind_dn]="$ACCOUNT@lab.test" [password_file]="$ACCOUNT.password"
		[id_attribute]=objectGUID [member_attribute]=member
		[connect_timeout]=10 [timeout]=60
		[people]="{base: \"$people\", filter: \"(&(objectClass=user)(!(title=Hidden)))\"}"
		[groups]="{base: \"$groups\", filter: (objectClass=group)}"
	)
	local line name
	for line; do
		all[${line%%:*}]=${line#*:}
	done
	{
		echo "directory:"
		for name in "${!all[@]}"; do
			[ -z "${all[$name]}" ] || echo "  $name: ${all[$name]}"
		done
		printf 'target: {region: test.invalid, client_id: x, client_secret_file: svc.password}\n'
		printf 'rules: [rules.yaml]\n'
	} >"$work/dirbridge.yaml"
}
ad_modify() {
	LDAPTLS_CACERT=$SAMBA_CA_FILE ldapmodify -x -H "$SAMBA_LDAPS_URI" -D "$SAMBA_ADMIN" \
		-y "$work/Administrator.password" >/dev/null
}
set_title() { # DN TITLE
	printf 'dn: %s\nchangetype: modify\nreplace: title\ntitle: %s\n' "$1" "$2" | ad_modify
}
rename() { # DN RDN [PARENT]
	printf 'dn: %s\nchangetype: modrdn\nnewrdn: %s\ndeleteoldrdn: 1\n%s\n' "$1" "$2" \
		"${3:+newsuperior: $3}" | ad_modify
}
add_person() { # NAME PARENT
	printf 'dn: CN=%s,%s\nchangetype: add\nobjectClass: user\nsAMAccountName: %s\n' \
		"$1" "$2" "$1" | ad_modify
}
add_ou() { # NAME PARENT
	printf 'dn: OU=%s,%s\nchangetype: add\nobjectClass: organizationalUnit\n' "$1" "$2" |
		ad_modify
}
delete() { printf 'dn: %s\nchangetype: delete\n' "$1" | ad_modify; }
set_member() { # add|delete GROUP DN
	printf 'dn: CN=%s,%s\nchangetype: modify\n%s: member\nmember: %s\n' "$2" "$groups" "$1" \
		"$3" | ad_modify
}
with_mark() { # SED-SCRIPT
	sed -E "$1" "$work/good.mark" >"$work/copy.mark"
}

printf 'version: 1\n' >"$work/rules.yaml"
samba_init "$work/dc"
samba_account svc 'Svc-Passw0rd!'
printf 'Svc-Passw0rd!' >"$work/svc.password"
printf '%s' "$SAMBA_ADMIN_PASSWORD" >"$work/Administrator.password"
chmod 600 "$work"/*.password
printf 'dn: %s\nobjectClass: organizationalUnit\n\n' "$people" "$groups" "OU=Elsewhere,$SAMBA_BASE" |
	samba_ldbadd
python3 tests/e2e/churn.py init "$work/churn" ad "$people" "$groups" "OU=Elsewhere,$SAMBA_BASE" 7 |
	sed 's/^ou: .*//; /^$/N; /^\n$/D' >"$work/first.ldif"
samba_ldbadd <"$work/first.ldif"
samba_start

# kinds_of_change: each once, as the account of the settings.
kinds_of_change() {
	local who=$1
	full "$who: a full read"
	delta "$who: nothing has changed"
	add_person "ann.$who" "$people"
	ann="CN=ann.$who,$people"
	delta "$who: a new person" "entry 0 .* $ann"
	set_title "$ann" Boss
	delta "$who: a changed value" "entry 0 .* $ann"
	set_title "$ann" Hidden
	delta "$who: somebody leaves the filter" "gone 0 "
	set_title "$ann" Boss
	delta "$who: and comes back" "entry 0 .* $ann"
	rename "$ann" "CN=bea.$who"
	ann="CN=bea.$who,$people"
	delta "$who: a rename" "entry 0 .* $ann"
	rename "$ann" "CN=bea.$who" "OU=east,$people"
	ann="CN=bea.$who,OU=east,$people"
	delta "$who: a move" "entry 0 .* $ann"
	rename "$ann" "CN=bea.$who" "OU=Elsewhere,$SAMBA_BASE"
	delta "$who: a move out of the base" "gone 0 "
	rename "CN=bea.$who,OU=Elsewhere,$SAMBA_BASE" "CN=bea.$who" "$people"
	ann="CN=bea.$who,$people"
	delta "$who: a move into the base" "entry 0 .* $ann"
	printf 'dn: CN=team.%s,%s\nchangetype: add\nobjectClass: group\nsAMAccountName: team.%s\n' \
		"$who" "$groups" "$who" | ad_modify
	delta "$who: a new group" "entry 1 .* CN=team.$who,"
	set_member add "team.$who" "$ann"
	delta "$who: a group's member" "entry 1 .* CN=team.$who,"
	set_member delete "team.$who" "$ann"
	delta "$who: and not any more" "entry 1 .* CN=team.$who,"
	delete "$ann"
	delta "$who: a deletion"
	delete "CN=team.$who,$groups"
	delta "$who: a group is deleted" "gone 1 "
	add_ou "new.$who" "$people"
	delta "$who: a new container"
	add_person "cid.$who" "OU=new.$who,$people"
	delta "$who: a person in it" "entry 0 .* CN=cid.$who,"
	rename "OU=new.$who,$people" "OU=old.$who"
	gives_up "$who: a container is renamed" 'container was renamed or moved'
	full "$who: a full read after it"
	rename "OU=old.$who,$people" "OU=old.$who" "OU=Elsewhere,$SAMBA_BASE"
	gives_up "$who: a container is moved" 'container was renamed or moved'
	full "$who: a full read after it"
	printf 'dn: OU=old.%s,OU=Elsewhere,%s\nchangetype: modify\nreplace: description\ndescription: x\n' \
		"$who" "$SAMBA_BASE" | ad_modify
	delta "$who: a container's own value"
	churn 12 10 ad_modify
}
ACCOUNT=svc
settings
kinds_of_change ordinary
if grep -q '"flags":2147483649,' "$work/copy.mark"; then
	ok "an ordinary account asks for what it may see"
else
	bad "an ordinary account asks for what it may see" "other flags"
fi
ACCOUNT=Administrator
settings
gives_up "another login" 'other searches, attributes or logins'
kinds_of_change replicating
if grep -q '"flags":2147483648,' "$work/copy.mark"; then
	ok "one with the right to replicate for everything"
else
	bad "one with the right to replicate for everything" "other flags"
fi
add_person told "$people"
delta "somebody who is told of" "entry 0 .* CN=told,"
delete "CN=told,$people"
delta "and of the deletion too" "gone 0 "

# --- marks that are not for this ---
cp "$work/copy.mark" "$work/good.mark"
set_title "CN=svc,CN=Users,$SAMBA_BASE" Service
with_mark 's/"cookie":"[^"]+"/"cookie":"Z2FyYmFnZQ=="/'
gives_up "a cookie that is garbage" 'refuses its DirSync cookie'
with_mark 's/"cookie":"[^"]+"/"cookie":""/'
gives_up "an empty cookie" 'can not be used'
with_mark 's/"usn":[0-9]+/"usn":99999999/'
gives_up "a server whose update number fell" 'older than at the last read .*was it restored'
with_mark 's/(test [0-9a-f]{8}-)[0-9a-f]{4}/\10000/'
gives_up "a server with another invocation id" 'another server answers'
with_mark 's/"way":"dirsync"/"way":"syncrepl"/; s/"count":([0-9]+),"cookie":null/"count":\1,"cookie":"AAAA"/g'
gives_up "a mark made in another way" 'in another way'
cp "$work/good.mark" "$work/copy.mark"
settings "people: {base: \"$people\", filter: (objectClass=user)}"
gives_up "another filter" 'other searches'
settings "changes: syncrepl"
gives_up "another way is asked for" 'offers no syncrepl'
settings
delta "the good mark is still good"

# --- memberOf changes with the group alone ---
settings "people: {base: \"$people\", filter: \"(&(objectClass=user)(memberOf=CN=insiders,$groups))\"}"
add_person dan "$people"
printf 'dn: CN=insiders,%s\nchangetype: add\nobjectClass: group\nsAMAccountName: insiders\nmember: CN=dan,%s\n' \
	"$groups" "$people" | ad_modify
full "a filter with memberOf"
set_title "CN=dan,$people" Chief
delta "a person's own change" "entry 0 .* CN=dan,"
set_member delete insiders "CN=dan,$people"
gives_up "a group's member" 'a group has changed, and memberOf is asked for'
set_member add insiders "CN=dan,$people"
full "a full read after it"
delete "CN=insiders,$groups"
gives_up "the group is deleted" 'a group has changed, and memberOf is asked for'

# --- what can not be marked ---
ACCOUNT=svc
settings "people: {base: \"$people\", filter: \"(&(objectClass=user)(!(memberOf=CN=none,$groups)))\"}"
unmarked "memberOf, and no word of deleted groups" 'give it the right "Replicating Directory Changes"'
ACCOUNT=Administrator
settings
ATTRS+=(--attr directReports)
unmarked "rules with a computed attribute" 'directReports, which changes without'
unset 'ATTRS[-1]' 'ATTRS[-1]'
settings "groups: {base: \"CN=Sites,CN=Configuration,$SAMBA_BASE\", filter: (objectClass=site)}"
unmarked "a base in another naming context" 'Configuration.* is not in "DC=lab,DC=test"'
settings "changes: syncrepl"
unmarked "a server without syncrepl" 'offers no syncrepl'
settings "changes: none"
unmarked "not wanted" 'directory.changes is none'

end_changes

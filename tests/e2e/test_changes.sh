#!/bin/bash
# Changes since last time against a real slapd: each kind of change comes and makes the copy
# that is kept what a full read gives, and whatever makes absence doubtful asks for everything.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-changes.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/changes.sh
. tests/e2e/changes.sh

reader_pid=
finish() {
	trap '' INT TERM
	[ -z "$reader_pid" ] || kill "$reader_pid" 2>/dev/null || true
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

people="ou=people,$SLAPD_BASE" groups="ou=groups,$SLAPD_BASE"
# settings LINE...: over those of every case; a later line of the same name wins.
settings() {
	local -A all=(
		[uri]="$LDAPS_URI" [tls_ca_file]="$CA_FILE" [bind_dn]="$BIND_DN"
		[password_file]=bind.password [connect_timeout]=5 [timeout]=20
		[people]="{base: \"$people\", filter: \"(&(objectClass=inetOrgPerson)(!(title=Hidden)))\"}"
		[groups]="{base: \"$groups\", filter: (objectClass=groupOfNames)}"
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
		printf 'target: {region: test.invalid, client_id: x, client_secret_file: bind.password}\n'
		printf 'rules: [rules.yaml]\n'
	} >"$work/dirbridge.yaml"
}
nth() {
	awk -v n="$1" -v name="$2: " '/^dn: / {person = /^dn: uid=/; seen += person}
		person && seen == n && index($0, name) == 1 {print substr($0, length(name) + 1); exit}' \
		"$work/company.ldif"
}
set_title() { # DN TITLE
	printf 'dn: %s\nchangetype: modify\nreplace: title\ntitle: %s\n' "$1" "$2" | slapd_modify
}
rename() { # DN RDN [PARENT]
	printf 'dn: %s\nchangetype: modrdn\nnewrdn: %s\ndeleteoldrdn: 1\n%s\n' "$1" "$2" \
		"${3:+newsuperior: $3}" | slapd_modify
}
add_person() { # UID PARENT
	printf 'dn: uid=%s,%s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\n' \
		"$1" "$2" "$1" "$1" "$1" | slapd_modify
}
add_ou() { # NAME PARENT
	printf 'dn: ou=%s,%s\nchangetype: add\nobjectClass: organizationalUnit\nou: %s\n' \
		"$1" "$2" "$1" | slapd_modify
}
set_member() { # add|delete GROUP DN
	printf 'dn: cn=%s,%s\nchangetype: modify\n%s: member\nmember: %s\n' "$2" "$groups" "$1" \
		"$3" | slapd_modify
}

sync_on=$'moduleload syncprov\noverlay syncprov\nsyncprov-sessionlog 10000'
SLAPD_EXTRA=$sync_on
"$build/tests/tools/gen_directory" --people 300 --groups 20 --seed 5 >"$work/company.ldif"
printf 'version: 1\n' >"$work/rules.yaml"
slapd_init "$work/slapd"
slapd_load "$work/company.ldif"
slapd_start
cp "$BIND_PASSWORD_FILE" "$work/bind.password"
chmod 600 "$work/bind.password"
settings

# --- each kind of change ---
full "a full read"
delta "nothing has changed"
ann=$(nth 1 dn) bob=$(nth 2 dn) cid=$(nth 3 dn) dan=$(nth 4 dn)
set_title "$ann" Boss
delta "a changed value" "entry 0 .* $ann"
set_title "$ann" Hidden
delta "somebody leaves the filter" "gone 0 "
set_title "$ann" Boss
delta "and comes back" "entry 0 .* $ann"
rename "$bob" uid=bob.renamed
bob="uid=bob.renamed,${bob#*,}"
delta "a rename" "entry 0 .* $bob"
add_ou annexe "$people"
delta "a container without entries"
rename "$bob" uid=bob.renamed "ou=annexe,$people"
bob="uid=bob.renamed,ou=annexe,$people"
delta "a move" "entry 0 .* $bob"
rename "$bob" uid=bob.renamed "$SLAPD_BASE"
delta "a move out of the base" "gone 0 "
rename "uid=bob.renamed,$SLAPD_BASE" uid=bob.renamed "ou=annexe,$people"
delta "a move into the base" "entry 0 .* $bob"
slapd_delete <<<"$cid"
delta "a deletion" "gone 0 "
add_person new.one "ou=annexe,$people"
delta "a new person" "entry 0 .* uid=new.one,"
team=$(awk '/^dn: cn=cc-team/ {sub(/^dn: cn=/, ""); sub(/,.*/, ""); print; exit}' "$work/company.ldif")
set_member add "$team" "uid=new.one,ou=annexe,$people"
delta "a group's member" "entry 1 .* cn=$team,"
printf 'dn: cn=new-group,%s\nchangetype: add\nobjectClass: groupOfNames\ncn: new-group\nmember: %s\n' \
	"$groups" "$dan" | slapd_modify
delta "a new group" "entry 1 .* cn=new-group,"
slapd_delete <<<"cn=new-group,$groups"
delta "a group is deleted" "gone 1 "
set_title "$dan" Chief
delta "after that a person alone" "entry 0 .* $dan"
add_person elsewhere "$SLAPD_BASE"
slapd_delete <<<"uid=elsewhere,$SLAPD_BASE"
delta "somebody who never was ours"
add_person there.and.gone "$people"
slapd_delete <<<"uid=there.and.gone,$people"
delta "somebody who came and went"

# --- present phase: the session log is lost with a restart ---
slapd_restart
delta "a restart, nothing has changed"
set_title "$ann" Director
slapd_delete <<<"$dan"
slapd_restart
delta "a present phase" "entry 0 .* $ann" "present 0 " "sweep 0"
slapd_delete <<<"cn=$team,$groups"
slapd_restart
delta "a group that a present phase does not name" "gone 1 " "present 1 " "sweep 0"
delta "and nothing after it"

# --- at random ---
python3 tests/e2e/churn.py init "$work/churn" slapd "$people" "$groups" "$SLAPD_BASE" 11 \
	>"$work/first.ldif"
ldapadd -x -H "$LDAP_URI" -D "$ADMIN_DN" -y "$ADMIN_PASSWORD_FILE" -f "$work/first.ldif" >/dev/null
full "a full read before random changes"
churn 20 12 slapd_modify
slapd_restart
churn 3 12 slapd_modify

# --- followed live ---
# follow NAME: begin to; unfollow NAME [REGEX]: stop, what came must match, and the copy must
# be what a full read gives.
mkfifo "$work/stop"
follow() {
	"${WRAP[@]}" "$build/tests/tools/read_changes" "$work/dirbridge.yaml" "$work/copy" follow \
		"${ATTRS[@]}" <"$work/stop" >"$work/live" 2>&1 &
	reader_pid=$!
	exec 9>"$work/stop"
	until_live quiet
}
# until_live REGEX: wait until a line says so (or the reader has ended).
until_live() {
	for _ in $(seq 1500); do
		! grep -Eq "^$1" "$work/live" && kill -0 "$reader_pid" 2>/dev/null || return 0
		sleep 0.02
	done
}
unfollow() {
	exec 9>&-
	wait "$reader_pid" || true
	reader_pid=
	cp "$work/live" "$work/out"
	if ! grep -Eq "^changes $2" "$work/out"; then
		bad "$1" "nothing says /changes $2/"
	elif [ "$2" = read ] && { ! read_changes compare || ! grep -q '^same [1-9]' "$work/out"; }; then
		bad "$1" "the copy is not the directory"
	else
		ok "$1"
	fi
}
# live NAME REGEX: a change has been made, and comes.
live() {
	until_live "$2"
	if grep -Eq "^$2" "$work/live"; then
		ok "live: $1"
	else
		cp "$work/live" "$work/out"
		bad "live: $1" "nothing says /$2/"
	fi
}
set_title "$ann" Missed
follow
live "what happened before" "entry 0 .* $ann"
add_person fay "$people"
live "somebody new" "entry 0 .* uid=fay,ou=people,"
rename "uid=fay,$people" uid=fay2
live "a rename" "entry 0 .* uid=fay2,"
set_title "uid=fay2,$people" Hidden
live "somebody leaves the filter" "gone 0 "
set_member add cc-agents "uid=fay2,$people"
live "a group's member" "entry 1 .* cn=cc-agents,"
set_title "uid=fay2,$people" Seen
add_person gus "$people"
slapd_delete <<<"uid=fay2,$people"
for i in $(seq 30); do
	set_title "uid=gus,$people" "Title $i"
done
add_person last "$people"
live "a burst" "entry 0 .* uid=last,"
unfollow "followed until stopped" read
delta "where it stopped the next delta begins"
follow
add_ou hut "$people"
add_person ivy "ou=hut,$people"
live "a person in a new container" "entry 0 .* uid=ivy,"
rename "ou=hut,$people" ou=cabin
until_live changes
unfollow "a container is renamed meanwhile" 'full a container was renamed or moved: "ou=cabin,'
full "a full read after it"
follow
slapd_restart
until_live changes
unfollow "the server goes away meanwhile" 'full (the connection was lost|the server tells no more)'
printf 'x' >"$work/empty.mark"
cp "$work/copy.mark" "$work/good.mark"
cp "$work/empty.mark" "$work/copy.mark"
follow
unfollow "followed from no mark" 'full the mark of the last read can not be used'
cp "$work/good.mark" "$work/copy.mark"

# --- containers ---
rename "ou=annexe,$people" ou=outhouse
gives_up "a container is renamed" 'renamed or moved: "ou=outhouse,'
full "a full read after it"
add_ou wing "ou=outhouse,$people"
add_person winger "ou=wing,ou=outhouse,$people"
gives_up "a new container with entries in it" '"ou=wing,.* is new and has entries'
full "a full read after it"
rename "ou=wing,ou=outhouse,$people" ou=wing "$people"
gives_up "a container is moved" 'renamed or moved: "ou=wing,'
full "a full read after it"
printf 'dn: ou=wing,%s\nchangetype: modify\nreplace: description\ndescription: x\n' "$people" |
	slapd_modify
delta "a container's own value"
rename "$people" ou=folk
gives_up "the base is renamed" 'No such object'
rename "ou=folk,$SLAPD_BASE" ou=people
delta "and is called as before"
add_person "device" "uid=winger,ou=wing,$people"
set_title "uid=winger,ou=wing,$people" Parent
gives_up "a person with entries below it" '"uid=winger.* has entries below it'
slapd_delete <<<"uid=device,uid=winger,ou=wing,$people"
full "a full read after it"

# --- marks that are not for this ---
cp "$work/copy.mark" "$work/good.mark"
with_mark() { # SED-SCRIPT
	sed -E "$1" "$work/good.mark" >"$work/copy.mark"
}
with_mark 's/"cookie":"[^"]+"/"cookie":"Z2FyYmFnZQ=="/'
gives_up "a cookie that is garbage" '.'
with_mark 's/"cookie":"[^"]+"/"cookie":""/'
gives_up "an empty cookie" 'a search has no cookie'
with_mark 's/.{20}$//'
gives_up "a mark that is cut off" 'mark of the last read can not be used'
printf 'hostile \xff\x00 {"version":1' >"$work/copy.mark"
gives_up "a mark that is no mark" 'can not be used'
with_mark "s,${LDAPS_URI}\",ldaps://192.0.2.1\","
gives_up "a mark of another address" 'the last read was at ldaps://192.0.2.1'
with_mark 's/(entryUUID|"identity":"[^=]*=[^=]*=[^=]*=?)[0-9a-f]{8}/\100000000/'
gives_up "a mark of another server behind it" 'another server answers'
with_mark 's,"0/[0-9]{4},"0/2999,'
gives_up "a server that does not reach the mark" 'older than at the last read'
with_mark 's/"way":"syncrepl"/"way":"dirsync"/; s/"cookie":null/"cookie":"AAAA"/'
gives_up "a mark made in another way" 'in another way'
cp "$work/good.mark" "$work/copy.mark"
settings "bind_dn: $ADMIN_DN" "password_file: $ADMIN_PASSWORD_FILE"
gives_up "another login" 'other searches, attributes or logins'
settings "people: {base: \"$people\", filter: (objectClass=inetOrgPerson)}"
gives_up "another filter" 'other searches'
settings "changes: dirsync"
gives_up "another way is asked for" 'offers no DirSync'
settings
delta "the good mark is still good"

# --- a server that has gone back in time ---
slapd_stop
cp -a "$SLAPD_DIR/db" "$SLAPD_DIR/db.then"
slapd_restart
set_title "$ann" Later
delta "a change before it" "entry 0 .* $ann"
slapd_stop
rm -rf "$SLAPD_DIR/db"
mv "$SLAPD_DIR/db.then" "$SLAPD_DIR/db"
slapd_restart
gives_up "a server restored from an older copy" 'older than at the last read.*was it restored'
full "a full read after it"

# --- nobody is named, too many are new, the connection is lost ---
awk '/^dn: uid=/ {print $2}' "$work/company.ldif" >"$work/all"
ldapsearch -x -LLL -o ldif-wrap=no -H "$LDAP_URI" -D "$ADMIN_DN" -y "$ADMIN_PASSWORD_FILE" \
	-b "$people" '(objectClass=inetOrgPerson)' 1.1 | sed -n 's/^dn: //p' | slapd_delete
slapd_restart
gives_up "a present phase that names nobody" 'names nobody below "ou=people'
for i in $(seq 1100); do
	printf 'dn: uid=p%s,%s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: p%s\ncn: p\nsn: p\n\n' \
		"$i" "$people" "$i"
done | slapd_modify
full "a full read of 1,100 people"
for i in $(seq 1001); do
	printf 'dn: uid=p%s,%s\nchangetype: modify\nreplace: cn\ncn: q\n\n' "$i" "$people"
done | slapd_modify
gives_up "1,001 changes" 'more than 1000 entries below "ou=people'
full "a full read after it"

# --- attributes that change without their entry ---
settings "people: {base: \"$people\", filter: \"(&(uid=p*)(memberOf=cn=cc-agents,$groups))\"}"
read_changes full || true
if grep -q '^no mark: .*memberOf, which changes without' "$work/out"; then
	ok "a filter with memberOf"
else
	bad "a filter with memberOf" "a mark"
fi
settings
ATTRS+=(--attr numSubordinates)
unmarked "rules with a computed attribute" 'numSubordinates, which changes without'
unset 'ATTRS[-1]' 'ATTRS[-1]'

# --- members by uid ---
settings "groups: {base: \"$groups\", filter: \"(|(objectClass=groupOfNames)(objectClass=posixGroup))\"}"
full "groups that name members by DN"
printf 'dn: cn=posix,%s\nchangetype: add\nobjectClass: posixGroup\ncn: posix\ngidNumber: 1\nmemberUid: p1\n' \
	"$groups" | slapd_modify
gives_up "the first group that names them by uid" '"cn=posix,.* names members by uid'
full "a full read after it"
if grep -q ' uids=p1$' "$work/copy"; then
	ok "people's uids are kept then"
else
	bad "people's uids are kept then" "no uids"
fi
printf 'dn: uid=p1,%s\nchangetype: modify\nadd: uid\nuid: other1\n' "$people" | slapd_modify
delta "a changed uid" "entry 0 .* uid=p1,"

# --- two searches that overlap, one of one level ---
settings "people: [{base: \"$people\", filter: (objectClass=inetOrgPerson)}, {base: \"$people\", scope: one, filter: (cn=q)}, {base: \"$SLAPD_BASE\", filter: (uid=p1*)}]" \
	"groups: [{base: \"$groups\"}, {base: \"cn=cc-agents,$groups\", scope: base}]"
full "several searches"
printf 'dn: uid=p10,%s\nchangetype: modify\nreplace: cn\ncn: z\n' "$people" | slapd_modify
delta "a change that concerns three" "entry 0 .* uid=p10," "gone 1 " "entry 2 .* uid=p10,"

# --- a size limit; servers that do not take part ---
with_slapd() { # SIZE-LIMIT EXTRA...
	SLAPD_SIZE_LIMIT=$1
	SLAPD_EXTRA=$2
	slapd_conf "$SLAPD_DIR" >"$SLAPD_DIR/slapd.conf"
	slapd_restart
}
settings
with_slapd 200 "$sync_on"
read_changes full || true
if grep -Eq '^people incomplete 200$' "$work/out" &&
	grep -q '^reason .*size limit .* lift it for "cn=dirbridge.* directory.changes: none' "$work/out" &&
	grep -q '^no mark: not everything could be read' "$work/out"; then
	ok "a size limit says what to do"
else
	bad "a size limit says what to do" "nothing does"
fi
with_slapd unlimited ""
unmarked "a server without syncrepl" 'offers no syncrepl .RFC 4533. and no DirSync'
settings "changes: dirsync"
unmarked "a server without DirSync" 'offers no DirSync'
settings "changes: none"
unmarked "not wanted" 'directory.changes is none'
mkdir "$SLAPD_DIR/db2"
slapd_own
chown "$(stat -c %u:%g "$SLAPD_DIR/db")" "$SLAPD_DIR/db2"
with_slapd unlimited "moduleload syncprov
database mdb
suffix o=other
rootdn cn=admin,o=other
directory $SLAPD_DIR/db2
overlay syncprov"
settings
unmarked "a server that offers it for another tree" 'refuses a search for changes'

end_changes

# shellcheck shell=bash
# shellcheck disable=SC2034 # what it sets is for the caller
# A private OpenLDAP server for tests and the demo: own folder, free ports, a CA made on the
# spot, no root inside. Source it; it works under set -euo pipefail.
#
#   slapd_init DIR      make folder, certificates, configuration
#   slapd_load LDIF     fill the database (server stopped)
#   slapd_start         start, wait until it answers; sets LDAP_URI, LDAPS_URI
#   slapd_stop
#   slapd_restart       the same server again, at the same addresses
#   slapd_modify        apply LDIF change records from standard input
#   slapd_delete        delete the DNs on standard input, one a line
#
# Sets BIND_DN, BIND_PASSWORD_FILE (mode 0600), ADMIN_DN, ADMIN_PASSWORD_FILE, CA_FILE.
# SLAPD_MORE names further addresses to listen on (ldapi://...).
# SLAPD_EXTRA is added to the database's configuration (for example: sizelimit 10).

SLAPD_DIR=
SLAPD_PID=
SLAPD_BASE=${SLAPD_BASE:-dc=example,dc=org}

# As another user when root: nothing of the test may need root. Words before a command, not a
# function: a function in the background is a shell of its own, and ending that would leave
# the server running.
SLAPD_AS=()
[ "$(id -u)" != 0 ] || SLAPD_AS=(setpriv --reuid 12345 --regid 12345 --clear-groups)

slapd_certificates() {
	local dir=$1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/CN=Test CA" -addext basicConstraints=critical,CA:TRUE \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=127.0.0.1" \
		-keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
	printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >"$dir/server.ext"
	openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
		-CAcreateserial -days 30 -extfile "$dir/server.ext" -out "$dir/server.pem" 2>/dev/null
}

slapd_conf() {
	local dir=$1 module schema
	module=$(dirname "$(dpkg -L slapd | grep '/back_mdb\.so$')")
	schema=$(dirname "$(dpkg -L slapd | grep '/core\.schema$')")
	cat <<-X
		include $schema/core.schema
		include $schema/cosine.schema
		include $schema/inetorgperson.schema
		include $schema/nis.schema
		modulepath $module
		moduleload back_mdb
		pidfile $dir/slapd.pid
		TLSCACertificateFile $dir/ca.pem
		TLSCertificateFile $dir/server.pem
		TLSCertificateKeyFile $dir/server.key
		database mdb
		maxsize 8589934592
		suffix "$SLAPD_BASE"
		rootdn "$ADMIN_DN"
		rootpw $(cat "$ADMIN_PASSWORD_FILE")
		directory $dir/db
		index objectClass,entryUUID eq
		access to attrs=userPassword by anonymous auth by * none
		access to * by dn.exact="$BIND_DN" read by * none
		limits dn.exact="$BIND_DN" size=${SLAPD_SIZE_LIMIT:-unlimited} time=unlimited
	X
	printf '%s\n' "${SLAPD_EXTRA:-}"
}

slapd_init() {
	SLAPD_DIR=$1
	mkdir -p "$SLAPD_DIR/db"
	BIND_DN="cn=dirbridge,ou=services,$SLAPD_BASE"
	ADMIN_DN="cn=admin,$SLAPD_BASE"
	BIND_PASSWORD_FILE=$SLAPD_DIR/bind.password
	ADMIN_PASSWORD_FILE=$SLAPD_DIR/admin.password
	CA_FILE=$SLAPD_DIR/ca.pem
	printf 'demo-password\n' >"$BIND_PASSWORD_FILE"
	openssl rand -hex 16 | tr -d '\n' >"$ADMIN_PASSWORD_FILE"
	chmod 600 "$BIND_PASSWORD_FILE" "$ADMIN_PASSWORD_FILE"
	slapd_certificates "$SLAPD_DIR"
	slapd_conf "$SLAPD_DIR" >"$SLAPD_DIR/slapd.conf"
	chmod 600 "$SLAPD_DIR/server.key" "$SLAPD_DIR/slapd.conf"
	slapd_own
}

slapd_own() {
	[ "$(id -u)" != 0 ] || chown -R 12345:12345 "$SLAPD_DIR/db" "$SLAPD_DIR/server.key" \
		"$SLAPD_DIR/slapd.conf" "$SLAPD_DIR"
}

slapd_load() {
	cp "$1" "$SLAPD_DIR/load.ldif"
	slapd_own
	"${SLAPD_AS[@]}" /usr/sbin/slapadd -q -f "$SLAPD_DIR/slapd.conf" -l "$SLAPD_DIR/load.ldif"
	rm -f "$SLAPD_DIR/load.ldif"
}

slapd_free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A port that was free may be taken by the time slapd asks for it: three tries.
slapd_start() {
	local try i plain secure
	for try in 1 2 3; do
		plain=$(slapd_free_port)
		secure=$(slapd_free_port)
		LDAP_URI=ldap://127.0.0.1:$plain
		LDAPS_URI=ldaps://127.0.0.1:$secure
		export LDAP_URI LDAPS_URI
		"${SLAPD_AS[@]}" /usr/sbin/slapd -f "$SLAPD_DIR/slapd.conf" -d 0 \
			-h "$LDAP_URI $LDAPS_URI${SLAPD_MORE:+ $SLAPD_MORE}" \
			>"$SLAPD_DIR/slapd.log" 2>&1 &
		SLAPD_PID=$!
		for i in $(seq 100); do
			if ldapwhoami -x -H "$LDAP_URI" >/dev/null 2>&1; then
				return 0
			fi
			kill -0 "$SLAPD_PID" 2>/dev/null || break
			sleep 0.05
		done
		slapd_stop
	done
	echo "slapd did not start (try $try, waited $i): $(cat "$SLAPD_DIR/slapd.log")" >&2
	return 1
}

slapd_stop() {
	[ -n "$SLAPD_PID" ] || return 0
	kill -TERM "$SLAPD_PID" 2>/dev/null || true
	wait "$SLAPD_PID" 2>/dev/null || true
	SLAPD_PID=
}

slapd_answers() {
	local i
	for i in $(seq 100); do
		ldapwhoami -x -H "$LDAP_URI" >/dev/null 2>&1 && return 0
		kill -0 "$SLAPD_PID" 2>/dev/null || break
		sleep 0.05
	done
	echo "slapd did not start (waited $i): $(cat "$SLAPD_DIR/slapd.log")" >&2
	return 1
}

slapd_restart() {
	slapd_stop
	slapd_own
	"${SLAPD_AS[@]}" /usr/sbin/slapd -f "$SLAPD_DIR/slapd.conf" -d 0 -h "$LDAP_URI $LDAPS_URI" \
		>"$SLAPD_DIR/slapd.log" 2>&1 &
	SLAPD_PID=$!
	slapd_answers
}

slapd_modify() {
	ldapmodify -x -H "$LDAP_URI" -D "$ADMIN_DN" -y "$ADMIN_PASSWORD_FILE" >/dev/null
}

slapd_delete() {
	ldapdelete -x -H "$LDAP_URI" -D "$ADMIN_DN" -y "$ADMIN_PASSWORD_FILE"
}

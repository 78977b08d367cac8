# shellcheck shell=bash
# shellcheck disable=SC2034 # what it sets is for the caller
# A private Samba Active Directory domain controller for tests: own folder, a 127.x.y.z
# address of its own (its ports are fixed), own certificate. Needs root. Source it; it works
# under set -euo pipefail.
#
#   samba_missing          what keeps it from running here, in words; nothing when it can run
#   samba_init DIR         provision the domain LAB.TEST in DIR (4 s)
#   samba_ldbadd           add the LDIF on standard input (server running or not)
#   samba_ldbmodify        the same for change records
#   samba_password PASSWORD        LDIF line of a password, for an entry or a change
#   samba_account NAME PASSWORD [USERACCOUNTCONTROL]   an account below CN=Users
#   samba_keytab NAME FILE         the account's keys, for logging in without a password
#   samba_start            start, wait until it answers
#   samba_stop
#
# samba_init sets SAMBA_BASE, SAMBA_ADDRESS, SAMBA_LDAPS_URI, SAMBA_LDAP_URI, SAMBA_CA_FILE,
# SAMBA_ADMIN, SAMBA_ADMIN_PASSWORD, and exports KRB5_CONFIG. No name service knows the
# server: Kerberos names it by its address.

SAMBA_DIR=
SAMBA_PID=
SAMBA_REALM=LAB.TEST
SAMBA_BASE=DC=lab,DC=test
SAMBA_ADMIN=Administrator@lab.test
SAMBA_ADMIN_PASSWORD='Passw0rd!Lab'

samba_missing() {
	local tool
	if [ "$(id -u)" != 0 ]; then
		echo "root"
		return
	fi
	for tool in samba samba-tool ldbadd openssl ldapsearch; do
		if ! PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null; then
			echo "$tool (make deps)"
			return
		fi
	done
	if [ ! -d /usr/share/samba/setup ]; then
		echo "samba-ad-provision (make deps)"
	fi
}

# An address of this machine on which nobody has the ports of a domain controller.
samba_free_address() {
	python3 - <<-'X'
		import os, socket
		for _ in range(100):
		    a, b, c = os.urandom(3)
		    address = "127.%d.%d.%d" % (a or 1, b, c % 254 + 1)
		    held = []
		    try:
		        for port in 88, 389, 464, 636, 3268, 3269:
		            held.append(socket.socket())
		            held[-1].bind((address, port))
		    except OSError:
		        continue
		    print(address)
		    break
	X
}

samba_certificates() {
	local dir=$1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/CN=Lab CA" -addext basicConstraints=critical,CA:TRUE \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=dc1.lab.test" \
		-keyout "$dir/dc.key" -out "$dir/dc.csr" 2>/dev/null
	printf 'subjectAltName=DNS:dc1.lab.test,IP:%s\n' "$SAMBA_ADDRESS" >"$dir/dc.ext"
	openssl x509 -req -in "$dir/dc.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
		-CAcreateserial -days 30 -extfile "$dir/dc.ext" -out "$dir/dc.pem" 2>/dev/null
	chmod 600 "$dir/dc.key"
}

samba_conf() {
	local dir=$1
	cat <<-X
		[global]
		 netbios name = DC1
		 realm = $SAMBA_REALM
		 workgroup = LAB
		 server role = active directory domain controller
		 server services = ldap, cldap, kdc
		 interfaces = $SAMBA_ADDRESS/8
		 bind interfaces only = yes
		 private dir = $dir/private
		 state directory = $dir/state
		 cache directory = $dir/cache
		 lock directory = $dir
		 pid directory = $dir/run
		 ncalrpc dir = $dir/ncalrpc
		 binddns dir = $dir/bind-dns
		 ntp signd socket directory = $dir/run/ntp
		 log file = $dir/log/log.%m
		 disable netbios = yes
		 load printers = no
		 tls keyfile = $dir/dc.key
		 tls certfile = $dir/dc.pem
		 tls cafile = $dir/ca.pem
	X
}

samba_krb5_conf() {
	cat <<-X
		[libdefaults]
		 default_realm = $SAMBA_REALM
		 dns_lookup_kdc = false
		 dns_lookup_realm = false
		 dns_canonicalize_hostname = false
		 rdns = false
		[realms]
		 $SAMBA_REALM = {
		  kdc = $SAMBA_ADDRESS
		 }
	X
}

samba_init() {
	local dir=$1
	mkdir -p "$dir"
	SAMBA_DIR=$dir
	SAMBA_ADDRESS=$(samba_free_address)
	SAMBA_LDAPS_URI=ldaps://$SAMBA_ADDRESS
	SAMBA_LDAP_URI=ldap://$SAMBA_ADDRESS
	SAMBA_CA_FILE=$dir/ca.pem
	export KRB5_CONFIG=$dir/krb5.conf
	samba-tool domain provision --realm="$SAMBA_REALM" --domain=LAB --server-role=dc \
		--dns-backend=NONE --adminpass="$SAMBA_ADMIN_PASSWORD" --targetdir="$dir" \
		--host-name=dc1 --host-ip="$SAMBA_ADDRESS" >"$dir/provision.log" 2>&1 || {
		cat "$dir/provision.log" >&2
		return 1
	}
	mkdir -p "$dir/run" "$dir/log" "$dir/ncalrpc" "$dir/cache"
	samba_certificates "$dir"
	samba_conf "$dir" >"$dir/smb.conf"
	samba_krb5_conf >"$dir/krb5.conf"
	samba_ldbmodify <<-X
		dn: CN=DC1,OU=Domain Controllers,$SAMBA_BASE
		changetype: modify
		add: servicePrincipalName
		servicePrincipalName: ldap/$SAMBA_ADDRESS
		servicePrincipalName: ldap/dc1.lab.test
	X
}

samba_ldb() { # TOOL; it ends with 0 when some records failed
	if ! "$1" -H "$SAMBA_DIR/private/sam.ldb" /dev/stdin >"$SAMBA_DIR/ldb.log" 2>&1 ||
		grep -q '^ERR' "$SAMBA_DIR/ldb.log"; then
		cat "$SAMBA_DIR/ldb.log" >&2
		return 1
	fi
}
samba_ldbadd() { samba_ldb ldbadd; }
samba_ldbmodify() { samba_ldb ldbmodify; }

samba_password() {
	printf 'unicodePwd:: %s\n' "$(printf '"%s"' "$1" | iconv -t UTF-16LE | base64 -w0)"
}

samba_account() {
	samba_ldbadd <<-X
		dn: CN=$1,CN=Users,$SAMBA_BASE
		objectClass: user
		sAMAccountName: $1
		userPrincipalName: $1@lab.test
		userAccountControl: ${3:-512}
		$(samba_password "$2")
	X
}

samba_keytab() {
	samba-tool domain exportkeytab "$2" --principal="$1@$SAMBA_REALM" \
		-s "$SAMBA_DIR/smb.conf" >"$SAMBA_DIR/keytab.log" 2>&1 || {
		cat "$SAMBA_DIR/keytab.log" >&2
		return 1
	}
	chmod 600 "$2"
}

samba_start() {
	/usr/sbin/samba -s "$SAMBA_DIR/smb.conf" -M single -i --no-process-group --debuglevel=1 \
		>"$SAMBA_DIR/samba.log" 2>&1 &
	SAMBA_PID=$!
	for _ in $(seq 200); do
		if ldapsearch -x -LLL -H "$SAMBA_LDAP_URI" -s base -b '' dn >/dev/null 2>&1; then
			return 0
		fi
		kill -0 "$SAMBA_PID" 2>/dev/null || break
		sleep 0.05
	done
	echo "samba did not start: $(tail -n 20 "$SAMBA_DIR/samba.log")" >&2
	samba_stop
	return 1
}

samba_stop() {
	[ -n "$SAMBA_PID" ] || return 0
	kill -TERM "$SAMBA_PID" 2>/dev/null || true
	wait "$SAMBA_PID" 2>/dev/null || true
	SAMBA_PID=
}

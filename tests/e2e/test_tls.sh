#!/bin/bash
# TLS and logins against a real slapd: each way in, and each way a handshake fails with the
# words people get.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-tls.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/reads.sh
. tests/e2e/reads.sh
SECRET=demo-password
other_pid=

finish() {
	trap '' INT TERM
	other_stop
	slapd_stop
	rm -rf "$work"
}
other_stop() {
	[ -z "$other_pid" ] || kill "$other_pid" 2>/dev/null || true
	[ -z "$other_pid" ] || wait "$other_pid" 2>/dev/null || true
	other_pid=
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# key_pair NAME CA EXTENSIONS OPTION...: a certificate by the authority in $work/CA.
key_pair() {
	local name=$1 ca=$2 extensions=$3
	shift 3
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name/O=lab" \
		-keyout "$work/$name.key" -out "$work/$name.csr" 2>/dev/null
	printf '%b\n' "$extensions" >"$work/$name.ext"
	openssl x509 -req -in "$work/$name.csr" -CA "$work/$ca.pem" -CAkey "$work/$ca.key" \
		-CAcreateserial -extfile "$work/$name.ext" "$@" -out "$work/$name.pem" 2>/dev/null
	chmod 600 "$work/$name.key"
}
authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE \
		-keyout "$work/$1.key" -out "$work/$1.pem" 2>/dev/null
}
# serve [LINE]...: restart with these lines at the head of the configuration.
serve() {
	slapd_stop
	{
		printf '%s\n' "$@"
		slapd_conf "$SLAPD_DIR"
	} >"$SLAPD_DIR/slapd.conf"
	slapd_own
	slapd_start
	BASE[uri]=$LDAPS_URI
}
with_certificate() { # NAME: restart with this one
	cat "$work/$1.pem" ${2:+"$work/$2.pem"} >"$SLAPD_DIR/server.pem"
	cp "$work/$1.key" "$SLAPD_DIR/server.key"
	serve
}

slapd_init "$work/slapd"
slapd_socket=$work/slapd/ldapi
cat >"$work/company.ldif" <<X
dn: $SLAPD_BASE
objectClass: dcObject
objectClass: organization
dc: $(cut -d, -f1 <<<"${SLAPD_BASE#dc=}")
o: lab

dn: ou=services,$SLAPD_BASE
objectClass: organizationalUnit
ou: services

dn: $BIND_DN
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: dirbridge
userPassword: $(cat "$BIND_PASSWORD_FILE")

dn: uid=ann,$SLAPD_BASE
objectClass: inetOrgPerson
uid: ann
cn: Ann
sn: Ann
X
slapd_load "$work/company.ldif"
cp "$BIND_PASSWORD_FILE" "$work/bind.password"
chmod 600 "$work/bind.password"
cp "$SLAPD_DIR/ca.pem" "$work/ca.pem"
cp "$SLAPD_DIR/ca.key" "$work/ca.key"
cp "$SLAPD_DIR/server.pem" "$work/good.pem"
cp "$SLAPD_DIR/server.key" "$work/good.key"
authority other
key_pair bridge ca 'extendedKeyUsage=clientAuth' -days 3
key_pair stranger ca 'extendedKeyUsage=clientAuth' -days 3
key_pair forged other 'extendedKeyUsage=clientAuth' -days 3
BASE=(
	[tls_ca_file]=ca.pem [bind_dn]="$BIND_DN" [password_file]=bind.password
	[connect_timeout]=5 [timeout]=5
	[people]="{base: \"$SLAPD_BASE\", filter: (objectClass=inetOrgPerson)}"
)
ALL='^people complete 1$'
EXTERNAL=("bind: external" "bind_dn:" "password_file:")
PAIR=("tls_cert_file: bridge.pem" "tls_key_file: bridge.key")
STARTTLS=("start_tls: true")

# --- ways in ---
as_bridge="authz-regexp \"cn=bridge,o=lab|o=lab,cn=bridge\" \"$BIND_DN\""
as_local="authz-regexp \"gidNumber=$(id -g).uidNumber=$(id -u),cn=peercred,cn=external,cn=auth\" \"$BIND_DN\""
SLAPD_MORE=ldapi://${slapd_socket//\//%2F}
serve "TLSVerifyClient try" "$as_bridge" "$as_local"
STARTTLS+=("uri: $LDAP_URI")
settings
reads "password over ldaps" "$ALL"
settings "${STARTTLS[@]}"
reads "password over StartTLS" "$ALL"
settings "${EXTERNAL[@]}" "${PAIR[@]}"
reads "certificate over ldaps" "$ALL"
settings "${EXTERNAL[@]}" "${PAIR[@]}" "${STARTTLS[@]}"
reads "certificate over StartTLS" "$ALL"
settings "${EXTERNAL[@]}" "uri: $SLAPD_MORE" "tls_ca_file:"
reads "local socket" "$ALL"
settings "tls_min: 1.3"
reads "TLS 1.3 and nothing else" "$ALL"
for variable in "LDAPTLS_REQCERT=never" "LDAPTLS_CACERT=$work/other.pem" "LDAPTLS_CERT=$work/none" \
	"LDAPTLS_CIPHER_SUITE=NORMAL:-VERS-ALL:+VERS-TLS1.0" "LDAPURI=ldap://192.0.2.1" \
	"LDAPSASL_SECPROPS=minssf=256"; do
	settings
	(export "${variable?}" && read_directory) || true
	if grep -q "$ALL" "$work/out"; then
		ok "the environment has no say: $variable"
	else
		bad "the environment has no say: $variable" "it was heeded"
	fi
done
settings "tls_ca_file: other.pem"
(export LDAPTLS_REQCERT=never LDAPTLS_CACERT="$work/ca.pem" && read_directory) || true
if grep -q '^error 6 .*is not trusted' "$work/out"; then
	ok "nor does it weaken"
else
	bad "nor does it weaken" "no error"
fi

# --- our own certificate ---
settings "${EXTERNAL[@]}" "tls_cert_file: stranger.pem" "tls_key_file: stranger.key"
reads "a certificate that has no account sees nobody" '^people incomplete 0$'
settings "${EXTERNAL[@]}"
fails "EXTERNAL without a certificate" $INVALID 'name it in directory.tls_cert_file'
settings "${EXTERNAL[@]}" "${PAIR[@]}" "uri: $LDAP_URI"
fails "EXTERNAL without TLS" $INVALID 'needs ldaps://, ldapi://'
settings "${EXTERNAL[@]}" "tls_cert_file: bridge.pem" "tls_key_file: stranger.key"
fails "the key of another certificate" $INVALID 'tls_key_file: .*stranger.key is no key .*of the certificate'
settings "${EXTERNAL[@]}" "tls_cert_file: bridge.key" "tls_key_file: bridge.key"
fails "a file without certificate" $INVALID 'tls_cert_file: .*bridge.key holds no certificate'
settings "${EXTERNAL[@]}" "tls_cert_file: none.pem" "tls_key_file: bridge.key"
fails "no certificate file" $INVALID 'tls_cert_file: .*none.pem'
chmod 640 "$work/stranger.key"
settings "tls_cert_file: stranger.pem" "tls_key_file: stranger.key"
fails "a key that others may read" $INVALID 'tls_key_file: others may read .*mode 0640'
openssl ec -aes128 -passout pass:x -in "$work/bridge.key" -out "$work/locked.key" 2>/dev/null
chmod 600 "$work/locked.key"
settings "tls_cert_file: bridge.pem" "tls_key_file: locked.key"
fails "a key with a pass phrase" $INVALID 'tls_key_file: .*without a pass phrase'
for version in 1.3 1.2; do
	serve "TLSVerifyClient demand" "$as_bridge" \
		"TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS$version"
	STARTTLS=("start_tls: true" "uri: $LDAP_URI")
	settings "${PAIR[@]}"
	reads "certificate and password, TLS $version" "$ALL"
	settings
	fails "the server wants a certificate, TLS $version" $TLS 'wants a certificate of ours.*tls_cert_file'
	settings "${STARTTLS[@]}"
	fails "the same over StartTLS, TLS $version" $TLS 'wants a certificate of ours'
	settings "tls_cert_file: forged.pem" "tls_key_file: forged.key"
	fails "an authority it does not know, TLS $version" $TLS 'does not take our certificate'
done

# --- versions ---
settings "${PAIR[@]}" "tls_min: 1.3"
fails "TLS 1.2 at most, 1.3 wanted" $TLS 'server has TLSv1.2 at most, directory.tls_min is 1.3'
settings "${PAIR[@]}" "tls_min: 1.3" "${STARTTLS[@]}"
fails "the same over StartTLS" $TLS 'server has TLSv1.2 at most'
serve "TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.1"
settings
fails "TLS 1.1 at most" $TLS 'server has TLSv1.1 at most, directory.tls_min is 1.2'
port=$(slapd_free_port)
openssl s_server -accept "127.0.0.1:$port" -nocert -psk 00 -tls1_2 -quiet >"$work/psk.log" 2>&1 &
other_pid=$!
settings "uri: ldaps://127.0.0.1:$port"
for _ in $(seq 200); do
	! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	sleep 0.02
done
fails "no cipher in common" $TLS 'no version or cipher of TLS in common'
other_stop

# --- the server's certificate ---
key_pair expired ca 'subjectAltName=IP:127.0.0.1' -days -1
with_certificate expired
settings
fails "expired" $TLS 'certificate expired on [0-9-]+T.*renew'
settings "uri: $LDAP_URI" "start_tls: true"
fails "expired, StartTLS" $TLS 'certificate expired on [0-9-]+T'
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=later \
	-keyout "$work/later.key" -out "$work/later.csr" 2>/dev/null
mkdir "$work/ca"
: >"$work/ca/index.txt"
printf '[ca]\ndefault_ca=x\n[x]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\n' \
	"$work/ca/index.txt" "$work/ca" >"$work/ca/ca.conf"
openssl ca -batch -config "$work/ca/ca.conf" -cert "$work/ca.pem" -keyfile "$work/ca.key" \
	-in "$work/later.csr" -out "$work/later.pem" -notext \
	-startdate 20900101000000Z -enddate 20910101000000Z 2>/dev/null
with_certificate later
settings
fails "not valid yet" $TLS 'not valid before 2090-01-01T.*clocks'
key_pair elsewhere ca 'subjectAltName=DNS:ldap.example.org,IP:192.0.2.7' -days 3
with_certificate elsewhere
settings
fails "another host" $TLS 'is for ldap.example.org, 192.0.2.7, not for 127.0.0.1; use its name'
settings "uri: $LDAP_URI" "start_tls: true"
fails "another host, StartTLS" $TLS 'is for ldap.example.org, 192.0.2.7, not for 127.0.0.1'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj /CN=own \
	-addext subjectAltName=IP:127.0.0.1 -keyout "$work/own.key" -out "$work/own.pem" 2>/dev/null
with_certificate own
settings
fails "self-signed" $TLS 'self-signed by "own", which .*ca.pem does not hold; see directory.tls_ca_file'
settings "tls_ca_file: own.pem"
reads "self-signed and trusted" "$ALL"
key_pair middle ca 'basicConstraints=critical,CA:TRUE' -days 3
key_pair below middle 'subjectAltName=IP:127.0.0.1' -days 3
with_certificate below middle
settings
reads "an authority in between" "$ALL"
with_certificate below
settings
fails "an authority in between that is not sent" $TLS 'its issuer "middle" is not in .*ca.pem'
key_pair old_middle ca 'basicConstraints=critical,CA:TRUE' -days -1
key_pair below_old old_middle 'subjectAltName=IP:127.0.0.1' -days 3
with_certificate below_old old_middle
settings
fails "an authority in between that has expired" $TLS 'authority "old_middle" .*has expired'
with_certificate good
settings "tls_ca_file: other.pem"
fails "unknown authority" $TLS 'issuer "Test CA" is not in .*other.pem'

# --- no TLS, or no LDAP ---
settings "uri: ldaps://127.0.0.1:${LDAP_URI##*:}"
fails "ldaps to the plain port" $TLS 'does not speak TLS; use the ldaps port, or ldap:// with directory.start_tls'
settings "uri: ldap://127.0.0.1:${LDAPS_URI##*:}"
fails "ldap to the ldaps port" $TLS 'this port speaks TLS; use ldaps://'
settings "uri: ldap://127.0.0.1:${LDAPS_URI##*:}" "start_tls: true"
fails "StartTLS to the ldaps port" $TLS 'use ldaps://'
python3 - "$work/port" >/dev/null 2>&1 <<'X' &
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1], "w").write(str(server.getsockname()[1]))
while True:
    peer = server.accept()[0]
    peer.recv(1000)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    peer.close()
X
other_pid=$!
for _ in $(seq 200); do
	[ ! -s "$work/port" ] || break
	sleep 0.02
done
settings "uri: ldaps://127.0.0.1:$(cat "$work/port")"
fails "ldaps to a web server" $TLS 'does not speak TLS'
settings "uri: ldap://127.0.0.1:$(cat "$work/port")" "start_tls: true"
fails "StartTLS to a web server" $TLS 'is not LDAP'
other_stop
slapd_stop
sed -i '/^TLS/d' "$SLAPD_DIR/slapd.conf"
slapd_start
settings "uri: $LDAP_URI" "start_tls: true"
fails "StartTLS that the server does not have" $TLS 'the server refuses StartTLS: .*; use ldaps://'
if grep -q 'uid=ann' "$work/out"; then
	bad "nothing is read without it" "people came"
else
	ok "nothing is read without it"
fi
settings "uri: $LDAPS_URI"
fails "ldaps that the server does not have" $TLS 'hung up|does not speak TLS'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

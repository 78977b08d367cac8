# shellcheck shell=bash
# shellcheck disable=SC2034 # what it sets is for the caller
# The LDAP server that misbehaves as told (tests/tools/ldap_mock.py). Source it after slapd.sh
# (for the certificates); it works under set -euo pipefail.
#
#   mock_start DIR LDIF [OPTION]...   start on free ports; sets MOCK_LDAP, MOCK_LDAPS,
#                                     MOCK_DEAD (connecting never ends) and MOCK_CA_FILE
#   mock_faults [KEY=VALUE]...        what goes wrong from the next connection on; counts afresh
#   mock_count EXPRESSION             a Python expression over the counters `c`
#   mock_stop

MOCK_DIR=
MOCK_PID=

mock_port() { sed -n "s/^$1=//p" "$MOCK_DIR/ports"; }

mock_start() {
	MOCK_DIR=$1
	mkdir -p "$MOCK_DIR"
	[ -e "$MOCK_DIR/ca.pem" ] || slapd_certificates "$MOCK_DIR"
	MOCK_CA_FILE=$MOCK_DIR/ca.pem
	rm -f "$MOCK_DIR/ports"
	: >"$MOCK_DIR/faults"
	python3 tests/tools/ldap_mock.py "$2" --ports "$MOCK_DIR/ports" \
		--cert "$MOCK_DIR/server.pem" --key "$MOCK_DIR/server.key" --ca "$MOCK_CA_FILE" \
		--fault-file "$MOCK_DIR/faults" "${@:3}" \
		>"$MOCK_DIR/log" 2>&1 &
	MOCK_PID=$!
	while [ ! -e "$MOCK_DIR/ports" ]; do
		if ! kill -0 "$MOCK_PID" 2>/dev/null; then
			echo "the LDAP server of the tests did not start: $(cat "$MOCK_DIR/log")" >&2
			return 1
		fi
		sleep 0.05
	done
	MOCK_LDAP=ldap://127.0.0.1:$(mock_port ldap)
	MOCK_LDAPS=ldaps://127.0.0.1:$(mock_port ldaps)
	MOCK_DEAD=ldap://127.0.0.1:$(mock_port dead)
}

MOCK_ROUND=0
mock_faults() {
	# A round of its own makes the same faults a change too, so that counters start afresh.
	MOCK_ROUND=$((MOCK_ROUND + 1))
	printf '%s\n' "round=$MOCK_ROUND" "$@" >"$MOCK_DIR/faults.new"
	mv "$MOCK_DIR/faults.new" "$MOCK_DIR/faults"
}

mock_count() {
	python3 -c 'import json, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
c = json.loads(b"".join(iter(lambda: s.recv(65536), b"")))
print(eval(sys.argv[2]))' "$(mock_port counters)" "$1"
}

mock_stop() {
	[ -n "$MOCK_PID" ] || return 0
	kill "$MOCK_PID" 2>/dev/null || true
	wait "$MOCK_PID" 2>/dev/null || true
	MOCK_PID=
}

# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what it sets is for the caller, $work is the caller's
# Prism (npm) as a proxy that judges requests and answers by a contract. Source after slapd.sh.
#
#   prism_there                  whether it is installed
#   prism_start CONTRACT URL     in front of URL; sets PRISM_URL; its log is $work/prism.log
#   prism_stop
#   prism_violations LOG         what it found wrong, one a line, numbers of entities as N

PRISM_PID=
PRISM_URL=
PRISM_JS=tests/npm/node_modules/@stoplight/prism-cli/dist/index.js

prism_there() {
	command -v node >/dev/null && [ -f $PRISM_JS ]
}

# Without --errors it lets a wrong request pass and tells its log: a run goes on and all that
# is wrong is found at once. A port that was free may be taken by now: three tries.
prism_start() {
	local port
	for _ in 1 2 3; do
		port=$(slapd_free_port)
		PRISM_URL=http://127.0.0.1:$port
		node $PRISM_JS proxy -h 127.0.0.1 -p "$port" "$1" "$2" >"$work/prism.log" 2>&1 &
		PRISM_PID=$!
		while kill -0 "$PRISM_PID" 2>/dev/null; do
			if grep -q 'Prism is listening' "$work/prism.log"; then
				return 0
			fi
			sleep 0.1
		done
		prism_stop
	done
	echo "Prism did not start: $(tail -n 5 "$work/prism.log")" >&2
	return 1
}

prism_stop() {
	[ -n "$PRISM_PID" ] || return 0
	kill -TERM "$PRISM_PID" 2>/dev/null || true
	wait "$PRISM_PID" 2>/dev/null || true
	PRISM_PID=
}

prism_violations() {
	sed -nE 's/^.*Violation: //; T; s/\.[0-9]+/.N/g; p' "$1" | sort -u
}

# prism_wait_url FILE: the address that a server prints into FILE.
prism_wait_url() {
	for _ in $(seq 200); do
		if grep -q '^http' "$1"; then
			head -n 1 "$1"
			return 0
		fi
		sleep 0.05
	done
	return 1
}

# shellcheck shell=bash
# Helpers of the whole-run tests: the sandbox, settings, counting. Source after slapd.sh.
# The caller sets $build (folder of the programs) and $work (a temporary folder).

SANDBOX_PID=
SANDBOX_URL=

# sandbox_start DATA [OPTION]...: start the tenant on a free port; sets SANDBOX_URL.
sandbox_start() {
	local data=$1 i
	shift
	: >"$work/sandbox.out"
	"$build/dirbridge-sandbox" --listen 127.0.0.1:0 --data "$data" "$@" \
		>"$work/sandbox.out" 2>"$work/sandbox.log" &
	SANDBOX_PID=$!
	for i in $(seq 200); do
		SANDBOX_URL=$(sed -n 's,^.*\(http://127\.0\.0\.1:[0-9]*\).*$,\1,p' "$work/sandbox.out")
		[ -n "$SANDBOX_URL" ] && return 0
		kill -0 "$SANDBOX_PID" 2>/dev/null || break
		sleep 0.05
	done
	echo "the sandbox did not start: $(cat "$work/sandbox.log")" >&2
	return 1
}

# sandbox_stop: ask it to end; it saves its state.
sandbox_stop() {
	[ -n "$SANDBOX_PID" ] || return 0
	kill -TERM "$SANDBOX_PID" 2>/dev/null || true
	wait "$SANDBOX_PID" 2>/dev/null || true
	SANDBOX_PID=
}

# steps_applied DIR: steps of the newest run that were done.
steps_applied() {
	"$build/dirbridge" runs --json -c "$1/dirbridge.yaml" |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["runs"][0]["done"])'
}

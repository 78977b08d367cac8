# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what it sets is for the caller, $work is the caller's
# SCIM services for tests, on free ports. The caller sets $work (a temporary folder).
#
#   scim_start_quirks [OPTION]...   tests/tools/scim_quirks.py
#   scimmy_there                    whether scimmy is installed
#   scim_start_scimmy               tests/npm/scimmy_server.mjs
#   scim_stop
#   scim_state                      what the running one has, as JSON
#
# Both set SCIM_URL; SCIM_TOKEN is the token they want.

SCIM_PID=
SCIM_URL=
SCIM_TOKEN=scim-token

scim_wait() {
	for _ in $(seq 400); do
		SCIM_URL=$(sed -n '/^http/{p;q}' "$work/scim.out")
		[ -n "$SCIM_URL" ] && return 0
		kill -0 "$SCIM_PID" 2>/dev/null || break
		sleep 0.05
	done
	echo "the SCIM service did not start: $(tail -n 5 "$work/scim.out")" >&2
	return 1
}

scim_start_quirks() {
	: >"$work/scim.out"
	python3 tests/tools/scim_quirks.py --token "$SCIM_TOKEN" "$@" >"$work/scim.out" 2>&1 &
	SCIM_PID=$!
	scim_wait
}

scimmy_there() {
	command -v node >/dev/null && [ -d tests/npm/node_modules/scimmy-routers ]
}

scim_start_scimmy() {
	: >"$work/scim.out"
	node tests/npm/scimmy_server.mjs "$SCIM_TOKEN" >"$work/scim.out" 2>&1 &
	SCIM_PID=$!
	scim_wait
}

scim_stop() {
	[ -n "$SCIM_PID" ] || return 0
	kill -TERM "$SCIM_PID" 2>/dev/null || true
	wait "$SCIM_PID" 2>/dev/null || true
	SCIM_PID=
}

scim_state() {
	curl -sf "${SCIM_URL%/scim/v2}/test/state"
}

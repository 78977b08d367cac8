# shellcheck shell=bash
# shellcheck disable=SC2154 # $work and $build are the caller's
# Helpers of the whole-run tests: the sandbox, settings, counting. Source after slapd.sh.
# The caller sets $build (folder of the programs) and $work (a temporary folder).

SANDBOX_PID=
SANDBOX_URL=

# sandbox_start DATA [OPTION]...: start the tenant on a free port; sets SANDBOX_URL.
sandbox_start() {
	local data=$1
	shift
	: >"$work/sandbox.out"
	"$build/dirbridge-sandbox" --listen 127.0.0.1:0 --data "$data" "$@" \
		>"$work/sandbox.out" 2>"$work/sandbox.log" &
	SANDBOX_PID=$!
	for _ in $(seq 200); do
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

# write_settings DIR [LINE...]: settings of the quickstart for the servers that run, with
# its rules; each LINE "name: value" below a section is added as YAML text at the end.
write_settings() {
	local dir=$1
	shift
	mkdir -p "$dir/mappings"
	cp -f examples/quickstart/mappings/agents.yaml "$dir/mappings/"
	printf 'demo-secret\n' >"$dir/tenant.secret"
	cp -f "$BIND_PASSWORD_FILE" "$dir/bind.password"
	chmod 600 "$dir/tenant.secret" "$dir/bind.password"
	cat >"$dir/dirbridge.yaml" <<-X
		directory:
		  uri: $LDAPS_URI
		  tls_ca_file: $CA_FILE
		  bind_dn: $BIND_DN
		  password_file: bind.password
		  people: {base: "ou=people,$SLAPD_BASE", filter: (objectClass=inetOrgPerson)}
		  groups: {base: "ou=groups,$SLAPD_BASE", filter: (objectClass=groupOfNames)}
		target:
		  api_url: $SANDBOX_URL
		  login_url: $SANDBOX_URL
		  client_id: dirbridge-demo
		  client_secret_file: tenant.secret
		  rate: 0
		state:
		  file: dirbridge.db
		rules: [mappings/agents.yaml]
		protect:
		  roles: [Master Admin]
	X
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$dir/dirbridge.yaml"
}

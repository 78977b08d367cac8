#!/bin/bash
# Runs the benchmarks (or those named) on servers of their own. See bench.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-bench.XXXXXX")
chmod 755 "$work"
# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
finish() {
	sandbox_stop
	slapd_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

wanted() { # NAME [NAME...]: is one of them asked for?
	[ -n "$only" ] || return 0
	local name
	for name; do [[ " $only " == *" $name "* ]] && return 0; done
	return 1
}
only="$*"
out=$build/bench.jsonl
: >"$out"
printf '%-18s %12s %-6s %12s %8s  %s\n' name value unit reference ratio reach
bench() { python3 tests/bench/bench.py "$build" "$work" "$out" "$@"; }

settings() { # DIR: settings of the benchmark's rule set, over ldaps
	write_settings "$1"
	cp tests/bench/rules.yaml "$1/mappings/agents.yaml"
}
serve() { # PEOPLE [OPTION]...: a slapd with that many
	slapd_stop
	rm -rf "$work/slapd"
	"$build/tests/tools/gen_directory" --people "$1" --groups 40 --seed 5 "${@:2}" >"$work/company.ldif"
	slapd_init "$work/slapd"
	slapd_load "$work/company.ldif"
	slapd_start
	SANDBOX_URL=http://127.0.0.1:1 settings "$work"
	export LDAPS_URI CA_FILE BIND_DN BIND_PASSWORD_FILE SLAPD_BASE
}

if wanted rules; then
	"$build/tests/tools/gen_directory" --people 20000 --groups 40 --seed 5 >"$work/company.ldif"
	bench rules
fi
if wanted apply-rate; then
	sandbox_stop
	rm -f "$work"/dirbridge.db*
	"$build/tests/tools/gen_directory" --people "${BENCH_APPLY_PEOPLE:-20000}" --groups 40 --seed 5 \
		>"$work/company.ldif"
	"$build/tests/tools/gen_tenant" --seed 5 --foreign 20 >"$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
	BIND_PASSWORD_FILE=/dev/null LDAPS_URI=ldaps://127.0.0.1 CA_FILE=/dev/null \
		BIND_DN=cn=none write_settings "$work"
	sed -i "s,^  uri:.*,  kind: ldif\n  ldif: company.ldif," "$work/dirbridge.yaml"
	cat >"$work/mappings/agents.yaml" <<-'X'
		version: 1
		people:
		  - name: everybody
		    match: [externalId, userName]
		    profile:
		      userName: ${entry.mail.lowerAscii()}
		      displayName: ${entry.cn}
		    assign:
		      - skills: {Billing: 5, Refunds: 5}
	X
	"$build/dirbridge" apply --yes -q -c "$work/dirbridge.yaml" >"$work/apply.out" ||
		{ tail -n 20 "$work/apply.out"; exit 1; }
	curl -sf "$SANDBOX_URL/sandbox/state" >"$work/state.jsonl"
	export SANDBOX_URL
	bench apply-rate
	sandbox_stop
fi
for name in pacing pacing-429; do
	if wanted $name; then bench $name; fi
done
if wanted read-map read-map-floor; then
	serve 100000
	for name in read-map read-map-floor; do wanted $name && bench $name; done
fi
if wanted groups; then
	serve 100000 --nest 1959
	bench groups
fi
if wanted read-memory; then
	serve 50000
	bench read-memory-small
	serve 500000
	bench read-memory
fi
if wanted delta-idle; then
	sandbox_stop
	SLAPD_EXTRA=$'moduleload syncprov\noverlay syncprov\nsyncprov-sessionlog 1000' \
		serve "${BENCH_DELTA_PEOPLE:-100000}"
	"$build/tests/tools/gen_tenant" --seed 5 --foreign 20 >"$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
	rm -f "$work"/dirbridge.db*
	write_settings "$work"
	sed -i '/max_drop/d' "$work/dirbridge.yaml"
	for _ in 1 2; do # the second leaves nothing over
		"$build/dirbridge" apply --yes -q -c "$work/dirbridge.yaml" >"$work/apply.out" ||
			{ tail -n 20 "$work/apply.out"; exit 1; }
	done
	bench delta-idle
	sandbox_stop
fi
if wanted read-tenant; then
	sandbox_stop
	"$build/tests/tools/gen_tenant" --seed 5 --users "${BENCH_TENANT_USERS:-50000}" >"$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl" --rate 0 --fault "*:delay=50"
	BIND_PASSWORD_FILE=/dev/null LDAPS_URI=ldaps://127.0.0.1 CA_FILE=/dev/null \
		BIND_DN=cn=none write_settings "$work"
	export SANDBOX_URL
	bench read-tenant
	sandbox_stop
fi
if wanted sandbox-rate; then
	sandbox_stop
	"$build/tests/tools/gen_tenant" --seed 5 --users "${BENCH_TENANT_USERS:-100000}" >"$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl" --rate 0
	BIND_PASSWORD_FILE=/dev/null LDAPS_URI=ldaps://127.0.0.1 CA_FILE=/dev/null \
		BIND_DN=cn=none write_settings "$work"
	export SANDBOX_URL
	bench sandbox-rate
	sandbox_stop
fi
if wanted calls-idle; then
	slapd_stop
	people=${BENCH_IDLE_PEOPLE:-50000}
	"$build/tests/tools/gen_directory" --people "$people" --groups 40 --seed 5 >"$work/company.ldif"
	"$build/tests/tools/gen_tenant" --seed 5 --foreign 20 >"$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
	BIND_PASSWORD_FILE=/dev/null LDAPS_URI=ldaps://127.0.0.1 CA_FILE=/dev/null \
		BIND_DN=cn=none write_settings "$work"
	sed -i "s,^  uri:.*,  kind: ldif\n  ldif: company.ldif," "$work/dirbridge.yaml"
	sed -i '/max_drop/d' "$work/dirbridge.yaml"
	"$build/dirbridge" apply --yes -q -c "$work/dirbridge.yaml" >"$work/apply.out" ||
		{ tail -n 20 "$work/apply.out"; exit 1; }
	curl -sf -X POST "$SANDBOX_URL/sandbox/reset" >/dev/null
	"$build/dirbridge" plan --exit-code -q -c "$work/dirbridge.yaml" >"$work/plan.out"
	curl -sf "$SANDBOX_URL/sandbox/counters" >"$work/counters.json"
	curl -sf "$SANDBOX_URL/sandbox/state" >"$work/state.jsonl"
	bench calls-idle
fi

# shellcheck shell=bash
# shellcheck disable=SC2154 # $work and $build are the caller's
# A run by changes plans what a full run plans: random changes of a real directory
# (churn.py), after each batch both plans, compared, then applied.

# plans_settings DIRECTORY-LINES: settings and rules in $work.
plans_settings() {
	mkdir -p "$work/mappings"
	printf 'demo-secret\n' >"$work/tenant.secret"
	chmod 600 "$work/tenant.secret"
	cat >"$work/mappings/agents.yaml" <<-X
		version: 1
		people:
		  - name: agents
		    when: inGroup("group41") || entry.title == "Lead"
		    profile:
		      userName: '\${coalesce(entry.mail, entry.cn + "@example.org")}'
		      displayName: \${entry.cn}
		      title: \${entry.title}
		      phoneNumbers: {work: "\${entry.telephoneNumber}"}
		    assign:
		      - when: inGroup("group42")
		        skills: {Billing: 4}
		      - when: entry.title == "Senior agent"
		        groups: [Supervisors]
		  - name: others
		    when: inGroup("group43") || entry.title == "Agent"
		    profile:
		      userName: '\${coalesce(entry.mail, entry.cn + "@example.org")}'
		      displayName: \${entry.cn}
	X
	cat >"$work/dirbridge.yaml" <<-X
		directory:
		$1
		  max_drop: 100
		target:
		  api_url: $SANDBOX_URL
		  login_url: $SANDBOX_URL
		  client_id: dirbridge-demo
		  client_secret_file: tenant.secret
		  rate: 0
		state: {file: dirbridge.db}
		rules: [mappings/agents.yaml]
		limits:
		  disables: {percent: 100, min: 10000}
		  skill_removals: {percent: 100, min: 10000}
		  group_removals: {percent: 100, min: 10000}
		  renames: {percent: 100, min: 10000}
	X
}

# same_plans: exit 0 when the two plans are one, 1 with what differs; prints steps and how
# the first was read.
same_plans() {
	python3 - "$work/changes.json" "$work/full.json" <<-'X'
		import json, sys
		a, b = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
		for key in ("steps", "people", "skipped", "links", "inScope", "refused"):
		    if a.get(key) != b.get(key):
		        print(key, "by changes:", json.dumps(a.get(key))[:1500])
		        print(key, "by a full read:", json.dumps(b.get(key))[:1500])
		        sys.exit(1)
		print(a["read"], len(a["steps"]))
	X
}

# plans_compare ROUNDS COUNT APPLY: COUNT changes a round, given to APPLY.
plans_compare() {
	local rounds=$1 count=$2 apply=$3 by_changes=0 steps=0 round=0 read n status
	while [ "$by_changes" -lt "$rounds" ]; do
		round=$((round + 1))
		if [ "$round" -gt $((rounds * 3)) ]; then
			echo "FAIL only $by_changes of $round batches changed a plan"
			return 1
		fi
		python3 tests/e2e/churn.py next "$work/churn" "$count" >"$work/churn.ldif"
		"$apply" <"$work/churn.ldif" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
		for how in "" --full; do
			status=0
			"$build/dirbridge" plan --json $how -c "$work/dirbridge.yaml" \
				>"$work/${how:+full}${how:-changes}.json" 2>"$work/err" || status=$?
			if [ $status -ne 0 ] && [ $status -ne 5 ]; then
				echo "FAIL plan $how in batch $round: exit $status: $(cat "$work/err")"
				return 1
			fi
		done
		mv "$work/full--full.json" "$work/full.json"
		if ! same_plans >"$work/same"; then
			echo "FAIL batch $round"
			cat "$work/same"
			return 1
		fi
		read -r read n <"$work/same"
		# A batch that changes no plan proves nothing.
		if [ "$n" -gt 0 ] && [ "$read" = changes ]; then
			by_changes=$((by_changes + 1)) steps=$((steps + n))
		fi
		status=0
		"$build/dirbridge" apply --yes -q -c "$work/dirbridge.yaml" >"$work/out" 2>&1 || status=$?
		if [ $status -ne 0 ] && [ $status -ne 5 ]; then
			echo "FAIL apply in batch $round: exit $status"
			tail -n 5 "$work/out"
			return 1
		fi
	done
	echo "ok   $round batches of $count changes: $by_changes times the same plan by changes, $steps steps"
}

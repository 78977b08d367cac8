#!/bin/bash
# The HTML report in a real browser: an empty plan, new people, hostile names, 50,000 steps.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-html.XXXXXX")
chmod 755 "$work"

# shellcheck source=tests/e2e/slapd.sh
. tests/e2e/slapd.sh
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh

passed=0 failed=0
finish() {
	trap '' INT TERM
	sandbox_stop
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check() {
	local name=$1
	shift
	if "$@" >"$work/chk" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name: not so: $*"
		tail -n 6 "$work/chk" | cut -c1-300 | sed 's/^/       /'
	fi
}
c=$work/dirbridge.yaml
scene() { # PEOPLE: a directory with so many, and a tenant without them
	sandbox_stop
	"$build/tests/tools/gen_directory" --people "$1" --groups 40 --seed 3 >"$work/company.ldif"
	"$build/tests/tools/gen_tenant" --seed 3 --foreign 5 >"$work/tenant.jsonl"
	sandbox_start "$work/tenant.jsonl" --rate 0 --lag 0
	rm -f "$work"/dirbridge.db*
	SLAPD_BASE=dc=example,dc=org LDAPS_URI=ldaps://127.0.0.1:1 CA_FILE=/dev/null
	BIND_DN=cn=none BIND_PASSWORD_FILE=/dev/null
	: "$LDAPS_URI $CA_FILE $BIND_DN $BIND_PASSWORD_FILE $SLAPD_BASE" # for write_settings
	write_settings "$work"
	sed -i "s,^  uri:.*,  kind: ldif\n  ldif: company.ldif," "$c"
}
page() { # NAME: the plan as it is now
	"$build/dirbridge" plan --format html -c "$c" >"$work/$1.html" 2>"$work/err" || true
	pages+=("$1=$work/$1.html")
}
pages=()

scene 1000
"$build/dirbridge" plan -o "$work/plan.json" --format html -c "$c" >"$work/joiners.html" 2>"$work/err" || true
pages+=("joiners=$work/joiners.html")
check "a thousand new people fit into a mail" test "$(stat -c %s "$work/joiners.html")" -lt 1500000
"$build/dirbridge" show "$work/plan.json" --format html >"$work/shown.html"
# The page of a saved plan says in addition whether somebody has signed it.
sed 's/"approval":"nobody has signed it"/"approval":null/' "$work/shown.html" >"$work/same.html"
check "a saved plan gives the same page" cmp "$work/same.html" "$work/joiners.html"
check "with the plan's hash" grep -qF "\"sha256\":\"$(sed -n 's/^"sha256":"\(.*\)"}$/\1/p' "$work/plan.json")\"" "$work/joiners.html"

scene 60
"$build/dirbridge" apply --yes -q -c "$c" >"$work/out" 2>&1
page empty
# Names that would be markup, script, or turn the line around, were they not text.
python3 - "$work/company.ldif" <<'X'
import base64, sys
evil = ["<script>alert(1)</script>", "</script><script>alert(2)</script>", "<img src=x onerror=alert(3)>",
        "]]><!--", "\" onmouseover=\"alert(4)", "\u202egnp.exe", "\x1b[31m red", "&lt;b&gt;", "\u2028\u2029line",
        "${alert(5)}", "--><svg onload=alert(6)>"]
lines, n = [], 0
for line in open(sys.argv[1], encoding="utf-8"):
    if line.startswith(("title:", "departmentNumber:")) or line.startswith("displayName:"):
        name = line.split(":")[0]
        line = f"{name}:: {base64.b64encode(evil[n % len(evil)].encode()).decode()}\n"
        n += 1
    lines.append(line)
open(sys.argv[1], "w", encoding="utf-8").writelines(lines)
X
page hostile
check "no markup of a value is in the page" test "$(grep -ci '<script' "$work/hostile.html")" = "$(grep -ci '<script' "$work/empty.html")"
check "no line is ended by a value" test "$(grep -c 'onerror=alert' "$work/hostile.html")" = 1
scene 3500
page big
check "50,000 steps" test "$("$build/dirbridge" plan --json -c "$c" 2>/dev/null | grep -c '^{"step"')" -ge 50000

browser=${CHROMIUM:-$(command -v chromium || true)}
if [ -z "$browser" ] || [ ! -d tests/npm/node_modules/playwright-core ] || [ ! -d tests/npm/node_modules/axe-core ]; then
	echo "skip the pages in a browser: chromium, or playwright-core and axe-core of npm, are not here (make deps)"
	echo "$passed passed, $failed failed, 1 skipped"
	[ "$failed" -eq 0 ]
	exit
fi
mkdir -p "$build/screens"
# The browser writes its own things into a home of the test's.
HOME=$work CHROMIUM=$browser node tests/e2e/page.js "$build/screens" "${pages[@]}" >"$work/browser" 2>&1 || true
grep -E '^(ok|FAIL) ' "$work/browser" || cat "$work/browser"
passed=$((passed + $(grep -c '^ok ' "$work/browser" || true)))
failed=$((failed + $(grep -c '^FAIL ' "$work/browser" || true)))
check "the browser came to its end" grep -Eq '^[0-9]+ passed, [0-9]+ failed$' "$work/browser"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

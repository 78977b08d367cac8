#!/bin/bash
# `dirbridge test` as a command: files, settings, LDIF, exit codes, --update, JUnit XML, JSON,
# coverage. No server is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0

report() { # NAME GOOD
	if [ "$2" = yes ]; then
		passed=$((passed + 1))
		echo "ok   $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1"
		cut -c1-200 "$work/out" "$work/err" | sed 's/^/       /'
	fi
}

# run ARGUMENT...: sets $status, fills out and err.
run() {
	status=0
	"$build/dirbridge" test "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# expect NAME CODE REGEX ARGUMENT...: exit code, and REGEX in what it says.
expect() {
	local name=$1 code=$2 regex=$3 good=no
	shift 3
	run "$@"
	if [ "$status" -eq "$code" ] &&
		{ [ -z "$regex" ] || grep -Eq -- "$regex" "$work/out" "$work/err"; }; then
		good=yes
	fi
	report "$name (exit $status)" $good
}

check() { # NAME COMMAND...
	local name=$1 good=no
	shift
	if "$@" >>"$work/out" 2>>"$work/err"; then good=yes; fi
	report "$name" $good
}

# The examples ship with tests that reach everything.
for example in quickstart active-directory; do
	folder=$root/examples/$example
	expect "$example: its tests reach all" 0 ' 0 failed; .*\(100 %\)' --min-coverage 100 \
		"$folder/mappings/agents.test.yaml"
	expect "$example: found by its settings" 0 ' 0 failed; .*\(100 %\)' --min-coverage 100 \
		-c "$folder/dirbridge.yaml"
done

for stock in inetorgperson active-directory; do
	expect "stock/$stock: its tests reach all" 0 ' 0 failed; .*\(100 %\)' --min-coverage 100 \
		"$root/mappings/stock/$stock.test.yaml"
	# What it adds; the rest is reached above.
	expect "stock/scim-$stock" 0 '[1-9].* 0 failed' "$root/mappings/stock/scim-$stock.test.yaml"
done

cd "$work"
mkdir rules other
cat >dirbridge.yaml <<'X'
directory: {kind: ldif, ldif: none.ldif, id_attribute: employeeNumber, people: {base: "dc=x"}}
target: {api_url: "http://127.0.0.1:1", login_url: "http://127.0.0.1:1", client_id: x, client_secret_env: NONE}
rules: [rules/a.yaml, rules/b.yaml]
X
cat >rules/a.yaml <<'X'
version: 1
people:
- name: a
  when: inGroup("cc")
  profile: {userName: "${entry.mail}", title: "${entry.title}"}
  assign:
  - skills: {Billing: 4}
X
cat >rules/b.yaml <<'X'
version: 1
people:
- name: b
  profile: {userName: b}
X
cat >rules/one.test.yaml <<'X'
version: 1
cases:
- name: in a
  entry: {dn: "uid=a,dc=x", mail: a@x}
  groups: [cc]
  expect: {profile: {userName: a@x}, skills: {Billing: 4}}
X
cat >rules/two.test.yaml <<'X'
version: 1
ldif: people.ldif
cases:
- {name: in b, dn: "UID=b, dc=x", expect: {rule: b, profile: {externalId: E-1}}}
X
cat >rules/people.ldif <<'X'
version: 1

dn: uid=a,dc=x
mail: other@x

dn: uid=b,dc=x
employeeNumber: E-1
entryUUID: 12345678-ABCD-0000-0000-000000000000
mail: b@x
jpegPhoto:: AAEC
X

expect 'all files beside the rules' 0 '^2 cases: 2 passed, 0 failed; 6 of 7 branches'
expect 'a branch never reached is said' 0 'a\.yaml:5:48 \(a\.profile\.title\): never a value'
expect 'quiet when all is well' 0 '' -q
check '... says nothing' test ! -s out
expect 'coverage with counts' 0 '^ +1  a\.yaml:4:9 \(a\): true$' --coverage
expect 'coverage that is not enough' 1 '6 of 7 branches of the rules were reached; --min-coverage asks for 86' --min-coverage 86
expect 'coverage that is' 0 '' --min-coverage 85
for bad in -1 101 x '' 1000 5.5; do
	expect "--min-coverage '$bad'" 2 'min-coverage wants a whole number' --min-coverage "$bad"
done
expect 'the id of settings, else entryUUID' 1 'externalId$' rules/two.test.yaml --rules rules/b.yaml
check '... is that' grep -q '+ 12345678-abcd-0000' out
expect 'rules by option' 1 '"failed":2' --rules rules/b.yaml rules/two.test.yaml rules/two.test.yaml --json
cp rules/one.test.yaml other/alone.test.yaml
sed -i '1a rules: [../rules/a.yaml, ../rules/b.yaml]' other/alone.test.yaml
expect 'rules by the file of cases, without settings' 0 '1 passed' other/alone.test.yaml
mv dirbridge.yaml settings.yaml
expect '... none at all' 0 '1 passed' other/alone.test.yaml
mv settings.yaml dirbridge.yaml
expect 'a part' 0 '^1 case: 1 passed' rules/one.test.yaml

# Refusals: exit 2, each with its place.
expect 'no such file' 2 'none\.test\.yaml' none.test.yaml
expect 'no such option' 2 'nearest: --coverage' --coverag
expect 'wrong rules' 2 '^dirbridge: rules/people\.ldif:' --rules rules/people.ldif
expect 'no settings' 2 'none\.yaml' -c none.yaml
sed 's,rules/.\.yaml,other/x.yaml,g' dirbridge.yaml >none.yaml
rm other/alone.test.yaml
expect 'no files of cases' 2 'none\.yaml: no \*\.test\.yaml beside the rule files' -c none.yaml
refuse() { # NAME REGEX TEXT
	printf '%s\n' "$3" >rules/bad.test.yaml
	expect "$1" 2 "^dirbridge: rules/bad\.test\.yaml:$2" rules/bad.test.yaml
}
head='version: 1
cases:
'
refuse 'unknown key' '3:3: a case has no "nam"; nearest: name' "$head- nam: x"
refuse 'no expect' '3:3: the case has no expect; with --update' "$head- {name: x, entry: {dn: x}}"
refuse 'unknown group' '3:38: no rule names group "ccc"; nearest: "cc"' \
	"$head- {name: x, entry: {dn: x}, groups: [ccc], expect: {rule: x}}"
refuse 'no such LDIF file' '3:35: rules/none.ldif: ' "$head- {name: x, ldif: none.ldif, dn: \"uid=x\", expect: {rule: x}}"
refuse 'no such entry' '3:37: rules/people.ldif: there is no entry "uid=x"' \
	"$head- {name: x, ldif: people.ldif, dn: \"uid=x\", expect: {rule: x}}"
refuse 'no DN' '3:37: "x" is not a DN' "$head- {name: x, ldif: people.ldif, dn: \"x\", expect: {rule: x}}"
refuse 'broken LDIF' '3:32: rules/a.yaml:2: ' "$head- {name: x, ldif: a.yaml, dn: \"uid=x,dc=x\", expect: {rule: x}}"
rm rules/bad.test.yaml

# A case that fails: what, expected, came out, and where the rule stands.
sed -i 's/Billing: 4/Billing: 5/' rules/one.test.yaml
expect 'a failing case' 1 '^FAIL in a \(rules/one\.test\.yaml:3:3\)$'
check '... expected' grep -qx '    - Billing 5' out
check '... came out, with its place' grep -qx '    + Billing 4    <- a\.yaml:7:14 (a\.assign\[1\]\.skills)' out
expect 'quiet says what fails' 1 'FAIL' -q

# JSON
run --json
check 'JSON' python3 - <<'X'
import json
r = json.load(open("out"))
assert r["schema"] == "dirbridge.test/1" and r["passed"] == 1 and r["failed"] == 1
case = r["cases"][0]
assert case["result"] == "failed" and case["name"] == "in a" and case["line"] == 3
assert case["differences"] == [{"what": "skill", "expected": "Billing 5", "got": "Billing 4",
    "line": 6, "column": 56, "rule": "a.yaml:7:14 (a.assign[1].skills)"}], case
assert r["cases"][1]["result"] == "passed" and r["cases"][1]["differences"] == []
c = r["coverage"]
assert (c["reached"], c["of"], c["percent"]) == (6, 7, 85), c
assert [b for b in c["branches"] if not b["hits"]] == [{"file": "rules/a.yaml", "line": 5,
    "column": 48, "rule": "a.profile.title", "branch": "value", "hits": 0}], c
X

# JUnit XML, with what needs escapes in names and values.
cat >'rules/three<&>.test.yaml' <<'X'
version: 1
cases:
- name: "<a> & \"b\" 'c' ü ]]> \x1b \uFFFE"
  entry: {dn: "uid=a,dc=x", mail: "<&>\"'"}
  groups: [cc]
  expect: {profile: {userName: "<x> & \t y"}}
X
expect 'JUnit' 1 '3 cases: 1 passed, 2 failed' --junit report.xml
check 'JUnit is XML' python3 - <<'X'
import xml.etree.ElementTree as E
root = E.parse("report.xml").getroot()
assert root.tag == "testsuites" and root.get("tests") == "3" and root.get("failures") == "2"
suites = root.findall("testsuite")
assert [s.get("tests") for s in suites] == ["1", "1", "1"]
assert [s.get("failures") for s in suites] == ["1", "1", "0"], [s.attrib for s in suites]
assert suites[1].get("name").endswith("rules/three<&>.test.yaml")
case = suites[1].find("testcase")
assert case.get("name") == "<a> & \"b\" 'c' \u00fc ]]> \ufffd \ufffd", case.get("name")
assert case.get("line") == "3" and case.get("classname") == suites[1].get("name")
failure = case.find("failure")
assert failure.get("message") == "1 difference: profile.userName"
assert "- <x> & \t y" in failure.text and "+ <&>\"'" in failure.text, failure.text
assert suites[2].find("testcase").find("failure") is None
X
rm 'rules/three<&>.test.yaml'
expect 'a report that can not be written' 1 'cannot write' --junit none/report.xml

# --update: the failing part only, byte for byte; the file stays the same file for links.
chmod 640 rules/one.test.yaml
mv rules/one.test.yaml rules/real.yaml
ln -s real.yaml rules/one.test.yaml
printf '# end, without a line end' >>rules/real.yaml
cp rules/real.yaml before.yaml
sed 's/Billing: 5/Billing: 4/' before.yaml >want.yaml
cp rules/two.test.yaml two.yaml
expect 'update' 0 '^2 cases: 1 passed, 0 failed, 1 updated' --update
check 'only what failed is written' cmp rules/real.yaml want.yaml
check 'others stay' cmp rules/two.test.yaml two.yaml
check 'the link stays' test -L rules/one.test.yaml
check 'so does its mode' test "$(stat -c %a rules/real.yaml)" = 640
expect 'then all pass' 0 '2 passed, 0 failed;'
touch -d 2020-01-01 rules/real.yaml
expect 'update with nothing to do' 0 '2 passed, 0 failed;' --update
check 'writes nothing' test "$(stat -c %Y rules/real.yaml)" -lt 1600000000
check 'nothing is left behind' test -z "$(find . -name '*.new')"
cat >rules/new.test.yaml <<'X'
version: 1
cases:
- name: new
  entry: {dn: "uid=n,dc=x"}

# Here is more.
X
expect 'a case without expect' 2 '3:3: the case has no expect'
expect 'update writes it' 0 '1 updated' --update
check 'in its place' diff rules/new.test.yaml - <<'X'
version: 1
cases:
- name: new
  entry: {dn: "uid=n,dc=x"}
  expect: {rule: b, profile: {userName: b}}

# Here is more.
X
cat >rules/new.test.yaml <<'X'
version: 1
cases:
- {name: new, entry: {dn: "uid=n,dc=x"}, }
X
cp rules/new.test.yaml before.yaml
expect 'what can not be written is said' 1 'stays as it is: .* write it by hand' --update
check 'and stays' cmp rules/new.test.yaml before.yaml
sed -i 's/, }$/}/' rules/new.test.yaml
mkdir rules/new.test.yaml.new
expect 'a file that can not be written aside' 1 'cannot write .*rules/new\.test\.yaml\.new' --update
rmdir rules/new.test.yaml.new
run --update --json
check 'updated in JSON' python3 -c 'import json; r = json.load(open("out")); assert r["updated"] == 1 and r["failed"] == 0 and [c["result"] for c in r["cases"]].count("updated") == 1'

"$build/dirbridge" test --help >out
for word in --update --junit --coverage --min-coverage --rules out_of_scope unknown_groups base64; do
	check "help tells of $word" grep -q -e "$word" out
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

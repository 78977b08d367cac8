#!/bin/bash
# JSON Schemas: printed, installed, and judged by a validator from npm, which `make deps`
# installs into tests/npm: the schemas themselves, the examples, stock rules, and the cases of
# the loaders' tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/dirbridge-schema.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0 skipped=0

check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$work/out" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name"
		tail -n 20 "$work/out" | cut -c1-300 | sed 's/^/       /'
	fi
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

# --- printed and installed ---------------------------------------------------------------

refused() { # NAME: exit code 2, and the names that there are
	local status=0
	"$build/dirbridge" check --schema "$1" >"$work/schema.out" 2>"$work/schema.err" || status=$?
	[ "$status" -eq 2 ] && [ ! -s "$work/schema.out" ] &&
		grep -q 'settings, rules, test or plan' "$work/schema.err"
}

for name in settings rules test plan; do
	check "--schema $name" "$build/dirbridge" check --schema "$name"
	cp "$work/out" "$work/$name.json"
	check "$name is JSON" python3 -m json.tool "$work/$name.json"
done
check "--schema of something else" refused setting

# The list of keys is made from the same rows.
check "--keys" "$build/dirbridge" check --keys
cp "$work/out" "$work/keys.md"
check "--keys has each setting and key" python3 - "$work" <<'X'
import json, sys
work = sys.argv[1]
lines = open(work + '/keys.md').read().splitlines()
def load(name): return json.load(open('%s/%s.json' % (work, name)))
names = [n for n, row in load('settings')['$defs'].items() if 'properties' not in row]
for kind in ('rules', 'test'):
    schema = load(kind)
    for name, row in [('', schema)] + list(schema['$defs'].items()):
        if name == '' or name.startswith('place-'):
            names += row['properties']
        if name.startswith('attr-'):
            names.append(name[5:])
missing = [n for n in names if not any(l.startswith('| `%s` | ' % n) for l in lines)]
assert len(names) > 150 and not missing, missing
# Each row of a table has the columns of its head.
columns = 0
for line in lines:
    if not line.startswith('|'):
        columns = 0
    elif not columns:
        columns = line.count('|')
    else:
        assert line.count('|') == columns, line
X

# The build as it is: what is printed must be what is installed.
prefix=$work/root/opt/dirbridge
check "make install" make install BUILD="${BUILD:-build}" DESTDIR="$work/root" PREFIX=/opt/dirbridge
for name in settings rules test plan; do
	check "$name is installed" cmp "$work/$name.json" "$prefix/share/dirbridge/schema/$name.json"
done

# The editor's line names what is installed there, of the right kind.
names_schema() { # FILE KIND PREFIX
	[ "$(head -n 1 "$1")" = "# yaml-language-server: \$schema=$3/share/dirbridge/schema/$2.json" ]
}
kind_of() { # FILE
	case $1 in
	*.test.yaml) echo test ;;
	*/dirbridge.yaml) echo settings ;;
	*) echo rules ;;
	esac
}
for file in examples/*/*.yaml examples/*/mappings/*.yaml; do
	kind=$(kind_of "$file")
	check "$file names its schema" names_schema "$file" "$kind" /usr/local
	check "$file does so when installed" names_schema \
		"$prefix/share/doc/dirbridge/$file" "$kind" /opt/dirbridge
done

# --- the validator -----------------------------------------------------------------------

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	echo "skip the validator: node and npm are not installed"
	skipped=$((skipped + 1))
	finish
fi
if [ ! -d tests/npm/node_modules/ajv-cli ]; then
	echo "skip the validator: ajv-cli is not there; make deps installs it (npm ci in tests/npm)"
	skipped=$((skipped + 1))
	finish
fi

ajv() { # COMMAND KIND [OPTION]...
	local command=$1 kind=$2
	shift 2
	node tests/npm/node_modules/ajv-cli/dist/index.js "$command" --spec=draft2020 \
		-c ajv-formats --strict=true --strict-types=false --strict-required=false \
		-s "$work/$kind.json" "$@"
}
judge() { # WHAT [ARGUMENT]...
	node tests/npm/schema.js "$work" "$@"
}

for kind in settings rules test plan; do
	check "$kind: a schema by draft 2020-12" ajv compile "$kind"
done
for file in examples/*/*.yaml examples/*/mappings/*.yaml mappings/stock/*.yaml \
	tests/bench/rules.yaml tests/cases/explain/*.yaml; do
	check "$file" judge good "$(kind_of "$file")" "$file"
done
# As anybody may do; ajv-cli reads YAML 1.1, which makes an object of a date.
for file in examples/*/*.yaml examples/*/mappings/*.yaml; do
	check "$file by ajv-cli" ajv validate "$(kind_of "$file")" -d "$file"
done
printf 'version: 1\npeolpe: []\n' >"$work/wrong.yaml"
check "ajv-cli refuses a wrong file" sh -c '! "$@"' - node \
	tests/npm/node_modules/ajv-cli/dist/index.js validate --spec=draft2020 -c ajv-formats \
	--strict=false -s "$work/rules.json" -d "$work/wrong.yaml"
check "each setting, each key" judge options
check "plans, and what is none" judge plans tests/cases/report/plan*.json
check "rows of one mistake" judge rows tests/cases/schema/rows.txt
check "cases of the loaders' tests" judge cases tests/cases/schema/differs.txt
finish

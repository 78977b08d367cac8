#!/bin/bash
# Static checks: clang-tidy, cppcheck, shellcheck, and house rules no tool knows.
set -u
cd "$(dirname "$0")/.." || exit
BUILD=${BUILD:-build}
bad=0
mapfile -t sources < <(git ls-files '*.c')
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)

fail() {
	echo "lint: $*"
	bad=1
}

# Includes point one way: bridge -> mappings -> scim -> scim/base.
grep -nE '#include "(bridge|mappings)/' scim/*.[ch] scim/base/*.[ch] && fail "scim/ includes a layer above it"
grep -nE '#include "scim/' scim/base/*.[ch] | grep -v '"scim/base/' && fail "scim/base includes scim/"
grep -nE '#include "bridge/' mappings/*.[ch] && fail "mappings/ includes bridge/"
# One outside library, one file (jansson is the exception, style of the house).
only() { # header, files that may
	git grep -lE "#include <$1>" -- '*.c' '*.h' ':!tests' | grep -vE "^($2)$" && fail "<$1> is for $2 alone"
}
only 'curl/curl.h' 'scim/wire.c'
only 'ldap.h' 'bridge/directory/ldap(_[a-z]+)?\.[ch]'
only 'lber.h' 'bridge/directory/ldap(_[a-z]+)?\.[ch]'
only 'yaml.h' 'mappings/yaml.c'
only 'sqlite3.h' 'bridge/state/(sqlite(_[a-z]+)?|mirror)\.[ch]'
only 'openssl/(evp|pem).h' 'scim/base/(digest|sign).c'
only 'openssl/(ssl|err).h' 'bridge/directory/tls_probe.c'
only '(gssapi/.*|krb5).h' 'bridge/directory/kerberos.c'
only 'sasl/sasl.h' 'bridge/directory/ldap_login.c'
only 'microhttpd.h' 'bridge/httpd/httpd.c'
for f in "${sources[@]}"; do
	case $f in tests/*) continue ;; esac
	grep -q '"scim/base/banned.h"' "$f" || fail "$f does not include scim/base/banned.h"
done
git grep -nE '\b(TODO|FIXME|XXX)\b' -- '*.c' '*.h' '*.sh' ':!tests/lint.sh' && fail "unfinished work in the tree"

shellcheck -x -S warning "${scripts[@]}" || fail "shellcheck"
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
	--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=incorrectLogicOperator \
	--suppress=nullPointer:tests/* --suppress=objectIndex --suppress=readdirCalled --suppress=arrayIndexThenCheck --library=posix -I. -D_GNU_SOURCE \
	-DDIRBRIDGE_VERSION='"lint"' -j "$(nproc)" "${sources[@]}" || fail "cppcheck"
# clang-tidy tells how many warnings it kept back in every run: only findings are shown.
printf '%s\n' "${sources[@]}" | grep -v '^tests/' | xargs -P "$(nproc)" -n 6 sh -c 'clang-tidy --quiet "$@" -- \
	-std=gnu11 -D_GNU_SOURCE -I. -DDIRBRIDGE_VERSION="\"lint\""  2>/dev/null' tidy |
	grep -E '(warning|error):' && fail "clang-tidy"
[ $bad -eq 0 ] && echo "lint: clean"
exit $bad

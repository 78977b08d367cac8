#!/bin/bash
# Installs the Debian packages that build, tests, demo and benchmarks need, and, where npm is,
# what tests/npm/package.json names, into a folder there. Says what it installs; does nothing,
# and needs no root, when all are there.
set -eu
cd "$(dirname "$0")/.."

# Tests that need these are skipped, and say so, where npm or the registry is not.
install_npm() {
	local lock=tests/npm/package-lock.json
	if [ tests/npm/node_modules/.package-lock.json -nt $lock ] || ! command -v npm >/dev/null; then
		return
	fi
	echo "deps: installing what $lock names"
	npm ci --prefix tests/npm --loglevel=error >/dev/null ||
		echo "deps: npm could not; tests that need it are skipped" >&2
}
install_npm

packages=(
	# build
	gcc make pkg-config libc6-dev libldap-dev libcurl4-openssl-dev libjansson-dev
	libyaml-dev libsqlite3-dev libpcre2-dev libmicrohttpd-dev libssl-dev libkrb5-dev
	libsasl2-dev zlib1g-dev
	# tests and demo: peers, tools
	libcmocka-dev slapd ldap-utils openssl python3 curl util-linux
	valgrind libc6-dbg tzdata
	# an Active Directory of the tests' own (needs root to run)
	samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind
	ldb-tools python3-samba libsasl2-modules-gssapi-mit
	# the HTML report is looked at in a browser
	chromium
	# lint, fuzz, bench
	git clang libclang-rt-14-dev clang-tidy cppcheck shellcheck jq wrk
)

missing=()
for p in "${packages[@]}"; do
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi
echo "deps: installing ${missing[*]}"
sudo=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: root or sudo is needed to install: ${missing[*]}" >&2
		exit 1
	fi
	sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
# No daemon is to start by itself: tests start their own, in folders of their own.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod 755 $policy
	made=1
fi
trap '[ -z "$made" ] || $sudo rm -f $policy' EXIT
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "deps: done"

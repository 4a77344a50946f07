#!/usr/bin/env bash
# Installs what the tests of docs/clients.md need beside Python: curl, Node, Chromium, and the packages that the page
# names, with one to drive Chromium. Where it cannot, the tests skip; in continuous integration ($CI) it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."

give_up() {
	echo "docs/clients.md cannot be tested as a whole: $1" >&2
	if [ -n "${CI:-}" ]; then exit 1; else exit 0; fi
}

missing=()
for program in curl:curl node:nodejs npm:npm chromium:chromium; do
	command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || give_up "install ${missing[*]}"
	echo "Installing ${missing[*]}."
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get update -qq && apt-get install -qq --yes --no-install-recommends "${missing[@]}"; } >/dev/null ||
		give_up "apt-get could not install ${missing[*]}"
fi

packages=build/clients
ready=$packages/.ready
if [ ! -e $ready ] || [ docs/clients.md -nt $ready ] || [ tests/mesh/setup_clients.sh -nt $ready ]; then
	rm -rf $packages && mkdir -p $packages
	# Puppeteer 25 wants Node 22, which not every system has. It comes last: with it, all packages are there.
	{ cat docs/clients.md && echo 'npm install puppeteer-core@24'; } |
		sed -n 's/^npm install /npm install --no-audit --no-fund --loglevel=error /p' >$packages/install.sh
	(cd $packages && echo '{"private": true}' >package.json && sh -e install.sh) || give_up "npm could not install its packages"
	touch $ready
fi

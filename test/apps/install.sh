#!/bin/sh
# Installs what the tests in this folder, in .., ../pushpin, ../load and ../../cmd run, on
# Debian and its relatives. It can be run again at any time: what is there already is left alone.
set -eu

packages="python3-django gunicorn php-cli ruby puma ruby-rack chromium pushpin zurl nginx libnginx-mod-nchan python3-tornado haproxy slowhttptest systemd rpm zsh fish"
command -v node >/dev/null && command -v npm >/dev/null || packages="$packages nodejs npm"

missing=""
for package in $packages; do
	if dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
		echo "install.sh: $package is there"
	else
		missing="$missing $package"
	fi
done
if [ -z "$missing" ]; then
	echo "install.sh: nothing to do"
	exit 0
fi

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "install.sh: installing$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of names
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
# Pushpin's own service would sit on the port of cometproxy's internal listener.
case "$missing" in
*pushpin*) [ ! -d /run/systemd/system ] || $sudo systemctl disable --now pushpin ;;
esac
# Nor are a web server and a load balancer wanted here.
for service in nginx haproxy; do
	case "$missing" in
	*$service*) [ ! -d /run/systemd/system ] || $sudo systemctl disable --now $service ;;
	esac
done
echo "install.sh: done"

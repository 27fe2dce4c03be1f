#!/usr/bin/env bash
# Looks for known vulnerabilities in what cometproxy is built from. One that is
# found fails. That the database cannot be reached is said, and is no failure.
set -uo pipefail
out=$(mktemp)
trap 'rm -f "$out"' EXIT
bin/govulncheck ./... 2>&1 | tee "$out"
code=${PIPESTATUS[0]}
if [ "$code" -ne 0 ] && grep -q '^govulncheck: fetching vulnerabilities' "$out"; then
	echo "vuln.sh: NOT CHECKED: the vulnerability database cannot be reached from here"
	exit 0
fi
exit "$code"

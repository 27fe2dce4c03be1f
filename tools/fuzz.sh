#!/usr/bin/env bash
# Runs every fuzz target for a while: tools/fuzz.sh [TIME], 30s without one. The
# targets are found, not listed.
set -euo pipefail
time=${1:-30s}

list=$(go test -list '^Fuzz' ./...) || { echo "$list"; exit 1; }
targets=$(awk '/^Fuzz/ {n[++k] = $1} /^ok/ {for (i = 1; i <= k; i++) print $2, n[i]; k = 0}' <<<"$list")
[ -n "$targets" ] || { echo "fuzz.sh: no fuzz target was found"; exit 1; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
while read -r package target; do
	echo "--- $package $target, $time"
	if go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x -parallel 2 </dev/null 2>&1 | tee "$log"; then
		continue
	fi
	# When the time is up Go sometimes reports its own time limit as a failure
	# of the target (golang/go issue 75804, mended in Go 1.27). A real one writes its input down.
	if grep -q 'context deadline exceeded' "$log" && ! grep -Eq 'Failing input|panic|failure while testing seed' "$log"; then
		echo "fuzz.sh: that was the end of the time, and no failure of $target"
		continue
	fi
	echo "fuzz.sh: $target in $package failed; its input is above and under testdata/fuzz"
	exit 1
done <<<"$targets"

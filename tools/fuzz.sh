#!/usr/bin/env bash
# Runs every fuzz target for a while, two at a time: tools/fuzz.sh [TIME], 30s
# without one. The targets are found, not listed.
set -euo pipefail
time=${1:-30s}
at_once=2

list=$(go test -list '^Fuzz' ./... </dev/null) || { echo "$list"; exit 1; }
mapfile -t targets < <(awk '/^Fuzz/ {n[++k] = $1} /^ok/ {for (i = 1; i <= k; i++) print $2, n[i]; k = 0}' <<<"$list")
[ "${#targets[@]}" -gt 0 ] || { echo "fuzz.sh: no fuzz target was found"; exit 1; }

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# fuzz PACKAGE TARGET runs one target and leaves its output in a file.
fuzz() {
	go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1x -parallel 1 </dev/null >"$logs/${1//\//_}.$2" 2>&1
}

# report PACKAGE TARGET CODE shows the output, and tells whether it is a failure.
report() {
	local log="$logs/${1//\//_}.$2"
	echo "--- $1 $2, $time"
	cat "$log"
	[ "$3" -ne 0 ] || return 0
	# When the time is up Go sometimes reports its own time limit as a failure of
	# the target (golang/go issue 75804, mended in Go 1.27). A real one writes its
	# input down.
	if grep -q 'context deadline exceeded' "$log" && ! grep -Eqi 'failing input|panic|failure while testing seed' "$log"; then
		echo "fuzz.sh: that was the end of the time, and no failure of $2"
		return 0
	fi
	echo "fuzz.sh: $2 in $1 failed; its input is above and under testdata/fuzz"
	return 1
}

failed=0
for ((i = 0; i < ${#targets[@]}; i += at_once)); do
	pids=()
	for target in "${targets[@]:i:at_once}"; do
		# shellcheck disable=SC2086 # a package and a name
		fuzz $target &
		pids+=($!)
	done
	for n in "${!pids[@]}"; do
		code=0
		wait "${pids[n]}" || code=$?
		# shellcheck disable=SC2086 # likewise
		report ${targets[i + n]} "$code" || failed=1
	done
	[ "$failed" -eq 0 ] || exit 1
done

#!/usr/bin/env bash
# Compares the benchmarks of this tree with those of another commit:
# tools/benchstat.sh COMMIT. The two take turns, so that what else the machine does
# meets both. From the environment: BENCH, which benchmarks; COUNT, how often;
# PACKAGES; BENCHTIME, of one.
set -euo pipefail
base=${1:?name a commit to compare with}
bench=${BENCH:-.}
count=${COUNT:-6}
packages=${PACKAGES:-./channels ./park ./proxy}
benchtime=${BENCHTIME:-1s}

dir=$(mktemp -d)
trap 'git worktree remove --force "$dir/base"; rm -rf "$dir"' EXIT
git worktree add --quiet --detach "$dir/base" "$base"

# run FOLDER FILE runs the benchmarks of a tree once.
run() {
	# shellcheck disable=SC2086 # several packages
	(cd "$1" && go test -run '^$' -bench "$bench" -benchmem -benchtime "$benchtime" $packages </dev/null) >>"$2"
}

for ((i = 1; i <= count; i++)); do
	echo "benchstat.sh: round $i of $count" >&2
	run "$dir/base" "$dir/before"
	run . "$dir/after"
done
bin/benchstat "before=$dir/before" "after=$dir/after"

#!/usr/bin/env bash
# Builds a release of this tree twice, in folders of different names and depths, with
# different umasks and time zones and with build caches of their own, and fails if a
# checksum differs: reproducible.sh TARGETS
set -euo pipefail
targets=$1
export VERSION=${VERSION:-v0.0.0-reproducible}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
nfpm=$PWD/bin/nfpm
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What git has of this tree, as it is now.
git ls-files -z | tar --null --files-from=- -cf "$scratch/tree.tar"

# build FOLDER [CACHE]: a copy of it, built there.
build() {
	mkdir -p "$1"
	tar -xf "$scratch/tree.tar" -C "$1"
	(
		cd "$1"
		GOCACHE=${2:-$(go env GOCACHE)} go run ./deploy/release -out dist -targets "$targets" -nfpm "$nfpm"
	)
}

(umask 022 && export TZ=UTC && build "$scratch/a" >/dev/null)
(umask 077 && export TZ=Asia/Tokyo && build "$scratch/another place/b" "$scratch/cache" >/dev/null)
cat "$scratch/a/dist/SHA256SUMS"
if ! diff "$scratch/a/dist/SHA256SUMS" "$scratch/another place/b/dist/SHA256SUMS"; then
	echo "reproducible.sh: the two builds differ"
	exit 1
fi
echo "reproducible.sh: built twice, every file is the same"

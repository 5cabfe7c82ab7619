#!/bin/sh
# Builds otelcol-misstep (otelcol-misstep.yaml) into $BENCH_CACHE/bin (default ~/.cache/misstep-bench/bin) with the Go toolchain on PATH
# (1.25 or newer). Nothing is installed outside $BENCH_CACHE and Go's own caches.
set -eu

COLLECTOR=v0.161.0

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
cache=${BENCH_CACHE:-$HOME/.cache/misstep-bench}
command -v go >/dev/null || { echo "install: go is not on PATH" >&2; exit 1; }
mkdir -p "$cache/bin" "$cache/src"
cache=$(CDPATH= cd -- "$cache" && pwd)
[ -x "$cache/bin/builder" ] || GOBIN="$cache/bin" GOFLAGS=-buildvcs=false go install "go.opentelemetry.io/collector/cmd/builder@$COLLECTOR"
cp "$here/otelcol-misstep.yaml" "$cache/src/otelcol-misstep.yaml"
(cd "$cache/src" && GOFLAGS=-buildvcs=false nice "$cache/bin/builder" --config otelcol-misstep.yaml)
mv "$cache/src/otelcol-misstep-dist/otelcol-misstep" "$cache/bin/otelcol-misstep"
"$cache/bin/otelcol-misstep" --version

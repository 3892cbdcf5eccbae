#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the seeds for model files anew: the tests of lib/nn keep every model they put together, and libFuzzer picks those
# that reach more code: seeds.sh BUILD_DIR FUZZ_BUILD_DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "${1:?build directory}") fuzz=$(realpath "${2:?build directory of the fuzzers}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/all" "$dir/picked"
export LUS_SEED_DIR=$dir/all LUS_SOURCE_ROOT=$root
for test in onnx onnx-broken onnx-forms model eval fold; do "$build/tests/nn/test-nn-$test" > "$dir/log"; done
find "$dir/all" -type f -size +64k -delete # limits are tested elsewhere
cp "$root"/tests/fuzz/seeds/onnx/* "$dir/all"
"$fuzz/tests/fuzz/fuzz-onnx" -merge=1 "$dir/picked" "$dir/all" 2> "$dir/log"
echo "$(find "$dir/all" -type f | wc -l) models, $(find "$dir/picked" -type f | wc -l) picked"
find "$root/tests/fuzz/seeds/onnx" -type f ! -name '*.onnx' -delete
find "$dir/picked" -type f | while read -r file; do
  name=$(sha1sum < "$file" | cut -c 1-16)
  [ -n "$(find "$root/tests/fuzz/seeds/onnx" -name '*.onnx' -exec cmp -s {} "$file" \; -print)" ] || cp "$file" "$root/tests/fuzz/seeds/onnx/$name"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Lines of the parsers that the fuzzers' seeds run through, per file: coverage.sh [BUILD_DIR]. Needs clang and LLVM's
# llvm-profdata and llvm-cov. Exit 1 if a file stays below 95 %.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build-coverage}
limit=95

# What the targets read, and the functions of these files that read nothing: writers, limits of memory, measuring.
targets=(onnx npy modelinfo label heads manifest dataset table saved import-json import-png import-xml exam results sector-profile video-network)
parsers=(lib/learn/{annotation,dataset,region,import-{coco,cvat,cvat-shapes,cvat-xml,json,pictures,slicer}}.c
  lib/learn/{csv,tables,checkpoint,sweep-result}.c lib/lung/{heads-file,manifest,exam-file,fhir,sector-profile,clip-network-file}.c tools/results-read.c lib/nn/{model,npy}.c
  lib/nn/onnx-{array,build,eval,general,move,node,ops,parts,quantize,read,resize,stack,tensor,wire}.c
  lib/nn/onnx-eval-{convert,matrix,move,norm,pointwise,resize,shape,window}.c)
others='^(out_of_memory|(write|flush)_bytes|write_(rows|png|ignored)|check_size|lus_(label|png)_write'
others+='|explain_missing_bundled|lus_clip_measure|lus_dataset_select_classes|lus_tensor_write_npy|put_[a-z0-9]+|append_(varint|tag)|lus_wire_put_[a-z]+'
others+='|lus_checkpoint_write|lus_sweep_result_write|lus_features_csv_[a-z]+|lus_csv_append|lus_model_save|info_to_metadata'
others+='|float_text|set_setting|lus_(model|heads)_[a-z0-9_]*(sha256|path|producer|graph|ref|threshold|opset|quantized|describe)'
others+='|describe_[a-z]+|compare_inputs|lus_model_info_init)$'

programs=("${targets[@]/#/tests/fuzz/fuzz-}")
[ -e "$build/build.ninja" ] ||
  CC=clang meson setup "$build" "$root" -Dfuzz=enabled -Dgstreamer=disabled -Dbuildtype=debugoptimized \
    -Db_lundef=false -Dc_args="-fprofile-instr-generate -fcoverage-mapping" \
    -Dc_link_args="-fprofile-instr-generate" > /dev/null
ninja -C "$build" "${programs[@]}" > /dev/null

rm -f "$build"/*.profraw
objects=()
for target in "${targets[@]}"; do
  export LLVM_PROFILE_FILE=$build/$target.profraw
  "$build/tests/fuzz/fuzz-$target" -runs=0 "$root/tests/fuzz/seeds/$target" 2> "$build/$target.log" ||
    { tail -n 20 "$build/$target.log"; exit 1; }
  objects+=(-object "$build/tests/fuzz/fuzz-$target")
done
llvm-profdata merge -o "$build/all.profdata" "$build"/*.profraw

# The equivalence lets names like BUILD/../lib match. One table per file: name, regions, missed, %, lines, missed, %; a
# function of several programs is there once.
llvm-cov report "${objects[@]:1}" -instr-profile="$build/all.profdata" -show-functions -path-equivalence="$root,$root" \
  "${parsers[@]/#/$root/}" 2> /dev/null |
  awk -v others="$others" -v limit="$limit" '
    function flush() {
      if (lines == 0) return
      percent = 100 * (lines - missed) / lines
      remark = percent < limit ? "  below " limit " %" : ""
      printf "%6.1f %%  %4d of %4d lines  %s%s\n", percent, lines - missed, lines, file, remark
      if (percent < limit) low = 1
      files++
    }
    /^File / { flush(); file = $2; sub(/^.*\/lib\//, "lib/", file); sub(/\047:$/, "", file); lines = missed = 0; next }
    $1 != "TOTAL" && $5 ~ /^[0-9]+$/ {
      name = $1
      sub(/^.*:/, "", name)
      if (name !~ others) { lines += $5; missed += $6 }
    }
    END { flush(); exit low || files == 0 }'

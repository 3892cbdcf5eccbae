#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# DICOM in and out, with files made here by DCMTK's own tools, as a TAP test: dicom.sh LUS MAKE_MODEL DICOM_FRAMES
set -u
lus=$(realpath "$1") make_model=$(realpath "$2") frames=$(realpath "$3")
for tool in dump2dcm dcmdump dcmodify dcmconv dcmcrle dcmcjpeg dcmcjpls dcmj2pnm dcml2pnm; do
  command -v $tool > /dev/null || { echo "1..0 # SKIP no $tool (Debian: dcmtk)"; exit 0; }
done
. "$(dirname "$(realpath "$0")")/tap.sh"
W=70 H=50 N=3

# make FILE SAMPLES PHOTOMETRIC BITS [LINE...]: N pictures of a bright box with a gradient; lines of dump2dcm are added.
make() {
  local file=$1 samples=$2 photometric=$3 bits=$4
  shift 4
  python3 - $W $H $N "$samples" "$bits" > pixels.raw <<'PY' || return 1
import struct, sys
w, h, n, samples, bits = map(int, sys.argv[1:6])
out = bytearray()
for f in range(n):
    for y in range(h):
        for x in range(w):
            inside = 12 <= x < 60 and 5 <= y < 45
            v = (40 + 3 * x + f * 5 + (7 * y) % 23) % 216 + 20 if inside else 200 * (y < 4 and x % 3 > 0)
            for s in range(samples):
                value = max(0, v - 10 * s)
                out += bytes([value]) if bits == 8 else struct.pack("<H", value * 200)
sys.stdout.buffer.write(out)
PY
  {
    cat <<DUMP
(0008,0016) UI =UltrasoundMultiframeImageStorage
(0008,0018) UI 1.2.3.4
(0008,0060) CS US
(0010,0010) PN SECRET^NAME
(0010,0020) LO SECRET-NUMBER
(0020,000d) UI 1.2.3
(0020,000e) UI 1.2.3.5
(0028,0002) US $samples
(0028,0004) CS $photometric
(0028,0008) IS $N
(0028,0010) US $H
(0028,0011) US $W
(0028,0100) US $bits
(0028,0101) US $bits
(0028,0102) US $((bits - 1))
(0028,0103) US 0
DUMP
    [ "$samples" -eq 1 ] || echo "(0028,0006) US 0"
    [ $# -eq 0 ] || printf '%s\n' "$@"
    echo "(7fe0,0010) $([ "$bits" -eq 8 ] && echo OB || echo OW) =pixels.raw"
  } > dump.txt
  dump2dcm +te dump.txt "$file"
}
REGION="(0018,6011) SQ
(fffe,e000) na
(0018,6012) US 1
(0018,6014) US 1
(0018,6018) UL 10
(0018,601a) UL 4
(0018,601c) UL 63
(0018,601e) UL 47
(0018,6024) US 3
(0018,6026) US 3
(0018,602c) FD 0.025
(0018,602e) FD 0.025
(fffe,e00d) na
(fffe,e0dd) na"
says() { # TEXT FILE
  rm -f a.*.pnm
  "$frames" "$2" a > said.txt 2>&1
  grep -qF -- "$1" said.txt || { echo "expected '$1':"; cat said.txt; return 1; }
}
same() { # FILE [OPTION...]: the pictures are DCMTK's own
  rm -f a.*.pnm e.*
  "$frames" "$1" a || return 1
  ${PNM:-dcmj2pnm} +Fa "${@:2}" "$1" e 2> /dev/null || return 1
  local i
  for ((i = 0; i < N; i++)); do cmp a.$i.pnm e.$i.p?m || return 1; done
}

# ---- Every form that DCMTK writes ----
make grey.dcm 1 MONOCHROME2 8 "(0018,1063) DS 40.5" "$REGION" && check "8 bits" same grey.dcm
make rgb.dcm 3 RGB 8 && check "RGB" same rgb.dcm
make deep.dcm 1 MONOCHROME2 16 && check "16 bits without a window" same deep.dcm
make window.dcm 1 MONOCHROME2 16 "(0028,1050) DS 20000" "(0028,1051) DS 30000" && check "16 bits with a window" same window.dcm +Wi 1
make inverse.dcm 1 MONOCHROME1 8 && check "MONOCHROME1" same inverse.dcm
make subsampled.dcm 1 MONOCHROME2 8 && cat pixels.raw pixels.raw > ybr.raw
sed 's/(0028,0002) US 1/(0028,0002) US 3/; s/MONOCHROME2/YBR_FULL_422/; s/=pixels.raw/=ybr.raw/' dump.txt > ybr.txt && echo "(0028,0006) US 0" >> ybr.txt
dump2dcm +te ybr.txt subsampled.dcm && check "YBR_FULL_422, not compressed: every frame" same subsampled.dcm
for kind in grey rgb; do
  dcmconv +ti $kind.dcm $kind-implicit.dcm && check "$kind: implicit" same $kind-implicit.dcm
  dcmconv +tb $kind.dcm $kind-big.dcm && check "$kind: big endian" same $kind-big.dcm
  dcmconv +td $kind.dcm $kind-deflated.dcm && check "$kind: deflated" same $kind-deflated.dcm
  dcmcrle $kind.dcm $kind-rle.dcm && check "$kind: RLE" same $kind-rle.dcm
  dcmcjpeg +eb $kind.dcm $kind-jpeg.dcm && check "$kind: JPEG baseline" same $kind-jpeg.dcm
  dcmcjpeg +e1 $kind.dcm $kind-lossless.dcm && check "$kind: JPEG lossless" same $kind-lossless.dcm
  dcmcjpls $kind.dcm $kind-ls.dcm && PNM=dcml2pnm check "$kind: JPEG-LS" same $kind-ls.dcm
done
dcmconv -F grey.dcm bare.dcm && check "no prefix, by its name" same bare.dcm

# ---- What is read beside the pixels ----
check "region, calibration, frame time" says "70x50 frames 3 of 3, colour 0, frame_ms 40.5, last_ms 0, mm 0.25, region 10,4 54x44" grey.dcm
make vector.dcm 1 MONOCHROME2 8 '(0018,1065) DS 0\30\50' "(0028,0030) DS 0.3\\0.3"
check "frame time vector, pixel spacing" says "frame_ms 40, last_ms 80, mm 0.3, region 0,0 0x0" vector.dcm
make nodelta.dcm 1 MONOCHROME2 8 "$(grep -vE '0018,602[ce]' <<< "$REGION")"
check "a region without deltas: no mm" says "mm 0, region 10,4 54x44" nodelta.dcm
make cine.dcm 1 MONOCHROME2 8 "(0018,0040) IS 50" "(0028,0030) DS 0.3\\0.6" && check "cine rate; no mm for oblong pixels" says "frame_ms 20, last_ms 0, mm 0," cine.dcm

# ---- What is refused ----
refused() { # TEXT FILE
  rm -rf no
  gives 1 "$2: " segment "$2" -m model.onnx -o no && grep -qF -- "$1" out.txt && [ -z "$(find no -name 'frames.jsonl*' 2> /dev/null)" ]
}
"$make_model" 64 model.onnx || exit 1
sed 's/UltrasoundMultiframeImageStorage/CTImageStorage/; s/CS US/CS CT/' dump.txt > ct.txt && dump2dcm +te ct.txt ct.dcm
check "another kind" refused "no ultrasound image but 'CTImageStorage', modality 'CT'" ct.dcm
grep -v 7fe0 dump.txt > none.txt && dump2dcm +te none.txt none.dcm && check "no pixels" refused "holds no picture" none.dcm
sed 's/(0028,0010) US 50/(0028,0010) US 9000/' dump.txt > large.txt && dump2dcm +te large.txt large.dcm && check "too large" refused "sides of 16 to 8192" large.dcm
sed 's/(0028,0010) US 50/(0028,0010) US 4000/' dump.txt > short.txt && dump2dcm +te short.txt short.dcm && check "fewer pixels than sizes say" refused "shorter than one frame" short.dcm
sed 's/(0028,0008) IS 3/(0028,0008) IS 7/' dump.txt > less.txt && dump2dcm +te less.txt less.dcm && check "fewer frames than it says" says "frames 3 of 7" less.dcm
check "fewer frames than it says: told" gives 0 "less.dcm: warning: holds 3 of the 7 frames" segment less.dcm -m model.onnx -o less
echo "text" > text.dcm && check "not DICOM" refused "not a DICOM file" text.dcm
cp grey-jpeg.dcm j2k.dcm && printf '1.2.840.10008.1.2.4.90\0' | dd of=j2k.dcm conv=notrunc bs=1 seek="$(grep -abo '1\.2\.840\.10008\.1\.2\.4\.50' j2k.dcm | head -n 1 | cut -d: -f1)" 2> /dev/null
check "JPEG 2000" refused "gdcmconv --raw" j2k.dcm

# ---- Damaged files: an error or pictures, never a crash, never for long ----
many() {
  mkdir damaged
  python3 - <<'PY' || return 1
import random
for name in "grey rgb-implicit grey-rle grey-jpeg rgb-lossless grey-ls grey-deflated grey-big".split():
    whole = open(f"{name}.dcm", "rb").read()
    for seed in range(50):
        data, r = bytearray(whole), random.Random(f"{name} {seed}")
        if r.random() < 0.3:
            data = data[:r.randrange(1, len(data))]
        for _ in range(r.choice((1, 3, 30))):
            data[r.randrange(min(len(data), r.choice((400, 1200, len(data)))))] = r.choice((0, 255, r.randrange(256)))
        open(f"damaged/{name}-{seed}.dcm", "wb").write(data)
PY
  timeout 120 "$frames" --each damaged/*.dcm > m.txt 2>&1 || { tail -n 3 m.txt; return 1; }
  [ "$(grep -cE '^damaged/[^:]*: .{10}' m.txt)" -eq 400 ] || { cat m.txt; return 1; }
  ! grep -vE '^damaged/[^:]*: ' m.txt
}
check "400 damaged files" many

# ---- The command line ----
check "segment" gives 0 "" segment grey.dcm rgb-jpeg.dcm -m model.onnx -o out --overlay --dicom-seg --confidences
check "times" grep -q '"frame":2,"pts_ns":81000000,' out/grey/frames.jsonl
cp grey.dcm P1_d1_R1.dcm
check "features" gives 0 "1 clips" features P1_d1_R1.dcm --model model.onnx -o f.csv
check "features: patient, day and zone from the name" grep -q "^P1_d1_R1,P1,1,R1," f.csv
check "exam" gives 0 "exam.json" exam P1_d1_R1.dcm --model model.onnx -o e
check "folders: by name and by content" bash -c "mkdir d d/u && cp grey.dcm d/u/1.2.840.77 && cp rgb.dcm d/x.dcm"
check "segment: a folder" gives 0 "" segment d -m model.onnx -o o
check "names of UIDs stay whole" test -s o/1.2.840.77/frames.jsonl -o -s o/u/1.2.840.77/frames.jsonl
check "--dicom-seg of another clip" bash -c "gst-launch-1.0 -q lustestsrc num-buffers=2 ! avenc_ffv1 ! matroskamux ! filesink location=y.mkv"
check "--dicom-seg of another clip: results before" gives 0 "" segment y.mkv -m model.onnx -o y
check "--dicom-seg of another clip: refused" gives 1 "needs a DICOM file" segment y.mkv -m model.onnx -o y --dicom-seg
check "--dicom-seg of another clip: they are kept" test -s y/y/frames.jsonl

# ---- The segmentation ----
seg=out/grey/segmentation.dcm
dcmdump $seg > seg.txt
has() { grep -qF -- "$1" seg.txt || { echo "no $1"; head -n 60 seg.txt; return 1; }; }
check "seg: kind" has "=SegmentationStorage"
check "seg: fractional" has "[FRACTIONAL]"
check "seg: probability" has "[PROBABILITY]"
check "seg: refers to its source" has "(0008,1155) UI [1.2.3.4]"
check "seg: study" has "(0020,000d) UI [1.2.3]"
check "seg: notice" has "Research software - not for diagnosis or treatment"
check "seg: mm" has '(0028,0030) DS [0.25000000\0.25000000]'
check "seg: codes of up to 16 characters" has "(0008,0100) SH [vertical_line]"
check "seg: not lossy" has "(0028,2110) CS [00]"
check "seg: lossy where the source is JPEG" bash -c "dcmodify -nb -ea '(0028,2110)' rgb-jpeg.dcm -i '(0028,2112)=10\\20' &&
  '$lus' segment rgb-jpeg.dcm -m model.onnx -o lossy --dicom-seg && dcmdump lossy/rgb-jpeg/segmentation.dcm > lossy.txt &&
  grep -qF '(0028,2110) CS [01]' lossy.txt && grep -qF '(0028,2112) DS [10\\20]' lossy.txt"
printf '[lus]\nclasses=pleural_line_faint,pleural_line_faint_too,x\n' > long.onnx.modelinfo
check "seg: long codes stay apart" bash -c "sed 's/lus.classes/lus.klasses/' model.onnx > long.onnx && '$lus' segment grey.dcm -m long.onnx -o long --dicom-seg &&
  dcmdump long/grey/segmentation.dcm | grep -qF '(0008,0119) UC [pleural_line_faint_too]'"
check "seg: no series" bash -c "cp grey.dcm noseries.dcm && dcmodify -nb -ea '(0020,000e)' noseries.dcm"
check "seg: no series: refused" gives 1 "has no SeriesInstanceUID" segment noseries.dcm -m model.onnx -o ns --dicom-seg
black() { # FILE: a copy whose pixels are all 0
  dcmconv +te "$1" black.dcm && python3 -c "
import sys; data = bytearray(open('black.dcm', 'rb').read()); n = $W * $H * $N; data[-n:] = bytes(n); open('black.dcm', 'wb').write(data)"
}
check "seg: black pictures" black grey.dcm
check "seg: of nothing there is none, which is told" gives 0 "segmentation.dcm: not written: no confidence above 0" \
  segment black.dcm -m model.onnx -o dark --dicom-seg
check "seg: nor is it looked for in vain" gives 0 "" segment black.dcm -m model.onnx -o dark --dicom-seg --resume
check "seg: the clip is not done again" bash -c "! grep -q 'not written' out.txt"
check "seg: nothing of the patient" bash -c "! grep -qa SECRET $seg"
cat > compare.py <<'PY'
# Frames of the segmentation beside the confidences that were written as PNG.
import re, subprocess, sys
text = open("seg.txt").read()
number = lambda tag: [int(m) for m in re.findall(r"\(" + tag + r"\) (?:US|IS|UL) \[?(\d+)", text)]
segments, sources = number("0062,000b"), number("0008,1160")
raw = open(sys.argv[1], "rb").read()
w, h, classes = 70, 50, ("pleural_line", "fascia_band", "vertical_line")
assert len(segments) == len(sources) == number("0028,0008")[0] > 0
pixels = raw[-(len(segments) * w * h + (len(segments) * w * h) % 2):]
for i, (segment, source) in enumerate(zip(segments, sources)):
    png = f"out/grey/frame{source - 1:06d}.{classes[segment - 1]}.png"
    plane = subprocess.run(["gst-launch-1.0", "-q", "filesrc", f"location={png}", "!", "pngdec", "!", "videoconvert", "!",
                            "video/x-raw,format=GRAY8", "!", "fdsink"], stdout=subprocess.PIPE, check=True).stdout
    stride = len(plane) // h
    for y in range(h):
        assert plane[y * stride:y * stride + w] == pixels[(i * h + y) * w:(i * h + y + 1) * w], (png, y)
PY
check "seg: the confidences" python3 compare.py $seg
check "seg: the same again" bash -c "SOURCE_DATE_EPOCH=0 '$lus' segment grey.dcm -m model.onnx -o s1 --dicom-seg 2> /dev/null &&
  SOURCE_DATE_EPOCH=0 '$lus' segment grey.dcm -m model.onnx -o s2 --dicom-seg 2> /dev/null && cmp s1/grey/segmentation.dcm s2/grey/segmentation.dcm"
check "no temporary files" test -z "$(find out s1 -name '*.part')"
echo "1..$n"

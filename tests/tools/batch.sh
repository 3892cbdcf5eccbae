#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Many clips at once from outside, as a TAP test: batch.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/tap.sh"
clip() { # NAME FRAMES
  gst-launch-1.0 -q lustestsrc num-buffers="$2" ! video/x-raw,format=GRAY8,width=164,height=131 ! avenc_ffv1 ! matroskamux \
    ! filesink location="$1"
}
same() { # FOLDER FOLDER: the same files, bit for bit
  diff -r "$@"
}
query() { # DATABASE SQL TEXT
  local got
  got=$(python3 - "$1" "$2" <<'PY'
import sqlite3, sys
print("\n".join("|".join("" if v is None else str(v) for v in row) for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2])))
PY
  )
  [ "$got" = "$3" ] || { echo "$got"; return 1; }
}

"$make_model" 64 model.onnx || exit 1
mkdir -p in/p1/d1 in/p2/d1
clip in/p1/d1/x.mkv 6
clip in/p2/d1/x.mkv 5
clip in/y_d2_L1.mkv 7
clip in/z.mkv 4
echo "not a video" > text.mkv

# Inputs
check "folders: as many as tell clips apart" gives 0 "" segment in -m model.onnx -o all --masks ffv1 --confidences=ffv1 --overlay
check "folders: kept" test -e all/p1/d1/x/frames.jsonl -a -e all/p2/d1/x/frames.jsonl -a -e all/z/frames.jsonl
mkdir -p linked/a dots
cp in/z.mkv linked/a/z.mkv
ln -s .. linked/a/back
check "folders: a link back adds nothing" gives 0 "looped: 1 clips, 4 pictures, " segment linked -m model.onnx -o looped
cp in/z.mkv dots/...mkv
check "a name of dots alone" gives 0 "dots/out: 1 clips" segment dots/...mkv -m model.onnx -o dots/out
check "a name of dots alone: within the results" test -e dots/out/...mkv/frames.jsonl -a ! -e dots/frames.jsonl
check "pattern" gives 0 "" segment 'in/*.mkv' -m model.onnx -o pattern
check "pattern: both" test -e pattern/y_d2_L1/frames.jsonl -a -e pattern/z/frames.jsonl
printf '\xef\xbb\xbf# a comment\nin/z.mkv\n\nin/y_d2_L1.mkv\n' > list.txt
check "list" gives 0 "list: 2 clips, 11 pictures, " segment list.txt -m model.onnx -o list
check "list: the same" same pattern/z list/z
check "list on stdin" bash -c "'$lus' segment - -m model.onnx -o stdin < list.txt && diff -r list/z stdin/z"
printf 'patient,file,day,zone\n"p, 1",z.mkv,3,R2\n,y_d2_L1.mkv,,\n' > in/clips.csv
check "manifest" gives 0 "" segment in/clips.csv -m model.onnx -o manifest
check "manifest: the same" same pattern/z manifest/z
check "manifest: patient, day, zone" gives 0 "f.csv: 2 clips" features in/clips.csv --model model.onnx -o f.csv
check "manifest: in the table" grep -q '^z,"p, 1",3,R2,4,' f.csv
check "manifest: else from the name" grep -q '^y_d2_L1,y,2,L1,7,' f.csv
hash=$(printf x | sha512sum | cut -d' ' -f1)
printf 'file,patient\nz.mkv,%s\n' "$hash" > in/hash.csv
check "manifest: a SHA-512 for a patient" gives 0 "hash.csv: 1 clips" features in/hash.csv --model model.onnx -o hash.csv
check "manifest: the whole of it" grep -q "^z,$hash,,," hash.csv
printf 'file,patient\nz.mkv,%s\n' "$hash$hash" > in/long.csv
check "manifest: no patient's name is cut" gives 1 "is longer than 255 bytes" features in/long.csv --model model.onnx -o l.csv
echo '{"schema":1,"patient":"'"$hash$hash"'","clips":[{"file":"z.mkv","zone":"R1"}]}' > in/long.json
check "exam manifest: no patient's name is cut" gives 1 "is longer than 255 bytes" features in/long.json --model model.onnx -o l.csv
rm in/hash.csv in/long.csv in/long.json
bundled=$(dirname "$(realpath "$0")")/../../lib/models/default.onnx
scale() { # TABLE MM: the table tells this scale of y_d2_L1, and its depth in mm fits it; "": neither
  python3 - "$@" <<'PY'
import csv, sys
for row in csv.DictReader(line for line in open(sys.argv[1]) if line[0] != "#"):
    if row["clip"] == "y_d2_L1":
        depth, mm = float(row["pleura_depth"]), row["pleura_depth_mm"]
        wanted = sys.argv[2]
        print(row["mm_per_pixel"], depth, mm)
        assert row["mm_per_pixel"] == wanted and bool(mm) == bool(wanted)
        assert not mm or 60 < float(mm) / depth / float(wanted) * 100 < 131 # pixels that the sector is high
PY
}
check "manifest without a scale" bash -c "'$lus' features in/clips.csv --model '$bundled' -o s.csv 2>&1"
check "manifest without a scale: nothing in mm" scale s.csv ""
printf 'file,mm_per_pixel\ny_d2_L1.mkv,0.5\nz.mkv,\n' > in/scale.csv
check "manifest with a scale" bash -c "'$lus' features in/scale.csv --model '$bundled' -o s.csv --resume 2>&1"
check "manifest with a scale: measured again, in mm" scale s.csv 0.5
sed -i s/0.5/0.25/ in/scale.csv
echo '{"schema":1,"clips":[{"file":"y_d2_L1.mkv","zone":"L1","mm_per_pixel":0.5}]}' > in/scale.json
check "exam manifest with a scale" bash -c "'$lus' exam in/scale.json --model '$bundled' -o e 2>&1"
check "exam manifest with a scale: the same sizes in mm" python3 - <<'PY'
import csv, json
row = next(r for r in csv.DictReader(line for line in open("s.csv") if line[0] != "#") if r["clip"] == "y_d2_L1")
features = json.load(open("e/exam.json"))["zones"]["L1"]["features"]
assert abs(features["pleura_depth_mm"] - float(row["pleura_depth_mm"])) < 1e-6
PY
check "manifest with another scale" bash -c "'$lus' features in/scale.csv --model '$bundled' -o s.csv --resume 2>&1"
check "manifest with another scale: measured again" scale s.csv 0.25
gst-launch-1.0 -q lustestsrc num-buffers=3 probe=linear ! video/x-raw,format=GRAY8,width=640,height=480 ! avenc_ffv1 \
  ! matroskamux ! filesink location=upright.mkv
for mm in 0.1 0.2; do
  printf 'file,mm_per_pixel\nupright.mkv,%s\nin/z.mkv,\n' $mm > upright.csv
  check "segment: a manifest with the scale $mm" gives 0 "" segment upright.csv -m model.onnx -o scaled --overlay --resume
  check "segment: $mm is recorded" jq -es ".[0].mm_per_pixel == $mm" scaled/upright/frames.jsonl
  cp scaled/upright/overlay.mkv overlay-$mm.mkv
done
check "segment: no scale, none recorded" jq -es '.[0] | has("mm_per_pixel") | not' scaled/z/frames.jsonl
check "segment: another depth scale in the overlay" bash -c '! cmp -s overlay-0.1.mkv overlay-0.2.mkv'
printf 'file,mm_per_pixel\nz.mkv,wide\n' > bad.csv
check "manifest: wrong scale" gives 1 "bad.csv:2: mm_per_pixel 'wide' is not 0.001 to 10" features bad.csv --model model.onnx -o bad
echo '{"schema":1,"clips":[{"file":"z.mkv","zone":"R1"}]}' > in/exam.json
check "exam manifest" gives 0 "" segment in/exam.json -m model.onnx -o exam
printf 'file,day\nz.mkv,soon\n' > bad.csv
check "manifest: wrong day" gives 1 "bad.csv:2: day 'soon'" segment bad.csv -m model.onnx -o bad
printf 'clip\nz.mkv\n' > bad.csv
check "manifest: no files" gives 1 "no column 'file'" segment bad.csv -m model.onnx -o bad
printf 'file,zone\nz.mkv\n' > bad.csv
check "manifest: a field is missing" gives 1 "bad.csv:2: 1 fields where the header names 2" segment bad.csv -m model.onnx -o bad
check "pattern of nothing" gives 1 "no such file" segment 'none/*.mkv' -m model.onnx -o bad
check "nothing was written" test ! -e bad
check "forms" gives 2 "one of png, rle, ffv1" segment in -m model.onnx -o bad --masks=gif
check "forms of confidences" gives 2 "png or ffv1" segment in -m model.onnx -o bad --confidences=rle
check "forms without a sign" gives 2 "one of png, rle, ffv1" segment in -m model.onnx -o bad --masks jpg
check "a part with a sign" gives 1 "write K/N with K from 1 to N" segment in -m model.onnx -o bad --shard +1/2
check "a database in no folder" gives 1 "there is no folder none; make it first" segment in -m model.onnx -o bad --db none/a.db
check "a table in no folder" gives 1 "there is no folder none; make it first" segment in -m model.onnx -o bad --summary none/a.csv
check "none of these made results" test ! -e bad
check "a table among the results" gives 0 "" segment in/z.mkv -m model.onnx -o listed --summary ./listed/all.csv
check "its table" test -s listed/all.csv
check "a clip is not taken for a form" gives 0 "" segment -m model.onnx -o form --masks in/z.mkv

# The same results whatever the threads, and again
check "one thread" gives 0 "" segment in -m model.onnx -o one --masks ffv1 --confidences=ffv1 --overlay --threads 1
check "one thread: the same files" same all one
gst-launch-1.0 -q lustestsrc num-buffers=60 ! video/x-raw,format=GRAY8,width=350,height=350 ! avenc_ffv1 ! matroskamux \
  ! filesink location=even.mkv # of even sides: H.264
for again in 1 2 3; do
  check "overlay in H.264, time $again" gives 0 "" segment even.mkv -m model.onnx -o even-$again --overlay
  check "overlay in H.264, time $again: the same file" same even-1 even-$again
done
check "masks as RLE" gives 0 "" segment in/z.mkv -m model.onnx -o rle --masks rle
check "masks as PNG" gives 0 "" segment in/z.mkv -m model.onnx -o png --masks
pixels() { gst-launch-1.0 -q "$@" ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1; }
pixels filesrc location=all/z/masks.mkv ! matroskademux ! avdec_ffv1 > ffv1.raw
pixels multifilesrc location=png/z/frame%06d.mask.png caps=image/png ! pngdec > png.raw
check "masks: PNG and FFV1" cmp png.raw ffv1.raw
check "masks: RLE" python3 - <<'PY'
import json
size, frame = (164, 131), 0
raw = open("png.raw", "rb").read()
def runs(text):
    out, at = [], 0
    while at < len(text):
        value = shift = 0
        while True:
            bits = ord(text[at]) - 48
            at += 1
            value |= (bits & 31) << shift
            shift += 5
            if not bits & 32:
                break
        if bits & 16:
            value -= 1 << shift
        out.append(value + (out[-2] if len(out) > 2 else 0))
    return out
for line in open("rle/z/frames.jsonl").readlines()[1:]:
    line = json.loads(line)
    union = bytearray(size[0] * size[1])
    for c in line["classes"].values():
        assert c["mask"]["size"] == [size[1], size[0]]
        at, inside = 0, False
        for n in runs(c["mask"]["counts"]):
            for k in range(at, at + n if inside else at):
                union[k % size[1] * size[0] + k // size[1]] = 1
            at, inside = at + n, not inside
        assert at == len(union)
    ids = raw[frame * len(union):(frame + 1) * len(union)]
    assert bytes(v > 0 for v in ids) == bytes(union), frame
    assert not line["classes"] or any(union), frame
    frame += 1
assert frame == 4
PY

sed 's/pleural_line,fascia_band,vertical_line/mask,fascia_band,vertical_line_streaks/' model.onnx > mask.onnx
check "a class called mask" gives 0 "" segment in/z.mkv -m mask.onnx -o named --masks rle --confidences
check "its confidences and the masks as PNG" gives 1 "its class 'mask'" segment in/z.mkv -m mask.onnx -o named --masks --confidences

# Masks from stored confidences: what inference at that threshold gives, bit for bit
for form in png rle ffv1; do
  check "lus mask: $form" gives 0 "" mask all -o again-$form -t 45 --masks $form
  check "lus segment: $form" gives 0 "" segment in -m model.onnx -o direct-$form -t 45 --masks $form --summary summary-$form.csv
  check "the same: $form" same again-$form direct-$form
done
check "lus mask: threshold 0" gives 0 "" mask all/z -o again-0 -t 0 --masks rle
check "lus segment: threshold 0" gives 0 "" segment in/z.mkv -m model.onnx -o direct-0 -t 0 --masks rle
check "the same: threshold 0" same again-0/z direct-0/z
check "lus mask: PNG confidences will do" bash -c "'$lus' segment in/z.mkv -m model.onnx -o cpng --confidences && '$lus' mask cpng -o again-cpng -t 45 && cmp again-cpng/z/frames.jsonl <('$lus' mask all/z -o again-z -t 45; cat again-z/z/frames.jsonl)"
check "lus mask: no threshold" gives 2 "--threshold is needed" mask all -o n
check "lus mask: no results" gives 1 "no results of lus segment" mask in -o n -t 5
check "lus mask: no confidences" gives 1 "lus segment --confidences writes it" mask png -o n -t 5
check "lus mask: over itself" gives 1 "would be overwritten" mask all -o all -t 5
ln -s all link
check "lus mask: over itself by another name" gives 1 "would be overwritten" mask all -o link -t 5
check "lus mask: the confidences are left alone" test -e all/z/confidences.mkv
cp -r all/z cut && head -n 3 cut/frames.jsonl > f && mv f cut/frames.jsonl
check "lus mask: another clip's numbers" gives 1 "is not what" mask cut -o n -t 5
check "lus mask: nothing is left" test -z "$(find n -name 'frame*')"

# Resume: by content, not by name or date
touch -d 2020-01-01 all/z/frames.jsonl all/p1/d1/x/frames.jsonl
cp in/y_d2_L1.mkv in/p1/d1/x.mkv
touch in/z.mkv
mkdir among
cp in/z.mkv among
check "results among the clips" gives 0 "among: 1 clips" segment among -m model.onnx -o among --masks ffv1 --confidences=ffv1 --overlay
check "results among the clips are no clips" gives 0 "among: 1 clips, 4 pictures" segment among -m model.onnx -o among --masks ffv1 --confidences=ffv1 --overlay --resume
check "resume" gives 0 "" segment in -m model.onnx -o all --masks ffv1 --confidences=ffv1 --overlay --resume
check "resume: same content" test all/z/frames.jsonl -ot list.txt
check "resume: other content" test all/p1/d1/x/frames.jsonl -nt list.txt
check "resume: other form" gives 0 "" segment in/z.mkv -m model.onnx -o all --masks rle --resume
check "resume: nothing of the old form" test "$(ls all/z)" = frames.jsonl
check "resume: cut results are done again" bash -c "head -c 700 all/z/frames.jsonl > all/f && mv all/f all/z/frames.jsonl && '$lus' segment in/z.mkv -m model.onnx -o all --masks rle --resume && cmp all/z/frames.jsonl rle/z/frames.jsonl"
check "features: resume" gives 0 "2 clips" features in/clips.csv --model model.onnx -o f.csv --resume
check "features: other clips too" gives 0 "3 clips" features in/clips.csv in/p2 --model model.onnx -o f.csv --resume
check "features: as without" bash -c "'$lus' features in/clips.csv in/p2 --model model.onnx -o g.csv && cmp f.csv g.csv"

# Failures
mkdir mixed && cp in/z.mkv mixed/ && cp text.mkv mixed/a.mkv && cp in/y_d2_L1.mkv mixed/b.mkv
head -c 1000000 /dev/zero > large.mkv # large files come first
check "a failure stops" gives 1 "2 of 3 clips were not begun; --keep-going does them" segment large.mkv mixed/z.mkv mixed/b.mkv -m model.onnx -o stop --threads 1
check "--keep-going" gives 1 "1 of 3 clips failed" segment mixed -m model.onnx -o going --keep-going --db going.db
check "--keep-going: the others" test -e going/z/frames.jsonl -a -e going/b/frames.jsonl -a ! -e going/a
check "summary: the failure" grep -q '^a,mixed/a.mkv,,failed,"\?mixed/a.mkv: not a video' going/summary.csv
check "summary: the others" grep -q '^b,mixed/b.mkv,[0-9a-f]\{64\},done,,.*,7,7,164,131,0' going/summary.csv
check "database" query going.db "SELECT name, status, frames, inferred FROM clip ORDER BY name" $'a|failed||\nb|done|7|7\nz|done|4|4'
check "database: classes" query going.db "SELECT count(*) FROM clip_class WHERE confidence > 0" 6
check "features: a failure" gives 1 "not a video" features mixed --model model.onnx -o h.csv
check "features: nothing written" test ! -e h.csv
check "features: --keep-going" gives 1 "h.csv: 2 clips" features mixed --model model.onnx -o h.csv --keep-going --db going.db
check "features: database" query going.db "SELECT name, status, frames FROM feature_clip ORDER BY name" $'a|failed|\nb|done|7\nz|done|4'
check "features: as many numbers" query going.db "SELECT count(*) FROM feature" 164
check "another's database" bash -c "python3 -c 'import sqlite3; sqlite3.connect(\"other.db\").execute(\"create table t (x)\")'; '$lus' segment in/z.mkv -m model.onnx -o db --db other.db 2>&1 | grep 'of another program'"

# Parts and merging
for k in 1 2 3; do
  check "part $k" gives 0 "" segment in/clips.csv mixed/b.mkv -m model.onnx -o parts --shard $k/3 --db part$k.db
done
check "merge" gives 0 "parts.csv: 3 clips, 0 failed, 0 missing" merge parts/summary-*.csv -o parts.csv --expect in/clips.csv --expect mixed/b.mkv
check "merge: as one run" bash -c "'$lus' segment in/clips.csv mixed/b.mkv -m model.onnx -o whole --db whole.db && diff <(sort parts.csv) <(sort whole/summary.csv)"
check "merge: databases" gives 0 "parts.db: 3 clips, 0 failed" merge part1.db part2.db part3.db -o parts.db
check "merge: rows" query parts.db "SELECT count(*), sum(frames) FROM clip" "3|18"
check "merge: missing" gives 1 "1 missing" merge parts/summary-1-of-3.csv parts/summary-3-of-3.csv -o m.csv --expect in/clips.csv
check "merge: a later success counts" bash -c "sed 's/,done,,/,failed,why,/' parts/summary-1-of-3.csv > failed.csv; '$lus' merge failed.csv parts/summary-1-of-3.csv -o m.csv && cmp m.csv parts/summary-1-of-3.csv"
check "merge: failed" gives 1 "1 failed" merge failed.csv -o m.csv
sed 's/threshold=0.6/threshold=0.5/' parts.csv > direct.csv
check "merge: others" gives 1 "direct.csv: its clips (b, y_d2_L1, z) were done with threshold=0.5, those of parts.csv with threshold=0.6;" merge parts.csv direct.csv -o m.csv
check "merge: cleaned otherwise" bash -c "'$lus' segment in/p1/d1/x.mkv -m model.onnx -o cleaned --min-area 9 --hysteresis 20 --temporal-alpha 0.5 --db cleaned.db && '$lus' segment in/p1/d1/x.mkv -m model.onnx -o plain --db plain.db"
check "merge: cleaned otherwise, tables" gives 1 "cleaned/summary.csv: its clips (x) were done with hysteresis=0.2 temporal_alpha=0.5 min_area=9, those of parts.csv with hysteresis=0 temporal_alpha=1 min_area=0;" merge parts.csv cleaned/summary.csv -o m.csv
check "merge: cleaned otherwise, databases" gives 1 "cleaned.db: clips with other settings than those before: x;" merge parts.db cleaned.db -o m.db
check "merge: cleaned otherwise, one name" gives 1 "cleaned.db: clips with other results under the same name: x;" merge plain.db cleaned.db -o m.db
check "merge: nothing written" test ! -e m.db -a ! -e m.db.part
check "merge: cleaned alike" gives 0 "m.db: 4 clips" merge parts.db plain.db -o m.db
check "database: cleaning" query cleaned.db "SELECT threshold, hysteresis, temporal_alpha, min_area FROM clip" "0.6|0.2|0.5|9"
check "resume: cleaned alike" bash -c "touch -d 2020-01-01 cleaned/x/frames.jsonl && '$lus' segment in/p1/d1/x.mkv -m model.onnx -o cleaned --min-area 9 --hysteresis 20 --temporal-alpha 0.5 --resume && test cleaned/x/frames.jsonl -ot list.txt"
check "resume: cleaned otherwise" bash -c "'$lus' segment in/p1/d1/x.mkv -m model.onnx -o cleaned --min-area 9 --hysteresis 20 --resume && cmp cleaned/x/frames.jsonl <('$lus' segment in/p1/d1/x.mkv -m model.onnx -o again --min-area 9 --hysteresis 20 > /dev/null; cat again/x/frames.jsonl)"
check "merge: kinds" gives 1 "other columns" merge parts.csv f.csv -o m.csv
check "merge: part of nothing" gives 1 "write K/N" segment in -m model.onnx -o n --shard 4/3

# Memory does not depend on a clip's length
still() { # NAME FRAMES
  gst-launch-1.0 -q lustestsrc num-buffers=1 ! video/x-raw,format=GRAY8,width=164,height=131 ! imagefreeze num-buffers="$2" ! avenc_ffv1 \
    ! matroskamux ! filesink location="$1"
}
peak() { # CLIP: most memory, in kB
  python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$lus" segment "$1" -m model.onnx -o flat --masks rle --confidences=ffv1 --threads 1
}
flat() {
  local short long
  still short.mkv 150
  still long.mkv 1500
  short=$(peak short.mkv) long=$(peak long.mkv)
  echo "$short kB, $long kB"
  [ "$short" -gt 10000 ] && [ "$long" -lt $((short + 8192)) ] && [ "$(wc -l < flat/long/frames.jsonl)" -eq 1501 ]
}
check "memory: ten times as long a clip takes no more" flat

mkdir latin && cp in/z.mkv latin/$'p\xe4.mkv'
check "a name that is not UTF-8" gives 0 "" segment latin -m model.onnx -o latin-r
check "merge: it is not missing" gives 0 "1 clips, 0 failed, 0 missing" merge latin-r/summary.csv -o latin.csv --expect latin

# Interrupted at random points and resumed: the same files, and only the clips that were not finished are done again
mkdir many && for i in $(seq 12); do clip many/c$i.mkv $((3 + i)); done
options=(segment many -m model.onnx --masks --confidences=ffv1 --overlay)
check "many: at one go" gives 0 "" "${options[@]}" -o once
RANDOM=7
broken() {
  local i pid signals=(INT TERM KILL) finished again
  for i in $(seq 20); do
    finished=$(find int -name frames.jsonl 2>/dev/null | sort | xargs -r stat -c '%n %Y %i')
    "$lus" "${options[@]}" -o int --resume > /dev/null 2>&1 &
    pid=$!
    sleep "0.$(printf %03d $((RANDOM % 400)))"
    kill -"${signals[i % 3]}" $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ -z "$finished" ] && continue
    again=$(cut -d' ' -f1 <<< "$finished" | xargs stat -c '%n %Y %i')
    [ "$again" = "$finished" ] || { echo "finished clips were done again"; return 1; }
  done
}
told() { # ARGUMENT...: what is said after Ctrl-C; a program that ended before is run again
  local i
  for i in $(seq 1 50); do
    "$lus" "$@" > told.txt 2>&1 &
    sleep "0.$(printf %03d $((20 * i)))"
    kill -INT $! 2>/dev/null
    wait $! 2>/dev/null
    grep -F "stopped;" told.txt && return
  done
  return 1
}
check "mask: interrupted" told mask once -o told --threshold 30 --masks png --threads 1
check "mask: it has no --resume" bash -c "! grep -e --resume told.txt"
check "interrupted 20 times: finished clips are left alone" broken
check "resumed" gives 0 "" "${options[@]}" -o int --resume
find int -name '*.part' -delete # of kill -9 alone
check "resumed: the same files" same int once
echo "1..$n"

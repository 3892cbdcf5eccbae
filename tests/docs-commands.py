#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the commands of README.md, docs/ and pipelines/README.md, as a TAP test: docs-commands.py LUS MAKE_MODEL SOURCE_ROOT

Commands stand in blocks marked ```sh. All blocks of a page run one after another in a folder that has clips,
a data set and a model. So that this takes seconds, the programs in PATH are stand-ins that put small numbers in the place of
large ones (pictures, steps, patients; data sets are simulated once), windows become fakesinks, and "meson devenv -C build -w ." is left out; all else runs as it
stands. A block with a line "# not run here: REASON" is skipped with that reason. What looks like a command but stands in
another kind of block is an error.
"""
import os
import re
import subprocess
import sys
import tempfile

COMMAND = re.compile(r"\s*(\$ )?(lus [a-z]|gst-launch-1\.0 |meson |ninja |\./[a-z]|tests/\S+\.(sh|py)|pipelines/\S+\.sh|parallel |sqlite3 |"
                     r"LUS_\w+=|VENV/|python3 |apt-get |pip )")
REASON = re.compile(r"# not run here: (\S.*)")
QUICK_TRAIN = "--steps 2 --size 64x64 --widths 16,24,32,40 --batch 2"
STAND_INS = {
    "lus": """
declare -A quick=([train]='QUICK --validation-interval 2 --held-out 2' [sweep]='QUICK --folds 2 --targets threshold:60,soft --threads 1'
  [bench]='--runs 1' [fit]='--min-frames 1')
args=() last= patients=
for arg in "$@"; do
  [[ $arg =~ ^phantom:[0-9]+$ ]] && arg=phantom:6
  case $last in
    --patients) arg=${LUS_PATIENTS:-1} patients=yes ;;
    --stills) arg=2 ;;
    --check) [ "$1" = quantize ] && arg=2 ;;
  esac
  args+=("$arg") last=$arg
done
if [ -n "$patients" ]; then # one patient is simulated; what follows has ten (lus fit needs ten cases), simulated once
  out=${args[$(printf '%s\n' "${args[@]}" | grep -nx -- -o | cut -d: -f1)]}
  rm -rf "$out"
  "$REAL_LUS" "${args[@]}" --frames 2 --size 256x192 || exit
  [ -n "${LUS_PATIENTS:-}" ] || { rm -rf "$out"; cp -a "$MADE/data" "$out"; }
  exit
fi
exec "$REAL_LUS" "${args[@]}" ${quick[$1]-}""".replace("QUICK", QUICK_TRAIN),
    "gst-launch-1.0": """
args=(-q)
for arg in "$@"; do
  [ "$arg" = autovideosink ] && arg=fakesink
  args+=("$arg")
  [ "$arg" = lustestsrc ] && args+=(num-buffers=3)
done
exec "$REAL_LAUNCH" "${args[@]}" """,
    "meson": """
[ "$1 $2 $4 $5" = "devenv -C -w ." ] || { echo "meson $1 is not stood in for; say why the block is not run" >&2; exit 1; }
shift 5
exec "$@" """,
}


def blocks(page):
    """(line, language, text): fenced ones, and indented ones with the language None."""
    with open(page, encoding="utf-8") as file:
        lines = file.read().split("\n")
    at = 0
    while at < len(lines):
        first = at
        if lines[at].startswith("```"):
            language = lines[at][3:].strip()
            at += 1
            while not lines[at].startswith("```"):
                at += 1
            yield first + 1, language, "\n".join(lines[first + 1:at])
        elif lines[at].startswith("    ") and (at == 0 or not lines[at - 1].strip()):
            while at < len(lines) and lines[at].startswith("    "):
                at += 1
            yield first + 1, None, "\n".join(line[4:] for line in lines[first:at])
        at += 1


def pages(root):
    found = ["README.md", "pipelines/README.md"]
    for folder, _, names in os.walk(os.path.join(root, "docs")):
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names if name.endswith(".md")]
    return sorted(found)


class Sandbox:
    """A folder with stand-ins and what the pages speak of; each page gets a copy."""

    def __init__(self, folder, lus, make_model, root):
        self.folder, self.root = folder, root
        self.env = dict(os.environ, REAL_LUS=lus, PATH=f"{folder}/bin:{os.environ['PATH']}", LC_ALL="C",
                        REAL_LAUNCH=subprocess.check_output(["which", "gst-launch-1.0"], text=True).strip())
        os.makedirs(f"{folder}/bin")
        for name, text in STAND_INS.items():
            with open(f"{folder}/bin/{name}", "w", encoding="utf-8") as file:
                file.write("#!/usr/bin/env bash\n" + text + "\n")
            os.chmod(f"{folder}/bin/{name}", 0o755)
        self.made = self.env["MADE"] = f"{folder}/made"
        os.makedirs(self.made)
        self.check(f"""
'{make_model}' 64 model.onnx
LUS_PATIENTS=10 lus simulate --patients 10 --seed 1 -o data
mkdir clips && for zone in R1 R2; do gst-launch-1.0 lustestsrc ! video/x-raw,format=GRAY8,width=164,height=131 \\
  ! avenc_ffv1 ! matroskamux ! filesink location=clips/p003_d1_$zone.mkv; done
cp clips/p003_d1_R1.mkv clips/p003_d2_R1.mkv && lus exam clips/p003_d1_*.mkv -o day1
cp clips/p003_d1_R1.mkv a.mkv && cp a.mkv b.mkv && cp a.mkv clip.mp4 && cp a.mkv P001_d1_R2.mkv
ln -s data DATASET && cp model.onnx MODEL
python3 - <<'PY'
import struct
head = str({{"descr": "<f4", "fortran_order": False, "shape": (1, 64, 64)}}).ljust(117) + "\\n"
with open("x.npy", "wb") as file:
    file.write(b"\\x93NUMPY\\1\\0" + struct.pack("<H", len(head)) + head.encode() + bytes(4 * 64 * 64))
PY
printf 'file,patient,day,zone\\nclips/p003_d1_R1.mkv,p003,1,R1\\nclips/p003_d1_R2.mkv,p003,1,R2\\n' > clips.csv
lus segment clips.csv -m model.onnx -o results --confidences ffv1 --db results.db --shard 1/1
echo '{{"schema": 1, "clips": [{{"file": "a.mkv", "zone": "R1"}}]}}' > e1.json
ln -s '{root}/lib' '{root}/docs' '{root}/pipelines' '{root}/tests' .
""", self.made)

    def run(self, text, folder):
        return subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=300)

    def check(self, text, folder):
        done = self.run(text, folder)
        if done.returncode != 0:
            sys.exit(f"Bail out! {done.stdout}")

    def page(self, number):
        copy = f"{self.folder}/page{number}"
        subprocess.run(["cp", "-a", self.made, copy], check=True)
        os.unlink(f"{copy}/lib")  # a command may write into lib/models
        os.makedirs(f"{copy}/lib")
        subprocess.run(["cp", "-rL", f"{self.root}/lib/models", f"{copy}/lib/"], check=True)
        return copy


def main():
    lus, make_model, root = (os.path.realpath(path) for path in sys.argv[1:4])
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(folder, lus, make_model, root)
        for number, page in enumerate(pages(root)):
            copy = None
            for line, language, text in blocks(os.path.join(root, page)):
                commands = language == "sh" or any(COMMAND.match(row) for row in text.split("\n"))
                if not commands:
                    continue
                count += 1
                name, reason = f"{page}:{line}", REASON.search(text)
                if language != "sh":
                    print(f"not ok {count} - {name}\n# commands stand in blocks that begin with ```sh")
                elif reason:
                    print(f"ok {count} - {name} # SKIP {reason.group(1)}")
                else:
                    copy = copy or sandbox.page(number)
                    done = sandbox.run(text, copy)
                    print(f"{'ok' if done.returncode == 0 else 'not ok'} {count} - {name}")
                    if done.returncode != 0:
                        print("".join(f"# {row}\n" for row in done.stdout.split("\n")[-12:]), end="")
                sys.stdout.flush()
    print(f"1..{count}")


main()

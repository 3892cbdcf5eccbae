#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `lus train` can be told, as a TAP test: train.sh LUS
set -u
lus=$(realpath "$1")
. "$(dirname "$(realpath "$0")")/tap.sh"

small=(phantom:6 --held-out 4 --size 64x32 --widths 16,16,16,16 --batch 2 --threads 1)
train() { timeout 300 "$lus" train "${small[@]}" "$@" > out.txt 2>&1; }
trains() { # CODE TEXT ARGUMENT...: as gives, of a training
  local code=$1 text=$2
  shift 2
  gives "$code" "$text" train "${small[@]}" "$@"
}
refuses_file() { # TEXT CONTENT: a configuration file is refused
  printf '%b' "$2" > bad.conf
  trains 1 "$1" -o bad.onnx --config bad.conf && [ ! -e bad.onnx ]
}
recorded() { # MODEL TEXT
  "$lus" info "$1" | grep -F -- "$2" > /dev/null || { "$lus" info "$1"; return 1; }
}

# Configuration file
printf '[learning]\nsteps = 4\ntarget = soft\noptimizer = sgd\n[validation]\nvalidation-interval = 2\n' > a.conf
check "a configuration file" train -o a.onnx --config a.conf --log a.csv
check "what was in force is recorded" recorded a.onnx \
  '"target":"soft","loss":"2*bce+1*dice","steps":"4","batch":"2","balance":"0","seed":"1","optimizer":"sgd","learning-rate":"0.02"'
check "a log, a row per step" test "$(wc -l < a.csv)" -eq 5
check "with the classes' Dice" grep -q '^step,.*,dice_pleural_line,dice_fascia_band,dice_vertical_line,seconds$' a.csv
check "flags win over the file" train -o b.onnx --config a.conf --steps 2 --ema 0 --clip 0 --weight-decay 0 --warmup 1
check "and are recorded" recorded b.onnx '"warmup":"1","momentum":"0.9","weight-decay":"0","clip":"0","ema":"0"'
check "unknown key" refuses_file "bad.conf: [learning] step: there is no such key" '[learning]\nstep = 4\n'
check "unknown group" refuses_file "bad.conf: [learn] stepz: there is no such key" '[learn]\nstepz = 4\n'
check "key of another group" refuses_file "bad.conf: [data] steps: this key belongs to the group [learning]" '[data]\nsteps = 4\n'
small=(phantom:6 --held-out 4)
check "number out of range" refuses_file "bad.conf: [learning] batch = 0: must be a whole number from 1 to 256" '[learning]\nbatch = 0\n'
check "bad number" refuses_file "bad.conf: [learning] batch = two: must be" '[learning]\nbatch = two\n'
check "bad size" refuses_file "bad.conf: [data] size = 100x100: sides are multiples of 32" '[data]\nsize = 100x100\n'
check "bad target" refuses_file "bad.conf: [learning] target = mean: " '[learning]\ntarget = mean\n'
check "bad optimiser" refuses_file "bad.conf: [learning] optimizer = adam: optimizer 'adam': is one of" '[learning]\noptimizer = adam\n'
check "a key twice" refuses_file "bad.conf:7: [learning] steps: stands in line 2 already" \
  '[learning]\nsteps = 4\n# steps = 5\n[run]\nthreads = 1\n [learning] \n  steps=6\n'
check "a key of one language" refuses_file "bad.conf: [learning] steps[de]: there is no such key" '[learning]\nsteps[de] = 4\n'
check "no key file" refuses_file "bad.conf: Key file contains line" 'steps: 4\n'
check "no file" trains 1 "none.conf: No such file" -o bad.onnx --config none.conf
check "bad flags are a matter of usage" trains 2 "--momentum 1: must be a number from 0 to 0.9999" -o bad.onnx --momentum 1
check "patience without validations" trains 2 "--patience 2: needs a validation-interval" -o bad.onnx --patience 2 --validation-interval 0
small=(phantom:6 --held-out 4 --size 64x32 --batch 2 --steps 2 --threads 1)

# Augmentation
printf '[augmentation]\nshadow = 0\nflip = 0.5\ntgc = 2\n' > augment.conf
check "strengths, of which flags win" train -o d.onnx --config augment.conf --augment tgc=0.25
check "all recorded" recorded d.onnx "\"augment\":\"flip=0.5,beam=1,jitter=1,attenuation=1,tgc=0.25,shadow=0,speckle=1"
check "a strength that is none" refuses_file "bad.conf: [augmentation] flip: augmentation 'flip=9': the strength must be" \
  '[augmentation]\nflip = 9\n'
check "an augmentation that is none" trains 2 "--augment blur=1: augmentation 'blur=1': write NAME=STRENGTH" -o bad.onnx --augment blur=1
check "listed" bash -c '"$1" train --help | grep -q "^  speckle  *25 %"' - "$lus"

# Encoders
for encoder in resnet18 resnet34 mobilenet_v2; do
  check "$encoder" train -o "$encoder.onnx" --encoder "$encoder" --width 16
  check "$encoder: recorded" recorded "$encoder.onnx" "\"encoder\":\"$encoder\",\"width\":\"16\""
done
check "another" trains 2 "--encoder vgg: is one of residual, resnet18" -o bad.onnx --encoder vgg
check "width of a residual encoder" trains 2 "--width 16: the residual encoder has widths" -o bad.onnx --width 16
check "widths of another" trains 2 "--widths 1,2,3,4: are for the residual encoder" -o bad.onnx --encoder resnet18 --widths 1,2,3,4
check "width that is none" trains 2 "--width 20: must be a multiple of 16" -o bad.onnx --encoder resnet18 --width 20

# Weights to begin with
check "weights of a model" train -o c.onnx --widths 16,16,16,16 --init a.onnx
check "its hash is recorded" recorded c.onnx "\"initial_sha256\":\"$(sha256sum < a.onnx | cut -c1-64)\""
check "of another width" trains 1 "weights of a.onnx: weights 'encoder.stage1.block1.conv1.weight' are" \
  -o bad.onnx --widths 24,16,16,16 --init a.onnx
check "of a file that is none" trains 1 "a.csv" -o bad.onnx --init a.csv
check "mean of two models" train -o d.onnx --widths 16,16,16,16 --init a.onnx --average c.onnx
check "the other's hash is recorded" recorded d.onnx "\"average_sha256\":\"$(sha256sum < c.onnx | cut -c1-64)\""
check "a model of another width" train -o e.onnx --widths 24,16,16,16 --steps 1
check "mean with it" trains 1 "e.onnx: weights 'encoder.stage1.block1.conv1.weight' are" \
  -o bad.onnx --widths 16,16,16,16 --init a.onnx --average e.onnx
check "mean with none" trains 1 "--average: needs --init" -o bad.onnx --average a.onnx

# What is allowed but hardly meant
small=(phantom:12 --held-out 4 --size 64x64 --widths 16,16,16,16 --batch 4 --threads 1)
check "fewer steps than the warm-up" trains 0 "warning: 4 steps end in the warm-up of 8, at a learning rate of 0.001 instead of 0.002" \
  -o w.onnx --steps 4 --warmup 8
check "as many" trains 0 "" -o w.onnx --steps 4 --warmup 4
check "no word" bash -c '! grep "warm-up" out.txt'
check "a training that diverged" trains 0 "warning: the network has learnt nothing of " -o w.onnx --steps 60 --warmup 5 \
  --learning-rate 100 # of which classes, rounding decides
check "what to do" grep -q ": if the training diverged, use a smaller --learning-rate" out.txt
check "calibrated only" trains 0 ", as far as the held-out samples tell" -o w2.onnx --steps 0 --init w.onnx
small=(phantom:6 --held-out 1 --size 64x32 --batch 2 --steps 2 --threads 1)
check "a class that validation lacks" trains 0 "warning: no pixel of the held-out samples, or every one, is " -o w.onnx
small=(phantom:6 --held-out 4 --size 64x32 --batch 2 --steps 2 --threads 1)

# Where the best mask lies: below 0.6 less is marked at 0.6 than is best, above it more
recall() { # summed over the classes, of the last training
  awk '/^(pleural_line|fascia_band|vertical_line) /{s += $6} END{print s}' out.txt
}
check "the best mask at 0.6" train -o best.onnx
check "at 0.2" train -o low.onnx --best-mask 0.2 --init best.onnx --steps 0
low=$(recall)
check "is recorded" recorded low.onnx '"best-mask":"0.2"'
check "at 0.95" train -o high.onnx --best-mask 0.95 --init best.onnx --steps 0
check "more is marked" awk -v low="$low" -v high="$(recall)" 'BEGIN{exit !(high > low)}'
check "not for soft targets" trains 2 "--best-mask 0.9: is for targets with a threshold" -o bad.onnx --target soft --best-mask 0.9
check "soft targets as ever" train -o soft.onnx --target soft

# The log
echo text > other.csv
check "a file that is no log stays" trains 1 "other.csv: is there and is not the log" -o bad.onnx --log other.csv
check "as it was" test "$(cat other.csv)" = text
check "a log in a folder that is not there" trains 1 "no folder" -o bad.onnx --log none/x.csv

# Names
check "model and checkpoint" trains 1 "same.onnx: is named for two of model, checkpoint and log" -o same.onnx --checkpoint ./same.onnx
check "model and log" trains 1 "same.onnx: is named for two" -o same.onnx --log same.onnx
check "checkpoint and log" trains 1 "same.onnx.checkpoint: is named for two" -o same.onnx --log same.onnx.checkpoint
check "nothing written" test ! -e same.onnx
check "a model without a name" trains 1 "the output's name is empty" -o ""
check "the weights begun with stay" trains 1 "a.onnx: is an input and would be replaced" -o a.onnx --widths 16,16,16,16 --init ./a.onnx
echo "1..$n"

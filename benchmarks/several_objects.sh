#!/usr/bin/env bash
# The trainings of benchmarks/several_objects.md; a second call goes on where the first stopped.
# usage: bash benchmarks/several_objects.sh FOLDER OUT [short|core|further|control|all]
#   FOLDER holds coco112, caltech112 and imagenette160; OUT gets the runs, the tables and the plots.
#   "short" is the plan's addition of 25 epochs.
#   PRECISION=32 is for a CPU without bfloat16, which would emulate it many times slower.
set -euo pipefail
folder=$(realpath "$1") out=$2 part=${3:-all}

recipe=(
    augmentations.0.crop_size=64 'augmentations.1.crop_size=[64,64]'
    optimizer.name=adamw optimizer.weight_decay=1e-4 optimizer.batch_size=256
    method_kwargs.queue_size=2048 method_kwargs.temperature=0.1
    +data.cache_mb=2000 data.num_workers=1
    accelerator=cpu precision="${PRECISION:-bf16-mixed}" +check_val_every_n_epoch=5
)

tries=(--rates 0.001,0.002,0.004 --rate-epochs 5 --held-out 1000)

compare() { # FOLDER EPOCHS ARGUMENTS...: coco112 and its transfers, into a folder of OUT
    local into=$1 epochs=$2
    shift 2
    leoclr compare custom/leoclr "${recipe[@]}" "$@" \
        data.labels="$folder/coco112/train/labels.csv" data.val_labels="$folder/coco112/val/labels.csv" \
        --budget epochs="$epochs" --out "$out/$into" \
        --transfer caltech112="$folder/caltech112" imagenette="$folder/imagenette160"
}

control() { # FOLDER EPOCHS ROW RATE ARGUMENTS...: epochs of 36 steps on Imagenette, as many steps as on coco112
    local into=$1 epochs=$2 row=$3 rate=$4
    shift 4
    leoclr compare imagenette/leoclr "${recipe[@]}" optimizer.lr="$rate" \
        data.train_path="$folder/imagenette160/train" data.val_path="$folder/imagenette160/val" \
        --budget epochs="$epochs" --out "$out/imagenette-$into${row//\//-}" --methods "$row" "$@"
}

rate_of() { # ROW: the rate that its tries on coco112 chose, if they were made; nothing if not
    python - "$out"/{coco112,"short-${1//\//-}"}/rates/"${1//\//-}.json" <<'PYTHON'
import json, sys
from pathlib import Path
for path in filter(Path.is_file, map(Path, sys.argv[1:])):
    scores = json.loads(path.read_text())
    sys.exit(print(max(scores, key=scores.get)))
PYTHON
}

short() { # ROW METHOD: 25 epochs of a row, at the rate of its method
    local row=${1%:*} rate
    rate=$(rate_of "$2")
    if [ "$row" = "$2" ] && { [ -d "$out/short-${2//\//-}/rates" ] || [ -z "$rate" ]; }; then
        compare "short-${row//\//-}" 25 "${tries[@]}" --methods "$1"
    else
        compare "short-${row//\//-}" 25 optimizer.lr="$rate" --methods "$1"
    fi
}

core=(leoclr leoclr/moco-v2 mocov2plus)
further=(
    leoclr:2 leoclr/moco-v2:2 mocov2plus:2 untrained leoclr/both-branches leoclr/third-crop simclr
    leoclr/small-crops leoclr/moco-v2+small-crops leoclr/shuffled-bn leoclr/moco-v2+shuffled-bn
)
rows() { IFS=, && echo "$*"; }

case $part in short | all)
    short untrained untrained
    for row in "${core[@]}"; do short "$row" "$row"; done
    for row in "${core[@]}"; do short "$row:2" "$row"; done
    short leoclr/both-branches leoclr/both-branches
    short leoclr/third-crop leoclr
    short simclr simclr
    for change in small-crops shuffled-bn; do
        short "leoclr/$change" leoclr
        short "leoclr/moco-v2+$change" leoclr/moco-v2
    done
    for row in "${core[@]}"; do control short- 29 "$row" "$(rate_of "$row")"; done
    ;;
esac
case $part in core | all) compare coco112 100 "${tries[@]}" --evaluate-at 25,50,75 --methods "$(rows "${core[@]}" untrained)" ;; esac
case $part in further | all) compare coco112 100 "${tries[@]}" --evaluate-at 25,50,75 --methods "$(rows "${further[@]}")" ;; esac
case $part in control | all)
    for row in "${core[@]}"; do
        control "" 117 "$row" "$(rate_of "$row")" --evaluate-at 29,58,88
    done
    ;;
esac

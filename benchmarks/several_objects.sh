#!/usr/bin/env bash
# The trainings of benchmarks/several_objects.md; a second call goes on where the first stopped.
# usage: bash benchmarks/several_objects.sh FOLDER OUT [core|further|control|all]
#   FOLDER holds coco112, caltech112 and imagenette160; OUT gets the runs, the tables and the plots.
set -euo pipefail
folder=$(realpath "$1") out=$2 part=${3:-all}

recipe=(
    augmentations.0.crop_size=64 'augmentations.1.crop_size=[64,64]'
    optimizer.name=adamw optimizer.weight_decay=1e-4 optimizer.batch_size=256
    method_kwargs.queue_size=2048 method_kwargs.temperature=0.1
    data.format=dali +dali.cache_mb=2000 data.num_workers=1
    accelerator=cpu precision=bf16-mixed +check_val_every_n_epoch=5
)

compare() { # NAME ARGUMENTS...: coco112 and its transfers
    leoclr compare custom/leoclr "${recipe[@]}" \
        data.labels="$folder/coco112/train/labels.csv" data.val_labels="$folder/coco112/val/labels.csv" \
        --budget epochs=100 --evaluate-at 25,50,75 --rates 0.001,0.002,0.004 --rate-epochs 5 --held-out 1000 \
        --transfer caltech112="$folder/caltech112" imagenette="$folder/imagenette160" --out "$out/coco112" "$@"
}

control() { # ROW RATE: 117 epochs of 36 steps on Imagenette, as many steps as on coco112
    leoclr compare imagenette/leoclr "${recipe[@]}" optimizer.lr="$2" \
        data.train_path="$folder/imagenette160/train" data.val_path="$folder/imagenette160/val" \
        --budget epochs=117 --evaluate-at 29,58,88 --out "$out/imagenette-${1//\//-}" --methods "$1"
}

rate_of() { # ROW: the rate that its tries on coco112 chose
    python - "$out/coco112/rates/${1//\//-}.json" <<'PYTHON'
import json, sys
from pathlib import Path
scores = json.loads(Path(sys.argv[1]).read_text())
print(max(scores, key=scores.get))
PYTHON
}

core=(leoclr leoclr/moco-v2 mocov2plus)
further=(
    leoclr:2 leoclr/moco-v2:2 mocov2plus:2 untrained leoclr/both-branches leoclr/third-crop simclr
    leoclr/small-crops leoclr/moco-v2+small-crops leoclr/shuffled-bn leoclr/moco-v2+shuffled-bn
)
rows() { IFS=, && echo "$*"; }

case $part in core | all) compare --methods "$(rows "${core[@]}" untrained)" ;; esac
case $part in further | all) compare --methods "$(rows "${further[@]}")" ;; esac
case $part in control | all)
    for row in "${core[@]}"; do control "$row" "$(rate_of "$row")"; done
    ;;
esac

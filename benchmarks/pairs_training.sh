#!/usr/bin/env bash
# The trainings of benchmarks/pairs_training.md; a second call goes on where the first stopped.
# usage: bash benchmarks/pairs_training.sh IMAGENETTE OUT
#   IMAGENETTE holds train and val; OUT gets the pairs and the runs.
#   PRECISION=32 is for a CPU without bfloat16, which would emulate it many times slower.
set -euo pipefail
data=$(realpath "$1") here=$(dirname "$0")
mkdir -p "$2"
out=$(realpath "$2")

mined=$out/mined.csv oracle=$out/oracle.csv
[ -f "$mined" ] || leoclr pairs mine --data "$data/train" --encoder zoo:mocov2plus-resnet18-imagenette --k 5 \
    --min-similarity 0.92 --max-similarity 0.99 --out "$mined"
[ -f "$oracle" ] || python "$here/pairs_training.py" --oracle "$mined" "$data/train" "$oracle"

declare -A rate=([leoclr]=0.002 [mocov2plus]=0.001)
declare -A pairs=(
    [plain]=""
    [mined]="+data.pairs.file=$mined"
    [control]="+data.pairs.file=$mined +data.pairs.control=True"
    [oracle]="+data.pairs.file=$oracle"
)

for seeds in 1 2; do
    for row in plain mined oracle control; do
        for method in leoclr mocov2plus; do
            # The words of a row's pairs are separate arguments.
            leoclr compare imagenette/leoclr ${pairs[$row]} \
                augmentations.0.crop_size=64 'augmentations.1.crop_size=[64,64]' \
                optimizer.name=adamw optimizer.weight_decay=1e-4 optimizer.batch_size=256 \
                optimizer.lr="${rate[$method]}" \
                method_kwargs.queue_size=2048 method_kwargs.temperature=0.1 \
                +data.cache_mb=2000 data.num_workers=1 \
                accelerator=cpu precision="${PRECISION:-bf16-mixed}" +check_val_every_n_epoch=4 \
                data.train_path="$data/train" data.val_path="$data/val" \
                --budget epochs=16 --out "$out/$row-$method" --methods "$method" --seeds $seeds
        done
    done
done

#!/usr/bin/env bash
# What the tables say of a GPU, measured anew: some minutes. SOLO_LEARN_HOME names the clone that
# is measured beside it. A part that fails does not keep the others from being measured.
#
# usage: benchmarks/gpu.sh IMAGES OUT
#   IMAGES  folder of full-size JPEGs, 3,000 or more, for batches of 256
#   OUT     folder for the raw data: data-gpu.json, data-training-gpu.json and so on
set -uo pipefail
if [ $# != 2 ]; then
    sed -n 's/^# usage: /usage: /p' "$0" >&2
    exit 2
fi
mkdir -p "$2"
images=$(realpath "$1") out=$(realpath "$2") status=0
cd "$(dirname "$0")/.."
threads=$(nproc)

part() {
    echo "== $*" >&2
    "$@" || status=1
}
leoclr() { python -m leoclr_plugin "$@"; }

part python benchmarks/data_training.py "$images" --workers "$threads" --out "$out/data-training-gpu.json"
part leoclr bench data --data "$images" --device gpu --compare --batch-size 256 --workers "$threads" \
    --rounds 3 --json >"$out/data-gpu.json"
part python -m pytest -q -k "gpu and not cpu" tests/data
part leoclr bench step --backbone resnet50 --size 224 --batch-size 256 --precision bf16-mixed --options \
    --json >"$out/step-gpu-resnet50.json"
part leoclr bench step --backbone resnet18 --size 128 --batch-size 256 --precision bf16-mixed --options \
    --json >"$out/step-gpu-resnet18.json"
part python benchmarks/data_profile.py "$images" --device gpu --batch-size 128 --threads "$threads" \
    --rounds 5 --out "$out/data-profile-gpu.json"
exit $status

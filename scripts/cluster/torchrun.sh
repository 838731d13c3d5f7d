#!/usr/bin/env bash
# One node's part of a training on several, started on each of them:
#   NODES=2 NODE_RANK=0 HEAD=node0 GPUS=8 bash torchrun.sh imagenet/leoclr data.num_workers=8
# On one machine: GPUS=8 bash torchrun.sh imagenet/leoclr
# The learning rate follows batch size x GPUS x NODES, and the batch size is each GPU's.
set -euo pipefail

NODES=${NODES:-1} NODE_RANK=${NODE_RANK:-0} HEAD=${HEAD:-localhost} PORT=${PORT:-29500}
GPUS=${GPUS:-$(nvidia-smi --list-gpus | wc -l)}

exec torchrun --nnodes "$NODES" --node-rank "$NODE_RANK" --nproc-per-node "$GPUS" \
    --master-addr "$HEAD" --master-port "$PORT" \
    -m leoclr_plugin pretrain "$@" "devices=$GPUS" "+num_nodes=$NODES" auto_resume.enabled=True

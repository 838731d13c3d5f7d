#!/usr/bin/env bash
# Train on several nodes by torchrun. Start this script on each node with its NODE_RANK:
#   NODES=2 NODE_RANK=0 HEAD=node0 GPUS=8 bash torchrun.sh imagenet/leoclr data.num_workers=8
# Train on one machine:
#   GPUS=8 bash torchrun.sh imagenet/leoclr
# The batch size is that of one GPU. The learning rate is scaled by batch size x GPUS x NODES.
set -euo pipefail

NODES=${NODES:-1} NODE_RANK=${NODE_RANK:-0} HEAD=${HEAD:-localhost} PORT=${PORT:-29500}
GPUS=${GPUS:-$(nvidia-smi --list-gpus | wc -l)}

exec torchrun --nnodes "$NODES" --node-rank "$NODE_RANK" --nproc-per-node "$GPUS" \
    --master-addr "$HEAD" --master-port "$PORT" \
    -m leoclr_plugin pretrain "$@" "devices=$GPUS" "+num_nodes=$NODES" auto_resume.enabled=True

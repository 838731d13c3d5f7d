#!/bin/sh
# Usage: umap.sh CHECKPOINT_FOLDER
leoclr umap "$1" \
    --dataset imagenet100 \
    --train_data_path ./datasets/imagenet-100/train \
    --val_data_path ./datasets/imagenet-100/val \
    --batch_size 256

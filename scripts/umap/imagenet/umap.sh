#!/bin/sh
# Usage: umap.sh CHECKPOINT_FOLDER
leoclr umap "$1" \
    --dataset imagenet \
    --train_data_path ./datasets/imagenet/train \
    --val_data_path ./datasets/imagenet/val \
    --batch_size 256

#!/bin/sh
# Usage: umap.sh CHECKPOINT_FOLDER
leoclr umap "$1" \
    --dataset cifar10 \
    --train_data_path ./datasets \
    --val_data_path ./datasets \
    --batch_size 256

#!/bin/sh
# Usage: umap.sh CHECKPOINT_FOLDER
leoclr umap "$1" \
    --dataset imagenette \
    --train_data_path ./datasets/imagenette2-160/train \
    --val_data_path ./datasets/imagenette2-160/val \
    --batch_size 256

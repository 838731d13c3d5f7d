#!/bin/sh
# Usage: knn.sh CHECKPOINT_FOLDER
leoclr knn "$1" \
    --dataset imagenet100 \
    --train_data_path ./datasets/imagenet-100/train \
    --val_data_path ./datasets/imagenet-100/val \
    --batch_size 256 \
    --k 20 \
    --temperature 0.07 \
    --distance_function cosine \
    --feature_type backbone

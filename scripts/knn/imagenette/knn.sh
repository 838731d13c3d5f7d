#!/bin/sh
# Usage: knn.sh CHECKPOINT_FOLDER
leoclr knn "$1" \
    --dataset imagenette \
    --train_data_path ./datasets/imagenette2-160/train \
    --val_data_path ./datasets/imagenette2-160/val \
    --batch_size 256 \
    --k 20 \
    --temperature 0.07 \
    --distance_function cosine \
    --feature_type backbone

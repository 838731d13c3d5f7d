#!/bin/sh
# Usage: knn.sh CHECKPOINT_FOLDER
leoclr knn "$1" \
    --dataset stl10 \
    --train_data_path ./datasets \
    --val_data_path ./datasets \
    --batch_size 256 \
    --k 20 \
    --temperature 0.07 \
    --distance_function cosine \
    --feature_type backbone

#!/bin/sh
# Usage: umap.sh CHECKPOINT_FOLDER
leoclr umap "$1" \
    --batch_size 256

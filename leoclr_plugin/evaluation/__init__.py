"""The evaluations of a checkpoint: kNN, linear probe, linear SVM, transfer and embeddings."""

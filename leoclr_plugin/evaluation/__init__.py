"""The evaluations of a checkpoint: kNN, linear probe and linear SVM."""

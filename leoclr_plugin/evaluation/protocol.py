"""The numbers of evaluations' protocols; cards and commands can import them without torch."""

LINEAR_EPOCHS = 50
# The best learning rate depends on the length of the features, which differs between methods.
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
# The learning rate for the zoo's models, chosen on a tenth of the training images
# (benchmarks/RESULTS.md, "The zoo").
ZOO_RATE = 0.03
# The images, and the views of each, that label-free measures take of a run.
MEASURED_IMAGES, MEASURED_VIEWS = 2048, 4

"""What the quick linear probe is trained with: numbers alone, which a card names without torch."""

LINEAR_EPOCHS = 50
# How long features are differs by method and optimizer, and the best rate with it.
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
# Of the zoo's models. Chosen on a tenth of the training images (benchmarks/RESULTS.md, "The zoo");
# the configuration's is for other features.
ZOO_RATE = 0.03

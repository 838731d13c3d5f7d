"""Write, find and read checkpoints and the weights in them."""

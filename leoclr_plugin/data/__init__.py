"""Views, data sets and loaders, built from solo-learn's configuration nodes."""

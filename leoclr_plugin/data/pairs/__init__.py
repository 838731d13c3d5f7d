"""Pairs of images that are positives of one another, though they are not crops of one image."""

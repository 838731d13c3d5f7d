"""Measures of predictions: pure functions of scores and targets, one file each."""

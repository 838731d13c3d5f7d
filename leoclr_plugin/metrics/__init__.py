"""Metrics of predictions: pure functions of scores and targets, one file for each."""

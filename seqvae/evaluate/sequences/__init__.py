"""Metrics of sequences: k-mers, a classifier, logos, and the counting baselines they stand beside."""

"""Metrics of sequences: k-mers, a classifier, logos, and counting baselines."""

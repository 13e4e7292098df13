"""Metrics of sequences: k-mers, a classifier, logos, and counting baselines."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

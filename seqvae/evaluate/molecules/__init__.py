"""Metrics of molecules: MOSES, GuacaMol, FCD, fragments, filters, similarity."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""The path of texts from their sources to a model: readers, datasets, splits, audit, token store, batches."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

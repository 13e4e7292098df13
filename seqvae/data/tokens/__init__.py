"""Token ids on disk and in batches: split into symbols, packed, stored, batched, one-hot."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

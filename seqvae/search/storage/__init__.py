"""A search on disk: its folder, its ledger, its state."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

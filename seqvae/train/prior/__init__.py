"""The density fitted to the aggregate posterior after training."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

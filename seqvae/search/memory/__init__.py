"""What a search remembers: scored designs, latent points, earlier proposals."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""The latent space: text to z and back, paths, vector arithmetic and neighbours in it."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""Maps of latent space: places and columns of molecules or sequences, and what the model makes of the space between."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

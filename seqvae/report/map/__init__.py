"""Maps of latent space as a page that needs nothing else, and as pictures for papers."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

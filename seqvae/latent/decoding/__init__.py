"""From latent points to texts: ids, texts and their validity."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

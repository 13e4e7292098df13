"""Layers that encoders and decoders share."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""Inference of a posterior beyond the encoder: gradient steps on its own parameters."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""The VAE and its parts: encoders, decoders, posteriors, priors, the objective, and generation token by token."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

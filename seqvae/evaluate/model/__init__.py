"""Metrics of a trained model: reconstruction, bounds, diagnostics of the latent space, samples."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""The Lightning shell around the objective, its checkpoints, and `fit.train`."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

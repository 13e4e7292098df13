"""Published benchmarks: PMO's tasks, Ehrlich functions, TF-Bind-8."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

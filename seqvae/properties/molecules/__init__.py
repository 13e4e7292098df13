"""Properties of molecules: descriptors, similarity, substructures, alerts, synthetic accessibility."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""Changes to a trained model before it is fine-tuned: low-rank adapters, a larger vocabulary."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""The oracle: text to score, in killable workers, each call counted."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

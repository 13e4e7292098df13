"""Files: opened plain or packed, read and written by extension, in chunks."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

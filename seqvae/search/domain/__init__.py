"""What differs between molecules and sequences in a search: reading, moves, constraints."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""The building blocks of pages: style, structures, sequences, plots."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

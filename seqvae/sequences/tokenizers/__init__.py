"""Tokenizers: text to token ids and back."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

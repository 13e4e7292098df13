"""Alphabets, molecules and tokenizers. Nothing is imported here, so that each module costs only what it needs."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

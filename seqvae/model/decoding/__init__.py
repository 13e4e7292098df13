"""Decoding token by token: greedy, sampled or by beam search, under the rules of a grammar."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)

"""The decoder that stands on counts in exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, final

import numpy as np

from seqvae.infer.coding.exact import Numbers
from seqvae.infer.coding.recurrent import Ids, State
from seqvae.model.counting import WithCounts
from seqvae.model.decoders import Decoder
from seqvae.model.encoders import BOS


class ExactDecoder(Protocol):
    """A decoder in exact arithmetic."""

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first position."""

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the logits of the next position and the memory after it."""


@final
class ExactWithCounts:
    """A network whose logits are added to those of counting models, one elementary operation after the other.

    Args:
        decoder: the trained one.
        exact: makes a network exact.
    """

    def __init__(self, decoder: WithCounts, exact: Callable[[Decoder], ExactDecoder]) -> None:
        self.inner, self.vocab, self.longest = exact(decoder.inner), decoder.vocab_size, decoder.max_length
        self.most = decoder.most_before
        self.ends = decoder.ends.cpu().double().numpy()
        weights = decoder.weights.detach().cpu().double().numpy()
        self.tables = {
            name: weight * getattr(decoder, name).cpu().double().numpy()
            for name, weight in zip(decoder.shapes, weights, strict=True)
        }

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first position: that of the network, and the letters before."""
        before = np.full((len(z), self.most), BOS, np.float64)
        return State([*self.inner.begin(z).arrays, before])

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the logits of the next position and the memory after it."""
        *own, before = state.arrays
        logits, inner = self.inner.step(tokens, State(own, state.position))
        before = np.concatenate([before[:, 1:], np.asarray(tokens, np.float64)[:, None]], 1)
        position, letters = min(state.position, self.longest), before.astype(np.int64)
        codes = [np.zeros(len(letters), np.int64)]  # the row of a table for the last k letters, for each k
        for k in range(1, self.most + 1):
            codes.append(codes[-1] + letters[:, -k] * self.vocab ** (k - 1))
        for name, table in self.tables.items():
            rows = table[position] if name.startswith("at") else table
            logits = logits + rows[codes[int(name.rpartition("_")[2])]]
        return logits + self.ends[position], State([*inner.arrays, before], state.position + 1)

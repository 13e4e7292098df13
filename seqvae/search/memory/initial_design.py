"""What a search begins with: draws from a model's prior, or texts of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np

from seqvae.config import DecodeConfig
from seqvae.latent.codec import Codec
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.proposals import Candidate

PRIOR = "prior"  # what proposes texts drawn from a model
InitialDesign = Callable[[int, int], Sequence[Candidate]]  # takes how many texts and a seed


@final
@dataclass(frozen=True)
class FromPrior:
    """Draws texts from a model's prior, as long as the model is what it was.

    Attributes:
        codec: the model.
    """

    codec: Codec

    def __call__(self, count: int, seed: int) -> list[Candidate]:
        """Return so many texts by a seed."""
        made = self.codec.generate_samples(count, DecodeConfig("sample", seed=seed))
        return [Candidate(text, PRIOR, seed=seed) for text in made.texts]


@final
@dataclass(frozen=True)
class FromTexts:
    """Gives out texts of a list in random order.

    Attributes:
        texts: the list.
    """

    texts: tuple[str, ...]

    def __call__(self, count: int, seed: int) -> list[Candidate]:
        """Return so many texts by a seed, or all of them."""
        rows = np.random.default_rng(seed).permutation(len(self.texts))[:count]
        return [Candidate(self.texts[int(row)], "start") for row in rows]


def fill(novel: NoveltyFilter, initial: Sequence[InitialDesign], rng: np.random.Generator) -> None:
    """Take what is new from the first of them, what is lacking then from the next, and so on."""
    for start in initial:
        novel.fill(partial(_by_draw, start, rng))


def _by_draw(start: InitialDesign, rng: np.random.Generator, count: int) -> Sequence[Candidate]:
    return start(count, int(rng.integers(2**31)))

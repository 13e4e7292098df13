"""The initial design of a search: draws from a model's prior, or texts of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from seqvae.config import DecodeConfig
from seqvae.latent.codec import Codec
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.proposals import Candidate

PRIOR = "prior"  # the proposer of texts drawn from a model
InitialDesign = Callable[[int, int], Sequence[Candidate]]  # takes the number of texts and a seed


@final
@dataclass(frozen=True)
class FromPrior:
    """Draws texts from a model's prior.

    Attributes:
        codec: the model; the draws of a seed change where it is retrained.
    """

    codec: Codec

    def __call__(self, count: int, seed: int) -> list[Candidate]:
        """Return `count` texts drawn by a seed."""
        made = self.codec.generate_samples(count, DecodeConfig("sample", seed=seed))
        return [Candidate(text, PRIOR, seed=seed) for text in made.texts]


@final
@dataclass(frozen=True)
class FromTexts:
    """Draws texts of a list in random order.

    Attributes:
        texts: the list.
    """

    texts: tuple[str, ...]

    def __call__(self, count: int, seed: int) -> list[Candidate]:
        """Return `count` texts drawn by a seed, or all where there are fewer."""
        rows = np.random.default_rng(seed).permutation(len(self.texts))[:count]
        return [Candidate(self.texts[int(row)], "start") for row in rows]


def fill(novel: NoveltyFilter, initial: Sequence[InitialDesign], rng: np.random.Generator) -> None:
    """Take new texts from the first design, then what is still lacking from the next, and so on."""
    for start in initial:

        def drawn(count: int, start: InitialDesign = start) -> Sequence[Candidate]:
            """Return texts of this design by a seed that is drawn."""
            return start(count, int(rng.integers(2**31)))

        novel.fill(drawn)

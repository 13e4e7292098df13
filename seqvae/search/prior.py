"""Searches that do not learn: fresh texts from the prior, and a file of texts in random order.

What any other optimiser must beat (Gao et al. 2022, arXiv:2206.12411, has screening as a row of its table).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np

from seqvae.config import DecodeConfig
from seqvae.errors import UsageError
from seqvae.latent.codec import Codec
from seqvae.search.archive import Archive
from seqvae.search.designs import archive_from, archive_state, remember
from seqvae.search.fresh import Fresh
from seqvae.search.oracle import Candidate, Canonical, Scores
from seqvae.search.space import Space
from seqvae.search.state import State

PRIOR = "prior"  # what proposes texts drawn from a model


@final
@dataclass(frozen=True)
class FromPrior:
    """Draws texts from a model's prior, as long as the model is what it was.

    Attributes:
        codec: the model.
        prior: `normal`, `fitted` or `auto`, as `Codec.draw` takes it.
    """

    codec: Codec
    prior: str = "auto"

    def __call__(self, count: int, seed: int) -> list[Candidate]:
        """Return so many texts by a seed."""
        made = self.codec.generate_samples(count, DecodeConfig("sample", seed=seed), self.prior)
        return [Candidate(text, PRIOR, seed=seed) for text in made.texts]


@final
class PriorSampling:
    """Proposes texts drawn from the model, each once.

    Args:
        space: the model.
        prior: `normal`, `fitted` or `auto`, as `Codec.draw` takes it.
        seed: of all draws.
    """

    def __init__(self, space: Space, prior: str = "auto", seed: int = 0) -> None:
        self.space, self.prior, self.archive = space, prior, Archive()
        self._rng = np.random.default_rng(seed)

    def ask(self, count: int) -> list[Candidate]:
        """Return texts that are new, fewer only where a dozen draws of them bring no more."""
        fresh = Fresh(count, self.space.canonical, self.archive)
        fresh.fill(partial(sampled, self.space, self._rng, prior=self.prior))
        return fresh.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember which texts are known."""
        remember(self.archive, scores)

    def state_dict(self) -> State:
        """Return the texts, their scores, and the generator."""
        return {**archive_state(self.archive), "rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.archive = archive_from(state)
        self._rng.bit_generator.state = state["rng"]


def sampled(space: Space, rng: np.random.Generator, count: int, prior: str = "auto") -> list[Candidate]:
    """Return texts drawn from the model, by a seed that is drawn; what every search in a latent space begins with."""
    return FromPrior(space.codec, prior)(count, int(rng.integers(2**31)))


@final
class Screening:
    """Proposes the texts of a file in random order, each canonical form once.

    Args:
        texts: of the file.
        canonical: returns the canonical form of a text, None for an invalid one, which is left out.
        seed: of the order.
    """

    def __init__(self, texts: Sequence[str], canonical: Canonical, seed: int = 0) -> None:
        self.texts, self.canonical, self.seed = texts, canonical, seed
        self._order = np.random.default_rng(seed).permutation(len(texts))
        self._place = 0
        self._known: set[str] = set()

    def ask(self, count: int) -> list[Candidate]:
        """Return the next texts that are not known, fewer at the end of the file."""
        fresh = Fresh(count, self.canonical, self._known)
        while fresh.lacking and self._place < len(self._order):
            text = self.texts[int(self._order[self._place])]
            form = self.canonical(text)
            fresh.take(Candidate(text, "screening"), form)
            self._place += 1
            if form is not None:
                self._known.add(form)
        return fresh.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember which texts are known."""
        self._known.update(form for form in scores.canonical if form is not None)

    def state_dict(self) -> State:
        """Return how far it has come and which texts are known."""
        return {"seed": self.seed, "place": self._place, "known": sorted(self._known), "file": self._digest()}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state.

        Raises:
            UsageError: the state belongs to other texts.
        """
        if state["file"] != self._digest():
            raise UsageError(
                f"expected the {len(self.texts)} texts to screen to be those of the saved search: they differ"
            )
        self.seed, self._place, self._known = state["seed"], state["place"], set(state["known"])
        self._order = np.random.default_rng(self.seed).permutation(len(self.texts))

    def _digest(self) -> str:
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

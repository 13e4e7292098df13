"""Baselines that do not learn: draws from the prior, and a file of texts in random order.

Any other optimiser must beat them (Gao et al. 2022, arXiv:2206.12411, has screening as a row of its table).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import final

import numpy as np

from seqvae.config import SamplingConfig, ScreeningConfig
from seqvae.config.toml import checked
from seqvae.errors import UsageError
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.initial_design import InitialDesign, fill
from seqvae.search.memory.latent_archive import remember
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.optimizer import Material
from seqvae.search.proposals import Candidate, Canonical, Scores
from seqvae.search.storage.state import State


def build(config: SamplingConfig | ScreeningConfig, material: Material) -> PriorSampling | Screening:
    """Return the baseline.

    Raises:
        UsageError: there is no model to draw from, or no file to screen.
    """
    canonical, seed = material.texts.canonical, material.seed
    if isinstance(config, SamplingConfig):
        return PriorSampling(material.initial_designs(), canonical, seed)
    if not material.start:
        raise UsageError("screening needs a file of texts: give --start")
    return Screening(material.start, canonical, seed)


@final
class PriorSampling:
    """Proposes each text of the initial designs once; the last of them are draws from a model.

    Args:
        initial: designs to draw from, in this order.
        canonical: returns the canonical form of a text, None for an invalid one.
        seed: of all draws.
    """

    def __init__(self, initial: Sequence[InitialDesign], canonical: Canonical, seed: int = 0) -> None:
        self.initial, self.canonical, self.archive = initial, canonical, Archive()
        self._rng = np.random.default_rng(seed)

    def ask(self, count: int) -> list[Candidate]:
        """Return new texts; fewer than `count` only where a dozen attempts bring no more."""
        novel = NoveltyFilter(count, self.canonical, self.archive)
        fill(novel, self.initial, self._rng)
        return novel.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the texts that were told."""
        remember(self.archive, scores)

    def state_dict(self) -> State:
        """Return the texts, their scores, and the generator."""
        return {**self.archive.state_dict(), "rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.archive = Archive.of(state)
        self._rng.bit_generator.state = state["rng"]


@final
class Screening:
    """Proposes the texts of a file in random order, each canonical form once.

    Args:
        texts: of the file.
        canonical: returns the canonical form of a text, None for an invalid one, which is left out.
        seed: of the random order.
    """

    def __init__(self, texts: Sequence[str], canonical: Canonical, seed: int = 0) -> None:
        self.texts, self.canonical, self.seed = texts, canonical, seed
        self._order = np.random.default_rng(seed).permutation(len(texts))
        self._place = 0
        self._known: set[str] = set()

    def ask(self, count: int) -> list[Candidate]:
        """Return the next texts that are new; fewer at the end of the file."""
        novel = NoveltyFilter(count, self.canonical, self._known)
        while novel.lacking and self._place < len(self._order):
            text = self.texts[int(self._order[self._place])]
            form = self.canonical(text)
            novel.take(Candidate(text, "screening"), form)
            self._place += 1
            if form is not None:
                self._known.add(form)
        return novel.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the texts that were told."""
        self._known.update(form for form in scores.canonical if form is not None)

    def state_dict(self) -> State:
        """Return the place in the file and the texts that are known."""
        return {"seed": self.seed, "place": self._place, "known": sorted(self._known), "file": self._digest()}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state.

        Raises:
            UsageError: the state belongs to another file.
        """
        if state["file"] != self._digest():
            raise UsageError(
                f"expected the {len(self.texts)} texts to screen to be those of the saved search: they differ"
            )
        self.seed, self._place = (checked(name, state[name], int) for name in ("seed", "place"))
        self._known = set(checked("known", state["known"], list[str]))
        self._order = np.random.default_rng(self.seed).permutation(len(self.texts))

    def _digest(self) -> str:
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

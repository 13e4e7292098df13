"""The archive of a search: distinct texts with their scores, the best first, and parents drawn by rank."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config.toml import checked
from seqvae.search.storage.state import State


@final
class Archive:
    """Distinct texts and their scores, higher is better.

    Of texts with equal scores the later ones come first: a search from the best then drifts across a plateau instead of
    returning to where it entered it.
    """

    def __init__(self) -> None:
        self._scores: dict[str, float] = {}
        self._numbers: dict[str, int] = {}  # of texts, in order of arrival
        self._ranked: list[tuple[float, int, str]] = []  # minus score, minus number, text

    def __len__(self) -> int:
        return len(self._ranked)

    def __contains__(self, text: object) -> bool:
        return text in self._scores

    def __iter__(self) -> Iterator[str]:
        """The texts in order of arrival, those without a score among them."""
        return iter(self._scores)

    def add(self, text: str, score: float) -> None:
        """Add a text or replace its score; with NaN it is known and has no rank."""
        number = self._numbers.setdefault(text, len(self._numbers))
        known = self._scores.get(text, math.nan)
        self._scores[text] = score
        if score == known:
            return
        if not math.isnan(known):
            del self._ranked[bisect.bisect_left(self._ranked, (-known, -number, text))]
        if not math.isnan(score):
            bisect.insort(self._ranked, (-score, -number, text))

    def update(self, texts: Iterable[str], scores: Iterable[float]) -> None:
        """Add texts one by one."""
        for text, score in zip(texts, scores, strict=True):
            self.add(text, score)

    def state_dict(self) -> State:
        """Return the texts and their scores."""
        return {"texts": [*self], "scores": np.array([*self._scores.values()], np.float64)}

    @classmethod
    def of(cls, state: State) -> Archive:
        """Return the archive of a state, which may have other keys besides those of `state_dict`."""
        archive = cls()
        archive.update(checked("texts", state["texts"], list[str]), map(float, state["scores"]))
        return archive

    def score(self, text: str) -> float:
        """Return the score of a text that is known."""
        return self._scores[text]

    def best(self, count: int) -> list[str]:
        """Return the best texts, best first."""
        return [text for _, _, text in self._ranked[:count]]

    @property
    def ranked(self) -> bool:
        """Whether some scores are higher than others: otherwise there is nothing to select by."""
        return bool(self._ranked) and self._ranked[0][0] < self._ranked[-1][0]

    def weights(self, count: int, greed: float) -> NDArray[np.float64]:
        """Return the shares of the best `count` texts, as `weights_of` does."""
        return self.weights_of(self.best(count), greed)

    def weights_of(self, texts: Sequence[str], greed: float) -> NDArray[np.float64]:
        """Return the shares of texts that have a score, by rank: proportional to 1 / (greed * N + rank).

        N is the number of all texts, rank 0 the best (Tripp et al. 2020, arXiv:2006.09191); texts with equal scores
        share their mean rank, those outside `texts` included. A small greed favours the very best, a large one treats
        all alike.
        """
        losses, ranks = [-self._scores[text] for text in texts], dict[float, float]()
        for loss in dict.fromkeys(losses):
            start = bisect.bisect_left(self._ranked, loss, key=_loss)
            ranks[loss] = (start + bisect.bisect_right(self._ranked, loss, start, key=_loss) - 1) / 2
        weights = 1.0 / (max(greed * len(self), 1.0) + np.array([ranks[loss] for loss in losses]))
        return np.asarray(weights / weights.sum(), np.float64)

    def parents(self, count: int, rng: np.random.Generator, among: int, greed: float) -> list[str]:
        """Draw texts by rank, with replacement, from the best `among`; none of an empty archive."""
        best = self.best(among)
        if not best:
            return []
        return [best[int(row)] for row in rng.choice(len(best), count, p=self.weights(among, greed))]


def _loss(ranked: tuple[float, int, str]) -> float:
    return ranked[0]

"""The archive of a search in latent space: texts, their scores, and the points that re-encode them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config.toml import checked
from seqvae.errors import ConfigError, quoted
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.latent_space import Points, Space
from seqvae.search.memory.pareto import ParetoRanks
from seqvae.search.proposals import Scores
from seqvae.search.storage.ledger import OVER_BUDGET
from seqvae.search.storage.state import State, array_of


@final
class Designs:
    """The designs of a search in latent space: texts with their scores, and the points that re-encode them.

    Where texts have several scores, the archive holds Pareto ranks in place of a score.

    Args:
        space: where texts are encoded.
    """

    def __init__(self, space: Space) -> None:
        self.space, self.archive = space, Archive()
        self._ranks = ParetoRanks(self.archive)
        self._points: dict[str, Points] = {}

    def tell(self, scores: Scores) -> list[str]:
        """Remember the latest score of each valid text; return the texts that are new.

        A text that failed is known and has no score; no surrogate learns from it. A text measured again comes with the
        mean of its measurements.
        """
        new = remember(self.archive, scores, self._ranks)
        scored = [form for form in new if np.isfinite(self.archive.score(form))]
        points, readable = self.space.encode(scored)
        self._points.update((form, point) for form, point, can in zip(scored, points, readable, strict=True) if can)
        return new

    def point(self, text: str) -> Points | None:
        """Return the point of a text that has a score; None where the model cannot read it."""
        return self._points.get(text)

    def best(self, count: int) -> list[str]:
        """Return the best texts that have a point, best first."""
        return [text for text in self.scored() if text in self._points][:count]

    def table(self) -> tuple[list[str], Points, NDArray[np.float64]]:
        """Return the texts that have a point, in order of arrival, with their points and their scores."""
        texts = list(self._points)
        rows = np.array(list(self._points.values()), np.float64).reshape(len(texts), self.space.latent)
        return texts, rows, np.array([self.archive.score(text) for text in texts], np.float64)

    def scored(self) -> list[str]:
        """Return the texts that have a score, best first."""
        return self.archive.best(len(self.archive))

    @property
    def several(self) -> bool:
        """Whether texts have several scores."""
        return bool(self._ranks.values)

    def values(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Return all scores of texts that have a score, `(texts, objectives)`."""
        rows = [self._ranks.values.get(text, (self.archive.score(text),)) for text in texts]
        return np.array(rows, np.float64)

    def ready(self, start: int) -> bool:
        """Whether `start` texts have a score, and at least two of them a point to learn from."""
        return len(self.archive) >= start and len(self._points) > 1

    def state_dict(self) -> State:
        """Return texts, scores and points."""
        texts, points, _ = self.table()
        return {**self.archive.state_dict(), **self._ranks.state_dict(), "encoded": texts, "points": points}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.archive = Archive.of(state)
        self._ranks = ParetoRanks(self.archive)
        self._ranks.load_state_dict(state)
        texts = checked("encoded", state["encoded"], list[str])
        if lost := [text for text in texts if text not in self.archive]:
            raise ConfigError(f"encoded: expected texts of the archive, got {quoted(lost[0])}")
        points = array_of("points", state["points"], (len(texts), self.space.latent))
        self._points = dict(zip(texts, points, strict=True))


def remember(archive: Archive, scores: Scores, ranks: ParetoRanks | None = None) -> list[str]:
    """Add the oracle's scores to an archive, replacing earlier ones; return the texts that are new.

    Args:
        archive: holds the first score of each text, or its rank.
        scores: from the oracle.
        ranks: ranks texts with several scores in that archive; None: the first score counts.
    """
    rows = enumerate(zip(scores.canonical, scores.statuses, strict=True))
    told = {form: row for row, (form, status) in rows if form is not None and status != OVER_BUDGET}
    new = [form for form in told if form not in archive]
    values = scores.values[list(told.values())]
    if ranks is not None and values.shape[1] > 1:
        ranks.update(list(told), values)
    else:
        archive.update(told, values[:, 0].tolist())
    return new

"""Properties and joined scores of the same texts, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config.checks import door
from seqvae.errors import UsageError
from seqvae.properties.registry import get, score
from seqvae.properties.scoring import is_scoring_file, read_scoring


@final
class Columns:
    """What `seqvae properties score` computes: one column per property, then the columns of each scoring.

    Args:
        names: of properties, and TOML files of terms; repeated ones are ignored.

    Raises:
        UsageError: there is no such property, or two columns would have the same title.
        ConfigError: as `read_scoring`.

    >>> Columns(["qed", "logp"])(["CCO"])["qed"].round(2).tolist()
    [0.41]
    """

    @door
    def __init__(self, names: Sequence[str]) -> None:
        names = list(dict.fromkeys(names))
        self.properties = [get(name) for name in names if not is_scoring_file(name)]
        self.scorings = [read_scoring(name) for name in names if is_scoring_file(name)]
        self.titles = [one.name for one in self.properties]
        for scoring in self.scorings:
            for title in scoring.titles:
                if title in self.titles:
                    raise UsageError(f"two columns would be called {title!r}: leave one of them out")
                self.titles.append(title)

    def __call__(self, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return `(batch,)` float64 by title, NaN for a text without a value; raises as properties and scorings do."""
        columns = score(self.properties, texts)
        for scoring in self.scorings:
            columns |= scoring.parts(texts)
        return columns

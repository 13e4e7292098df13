"""From latent points to SMILES: decoded freely first, then under the rules of chemistry where that is no molecule.

The rules check every token on the host, and refuse no token of a text that they accept as a whole. So each text is
decoded without them, and only one that is no molecule, or that they do not accept, is decoded a second time, from the
same latent point and the same random numbers; and, if the codec insists, again by other ways if that comes to a dead
end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, final, runtime_checkable

from torch import Tensor

from seqvae.config import DecodeConfig
from seqvae.latent.decoding.generated import Generated
from seqvae.runtime.streams import LATER_TRIES


@runtime_checkable
class Write(Protocol):
    """Decodes latent points as the config says, or only `rows`, each as it would be among all."""

    def __call__(self, points: Tensor, config: DecodeConfig, rows: Sequence[int] | None, last: bool, /) -> Generated:
        """Return one text per point, or per row of `rows`; after the `last` time nothing else mends them."""


@dataclass(frozen=True)
class _Draw:
    """Latent points of some rows, and how they were decoded."""

    rows: list[int]
    points: Tensor
    config: DecodeConfig


@final
@dataclass(frozen=True)
class Writer:
    """Decodes latent points to molecules where possible.

    Attributes:
        write: decodes latent points under all rules that its config names.
        accepts: whether the rules of chemistry accept token ids; None if the config does not ask for them.
    """

    write: Write
    accepts: Callable[[Sequence[int]], bool] | None = None

    def written(self, points: Tensor, config: DecodeConfig) -> Generated:
        """Return the text of each point."""
        made = self.write(points, self._freely(config), None, False)
        return self._corrected(made, self._unfit(made), [_Draw(list(range(len(points))), points, config)])

    def drawn(self, count: int, config: DecodeConfig, draw: Callable[[int, int], Tensor]) -> Generated:
        """Return texts of drawn points, each from the first of its draws that gives a molecule without the rules.

        If none of its `tries` draws does, the text is that of the first draw that gives a molecule under the rules of
        chemistry, or else of the last, by whatever way leads to one.

        Args:
            count: how many texts.
            config: how they are decoded, and the seed.
            draw: from a number and a seed to that many points.
        """
        draws = [_Draw(list(range(count)), draw(count, config.seed), config)]
        made = self.write(draws[0].points, self._freely(config), None, False)
        rows = self._unfit(made)
        for attempt in range(1, config.tries):
            if not rows:
                break
            again = replace(config, seed=LATER_TRIES.seed(config.seed, attempt))
            draws.append(_Draw(rows, draw(len(rows), again.seed), again))
            found = self.write(draws[-1].points, self._freely(again), None, False)
            still = set(self._unfit(found))
            fine = [place for place in range(len(rows)) if place not in still]
            made = made.with_rows([rows[place] for place in fine], found, fine)
            made.draws[rows] += 1
            rows = [row for place, row in enumerate(rows) if place in still]
        return self._corrected(made, rows, draws)

    def _freely(self, config: DecodeConfig) -> DecodeConfig:
        return replace(config, rules="syntax") if self.accepts else config

    def _unfit(self, made: Generated) -> list[int]:
        """Return the rows whose text is no molecule, or is not accepted by the rules of chemistry."""
        rows = enumerate(zip(made.forms, made.ids, strict=True))
        return [
            row
            for row, (form, ids) in rows
            if form is None or (self.accepts is not None and not self.accepts(ids.tolist()[:-1]))
        ]

    def _corrected(self, made: Generated, rows: list[int], draws: Sequence[_Draw]) -> Generated:
        """Return the texts, some rows decoded again under the rules, draw by draw until one is a molecule.

        Where they are those of syntax alone, only the first draw is decoded again: a text that ends under them is kept,
        molecule or not.
        """
        if draws[0].config.rules == "none":
            return made
        draws = draws if self.accepts else draws[:1]
        for one in draws:
            if not rows:
                break
            places = {row: place for place, row in enumerate(one.rows)}
            again = self.write(one.points, one.config, [places[row] for row in rows], one is draws[-1])
            made = made.with_rows(rows, again, range(len(rows)))
            rows = [rows[place] for place, form in enumerate(again.forms) if form is None]
        return made

"""From latent points to texts that may be no molecules: written freely first, then under the rules of chemistry.

The rules look at every token on the host, and refuse none of a text that is a molecule. So each text is written without
them, and only one that is no molecule is written a second time, from the same latent point and the same random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from torch import Tensor

from seqvae.config import DecodeConfig
from seqvae.device import derived_seed
from seqvae.latent.generated import Generated

_AGAIN = 15  # the stream of seeds of later draws


@runtime_checkable
class Write(Protocol):
    """Decodes latent points as the config says; of `rows` alone, if given, as they would be among all."""

    def __call__(self, points: Tensor, config: DecodeConfig, rows: Sequence[int] | None = None) -> Generated:
        """Return a text for each point, or for each of the rows."""


@dataclass(frozen=True)
class _Draw:
    """Latent points of some rows of a whole, and how they were written."""

    rows: list[int]
    points: Tensor
    config: DecodeConfig


def written(points: Tensor, config: DecodeConfig, write: Write) -> Generated:
    """Return the text of each point under the rules that the config names."""
    made = write(points, _freely(config))
    if config.rules != "valence":
        return made
    return _corrected(made, made.invalid(), [_Draw(list(range(len(points))), points, config)], write)


def drawn(count: int, config: DecodeConfig, draw: Callable[[int, int], Tensor], write: Write) -> Generated:
    """Return texts of drawn points, each the first of its draws that is a molecule as it comes.

    Of a text that none of its `tries` draws made a molecule, the first draw stays that is one under the rules of
    chemistry, or else the last.

    Args:
        count: how many texts.
        config: how they are written, and the seed of all.
        draw: returns so many points by a seed.
        write: decodes them.
    """
    freely = _freely(config)
    draws = [_Draw(list(range(count)), draw(count, config.seed), config)]
    made = write(draws[0].points, freely)
    rows = made.invalid()
    for attempt in range(1, config.tries):
        if not rows:
            break
        seed = derived_seed(config.seed, _AGAIN, attempt)
        draws.append(_Draw(rows, draw(len(rows), seed), replace(config, seed=seed)))
        again = write(draws[-1].points, replace(freely, seed=seed))
        still = set(again.invalid())
        fine = [place for place in range(len(rows)) if place not in still]
        made = made.with_rows([rows[place] for place in fine], again, fine)
        made.draws[rows] += 1
        rows = [row for place, row in enumerate(rows) if place in still]
    return _corrected(made, rows, draws, write) if config.rules == "valence" else made


def _freely(config: DecodeConfig) -> DecodeConfig:
    return replace(config, rules="syntax") if config.rules == "valence" else config


def _corrected(made: Generated, rows: list[int], draws: Sequence[_Draw], write: Write) -> Generated:
    """Return the texts with some rows written again under the rules of chemistry, draw by draw until one will do."""
    for one in draws:
        if not rows:
            break
        places = {row: place for place, row in enumerate(one.rows)}
        again = write(one.points, one.config, [places[row] for row in rows])
        made = made.with_rows(rows, again, range(len(rows)))
        rows = [rows[place] for place in again.invalid()]
    return made

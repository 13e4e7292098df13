"""The texts that a search begins with, where its constraints name one: the reference and its neighbours."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from seqvae.config import ConstraintConfig
from seqvae.errors import ConstraintError, SeqVAEWarning
from seqvae.search.domain.domain import Texts

_TRIES = 60  # mutations per text that is wanted


def reference_of(config: ConstraintConfig) -> str:
    """Return the text near which all designs must be: draws from a prior would be of no use; empty: there is none."""
    near = config.projects or config.max_mutations or config.min_similarity > 0.0
    return config.like if near else ""


def around(reference: str, texts: Texts, count: int, seed: int) -> tuple[str, ...]:
    """Return designs that keep the constraints, bred from a reference; itself first, where it keeps them.

    Args:
        reference: a text of this kind.
        texts: the kind with its constraints.
        count: how many are wanted; there may be fewer.
        seed: of all draws.

    Raises:
        ConstraintError: there are none.
    """
    rng, form = np.random.default_rng(seed), texts.canonical(reference)
    found = dict.fromkeys([] if form is None else [form])
    parents = [reference]
    for _ in range(_TRIES * count):
        if len(found) >= count:
            break
        text = texts.moves.mutate(parents[int(rng.integers(len(parents)))], rng)
        form = None if text is None else texts.canonical(text)
        if form is not None and form not in found:
            found[form] = None
            parents = list(found)
        elif form is None and text is not None and not found:
            parents.append(text)  # one step from the reference breaks a rule: some steps may not
    if not found:
        tries = f"{_TRIES * count:,} designs near {reference!r}"
        raise ConstraintError(f"none of {tries} keeps the constraints: loosen them")
    return tuple(found)


def warn_of_others(start: Sequence[str], free: Texts) -> None:
    """Warn of texts to begin with that are none of the search's kind, and will not be used."""
    noun = "molecule" if free.molecular else f"sequence of {free.letters}"
    bad = [row for row, text in enumerate(start) if free.canonical(text) is None]
    if bad and len(bad) < len(start):
        first = start[bad[0]]
        warnings.warn(
            f"{len(bad):,} of {len(start):,} texts to begin with are left out: number {bad[0] + 1}, {first!r}, is no "
            f"{noun}",
            SeqVAEWarning,
            stacklevel=2,
        )

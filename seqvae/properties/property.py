"""Properties: a name, a domain, and a function from texts to numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config.checks import taken
from seqvae.errors import InputError, UsageError
from seqvae.sequences.domain import DOMAINS, LETTERS


@final
@dataclass(frozen=True)
class Property:
    """A numeric property of texts.

    Attributes:
        name: its name for users.
        kind: its domain: `molecules` (SMILES), `dna`, `rna`, `protein`, or `letters`: any text.
        about: one line: its meaning, unit and source.
        compute: returns a number for each text, NaN for a text without a value.
        also: further domains whose texts it accepts.

    Raises:
        UsageError: there is no such domain.
    """

    name: str
    kind: str
    about: str
    compute: Callable[[Sequence[str]], Sequence[float] | NDArray[np.float64]]
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in (self.kind, *self.also):
            if kind not in DOMAINS:
                raise UsageError(f"property {self.name}: expected one of {', '.join(DOMAINS)}, got {kind!r}")

    @property
    def domains(self) -> tuple[str, ...]:
        """The names of the domains whose texts it accepts, its own first; all domains for `letters`."""
        return tuple(DOMAINS) if self.kind == LETTERS else (self.kind, *self.also)

    @property
    def one_by_one(self) -> bool:
        """Whether it makes a separate call for each text, so that batches save nothing."""
        return bool(getattr(self.compute, "one_by_one", False))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return `(batch,)` float64, the value of each text, NaN if it has none.

        Raises:
            InputError: the function returned the wrong number of values.
            UsageError: a single text was given in place of a list of texts.
        """
        if isinstance(texts, str):
            noun = DOMAINS[self.kind].noun
            raise UsageError(f"property {self.name}: expected a list of {noun}s, got the string {texts!r}: give a list")
        texts = taken(f"property {self.name}: texts", texts, Sequence[str])
        values = np.asarray(self.compute(texts), np.float64)
        if values.shape == (len(texts), 1):  # as a model of one output predicts it
            values = values[:, 0]
        if values.shape != (len(texts),):
            raise InputError(f"property {self.name}: expected {len(texts)} numbers, got an array of {values.shape}")
        return values

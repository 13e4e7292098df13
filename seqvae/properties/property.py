"""What a property is: a name, what it is of, and a function from texts to numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError, UsageError
from seqvae.sequences.domain import DOMAINS, LETTERS


@final
@dataclass(frozen=True)
class Property:
    """A number that a text has.

    Attributes:
        name: what users call it.
        kind: the domain that it is of: `molecules` (SMILES), `dna`, `rna`, `protein`, or `letters`: any text.
        about: one line: what it is, its unit, and its source.
        compute: returns a number for each text, NaN where it has none.
        also: further domains whose texts it reads.

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
        """The names of the domains whose texts it reads, its own first; of `letters` all."""
        return tuple(DOMAINS) if self.kind == LETTERS else (self.kind, *self.also)

    @property
    def one_by_one(self) -> bool:
        """Whether its function calls another for each text."""
        return bool(getattr(self.compute, "one_by_one", False))

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return `(batch,)` float64, the number of each text; NaN where it has none.

        Raises:
            InputError: the function returned another number of values.
            UsageError: the texts are one text, whose letters would be taken for texts.
        """
        if isinstance(texts, str):
            raise UsageError(f"property {self.name}: expected a list of texts, got the text {texts!r}: give [text]")
        values = np.asarray(self.compute(texts), np.float64)
        if values.shape != (len(texts),):
            raise InputError(f"property {self.name}: expected {len(texts)} numbers, got an array of {values.shape}")
        return values

"""A family of aligned sequences: its target, and the weight of each row by the number of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.data.files.alignments import matched
from seqvae.sequences.alphabet import GAP
from seqvae.sequences.domain import Domain

_BLOCK = 1 << 24  # letters compared at a time, a byte each


@final
@dataclass(frozen=True)
class Family:
    """What an alignment says of its rows, beside their letters.

    Attributes:
        target: the first row as in the file: insertions in lower case, gaps as `-` or `.`.
        name: of the target.
        columns: match columns, which every row has.
        rows: aligned sequences.
        effective: the sum of their weights.
        identity: above it rows are neighbours.
        dropped: letters of all rows that stand in insertion columns.
    """

    target: str
    name: str
    columns: int
    rows: int
    effective: float
    identity: float
    dropped: int

    def told(self) -> str:
        """Return in one line what was read."""
        letters = [letter for letter in self.target if letter.isalpha()]
        own = sum(letter.islower() for letter in letters)
        return (
            f"{self.rows:,} aligned sequences of {self.columns:,} columns, worth {self.effective:,.1f} at "
            f"{self.identity:.0%} identity; {self.dropped:,} letters in insertion columns are dropped, {own:,} of the "
            f"{len(letters):,} of the target ({self.name or 'first row'})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, as a model's folder keeps it."""
        return asdict(self)


def family_of(aligned: Sequence[str], name: str, weights: NDArray[np.float32], identity: float) -> Family:
    """Describe rows as they stand in a file, the first of which is the target."""
    dropped = sum(letter.islower() for row in aligned for letter in row)
    columns = len(matched(aligned[0]))
    return Family(aligned[0], name, columns, len(aligned), float(weights.sum()), identity, dropped)


def neighbour_weights(rows: Sequence[str], identity: float, domain: Domain) -> NDArray[np.float32]:
    """Return for each aligned row the inverse of the number of its neighbours, itself among them.

    Neighbours have the same letter at more than the share `identity` of the positions where the row has one; gaps and
    ambiguity codes count as no letter. So a clade that was sequenced often weighs no more than one that was not (as in
    DeepSequence: Riesselman et al. 2018, doi:10.1038/s41592-018-0138-4; EVE: Frazer et al. 2021,
    doi:10.1038/s41586-021-04043-8).

    Args:
        rows: match columns of each, all of one length.
        identity: share of equal letters, from 0; from 1 on all rows weigh 1.
        domain: of the letters.
    """
    if identity >= 1 or not rows:
        return np.ones(len(rows), np.float32)
    codes = np.array([np.frombuffer(row.upper().encode("latin-1", "replace"), np.uint8) for row in rows])
    unknown = [ord(letter) for letter in (GAP, *(domain.alphabet.codes if domain.alphabet else ()))]
    known = ~np.isin(codes, unknown)
    needed = identity * known.sum(1)
    counts = np.zeros(len(rows))
    step = max(1, _BLOCK // max(codes.size, 1))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        same = ((codes[part, None] == codes[None]) & known[part, None]).sum(2)
        # Rounding must not make a row of exactly that identity a neighbour; a row without a letter has itself alone.
        counts[part] = np.maximum((same > needed[part, None] + 1e-6).sum(1), 1)
    return (1 / counts).astype(np.float32)

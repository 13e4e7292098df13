"""Motifs of DNA as log-odds matrices: read from JASPAR and MEME files, made from counts, and scanned for in sequences.

Scores are integers in thousandths of a bit, so that the chance of a hit in random DNA is exact and a threshold means
the same on every machine.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqvae.config import suggestion
from seqvae.errors import InputError
from seqvae.sequences.dna import BASES
from seqvae.sequences.integer_codes import Letters, dna_letters

if TYPE_CHECKING:
    from Bio.motifs import Motif as Record

HIT_RATE = 1e-3  # highest chance of a hit at one position of uniform random DNA
_PSEUDO = 0.25  # added to each count: one observation in total, spread evenly
UNIT = 1000  # score units per bit
_BACKGROUND = "Background letter frequencies"
_NEVER = np.int32(-(2**24))  # score of a gap: below any sum that real letters reach
GAPPED = _NEVER // 2  # the score of a window with a gap is below this, that of any other above
UNIFORM = (0.25, 0.25, 0.25, 0.25)  # shares of A, C, G and T


@dataclass(frozen=True)
class Motif:
    """A matrix of log-odds against uniform bases, and the score from which a window is a hit.

    Attributes:
        name: letters, digits and underscores, since it becomes part of a metric's name.
        scores: `(width, 4)`, int32, thousandths of a bit; columns A, C, G, T.
        threshold: lowest score of a hit.
        both_strands: scan for the reverse complement too.
        source: of the matrix.
    """

    name: str
    scores: NDArray[np.int32]
    threshold: int
    both_strands: bool = False
    source: str = ""

    @property
    def width(self) -> int:
        """Length of a window in bases."""
        return len(self.scores)

    @property
    def matrices(self) -> list[NDArray[np.int32]]:
        """The scores of a site on the strand that is given, and on the other one where both are scanned."""
        if not self.both_strands:
            return [self.scores]
        return [self.scores, self.scores[::-1, ::-1]]  # in the order A, C, G, T the complement is the mirror image


def motif(
    name: str, counts: ArrayLike, both_strands: bool = False, source: str = "", hit_rate: float = HIT_RATE
) -> Motif:
    """Make a motif from counts.

    Args:
        name: of the motif.
        counts: `(width, 4)`, how often each position of aligned sites is A, C, G or T.
        both_strands: scan for the reverse complement too.
        source: of the counts.
        hit_rate: highest chance of a hit at one position (and strand) of uniform random DNA; if even the best window
            is more likely, only the best windows are hits.

    Raises:
        InputError: the counts have another shape, or are negative or not finite.
    """
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or table.shape[1] != len(BASES) or not len(table):
        raise InputError(f"motif {name!r}: expected counts of shape (width, 4), got {table.shape}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise InputError(f"motif {name!r}: expected counts from 0 on, got {table.min()} to {table.max()}")
    shares = (table + _PSEUDO) / (table + _PSEUDO).sum(1, keepdims=True)
    scores = np.rint(np.log2(shares * len(BASES)) * UNIT).astype(np.int32)
    plain = "".join(letter if letter.isalnum() else "_" for letter in name.strip()) or "motif"
    return Motif(plain, scores, score_threshold(scores, hit_rate), both_strands, source)


def tail_chances(scores: NDArray[np.int32], background: Sequence[float] = UNIFORM) -> NDArray[np.float64]:
    """Return the chance that a random window reaches each score, from the lowest possible one on.

    The distribution of the sum is exact: it is convolved position by position (Staden 1989,
    doi:10.1093/bioinformatics/5.2.89).

    Args:
        scores: `(width, 4)`, as of `Motif`.
        background: shares of A, C, G and T in random DNA.
    """
    lowest = scores.min(1)
    chances = np.ones(1)  # of each sum, from the lowest possible one on
    for row, low in zip(scores, lowest, strict=True):
        later = np.zeros(len(chances) + int(row.max() - low))
        for score, share in zip(row, background, strict=True):
            start = int(score - low)
            later[start : start + len(chances)] += chances * share
        chances = later
    return np.cumsum(chances[::-1])[::-1]


def score_threshold(scores: NDArray[np.int32], hit_rate: float) -> int:
    """Return the lowest score that uniform random windows reach with at most this chance, capped at the best score."""
    reached = tail_chances(scores)
    # The tiny term tolerates the rounding of sums: 4 of 4,096 windows are not more than 4 / 4,096.
    enough = np.flatnonzero(reached <= hit_rate * (1 + 1e-9))
    best = len(reached) - 1
    return int(scores.min(1).sum()) + int(enough[0] if len(enough) and enough[0] <= best else best)


def hits(found: Letters, wanted: Motif) -> NDArray[np.int64]:
    """Return the number of hits in each sequence, `(sequences,)`, counted on each strand separately.

    A window with an ambiguity code is no hit.
    """
    total = np.zeros(len(found), np.int64)
    for scores in wanted.matrices:
        places = np.flatnonzero(window_scores(found.codes, scores) >= wanted.threshold)
        total += np.bincount(found.rows[places], minlength=len(found))
    return total


def best_scores(found: Letters, wanted: Motif) -> NDArray[np.float64]:
    """Return the score of each sequence's best window in bits, `(sequences,)`: log-odds against uniform bases.

    NaN if there is no window: the sequence is shorter than the motif, or every window has an ambiguity code.
    """
    best = np.full(len(found), _NEVER)
    for scores in wanted.matrices:
        windows = window_scores(found.codes, scores)
        padded = np.append(windows, np.full(len(found.codes) - len(windows), _NEVER))
        best = np.maximum(best, np.maximum.reduceat(padded, found.starts))
    return np.where(best > GAPPED, best / UNIT, np.nan)


def window_scores(codes: NDArray[np.int8], scores: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the score of the window that starts at each code; below `GAPPED` if it has a gap."""
    count = max(len(codes) - len(scores) + 1, 0)
    total = np.zeros(count, np.int32)
    for place, row in enumerate(scores):
        total += np.append(row, _NEVER)[codes[place : place + count]]  # a gap is -1: the last entry
    return total


def count_hits(texts: Sequence[str], wanted: Motif) -> NDArray[np.int64]:
    """Return the number of hits of a motif in each DNA sequence, `(sequences,)`.

    Raises:
        InputError: there is no sequence, one is empty, or one has a letter that is no IUPAC code.

    >>> count_hits(["GGTATAATGG", "CCCCCCCCCC"], PROMOTER_BOXES[0]).tolist()
    [1, 0]
    """
    return hits(dna_letters(texts), wanted)


def read_motifs(path: Path | str, both_strands: bool = True) -> list[Motif]:
    """Read motifs from a JASPAR file (`>` headers) or a MEME file (minimal format).

    Args:
        path: the file.
        both_strands: scan for the reverse complements too.

    Raises:
        InputError: it cannot be read, has neither format, or has no motif.
    """
    return [_motif_of(record, path, both_strands) for record in _records(path)]


def read_motif(path: Path | str, name: str = "", both_strands: bool = True) -> Motif:
    """Read one motif from a file of motifs.

    Args:
        path: as `read_motifs`.
        name: of the motif, or its identifier (`MA0001.1`); may be empty if the file has only one.
        both_strands: scan for the reverse complement too.

    Raises:
        InputError: as `read_motifs`, or the file has no motif of that name, or more than one.
    """
    records = _records(path)
    chosen = [record for record in records if name in ("", *_names(record))]
    if len(chosen) != 1:
        known = suggestion(name, {word for record in records for word in _names(record)})
        raise InputError(f"{path}: expected the name of exactly one of its {len(records)} motifs, got {name!r}{known}")
    return _motif_of(chosen[0], path, both_strands)


def _names(record: Record) -> list[str]:
    return [word for word in (record.name, getattr(record, "matrix_id", None)) if word]


def _motif_of(record: Record, path: Path | str, both_strands: bool) -> Motif:
    counts = np.stack([np.asarray(record.counts[base], np.float64) for base in BASES], axis=1)
    return motif((_names(record) or ["motif"])[0], counts, both_strands, str(Path(path).name))


def _records(path: Path | str) -> list[Record]:
    from Bio import motifs  # takes a while to import

    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise InputError(f"{path}: cannot read motifs: {reason}") from error
    form = "jaspar" if text.lstrip().startswith(">") else "minimal"
    if form == "minimal" and _BACKGROUND not in text:  # MEME may leave it out, its parser here may not
        text = text.replace("MOTIF", f"{_BACKGROUND}\nA 0.25 C 0.25 G 0.25 T 0.25\n\nMOTIF", 1)
    try:
        records = list(motifs.parse(io.StringIO(text), form))
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # what the parsers raise on bad files
        raise InputError(
            f"{path}: expected motifs in JASPAR or minimal MEME format, could not read them: {str(error)[:200]}"
        ) from error
    if not records:
        raise InputError(f"{path}: has no motif; give a file in JASPAR or minimal MEME format")
    return records


_HAWLEY = "Hawley & McClure 1983, doi:10.1093/nar/11.8.2237: counts of 112 aligned promoters"
# Rows are positions of the hexamer, columns A, C, G, T.
_MINUS_10 = [[2, 10, 11, 89], [106, 2, 1, 3], [29, 16, 18, 49], [66, 14, 17, 15], [57, 22, 14, 19], [1, 3, 0, 108]]
_MINUS_35 = [[2, 7, 11, 92], [6, 6, 6, 94], [2, 11, 88, 11], [72, 18, 3, 19], [26, 60, 11, 15], [50, 8, 17, 37]]

PROMOTER_BOXES = (motif("minus_10", _MINUS_10, source=_HAWLEY), motif("minus_35", _MINUS_35, source=_HAWLEY))
"""The -10 (TATAAT) and -35 (TTGACA) boxes of E. coli's sigma-70 promoters, on the strand that is transcribed."""

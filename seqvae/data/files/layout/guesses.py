"""What some cells of a file hold: molecules, nucleotides, proteins, or nothing of the kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from seqvae.data.files.records import MISSING_TEXTS

MOLECULES, NUCLEOTIDES, PROTEINS = "molecules", "nucleotides", "proteins"
_LOOKED_AT = 50  # cells
_LONGEST = 2000  # letters of a cell that are looked at
_NUMBER = re.compile(r"[<>~=]*[-+]?\d[\d.,]*(?:[eE][-+]?\d+)?%?")
_RESIDUES = "ACDEFGHIKLMNPQRSTVWYX*-"
_LEAST = {MOLECULES: 2.5, NUCLEOTIDES: 6, PROTEINS: 10}  # mean letters where other columns stand beside
_SELFIES = re.compile(r"(?:\[[^\[\]]+\]|\.)+")
_SYMBOLS = re.compile(r"(?:\[[^\[\]]+\]|Cl|Br|[BCNOPSFIbcnops]|[-=#$:/\\.()]|%?\d)+")
_SHAPE = re.compile(r"[\[(=#@/\\]|[A-Za-z]\d.*[A-Za-z]\d")  # what a SMILES has and a word has not


def kind_of_cells(cells: Sequence[str], alone: bool = False) -> str:
    """Return what most of the cells hold, "" for anything else.

    Args:
        cells: as read; missing ones do not count.
        alone: they are the only column, so that short ones count too.
    """
    kept = [cell.strip()[:_LONGEST] for cell in cells if cell.strip().lower() not in MISSING_TEXTS][:_LOOKED_AT]
    if not kept or 2 * sum(map(is_number, kept)) > len(kept):
        return ""
    least = sum(map(len, kept)) / len(kept) if not alone else 1e9
    letters = Counter("".join(kept).upper())
    total = letters.total()
    own = sum(letters[letter] for letter in "ACGTUN")
    iupac = own + sum(letters[letter] for letter in "RYSWKMBDHV-")
    if own >= 0.75 * total and iupac >= 0.95 * total and least >= _LEAST[NUCLEOTIDES]:
        return MOLECULES if own == letters["C"] + letters["N"] else NUCLEOTIDES
    if least >= _LEAST[MOLECULES]:
        from seqvae.sequences.molecules import is_valid  # RDKit: only for cells that may be molecules

        plain = [cell.partition(" |")[0] for cell in kept]  # without the extension of a CXSMILES
        looks = [cell for cell in plain if _SYMBOLS.fullmatch(cell)]
        if 2 * len(looks) > len(kept) and 2 * sum(map(is_valid, looks)) > len(kept):
            return MOLECULES
    residues = sum(letters[letter] for letter in _RESIDUES)
    upper = sum(cell.isupper() for cell in kept)
    if residues >= 0.98 * total and upper >= 0.9 * len(kept) and least >= _LEAST[PROTEINS]:
        return PROTEINS
    return ""


def is_number(cell: str) -> bool:
    """Return whether a cell holds a number, perhaps censored or with a decimal comma."""
    return bool(_NUMBER.fullmatch(cell.strip()))


def is_like(cell: str, kind: str, others: Sequence[str]) -> bool:
    """Return whether a cell of the first line is of the kind of those below it, rather than their title."""
    cell = cell.strip()
    if not cell:
        return False
    if kind == MOLECULES:
        from seqvae.sequences.molecules import is_valid

        word = cell.partition(" |")[0]
        if not _SYMBOLS.fullmatch(word):
            return False
        return is_valid(word) or bool(_SHAPE.search(word))  # also a record that is wrong is no title
    letters = Counter(cell.upper())
    own = sum(letters[letter] for letter in ("ACGTUNRYSWKMBDHV-" if kind == NUCLEOTIDES else _RESIDUES))
    sample = [other.strip() for other in others[:_LOOKED_AT] if other.strip()]
    same_case = not sample or cell.isupper() == (2 * sum(other.isupper() for other in sample) > len(sample))
    return own >= 0.9 * letters.total() and same_case


def are_selfies(cells: Sequence[str]) -> bool:
    """Return whether most cells are SELFIES."""
    kept = [cell.strip() for cell in cells if cell.strip()][:_LOOKED_AT]
    if 2 * sum(bool(_SELFIES.fullmatch(cell)) for cell in kept) <= len(kept):
        return False
    from seqvae.sequences.molecules import written_in_selfies

    return written_in_selfies(kept)

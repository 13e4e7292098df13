"""The DNA alphabet: bases, IUPAC ambiguity codes as sets of allowed bases, complements.

The codes are those of Cornish-Bowden, "Nomenclature for incompletely specified bases in nucleic acid sequences",
Nucleic Acids Research 13 (1985) 3021, doi:10.1093/nar/13.9.3021.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from seqvae.errors import InvalidSequenceError

BASES: str = "ACGT"
GAP: str = "-"

# Two bases, then three, then all four: an order that never changes, because token ids follow it.
AMBIGUITY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "R": frozenset("AG"),
        "Y": frozenset("CT"),
        "S": frozenset("CG"),
        "W": frozenset("AT"),
        "K": frozenset("GT"),
        "M": frozenset("AC"),
        "B": frozenset("CGT"),
        "D": frozenset("AGT"),
        "H": frozenset("ACT"),
        "V": frozenset("ACG"),
        "N": frozenset("ACGT"),
    }
)
"""The 11 ambiguity codes, each with the bases it allows."""

IUPAC: Mapping[str, frozenset[str]] = MappingProxyType({base: frozenset(base) for base in BASES} | dict(AMBIGUITY))
"""All 15 codes: the four bases (each allows itself) and the ambiguity codes."""

_CODE_OF = {allowed: code for code, allowed in IUPAC.items()}
_BASE_COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def code_of(bases: Iterable[str]) -> str:
    """The IUPAC code that allows exactly the given bases.

    Raises:
        InvalidSequenceError: no base is given, or something else than A, C, G, T.

    >>> code_of("GA")
    'R'
    """
    allowed = frozenset(bases)
    if allowed not in _CODE_OF:
        raise InvalidSequenceError(f"expected a set of one to four of the bases A, C, G, T, got {sorted(allowed)}")
    return _CODE_OF[allowed]


def _complement_table() -> dict[int, str]:
    pairs = {code: code_of(_BASE_COMPLEMENT[base] for base in allowed) for code, allowed in IUPAC.items()}
    pairs[GAP] = GAP
    return str.maketrans(pairs | {code.lower(): other.lower() for code, other in pairs.items()})


_COMPLEMENT = _complement_table()
_NOT_COMPLEMENTED = re.compile(f"[^{''.join(map(chr, _COMPLEMENT)).replace(GAP, '')}{GAP}]")
# Over ASCII alone: str.upper() would turn some other characters into bases ("ſ" into "S").
_UPPER = str.maketrans(string.ascii_lowercase + "U", string.ascii_uppercase.replace("U", "T") + "T")
_NOT_DNA = re.compile(f"[^{''.join(IUPAC)}{GAP}]")


def _refuse(text: str, column: int) -> InvalidSequenceError:
    return InvalidSequenceError(
        f"expected DNA (A, C, G, T or an IUPAC code {', '.join(AMBIGUITY)}), "
        f"got {text[column - 1]!r} at column {column} of {text!r}: correct the text or leave it out"
    )


def complement(text: str) -> str:
    """The complementary strand, base by base and in the same order; case is kept and a gap stays a gap.

    A code becomes the code of its bases' complements (R, that is A or G, becomes Y, that is T or C).

    Raises:
        InvalidSequenceError: a character is no IUPAC code of DNA. U is one of those: `normalize_dna` makes it T first.

    >>> complement("ACGTRn-")
    'TGCAYn-'
    """
    bad = _NOT_COMPLEMENTED.search(text)
    if bad:
        raise _refuse(text, bad.start() + 1)
    return text.translate(_COMPLEMENT)


def reverse_complement(text: str) -> str:
    """The complementary strand read in its own direction; applied twice it gives the text back.

    Raises:
        InvalidSequenceError: as `complement`.

    >>> reverse_complement("AACGN")
    'NCGTT'
    """
    return complement(text)[::-1]


def normalize_dna(text: str, *, allow_gap: bool = False) -> str:
    """A DNA text in canonical form: upper case, U written as T, blanks at the ends taken off.

    Args:
        text: bases and IUPAC codes, in any case; RNA is read as DNA.
        allow_gap: accept the gap `-` too.

    Raises:
        InvalidSequenceError: the text is empty, holds another character, or a gap that is not allowed; with its column.

    >>> normalize_dna("acguN")
    'ACGTN'
    """
    found = text.strip()
    sequence = found.translate(_UPPER)
    if not sequence:
        raise InvalidSequenceError(f"expected at least one base, got the empty text {text!r}: leave it out")
    bad = _NOT_DNA.search(sequence)
    if bad:
        raise _refuse(found, bad.start() + 1)
    if not allow_gap and GAP in sequence:
        raise InvalidSequenceError(
            f"gap '-' at column {sequence.index(GAP) + 1} of {found!r}: "
            "gaps are refused; remove them, or make the tokenizer with allow_gap=True"
        )
    return sequence


def dna_or_none(text: str, *, allow_gap: bool = False) -> str | None:
    """A DNA text in canonical form, as `normalize_dna` gives it; None for a text that it refuses."""
    try:
        return normalize_dna(text, allow_gap=allow_gap)
    except InvalidSequenceError:
        return None

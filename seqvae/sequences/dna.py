"""The alphabets of DNA and RNA: bases, IUPAC ambiguity codes as sets of allowed bases, complements.

The codes are those of Cornish-Bowden, "Nomenclature for incompletely specified bases in nucleic acid sequences",
Nucleic Acids Research 13 (1985) 3021, doi:10.1093/nar/13.9.3021.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from seqvae.errors import InvalidSequenceError
from seqvae.sequences.alphabet import Alphabet

BASES: str = "ACGT"

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
        InvalidSequenceError: no base is given, or anything other than A, C, G, T.

    >>> code_of("GA")
    'R'
    """
    allowed = frozenset(bases)
    if allowed not in _CODE_OF:
        raise InvalidSequenceError(f"expected a set of one to four of the bases A, C, G, T, got {sorted(allowed)}")
    return _CODE_OF[allowed]


# The complement of a code is the code of its bases' complements: R (A or G) becomes Y (T or C).
_COMPLEMENTS = {code: code_of(_BASE_COMPLEMENT[base] for base in allowed) for code, allowed in IUPAC.items()}

DNA_ALPHABET = Alphabet("DNA", BASES, AMBIGUITY, "base", {"U": "T"}, _COMPLEMENTS)
"""DNA. RNA is read as DNA: `normalize` gives "ACGTN" for "acguN"; `complement` accepts canonical forms only."""


def _as_rna(text: str) -> str:
    return text.replace("T", "U")


RNA_ALPHABET = Alphabet(
    "RNA",
    _as_rna(BASES),
    MappingProxyType({code: frozenset(map(_as_rna, allowed)) for code, allowed in AMBIGUITY.items()}),
    "base",
    {"T": "U"},
    {_as_rna(code): _as_rna(other) for code, other in _COMPLEMENTS.items()},
)
"""RNA: like DNA, with U in place of T."""


def normalize_dna(text: str, *, allow_gap: bool = False) -> str:
    """A DNA sequence in canonical form, as `DNA_ALPHABET.normalize` gives it.

    >>> normalize_dna("acguN")
    'ACGTN'
    """
    return DNA_ALPHABET.normalize(text, allow_gap=allow_gap)


def complement(text: str) -> str:
    """The complementary strand of DNA, as `DNA_ALPHABET.complement` gives it.

    >>> complement("ACGTRn-")
    'TGCAYn-'
    """
    return DNA_ALPHABET.complement(text)


def reverse_complement(text: str) -> str:
    """The reverse complement of DNA, as `DNA_ALPHABET.reverse_complement` gives it.

    >>> reverse_complement("AACGN")
    'NCGTT'
    """
    return DNA_ALPHABET.reverse_complement(text)

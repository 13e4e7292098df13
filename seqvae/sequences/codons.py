"""Coding sequences: the 64 codons, the amino acids that they stand for, and reading frames."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from types import MappingProxyType

from seqvae.errors import InvalidSequenceError, quoted
from seqvae.sequences.dna import BASES, normalize_dna

CODONS: tuple[str, ...] = tuple(map("".join, product(BASES, repeat=3)))
"""All codons, in an order that never changes, because token ids follow it."""

STOP = "*"


@cache
def genetic_code() -> Mapping[str, str]:
    """Return the amino acid of each codon, `*` of the three stops: the standard code (table 1 of NCBI, by Biopython).

    Table 11, of bacteria, differs in start codons alone.

    >>> genetic_code()["ATG"], genetic_code()["TAA"]
    ('M', '*')
    """
    from Bio.Data.CodonTable import unambiguous_dna_by_id  # takes a while to import

    table = unambiguous_dna_by_id[1]
    return MappingProxyType({codon: table.forward_table.get(codon, STOP) for codon in CODONS})


@cache
def synonyms() -> Mapping[str, tuple[str, ...]]:
    """Return the other codons of the same amino acid, of each codon; those of a stop are the other stops.

    >>> synonyms()["TTT"], synonyms()["ATG"]
    (('TTC',), ())
    """
    code = genetic_code()
    return MappingProxyType(
        {codon: tuple(one for one in CODONS if one != codon and code[one] == code[codon]) for codon in CODONS}
    )


def effect_of(codon: str, other: str) -> str:
    """Return what one codon in place of another does: `synonymous`, `missense`, `nonsense` or `stop lost`.

    >>> [effect_of(*pair) for pair in (("TTT", "TTC"), ("TTT", "TTA"), ("TGG", "TGA"), ("TGA", "TGG"))]
    ['synonymous', 'missense', 'nonsense', 'stop lost']
    """
    before, after = genetic_code()[codon], genetic_code()[other]
    if before == after:
        return "synonymous"
    return "nonsense" if after == STOP else "stop lost" if before == STOP else "missense"


def split_codons(sequence: str) -> list[str]:
    """Return a sequence in pieces of three bases, from its first base on; the last may be shorter."""
    return [sequence[place : place + 3] for place in range(0, len(sequence), 3)]


def normalize_coding(text: str) -> str:
    """Return a coding sequence in canonical form: upper case, T for U.

    It begins in frame, with whatever codon, and may end with a stop.

    Raises:
        InvalidSequenceError: it is no DNA, has ambiguity codes, is no whole number of codons, or has a stop before its
            end; the message gives the place.

    >>> normalize_coding("auggcuuaa")
    'ATGGCTTAA'
    """
    sequence = normalize_dna(text)
    bad = next((place for place, base in enumerate(sequence) if base not in BASES), None)
    if bad is not None:
        raise InvalidSequenceError(
            f"expected codons of A, C, G and T, got {sequence[bad]!r} at column {bad + 1} of {quoted(text)}: "
            "leave it out"
        )
    if len(sequence) % 3:
        raise InvalidSequenceError(
            f"expected whole codons, got {len(sequence):,} bases, which is no multiple of 3, in {quoted(text)}: is it "
            "a coding sequence, from its first codon on?"
        )
    codons, code = split_codons(sequence), genetic_code()
    stops = [place for place, codon in enumerate(codons[:-1], 1) if code[codon] == STOP]
    if stops:
        raise InvalidSequenceError(
            f"expected no stop before the last codon, got {codons[stops[0] - 1]} as codon {stops[0]:,} of "
            f"{len(codons):,} in {quoted(text)}: is it in frame?"
        )
    return sequence


def translate(sequence: str) -> str:
    """Return the amino acids of a coding sequence in canonical form, `*` for a stop.

    >>> translate("ATGGCTTAA")
    'MA*'
    """
    code = genetic_code()
    return "".join(code[codon] for codon in split_codons(sequence))

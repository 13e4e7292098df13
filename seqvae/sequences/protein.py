"""The alphabet of proteins: the twenty amino acids and IUPAC's ambiguity codes.

The letters are those of IUPAC-IUB, "A one-letter notation for amino acid sequences", European Journal of Biochemistry 5
(1968) 151, doi:10.1111/j.1432-1033.1968.tb00350.x, with J (leucine or isoleucine) as the databases added it.
"""

from __future__ import annotations

from types import MappingProxyType

from seqvae.sequences.alphabet import Alphabet

AMINO_ACIDS: str = "ACDEFGHIKLMNPQRSTVWY"

PROTEIN_ALPHABET = Alphabet(
    "protein",
    AMINO_ACIDS,
    MappingProxyType(
        {"B": frozenset("DN"), "Z": frozenset("EQ"), "J": frozenset("IL"), "X": frozenset(AMINO_ACIDS)},
    ),
    "residue",
    # Selenocysteine and pyrrolysine are not among the twenty and too rare to be learned: they become unknown residues.
    {"U": "X", "O": "X"},
    end="*",  # a translation's stop
)
"""Proteins: `normalize` gives "MKXL" for "mkul*"; a stop inside a sequence is refused."""

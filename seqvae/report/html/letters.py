"""The letters of sequences on a page: colours, and shapes, so that their heights do not depend on a font."""

from __future__ import annotations

from collections.abc import Sequence

# Each letter fills the box from (0, 0) to (100, 100). Holes are drawn in the opposite direction.
SHAPES = {
    "A": "M0 100 38 0H62L100 100H80L72 78H28L20 100ZM34 61H66L50 17Z",
    "C": "M94 26A50 50 0 1 0 94 74L75 68A31 33 0 1 1 75 32Z",
    "D": "M8 0H50A42 50 0 0 1 50 100H8ZM28 17V83H48A25 33 0 0 0 48 17Z",
    "E": "M8 0H96V17H28V41H86V58H28V83H96V100H8Z",
    "F": "M8 0H96V17H28V43H86V60H28V100H8Z",
    "G": "M94 26A50 50 0 1 0 94 78V47H54V61H75V68A31 33 0 1 1 75 32Z",
    "H": "M6 0H26V41H74V0H94V100H74V58H26V100H6Z",
    "I": "M40 0H60V100H40Z",
    "K": "M8 0H28V40L70 0H96L48 46L98 100H72L34 60L28 66V100H8Z",
    "L": "M10 0H30V83H94V100H10Z",
    "M": "M4 0H24L50 50L76 0H96V100H78V32L50 84L22 32V100H4Z",
    "N": "M8 0H28L74 70V0H92V100H72L26 30V100H8Z",
    "P": "M8 0H56A36 29 0 0 1 56 58H28V100H8ZM28 16V42H54A18 13 0 0 0 54 16Z",
    "Q": "M50 0A50 50 0 1 1 50 100A50 50 0 1 1 50 0ZM50 17A31 33 0 1 0 50 83A31 33 0 1 0 50 17ZM58 60H80L100 100H78Z",
    "R": "M8 0H56A36 29 0 0 1 56 58H28V100H8ZM28 16V42H54A18 13 0 0 0 54 16ZM40 56H62L98 100H74Z",
    "S": "M92 27A43 28 0 0 0 6 28C6 48 24 54 46 58C66 61 74 64 74 72C74 80 64 84 50 84C36 84 28 79 25 70L5 73"
    "C8 91 26 100 50 100C78 100 95 89 95 71C95 52 78 46 54 42C36 39 27 36 27 29C27 21 37 16 50 16C62 16 69 20 72 29Z",
    "T": "M0 0H100V17H60V100H40V17H0Z",
    "U": "M6 0H26V62A24 22 0 0 0 74 62V0H94V62A44 38 0 0 1 6 62Z",
    "V": "M0 0H22L50 78L78 0H100L61 100H39Z",
    "W": "M0 0H19L31 70L42 0H58L69 70L81 0H100L80 100H60L50 38L40 100H20Z",
    "Y": "M0 0H23L50 42L77 0H100L60 60V100H40V60Z",
}
# The style's colours by class. Residues as in WebLogo: polar, basic, acidic, hydrophobic.
COLOURS = {"a": "var(--green)", "c": "var(--blue)", "g": "var(--orange)", "t": "var(--red)"}
_BASES = {"A": "a", "C": "c", "G": "g", "T": "t", "U": "t"}
_RESIDUES = {
    letter: shown
    for letters, shown in (("GSTYCQN", "a"), ("KRH", "c"), ("AVLIPWFM", "g"), ("DE", "t"))
    for letter in letters
}
CLASSES = {"base": _BASES, "residue": _RESIDUES}
"""The class of each letter, by what the letters are: bases or residues."""


def drawable(letters: Sequence[str]) -> bool:
    """Return whether a logo of these letters can be drawn; of codons none can."""
    return all(letter in SHAPES and letter in classes_of(letters) for letter in letters)


def classes_of(letters: Sequence[str]) -> dict[str, str]:
    """Return the class of each letter of an alphabet."""
    return _BASES if set(letters) <= _BASES.keys() else _RESIDUES

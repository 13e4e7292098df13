"""How alike two texts are: Tanimoto similarity of molecules, edit distance of sequences."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein
from rdkit import Chem, rdBase

from seqvae.properties.molecules.fingerprints import morgan_bits, tanimoto

Pair = tuple[str, str]


def similarities(pairs: Sequence[Pair], molecular: bool) -> list[float]:
    """Return the similarity of the two texts of each pair, 0 to 1; 0 if one is invalid or empty.

    Args:
        pairs: texts.
        molecular: Tanimoto similarity of Morgan fingerprints (radius 2, 2,048 bits, which ignore stereo; Rogers & Hahn
            2010, doi:10.1021/ci100050t); otherwise 1 - edit distance / length of the longer text.
    """
    if not molecular:
        return [1 - edit_distance(a, b) / max(len(a), len(b)) if a and b else 0.0 for a, b in pairs]
    molecules = {text: _molecule(text) for text in {text for pair in pairs for text in pair}}
    bits = {text: None if found is None else morgan_bits(found, 2048) for text, found in molecules.items()}
    return [0.0 if bits[a] is None or bits[b] is None else tanimoto(bits[a], bits[b]) for a, b in pairs]


def edit_distance(left: str, right: str) -> int:
    """Return the fewest insertions, deletions and substitutions of one character that turn one text into the other.

    >>> edit_distance("GATTACA", "GCATACA")
    2
    """
    return Levenshtein.distance(left, right)


def differs_in_stereo_only(left: str, right: str) -> bool:
    """Return whether two molecules differ, and only in stereo."""
    first, second = _molecule(left), _molecule(right)
    if first is None or second is None or Chem.MolToSmiles(first) == Chem.MolToSmiles(second):
        return False
    Chem.RemoveStereochemistry(first)
    Chem.RemoveStereochemistry(second)
    return bool(Chem.MolToSmiles(first) == Chem.MolToSmiles(second))


def _molecule(smiles: str) -> Chem.Mol | None:
    with rdBase.BlockLogs():  # an invalid text shows in its similarity
        molecule = Chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() > 0 else None

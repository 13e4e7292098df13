"""Similarity of texts: of molecules by fingerprints, of sequences by edit distance."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein
from rdkit import DataStructs

from seqvae.properties.molecules.cache import Sheets

FINGERPRINT = "ecfp4"  # 2,048 bits


def similarities(forms: Sequence[str], known: Sequence[str], sheets: Sheets | None) -> list[Sequence[float]]:
    """Return the similarity of each text to each known one, a row per text, from 0 to 1.

    Args:
        forms: canonical SMILES, or sequences.
        known: the same.
        sheets: where molecules are parsed; None: the texts are sequences.

    Returns:
        Of molecules the Tanimoto similarity by ECFP4, 2,048 bits; of sequences 1 - edit distance / length.
    """
    if sheets is None:
        return [[Levenshtein.normalized_similarity(new, old) for old in known] for new in forms]
    new, old = ([sheets.known(text).fingerprint(FINGERPRINT) for text in texts] for texts in (forms, known))
    return [DataStructs.BulkTanimotoSimilarity(one, old) for one in new]

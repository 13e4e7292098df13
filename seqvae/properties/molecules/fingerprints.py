"""Fingerprints for similarity to a target molecule: the usual bit vectors, or, by names of their own, counts.

Folded bits map different substructures to the same bit, which changes similarities by some hundredths; unfolded counts,
which GuacaMol's tasks take, are `ecfp4-counts` and the like.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator as generators

ECFP4_BITS = 2048  # the usual length of a folded fingerprint
_AP_DISTANCE = 10  # most bonds between the atoms of a pair, as in GuacaMol
Fingerprint = Any  # RDKit has no common base class for its vectors

# The users' name of each kind, and its description.
KINDS = {
    "ecfp4": f"Morgan fingerprint of radius 2, {ECFP4_BITS:,} bits",
    "ecfp6": f"Morgan fingerprint of radius 3, {ECFP4_BITS:,} bits",
    "fcfp4": f"Morgan fingerprint of pharmacophoric features, radius 2, {ECFP4_BITS:,} bits",
    "ecfp4-counts": "Morgan fingerprint of radius 2, unfolded counts",
    "ecfp6-counts": "Morgan fingerprint of radius 3, unfolded counts",
    "fcfp4-counts": "Morgan fingerprint of pharmacophoric features, radius 2, unfolded counts",
    "ap": f"pairs of atoms at most {_AP_DISTANCE} bonds apart, unfolded counts",
    "phco": "pairs and triples of pharmacophoric features (Gobbi and Poppinger), present or not",
}


def fingerprint(molecule: Chem.Mol, kind: str) -> Fingerprint:
    """Return a fingerprint.

    ECFP and FCFP: Rogers & Hahn 2010, doi:10.1021/ci100050t. Atom pairs: Carhart et al. 1985, doi:10.1021/ci00046a002.
    Pharmacophores: `pharmacophores.py`.

    Args:
        molecule: of at least one atom.
        kind: one of `KINDS`.

    Returns:
        Bits; sparse counts where the kind is of counts; for `phco` sparse bits.
    """
    return _maker(kind)(molecule)


def morgan_bits(molecule: Chem.Mol, bits: int, chirality: bool = False) -> DataStructs.ExplicitBitVect:
    """Return a Morgan fingerprint of radius 2, folded to `bits` bits (Rogers & Hahn 2010, doi:10.1021/ci100050t).

    Args:
        molecule: of at least one atom.
        bits: length of the fingerprint.
        chirality: whether it tells stereoisomers apart.
    """
    generator = generators.GetMorganGenerator(radius=2, fpSize=bits, includeChirality=chirality)
    return generator.GetFingerprint(molecule)


def tanimoto(first: Fingerprint, second: Fingerprint) -> float:
    """Return the Tanimoto similarity of two fingerprints of the same kind, 0 to 1.

    It is the sum of the smaller counts over the sum of the larger ones; for bits, shared ones over all.
    """
    return float(DataStructs.TanimotoSimilarity(first, second))


@functools.cache
def _maker(kind: str) -> Callable[[Chem.Mol], Fingerprint]:
    if kind == "phco":
        # Imported here because it reads feature definitions, which only this kind needs.
        from seqvae.properties.molecules.pharmacophores import pharmacophores

        return pharmacophores
    if kind == "ap":
        return generators.GetAtomPairGenerator(maxDistance=_AP_DISTANCE).GetSparseCountFingerprint
    plain, _, counts = kind.partition("-")
    features = {"atomInvariantsGenerator": generators.GetMorganFeatureAtomInvGen()} if plain == "fcfp4" else {}
    made = generators.GetMorganGenerator(radius=3 if plain == "ecfp6" else 2, fpSize=ECFP4_BITS, **features)
    return made.GetSparseCountFingerprint if counts else made.GetFingerprint

"""Pharmacophoric fingerprints: RDKit's bits, computed by array operations.

RDKit loops over all triples of features in Python: a few milliseconds for a drug, but many seconds for a long chain of
carbon atoms, which an optimiser may propose.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem.Pharm2D import Gobbi_Pharm2D

_NEAREST, _FAR, _NEVER = 2, 8, 100  # bonds: nothing below, one bin from `_FAR` on, nothing from `_NEVER` on
_FEW = 48  # up to so many features, all triples (17,296) are held at once
_DIGIT = 16  # base of the keys, over the number of families (8) and of the largest bin (8)


def pharmacophores(molecule: Chem.Mol) -> DataStructs.SparseBitVect:
    """Return the pairs and triples of pharmacophoric features with the bonds between them, 39,972 bits.

    The bits are those of RDKit's `Gen2DFingerprint` with its `Gobbi_Pharm2D.factory`: Gobbi & Poppinger 1998,
    doi:10.1002/(SICI)1097-0290(199824)61:1<47::AID-BIT9>3.0.CO;2-Z.
    """
    found = [(family, atom) for family, query in _queries() for (atom,) in molecule.GetSubstructMatches(query)]
    families, atoms = np.array(found, np.int64).reshape(-1, 2).T  # families in ascending order
    distances = Chem.GetDistanceMatrix(molecule)[np.ix_(atoms, atoms)]
    counts = (distances >= _NEAREST) & (distances < _NEVER)
    bins = np.where(counts, np.minimum(distances, _FAR), 0).astype(np.int64)  # 0: no distance that counts
    first, second = np.nonzero(np.triu(bins))
    keys = [_key(families[first], families[second], bins[first, second]), *_triples(families, bins)]
    bits = Gobbi_Pharm2D.factory.GetSignature()
    bits.SetBitsFromList([_bit(key) for key in np.unique(np.concatenate(keys)).tolist()])
    return bits


Numbers = NDArray[np.int64]


@functools.cache
def _queries() -> list[tuple[int, Chem.Mol]]:
    """Return each family's number and its pattern, which matches one atom."""
    factory: Any = Gobbi_Pharm2D.factory
    numbers = {name: number for number, name in enumerate(factory.GetFeatFamilies())}
    patterns = factory.featFactory.GetFeatureDefs().items()  # "family.type" and SMARTS, one per family
    return sorted((numbers[name.partition(".")[0]], Chem.MolFromSmarts(smarts)) for name, smarts in patterns)


def _triples(families: Numbers, bins: Numbers) -> Iterator[Numbers]:
    """Yield the keys of the triples, in chunks; features of one family are interchangeable."""
    for i, j, k in _all_triples(len(families)):
        a, b, c = bins[i, j], bins[i, k], bins[j, k]
        counts = (a > 0) & (b > 0) & (c > 0)
        i, j, k, a, b, c = (row[counts] for row in (i, j, k, a, b, c))
        same_ij, same_jk = families[i] == families[j], families[j] == families[k]
        b, c = _falling(b, c, same_ij)
        a, b = _falling(a, b, same_jk)
        b, c = _falling(b, c, same_ij)
        yield _key(families[i], families[j], families[k], a, b, c)


def _all_triples(count: int) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
    """Yield all i < j < k below a number: at once, or if these would be too many, one i at a time."""
    if count <= _FEW:
        yield _few_triples(count)
        return
    for i in range(count):
        j, k = (i + 1 + row for row in np.triu_indices(count - i - 1, 1))
        yield np.full_like(j, i), j, k


@functools.cache  # for at most `_FEW` numbers, 5 MB in all
def _few_triples(count: int) -> tuple[Numbers, Numbers, Numbers]:
    rows = np.array(list(combinations(range(count), 3)), np.int64).reshape(-1, 3)
    i, j, k = rows.T.copy()
    return i, j, k


def _falling(first: Numbers, second: Numbers, where: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Put the larger of two first, at the places of a mask."""
    swap = where & (first < second)
    return np.where(swap, second, first), np.where(swap, first, second)


def _key(*digits: Numbers) -> Numbers:
    """Return one number for each row of families and bins; a triple's is always larger than a pair's."""
    key = np.full_like(digits[0], 1)
    for digit in digits:
        key = key * _DIGIT + digit
    return key


@functools.cache  # at most 39,972 entries
def _bit(key: int) -> int:
    digits: list[int] = []
    while key > 1:
        key, digit = divmod(key, _DIGIT)
        digits.insert(0, digit)
    points = 2 if len(digits) == 3 else 3
    return int(Gobbi_Pharm2D.factory.GetBitIdx(digits[:points], digits[points:], sortIndices=False))

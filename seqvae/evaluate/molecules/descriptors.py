"""What the metrics need to know about single molecules: canonical forms, fingerprints, fragments, properties.

Works on plain lists, without torch, because it also runs in worker processes (`parallel.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import QED, Descriptors

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.molecules.filters import passes_filters
from seqvae.evaluate.molecules.fragments import brics_fragments, ring_scaffold
from seqvae.evaluate.molecules.oddities import ODDITIES, oddities
from seqvae.properties.molecules.fingerprints import morgan_bits
from seqvae.properties.molecules.ring_systems import ring_systems
from seqvae.properties.molecules.sa_score import sa_score
from seqvae.sequences.molecules import canonical_or_none

Column = list[Any] | NDArray[Any]

# Those that GuacaMol compares the distributions of; the first four are continuous.
DESCRIPTORS = (
    "BertzCT",
    "MolLogP",
    "MolWt",
    "TPSA",
    "NumHAcceptors",
    "NumHDonors",
    "NumRotatableBonds",
    "NumAliphaticRings",
    "NumAromaticRings",
)
_DESCRIPTORS: dict[str, Callable[[Chem.Mol], float]] = dict(Descriptors.descList)
# By MOSES' names; the weight in g/mol.
PROPERTIES = {"logP": _DESCRIPTORS["MolLogP"], "SA": sa_score, "QED": QED.qed, "weight": _DESCRIPTORS["MolWt"]}
FINGERPRINT_BITS = 1024  # MOSES'; radius 2
LONG_BITS = 4096  # GuacaMol's; radius 2


def canonical_forms(text: str) -> list[str]:
    """Return the canonical SMILES with and without stereo; nothing for a text that is not a molecule.

    Without stereo also means without isotopes, as in RDKit and GuacaMol.

    >>> canonical_forms("C[C@H](F)O"), canonical_forms("C(")
    (['C[C@@H](O)F', 'CC(O)F'], [])
    """
    smiles = canonical_or_none(text)
    if smiles is None:
        return []
    if not any(mark in smiles for mark in "@/\\[:"):
        return [smiles, smiles]
    with rdBase.BlockLogs():
        flat = Chem.MolToSmiles(Chem.MolFromSmiles(smiles), isomericSmiles=False)
    return [smiles, canonical_or_none(flat) or flat]


def _packed(molecule: Chem.Mol, bits: int, chirality: bool = False) -> NDArray[np.uint8]:
    return np.frombuffer(DataStructs.BitVectToBinaryText(morgan_bits(molecule, bits, chirality)), np.uint8)


# Each column: the function of a molecule that gives its value, or those that give its values, and the type of its array
# (None: a list). Fingerprints are packed bits.
_COLUMNS: dict[str, tuple[Callable[[Chem.Mol], Any] | list[Callable[[Chem.Mol], float]], type | None]] = {
    "fingerprint": (lambda molecule: _packed(molecule, FINGERPRINT_BITS), np.uint8),
    "stereo fingerprint": (lambda molecule: _packed(molecule, FINGERPRINT_BITS, chirality=True), np.uint8),
    "long fingerprint": (lambda molecule: _packed(molecule, LONG_BITS), np.uint8),
    "fragments": (brics_fragments, None),
    "scaffold": (ring_scaffold, None),
    "properties": (list(PROPERTIES.values()), np.float64),
    "descriptors": ([_DESCRIPTORS[name] for name in DESCRIPTORS], np.float64),
    "passes": (passes_filters, np.bool_),
    "oddities": (oddities, np.bool_),
    "ring systems": (ring_systems, None),
}
_WIDTHS = {
    "fingerprint": (FINGERPRINT_BITS // 8,),
    "stereo fingerprint": (FINGERPRINT_BITS // 8,),
    "long fingerprint": (LONG_BITS // 8,),
    "properties": (len(PROPERTIES),),
    "descriptors": (len(DESCRIPTORS),),
    "passes": (),
    "oddities": (len(ODDITIES),),
}
FORMS = "forms"  # the only column that takes texts of any kind


def facts(texts: Sequence[str], columns: Sequence[str]) -> dict[str, Column]:
    """Return the columns that were asked for, with a value for each text.

    Args:
        texts: canonical SMILES; texts of any kind for the column `forms` alone.
        columns: `forms` (`canonical_forms`), `fingerprint`, `stereo fingerprint` and `long fingerprint` (Morgan
            fingerprints of radius 2, uint8 `(texts, bits / 8)`), `fragments`, `scaffold`, `properties` (float64
            `(texts, 4)`: logP, SA, QED, g/mol), `descriptors` (GuacaMol's, float64 `(texts, 9)`), `passes` (MOSES'
            filters, bool `(texts,)`), `oddities` (bool `(texts, 4)`, in the order of `ODDITIES`), `ring systems` (a
            list of SMILES each).

    Raises:
        InputError: RDKit fails on a molecule.
        UsageError: there is no such column, or `forms` is asked for with others.
    """
    if list(columns) == [FORMS]:
        return {FORMS: [canonical_forms(text) for text in texts]}
    if unknown := [name for name in columns if name not in _COLUMNS]:
        raise UsageError(f"unknown column {unknown[0]!r}; known: {', '.join(_COLUMNS)}")
    values: dict[str, list[Any]] = {name: [] for name in columns}
    with rdBase.BlockLogs():
        for text in texts:
            molecule = Chem.MolFromSmiles(text)
            for name, column in values.items():
                of = _COLUMNS[name][0]
                try:
                    column.append([one(molecule) for one in of] if isinstance(of, list) else of(molecule))
                except (ValueError, RuntimeError, ArithmeticError) as error:  # what RDKit raises, whatever the cause
                    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                    raise InputError(
                        f"RDKit cannot compute the {name} of {text!r}: {reason}; leave the molecule out"
                    ) from error
    return {name: as_column(name, column) for name, column in values.items()}


def as_column(name: str, values: list[Any]) -> Column:
    """Return values as the array of their column, of the right shape even when empty; lists stay as they are."""
    kind = _COLUMNS[name][1] if name in _COLUMNS else None
    if kind is None:
        return values
    found: NDArray[Any] = np.asarray(values, kind).reshape(len(values), *_WIDTHS[name])
    return np.where(np.isfinite(found), found, 0.0) if name == "descriptors" else found  # as GuacaMol does

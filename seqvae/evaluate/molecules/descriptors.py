"""What the metrics need to know of single molecules: canonical forms, fingerprints, fragments, properties.

Works on plain lists, without torch, because it also runs in worker processes (`molecule_workers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import QED, Descriptors, rdMolDescriptors

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.molecules.filters import passes_filters
from seqvae.evaluate.molecules.fragments import brics_fragments, ring_scaffold
from seqvae.properties.molecules.fingerprints import morgan_bits
from seqvae.properties.molecules.sa_score import sa_score
from seqvae.sequences.molecules import canonical_or_none

Column = list[Any] | NDArray[Any]

PROPERTIES = ("logP", "SA", "QED", "weight")  # MOSES' names
# Of GuacaMol's comparison of distributions; the first four are continuous.
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
FINGERPRINT_BITS = 1024  # MOSES'; radius 2
LONG_BITS = 4096  # GuacaMol's; radius 2


def canonical_forms(text: str) -> list[str]:
    """Return the canonical SMILES with and without stereo; nothing for a text that is no molecule.

    Without stereo means without isotopes too, as RDKit and GuacaMol have it.

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


def _properties(molecule: Chem.Mol) -> list[float]:
    logp = rdMolDescriptors.CalcCrippenDescriptors(molecule)[0]
    return [logp, sa_score(molecule), QED.qed(molecule), _DESCRIPTORS["MolWt"](molecule)]


def _descriptors(molecule: Chem.Mol) -> list[float]:
    values = np.asarray([_DESCRIPTORS[name](molecule) for name in DESCRIPTORS], np.float64)
    return np.where(np.isfinite(values), values, 0.0).tolist()  # as GuacaMol does


def _packed(molecule: Chem.Mol, bits: int, chirality: bool = False) -> NDArray[np.uint8]:
    return np.frombuffer(DataStructs.BitVectToBinaryText(morgan_bits(molecule, bits, chirality)), np.uint8)


# Each column: what it takes of a molecule, and the type of its array (none: a list). Fingerprints are packed bits.
_COLUMNS: dict[str, tuple[Callable[[Chem.Mol], Any], type | None]] = {
    "fingerprint": (lambda molecule: _packed(molecule, FINGERPRINT_BITS), np.uint8),
    "stereo fingerprint": (lambda molecule: _packed(molecule, FINGERPRINT_BITS, chirality=True), np.uint8),
    "long fingerprint": (lambda molecule: _packed(molecule, LONG_BITS), np.uint8),
    "fragments": (brics_fragments, None),
    "scaffold": (ring_scaffold, None),
    "properties": (_properties, np.float64),
    "descriptors": (_descriptors, np.float64),
    "passes": (passes_filters, np.bool_),
}
_WIDTHS = {
    "fingerprint": (FINGERPRINT_BITS // 8,),
    "stereo fingerprint": (FINGERPRINT_BITS // 8,),
    "long fingerprint": (LONG_BITS // 8,),
    "properties": (len(PROPERTIES),),
    "descriptors": (len(DESCRIPTORS),),
    "passes": (),
}
FORMS = "forms"  # the one column that takes texts of any kind


def facts(texts: Sequence[str], columns: Sequence[str]) -> dict[str, Column]:
    """Return what was asked for of each text.

    Args:
        texts: canonical SMILES; texts of any kind for the column `forms` alone.
        columns: `forms` (`canonical_forms`), `fingerprint`, `stereo fingerprint` and `long fingerprint` (Morgan
            fingerprints of radius 2, uint8 `(texts, bits / 8)`), `fragments`, `scaffold`, `properties` (float64
            `(texts, 4)`: logP, SA, QED, g/mol), `descriptors` (GuacaMol's, float64 `(texts, 9)`), `passes` (MOSES'
            filters, bool `(texts,)`).

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
                column.append(_value(name, molecule, text))
    return {name: as_column(name, column) for name, column in values.items()}


def _value(name: str, molecule: Chem.Mol, text: str) -> Any:  # noqa: ANN401 - of the column's type
    try:
        return _COLUMNS[name][0](molecule)
    except (ValueError, RuntimeError, ArithmeticError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"RDKit cannot compute the {name} of {text!r}: {reason[0]}; leave the molecule out") from error


def as_column(name: str, values: list[Any]) -> Column:
    """Return values as the array of their column, which has its shape without values too; lists stay as they are."""
    kind = _COLUMNS[name][1] if name in _COLUMNS else None
    return values if kind is None else np.asarray(values, kind).reshape(len(values), *_WIDTHS[name])

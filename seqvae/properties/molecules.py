"""Properties of molecules, each a function from SMILES to a number, computed by RDKit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rdkit import Chem, rdBase
from rdkit.Chem import QED, rdMolDescriptors

from seqvae.config import suggestion
from seqvae.errors import InvalidMoleculeError, UsageError
from seqvae.properties.synthesis import sa_score


def qed(smiles: str) -> float:
    """Return the quantitative estimate of drug-likeness, 0 to 1 (Bickerton et al. 2012, doi:10.1038/nchem.1243).

    Raises:
        InvalidMoleculeError: RDKit cannot read the SMILES, or it is empty.

    >>> round(qed("CC(=O)Oc1ccccc1C(=O)O"), 2)
    0.55
    """
    return float(QED.qed(_molecule(smiles)))


def logp(smiles: str) -> float:
    """Return the octanol-water partition coefficient, log10 (Wildman & Crippen 1999, doi:10.1021/ci990307l).

    Raises:
        InvalidMoleculeError: RDKit cannot read the SMILES, or it is empty.
    """
    return float(rdMolDescriptors.CalcCrippenDescriptors(_molecule(smiles))[0])


def molecular_weight(smiles: str) -> float:
    """Return the average molecular weight in g/mol, hydrogens included.

    Raises:
        InvalidMoleculeError: RDKit cannot read the SMILES, or it is empty.
    """
    return float(rdMolDescriptors.Properties(["amw"]).ComputeProperties(_molecule(smiles))[0])


def sa(smiles: str) -> float:
    """Return the synthetic accessibility score, 1 (easy) to 10 (Ertl & Schuffenhauer 2009, doi:10.1186/1758-2946-1-8).

    Raises:
        InvalidMoleculeError: RDKit cannot read the SMILES, or it is empty.
        SeqVAEError: this RDKit comes without its contributed programs.
    """
    return sa_score(_molecule(smiles))


PROPERTIES: dict[str, Callable[[str], float]] = {
    "qed": qed,
    "logp": logp,
    "molecular_weight": molecular_weight,
    "sa": sa,
}


def scores(name: str, texts: Sequence[str]) -> list[float]:
    """Return one property of each molecule; NaN for a text that is no molecule.

    Raises:
        UsageError: there is no property of that name.
    """
    if name not in PROPERTIES:
        raise UsageError(f"unknown property {name!r}{suggestion(name, PROPERTIES)}")
    return [_or_nan(PROPERTIES[name], text) for text in texts]


def _or_nan(compute: Callable[[str], float], text: str) -> float:
    try:
        return compute(text)
    except InvalidMoleculeError:
        return float("nan")


def _molecule(smiles: str) -> Chem.Mol:
    with rdBase.BlockLogs():  # the error says it
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise InvalidMoleculeError(f"expected a molecule as SMILES, got {smiles!r}")
    return molecule

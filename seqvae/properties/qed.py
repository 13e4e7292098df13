"""Drug-likeness, equal to RDKit's and faster: its 116 alerts are looked for in one call, and logP is given."""

from __future__ import annotations

import functools

from rdkit import Chem
from rdkit.Chem import QED, FilterCatalog, rdMolDescriptors

_WEIGHT = rdMolDescriptors.Properties(["amw"])


def molecular_weight(molecule: Chem.Mol) -> float:
    """Return the average molecular weight in g/mol, hydrogens included."""
    return float(_WEIGHT.ComputeProperties(molecule)[0])


def drug_likeness(molecule: Chem.Mol, logp: float) -> float:
    """Return the quantitative estimate of drug-likeness, 0 to 1, with mean weights.

    Bickerton et al. 2012, doi:10.1038/nchem.1243, with RDKit's patterns, parameters and formula.

    Args:
        molecule: of at least one atom.
        logp: its octanol-water partition coefficient, log10.
    """
    bare = molecule
    if any(atom.GetAtomicNum() == 1 for atom in molecule.GetAtoms()):
        bare = Chem.RemoveHs(molecule)
        logp = rdMolDescriptors.CalcCrippenDescriptors(bare)[0]
    return float(QED.qed(bare, qedProperties=_ingredients(bare, logp)))


def _ingredients(molecule: Chem.Mol, logp: float) -> QED.QEDproperties:
    strict = rdMolDescriptors.NumRotatableBondsOptions.Strict
    # Not the usual number of aromatic rings: RDKit takes all aliphatic ring atoms away and counts the rings left.
    aromatic = Chem.DeleteSubstructs(Chem.Mol(molecule), QED.AliphaticRings)
    return QED.QEDproperties(
        MW=molecular_weight(molecule),
        ALOGP=logp,
        HBA=sum(len(molecule.GetSubstructMatches(pattern)) for pattern in QED.Acceptors),
        HBD=rdMolDescriptors.CalcNumHBD(molecule),
        PSA=rdMolDescriptors.CalcTPSA(molecule),
        ROTB=rdMolDescriptors.CalcNumRotatableBonds(molecule, strict),
        AROM=len(Chem.GetSSSR(aromatic)),
        ALERTS=len(_alerts().GetMatches(molecule)),
    )


@functools.cache
def _alerts() -> FilterCatalog.FilterCatalog:
    catalog = FilterCatalog.FilterCatalog()
    for number, pattern in enumerate(QED.StructuralAlerts):
        matcher = FilterCatalog.SmartsMatcher(str(number), pattern)
        catalog.AddEntry(FilterCatalog.FilterCatalogEntry(str(number), matcher))
    return catalog

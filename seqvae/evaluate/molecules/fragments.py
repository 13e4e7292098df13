"""Substructures of molecules: BRICS fragments and scaffolds.

Definitions of MOSES (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644). BRICS: Degen et al. 2008,
doi:10.1002/cmdc.200800178. Scaffolds: Bemis & Murcko 1996, doi:10.1021/jm9602928.
"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem import rdmolops
from rdkit.Chem.Scaffolds import MurckoScaffold

_FEWEST_RINGS = 2  # MOSES does not count scaffolds with a single ring, which say little


def brics_fragments(molecule: Chem.Mol) -> list[str]:
    """Return the SMILES of the fragments that remain when the BRICS bonds are cut, with marks at the cuts.

    >>> sorted(brics_fragments(Chem.MolFromSmiles("CCOc1ccccc1")))
    ['[16*]c1ccccc1', '[3*]O[3*]', '[4*]CC']
    """
    return Chem.MolToSmiles(rdmolops.FragmentOnBRICSBonds(molecule)).split(".")


def ring_scaffold(molecule: Chem.Mol) -> str:
    """Return the SMILES of the Bemis-Murcko scaffold; an empty string if it has fewer than two rings.

    >>> ring_scaffold(Chem.MolFromSmiles("Cc1ccccc1-c1ccccc1"))
    'c1ccc(-c2ccccc2)cc1'
    """
    try:
        scaffold = MurckoScaffold.GetScaffoldForMol(molecule)
    except (ValueError, RuntimeError):  # RDKit cannot sanitise every scaffold
        return ""
    return Chem.MolToSmiles(scaffold) if scaffold.GetRingInfo().NumRings() >= _FEWEST_RINGS else ""

"""The ring systems of a molecule, and how often chemists made each."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib import resources

from rdkit import Chem

_TABLE = "ring_systems.json.gz"


def ring_systems(mol: Chem.Mol) -> list[str]:
    """Return a molecule's ring systems as canonical SMILES without stereo, each distinct one once.

    A ring system is what hangs together by rings that share an atom, with the atoms that are bonded to it twice, as a
    carbonyl's oxygen; what else was bonded to it becomes hydrogen. As in P. Walters' check of ring systems
    (useful_rdkit_utils), which asks how often each occurs in ChEMBL.
    """
    cut = []
    for bond in mol.GetBonds():
        ends = bond.GetBeginAtom().IsInRing() + bond.GetEndAtom().IsInRing()
        exocyclic = bond.GetBondType() == Chem.BondType.DOUBLE and ends < 2
        if not bond.IsInRing() and ends and not exocyclic:
            cut.append(bond.GetIdx())
    parts = Chem.FragmentOnBonds(mol, cut) if cut else mol
    found = set()
    for part in Chem.GetMolFrags(parts, asMols=True, sanitizeFrags=False):
        for atom in part.GetAtoms():
            if atom.GetAtomicNum() == 0:
                atom.SetAtomicNum(1)
                atom.SetIsotope(0)
        Chem.FastFindRings(part)
        if part.GetRingInfo().NumRings():
            plain = Chem.RemoveHs(part, sanitize=False)
            if Chem.SanitizeMol(plain, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
                found.add(Chem.MolToSmiles(plain, isomericSmiles=False))
    return sorted(found)


@cache
def counted() -> dict[str, int]:
    """Return how often each ring system occurs in 60,000 molecules of ChEMBL, those that occur at least three times.

    Counted by `scripts/training/packaged/count_ring_systems.py`.
    """
    found: dict[str, int] = json.loads(gzip.decompress(resources.files(__package__).joinpath(_TABLE).read_bytes()))
    return found


def rarest(molecule: Chem.Mol) -> int | None:
    """Return how often the rarest ring system of a molecule was counted, 0 if never; None without rings."""
    systems = ring_systems(molecule)
    return min(counted().get(system, 0) for system in systems) if systems else None

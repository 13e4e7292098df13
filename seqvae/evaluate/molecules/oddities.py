"""What a chemist finds odd in a molecule, counted beside that of real molecules.

Metrics of distributions hardly see these: a few samples in a hundred with a radical, a bond that Bredt's rule forbids,
or a ring system that nobody has made leave the Fréchet distance as it is.
"""

from __future__ import annotations

from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcNumBridgeheadAtoms

RADICAL, LARGE_RING, ANTI_BREDT, SMALL_HETEROCYCLE = (
    "radicals",
    "rings above 8 atoms",
    "anti-Bredt bonds",
    "four-membered heterocycles",
)
ODDITIES = (RADICAL, LARGE_RING, ANTI_BREDT, SMALL_HETEROCYCLE)
"""The names of the columns of `oddities`."""

_LARGEST_RING = 8  # atoms
# A bridgehead's double bond is stable where its trans form fits into a ring, from eight atoms on (Wiseman 1967,
# doi:10.1021/ja00997a057).
_BREDT_RING = 7


def oddities(mol: Chem.Mol) -> tuple[bool, ...]:
    """Tell, for each of `ODDITIES`, whether a molecule has it."""
    rings = mol.GetRingInfo().AtomRings()
    return (
        any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()),
        any(len(ring) > _LARGEST_RING for ring in rings),
        _breaks_bredts_rule(mol),
        any(len(ring) == 4 and any(mol.GetAtomWithIdx(i).GetAtomicNum() != 6 for i in ring) for ring in rings),
    )


def _breaks_bredts_rule(mol: Chem.Mol) -> bool:
    """Tell whether a bridgehead has a double bond in rings that are too small for it."""
    bridgeheads: list[int] = []
    if not CalcNumBridgeheadAtoms(mol, bridgeheads):  # type: ignore[arg-type]  # it fills the list
        return False
    rings = mol.GetRingInfo()
    return any(
        bond.GetBondType() == Chem.BondType.DOUBLE
        and (bond.GetBeginAtomIdx() in bridgeheads or bond.GetEndAtomIdx() in bridgeheads)
        and 0 < max((len(rings.BondRings()[i]) for i in rings.BondMembers(bond.GetIdx())), default=0) <= _BREDT_RING
        for bond in mol.GetBonds()
    )

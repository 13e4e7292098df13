"""Filters of MOSES: structural alerts, charges, atoms and large rings.

Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644.
"""

from __future__ import annotations

from rdkit import Chem

from seqvae.properties.molecules.alerts import found_alerts

_ATOMS = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
_LARGEST_RING = 7  # atoms


def passes_filters(molecule: Chem.Mol) -> bool:
    """Return whether a molecule passes MOSES' filters.

    It must have no ring of 8 atoms or more, no formal charge, no atom other than C, N, S, O, F, Cl, Br and H, and none
    of the 502 patterns, which are matched with explicit hydrogens.
    """
    if any(len(ring) > _LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
        return False
    atoms = list(molecule.GetAtoms())
    if any(atom.GetFormalCharge() != 0 or atom.GetSymbol() not in _ATOMS for atom in atoms):
        return False
    return next(found_alerts(molecule), None) is None

"""Mutation and crossover of molecules as graphs.

The moves are those of graph genetic algorithms (Jensen 2019, doi:10.1039/C8SC05372C): atoms are appended, inserted,
removed and exchanged, bonds change their order, rings open and close, and two molecules exchange the part on one side
of a bond, or of two bonds of a ring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import final

import numpy as np
from rdkit import Chem, rdBase

from seqvae.properties.molecules.cache import Sheets
from seqvae.search.domain.moves import Moves

_SINGLE, _DOUBLE, _TRIPLE = Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE
_ORDERS = {_SINGLE: 1, _DOUBLE: 2, _TRIPLE: 3}
# How often each element is written. `spread` is no census: rare elements are tried so often that a search comes to them
# (0.5 % of atoms written are P, where ZINC250k has 0.0024 % and ChEMBL 0.051 %). `chembl` counts the heavy atoms of the
# first 200,000 training molecules of the dataset `chembl` (datasets/chembl.toml), in %.
_ELEMENTS = {
    "spread": {6: 8.0, 7: 4.0, 8: 4.0, 9: 1.2, 15: 0.1, 16: 1.0, 17: 0.8, 35: 0.3, 53: 0.1},
    "chembl": {6: 73.8, 7: 11.4, 8: 10.8, 9: 1.52, 15: 0.051, 16: 1.46, 17: 0.83, 35: 0.172, 53: 0.021},
}
Often = Mapping[int, float]  # by atomic number
# Usual valences.
_VALENCE = {6: 4, 7: 3, 8: 2, 9: 1, 15: 5, 16: 2, 17: 1, 35: 1, 53: 1}
_RING_STEPS = (4, 5)  # bonds between two atoms that a new bond closes to a ring of five or six
_LARGEST_RING = 7
# Rings too small for their double bonds, cumulated double bonds, triple bonds in rings.
_STRAINED = "[$([C;r3,r4]=,#[#6;r3,r4]),$(*=*=*),$([r3,r4,r5,r6,r7]#*)]"
_MOVES_TRIED, _CUTS_TRIED = 10, 10
_RING_CUTS = 0.4  # share of crossovers that cut two bonds of a ring
_NON_RING_BOND = "[*]-;!@[*]"


@final
@dataclass(frozen=True)
class MoleculeMoves:
    """Small changes of molecules.

    Attributes:
        largest: most heavy atoms of a molecule.
        elements: how often mutations write each element, `spread` or `chembl`; see `MoveConfig.elements`.
        sheets: where molecules are parsed.
    """

    largest: int = 60
    elements: str = "spread"
    sheets: Sheets = field(default_factory=Sheets, compare=False, repr=False)

    def mutate(self, text: str, rng: np.random.Generator) -> str | None:
        """Return a molecule one move away, as canonical SMILES; None where no attempt gave one."""
        with rdBase.BlockLogs():
            sheet = self.sheets.of(text)
            if sheet is None or sheet.molecule.GetNumBonds() == 0:
                return None
            for _ in range(_MOVES_TRIED):
                changed = Chem.RWMol(sheet.molecule)
                Chem.Kekulize(changed, clearAromaticFlags=True)
                moved = _MOVES[rng.choice(len(_MOVES), p=_SHARES)](changed, rng, _ELEMENTS[self.elements])
                found = self._accepted(changed) if moved else None
                if found is not None and found != text:
                    return found
        return None

    def cross(self, first: str, second: str, rng: np.random.Generator) -> str | None:
        """Return a molecule made of a part of each, as canonical SMILES; None where no attempt gave one."""
        with rdBase.BlockLogs():
            parents = [sheet.molecule for text in (first, second) if (sheet := self.sheets.of(text)) is not None]
            if len(parents) < 2:
                return None
            for _ in range(_CUTS_TRIED):
                ring = bool(rng.random() < _RING_CUTS)
                parts = [_cut(parent, ring, rng) for parent in parents]
                if all(parts):
                    joined = _joined([one[rng.integers(len(one))] for one in parts], rng)
                    if joined is not None and (found := self._accepted(joined)) is not None:
                        return found
        return None

    def _accepted(self, molecule: Chem.Mol) -> str | None:
        """Return the canonical SMILES of a single, reasonable molecule; None of anything else.

        It is read again, so that its atoms and bonds stand in the order of the SMILES: a search that is resumed, which
        has the SMILES alone, then draws the same moves.
        """
        if not 1 < molecule.GetNumHeavyAtoms() <= self.largest:
            return None
        if Chem.SanitizeMol(molecule, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            return None
        if any(len(ring) > _LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
            return None
        if molecule.HasSubstructMatch(_pattern(_STRAINED)):
            return None
        for atom in molecule.GetAtoms():
            # An atom whose hydrogens were written and that has lost a bond would be a radical.
            if lacking := atom.GetNumRadicalElectrons():
                atom.SetNumExplicitHs(atom.GetNumExplicitHs() + lacking)
                atom.SetNumRadicalElectrons(0)
        text = Chem.MolToSmiles(molecule)
        again = self.sheets.of(text) if "." not in text else None
        return None if again is None else again.smiles


def writing(moves: Moves, elements: str) -> Moves:
    """Return moves that write elements that often; those of sequences are returned as they are."""
    return replace(moves, elements=elements) if isinstance(moves, MoleculeMoves) else moves


@cache  # of the two patterns of this file
def _pattern(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)


def _free(atom: Chem.Atom) -> int:
    """Return how many hydrogens may be replaced by bonds."""
    return int(atom.GetTotalNumHs())


def _give_up(atom: Chem.Atom, count: int) -> None:
    """Remove explicit hydrogens for new bonds; implicit ones adapt by themselves."""
    atom.SetNumExplicitHs(max(0, atom.GetNumExplicitHs() - count))


def _element(rng: np.random.Generator, valence: int, often: Often) -> int | None:
    """Return an element of at least that valence, drawn by how often it is to be written; None where there is none."""
    fit = {number: share for number, share in often.items() if _VALENCE[number] >= valence}
    if not fit:
        return None
    weights = np.array(list(fit.values()))
    return int(rng.choice(list(fit), p=weights / weights.sum()))


def _pick(rng: np.random.Generator, things: Sequence[Chem.Atom] | Sequence[Chem.Bond]) -> Chem.Atom | Chem.Bond:
    return things[int(rng.integers(len(things)))]


def _append(molecule: Chem.RWMol, rng: np.random.Generator, often: Often) -> bool:
    places = [atom for atom in molecule.GetAtoms() if _free(atom) > 0]
    number = _element(rng, 1, often)
    if not places or number is None:
        return False
    place = _pick(rng, places)
    _give_up(place, 1)
    molecule.AddBond(place.GetIdx(), molecule.AddAtom(Chem.Atom(number)), _SINGLE)
    return True


def _insert(molecule: Chem.RWMol, rng: np.random.Generator, often: Often) -> bool:
    bonds = [bond for bond in molecule.GetBonds() if bond.GetBondType() == _SINGLE]
    number = _element(rng, 2, often)
    if not bonds or number is None:
        return False
    bond = _pick(rng, bonds)
    ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    molecule.RemoveBond(*ends)
    middle = molecule.AddAtom(Chem.Atom(number))
    for end in ends:
        molecule.AddBond(end, middle, _SINGLE)
    return True


def _change_order(molecule: Chem.RWMol, rng: np.random.Generator, _often: Often) -> bool:
    bond = _pick(rng, list(molecule.GetBonds()))
    order = [_SINGLE, _DOUBLE, _TRIPLE][int(rng.choice(3, p=[0.45, 0.45, 0.1]))]
    more = _ORDERS[order] - _ORDERS.get(bond.GetBondType(), 1)
    ends = bond.GetBeginAtom(), bond.GetEndAtom()
    if more == 0 or any(_free(end) < more for end in ends):
        return False
    for end in ends:
        _give_up(end, more)
    bond.SetBondType(order)
    return True


def _remove(molecule: Chem.RWMol, rng: np.random.Generator, _often: Often) -> bool:
    places = [atom for atom in molecule.GetAtoms() if atom.GetDegree() <= 2]
    if not places:
        return False
    place = _pick(rng, places)
    ends = [atom.GetIdx() for atom in place.GetNeighbors()]
    if len(ends) == 2 and molecule.GetBondBetweenAtoms(*ends) is None:
        molecule.AddBond(ends[0], ends[1], _SINGLE)
    molecule.RemoveAtom(place.GetIdx())
    return True


def _exchange(molecule: Chem.RWMol, rng: np.random.Generator, often: Often) -> bool:
    places = [atom for atom in molecule.GetAtoms() if atom.GetFormalCharge() == 0]
    if not places:
        return False
    place = _pick(rng, places)
    number = _element(rng, sum(_ORDERS.get(bond.GetBondType(), 1) for bond in place.GetBonds()), often)
    if number is None or number == place.GetAtomicNum():
        return False
    place.SetAtomicNum(number)
    place.SetNumExplicitHs(0)
    place.SetNoImplicit(False)
    place.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    return True


def _close_ring(molecule: Chem.RWMol, rng: np.random.Generator, _often: Often) -> bool:
    free = [atom.GetIdx() for atom in molecule.GetAtoms() if _free(atom) > 0]
    if not free:
        return False
    start = free[int(rng.integers(len(free)))]
    steps = Chem.GetDistanceMatrix(molecule)[start]
    ends = [index for index in free if steps[index] in _RING_STEPS]
    if not ends:
        return False
    end = ends[int(rng.integers(len(ends)))]
    for index in (start, end):
        _give_up(molecule.GetAtomWithIdx(index), 1)
    molecule.AddBond(start, end, _SINGLE)
    return True


def _open_ring(molecule: Chem.RWMol, rng: np.random.Generator, _often: Often) -> bool:
    bonds = [bond for bond in molecule.GetBonds() if bond.IsInRing()]
    if not bonds:
        return False
    bond = _pick(rng, bonds)
    molecule.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return True


_Move = Callable[[Chem.RWMol, np.random.Generator, Often], bool]
_MOVES: tuple[_Move, ...] = (_append, _insert, _change_order, _remove, _exchange, _close_ring, _open_ring)
_SHARES = (0.2, 0.12, 0.12, 0.2, 0.2, 0.1, 0.06)


def _cut(molecule: Chem.Mol, ring: bool, rng: np.random.Generator) -> tuple[Chem.Mol, ...]:
    """Return both fragments of a molecule, dummy atoms where they were bonded; nothing where there is no such bond.

    It is cut at a single bond outside rings, or at two bonds of a ring that belong to no other ring.
    """
    if ring:
        rings = molecule.GetRingInfo()
        own = [[bond for bond in bonds if rings.NumBondRings(bond) == 1] for bonds in rings.BondRings()]
        wide = [bonds for bonds in own if len(bonds) > 1]
        if not wide:
            return ()
        bonds = [int(bond) for bond in rng.choice(wide[int(rng.integers(len(wide)))], 2, replace=False)]
    else:
        matches = molecule.GetSubstructMatches(_pattern(_NON_RING_BOND))
        if not matches:
            return ()
        bonds = [molecule.GetBondBetweenAtoms(*matches[int(rng.integers(len(matches)))]).GetIdx()]
    whole = Chem.RWMol(molecule)
    Chem.Kekulize(whole, clearAromaticFlags=True)
    parts = Chem.GetMolFrags(Chem.FragmentOnBonds(whole, bonds), asMols=True, sanitizeFrags=False)
    return parts if len(parts) == 2 else ()


def _joined(parts: Sequence[Chem.Mol], rng: np.random.Generator) -> Chem.RWMol | None:
    """Return two fragments bonded where their dummy atoms stand; None where these do not match."""
    whole, size = Chem.RWMol(Chem.CombineMols(*parts)), parts[0].GetNumAtoms()
    dummies = [atom.GetIdx() for atom in whole.GetAtoms() if atom.GetAtomicNum() == 0]
    here, there = [index for index in dummies if index < size], [index for index in dummies if index >= size]
    if len(here) != len(there) or not here:
        return None
    for one, other in zip(here, rng.permutation(there).tolist(), strict=True):
        bonds = [whole.GetAtomWithIdx(index).GetBonds()[0] for index in (one, other)]
        ends = [bond.GetOtherAtomIdx(index) for bond, index in zip(bonds, (one, other), strict=True)]
        if bonds[0].GetBondType() != bonds[1].GetBondType() or whole.GetBondBetweenAtoms(*ends) is not None:
            return None
        whole.AddBond(ends[0], ends[1], bonds[0].GetBondType())
    for index in sorted(dummies, reverse=True):
        whole.RemoveAtom(index)
    return whole

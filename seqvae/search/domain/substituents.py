"""Exchange of substituents: what chemists change most often in a lead, by how often each group stands on such an atom.

The counts in `substituents.json.gz` are of molecules that chemists made (`scripts/training/packaged/
count_substituents.py`): on atoms of each kind, how often a substituent of at most `LARGEST` heavy atoms stands there, a
hydrogen included. They give each exchange a probability: log P = log p(new substituent | kind of atom) - log(places).
Matched molecular pairs (Hussain & Rea 2010, doi:10.1021/ci900450m) cut molecules in the same way.
"""

from __future__ import annotations

import gzip
import heapq
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import final

from rdkit import Chem, rdBase

from seqvae.properties.molecules.cache import Sheets

LARGEST = 13  # heavy atoms of a substituent
_SHARE = 0.6  # largest part of a molecule that is a substituent of the rest
HYDROGEN = "[H]"
_DUMMY = (0, 0)  # both ends of a cut bond are written as a plain `*`
_ANCHOR = "anchor"
_STEREO_BONDS = (Chem.BondStereo.STEREONONE, Chem.BondStereo.STEREOANY)
_TABLE = "substituents.json.gz"
_group_of = cache(Chem.MolFromSmiles)  # a substituent is put in many places


def kind_of(atom: Chem.Atom) -> str:
    """Return the kind of an atom that bears a substituent: element, hybridisation, ring."""
    if atom.GetIsAromatic():
        return f"{atom.GetSymbol()} aromatic"
    ring = " ring" if atom.IsInRing() else ""
    return f"{atom.GetSymbol()} {atom.GetHybridization().name.lower()}{ring}"


@final
@dataclass(frozen=True)
class Place:
    """A place of a molecule where one substituent may stand in for another.

    Attributes:
        molecule: that has it; never changed.
        anchor: the atom that bears the substituent.
        removed: atoms of the substituent; none: a hydrogen.
        substituent: as SMILES with `*` for the anchor, or `[H]`.
    """

    molecule: Chem.Mol
    anchor: int
    removed: tuple[int, ...]
    substituent: str

    @property
    def kind(self) -> str:
        """The kind of the anchor, as `kind_of` names it."""
        return kind_of(self.molecule.GetAtomWithIdx(self.anchor))

    @cached_property
    def core(self) -> tuple[Chem.Mol, int] | None:
        """The molecule with a hydrogen in the substituent's place, and the anchor in it; None where RDKit objects."""
        if not self.removed:
            return self.molecule, self.anchor
        core = Chem.RWMol(self.molecule)
        anchor = core.GetAtomWithIdx(self.anchor)
        anchor.SetBoolProp(_ANCHOR, True)
        if anchor.GetNoImplicit() or anchor.GetIsAromatic():
            anchor.SetNumExplicitHs(anchor.GetNumExplicitHs() + 1)
        _keep_chirality(anchor, set(self.removed))
        for atom in sorted(self.removed, reverse=True):
            core.RemoveAtom(atom)
        if Chem.SanitizeMol(core, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            return None
        return core, next(atom.GetIdx() for atom in core.GetAtoms() if atom.HasProp(_ANCHOR))

    def with_substituent(self, new: str) -> str | None:
        """Return the SMILES with another substituent; None where there is no such molecule."""
        if self.core is None:
            return None
        core, place = self.core
        if new == HYDROGEN:
            return str(Chem.MolToSmiles(core))
        group = _group_of(new)
        joined = Chem.RWMol(Chem.CombineMols(core, group))
        bond_end = next(atom.GetIdx() for atom in group.GetAtoms() if atom.GetAtomicNum() == 0)
        dummy = joined.GetAtomWithIdx(core.GetNumAtoms() + bond_end)
        first = dummy.GetNeighbors()[0].GetIdx()
        anchor = joined.GetAtomWithIdx(place)
        if explicit := anchor.GetNumExplicitHs():
            anchor.SetNumExplicitHs(explicit - 1)
        _keep_chirality(joined.GetAtomWithIdx(first), {dummy.GetIdx()})
        joined.AddBond(place, first, Chem.BondType.SINGLE)
        joined.RemoveAtom(dummy.GetIdx())
        if Chem.SanitizeMol(joined, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            return None
        return str(Chem.MolToSmiles(joined))


def _keep_chirality(atom: Chem.Atom, leaving: set[int]) -> None:
    """Turn the chirality of an atom so that it stays when the bond to what leaves is made again, as the last one.

    RDKit's chirality is that of the order of an atom's bonds: each bond behind the one that leaves moves up by one.
    """
    order = [bond.GetOtherAtomIdx(atom.GetIdx()) in leaving for bond in atom.GetBonds()]
    if order and any(order) and (len(order) - 1 - order.index(True)) % 2:
        atom.InvertChirality()


def places_of(molecule: Chem.Mol) -> Iterator[Place]:
    """Yield the places of a molecule where a substituent may be exchanged: single bonds outside rings, and hydrogens.

    Atoms of a double bond with stereo keep theirs, and so does a stereocentre its hydrogen: an exchange there would
    leave the stereo undefined.
    """
    most = min(LARGEST, _SHARE * molecule.GetNumHeavyAtoms())
    for bond in molecule.GetBonds():
        if bond.IsInRing() or bond.GetBondType() != Chem.BondType.SINGLE:
            continue
        cut = Chem.FragmentOnBonds(molecule, [bond.GetIdx()], dummyLabels=[_DUMMY])
        for part in Chem.GetMolFrags(cut):
            atoms = tuple(atom for atom in part if atom < molecule.GetNumAtoms())
            ends = {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} - set(atoms)
            if len(atoms) <= most and len(ends) == 1 and _free(molecule.GetAtomWithIdx(next(iter(ends)))):
                yield Place(molecule, ends.pop(), atoms, Chem.MolFragmentToSmiles(cut, part))
    for atom in molecule.GetAtoms():
        if atom.GetTotalNumHs() and _free(atom) and atom.GetChiralTag() == Chem.ChiralType.CHI_UNSPECIFIED:
            yield Place(molecule, atom.GetIdx(), (), HYDROGEN)


def _free(atom: Chem.Atom) -> bool:
    return all(bond.GetStereo() in _STEREO_BONDS for bond in atom.GetBonds())


@cache
def substituents() -> Mapping[str, tuple[tuple[str, float], ...]]:
    """Return the substituents of each kind of atom with the logarithm of their share, the most frequent first."""
    packed = (resources.files("seqvae.search.domain") / _TABLE).read_bytes()
    return {
        kind: tuple((group, math.log(count / total)) for group, count in sorted(found.items(), key=lambda one: -one[1]))
        for kind, (total, found) in json.loads(gzip.decompress(packed)).items()
    }


def exchanges(text: str, sheets: Sheets) -> Iterator[tuple[str, float]]:
    """Yield molecules with one substituent exchanged, and log P of that, the likeliest first.

    Args:
        text: SMILES of a molecule.
        sheets: where molecules are parsed.

    Yields:
        Canonical SMILES; one that several exchanges give comes several times.
    """
    sheet = sheets.of(text)
    with rdBase.BlockLogs():
        places = [] if sheet is None else list(places_of(sheet.molecule))
        offers = [iter(substituents().get(place.kind, ())) for place in places]
        waiting: list[tuple[float, int, str]] = []

        def offer(row: int) -> None:
            """Put the next likely substituent of a place among those that wait."""
            for new, likely in offers[row]:
                if new != places[row].substituent:
                    heapq.heappush(waiting, (-likely, row, new))
                    return

        for row in range(len(places)):
            offer(row)
        while waiting:
            unlikely, row, new = heapq.heappop(waiting)
            offer(row)
            made = places[row].with_substituent(new)
            form = None if made is None else sheets.canonical(made)
            if form is not None and form != text:
                yield form, -unlikely - math.log(len(places))

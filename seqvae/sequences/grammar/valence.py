"""What each token of a vocabulary does to an unfinished molecule: enough to never write one that RDKit refuses.

`syntax` keeps the notation; here it is the chemistry. No atom gets more bonds than its valence allows, two atoms are
bonded once, an aromatic atom lies in a ring, and in a finished aromatic system each atom that needs a double bond has
a partner for it, which is Kekule's structure as a perfect matching. What is still open (atoms on the way from the
first to the last one, and those that wait for their ring number) may yet become anything, so that every beginning of
a real molecule passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, final

from rdkit import Chem, rdBase

from seqvae.sequences.grammar.smiles_syntax import ATOM, BOND, CLOSE, DOT, OPEN, RING, symbol_kind
from seqvae.sequences.tokenizers.subword import SubwordTokenizer
from seqvae.sequences.tokenizers.tokenizer import EOS, SPECIALS, Tokenizer

_ORDERS = {"=": 2, "#": 3, "$": 4}  # of the bonds that are not single
_ANY_KIND = (":", "/", "\\")
_ANY_VALENCE = (99,)  # metals and the like, which RDKit leaves alone


@final
class AtomRule(NamedTuple):
    """What the valence model of RDKit says of one symbol.

    Attributes:
        valences: sums of bond orders that the atom may have beside its written hydrogens, ascending.
        aromatic: written in lower case.
    """

    valences: tuple[int, ...]
    aromatic: bool


class _Operation(NamedTuple):
    """One symbol: its kind, and what there is to know of it."""

    kind: int
    atom: AtomRule = AtomRule((), aromatic=False)
    order: int = 0  # of a bond
    any_kind: bool = False  # a bond that is aromatic between aromatic atoms: only its direction is written
    ring: str = ""


@final
@dataclass(frozen=True)
class Valences:
    """Which tokens may follow an unfinished molecule.

    Attributes:
        operations: the symbols of each token; none for the marks.
    """

    operations: tuple[tuple[_Operation, ...], ...]

    def begin(self) -> Molecule:
        """Return a molecule without atoms."""
        return Molecule()

    def after(self, written: Molecule, token: int) -> Molecule | None:
        """Return the molecule with one more token, or None where none can come of it."""
        if token == EOS:
            return written if written.may_end() else None
        later = written.copy()
        return later if later.write(self.operations[token]) and later.goes_on() else None

    def accepts(self, tokens: Sequence[int]) -> bool:
        """Return whether the tokens, their end mark left out, write a molecule: then so does each beginning of them.

        The syntax is taken for granted. RDKit reads some texts that are refused here, with lower-case atoms in rings
        that are not aromatic, and makes molecules of them that nobody writes so.
        """
        written = self.begin()
        return all(written.write(self.operations[token]) for token in tokens) and written.may_end()


def valences_of(tokenizer: Tokenizer) -> Valences | None:
    """Return the rules of a vocabulary of SMILES symbols; None for other texts."""
    base = tokenizer.base if isinstance(tokenizer, SubwordTokenizer) else tokenizer
    if base.kind != "smiles":
        return None
    marks: list[tuple[_Operation, ...]] = [()] * len(SPECIALS)
    contents = (tokenizer.symbols_of([i]) for i in range(len(SPECIALS), tokenizer.vocab_size))
    return Valences((*marks, *(tuple(map(_operation, symbols)) for symbols in contents)))


def _operation(symbol: str) -> _Operation:
    kind = symbol_kind(symbol)
    if kind == ATOM:
        return _Operation(kind, atom=atom_rule(symbol))
    if kind == BOND:
        return _Operation(kind, order=_ORDERS.get(symbol, 1), any_kind=symbol in _ANY_KIND)
    return _Operation(kind, ring=symbol if kind == RING else "")


@lru_cache
def atom_rule(symbol: str) -> AtomRule:
    """Return what a symbol of SMILES may be bonded to; anything, where RDKit does not know it.

    A charge makes an atom behave like the element that has as many electrons.
    """
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(symbol, sanitize=False)
    if molecule is None or molecule.GetNumAtoms() != 1:
        return AtomRule(_ANY_VALENCE, aromatic=False)
    atom, table = molecule.GetAtomWithIdx(0), Chem.GetPeriodicTable()
    number = atom.GetAtomicNum() - atom.GetFormalCharge()
    listed = tuple(table.GetValenceList(number)) if atom.GetAtomicNum() and 0 < number < 118 else (-1,)
    if -1 in listed:
        return AtomRule(_ANY_VALENCE, atom.GetIsAromatic())
    left = tuple(sorted(v - atom.GetNumExplicitHs() for v in listed if v >= atom.GetNumExplicitHs()))
    return AtomRule(left or (0,), atom.GetIsAromatic())


@final
class Molecule:
    """A molecule up to some symbol of its SMILES: a tree of atoms, bonds that close rings, and what is open.

    Atoms are numbered as they are written, so that each stands behind the one it grew from.
    """

    __slots__ = (
        "bond",
        "bonded",
        "branches",
        "closures",
        "current",
        "judged",
        "parents",
        "rings",
        "rules",
        "tree_aromatic",
        "unsettled",
    )

    def __init__(self) -> None:
        self.rules: list[AtomRule] = []
        self.bonded: list[int] = []  # sum of bond orders of each atom, aromatic bonds as 1, open rings included
        self.parents: list[int] = []  # the atom that each grew from; -1: none
        self.tree_aromatic: list[bool] = []  # whether the bond to that one is aromatic
        self.unsettled: list[int] = []  # aromatic atoms of which it is not yet known whether they can be that
        self.judged: tuple[int, ...] = ()  # what was known when the aromatic atoms were last found possible
        self.closures: list[tuple[int, int, bool]] = []  # bonds that closed rings: atoms, and whether aromatic
        self.rings: dict[str, tuple[int, _Operation | None]] = {}  # open ring numbers: atom, and bond if written
        self.branches: list[int] = []  # atoms that the open branches go back to
        self.current = -1
        self.bond: _Operation | None = None  # a bond that waits for its atom

    def copy(self) -> Molecule:
        """Return another one that can be written to."""
        other = Molecule.__new__(Molecule)
        other.rules, other.bonded, other.parents = self.rules[:], self.bonded[:], self.parents[:]
        other.tree_aromatic, other.closures, other.branches = self.tree_aromatic[:], self.closures[:], self.branches[:]
        other.unsettled, other.judged = self.unsettled[:], self.judged
        other.rings, other.current, other.bond = self.rings.copy(), self.current, self.bond
        return other

    def write(self, operations: Sequence[_Operation]) -> bool:
        """Write symbols; return false where no molecule can come of it (the object is of no use then)."""
        for operation in operations:
            kind = operation.kind
            if kind == ATOM:
                fits = self._write_atom(operation.atom)
            elif kind == RING:
                fits = self._write_ring(operation.ring)
            elif kind == BOND:
                self.bond = operation
                fits = self._room(self.current) >= operation.order
            elif kind == OPEN:
                self.branches.append(self.current)
                fits = self._room(self.current) > 0
            elif kind == CLOSE:
                self.current, fits = self.branches.pop(), True
            else:
                self.current, fits = -1, kind == DOT
            if not fits:
                return False
        return True

    def goes_on(self) -> bool:
        """Return whether a molecule can come of what is written."""
        return (not self.rings or self._can_go_on()) and self._aromatic_possible()

    def may_end(self) -> bool:
        """Return whether the molecule is one as it stands."""
        if self.rings or self.branches or self.bond:
            return False
        closed = self.copy()
        closed.current = -1  # nothing will be bonded to the last atom any more
        return closed._aromatic_possible()

    def _room(self, atom: int) -> int:
        return self.rules[atom].valences[-1] - self.bonded[atom]

    def _write_atom(self, rule: AtomRule) -> bool:
        parent, order, aromatic = self.current, 1, False
        if parent >= 0:
            order, any_kind = (self.bond.order, self.bond.any_kind) if self.bond else (1, True)
            aromatic = any_kind and rule.aromatic and self.rules[parent].aromatic
            self.bonded[parent] += order
            if self._room(parent) < 0 or rule.valences[-1] < order:
                return False
        self.current = len(self.rules)
        self.rules.append(rule)
        self.bonded.append(order if parent >= 0 else 0)
        self.parents.append(parent)
        self.tree_aromatic.append(aromatic)
        if rule.aromatic:
            self.unsettled.append(self.current)
        self.bond = None
        return True

    def _write_ring(self, number: str) -> bool:
        here, bond = self.current, self.bond
        self.bond = None
        if number not in self.rings:
            self.rings[number] = (here, bond)
            self.bonded[here] += bond.order if bond else 1
            return self._room(here) >= 0
        there, bond_there = self.rings.pop(number)
        if here == there or self._are_bonded(here, there) or (bond and bond_there and bond.order != bond_there.order):
            return False
        written = bond or bond_there
        order = written.order if written else 1
        self.bonded[here] += order
        self.bonded[there] += order - (bond_there.order if bond_there else 1)
        aromatic = self.rules[here].aromatic and self.rules[there].aromatic and (written is None or written.any_kind)
        self.closures.append((here, there, aromatic))
        return self._room(here) >= 0 and self._room(there) >= 0

    def _are_bonded(self, first: int, other: int) -> bool:
        if self.parents[first] == other or self.parents[other] == first:
            return True
        return any({first, other} == {a, b} for a, b, _ in self.closures)

    def _can_go_on(self) -> bool:
        """Return whether an atom that may still be bonded to has room: open rings need more atoms."""
        return self._room(self.current) > 0 or any(self._room(atom) > 0 for atom in self.branches)

    def _aromatic_possible(self) -> bool:
        """Return whether the aromatic atoms that are finished lie in rings and can get their double bonds."""
        if not self.unsettled:
            return True
        open_atoms = {*self.branches, *(atom for atom, _ in self.rings.values())}
        if self.current >= 0:
            open_atoms.add(self.current)
        finished = [atom for atom in self.unsettled if atom not in open_atoms]
        situation = (len(self.unsettled), len(finished), len(self.closures), self.bonded[self.unsettled[-1]])
        if not finished or situation == self.judged:  # a side chain grows, and says nothing new of the ring
            return True
        self.judged = situation
        if not self._double_bonds_fit(finished, open_atoms):
            return False
        if len(finished) == len(self.unsettled) and self._double_bonds_fit(finished, set()):
            self.unsettled = []  # they need nothing that is still to come
        return True

    def _double_bonds_fit(self, finished: Sequence[int], open_atoms: set[int]) -> bool:
        """Return whether finished aromatic atoms lie in rings and can be paired, with each other or with open ones."""
        partners: dict[int, list[int]] = {atom: [] for atom in self.unsettled}
        for here, there in self._aromatic_ring_bonds(open_atoms):
            partners[here].append(there)
            partners[there].append(here)
        lacking = [atom for atom in finished if self._lacks_double_bond(atom)]
        free = {atom for atom in open_atoms.intersection(partners) if self._room(atom) > 0}.union(lacking)
        return all(partners[atom] for atom in finished) and _matched(lacking, partners, free)

    def _lacks_double_bond(self, atom: int) -> bool:
        """Return whether a finished aromatic atom has a bond too few for its valence: hydrogens come after that."""
        bonded = self.bonded[atom]
        return bonded not in self.rules[atom].valences

    def _aromatic_ring_bonds(self, open_atoms: set[int]) -> list[tuple[int, int]]:
        """Return the bonds that lie in a ring of aromatic bonds alone, or may yet do so: those that are no bridges.

        Open atoms may yet be joined, one to the next. Bonds of settled atoms are left out: they join no others.
        """
        bonds = [(atom, self.parents[atom]) for atom in self.unsettled if self.tree_aromatic[atom]]
        bonds += [(here, there) for here, there, aromatic in self.closures if aromatic and here in self.unsettled]
        open_ones = [atom for atom in self.unsettled if atom in open_atoms]
        bridges = _bridges([*bonds, *pairwise(open_ones)])
        return [bond for number, bond in enumerate(bonds) if number not in bridges]


def _bridges(edges: Sequence[tuple[int, int]]) -> set[int]:
    """Return which edges lie in no ring, by depth-first search (Tarjan 1974, doi:10.1016/0020-0190(74)90003-9)."""
    neighbours: dict[int, list[tuple[int, int]]] = {}
    for number, (here, there) in enumerate(edges):
        neighbours.setdefault(here, []).append((there, number))
        neighbours.setdefault(there, []).append((here, number))
    found: set[int] = set()
    order: dict[int, int] = {}

    def earliest(atom: int, came_by: int) -> int:
        """Return the earliest atom that can be reached from this one without the edge that led to it."""
        low = order[atom] = len(order)
        for other, number in neighbours[atom]:
            if number == came_by:
                continue
            if other in order:
                low = min(low, order[other])
                continue
            reached = earliest(other, number)
            if reached > order[atom]:
                found.add(number)
            low = min(low, reached)
        return low

    for atom in neighbours:
        if atom not in order:
            earliest(atom, -1)
    return found


def _matched(lacking: Sequence[int], partners: Mapping[int, Sequence[int]], free: set[int], start: int = 0) -> bool:
    """Return whether each atom from `start` on can have a partner of its own among the free ones."""
    while start < len(lacking) and lacking[start] not in free:
        start += 1  # it is the partner of an earlier one
    if start == len(lacking):
        return True
    atom = lacking[start]
    free.discard(atom)
    for other in partners[atom]:
        if other in free:
            free.discard(other)
            if _matched(lacking, partners, free, start + 1):
                return True
            free.add(other)
    free.add(atom)
    return False

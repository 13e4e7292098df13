"""The effect of each token of a vocabulary on an unfinished molecule: enough to never write one that RDKit refuses.

`smiles_syntax` checks the notation; this module checks the chemistry. No atom gets more bonds than its valence allows,
no finished atom in brackets has fewer (it would be a radical), two atoms are bonded only once, an aromatic atom lies in
a ring, and in a finished aromatic system each atom that needs a double bond has a partner for it: a Kekulé structure is
a perfect matching. Open atoms (those on the path from the first to the last one, and those with an open ring number)
may still become anything, so that every beginning of a real molecule passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, final

from rdkit import Chem, rdBase

from seqvae.sequences.grammar.smiles_syntax import ATOM, BOND, CLOSE, DOT, OPEN, RING, of_smiles, symbol_kind
from seqvae.sequences.tokenizers.tokenizer import EOS, SPECIALS, Tokenizer

# Of the bonds that are not single: what they count at the atom before and at the atom after. A dative bond counts
# nothing at its donor, a bond of no stated kind nothing at all.
_ORDERS = {"=": (2, 2), "#": (3, 3), "$": (4, 4), "->": (0, 1), "<-": (1, 0), "~": (0, 0)}
_ANY_KIND = (":", "/", "\\")
_MOST = 16  # bonds that an atom is tried with; what has so many may have any number
_ANY_VALENCE = tuple(range(100))  # metals and the like, which RDKit does not check
_NONE = (-1,)  # an atom that RDKit accepts with no number of bonds
# Elements whose atoms may be radicals. Of metals RDKit's count of unpaired electrons says little: it gives some to
# Cu2+, Fe3+ and Sn2+, and seven to Mg2+ in water.
_NONMETALS = frozenset([0, 1, 2, *range(5, 11), *range(14, 19), *range(33, 37), *range(52, 55), 85, 86])


@final
class AtomRule(NamedTuple):
    """RDKit's valence model for one symbol.

    Attributes:
        valences: sums of bond orders that the atom may have besides its written hydrogens, ascending.
        aromatic: whether it is written in lower case.
        exact: whether a finished molecule must have one of these sums: hydrogens fill up no atom in brackets.
    """

    valences: tuple[int, ...]
    aromatic: bool
    exact: bool = False


class _Operation(NamedTuple):
    """One symbol: its kind and its properties."""

    kind: int
    atom: AtomRule = AtomRule((), aromatic=False)
    orders: tuple[int, int] = (0, 0)  # of a bond: what it counts at the atom before and at the atom after
    any_kind: bool = False  # a bond that is aromatic between aromatic atoms: only its direction is written
    ring: str = ""


@final
@dataclass(frozen=True)
class Valences:
    """Which tokens may follow an unfinished molecule.

    Attributes:
        operations: the symbols of each token; none for special tokens.
        spelled: the same as texts.
        dative: whether a token begins with a bond that counts nothing at one of its atoms.
    """

    operations: tuple[tuple[_Operation, ...], ...]
    spelled: tuple[str, ...]
    dative: bool = False

    def begin(self) -> Molecule:
        """Return a molecule without atoms."""
        return Molecule(self.dative)

    def after(self, written: Molecule, token: int) -> Molecule | None:
        """Return the molecule with one more token, or None if it can no longer become a molecule."""
        if token == EOS:
            return written if written.may_end() else None
        later = written.copy()
        return later if later.write(self.operations[token]) and later.goes_on() else None

    def accepts(self, tokens: Sequence[int]) -> bool:
        """Return whether the tokens, without an end token, write a molecule; if so, each beginning passes too.

        The syntax is taken for granted. RDKit reads some SMILES that are refused here, with lower-case atoms in rings
        that are not aromatic; nobody writes molecules that way.
        """
        written = self.begin()
        return all(written.write(self.operations[token]) for token in tokens) and written.may_end()

    def reads(self, tokens: Sequence[int]) -> bool:
        """Return whether RDKit reads the tokens, without an end token, as a molecule.

        What `accepts` accepts, it reads but for some aromatic systems, to which it gives no Kekulé structure.
        """
        with rdBase.BlockLogs():
            return Chem.MolFromSmiles("".join(self.spelled[token] for token in tokens)) is not None


def valences_of(tokenizer: Tokenizer) -> Valences | None:
    """Return the rules of a vocabulary of SMILES symbols; None for other texts."""
    if not of_smiles(tokenizer):
        return None
    specials: list[tuple[_Operation, ...]] = [()] * len(SPECIALS)
    contents = [tokenizer.symbols_of([i]) for i in range(len(SPECIALS), tokenizer.vocab_size)]
    operations = [tuple(map(_operation, symbols)) for symbols in contents]
    dative = any(first.kind == BOND and 0 in first.orders for first, *_ in operations)
    return Valences((*specials, *operations), ("",) * len(SPECIALS) + tuple(map("".join, contents)), dative)


def _operation(symbol: str) -> _Operation:
    kind = symbol_kind(symbol)
    if kind == ATOM:
        return _Operation(kind, atom=atom_rule(symbol))
    if kind == BOND:
        return _Operation(kind, orders=_ORDERS.get(symbol, (1, 1)), any_kind=symbol in _ANY_KIND)
    return _Operation(kind, ring=symbol if kind == RING else "")


@lru_cache
def atom_rule(symbol: str) -> AtomRule:
    """Return the valences of a SMILES symbol, as RDKit has them; any valence if RDKit cannot read it."""
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(symbol, sanitize=False)
        if molecule is None or molecule.GetNumAtoms() != 1:
            return AtomRule(_ANY_VALENCE, aromatic=False)
        atom = molecule.GetAtomWithIdx(0)
        number, aromatic = atom.GetAtomicNum(), atom.GetIsAromatic()
        if not symbol.startswith("["):  # hydrogens fill it up to the next valence
            listed = tuple(Chem.GetPeriodicTable().GetValenceList(number)) if number else (-1,)
            return AtomRule(_ANY_VALENCE if -1 in listed else listed, aromatic)
        allowed = [bonds for bonds in range(_MOST + 1) if _may_have(molecule, bonds)]
    if _MOST in allowed:
        allowed += range(_MOST + 1, len(_ANY_VALENCE))
    return AtomRule(tuple(allowed) or _NONE, aromatic, exact=True)


def _may_have(lone: Chem.Mol, bonds: int) -> bool:
    """Return whether RDKit accepts an atom with so many single bonds, and without unpaired electrons if no metal."""
    molecule = Chem.RWMol(lone)
    atom = molecule.GetAtomWithIdx(0)
    atom.SetIsAromatic(False)  # it has its double bonds of a Kekulé structure
    for _ in range(bonds):
        molecule.AddBond(0, molecule.AddAtom(Chem.Atom(0)), Chem.BondType.SINGLE)
    checked = Chem.SANITIZE_PROPERTIES | Chem.SANITIZE_FINDRADICALS
    if Chem.SanitizeMol(molecule, sanitizeOps=checked, catchErrors=True) != Chem.SANITIZE_NONE:
        return False
    return atom.GetAtomicNum() not in _NONMETALS or atom.GetNumRadicalElectrons() == 0


@final
class Molecule:
    """A molecule up to some symbol of its SMILES: a tree of atoms, bonds that close rings, open branches and rings.

    Atoms are numbered in the order written, so that each comes after its parent.
    """

    __slots__ = (
        "bond",
        "bonded",
        "branches",
        "closures",
        "current",
        "dative",
        "judged",
        "parents",
        "rings",
        "rules",
        "tree_aromatic",
        "unfilled",
        "unsettled",
    )

    def __init__(self, dative: bool = False) -> None:
        self.dative = dative  # whether bonds may come that count nothing at one of their atoms
        self.rules: list[AtomRule] = []
        self.bonded: list[int] = []  # sum of bond orders of each atom, aromatic bonds as 1, open rings included
        self.parents: list[int] = []  # the previous atom that each is bonded to; -1: none
        self.tree_aromatic: list[bool] = []  # whether the bond to the parent is aromatic
        self.unfilled: list[int] = []  # atoms in brackets that are not yet known to have all their bonds
        self.unsettled: list[int] = []  # aromatic atoms that are not yet known to be possible
        self.judged: tuple[int, ...] = ()  # the situation when the aromatic atoms were last found possible
        self.closures: list[tuple[int, int, bool]] = []  # bonds that closed rings: atoms, and whether aromatic
        # Open ring numbers: atom, bond if written, and what it counts at the atom for now.
        self.rings: dict[str, tuple[int, _Operation | None, int]] = {}
        self.branches: list[int] = []  # atoms that the open branches return to
        self.current = -1
        self.bond: _Operation | None = None  # a bond written before its atom

    def copy(self) -> Molecule:
        """Return an independent copy."""
        other = Molecule.__new__(Molecule)
        other.rules, other.bonded, other.parents = self.rules[:], self.bonded[:], self.parents[:]
        other.tree_aromatic, other.closures, other.branches = self.tree_aromatic[:], self.closures[:], self.branches[:]
        other.unsettled, other.judged = self.unsettled[:], self.judged
        other.unfilled, other.dative = self.unfilled[:], self.dative
        other.rings, other.current, other.bond = self.rings.copy(), self.current, self.bond
        return other

    def write(self, operations: Sequence[_Operation]) -> bool:
        """Write symbols; return false if no molecule can result (the object must then be discarded)."""
        for operation in operations:
            kind = operation.kind
            if kind == ATOM:
                fits = self._write_atom(operation.atom)
            elif kind == RING:
                fits = self._write_ring(operation.ring)
            elif kind == BOND:
                self.bond = operation
                fits = self._room(self.current) >= operation.orders[0]
            elif kind == OPEN:
                self.branches.append(self.current)
                fits = self.dative or self._room(self.current) > 0
            elif kind == CLOSE:
                self.current, fits = self.branches.pop(), True
            else:
                self.current, fits = -1, kind == DOT
            if not fits:
                return False
        return True

    def goes_on(self) -> bool:
        """Return whether what is written can still become a molecule."""
        # Open rings need more atoms, so one that may still be bonded to must have room.
        stuck = not self.dative and not any(self._room(atom) > 0 for atom in (self.current, *self.branches))
        if self.rings and stuck:
            return False
        return self._filled() and self._aromatic_possible()

    def may_end(self) -> bool:
        """Return whether the molecule is complete."""
        if self.rings or self.branches or self.bond:
            return False
        closed = self.copy()
        closed.current = -1  # nothing more will be bonded to the last atom
        return closed._filled() and closed._aromatic_possible()

    def _room(self, atom: int) -> int:
        return self.rules[atom].valences[-1] - self.bonded[atom]

    def _filled(self) -> bool:
        """Return whether no finished atom in brackets lacks a bond; aromatic atoms are checked with their rings."""
        if not self.unfilled:
            return True
        growing, rings = {self.current, *self.branches}, [atom for atom, _, _ in self.rings.values()]
        still = []
        for atom in self.unfilled:
            valences, bonded, opened = self.rules[atom].valences, self.bonded[atom], rings.count(atom)
            if atom in growing:
                still.append(atom)
            elif opened:  # each ring bond counts one at most so far, and may come to count from nothing to four
                if not any(bonded - opened <= valence <= bonded + 4 * opened for valence in valences):
                    return False
                still.append(atom)
            elif bonded not in valences:
                return False
        self.unfilled = still
        return True

    def _write_atom(self, rule: AtomRule) -> bool:
        parent, after, aromatic = self.current, 0, False
        if parent >= 0:
            (before, after), any_kind = (self.bond.orders, self.bond.any_kind) if self.bond else ((1, 1), True)
            aromatic = any_kind and rule.aromatic and self.rules[parent].aromatic
            self.bonded[parent] += before
            if self._room(parent) < 0 or rule.valences[-1] < after:
                return False
        self.current = len(self.rules)
        self.rules.append(rule)
        self.bonded.append(after)
        self.parents.append(parent)
        self.tree_aromatic.append(aromatic)
        if rule.aromatic:
            self.unsettled.append(self.current)
        elif rule.exact:
            self.unfilled.append(self.current)
        self.bond = None
        return True

    def _write_ring(self, number: str) -> bool:
        here, bond = self.current, self.bond
        self.bond = None
        if number not in self.rings:
            # A bond without a symbol may turn out to be dative where the ring is closed.
            counted = bond.orders[0] if bond else int(not self.dative)
            self.rings[number] = (here, bond, counted)
            self.bonded[here] += counted
            return self._room(here) >= 0
        there, bond_there, counted = self.rings.pop(number)
        bonded = self.parents[here] == there or self.parents[there] == here
        bonded = bonded or any({here, there} == {a, b} for a, b, _ in self.closures)
        if here == there or bonded or (bond and bond_there and bond.orders != bond_there.orders[::-1]):
            return False
        at_there, at_here = bond_there.orders if bond_there else bond.orders[::-1] if bond else (1, 1)
        self.bonded[here] += at_here
        self.bonded[there] += at_there - counted
        written = bond or bond_there
        aromatic = self.rules[here].aromatic and self.rules[there].aromatic and (written is None or written.any_kind)
        self.closures.append((here, there, aromatic))
        return self._room(here) >= 0 and self._room(there) >= 0

    def _aromatic_possible(self) -> bool:
        """Return whether the aromatic atoms that are finished lie in rings and can get their double bonds."""
        if not self.unsettled:
            return True
        open_atoms = {*self.branches, *(atom for atom, _, _ in self.rings.values())}
        if self.current >= 0:
            open_atoms.add(self.current)
        finished = [atom for atom in self.unsettled if atom not in open_atoms]
        situation = (len(self.unsettled), len(finished), len(self.closures), self.bonded[self.unsettled[-1]])
        if not finished or situation == self.judged:  # only a side chain has grown: nothing new about the ring
            return True
        self.judged = situation
        if not self._double_bonds_fit(finished, open_atoms):
            return False
        if len(finished) == len(self.unsettled) and self._double_bonds_fit(finished, set()):
            self.unsettled = []  # nothing still to come can change them
        return True

    def _double_bonds_fit(self, finished: Sequence[int], open_atoms: set[int]) -> bool:
        """Return whether finished aromatic atoms lie in rings and can be paired, with each other or with open ones."""
        bonds = [(atom, self.parents[atom]) for atom in self.unsettled if self.tree_aromatic[atom]]
        bonds += [(here, there) for here, there, aromatic in self.closures if aromatic and here in self.unsettled]
        # Bonds that are no bridges lie in a ring of aromatic bonds, or may still do so: open atoms can yet be joined,
        # each to the next. Bonds of settled atoms are left out, since they join no others.
        open_ones = [atom for atom in self.unsettled if atom in open_atoms]
        bridges = _bridges([*bonds, *pairwise(open_ones)])
        partners: dict[int, list[int]] = {atom: [] for atom in self.unsettled}
        for number, (here, there) in enumerate(bonds):
            if number not in bridges:
                partners[here].append(there)
                partners[there].append(here)
        # A finished atom without a full valence lacks a double bond: hydrogens are added only afterwards.
        lacking = [atom for atom in finished if self.bonded[atom] not in self.rules[atom].valences]
        rules = ((self.rules[atom], self.bonded[atom]) for atom in lacking)
        if any(rule.exact and bonded + 1 not in rule.valences for rule, bonded in rules):
            return False  # it would be a radical even with its double bond
        free = {atom for atom in open_atoms.intersection(partners) if self._room(atom) > 0}.union(lacking)
        return all(partners[atom] for atom in finished) and _matched(lacking, partners, free)


def _bridges(edges: Sequence[tuple[int, int]]) -> set[int]:
    """Return the edges that lie in no ring, by depth-first search (Tarjan 1974, doi:10.1016/0020-0190(74)90003-9)."""
    neighbours: dict[int, list[tuple[int, int]]] = {}
    for number, (here, there) in enumerate(edges):
        neighbours.setdefault(here, []).append((there, number))
        neighbours.setdefault(there, []).append((here, number))
    found: set[int] = set()
    order: dict[int, int] = {}

    def earliest(atom: int, came_by: int) -> int:
        """Return the earliest atom reachable from this one without the edge that led to it."""
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
    """Return whether each atom from `start` on can get a partner of its own among the free ones."""
    while start < len(lacking) and lacking[start] not in free:
        start += 1  # already the partner of an earlier atom
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

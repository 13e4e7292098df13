"""Molecules that have been read, with their descriptors: each is computed once, however often it is used."""

from __future__ import annotations

import functools
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import final

from rdkit import Chem, rdBase
from rdkit.Chem import QED, rdMolDescriptors

from seqvae.properties.molecules.fingerprints import Fingerprint, fingerprint
from seqvae.properties.molecules.sa_score import sa_score
from seqvae.properties.property import Property
from seqvae.sequences.domain import MOLECULES
from seqvae.sequences.molecules import canonical_of, connectivity_of, read_molecule, scaffold_of, write_molecule

_WEIGHT = rdMolDescriptors.Properties(["amw"])
# Kept by default, 33 kB each with QED and a fingerprint: the offspring of five rounds of a search and their parents.
_SHEETS = 2048
# What RDKit raises on a molecule that it can read but not process.
_CANNOT = (ValueError, RuntimeError, ArithmeticError)


@final
class Sheet:
    """The descriptors of a molecule, each computed when first needed.

    Args:
        molecule: of at least one atom; never changed.
    """

    def __init__(self, molecule: Chem.Mol) -> None:
        self.molecule = molecule
        self._fingerprints: dict[str, Fingerprint] = {}

    @functools.cached_property
    def smiles(self) -> str:
        """SMILES as RDKit writes the molecule."""
        return write_molecule(self.molecule)

    @functools.cached_property
    def logp(self) -> float:
        """Octanol-water partition coefficient, log10 (Wildman & Crippen 1999, doi:10.1021/ci990307l)."""
        return float(rdMolDescriptors.CalcCrippenDescriptors(self.molecule)[0])

    @functools.cached_property
    def weight(self) -> float:
        """Average molecular weight in g/mol, hydrogens included."""
        return float(_WEIGHT.ComputeProperties(self.molecule)[0])

    @functools.cached_property
    def tpsa(self) -> float:
        """Topological polar surface area, square angstroms (Ertl et al. 2000, doi:10.1021/jm000942e)."""
        return float(rdMolDescriptors.CalcTPSA(self.molecule))

    @functools.cached_property
    def sa(self) -> float:
        """Synthetic accessibility, 1 (easy) to 10; raises SeqVAEError if RDKit was installed without it."""
        return sa_score(self.molecule)

    @functools.cached_property
    def qed(self) -> float:
        """Quantitative estimate of drug-likeness, 0 to 1 (Bickerton et al. 2012, doi:10.1038/nchem.1243)."""
        return float(QED.qed(self.molecule))

    @functools.cached_property
    def elements(self) -> Counter[str]:
        """Number of atoms of each element, hydrogens included."""
        found = Counter[str]()
        for atom in self.molecule.GetAtoms():
            found[atom.GetSymbol()] += 1
            found["H"] += atom.GetTotalNumHs()
        return found

    @functools.cached_property
    def scaffold(self) -> str:
        """Bemis-Murcko scaffold as canonical SMILES without stereo; empty without rings."""
        return scaffold_of(self.molecule)

    @functools.cached_property
    def connectivity(self) -> str:
        """Canonical SMILES without stereo: equal for stereoisomers."""
        return connectivity_of(self.molecule)

    def fingerprint(self, kind: str) -> Fingerprint:
        """Return a fingerprint, computed once."""
        if kind not in self._fingerprints:
            self._fingerprints[kind] = fingerprint(self.molecule, kind)
        return self._fingerprints[kind]


def sheet_of(text: str) -> Sheet | None:
    """Return a new sheet of a SMILES, None if it is no molecule of at least one atom."""
    molecule = read_molecule(text)
    return None if molecule is None else Sheet(molecule)


@final
class Sheets:
    """A cache of molecules: the least recently used are dropped.

    A search meets a molecule again and again: as a decoded sample or offspring, in the novelty filter, in similarities,
    in scoring, and rounds later as a parent. Whoever works with molecules owns one of these and passes it on.

    Args:
        most: number of SMILES whose sheets are kept.
    """

    def __init__(self, most: int = _SHEETS) -> None:
        self.most = most
        self._sheets: OrderedDict[str, Sheet | None] = OrderedDict()

    @property
    def kept(self) -> int:
        """Number of SMILES in the cache."""
        return len(self._sheets)

    def of(self, text: str) -> Sheet | None:
        """Return the sheet of a SMILES; None if it is no molecule of at least one atom."""
        if text in self._sheets:
            self._sheets.move_to_end(text)
            return self._sheets[text]
        self._sheets[text] = found = sheet_of(text)
        if len(self._sheets) > self.most:
            self._sheets.popitem(last=False)
        return found

    def known(self, text: str) -> Sheet:
        """Return the sheet of a SMILES that has been read before; raises ValueError if it is no molecule."""
        if (found := self.of(text)) is None:
            raise ValueError(f"expected the SMILES of a molecule, got {text!r}")
        return found

    def canonical(self, text: str) -> str | None:
        """Return the canonical SMILES of a text, None if it is no molecule; as `canonical_or_none`."""
        sheet = self.of(text)
        return None if sheet is None else canonical_of(text, sheet.smiles, self._written_again)

    def _written_again(self, text: str) -> str | None:
        sheet = self.of(text)
        return None if sheet is None else sheet.smiles


Value = Callable[[Sheet], float]


def molecule_property(name: str, about: str, value: Value, missing: float = math.nan) -> Property:
    """Return a property of molecules.

    Args:
        name: of the property.
        about: one line on it.
        value: computes it for one molecule.
        missing: the value of a text that is no molecule, or one that RDKit cannot process.
    """
    return Property(name, MOLECULES, about, PerMolecule(value, missing))


@final
@dataclass(frozen=True)
class PerMolecule:
    """Computes a value for each molecule.

    Attributes:
        value: as in `molecule_property`.
        missing: as in `molecule_property`.
        sheets: the cache of molecules; None: nothing is cached.
    """

    value: Value
    missing: float = math.nan
    sheets: Sheets | None = None

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return a number for each text."""
        read = sheet_of if self.sheets is None else self.sheets.of
        found = [self.missing] * len(texts)
        with rdBase.BlockLogs():  # the numbers show what RDKit cannot process
            for row, text in enumerate(texts):
                sheet = read(text)
                if sheet is not None:
                    with suppress(*_CANNOT):
                        found[row] = float(self.value(sheet))
        return found


def sharing(found: Property, sheets: Sheets) -> Property:
    """Return a property that uses this cache of molecules; a property that reads no molecules is returned unchanged."""
    if not isinstance(found.compute, PerMolecule):
        return found
    return replace(found, compute=replace(found.compute, sheets=sheets))

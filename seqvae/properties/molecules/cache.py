"""Molecules that have been read and what has been computed of them: each figure once, however many ask for it."""

from __future__ import annotations

import functools
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

from rdkit import Chem, rdBase
from rdkit.Chem import QED, rdMolDescriptors

from seqvae.properties.molecules.fingerprints import Fingerprint, fingerprint
from seqvae.properties.molecules.sa_score import sa_score
from seqvae.properties.property import Property
from seqvae.sequences.domain import MOLECULES
from seqvae.sequences.molecules import canonical_of, read_molecule, scaffold_of, write_molecule

_WEIGHT = rdMolDescriptors.Properties(["amw"])
# Kept at a time unless asked otherwise, 33 kB each with QED and a fingerprint: what a search breeds in five rounds, and
# the parents that it breeds from.
_SHEETS = 2048
# What RDKit raises on a molecule that it can read and not work with.
_CANNOT = (ValueError, RuntimeError, ArithmeticError)


@final
class Sheet:
    """What has been computed of a molecule so far.

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
        """Synthetic accessibility, 1 (easy) to 10; raises SeqVAEError where RDKit comes without it."""
        return sa_score(self.molecule)

    @functools.cached_property
    def qed(self) -> float:
        """Quantitative estimate of drug-likeness, 0 to 1 (Bickerton et al. 2012, doi:10.1038/nchem.1243)."""
        return float(QED.qed(self.molecule))

    @functools.cached_property
    def elements(self) -> Counter[str]:
        """How many atoms of each element, hydrogens included."""
        found = Counter[str]()
        for atom in self.molecule.GetAtoms():
            found[atom.GetSymbol()] += 1
            found["H"] += atom.GetTotalNumHs()
        return found

    @functools.cached_property
    def scaffold(self) -> str:
        """Bemis-Murcko scaffold as canonical SMILES without stereo; empty without rings."""
        return scaffold_of(self.molecule)

    def fingerprint(self, kind: str) -> Fingerprint:
        """Return a fingerprint, computed once."""
        if kind not in self._fingerprints:
            self._fingerprints[kind] = fingerprint(self.molecule, kind)
        return self._fingerprints[kind]


def sheet_of(text: str) -> Sheet | None:
    """Return a new sheet of a SMILES, None where the text is no molecule of at least one atom."""
    molecule = read_molecule(text)
    return None if molecule is None else Sheet(molecule)


@final
class Sheets:
    """The molecules that one piece of work has read, each once while it is among the last that were asked for.

    A search meets a molecule again and again: decoded or bred, compared with what is known, likened to others, scored,
    and rounds later the parent of others. Who works with molecules owns one of these and hands it on.

    Args:
        most: SMILES whose sheets are kept.
    """

    def __init__(self, most: int = _SHEETS) -> None:
        self.most = most
        self._sheets: OrderedDict[str, Sheet | None] = OrderedDict()

    @property
    def kept(self) -> int:
        """How many SMILES there are sheets of."""
        return len(self._sheets)

    def of(self, text: str) -> Sheet | None:
        """Return the sheet of a SMILES; None where the text is no molecule of at least one atom."""
        if text in self._sheets:
            self._sheets.move_to_end(text)
            return self._sheets[text]
        self._sheets[text] = found = sheet_of(text)
        if len(self._sheets) > self.most:
            self._sheets.popitem(last=False)
        return found

    def canonical(self, text: str) -> str | None:
        """Return the canonical SMILES of a text, None where it is no molecule; as `canonical_or_none`."""
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
        value: what it is of one molecule.
        missing: what a text is given that is no molecule, or one that RDKit cannot work with.
    """
    return Property(name, MOLECULES, about, PerMolecule(value, missing))


@final
@dataclass(frozen=True)
class PerMolecule:
    """Computes a value of each molecule.

    Attributes:
        value: as of `molecule_property`.
        missing: the same.
        sheets: where molecules are read; None: each text by itself, and nothing is kept.
    """

    value: Value
    missing: float = math.nan
    sheets: Sheets | None = None

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return a number for each text."""
        with rdBase.BlockLogs():  # what RDKit cannot work with shows in the numbers
            return [self._of(text) for text in texts]

    def _of(self, text: str) -> float:
        sheet = sheet_of(text) if self.sheets is None else self.sheets.of(text)
        if sheet is None:
            return self.missing
        try:
            return float(self.value(sheet))
        except _CANNOT:
            return self.missing


def sharing(found: Property, sheets: Sheets) -> Property:
    """Return a property that finds its molecules in these sheets; another that is of no sheets as it is."""
    if not isinstance(found.compute, PerMolecule):
        return found
    return replace(found, compute=replace(found.compute, sheets=sheets))

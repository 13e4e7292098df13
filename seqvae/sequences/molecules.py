"""Molecules as text: canonical isomeric SMILES (RDKit), SELFIES and back, Bemis-Murcko scaffolds.

SMILES: Weininger, J. Chem. Inf. Comput. Sci. 28 (1988) 31. SELFIES: Krenn et al., Mach. Learn.: Sci. Technol. 1 (2020)
045024, arXiv:1905.13741; Lo et al., Digital Discovery 2 (2023) 897 for version 2, which is the one used.

SELFIES obeys semantic constraints (how many bonds an atom may have), one setting of the `selfies` library for the whole
process. Nothing here sets them: all 249,456 molecules of ZINC250k come back exactly under the library's default. A
molecule that the constraints in force cannot hold is an error, not another molecule.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence

import numpy as np
import selfies
from rdkit import Chem, rdBase

from seqvae.errors import InvalidMoleculeError

_SELFIES_SYMBOL = re.compile(r"\[[^\[\]]*\]|\.")
# What SELFIES has and SMILES cannot have: a bracket that starts with a bond, a branch or a ring.
_LOOKS_LIKE_SELFIES = re.compile(r"\[[=#/\\-]?(?:Branch|Ring)\d\]|\[[=#/\\][A-Z]")
_ATOM_MAP = re.compile(r":\d+\]")
# Aromatic bracket atoms except those whose Kekulé form the selfies library finds rightly.
_UNUSUAL_AROMATIC = re.compile(r"\[(?!nH\]|nH\+\]|n\+\]|n-\]|o\+\]|s\+\])\d*[a-z]")
_LOG_PREFIX = re.compile(r"^\[[\d:]+\] (?:SMILES Parse Error: )?")
_LOG_ECHO = re.compile(r" (?:while parsing|for input): .*$")
_MOST_PASSES = 8
# Without stereo, isotopes and explicit hydrogen atoms the first canonical form is the fixed point: so it was for each
# of 220,913 molecules from mutated and random SELFIES (with stereo, it was not for 1 of 79,085). The pass that would
# show it costs as much as the first.
_PLAIN = re.compile(r"(?:[BCNOPSFIbcnops()=#%0-9.-]|Cl|Br|\[[BCNOPSbcnops]H?\d?[+-]?\])+")
# selfies never uses a ring number twice and writes the hundredth as %100, which reads as ring 10 and ring 0.
_MOST_RINGS = 99


def _read(text: str) -> Chem.Mol | None:
    """The molecule, or None; texts that RDKit would read in part (`CCO ethanol`, or up to a NUL) do not pass."""
    if not text.isascii() or not text.isprintable() or " " in text or not text:
        return None
    with rdBase.BlockLogs():  # The reason goes into our own error; RDKit's log stays as it is outside this call.
        return Chem.MolFromSmiles(text)


def write_molecule(molecule: Chem.Mol) -> str:
    """Isomeric SMILES of a molecule as RDKit writes it: canonical in nearly all cases, see `canonical_of`."""
    with rdBase.BlockLogs():
        return Chem.MolToSmiles(molecule)


def _written_again(text: str) -> str | None:
    molecule = _read(text)
    return None if molecule is None else write_molecule(molecule)


def _settled(text: str, smiles: str, again: Callable[[str], str | None]) -> str:
    """The fixed point of reading and writing that follows `smiles`, the first canonical form of `text`.

    RDKit's canonical SMILES is not always canonical to RDKit itself: `[H]/C=[NH2+]` gives `[H]C=[NH2+]`, and that gives
    `C=[NH2+]`. Without the fixed point a decoded molecule could differ from the very string that was encoded.
    """
    passes = [text, smiles]
    while passes[-1] not in passes[:-1]:
        found = again(passes[-1])
        if found is None or len(passes) > _MOST_PASSES:
            return passes[-1]
        passes.append(found)
    return min(passes[passes.index(passes[-1]) :])  # No cycle was ever seen; were there one, any start gives one form.


def read_molecule(text: str) -> Chem.Mol | None:
    """The molecule of at least one atom that a SMILES stands for, or None; blanks at its ends are taken off."""
    molecule = _read(text.strip())
    return None if molecule is None or molecule.GetNumAtoms() == 0 else molecule


def canonical_or_none(text: str) -> str | None:
    """Canonical isomeric SMILES, or None where RDKit cannot read the text; cheap for texts that are often invalid."""
    molecule = read_molecule(text)
    return None if molecule is None else canonical_of(text, write_molecule(molecule))


def canonical_of(text: str, smiles: str, again: Callable[[str], str | None] = _written_again) -> str:
    """Canonical isomeric SMILES of a molecule that has been read already.

    Args:
        text: what it was read from.
        smiles: what `write_molecule` made of it.
        again: reads a SMILES and writes it, None where it cannot be read; it is asked where the first form may be none.
    """
    text = text.strip()
    return smiles if smiles == text or _PLAIN.fullmatch(smiles) else _settled(text, smiles, again)


def is_valid(text: str) -> bool:
    """Whether RDKit reads the text as a molecule of at least one atom."""
    return read_molecule(text) is not None


def _reason(text: str) -> str:
    """RDKit's own reason in a few words; only called when a text has failed."""
    if not text:
        return "the text is empty"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "SMILES has neither blanks nor characters outside printable ASCII"
    if not hasattr(rdBase, "CaptureErrorLog"):  # RDKit of 2024 cannot hand its log over.
        return "RDKit cannot read it"
    with rdBase.CaptureErrorLog() as log:
        Chem.MolFromSmiles(text)
    lines = [_LOG_ECHO.sub("", _LOG_PREFIX.sub("", line)).strip() for line in log.messages.splitlines()]
    place = re.search(r"around position (\d+)", log.messages)
    return (lines[0] if lines and lines[0] else "RDKit cannot read it") + (f" at column {place[1]}" if place else "")


def _invalid(text: str) -> InvalidMoleculeError:
    if _LOOKS_LIKE_SELFIES.search(text):
        what = "this is SELFIES; convert it first with seqvae.sequences.molecules.selfies_to_smiles"
    else:
        what = f"{_reason(text.strip())}; correct it or leave it out"
    return InvalidMoleculeError(f"expected a molecule as SMILES, got {text!r}: {what}")


def canonical_smiles(text: str) -> str:
    """Canonical isomeric SMILES of a molecule: one string a molecule, stereo and isotopes kept.

    The form is a fixed point: `canonical_smiles(canonical_smiles(s)) == canonical_smiles(s)`.

    Args:
        text: SMILES in any form; blanks at its ends are taken off.

    Raises:
        InvalidMoleculeError: RDKit cannot read the text; with RDKit's reason.

    >>> canonical_smiles("OCC")
    'CCO'
    """
    smiles = canonical_or_none(text)
    if smiles is None:
        raise _invalid(text)
    return smiles


def shuffled_smiles(text: str, rng: np.random.Generator) -> str:
    """SMILES of the same molecule with its atoms in a random order (Bjerrum 2017, arXiv:1703.07076).

    Raises:
        InvalidMoleculeError: RDKit cannot read the text.
    """
    molecule = read_molecule(text)
    if molecule is None:
        raise _invalid(text)
    # The order is drawn here: RDKit's own would come from random numbers of the whole process.
    order = rng.permutation(molecule.GetNumAtoms()).tolist()
    with rdBase.BlockLogs():
        return Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)


def _kekule(smiles: str) -> str:
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        Chem.Kekulize(molecule, clearAromaticFlags=True)
        return Chem.MolToSmiles(molecule, kekuleSmiles=True)


def _encode_selfies(smiles: str) -> str:
    # The library's own search for a Kekulé form fails, or silently drops double bonds, around atoms such as [c-] or
    # [si]; RDKit's is right. It is asked only there, because it needs another reading of the molecule.
    if "[" in smiles and _UNUSUAL_AROMATIC.search(smiles):
        smiles = _kekule(smiles)
    return selfies.encoder(smiles)


def smiles_to_selfies(smiles: str) -> str:
    """SELFIES of a molecule; the SMILES is made canonical first, so that one molecule has one SELFIES.

    Raises:
        InvalidMoleculeError: RDKit cannot read the SMILES, or SELFIES cannot hold the molecule: wildcards, dative
            bonds, atom-map numbers, stereo other than tetrahedral and double-bond, 100 rings or more, or more bonds on
            an atom than the semantic constraints in force allow.

    >>> smiles_to_selfies("OCC")
    '[C][C][O]'
    """
    return canonical_to_selfies(canonical_smiles(smiles), smiles)


def canonical_to_selfies(canonical: str, text: str) -> str:
    """SELFIES of a canonical SMILES, not read again; an error calls it `text`. Raises as `smiles_to_selfies`."""
    if ":" in canonical and _ATOM_MAP.search(canonical):
        raise InvalidMoleculeError(f"SELFIES has no atom-map numbers, got {text!r}: remove the numbers")
    try:
        encoded = _encode_selfies(canonical)
    # The library leaks its internal errors on atoms that it does not know.
    except (selfies.EncoderError, AssertionError, KeyError, ValueError, IndexError, RecursionError) as error:
        raise InvalidMoleculeError(
            f"SELFIES cannot hold the molecule {text!r}: {_encoder_reason(error)}; leave it out"
        ) from error
    if encoded.count("Ring") > _MOST_RINGS and _ring_count(canonical) > _MOST_RINGS:
        raise InvalidMoleculeError(f"SELFIES cannot hold the molecule {text!r}: 100 rings or more; leave it out")
    return encoded


def _ring_count(smiles: str) -> int:
    """Ring closures of the SMILES: bonds beyond those that hold the atoms of its fragments together."""
    molecule = Chem.MolFromSmiles(smiles)
    return molecule.GetNumBonds() - molecule.GetNumAtoms() + len(Chem.GetMolFrags(molecule))


def _encoder_reason(error: Exception) -> str:
    """The selfies library's reason in one line."""
    if isinstance(error.__cause__, selfies.exceptions.SMILESParserError):
        return str(error.__cause__.reason)
    lines = str(error).splitlines() or [type(error).__name__]
    details = [line.strip(" \t[]") for line in lines[1:] if " bond(s) - " in line]
    if not details:
        return lines[0]
    return (
        f"{details[0]}, by the semantic constraints in force "
        '(selfies.set_semantic_constraints("hypervalent") before the tokenizer is made allows more)'
    )


def selfies_to_smiles(text: str) -> str:
    """Canonical SMILES of a SELFIES string under the semantic constraints in force.

    SELFIES never breaks valence, yet now and then gives a charged aromatic ring that RDKit refuses: then the SMILES
    comes back as the selfies library wrote it, and `is_valid` says no to it.

    Raises:
        InvalidMoleculeError: a symbol is not SELFIES.

    >>> selfies_to_smiles("[C][C][O]")
    'CCO'
    """
    try:
        smiles = selfies.decoder(text)
    except (selfies.DecoderError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidMoleculeError(f"expected SELFIES, got {text!r}: {reason}") from error
    return canonical_or_none(smiles) or smiles


def written_in_selfies(texts: Sequence[str]) -> bool:
    """Whether most texts are SELFIES: symbols in brackets throughout, which the selfies library can read.

    `[C][C][O]` is ethanol in SELFIES, and three bare atoms in SMILES, which nobody writes for most of a file; salts
    such as `[Na+].[Cl-]` are no SELFIES, whose charges have numbers.

    >>> written_in_selfies(["[C][C][O]", "[C][=O]"]), written_in_selfies(["[Na+].[Cl-]", "CCO"])
    (True, False)
    """
    return 2 * sum(map(_is_selfies, texts)) > len(texts)


def _is_selfies(text: str) -> bool:
    if not text or _SELFIES_SYMBOL.sub("", text):
        return False
    try:
        return bool(selfies.decoder(text))
    except (selfies.DecoderError, RecursionError):
        return False


def split_selfies(text: str) -> list[str]:
    """The symbols of a SELFIES string; the dot between fragments is a symbol of its own.

    Raises:
        InvalidMoleculeError: something lies outside the brackets; with its column.

    >>> split_selfies("[C][=O].[Na+1]")
    ['[C]', '[=O]', '.', '[Na+1]']
    """
    # Interned: some hundred different strings, however many molecules are kept or sent between processes.
    symbols = list(map(sys.intern, _SELFIES_SYMBOL.findall(text)))
    if sum(map(len, symbols)) != len(text):
        column = _first_gap(text) + 1
        raise InvalidMoleculeError(f"expected SELFIES symbols in brackets, got {text!r}: see column {column}")
    return symbols


def _first_gap(text: str) -> int:
    end = 0
    for symbol in _SELFIES_SYMBOL.finditer(text):
        if symbol.start() != end:
            break
        end = symbol.end()
    return end


def scaffold(smiles: str) -> str:
    """The Bemis-Murcko scaffold (rings and what links them) as canonical SMILES without stereo; empty without rings.

    Stereo is left out so that isomers of one scaffold stay on one side of a split. Bemis and Murcko, J. Med. Chem. 39
    (1996) 2887, doi:10.1021/jm9602928.

    Raises:
        InvalidMoleculeError: RDKit cannot read the SMILES.

    >>> scaffold("Cc1ccccc1CCO")
    'c1ccccc1'
    """
    molecule = _read(smiles.strip())
    if molecule is None:
        raise _invalid(smiles)
    return scaffold_of(molecule)


def scaffold_of(molecule: Chem.Mol) -> str:
    """The scaffold of a molecule that has been read already; as `scaffold`."""
    from rdkit.Chem.Scaffolds import MurckoScaffold

    with rdBase.BlockLogs():
        return MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=False)

"""MDL molfiles and SD files through RDKit."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqvae.config import MOST_ATOMS
from seqvae.data.files.cxsmiles import without_enhanced_stereo
from seqvae.data.files.layout.titles import key_of
from seqvae.data.files.open import LONGEST_LINE, open_lines, shown_name
from seqvae.data.files.records import NO_FIELDS, Columns, Flaw, Record
from seqvae.data.files.tables import note_enhanced
from seqvae.errors import InputError, ReadingNote

if TYPE_CHECKING:
    from rdkit import Chem

_LOG = re.compile(r"^\[[\d:]+\]\s*(?:ERROR: |Warning: )?")
_ATOMS = re.compile(r"^(?: *(\d{1,3})[ \d]{3}.*V2000|M  V30 COUNTS (\d+) )", re.MULTILINE)
_TITLE = re.compile(r"^>.*?<(.+)>")
_IDS = ("id", "name", "compoundid", "chemblid", "molid")  # titles of properties that name a record


def blocks(lines: Iterator[str], end: str, name: str) -> Iterator[tuple[int, str]]:
    """Divide lines into (first line, text) blocks, each ended by the line `end`, which the last may lack."""
    start, block, size = 1, list[str](), 0
    for number, line in enumerate(lines, 1):
        block.append(line.rstrip("\r\n") + "\n")
        size = size + len(line) if len(block) > 1 else len(line)
        if size > LONGEST_LINE:
            raise InputError(f"{name}:{start}: expected at most {LONGEST_LINE:,} characters before {end}, got more")
        if line.strip() == end:
            yield start, "".join(block)
            start, block = number + 1, []
    if "".join(block).strip():
        yield start, "".join(block)


def read_sdf(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read an SD file, or a molfile, through RDKit; the text is the molecule's canonical SMILES with stereo.

    All columns are those of the first records: a property that none of these has is not a column.
    """
    name, enhanced = shown_name(source), 0
    titles: list[str] = []
    if columns.all and str(source) != "-":  # a pipe is read once: its titles are not known beforehand
        with warnings.catch_warnings(), open_lines(source) as lines:
            warnings.simplefilter("ignore", ReadingNote)  # it is given when the records are read
            titles = [match[1].strip() for line in lines if (match := _TITLE.match(line))]
    keep = list(dict.fromkeys((*columns.keep, *titles)))
    with open_lines(source) as lines:
        for line, block in blocks(lines, "$$$$", name):
            item, mixed = _read(block, line, keep, columns)
            enhanced += mixed
            yield item
    note_enhanced(name, enhanced)


def _read(block: str, line: int, keep: list[str], columns: Columns) -> tuple[Record | Flaw, bool]:
    from rdkit import Chem

    title = block.split("\n", 1)[0].strip()
    counts = _ATOMS.search(block)
    atoms = int((counts[1] or counts[2]).strip()) if counts else 0
    if reason := columns.too_long(atoms, "atoms"):
        return Flaw(title, line, reason, title), False
    if atoms > MOST_ATOMS:
        reason = f"{atoms:,} atoms: molecules of more than {MOST_ATOMS:,} are not read; leave it out (--on-error skip)"
        return Flaw(title, line, reason, title), False
    molecule, reason = _parsed(block)
    fields = _fields(block, keep) if keep else NO_FIELDS
    if molecule is None:
        return Flaw(title, line, f"RDKit cannot read this molecule: {reason}", title, fields), False
    if not molecule.GetNumAtoms():
        return Flaw(title, line, "the molecule has no atoms; leave it out", title, fields), False
    mixed = without_enhanced_stereo(molecule)
    ids = (str(value) for key, value in fields.items() if key_of(key) in _IDS)
    return Record(Chem.MolToSmiles(molecule), title or next(ids, ""), line, fields), mixed


def _parsed(block: str) -> tuple[Chem.Mol | None, str]:
    """Return the molecule, or None and RDKit's reason."""
    from rdkit import Chem, rdBase

    captured = getattr(rdBase, "CaptureErrorLog", None)  # RDKit of 2024 gives no access to its log
    if captured is None:
        with rdBase.BlockLogs():
            return next(iter(Chem.ForwardSDMolSupplier(io.BytesIO(block.encode()))), None), "no reason given"
    with captured() as log:
        molecule = next(iter(Chem.ForwardSDMolSupplier(io.BytesIO(block.encode()))), None)
    try:
        messages = log.messages
    except UnicodeDecodeError:  # RDKit has cut what it repeats within a letter
        messages = ""
    said = [_LOG.sub("", one).strip() for one in messages.splitlines()]
    said = [one for one in said if one and not one.startswith(("****", "moving to", "Could not sanitize"))]
    return molecule, said[0] if said else "no molecule in it"


def _fields(block: str, keep: list[str]) -> dict[str, str]:
    """Return properties of an SD record, also of one that RDKit cannot read; values of several lines in one."""
    values: dict[str, str] = {}
    title = ""
    for line in block.split("\n"):
        if found := _TITLE.match(line):
            title = found[1].strip()
        elif title and line.strip() and line.strip() != "$$$$":
            values[title] = f"{values[title]} {line.strip()}" if title in values else line.strip()
        else:
            title = ""
    return {one: values.get(one, "") for one in keep}

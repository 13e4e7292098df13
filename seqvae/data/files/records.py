"""What a file is made of: records, and records that violate the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    """One text of a file.

    Args:
        text: SMILES, sequence or line, as in the file.
        name: the record's name in the file, "" if it has none.
        line: 1-based line where it starts; in a Parquet file or a spreadsheet, the row.
        fields: the other columns requested, as text.
        title: of the column that the text stood in; "" where no header says one.
        quality: Phred qualities of the letters, as FASTQ has them; "" in other files.
        circular: whether it is a circle, as GenBank says of some; false in other files.
    """

    text: str
    name: str
    line: int
    fields: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    quality: str = ""
    circular: bool = False


@dataclass(frozen=True, slots=True)
class Flaw:
    """A record that violates the format.

    Args:
        text: the part that could be read.
        line: 1-based line where it starts; in a Parquet file or a spreadsheet, the row.
        reason: what is wrong.
        name: the record's name in the file, "" if it has none or none could be read.
        fields: as of `Record`, where they could be read.
    """

    text: str
    line: int
    reason: str
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """Which columns of a table to read.

    Args:
        text: the column of the texts, by title or number; if empty, the obvious one (smiles, canonical_smiles,
            sequence, seq, selfies, structure, ..., or the only one).
        keep: other columns to put into `Record.fields`.
        all: put all other columns into `Record.fields`.
        max_characters: a longer text is a flaw, told before RDKit sees it; 0: what the domain allows.
    """

    text: str = ""
    keep: tuple[str, ...] = ()
    all: bool = False
    max_characters: int = 0

    def too_long(self, size: int, unit: str = "characters") -> str:
        """Return what is wrong with a text of a size, "" if nothing is."""
        if not self.max_characters or size <= self.max_characters:
            return ""
        return (
            f"expected at most {self.max_characters:,} characters (--max-characters), got {size:,} {unit}: "
            "leave it out (--on-error skip) or allow more"
        )


NO_FIELDS: Mapping[str, str] = {}

# What stands in a table where a molecule or sequence is missing, in lower case.
MISSING_TEXTS = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "n.d.", "#n/a", "<na>"})

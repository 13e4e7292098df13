"""The columns of a source that travel to the output, beside what is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import final

from seqvae.data.files.records import Record
from seqvae.data.files.writers import NAME, TEXT

_BEFORE = "input_"  # of the title of an input column where the output has a column of that title itself


def renamed(titles: Collection[str], taken: Collection[str]) -> dict[str, str]:
    """Return the title in the output of each input column: `input_...` where the output's own columns have it."""
    used = {*taken, TEXT}
    found: dict[str, str] = {}
    for title in titles:
        shown = title
        while shown in used:
            shown = f"{_BEFORE}{shown}"
        used.add(shown)
        found[title] = shown
    return found


@final
class Carried:
    """The other columns of the records of a source, and their names where these are in no column.

    The first records decide which columns there are.

    Args:
        taken: titles of the output's own columns.
    """

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = taken
        self._titles: dict[str, str] | None = None
        self._named = False

    def of(self, records: Sequence[Record]) -> dict[str, list[str]]:
        """Return the columns of some records, by title."""
        if self._titles is None:
            self._named = any(one.name and one.name not in one.fields.values() for one in records)
            empty = {"description"}  # what FASTA may have after a name
            filled = [t for t in records[0].fields if t not in empty or any(one.fields[t] for one in records)]
            self._titles = renamed([*([NAME] if self._named else []), *filled], self._taken)
        columns = {self._titles[NAME]: [one.name for one in records]} if self._named else {}
        fields = [title for title in self._titles if not (self._named and title == NAME)]
        return columns | {self._titles[title]: [one.fields.get(title, "") for one in records] for title in fields}


def merged(columns: Mapping[str, Sequence[object]], own: Collection[str]) -> dict[str, Sequence[object]]:
    """Return input columns under their titles in an output with columns of its own."""
    titles = renamed(columns, own)
    return {titles[title]: values for title, values in columns.items()}


def rejects_beside(out: str) -> Path | None:
    """Return the reject file of an output; None, which means beside the input, for standard output."""
    return None if out == "-" else Path(f"{out}.rejected.csv").expanduser()

"""Titles of the columns that hold molecules, sequences and names, matched without case, blanks and punctuation."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from seqvae.errors import InputError

_OWN = "text"  # of the tables that are written here
_MOLECULES = ("smiles", "selfies")
_MORE_MOLECULES = ("structure", "structures", "mol", "molecule", "molecules")
_SEQUENCES = ("sequence", "seq")
_MORE_SEQUENCES = ("sequences", "seqs", "dna", "rna", "peptide", "promoter", "oligo")
_VARIANTS = ("variant", "variants", "mutant", "mutants", "mutation", "mutations")
_NAMES = ("name", "id")
_MORE_NAMES = (
    *("compoundid", "compoundname", "compound", "moleculeid", "moleculename", "molid", "molname", "title", "cid"),
    *("chemblid", "moleculechemblid", "zincid", "catalogid", "identifier", "sequenceid", "sequencename", "seqid"),
    *("accession", "names", "ids"),
)
HOW = "--column TITLE (column=TITLE in Python)"


def key_of(title: str) -> str:
    """Return a title without case, blanks and punctuation; with them where it has nothing else."""
    return re.sub(r"[\W_]+", "", title.lower()) or title.strip().lower()


def likely(header: Sequence[str]) -> list[str]:
    """Return the titles that are likely to be of the texts: one if it is obvious, none, or several.

    The exact words come before those that contain them, so that `smiles` is obvious beside `smiles_length`.
    """
    keys = {title: key_of(title) for title in header}
    own = [title for title, key in keys.items() if key == _OWN]
    if len(own) == 1:
        return own
    molecules = [title for title, key in keys.items() if key in _MOLECULES]
    molecules = molecules or [title for title, key in keys.items() if any(word in key for word in _MOLECULES)]
    molecules = molecules or [title for title, key in keys.items() if key in _MORE_MOLECULES]
    sequences = [title for title, key in keys.items() if key in _SEQUENCES]
    sequences = sequences or [
        title for title, key in keys.items() if key in _MORE_SEQUENCES or key.endswith(_SEQUENCES)
    ]
    found = [*own, *molecules, *sequences]
    return found or [title for title, key in keys.items() if key in _VARIANTS]


def is_plain(title: str) -> bool:
    """Whether a title is one of the exact words, which need no explanation."""
    return key_of(title) in (_OWN, *_MOLECULES, *_SEQUENCES)


def text_column(header: Sequence[str], asked: str, name: str) -> str:
    """Find the column of the texts.

    Args:
        header: the table's columns.
        asked: the requested column, its title or its number from 1, or "" for the obvious one.
        name: the file, for the message.

    Returns:
        Its title.

    Raises:
        InputError: if there is no such column, or none is obvious; the message lists the columns.
    """
    if asked:
        found = present(header, asked, name)
        return found if asked.isdigit() else _alone(header, found, name)
    if len(header) == 1:
        return header[0]
    obvious = likely(header)
    if len(obvious) != 1:
        many = "several are likely" if obvious else "none is obvious"
        found = ", ".join(header) or "no header"
        inchi = next((title for title in header if "inchi" in key_of(title)), None)
        hint = f" ({inchi!r} is not read: convert InChI to SMILES first)" if inchi and not obvious else ""
        raise InputError(f"{name}: name the column of the molecules or sequences, {many} among: {found}: {HOW}{hint}")
    return _alone(header, obvious[0], name)


def _alone(header: Sequence[str], found: str, name: str) -> str:
    """Return a title; raise InputError where another column had the same one (see `distinct`)."""
    places = [place for place, title in enumerate(header, 1) if re.sub(r"\.\d+$", "", title) == found]
    if len(places) > 1:
        raise InputError(
            f"{name}: {len(places)} columns are called {found!r}: name one by its number, "
            f"--column {' or '.join(map(str, places))} (column= in Python)"
        )
    return found


def matching(header: Sequence[str], asked: str) -> str | None:
    """Return the title that is asked for: as it is, else without case and blanks, else by its number from 1."""
    if asked in header:
        return asked
    alike = [title for title in header if key_of(title) == key_of(asked)]
    if alike:
        return alike[0] if len(alike) == 1 else None
    number = int(asked) if asked.isascii() and asked.isdigit() else 0
    return header[number - 1] if 1 <= number <= len(header) else None


def present(header: Sequence[str], title: str, name: str) -> str:
    """Return a title of the header as it stands there; raise InputError where it does not."""
    if (found := matching(header, title)) is not None:
        return found
    close = difflib.get_close_matches(title.lower(), [h.lower() for h in header], 1)
    hint = next((f"; did you mean {h!r}?" for h in header if close and h.lower() == close[0]), "")
    raise InputError(f"{name}: no column {title!r}; the columns are {', '.join(header) or 'none'}{hint}")


def name_column(header: Sequence[str], text: int) -> int | None:
    """Return the place of the column of names or ids, None where there is none."""
    for words in (_NAMES, _MORE_NAMES):
        for place, title in enumerate(header):
            if place != text and key_of(title) in words:
                return place
    return None


def distinct(header: Sequence[str]) -> list[str]:
    """Return stripped titles, all different and none empty: an empty one becomes `column_3`, a repeated one `x.2`."""
    found: list[str] = []
    for place, title in enumerate(header, 1):
        shown = first = title.strip() or f"column_{place}"
        count = 1
        while shown in found:
            count += 1
            shown = f"{first}.{count}"
        found.append(shown)
    return found

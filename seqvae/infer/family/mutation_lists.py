"""The target of a family and its variants, as lists of mutations or as sequences, in the columns of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seqvae.data.files.alignments import matched
from seqvae.errors import InputError, UsageError, quoted
from seqvae.latent.codec import Codec
from seqvae.sequences.alphabet import GAP

_RANGE = re.compile(r"/(\d+)-\d+$")  # of a name in Pfam's manner
_MUTATION = re.compile(r"([A-Za-z])(\d+)([A-Za-z-])")
_BETWEEN = re.compile(r"[\s:;,/+_]+")
_NONE = ("", "wt", "wildtype", "wild-type")
_SHOWN = 10  # letters of a target in a message


@dataclass(frozen=True)
class Target:
    """What variants are compared with.

    Attributes:
        letters: all of its letters, insertions too.
        columns: for each letter the model's column, from 0; -1 where the model has none.
        form: its row in the model's columns.
        first: the number of its first letter.
    """

    letters: str
    columns: tuple[int, ...]
    form: str
    first: int


@dataclass(frozen=True)
class Variant:
    """A variant of a target.

    Attributes:
        form: its row in the model's columns.
        changes: column and token id of each difference from the target that the model sees.
        mutations: positions of the target that are changed.
        unmodelled: how many of these the model does not see.
    """

    form: str
    changes: tuple[tuple[int, int], ...]
    mutations: int
    unmodelled: int


def target_of(codec: Codec, reference: str = "", first: int = 0) -> Target:
    """Return the target that variants of a model are compared with; raises as `effects.variants`.

    Args:
        codec: the model.
        reference: a sequence, or an aligned row; empty: the first row of the family that the model was trained on.
        first: the number of its first letter; 0: as its name says, or 1.
    """
    family = codec.provenance.get("family")
    if codec.tokenizer.molecular:
        raise UsageError("expected a model of sequences: molecules have no numbered positions; score them as a file")
    if not reference and family is None:
        raise UsageError("expected --reference SEQUENCE (reference= in Python): the model was trained on no alignment")
    row, start = reference.strip(), first or 1
    if family is not None:
        own = str(family["target"])
        if not row or _letters(row).upper() == _letters(own).upper():
            named = _RANGE.search(str(family["name"]))
            row, start = own, first or (int(named[1]) if named else 1)
        if len(matched(row)) != codec.max_length:
            raise InputError(
                f"the reference {quoted(row)} has {len(matched(row)):,} aligned columns, the model has "
                f"{codec.max_length:,}: give a row of its alignment, insertions in lower case, or leave --reference "
                "out for the first row"
            )
    aligned = family is not None
    columns, found = [], 0
    for letter in row:
        seen = not aligned or not (letter.islower() or letter == ".")
        if letter not in (GAP, "."):
            columns.append(found if seen else -1)
        found += seen
    form = codec.tokenizer.normalize(matched(row) if aligned else row)
    return Target(_letters(row).upper() if aligned else form.replace(GAP, ""), tuple(columns), form, start)


def _letters(row: str) -> str:
    return row.replace(GAP, "").replace(".", "")


def read_variants(codec: Codec, texts: Sequence[str], target: Target) -> list[Variant]:
    """Read variants, each a list of mutations or a sequence of the target's length; raises as `effects.variants`."""
    found = []
    for row, text in enumerate(texts):
        try:
            found.append(_read(codec, text.strip(), target))
        except InputError as error:
            raise InputError(f"variant {row + 1:,} of {len(texts):,}: {error}") from None
    return found


def _read(codec: Codec, text: str, target: Target) -> Variant:
    parts = [part for part in _BETWEEN.split(text) if part]
    if text.lower() in _NONE:
        return _made(codec, {}, target)
    if all(_MUTATION.fullmatch(part) for part in parts):
        return _made(codec, _changed(parts, target), target)
    letters = text.upper()
    if len(letters) == len(target.letters):
        return _made(codec, {place: new for place, new in enumerate(letters) if new != target.letters[place]}, target)
    if len(letters) == len(target.form):
        place_of = {column: place for place, column in enumerate(target.columns) if column >= 0}
        changed = {place_of[column]: letters[column] for column in place_of}
        inserted = any(letters[column] != GAP for column in range(len(letters)) if column not in place_of)
        if not inserted:
            return _made(codec, {p: new for p, new in changed.items() if new != target.letters[p]}, target)
    raise InputError(
        f"expected mutations such as A24G:T30S, or a sequence of {len(target.letters):,} letters as the reference, got "
        f"{quoted(text)}"
    )


def _changed(parts: Sequence[str], target: Target) -> dict[int, str]:
    """Return the new letter at each place of the target, counted from 0."""
    changed: dict[int, str] = {}
    last = target.first + len(target.letters) - 1
    for part in parts:
        old, number, new = part[0].upper(), int(part[1:-1]), part[-1].upper()
        place = number - target.first
        if not 0 <= place < len(target.letters):
            raise InputError(f"{part}: the reference has the positions {target.first} to {last}")
        if target.letters[place] != old:
            raise InputError(
                f"{part}: the reference has {target.letters[place]} at {number}, counted from {target.first} at its "
                f"first letter ({target.letters[:_SHOWN]}...): --first NUMBER counts from another"
            )
        if changed.get(place, new) != new:
            raise InputError(f"{part}: position {number} is changed twice")
        changed[place] = new
    return changed


def _made(codec: Codec, changed: dict[int, str], target: Target) -> Variant:
    form = list(target.form)
    seen = {target.columns[place]: new for place, new in changed.items() if target.columns[place] >= 0}
    for column, new in seen.items():
        form[column] = new
    text = "".join(form)
    try:
        ids = codec.tokenizer.encode(text) if seen else []
    except InputError as error:
        raise InputError(f"the model cannot read it: {error}") from error
    changes = tuple((column, ids[column]) for column in sorted(seen))
    return Variant(text, changes, len(changed), len(changed) - len(seen))

"""What was measured of texts, in a laboratory or before a search: checked, and as entries of a ledger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvae.data.files.formats import Record
from seqvae.data.files.open import shown_name
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.errors import InputError, RecordError, UsageError
from seqvae.properties.scoring import SCORE
from seqvae.search.proposals import Canonical
from seqvae.search.storage.ledger import GIVEN, Entry

OBSERVED = "observed"  # what proposed a text that was never asked for


@dataclass(frozen=True)
class Measurement:
    """What was measured of a text.

    Attributes:
        text: in any form.
        scores: higher is better; NaN, all of them, of a missing well.
        where: file and line, for messages.
    """

    text: str
    scores: tuple[float, ...]
    where: str = ""


def read_measurements(source: str, column: str = "", scores: Sequence[str] = (SCORE,)) -> list[Measurement]:
    """Read a table of texts and their scores.

    Args:
        source: path of the table, or `-`.
        column: of the texts; empty: the one obvious column.
        scores: columns of the scores.

    Raises:
        InputError: there is no such column.
        RecordError: a score is no number; with its line.
    """
    format_ = "csv" if source == "-" else ""
    records, _ = read_records(source, ReadSettings(column, keep=tuple(scores), format=format_))
    name = shown_name(source)
    for score in scores:
        if not any(score in record.fields for record in records):
            raise InputError(f"{name}: expected a table with a column {score!r} beside the texts, found none")
    return [
        Measurement(record.text, tuple(_number(record, score, name) for score in scores), f"{name}:{record.line}: ")
        for record in records
    ]


def _number(record: Record, score: str, name: str) -> float:
    """Return what is in a cell, NaN where it is empty."""
    cell = str(record.fields.get(score) or "").strip()
    try:
        return float(cell) if cell else math.nan
    except ValueError as error:
        raise RecordError(f"expected a number as {score!r}, got {cell!r}", file=name, line=record.line) from error


def measured_forms(
    measurements: Sequence[Measurement], canonical: Canonical, columns: int
) -> list[tuple[str, Measurement]]:
    """Return all but the missing wells, each with the canonical form of its text.

    Args:
        measurements: in any order, repeats among them.
        canonical: returns the canonical form of a text that was measured, None where it is none of the search.
        columns: numbers that a text of the search gets.

    Raises:
        InputError: a text is none of the search's kind or breaks one of its rules, or a score is infinite.
        UsageError: a text has more or fewer scores.
    """
    for one in measurements:
        if len(one.scores) != columns:
            raise UsageError(
                f"{one.where}{one.text!r}: expected as many scores as the search has, {columns}, got {len(one.scores)}"
            )
    return [(_form(canonical, one), one) for one in measurements if not all(map(math.isnan, one.scores))]


def given(measurements: Sequence[Measurement], canonical: Canonical, columns: int) -> list[Entry]:
    """Return what was measured before a search as its first round; arguments and errors as of `measured_forms`."""
    kept: dict[str, list[Measurement]] = {}
    for form, one in measured_forms(measurements, canonical, columns):
        kept.setdefault(form, []).append(one)
    return [
        Entry(0, place, found[-1].text, form, GIVEN, mean([one.scores for one in found]), proposer=OBSERVED)
        for place, (form, found) in enumerate(kept.items())
    ]


def mean(scores: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the mean of several measurements of a text."""
    return tuple(np.mean(scores, axis=0).tolist())


def _form(canonical: Canonical, one: Measurement) -> str:
    form = canonical(one.text)
    if form is None:
        raise InputError(
            f"{one.where}{one.text!r} is no text of this search, or breaks one of its rules: correct it, or leave the "
            "row out"
        )
    if any(math.isinf(score) for score in one.scores):
        raise InputError(f"{one.where}{one.text!r} has an infinite score: leave the cell empty where there is none")
    return form

"""Measured scores, from a laboratory or from before a search: read, checked, and turned into ledger entries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvae.data.files.open import shown_name
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.errors import InputError, RecordError, UsageError
from seqvae.properties.scoring import SCORE
from seqvae.search.proposals import Canonical
from seqvae.search.storage.ledger import GIVEN, Entry

OBSERVED = "observed"  # the proposer of a text that the search never asked for


@dataclass(frozen=True)
class Measurement:
    """The measured scores of a text.

    Attributes:
        text: in any form.
        scores: higher is better; all NaN for a missing well.
        where: file and line, for messages.
    """

    text: str
    scores: tuple[float, ...]
    where: str = ""


def read_measurements(source: str, column: str = "", scores: Sequence[str] = (SCORE,)) -> list[Measurement]:
    """Read a table of texts and their scores.

    Args:
        source: path of the table, or `-`.
        column: column of the texts; empty: the one obvious column.
        scores: columns of the scores; an empty cell is NaN.

    Raises:
        InputError: there is no such column.
        RecordError: a score is not a number; it names the line.
    """
    format_ = "csv" if source == "-" else ""
    records, _ = read_records(source, ReadSettings(column, keep=tuple(scores), format=format_))
    name = shown_name(source)
    for score in scores:
        if not any(score in record.fields for record in records):
            raise InputError(f"{name}: expected a table with a column {score!r} beside the texts, found none")
    found = []
    for record in records:
        numbers = []
        for score in scores:
            cell = str(record.fields.get(score) or "").strip()
            try:
                numbers.append(float(cell) if cell else math.nan)
            except ValueError as error:
                reason = f"expected a number as {score!r}, got {cell!r}"
                raise RecordError(reason, file=name, line=record.line) from error
        found.append(Measurement(record.text, tuple(numbers), f"{name}:{record.line}: "))
    return found


def measured_forms(
    measurements: Sequence[Measurement], canonical: Canonical, columns: int
) -> list[tuple[str, Measurement]]:
    """Return all measurements but the missing wells, each with the canonical form of its text.

    Args:
        measurements: in any order; texts may repeat.
        canonical: returns the canonical form of a measured text, None where it cannot belong to the search.
        columns: numbers per text in this search.

    Raises:
        InputError: a text is not of the search's kind or breaks one of its constraints, or a score is infinite.
        UsageError: a text has too many or too few scores.
    """
    for one in measurements:
        if len(one.scores) != columns:
            raise UsageError(
                f"{one.where}{one.text!r}: expected as many scores as the search has, {columns}, got {len(one.scores)}"
            )
    found = []
    for one in measurements:
        if all(map(math.isnan, one.scores)):
            continue
        if (form := canonical(one.text)) is None:
            raise InputError(
                f"{one.where}{one.text!r} is no text of this search, or breaks one of its rules: correct it, or leave "
                "the row out"
            )
        if any(map(math.isinf, one.scores)):
            raise InputError(f"{one.where}{one.text!r} has an infinite score: leave the cell empty where there is none")
        found.append((form, one))
    return found


def given(measurements: Sequence[Measurement], canonical: Canonical, columns: int) -> list[Entry]:
    """Return what was measured before a search as its round 0; arguments and errors are those of `measured_forms`."""
    kept: dict[str, list[Measurement]] = {}
    for form, one in measured_forms(measurements, canonical, columns):
        kept.setdefault(form, []).append(one)
    return [
        Entry(0, place, form, form, GIVEN, mean([one.scores for one in found]), proposer=OBSERVED)
        for place, (form, found) in enumerate(kept.items())
    ]


def mean(scores: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the mean of repeated measurements of a text, column by column."""
    return tuple(np.mean(scores, axis=0).tolist())

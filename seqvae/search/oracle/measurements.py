"""Measured scores, from a laboratory or from before a search: read, checked, and turned into ledger entries."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from seqvae.config.checks import door
from seqvae.data.files.open import note, shown_name
from seqvae.data.files.readers import ReadSettings, items_of
from seqvae.data.files.records import Flaw, Record
from seqvae.data.numbers import censored_note, decimal_commas, parse
from seqvae.errors import InputError, RecordError, SeqVAEWarning, UsageError
from seqvae.properties.scoring import SCORE
from seqvae.search.proposals import Canonical
from seqvae.search.replicates import averaged
from seqvae.search.storage import run_folder
from seqvae.search.storage.ledger import GIVEN, OK, Entry, Ledger

OBSERVED = "observed"  # the proposer of a text that the search never asked for


@dataclass(frozen=True)
class Measurement:
    """The measured scores of a text.

    Attributes:
        text: in any form.
        scores: higher is better; all NaN for a missing well.
        where: file and line, for messages.
        name: its identifier in the laboratory's table; empty: it has none.
        fields: the other columns of that table, by title, which travel to the results.
        errors: standard errors of the scores; empty: unknown.
    """

    text: str
    scores: tuple[float, ...]
    where: str = ""
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[float, ...] = ()


@door
def read_measurements(
    source: str, column: str = "", scores: Sequence[str] = (SCORE,), format: str = "", error: str = ""
) -> list[Measurement]:
    """Read a table of texts and their scores; a row that cannot be read is left out with a warning.

    Args:
        source: path of the table, or `-`; or the folder of a search, whose scored designs are taken as they are.
        column: column of the texts; empty: the one obvious column.
        scores: columns of the scores; an empty cell is NaN.
        format: what the table is, where neither its content nor its ending tells.
        error: column of the standard errors of the score, above 0; an empty cell: unknown. "": there is none.

    Raises:
        InputError: there is no such column, or there are no rows.
        RecordError: no row can be read; it names the first one.
    """
    if is_search(source):
        return measurements_of(Path(source))
    kept = (*scores, error) if error else tuple(scores)
    settings = ReadSettings(column, keep=kept, format=format or ("csv" if source == "-" else ""), all=True)
    name = shown_name(source)
    try:
        items = list(items_of(source, settings))
    except InputError as missing:
        if f"no column {SCORE!r}" not in str(missing):
            raise
        raise InputError(f"{missing}; name that of the scores: --score TITLE") from None
    records = [item for item in items if isinstance(item, Record)]
    bad = [RecordError(item.reason, file=name, line=item.line) for item in items if isinstance(item, Flaw)]
    if not records:
        raise bad[0] if bad else InputError(f"{name}: the file holds no records")
    for score in kept:
        if not any(score in record.fields for record in records):
            raise InputError(f"{name}: expected a table with a column {score!r} beside the texts, found none")
    found = list[Measurement]()
    censored: dict[str, Counter[str]] = {score: Counter() for score in scores}
    decimal = decimal_commas([record.fields.get(score) or "" for record in records for score in scores])
    for record in records:
        numbers = [parse(str(record.fields.get(score) or ""), decimal) for score in scores]
        for score, number in zip(scores, numbers, strict=True):
            if number is None:
                reason = f"expected a number as {score!r}, got {record.fields.get(score)!r}"
                bad.append(RecordError(reason, file=name, line=record.line))
                break
            censored[score].update([number.censored] if number.censored else [])
        else:
            values = tuple(number.value for number in numbers if number is not None)
            given = parse(str(record.fields.get(error) or ""), decimal) if error else None
            if error and (given is None or given.value <= 0 or math.isinf(given.value)):
                reason = f"expected a number above 0 as {error!r}, got {record.fields.get(error)!r}"
                bad.append(RecordError(reason, file=name, line=record.line))
                continue
            fields = {t: cell for t, cell in record.fields.items() if cell and t not in kept and cell != record.name}
            errors = (given.value,) if given is not None and given.value > 0 else ()
            found.append(Measurement(record.text, values, f"{name}:{record.line}: ", record.name, fields, errors))
    for score in scores:
        if censored[score]:
            note(f"{name}: {censored_note(score, censored[score])}")
    _left_out([str(error) for error in bad], len(items), bad[0] if bad and not found else None)
    return found


def is_search(source: str) -> bool:
    """Return whether a source of measurements is the folder of a search."""
    with suppress(OSError):  # a name that no file can have
        return source not in ("", "-") and (Path(source) / run_folder.LEDGER).is_file()
    return False


def measurements_of(folder: Path) -> list[Measurement]:
    """Return what a search has scored, with names and columns; raises InputError where it is damaged or has nothing."""
    settings, names, columns = run_folder.settings_of(folder), run_folder.names(folder), run_folder.carried(folder)
    with closing(Ledger(folder / run_folder.LEDGER, shape=run_folder.shape_of(settings))) as ledger:
        found = [
            Measurement(form, one.scores, f"{folder}: ", names.get(form, ""), columns.get(form, {}), one.errors)
            for one in ledger.entries()
            if one.status in (OK, GIVEN) and (form := one.canonical) is not None
        ]
    if not found:
        raise InputError(f"{folder}: this search has scored nothing yet")
    return found


def _left_out(reasons: Sequence[str], rows: int, error: Exception | None) -> None:
    """Warn of rows that are left out; raise the error, where there is one, since none is left."""
    if error is not None:
        raise error
    if reasons:
        more = f" ({len(reasons):,} in all)" if len(reasons) > 1 else ""
        warnings.warn(f"{len(reasons):,} of {rows:,} rows left out: {reasons[0]}{more}", SeqVAEWarning, stacklevel=3)


def measured_forms(
    measurements: Sequence[Measurement], canonical: Canonical, columns: int
) -> list[tuple[str, Measurement]]:
    """Return all measurements but the missing wells, each with the canonical form of its text.

    A row whose text is none of the search's kind, or whose score is infinite, is left out with a warning.

    Args:
        measurements: in any order; texts may repeat.
        canonical: returns the canonical form of a measured text, None where it cannot belong to the search.
        columns: numbers per text in this search.

    Raises:
        InputError: no row can be used; it names the first.
        UsageError: a text has too many or too few scores.
    """
    for one in measurements:
        if len(one.scores) != columns:
            raise UsageError(
                f"{one.where}{one.text!r}: expected as many scores as the search has, {columns}, got {len(one.scores)}"
            )
    found, bad, measured = [], list[str](), [one for one in measurements if not all(map(math.isnan, one.scores))]
    for one in measured:
        if (form := canonical(one.text)) is None:
            bad.append(f"{one.where}{one.text!r} is no text of this search: correct it, or leave the row out")
        elif one.errors and (len(one.errors) != columns or not all(0 < error < math.inf for error in one.errors)):
            bad.append(f"{one.where}{one.text!r}: expected a standard error above 0 of each score, got {one.errors}")
        elif any(map(math.isinf, one.scores)):
            bad.append(f"{one.where}{one.text!r} has an infinite score: leave the cell empty where there is none")
        else:
            found.append((form, one))
    _left_out(bad, len(measured), InputError(bad[0]) if bad and not found else None)
    return found


def given(measurements: Sequence[Measurement], canonical: Canonical, columns: int, each: bool = False) -> list[Entry]:
    """Return what was measured before a search as its round 0; arguments and errors are those of `measured_forms`.

    Args:
        measurements: as there.
        canonical: as there.
        columns: as there.
        each: every measurement is an entry, as in a laboratory's search; otherwise the mean of each text.
    """
    if each:
        return [
            Entry(0, place, form, form, GIVEN, one.scores, proposer=OBSERVED, errors=one.errors)
            for place, (form, one) in enumerate(measured_forms(measurements, canonical, columns))
        ]
    kept: dict[str, list[Measurement]] = {}
    for form, one in measured_forms(measurements, canonical, columns):
        kept.setdefault(form, []).append(one)
    return [
        Entry(
            0,
            place,
            form,
            form,
            GIVEN,
            averaged([one.scores for one in found], [one.errors for one in found]),
            proposer=OBSERVED,
        )
        for place, (form, found) in enumerate(kept.items())
    ]

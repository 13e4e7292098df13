"""What a browser may ask: each field of a request has a type and a limit, and everything else is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from seqvae.errors import InputError, UsageError
from seqvae.report.map.drawings import compact_drawing

if TYPE_CHECKING:
    from seqvae.evaluate.maps.explorer import Explorer

LARGEST = 1 << 20  # bytes of a request
MOST_TEXTS, LONGEST_TEXT, MOST_ROWS = 1000, 2000, 250_000
MOST_ANALOGS, MOST_STEPS, MOST_STRENGTHS = 200, 50, 20

Fields = Mapping[str, Any]


def answer(explorer: Explorer, what: str, body: bytes) -> dict[str, Any]:
    """Return the answer to a request, in JSON types.

    Raises:
        UsageError: there is no such request.
        SeqVAEError: it is not as it should be, or cannot be answered.
    """
    if what not in _REQUESTS:
        raise UsageError(f"unknown request {what!r:.40}")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("expected a request in JSON") from error
    if not isinstance(fields, dict):
        raise InputError("expected a request as a JSON object")
    return _REQUESTS[what](explorer, fields)


def _number(fields: Fields, name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or abs(value) > 1e9:
        raise InputError(f"{name}: expected a finite number")
    return float(value)


def _count(fields: Fields, name: str, low: int, high: int) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name}: expected a whole number from {low} to {high}")
    return value


def _text(fields: Fields, name: str, longest: int = LONGEST_TEXT) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise InputError(f"{name}: expected a text of 1 to {longest:,} characters")
    return value.strip()


def _rows(explorer: Explorer, fields: Fields, name: str, most: int = MOST_ROWS) -> list[int]:
    value, count = fields.get(name), len(explorer.map)
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise InputError(f"{name}: expected 1 to {most:,} rows")
    if not all(type(row) is int and 0 <= row < count for row in value):
        raise InputError(f"{name}: expected rows from 0 to {count - 1}")
    return value


def _drawn(explorer: Explorer, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add a drawing to each molecule."""
    if explorer.map.molecular:
        for row in rows:
            row["drawing"] = compact_drawing(row["text"])
    return rows


def _at(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    from seqvae.runtime.device import one_thread  # loads torch, which a refusal before need not wait for

    x, y = _number(fields, "x"), _number(fields, "y")
    with one_thread(explorer.codec.device):  # a single row gains nothing from a second core, which the browser needs
        return _drawn(explorer, [explorer.at(x, y)])[0]


def _near(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    return {"near": explorer.near(_count(fields, "row", 0, len(explorer.map) - 1))}


def _path(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    ends = []
    for name in ("first", "last"):
        end = fields.get(name)
        if isinstance(end, list) and len(end) == 2:
            place = dict(zip("xy", end, strict=True))
            ends.append([_number(place, "x"), _number(place, "y")])
        else:
            ends.append([float(row) for row in _rows(explorer, fields, name, 1)])
    return {"rows": _drawn(explorer, explorer.path(ends[0], ends[1], _count(fields, "steps", 2, MOST_STEPS)))}


def _analogs(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    found = explorer.analogs(_text(fields, "text"), _count(fields, "number", 1, MOST_ANALOGS))
    return found | {"rows": _drawn(explorer, found["rows"])}


def _place(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    lines = [line.split(None, 1) for line in _text(fields, "texts", 200_000).splitlines() if line.strip()]
    if len(lines) > MOST_TEXTS or any(len(line[0]) > LONGEST_TEXT for line in lines):
        raise InputError(f"expected {MOST_TEXTS:,} lines at most, each of {LONGEST_TEXT:,} characters at most")
    names = [line[1].strip()[:200] if len(line) > 1 else "" for line in lines]
    found = explorer.place([line[0] for line in lines], names)
    return found | {"rows": _drawn(explorer, found["rows"])}


def _between(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    strengths = fields.get("strengths")
    if not isinstance(strengths, list) or not 1 <= len(strengths) <= MOST_STRENGTHS:
        raise InputError(f"strengths: expected 1 to {MOST_STRENGTHS} numbers")
    numbers = [_number({"strengths": one}, "strengths") for one in strengths]
    with_, without = (_rows(explorer, fields, name, 20_000) for name in ("with", "without"))
    return {"rows": _drawn(explorer, explorer.between(with_, without, _text(fields, "text"), numbers))}


def _objective(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    found = explorer.objective(_text(fields, "name", 200))
    values = [round(float(value), 5) for value in found.values.ravel()]
    return {"name": "objective", "values": values, "low": found.low, "high": found.high, "about": found.about}


def _find(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    return {"rows": explorer.find(_text(fields, "query", 500))}


def _logo(explorer: Explorer, fields: Fields) -> dict[str, Any]:
    from seqvae.evaluate.sequences.logo import logo
    from seqvae.report.html.logo import axis_top, logo_plot

    rows, alphabet = _rows(explorer, fields, "rows"), explorer.codec.tokenizer.domain.alphabet
    if alphabet is None:
        raise InputError("a logo needs sequences over a known alphabet")
    made = logo([explorer.map.forms[row] for row in rows], alphabet.letters)
    if made is None:
        raise InputError("the selected sequences have different lengths: a logo needs most of one length")
    return {"svg": logo_plot(made, f"Logo of {made.sequences:,} selected sequences", axis_top([made]))}


_REQUESTS: dict[str, Callable[[Explorer, Fields], dict[str, Any]]] = {
    "at": _at,
    "near": _near,
    "path": _path,
    "analogs": _analogs,
    "place": _place,
    "between": _between,
    "objective": _objective,
    "find": _find,
    "logo": _logo,
}

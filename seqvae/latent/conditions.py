"""Conditions as a user gives them, by name, to the numbers that a model reads."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from seqvae.config import ModelConfig, suggestion
from seqvae.data.classes import class_numbers, class_of
from seqvae.data.files.records import Record
from seqvae.data.numbers import numbers
from seqvae.errors import SeqVAEWarning, UsageError
from seqvae.model.priors.contract import Prior
from seqvae.model.priors.gaussians import ConditionalGaussian

# Values by name: one for all, a number or the name of a class; or one for each text, None for what is not known.
Asked = Mapping[str, Any]
# The same, or rows of numbers in the model's order, NaN for what is not known.
Known = Asked | NDArray[Any] | Tensor | None
# A prior by its name, or conditions, for the model's own prior given these.
PriorChoice = str | Mapping[str, SupportsFloat | str]


def asked(prior: PriorChoice, conditions: Asked | None) -> PriorChoice:
    """Return the prior to draw from, given conditions or none.

    Raises:
        UsageError: there are both conditions and another prior.
    """
    if not conditions:
        return prior
    if prior != "auto":
        raise UsageError(f"prior {prior!r} takes no conditions: leave one of them out")
    return conditions


@dataclass(frozen=True)
class ReadConditions:
    """The conditions of the records of a file.

    Attributes:
        rows: float32 `(records, conditions)` in the model's order, NaN for what is not known; None: the file has none
            of the columns, or the model takes no conditions.
        said: in one line, which columns there are; empty for a model without conditions.
    """

    rows: NDArray[np.float32] | None = None
    said: str = ""


def conditions_of(records: Sequence[Record], config: ModelConfig, source: str) -> ReadConditions:
    """Return the conditions of records that were read with all their columns.

    Raises:
        RecordError: a cell holds no number, or none of the classes.
    """
    titles = [name for name in config.condition_names if records and name in records[0].fields]
    cells = {name: [record.fields.get(name, "") for record in records] for name in titles}
    return conditions_in(cells, [record.line for record in records], config, source)


def conditions_in(
    cells: Mapping[str, Sequence[object]], lines: Sequence[int], config: ModelConfig, source: str
) -> ReadConditions:
    """Return the conditions among columns, given by their titles; raises as `conditions_of`."""
    names, table = config.condition_names, config.class_table
    if not names:
        return ReadConditions()
    there = [name for name in names if name in cells]
    absent = [name for name in names if name not in cells]
    if not there:
        return ReadConditions(None, f"{source} has no column {' or '.join(absent)}: no condition is known")
    rows = np.full((len(lines), len(names)), np.nan, np.float32)
    for name in there:
        column = ["" if cell is None else str(cell) for cell in cells[name]]
        if name in table:
            found = class_numbers(column, table[name], name, source, lines)
        else:
            found = numbers(column, name, source, lines)[0]
        rows[:, names.index(name)] = found
    unknown = f"; not known: {', '.join(absent)}" if absent else ""
    return ReadConditions(rows, f"conditions by column: {', '.join(there)}{unknown}")


def condition_rows(values: Asked, prior: Prior, config: ModelConfig, count: int) -> Float[Tensor, "rows conditions"]:
    """Return conditions in the model's order, NaN for those not named: one row if each has one value, else `count`.

    Warns where values lie outside those of the training texts.

    Raises:
        UsageError: a model without conditions, an unknown one, a value that is no finite number or none of the classes,
            or another number of values than texts.
    """
    names = config.condition_names
    if not isinstance(prior, ConditionalGaussian):
        raise UsageError("this model takes no conditions: train one with --conditions COLUMN")
    table, found = config.class_table, torch.full((1, len(names)), torch.nan)
    for name, given in values.items():
        if name not in names:
            raise UsageError(f"unknown condition {name!r}{suggestion(name, names)}; the model has {', '.join(names)}")
        each = not isinstance(given, str) and isinstance(given, Iterable)
        listed = list(given) if each else [given]
        if each and len(listed) != count:
            raise UsageError(f"condition {name}: expected one value or {count:,}, one for each, got {len(listed):,}")
        classes, missing = table.get(name), each  # one value for all is asked for, and so has to be known
        numbers = [_class(name, one, classes, missing) if classes else _number(name, one, missing) for one in listed]
        column = torch.tensor(numbers)
        place = names.index(name)
        if not classes:
            _tell_range(name, column, float(prior.low[place]), float(prior.high[place]))
        if len(column) > len(found):
            found = found.repeat(len(column), 1)
        found[:, place] = column
    return found


def _number(name: str, value: Any, missing: bool) -> float:  # noqa: ANN401 - what a user gives
    """Return a finite number, or NaN for one that is missing where that is allowed."""
    if missing and value is None:
        return math.nan
    try:
        found = float(value)
    except (TypeError, ValueError):
        found, shown = math.inf, repr(value)
    else:
        shown = f"{found}"
    if not math.isfinite(found) and not (missing and math.isnan(found)):
        raise UsageError(f"condition {name}: expected a finite number, got {shown}")
    return found


def _class(name: str, value: Any, classes: Sequence[str], missing: bool) -> float:  # noqa: ANN401
    """Return the number of a class, or NaN for one that is missing where that is allowed."""
    written = class_of(value)
    if missing and not written:
        return math.nan
    if written not in classes:
        known = ", ".join(classes)
        raise UsageError(f"condition {name}: expected one of {known}, got {value!r}{suggestion(written, classes)}")
    return float(classes.index(written))


def _tell_range(name: str, values: Tensor, low: float, high: float) -> None:
    """Warn where values lie outside the range of the training texts."""
    outside = values[(values < low) | (values > high)]
    if not len(outside):
        return
    what = f"{name} = {outside[0]:g}" if len(values) == 1 else f"{name} = {outside[0]:g} of {len(outside):,} texts"
    warnings.warn(
        f"condition {what} is outside the training texts' {low:g} to {high:g}: the model extrapolates as far as it can",
        SeqVAEWarning,
        stacklevel=3,
    )

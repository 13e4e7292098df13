"""Properties by name: those of seqvae, those of installed packages, and functions of the user's own.

A name is one of

* a plain word, such as `qed`;
* a family and what it needs to know, such as `pmo:deco_hop` or `similarity:ecfp4:SMILES`;
* the name of an entry point of the group `seqvae.properties`, in an installed package;
* `module:function`, something of the user's own (`own.py` says what it may be).

The first that fits is taken, in this order.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from seqvae.config import suggestion
from seqvae.errors import SeqVAEWarning, UsageError
from seqvae.properties.property import Property
from seqvae.properties.user import imported, property_of
from seqvae.sequences.domain import MOLECULES

if TYPE_CHECKING:
    from seqvae.properties.molecules.cache import Sheets

GROUP = "seqvae.properties"  # of entry points
# What stands before the first colon of a name, and the module that knows the rest; it is imported when it is asked for.
_FAMILIES = {
    "": "seqvae.properties.molecules.descriptors",
    "similarity": "seqvae.properties.molecules.similarity",
    "smarts": "seqvae.properties.molecules.substructure",
    "scaffold": "seqvae.properties.molecules.scaffold",
    "pmo": "seqvae.properties.benchmarks.pmo",
    "dna": "seqvae.properties.dna.composition",
    "ehrlich": "seqvae.properties.benchmarks.ehrlich",
    "tfbind8": "seqvae.properties.benchmarks.tfbind8",
}
# Texts that all properties are computed of before the next ones: fewer than the molecules that are kept at a time.
_TEXTS = 256


class Family(Protocol):
    """What the module of a family has; `FORMS`, the names with something to fill in, it may have."""

    listed: Callable[[], list[Property]]  # those with nothing to fill in
    named: Callable[[str], Property]  # by what stands after the colon


def get(name: str) -> Property:
    """Return a property by its name.

    Raises:
        UsageError: there is none of that name, or what the name brings in is no property; with a suggestion.

    >>> get("qed")(["CCO", "not a molecule"]).round(2).tolist()
    [0.41, nan]
    """
    prefix, colon, rest = name.partition(":")
    if colon and prefix in _FAMILIES:
        return _family(prefix).named(rest)
    if name in {found.name for found in _family("").listed()}:
        return _family("").named(name)
    if name in (points := _entry_points()):
        return property_of(points[name], name)
    if colon and (found := imported(prefix, rest, name)) is not None:
        return property_of(lambda: found, name)
    raise UsageError(_unknown(name))


def listed() -> list[Property]:
    """Return every property with nothing to fill in, those of installed packages last.

    An entry point that cannot be loaded, or has a name of ours, is left out with a warning.
    """
    ours = [found for prefix in _FAMILIES for found in _family(prefix).listed()]
    return [*ours, *_installed({found.name for found in ours})]


def forms() -> list[tuple[str, str, str]]:
    """Return the names with something to fill in: name, what it is of, and one line."""
    found = [form for prefix in _FAMILIES for form in getattr(_family(prefix), "FORMS", ())]
    return [*found, ("MODULE:FUNCTION", "any text", "your own function from a text to a number")]


def score(
    names: Sequence[str | Property], texts: Sequence[str], sheets: Sheets | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return several properties of the same texts; what they have in common is computed once.

    Args:
        names: of properties, or properties.
        texts: of what kind the properties say.
        sheets: molecules that have been read already; None: none have.

    Returns:
        `(batch,)` float64 of each property, by its name; NaN where a text has no value.

    Raises:
        UsageError: as `get`.
    """
    properties = [get(name) if isinstance(name, str) else name for name in names]
    if any(found.kind == MOLECULES for found in properties):
        from seqvae.properties.molecules.cache import Sheets, sharing  # RDKit: sequences do without

        sheets = Sheets(_TEXTS) if sheets is None else sheets
        properties = [sharing(found, sheets) for found in properties]
    parts = [texts[start : start + _TEXTS] for start in range(0, len(texts), _TEXTS)] or [texts]
    columns: dict[str, list[NDArray[np.float64]]] = {found.name: [] for found in properties}
    for part in parts:
        values = {found.name: found(part) for found in properties}
        for name, column in columns.items():
            column.append(values[name])
    return {name: np.concatenate(column) for name, column in columns.items()}


def _family(prefix: str) -> Family:
    return cast(Family, import_module(_FAMILIES[prefix]))


def _entry_points() -> dict[str, Callable[[], Any]]:
    """Return what loads each entry point of installed packages."""
    from importlib.metadata import entry_points

    return {point.name: point.load for point in entry_points(group=GROUP)}


def _installed(taken: set[str]) -> Iterator[Property]:
    for name, load in _entry_points().items():
        if name in taken or name.partition(":")[0] in _FAMILIES:
            reason = "the name is one of seqvae's own"
        else:
            try:
                yield property_of(load, name)
                continue
            except UsageError as error:
                reason = str(error)
        warnings.warn(f"property {name!r} of an installed package is left out: {reason}", SeqVAEWarning, stacklevel=2)


def _unknown(name: str) -> str:
    known = [*(found.name for found in listed()), *(form for form, _, _ in forms())]
    prefix, colon, _ = name.partition(":")
    if not colon:
        return f"unknown property {name!r}{suggestion(name, known)}"
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "`seqvae properties list` shows the names"
    return f"unknown property {name!r}: there is no family {prefix!r}, and no module of that name; {advice}"

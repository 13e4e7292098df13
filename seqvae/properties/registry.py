"""Properties by name: those of seqvae, those of installed packages, and the user's own functions.

A name is one of

* a plain word, such as `qed`;
* a family and its parameters, such as `pmo:deco_hop` or `similarity:ecfp4:SMILES`;
* the name of an entry point of the group `seqvae.properties`, in an installed package;
* `module:function`, a function of the user's own (see `user.py`).

The first that matches is used, in this order.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from seqvae.config import suggestion
from seqvae.config.checks import door
from seqvae.errors import SeqVAEWarning, UsageError
from seqvae.properties.property import Property
from seqvae.properties.user import imported, property_of
from seqvae.sequences.domain import MOLECULES

if TYPE_CHECKING:
    from seqvae.properties.molecules.cache import Sheets

GROUP = "seqvae.properties"  # of entry points
# The part of a name before its first colon, and the module that reads the rest, imported only when it is used.
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
# Texts per chunk, for which all properties are computed before the next chunk: no more than the cache of molecules.
_TEXTS = 256


class Family(Protocol):
    """The interface of a family's module, which may also have `FORMS`: the names with parameters."""

    listed: Callable[[], list[Property]]  # those without parameters
    named: Callable[[str], Property]  # by the part of the name after the colon


@door
def get(name: str) -> Property:
    """Return a property by its name.

    Raises:
        UsageError: there is no such property, with a suggestion; or the name refers to something else.

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
    known = [*(found.name for found in listed()), *(form for form, _, _ in forms())]
    if not colon:
        raise UsageError(f"unknown property {name!r}{suggestion(name, known)}")
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "`seqvae properties list` shows the names"
    raise UsageError(f"unknown property {name!r}: there is no family or module {prefix!r}; {advice}")


def is_own_code(name: str) -> bool:
    """Return whether a name refers to a function of a module, which is imported and run, rather than to a property."""
    prefix, colon, _ = name.partition(":")
    return bool(colon) and prefix not in _FAMILIES and name not in _entry_points()


def listed() -> list[Property]:
    """Return every property without parameters, those of installed packages last.

    An entry point that cannot be loaded, or has a name of seqvae's own, is left out with a warning.
    """
    found = [one for prefix in _FAMILIES for one in _family(prefix).listed()]
    taken = {one.name for one in found}
    for name, load in _entry_points().items():
        reason = "the name is one of seqvae's own"
        if name not in taken and name.partition(":")[0] not in _FAMILIES:
            try:
                found.append(property_of(load, name))
                continue
            except UsageError as error:
                reason = str(error)
        warnings.warn(f"property {name!r} of an installed package is left out: {reason}", SeqVAEWarning, stacklevel=2)
    return found


def forms() -> list[tuple[str, str, str]]:
    """Return the names with parameters: name, domain, and one line each."""
    found = [form for prefix in _FAMILIES for form in getattr(_family(prefix), "FORMS", ())]
    return [*found, ("MODULE:FUNCTION", "any text", "your own function from a text to a number")]


@door
def score(
    names: Sequence[str | Property], texts: Sequence[str], sheets: Sheets | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return several properties of the same texts; shared intermediate results are computed once.

    Args:
        names: properties, or their names.
        texts: of the properties' domain.
        sheets: a cache of molecules; None: a new one.

    Returns:
        `(batch,)` float64 of each property, by its name; NaN for a text without a value.

    Raises:
        UsageError: as `get`.
    """
    properties = [get(name) if isinstance(name, str) else name for name in names]
    if any(found.kind == MOLECULES for found in properties):
        from seqvae.properties.molecules.cache import Sheets, sharing  # loads RDKit, which sequences do not need

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
    """Return the loader of each entry point of installed packages, by name."""
    from importlib.metadata import entry_points

    return {point.name: point.load for point in entry_points(group=GROUP)}

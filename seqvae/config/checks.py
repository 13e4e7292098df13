"""Checks of settings: known words, ranges, and the known word nearest to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields

from seqvae.errors import ConfigError


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the nearest known word, or the list of known words."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"


def one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise a `ConfigError` if a setting is none of the known words."""
    if value not in known:
        raise ConfigError(f"{name}: unknown value {value!r}{suggestion(value, known)}")


def between(name: str, value: float, low: float, high: float) -> None:
    """Raise a `ConfigError` if a setting is out of range."""
    if not low <= value <= high:
        raise ConfigError(f"{name}: expected a number from {low:g} to {high:g}, got {value:g}")


def formerly(name: str) -> Mapping[str, str]:
    """Return the metadata of a setting that had another name: files and flags with that one go on working."""
    return {"former": name}


def former_names(kind: type) -> dict[str, str]:
    """Return the present names of a configuration's settings by their former ones."""
    return {one.metadata["former"]: one.name for one in fields(kind) if "former" in one.metadata}


HUGE = 1e12  # no upper bound in practice, and still a finite number

"""Packages whose modules are imported when they are first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def parts_of(
    package: str, homes: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package, by which `package.module.name` works without an import of it.

    Args:
        package: its name.
        homes: names that it offers itself, each with the module, below the package, that has it.
    """
    places = dict(homes or {})

    def modules() -> list[str]:
        """Return the public modules of the package."""
        return [one.name for one in iter_modules(sys.modules[package].__path__) if not one.name.startswith("_")]

    def find(name: str) -> Any:  # noqa: ANN401 - a module, or what one offers
        """Import a module, or what one offers; raises AttributeError."""
        if name in places:
            return getattr(import_module(f"{package}.{places[name]}"), name)
        if name.startswith("_") or name not in modules():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return import_module(f"{package}.{name}")

    def names() -> list[str]:
        """Return what `dir` shows."""
        return sorted({*vars(sys.modules[package]), *places, *modules()})

    return find, names

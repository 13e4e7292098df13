"""Properties that users bring: `module:function`, or an entry point of an installed package.

What the name leads to is either

* a function that takes one text and returns its number, or None where the text has none; it is called text by text, so
  that an error names the text;
* or a `Property`, whose function takes many texts at once: for what is faster in batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, ClassVar, final

from seqvae.config import suggestion
from seqvae.errors import InputError, SeqVAEError, UsageError
from seqvae.properties.property import Property
from seqvae.sequences.domain import LETTERS


def imported(module: str, attribute: str, name: str) -> object | None:
    """Return something of a module; None where there is no such module.

    Args:
        module: as in an import statement; it is looked for where Python looks.
        attribute: of the module.
        name: of the property, for messages.

    Raises:
        UsageError: the module fails when it is imported, or has nothing of that name.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    try:
        found = import_module(module)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            return None
        raise UsageError(f"{name}: module {module!r} cannot be imported: {_said(error)}") from error
    if not hasattr(found, attribute):
        public = [word for word, value in vars(found).items() if callable(value) and not word.startswith("_")]
        advice = suggestion(attribute, public) if public else ""
        raise UsageError(f"{name}: module {module!r} has no {attribute!r}{advice}")
    value: object = getattr(found, attribute)
    return value


def property_of(load: Callable[[], object], name: str) -> Property:
    """Return what a user's function or `Property` is as a property.

    Args:
        load: returns it.
        name: what the property will be called.

    Raises:
        UsageError: loading fails, or gives something else.
    """
    try:
        found = load()
    except Exception as error:
        raise UsageError(f"{name}: cannot be loaded: {_said(error)}") from error
    if isinstance(found, Property):
        return replace(found, name=name)
    if not callable(found):
        raise UsageError(
            f"{name}: expected a function from a text to a number, or a seqvae Property, got {type(found).__name__}"
        )
    about = (getattr(found, "__doc__", "") or "").strip().partition("\n")[0]
    return Property(name, LETTERS, about or "a function of your own", PerText(name, found))


@final
@dataclass(frozen=True)
class PerText:
    """Calls a user's function for each text.

    Attributes:
        one_by_one: that it does, so that a batch saves nothing.
        name: of the property, for messages.
        function: takes a text, returns a number or None.
    """

    one_by_one: ClassVar[bool] = True
    name: str
    function: Callable[[str], Any]

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return a number for each text.

        Raises:
            InputError: the function fails on a text, or returns something else; with the text.
        """
        return [self._of(text) for text in texts]

    def _of(self, text: str) -> float:
        try:
            value = self.function(text)
        except SeqVAEError:
            raise
        except Exception as error:
            raise InputError(f"{self.name} fails on {text!r}: {_said(error)}") from error
        if value is None:
            return math.nan
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError
            return float(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.name}: expected a number for {text!r}, got {value!r}") from error


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__

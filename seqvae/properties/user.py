"""Users' own properties: `module:function`, or an entry point of an installed package.

The name refers to either

* a function that takes one text and returns its number, or None if it has none; it is called for one text at a time,
  so that an error names the text;
* or a `Property`, whose function takes many texts at once, for what is faster in batches.
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

# Python's own modules that reach beyond a text: a name of theirs is a mistake, or a trap.
_NEVER = {"os", "sys", "subprocess", "shutil", "pathlib", "posix", "pty", "code", "runpy", "importlib", "ctypes"}
_NEVER |= {"builtins", "socket", "pickle", "marshal", "webbrowser", "signal", "io", "tempfile", "multiprocessing"}


def imported(module: str, attribute: str, name: str) -> object | None:
    """Return an attribute of a module; None if there is no such module.

    Args:
        module: as in an import statement, found on Python's search path.
        attribute: of the module.
        name: of the property, for messages.

    Raises:
        UsageError: importing the module fails, or it has no such attribute.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        return None
    if module.split(".")[0] in _NEVER:
        raise UsageError(
            f"{name}: expected a function of your own from a text to a number, got one of Python's module {module!r}: "
            "call it from a function of yours"
        )
    try:
        found = import_module(module)
    except (Exception, SystemExit) as error:  # importing runs the user's code, which may raise anything
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
    """Return a user's function or `Property` as a property.

    Args:
        load: returns it.
        name: of the property.

    Raises:
        UsageError: loading fails, or returns anything else.
    """
    try:
        found = load()
    except (Exception, SystemExit) as error:  # loading imports another package, which may raise anything
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
        one_by_one: true, since it is called for each text.
        name: of the property, for messages.
        function: takes a text, returns a number, an array of one number, or None.
    """

    one_by_one: ClassVar[bool] = True
    name: str
    function: Callable[[str], Any]

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return a number for each text.

        Raises:
            InputError: the function fails on a text, or returns anything else; the message names the text.
        """
        numbers: list[float] = []
        for text in texts:
            try:
                value = self.function(text)
            except SeqVAEError:
                raise
            except (Exception, SystemExit) as error:  # the user's code may raise anything, or call sys.exit()
                raise InputError(f"{self.name} fails on {text!r}: {_said(error)}") from error
            try:
                numbers.append(math.nan if value is None else float(_single(value)))
            except (TypeError, ValueError, RuntimeError) as error:  # torch's tensors raise the last
                raise InputError(f"{self.name}: expected a number for {text!r}, got {value!r}") from error
        return numbers


def _single(value: Any) -> Any:  # noqa: ANN401 - whatever the user's function returns
    """Return the number in an array, a tensor, a series or a list of exactly one; anything else as it is."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return _single(value[0])
    value = value.item() if callable(getattr(value, "item", None)) else value
    if isinstance(value, (str, bytes)):
        raise TypeError
    return value


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__

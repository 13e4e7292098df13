"""Checks of settings and of arguments: types, known words, ranges, and the known word nearest to a wrong one.

A public function checks the types of its arguments once, at its door (`door`), and settings check theirs when they are
made (`typed`): by the annotations, in words. What comes in many forms, such as latent points, is checked where it is
read.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Any, ParamSpec, TypeVar, cast, get_args, get_origin, get_type_hints

from seqvae.errors import LONGEST_SHOWN, ArgumentTypeError, ConfigError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Kind = TypeVar("Kind")


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
        given = "a larger one" if abs(value) > 1e300 else f"{value:g}"  # an int may be beyond every float
        raise ConfigError(f"{name}: expected a number from {low:g} to {high:g}, got {given}")


def formerly(name: str) -> Mapping[str, str]:
    """Return the metadata of a setting that had another name: files and flags with that one go on working."""
    return {"former": name}


def former_names(kind: type) -> dict[str, str]:
    """Return the present names of a configuration's settings by their former ones."""
    return {one.metadata["former"]: one.name for one in fields(kind) if "former" in one.metadata}


HUGE = 1e12  # no upper bound in practice, and still a finite number
# What a value of each plain type may be, what it is made into, and how it is called.
_PLAIN: dict[Any, tuple[tuple[type, ...], Callable[[Any], Any], str]] = {
    bool: ((bool,), bool, "True or False"),
    int: ((Integral,), int, "a whole number"),
    float: ((Real,), float, "a number"),
    str: ((str,), str, "text (str)"),
    Path: ((str, os.PathLike), Path, "a path"),
    NoneType: ((NoneType,), lambda value: value, "None"),
}
_annotations = functools.cache(get_type_hints)  # of a class of settings: they are evaluated once
_LONGEST_NAME = 255  # bytes of a file's name, on every usual file system


class _UnfitError(Exception):
    """The value is not what the annotation says."""


def door(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Check the types of a public function's arguments by their annotations, in words.

    Checked are bool, whole numbers, numbers, text, paths, functions, settings, and sequences and mappings of these; any
    other annotation is left to the function. NumPy's numbers become Python's, and arrays and iterators of texts lists.

    Raises:
        ArgumentTypeError: (of the function returned) an argument is of another type.
    """
    signature = inspect.signature(function)
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

    @functools.cache
    def hints() -> dict[str, Any]:
        """Return the annotations that can be read now, by parameter; those of `*args` and `**kwargs` are left out."""
        found: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            if parameter.kind not in variable and parameter.annotation is not inspect.Parameter.empty:
                body = {"__annotations__": {name: parameter.annotation}, "__module__": function.__module__}
                # some names are imported for type checkers only
                with suppress(NameError, TypeError, SyntaxError, AttributeError):
                    found[name] = get_type_hints(type("_", (), body))[name]
        return found

    @functools.wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Call the function with arguments of the types that it expects."""
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentTypeError(f"{function.__name__}: {error}") from error
        for name, value in bound.arguments.items():
            if name in hints():
                bound.arguments[name] = taken(f"{function.__name__}: {name}", value, hints()[name])
        with environment_kept():
            return function(*bound.args, **bound.kwargs)

    return checked


_ON_IMPORT = (  # what scikit-learn, Lightning and torch._inductor set when they are imported
    *("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "PYTORCH_NVML_BASED_CUDA_CHECK", "TORCHINDUCTOR_CACHE_DIR"),
)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Take out of the environment afterwards what packages of others have put there on import."""
    before = {name for name in _ON_IMPORT if name in os.environ}
    try:
        yield
    finally:
        for name in _ON_IMPORT:
            if name not in before:
                os.environ.pop(name, None)


def typed(kind: type[Kind]) -> type[Kind]:
    """Let a class of settings check the types of its fields when it is made; beneath `@dataclass(frozen=True)`."""
    own = getattr(kind, "__post_init__", None)

    def check(self: Any) -> None:  # noqa: ANN401
        """Check each field, and then what the class itself checks."""
        for name, hint in _annotations(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, name)
            found = taken(f"{type(self).__name__}: {name}", value, hint)
            if found is not value and not isinstance(value, (list, tuple)):
                object.__setattr__(self, name, found)
        if own is not None:
            own(self)

    kind.__post_init__ = check  # type: ignore[attr-defined]
    return kind


def taken(name: str, value: Any, hint: Any) -> Any:  # noqa: ANN401
    """Return a value as an annotation says; one of an annotation that is unknown here, as it is.

    Raises:
        ArgumentTypeError: it is of another type.
    """
    try:
        return _taken(value, hint)
    except _UnfitError as error:
        shown = repr(value)
        shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."
        shown = " ".join(shown.split())
        if isinstance(value, str) and "a list" in _words(hint):
            raise ArgumentTypeError(
                f"{name}: expected a list of texts, got one text, {shown}: put it in a list"
            ) from error
        raise ArgumentTypeError(f"{name}: expected {_words(hint)}, got {shown} ({type(value).__name__})") from error


def _taken(value: Any, hint: Any) -> Any:  # noqa: ANN401
    origin, parts = get_origin(hint), get_args(hint)
    if hint is str and isinstance(value, PurePath):
        return str(value)  # the name of a file, where other names are meant too
    if hint in _PLAIN:
        kinds, made, _ = _PLAIN[hint]
        if not isinstance(value, kinds) or (hint in (int, float) and isinstance(value, bool)):
            raise _UnfitError
        if hint is Path and not _may_be_path(os.fsdecode(cast("str | bytes", value))):
            raise _UnfitError
        return value if type(value) in (hint, int) else made(value)
    if origin is UnionType:
        return _of_one(value, parts)
    if origin in (Sequence, list, tuple):
        if isinstance(value, _NO_LISTS) or not isinstance(value, Iterable):
            raise _UnfitError
        items = value if isinstance(value, (list, tuple)) else list(value)
        if parts[0] is str:
            if not all(isinstance(one, str) for one in items):
                raise _UnfitError
        elif parts[0] is not Any:
            for one in items:
                _taken(one, parts[0])
        return items
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise _UnfitError
    elif origin is Callable:
        if not callable(value):
            raise _UnfitError
    elif isinstance(hint, type) and is_dataclass(hint) and not isinstance(value, hint):
        raise _UnfitError
    return value


def _may_be_path(value: str | bytes) -> bool:
    try:
        parts = os.fsencode(value).split(b"/")
    except UnicodeEncodeError:
        return False
    return all(len(part) <= _LONGEST_NAME and b"\0" not in part for part in parts)


_NO_LISTS = (str, bytes, bytearray, memoryview, Mapping, set, frozenset)  # sets have no order


def _of_one(value: Any, hints: Sequence[Any]) -> Any:  # noqa: ANN401
    # A path is named by a text too, and checked as a path.
    for hint in sorted(hints, key=lambda hint: hint is not Path):
        try:
            found = _taken(value, hint)
            return value if hint is Path else found  # a name and a path may mean different things
        except _UnfitError:
            if hint is Path and isinstance(value, (str, os.PathLike)):
                raise
    raise _UnfitError


def _words(hint: Any) -> str:  # noqa: ANN401
    origin, parts = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint][2]
    if origin is UnionType:
        return " or ".join(_words(part) for part in parts)
    if origin in (Sequence, list, tuple):
        known = {str: " of texts", int: " of whole numbers", float: " of numbers", Any: ""}
        return f"a list{known.get(parts[0], f' of {_words(parts[0])}')}"
    if origin in (dict, Mapping):
        return "a mapping"
    if origin is Callable:
        return "a function"
    return str(getattr(hint, "__name__", hint))

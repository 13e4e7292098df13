"""Every setting of a run as a flag, made from the configuration classes: no default or explanation is typed twice."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Annotated, Any

from cyclopts import Group, Parameter

from seqvae.config import RunConfig

# Settings whose own name says too little without its section.
_NAMES = {
    "tokenizer.kind": "tokenizer",
    "model.prior": "model_prior",
    "model.prior_components": "model_prior_components",
}
# `data.source` is the verb's first argument.
_NOT_FLAGS = {"data.source"}


def settings() -> Iterator[tuple[str, str, Any, str]]:
    """Yield section, key, default and explanation of each setting of a run."""
    for part in fields(RunConfig):
        kind: Any = part.default_factory
        explanations = attribute_docs(kind)
        for item in fields(kind):
            yield part.name, item.name, item.default, explanations[item.name]


def attribute_docs(kind: type) -> dict[str, str]:
    """Return the explanation of each attribute from a class's docstring (Google style)."""
    listed = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    items = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in items}


def flag(section: str, key: str) -> str:
    """Return the flag's name, as a Python name."""
    return _NAMES.get(f"{section}.{key}", key)


def with_settings(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb that takes `**given` one flag for each setting of a run; those not given are None."""
    return with_settings_of({})(verb)


def with_settings_of(
    defaults: Mapping[str, Mapping[str, Any]],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return `with_settings` for the sections given alone, which show these defaults; all sections where none is."""

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(verb, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        signature = signature.replace(parameters=[*own, *_parameters(defaults)])
        verb.__signature__ = signature  # type: ignore[attr-defined]
        verb.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
        return verb

    return decorate


def _parameters(defaults: Mapping[str, Mapping[str, Any]]) -> Iterator[inspect.Parameter]:
    for section, key, default, explanation in settings():
        if f"{section}.{key}" in _NOT_FLAGS or (defaults and section not in defaults):
            continue
        default = defaults.get(section, {}).get(key, default)
        kind = type(default)
        parameter = Parameter(
            help=explanation,
            group=Group(section.capitalize(), sort_key=_sections().index(section)),
            show_default=_shows(default),
            negative="--no-" + key.replace("_", "-") if kind is bool else (),
        )
        annotation = Annotated[kind | None, parameter]  # type: ignore[valid-type]
        yield inspect.Parameter(flag(section, key), inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _sections() -> list[str]:
    return [part.name for part in fields(RunConfig)]


def _shows(default: object) -> Callable[[object], str]:
    return lambda _: repr(default) if default == "" else str(default)


def merged(toml: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a TOML file with those flags over them that were given."""
    result = {section: dict(values) if isinstance(values, Mapping) else values for section, values in toml.items()}
    for section, key, _, _ in settings():
        value = given.get(flag(section, key))
        if value is not None:
            result.setdefault(section, {})[key] = value
    return result

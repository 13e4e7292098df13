"""Flags made from the configuration classes: no name, default or explanation is written twice."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Annotated, Any

from cyclopts import Group, Parameter

from seqvae.config import OPTIMIZERS, RunConfig, SearchConfig
from seqvae.config.run import SETTING_NAMES
from seqvae.errors import UsageError

# `data.source` is the verb's first argument; the model's labels, conditions and classes are those of the data.
_NOT_FLAGS = {"data.source", "model.labels", "model.conditions", "model.classes", "model.inferred", "model.ends"}
OPTIMIZER = "optimizer"  # the section whose flags are all dotted: --optimizer.guide.points


@dataclass(frozen=True)
class Setting:
    """A setting as a flag.

    Attributes:
        path: its place among nested settings: `training.epochs`.
        name: of the flag, without its dashes: `epochs`, `optimizer.guide.points`.
        default: the default that the help shows; its type is the flag's.
        about: explanation.
        group: its heading in the help; empty: the help leaves it out.
        former: the name that it had before, which goes on working; empty: none.
    """

    path: str
    name: str
    default: Any
    about: str
    group: str
    former: str = ""

    @property
    def key(self) -> str:
        """The name under which a verb receives it."""
        return re.sub(r"\W", "_", self.name)

    @property
    def flag(self) -> str:
        """What a user types."""
        return _dashed(self.name)

    @property
    def off(self) -> str:
        """What a user types to switch it off."""
        before, dot, last = self.flag.removeprefix("--").rpartition(".")
        return f"--{before}{dot}no-{last}"

    def parameter(self, order: int) -> inspect.Parameter:
        """Return it as a parameter of a verb; `order` is the place of its group in the help."""
        kind: Any = tuple[str, ...] if isinstance(self.default, tuple) else type(self.default)
        shown = repr(self.default) if self.default == "" else str(self.default)
        about = Parameter(
            name=(self.flag, _dashed(self.former)) if self.former else self.flag,
            help=self.about,
            group=Group(self.group, sort_key=order) if self.group else None,
            show=bool(self.group),
            show_default=False if self.default == () else lambda _: shown,
            negative=self.off if kind is bool else (),
        )
        return inspect.Parameter(
            self.key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, about]
        )


def _dashed(name: str) -> str:
    return "--" + name.replace("_", "-")


def attribute_docs(kind: type) -> dict[str, str]:
    """Return the explanation of each attribute, from the docstrings of a class and its base classes."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        listed = inspect.cleandoc(one.__doc__ or "").partition("Attributes:\n")[2]
        items = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", listed, re.MULTILINE)
        found |= {name: " ".join(text.split()) for name, text in items}
    return found


def flags_of(
    config: Any,  # noqa: ANN401
    section: str,
    group: str,
    only: Sequence[str] = (),
    about: Mapping[str, str] | None = None,
) -> list[Setting]:
    """Return the settings of a configuration as flags; nested configurations are left out.

    Args:
        config: an object of a configuration class; its values are shown as the defaults.
        section: its place among nested settings; empty: at the top.
        group: heading in the help.
        only: names of the settings; none: all.
        about: explanations that replace those of the class.
    """
    explained = {**attribute_docs(type(config)), **(about or {})}
    found = []
    for item in fields(config):
        path, value = f"{section}.{item.name}" if section else item.name, getattr(config, item.name)
        if path not in _NOT_FLAGS and (not only or item.name in only) and not is_dataclass(value):
            name, former = SETTING_NAMES.get(path, item.name), item.metadata.get("former", "")
            found.append(Setting(path, name, value, explained[item.name], group, former))
    return found


def sections_of(config: Any) -> list[Setting]:  # noqa: ANN401
    """Return the settings of every section of a configuration as flags, one group per section."""
    sections = [part.name for part in fields(config)]
    return [one for name in sections for one in flags_of(getattr(config, name), name, name.capitalize())]


RUN = sections_of(RunConfig())


def optimizer_settings(config: Any, before: str = "") -> Iterator[Setting]:  # noqa: ANN401
    """Yield the settings of an optimiser as dotted flags, which the help of a verb leaves out: they would fill it."""
    explained = attribute_docs(type(config))
    for item in fields(config):
        path, value = f"{before}{item.name}", getattr(config, item.name)
        if is_dataclass(value):
            yield from optimizer_settings(value, f"{path}.")
        else:
            yield Setting(f"{OPTIMIZER}.{path}", f"{OPTIMIZER}.{path}", value, explained[item.name], "")


def search_flags(about: Mapping[str, str] | None = None) -> dict[str, list[Setting]]:
    """Return the settings of a search as flags, by section; under `optimizer` those of all optimisers."""
    config = SearchConfig()
    names = ", ".join(f"`{name}`" for name in OPTIMIZERS)
    listed = {"optimizer": f"{names}; their settings: seqvae optimize --help-optimizer"}
    chosen = flags_of(config, "", "Search", about={**listed, **(about or {})})
    # one flag where several optimisers have a setting of the same name
    settings = {one.path: one for row in OPTIMIZERS.values() for one in optimizer_settings(row.config)}
    return {
        "search": [replace(one, path=f"{OPTIMIZER}.name") if one.path == OPTIMIZER else one for one in chosen],
        "oracle": flags_of(config.oracle, "oracle", "Calls"),
        "campaign": flags_of(config.campaign, "campaign", "Rounds", about=about),
        "stages": flags_of(config.stages, "stages", "A cheap score first"),
        "constraints": flags_of(config.constraints, "constraints", "Constraints"),
        OPTIMIZER: list(settings.values()),
    }


def with_flags(settings: Sequence[Setting]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb that takes `**given` a flag per setting; `given` holds the ones that the user typed."""
    groups = list(dict.fromkeys(one.group for one in settings))

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        """Return the verb with a flag for each setting in its signature."""
        signature = inspect.signature(verb, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        made = [one.parameter(groups.index(one.group)) for one in settings]
        signature = signature.replace(parameters=[*own, *made])
        verb.__signature__ = signature  # type: ignore[attr-defined]
        verb.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
        return verb

    return decorate


def merged(toml: Mapping[str, Any], given: Mapping[str, Any], settings: Sequence[Setting]) -> dict[str, Any]:
    """Return the settings of a TOML file, overridden by the flags that were given."""
    result = _copied(toml)
    for one in settings:
        if given.get(one.key) is not None:
            *tables, last = one.path.split(".")
            place = result
            for table in tables:
                place = place.setdefault(table, {})
                if not isinstance(place, dict):
                    raise UsageError(f"{one.flag}: {table} is not a table of settings in the file of --config")
            place.pop(one.former, None)
            place[last] = given[one.key]
    return result


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def refuse_idle(given: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Raise UsageError where a flag was given that has no effect.

    Args:
        given: the flags that were given.
        reasons: by the name of a flag, why it has no effect here.
    """
    for name, reason in reasons.items():
        if given.get(re.sub(r"\W", "_", name)) is not None:
            raise UsageError(f"--{name.replace('_', '-')} has no effect {reason}: leave it out")

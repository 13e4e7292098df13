"""A run as nested dictionaries and as a TOML file, read strictly.

The file has one table per section (`[data]`, `[tokenizer]`, `[model]`, `[objective]`, `[training]`, `[prior]`). An
unknown key or a value of the wrong type is a `ConfigError` with a suggestion; nothing is ever executed.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from seqvae.config.checks import former_names, suggestion
from seqvae.config.run import SETTING_NAMES, RunConfig
from seqvae.config.stored import SETTINGS_MOST, bytes_of
from seqvae.errors import LONGEST_SHOWN, ConfigError

Section = TypeVar("Section")


def _shown(value: object) -> str:
    written = repr(value)
    return written if len(written) <= LONGEST_SHOWN else f"{written[:LONGEST_SHOWN]}..."


def checked(name: str, value: object, kind: Any) -> Any:  # noqa: ANN401
    """Return a value of the annotated type: an int serves as a float, a list as a tuple, nothing else is converted.

    Args:
        name: of the value, for messages.
        value: as JSON or TOML gives it.
        kind: bool, int, float, str, a frozen section of settings, `X | None`, or tuple, list or dict of such.

    Raises:
        ConfigError: the value is of another type.
    """
    if kind is Any:
        return value
    if kind is float and type(value) is int and abs(value) < 1 << 1023:
        return float(value)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _one_of_kinds(name, value, parts)
    if origin in (tuple, list):
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{name}: expected a list, got {_shown(value)} ({type(value).__name__})")
        return origin(checked(name, one, parts[0]) for one in value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name}: expected a table, got {_shown(value)} ({type(value).__name__})")
        return {checked(name, key, parts[0]): checked(f"{name}.{key}", one, parts[1]) for key, one in value.items()}
    if is_dataclass(kind):
        return section_from_dict(cast(Any, kind), cast(Any, value), name)
    if type(value) is not kind:
        raise ConfigError(f"{name}: expected {kind.__name__}, got {_shown(value)} ({type(value).__name__})")
    return value


def _one_of_kinds(name: str, value: object, kinds: tuple[Any, ...]) -> Any:  # noqa: ANN401
    if value is None and NoneType in kinds:
        return None
    *others, last = (kind for kind in kinds if kind is not NoneType)
    for kind in others:
        with suppress(ConfigError):
            return checked(name, value, kind)
    return checked(name, value, last)


def _by_present_names(kind: type, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the values under the names that the settings have now: files keep the ones of their day."""
    present = former_names(kind)
    for former, name in present.items():
        if former in values and name in values:
            raise ConfigError(f"{where}: {former} is the former name of {name}: give one of them")
    return {present.get(key, key): value for key, value in values.items()}


def section_from_dict(kind: type[Section], values: Mapping[str, object], where: str) -> Section:
    """Build one section from a mapping.

    Raises:
        ConfigError: for an unknown key (with a suggestion), a value of the wrong type, or one out of range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a table of settings, got {_shown(values)}")
    hints = get_type_hints(kind)
    values = _by_present_names(kind, values, where)
    for key in values:
        if key not in hints:
            raise ConfigError(f"{where}: unknown setting {key!r}{suggestion(key, hints)}")
    return kind(**{key: checked(f"{where}.{key}", value, hints[key]) for key, value in values.items()})


def replaced(config: Section, values: Mapping[str, Any], where: str) -> Section:
    """Return a section with some settings replaced, nested ones too; raises as `section_from_dict`."""
    hints = get_type_hints(type(config))
    found: dict[str, Any] = {}
    for key, value in _by_present_names(type(config), values, where).items():
        if key not in hints:
            raise ConfigError(f"{where}: unknown setting {key!r}{suggestion(key, hints)}")
        part = getattr(config, key)
        if is_dataclass(part):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where}.{key}: expected a table of settings, got {_shown(value)}")
            found[key] = replaced(part, value, f"{where}.{key}")
        else:
            found[key] = checked(f"{where}.{key}", value, hints[key])
    return replace(config, **found)  # type: ignore[type-var]


def with_settings(config: Section, values: Mapping[str, Any]) -> Section:
    """Return a configuration with some settings of its sections replaced, named as their flags are: `epochs`.

    Raises:
        ConfigError: there is no such setting (with a suggestion), or its value is of the wrong type or out of range.
    """
    paths = {
        SETTING_NAMES.get(f"{section.name}.{one.name}", one.name): f"{section.name}.{one.name}"
        for section in fields(config)  # type: ignore[arg-type]
        for one in fields(getattr(config, section.name))
    }
    for name in values:
        if name not in paths:
            raise ConfigError(f"unknown setting {name!r}{suggestion(name, paths)}")
    return replaced(config, nested({paths[name]: value for name, value in values.items()}), "settings")


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested mappings as a single one with dotted names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {before + key: value}
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted names as nested mappings; the inverse of `flat`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        *tables, key = name.split(".")
        place = found
        for table in tables:
            place = place.setdefault(table, {})
        place[key] = value
    return found


def run_from_dict(values: Mapping[str, Any]) -> RunConfig:
    """Build a run from nested mappings, as a TOML file gives them.

    Raises:
        ConfigError: as `section_from_dict`, and for an unknown section.
    """
    sections = get_type_hints(RunConfig)
    for key in values:
        if key not in sections:
            raise ConfigError(f"unknown section [{key}]{suggestion(key, sections)}")
    made: dict[str, Any] = {key: section_from_dict(sections[key], part, key) for key, part in values.items()}
    return RunConfig(**made)


def run_to_dict(config: RunConfig) -> dict[str, dict[str, Any]]:
    """Return every setting of a run, defaults included; `run_from_dict` reads it back."""
    return asdict(config)


def read_run(path: Path) -> dict[str, Any]:
    """Read a run's TOML file as nested dictionaries; raises as `read_toml`."""
    return read_toml(path, "the run")


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML file as nested dictionaries.

    Args:
        path: path of the file.
        what: what the file holds, for messages.

    Raises:
        ConfigError: the file cannot be read, is no regular file, or is not TOML.
    """
    data = bytes_of(path, SETTINGS_MOST, ConfigError, what)
    try:
        return tomllib.loads(data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n"))
    except RecursionError as error:
        raise ConfigError(f"{path}: not a TOML file of settings: nested too deep") from error
    except ValueError as error:  # besides TOML's own: no UTF-8, and integers of thousands of digits
        raise ConfigError(f"{path}: not a TOML file: {error}") from error


def run_toml(run: RunConfig) -> str:
    """Return a run's settings as TOML; `read_run` reads them back."""
    sections = []
    for name, values in run_to_dict(run).items():
        lines = [f"[{name}]"]
        for key, value in values.items():
            # Strings, numbers and booleans of JSON are those of TOML, except for pairs of surrogates and a bare DEL.
            written = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
            lines.append(f"{key} = {written}")
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)

"""Optimisers as a name and settings, in TOML, in flags, and in the folder of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from seqvae.config.checks import suggestion
from seqvae.config.optimizers import OLD_NAMES, OPTIMIZERS, OptimizerConfig
from seqvae.config.toml import flat, nested, replaced
from seqvae.errors import ConfigError

_NAME = "name"  # of the optimiser, beside its settings
DEFAULT_OPTIMIZER = "auto"


def is_own(optimizer: str | OptimizerConfig) -> bool:
    """Whether it is a user's own object, recorded only as `module:class`."""
    return isinstance(optimizer, str) and ":" in optimizer


def settings_of(optimizer: str | OptimizerConfig) -> OptimizerConfig:
    """Return the settings that a name stands for; raises ConfigError for an unknown name."""
    if isinstance(optimizer, OptimizerConfig):
        return optimizer
    name = OLD_NAMES.get(optimizer, optimizer)
    if name not in OPTIMIZERS:
        raise ConfigError(f"unknown optimizer {optimizer!r}{suggestion(optimizer, OPTIMIZERS)}")
    return OPTIMIZERS[name].config


def name_of(optimizer: str | OptimizerConfig) -> str:
    """Return the name; for settings, the name whose settings differ from them in the fewest."""
    if isinstance(optimizer, str):
        return OLD_NAMES.get(optimizer, optimizer)
    found = flat(asdict(optimizer))
    differ = {
        name: sum(found[key] != value for key, value in flat(asdict(row.config)).items())
        for name, row in OPTIMIZERS.items()
        if type(row.config) is type(optimizer)
    }
    if not differ:
        raise ConfigError(f"expected the settings of an optimiser by name, got {type(optimizer).__name__}")
    return min(differ, key=differ.__getitem__)


def optimizer_to_dict(optimizer: str | OptimizerConfig) -> dict[str, Any]:
    """Return the name and all settings; `optimizer_from_dict` reads them."""
    if is_own(optimizer):
        return {_NAME: optimizer}
    return {_NAME: name_of(optimizer), **asdict(settings_of(optimizer))}


def optimizer_from_dict(values: object) -> str | OptimizerConfig:
    """Return the optimiser of a name, or of a table with a name and settings; missing settings are those of the name.

    Raises:
        ConfigError: there is no such name, the optimiser has no such setting, or a value is of another type or out of
            range.
    """
    if not isinstance(values, Mapping):
        values = {_NAME: values}
    given = {key: value for key, value in values.items() if key != _NAME}
    name = values.get(_NAME, DEFAULT_OPTIMIZER)
    if not isinstance(name, str):
        raise ConfigError(f"optimizer.name: expected one of {', '.join(OPTIMIZERS)}, got {name!r}")
    if is_own(name) and not given:
        return name
    config = settings_of(name)
    known = flat(asdict(config))
    for key in flat(given):
        if key not in known and not any(one.startswith(f"{key}.") for one in known):
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"optimizer: {name_of(name)!r} has no setting {key!r}; {has}")
    found = replaced(config, nested(flat(given)), "optimizer")
    return name_of(name) if found == config else found

"""The settings of a search, `search.json`, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seqvae.config.optimizers import is_own, settings_of
from seqvae.config.search import search_from_dict, search_to_dict
from seqvae.config.stored import SETTINGS_MOST, bytes_of, json_of
from seqvae.config.toml import checked, section_from_dict
from seqvae.errors import ConfigError, InputError
from seqvae.properties.scoring import Term
from seqvae.search.storage.rows import RESTORE
from seqvae.search.storage.trust import SIGNATURE

FORMAT = 4
DESIGN = "initial_design"  # in the settings: rounds end with this many proposals first; absent: as the batch is
TERMS = "terms"  # in the settings: the columns of the terms in the ledger; absent: it has none
CHEAP = "cheap"  # in the settings: the score by which proposals are screened first; absent: there is none
FIRST = "first_plate"  # in the settings: how many texts it had
COUNTED = "counted_similarity"  # in the settings: similarities by the names of bits are those of counts
FUNCTION = "function"  # the objective is a function object, of which this is the name
_KINDS: dict[str, Any] = {
    "objective": dict[str, Any] | None,
    "scores": list[str],
    "config": dict[str, Any],
    "weights": str,
    DESIGN: int,
    TERMS: list[str],
    CHEAP: dict[str, Any],
    FIRST: int,
    COUNTED: bool,
    SIGNATURE: str,
}
# Of searches that began in formats 1 to 3, by group of the optimiser's settings: they go on as they began.
_BEFORE: dict[str, dict[str, Any]] = {
    "selection": {"share": 1.0},
    "operators": {"apart": False},
    "guide": {"places": False},
}
_ALWAYS = ("objective", "scores", "config", "weights")
_MOST = 1_000_000_000  # designs of a plate or an initial design


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a search, in the names and types of this version.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is damaged, or was written by a newer version; the message names the setting.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    found = json_of(bytes_of(path, SETTINGS_MOST, what="the settings of the search"), path)
    try:
        if not isinstance(found, dict) or type(found.get("format")) is not int:
            raise ConfigError("expected the settings of a search with an integer `format`, got other data")
        written = found.pop("format")
        if written not in range(1, FORMAT + 1):
            raise InputError(f"{path}: was written in format {written}, this seqvae reads {FORMAT} and older ones")
        return _checked(_migrated(found, written))
    except ConfigError as error:
        raise InputError(f"{path}: damaged: {error}: {RESTORE}") from error


def _migrated(found: dict[str, Any], written: int) -> dict[str, Any]:
    config = found.get("config")
    if written == FORMAT or not isinstance(config, dict):
        return found
    config = {**config}
    if written == 1:  # format 1 has the optimiser's name alone, format 2 a table with its settings
        config["optimizer"] = {"name": config.get("optimizer")}
    config["optimizer"] = _bred_as_before(config["optimizer"])
    if written == FORMAT - 1:
        return {**found, "config": config}
    # in formats 1 and 2 ecfp4 and the like, which are bits now, were counts
    constraints = checked("config.constraints", config.get("constraints"), dict[str, Any])
    return {**found, "config": {**config, "constraints": {**constraints, "similarity": "ecfp4-counts"}}, COUNTED: True}


def _bred_as_before(optimizer: object) -> object:
    """Return the settings of an optimiser with what formats 1 to 3 did not have, as it was then."""
    if not isinstance(optimizer, dict) or not isinstance(optimizer.get("name"), str) or is_own(optimizer["name"]):
        return optimizer
    known, found = asdict(settings_of(optimizer["name"])), {**optimizer}
    for group, values in _BEFORE.items():
        if group in known:
            found[group] = {**checked(f"optimizer.{group}", found.get(group, {}), dict[str, Any]), **values}
    return found


def _checked(found: Mapping[str, Any]) -> dict[str, Any]:
    for name in (*_ALWAYS, *found):
        if name not in found or name not in _KINDS:
            raise ConfigError(f"{name}: " + ("unknown setting" if name in found else "missing"))
    settings = {name: checked(name, value, _KINDS[name]) for name, value in found.items()}
    for name in (DESIGN, FIRST):
        if not 0 <= settings.get(name, 0) <= _MOST:
            raise ConfigError(f"{name}: expected a number of designs, got {settings[name]}")
    settings["config"] = search_to_dict(search_from_dict(settings["config"]))
    objective = settings["objective"]
    columns = 1 if objective is None else _columns(objective)
    if len(settings["scores"]) != columns:
        raise ConfigError(f"scores: expected {columns} names, as the objective has, got {len(settings['scores'])}")
    if bool(settings["config"]["stages"]["cheap"]) != (CHEAP in settings):
        raise ConfigError(f"{CHEAP}: expected it beside config.stages.cheap, and not without")
    if CHEAP in settings and (FUNCTION in settings[CHEAP] or _columns(settings[CHEAP]) != 1):
        raise ConfigError(f"{CHEAP}: expected terms that make one score, got others")
    return settings


def _columns(objective: Mapping[str, Any]) -> int:
    """Check an objective without looking up or running what it names; return how many scores it gives."""
    if FUNCTION in objective:
        if ":" not in checked(f"objective.{FUNCTION}", objective[FUNCTION], str):
            raise ConfigError(f"objective.{FUNCTION}: expected module:function, got {objective[FUNCTION]!r}")
        return 1
    terms = checked("objective.term", objective.get("term", []), list[dict[str, Any]])
    join = checked("objective.join", objective.get("join", ""), str)
    for number, term in enumerate(terms, 1):
        section_from_dict(Term, term, f"objective, term {number}")
    return len(terms) if join in ("pareto", "apart") else 1

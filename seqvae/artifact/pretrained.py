"""Pretrained models of the package: folders of `seqvae/models/`, each with a card; this module needs no torch.

A bare word such as `zinc-smiles` is the name of a pretrained model; anything with a path separator, and every `Path`,
is a folder.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from seqvae.config import suggestion
from seqvae.errors import ArtifactError, InputError, UsageError

CARD = "card.toml"
RENAMED = {"mpsa-dna": "splice-dna"}  # former names, which go on working
_MODEL_FILE = "config.json"  # what distinguishes a model folder from others


@dataclass(frozen=True)
class CardTable:
    """One table of metrics in a model card.

    Attributes:
        title: what was measured, and on what.
        rows: name, value and unit of each metric.
    """

    title: str
    rows: tuple[tuple[str, float | str, str], ...]


@dataclass(frozen=True)
class ModelCard:
    """What a pretrained model is, what it was trained on, and how well it performs.

    Attributes:
        name: what `seqvae.load` and the command line call it.
        title: one line.
        kind: `smiles`, `selfies`, `dna` or `char`.
        data: name of the dataset.
        data_title: the dataset in one line.
        data_licence: licence of the data.
        citation: of the data.
        licence: licence of the weights.
        split: which texts were used for training, and which were held out.
        training: how long, on what kind of machine.
        use: what the model is for.
        parameters: number of trained parameters.
        settings: the settings that differ from the defaults, as text.
        limits: limitations.
        headline: its most telling metrics, in words, for a list.
        tables: all metrics.
    """

    name: str
    title: str
    kind: str
    data: str
    data_title: str
    data_licence: str
    citation: str
    licence: str
    split: str
    training: str
    use: str
    parameters: int
    settings: Mapping[str, str]
    limits: tuple[str, ...]
    headline: str
    tables: tuple[CardTable, ...]


def models_folder() -> Path:
    """The folder of the pretrained models."""
    return Path(__file__).resolve().parents[1] / "models"


def pretrained_names() -> list[str]:
    """Names of the pretrained models."""
    return sorted(path.parent.name for path in models_folder().glob(f"*/{CARD}"))


def pretrained_folder(name: str) -> Path:
    """The folder of a pretrained model.

    Raises:
        UsageError: there is none of that name; the message suggests one, or lists them.
    """
    names = pretrained_names()
    if RENAMED.get(name, name) not in names:
        raise UsageError(f"no pretrained model {name!r}{suggestion(name, names)}")
    return models_folder() / RENAMED.get(name, name)


def is_pretrained(name: str | Path) -> bool:
    """Whether that is the name of a pretrained model, or a former one."""
    return isinstance(name, str) and RENAMED.get(name, name) in pretrained_names()


def resolve(name: str | Path) -> Path:
    """The folder that a user means: of a pretrained model for the bare word that names one, else the path itself.

    Args:
        name: name of a pretrained model, or folder of a trained one. `./zinc-smiles` and `Path("zinc-smiles")` are
            always folders.

    Raises:
        UsageError: a bare word names both a pretrained model and a model folder in the working directory.
        ArtifactError: a bare word names neither.
    """
    separators = [separator for separator in (os.sep, os.altsep) if separator]
    if isinstance(name, Path) or name in (".", "..") or any(separator in name for separator in separators):
        return Path(name)
    pretrained, folder = is_pretrained(name), Path(name)
    if pretrained and (folder / _MODEL_FILE).is_file():
        raise UsageError(
            f"{name!r} is a pretrained model and also a model folder here: write ./{name} for the folder, or name the "
            "pretrained model from another directory"
        )
    if pretrained:
        return pretrained_folder(name)
    if not folder.is_dir():
        raise ArtifactError(
            f"{name}: no such model folder, and no such pretrained model{suggestion(name, pretrained_names())}"
        )
    return folder


def check_model(name: str | Path) -> Path:
    """Return the folder of a model as `resolve` does, and refuse one that is not there; it takes no time.

    Raises:
        UsageError: as `resolve`.
        ArtifactError: there is no such model.
    """
    folder = resolve(name)
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no such model folder")
    return folder


def check_model_or_file(name: str | Path) -> None:
    """Refuse what is neither a model nor a file nor standard input (`-`).

    Raises:
        InputError: there is no such model or file.
    """
    if name != "-" and not (Path(name).exists() or is_pretrained(name)):
        hint = suggestion(str(name), pretrained_names()) if not ({"/", "."} & set(str(name))) else ""
        raise InputError(f"{name}: no such file of samples, no such model folder, and no such pretrained model{hint}")


def list_models() -> list[ModelCard]:
    """The cards of all pretrained models, by name.

    Raises:
        ArtifactError: a card is malformed.
    """
    return [read_card(models_folder() / name) for name in pretrained_names()]


def size_of(folder: Path) -> int:
    """Size of a model folder in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def read_card(folder: Path) -> ModelCard:
    """The card of a model folder.

    Raises:
        ArtifactError: it is missing or malformed.
    """
    path = folder / CARD
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ArtifactError(f"{path}: cannot read the model card: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: not readable as TOML: {error}") from error
    return parse_card(values, str(path))


def parse_card(values: Mapping[str, Any], where: str) -> ModelCard:
    """Make a card from the content of its file.

    Raises:
        ArtifactError: a key is missing, unknown or of the wrong type.
    """
    known = {field.name: field for field in fields(ModelCard)}
    if unknown := sorted(set(values) - set(known)):
        raise ArtifactError(f"{where}: unknown key {unknown[0]!r}{suggestion(unknown[0], known)}")
    if missing := [name for name, field in known.items() if field.default is MISSING and name not in values]:
        raise ArtifactError(f"{where}: missing key {missing[0]!r}")
    for name, field in known.items():
        if field.type == "str" and not isinstance(values[name], str):
            raise ArtifactError(f"{where}: {name} must be text, got {values[name]!r}")
    try:
        tables = tuple(
            CardTable(str(t["title"]), tuple((str(name), value, str(unit)) for name, value, unit in t["rows"]))
            for t in values["tables"]
        )
        settings = {str(key): str(value) for key, value in values["settings"].items()}
        limits = tuple(str(item) for item in values["limits"])
        return ModelCard(**{**values, "tables": tables, "settings": settings, "limits": limits})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{where}: not a model card: {error}") from error

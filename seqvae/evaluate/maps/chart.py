"""A map of latent space: one call from a model and a list of molecules or sequences to all that a page shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.artifact.weights import weights_hash
from seqvae.config import INFERENCE_BATCH, MapConfig, ViewConfig, suggestion
from seqvae.data.files.chunks import Results
from seqvae.data.files.readers import ReadSettings, RecordReader
from seqvae.data.files.records import Record
from seqvae.data.files.writers import NAME
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.errors import InputError, UsageError
from seqvae.evaluate.maps.columns import (
    Column,
    cluster_column,
    encoded,
    file_columns,
    off_plane_column,
    property_columns,
)
from seqvae.evaluate.maps.selection import selected
from seqvae.evaluate.maps.shading import Decoded, Extent, Shade, between
from seqvae.evaluate.model.diagnostics import active_units
from seqvae.evaluate.records import Watch
from seqvae.latent.arithmetic import attribute_vector
from seqvae.latent.codec import Codec, load
from seqvae.latent.projection.kinds import PCA, SLICE, TSNE, UMAP, check_projection
from seqvae.latent.projection.neighbourhoods import tsne, umap
from seqvae.latent.projection.planes import Plane, Projection, pca, plane_along, plane_through
from seqvae.latent.projection.stored import load_projection
from seqvae.properties.registry import score

Rows = str | Path | Sequence[Any]  # a file, or records or texts


@final
@dataclass(frozen=True, eq=False)
class LatentMap:
    """A map of latent space.

    Attributes:
        model: name or folder of the model.
        source: name of the file; empty where the rows were given.
        noun: what a row is: `molecule` or `sequence`.
        unit: what a letter of a sequence is, such as `base`; empty for molecules.
        projection: the map of latent space to the plane.
        fingerprint: hash of the model's weights.
        z: `(rows, latent)`, posterior means.
        places: `(rows, 2)`.
        texts: as they were given.
        forms: canonical SMILES, or the sequences.
        names: of the rows; empty texts where there are none.
        columns: by title.
        extent: what the map covers.
        shades: as of `shading.Between`.
        grid: the same.
        left_out: a sentence about rows that the model cannot read; empty where there are none.
    """

    model: str
    source: str
    noun: str
    unit: str
    projection: Projection
    fingerprint: str
    z: NDArray[np.float32]
    places: NDArray[np.float64]
    texts: list[str]
    forms: list[str]
    names: list[str]
    columns: dict[str, Column]
    extent: Extent
    shades: dict[str, Shade] = field(default_factory=dict)
    grid: list[Decoded] = field(default_factory=list)
    left_out: str = ""

    def __len__(self) -> int:
        return len(self.forms)

    @property
    def molecular(self) -> bool:
        """Whether the rows are molecules."""
        return not self.unit

    @property
    def colouring(self) -> list[str]:
        """Titles of the columns that may colour the points."""
        return [title for title, column in self.columns.items() if column.colours]

    def selected(self, view: ViewConfig) -> NDArray[np.bool_]:
        """Return which rows a view selects; raises as `selection.selected`."""
        texts = [column for column in self.columns.values() if not column.numeric]
        cells = [
            [self.texts[row], self.forms[row], self.names[row], *(column.cell(row) for column in texts)]
            for row in range(len(self) if view.find else 0)
        ]
        return selected(view, self.places, cells, self.forms)

    def table(self, view: ViewConfig) -> Results:
        """Return the rows that a view selects with all their columns and places; all rows if it selects none."""
        asked = view.lasso or view.find or view.pick
        rows = np.flatnonzero(self.selected(view)).tolist() if asked else list(range(len(self)))
        columns: dict[str, list[object]] = {NAME: [self.names[row] for row in rows]} if any(self.names) else {}
        for title, column in self.columns.items():
            columns[title] = [column.values[row] for row in rows]
        columns |= {f"map_{axis}": self.places[rows, place].tolist() for place, axis in enumerate("xy")}
        return Results([self.texts[row] for row in rows], columns)

    def colour_of(self, view: ViewConfig) -> str:
        """Return the title of the column that colours the points; empty where there is none.

        Raises:
            UsageError: there is no such column, or it holds texts that form no groups.
        """
        known = self.colouring
        if not view.color:
            return known[0] if known else ""
        if view.color not in known:
            raise UsageError(f"no column to colour by {view.color!r}{suggestion(view.color, known)}")
        return view.color


def chart(
    model: str | Path | Codec,
    rows: Rows,
    config: MapConfig | None = None,
    settings: ReadSettings | None = None,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    watch: Watch | None = None,
    name: str = "",
) -> LatentMap:
    """Return the map of molecules or sequences in a model's latent space: all that `seqvae map` shows.

    Args:
        model: name of a pretrained model, folder of a trained one, or the model.
        rows: a file, or records or texts; of more than the limit of the config, the first ones.
        config: what the map shows.
        settings: how the file is read.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: rows at a time.
        watch: is told what is being done, and how far it is.
        name: of a loaded model, for readers.

    Raises:
        ArtifactError: there is no such model, or no such projection.
        InputError: the rows cannot be read, or are fewer than three.
        UsageError: the model's latent space is empty, or a column, a property, or the library or
            folder of a projection is not there.
    """
    config = config or MapConfig()
    check_projection(config.projection)
    codec = model if isinstance(model, Codec) else load(model, device)
    records, source = _records(rows, settings, config.limit)
    read = codec.tokenize([one.text for one in records], "skip" if settings is None else settings.on_error)
    noun = codec.tokenizer.domain.noun
    if len(read) < 3:
        raise InputError(f"a map shows three {noun}s or more, the model can read {len(read)} of {len(records)}")
    name = name or ("" if isinstance(model, Codec) else os.fspath(model))
    return charted(codec, read, [records[row] for row in read.rows], config, batch_size, watch, name, source)


def charted(
    codec: Codec,
    read: TokenizedTexts,
    kept: Sequence[Record],
    config: MapConfig,
    batch_size: int = INFERENCE_BATCH,
    watch: Watch | None = None,
    name: str = "",
    source: str = "",
) -> LatentMap:
    """Return the map of texts that the model has read.

    Args:
        codec: the model.
        read: three texts or more.
        kept: the record of each.
        config: as of `chart`, as the rest and what is raised.
        batch_size: rows at a time.
        watch: is told what is being done.
        name: of the model, for readers.
        source: name of the file of the records.
    """
    noun = codec.tokenizer.domain.noun

    def progress(done: int, total: int) -> None:
        """Tell whoever watches how many rows are encoded."""
        if watch is not None:
            watch("encoded", done, total)

    z, costs = encoded(codec, read, config, progress, batch_size)
    _check_occupied(codec, z, name or "this model", noun)
    columns = file_columns(kept)
    columns += property_columns(codec, read.forms, config.property, [one.title for one in columns])
    columns += [*costs, *cluster_column(z, config.clusters, config.seed)]
    fingerprint = weights_hash(codec.model)
    projection = _projection(codec, z, {one.title: one for one in columns}, read.forms, config, fingerprint)
    if isinstance(projection, Plane) and projection.kind == SLICE:
        columns.append(off_plane_column(projection.distance(z)))
    places = projection.place(z)
    anchors = [one[1:] for one in projection.anchors] if isinstance(projection, Plane) else []
    extent = Extent.around(np.concatenate([places, np.array(anchors or places[:1])]))
    if watch is not None:
        watch("decoding between the rows", 0, 1)
    shown = between(codec, projection, extent, config)
    domain = codec.tokenizer.domain
    return LatentMap(
        model=name, source=source, noun=noun, unit="" if codec.tokenizer.molecular else domain.unit,
        projection=projection, fingerprint=fingerprint, z=z, places=places, texts=[one.text for one in kept],
        forms=list(read.forms), names=[one.name for one in kept], columns={one.title: one for one in columns},
        extent=extent, shades=shown.shades, grid=shown.grid,
        left_out=read.left_out() if read.rejected else "",
    )  # fmt: skip


def _records(rows: Rows, settings: ReadSettings | None, limit: int) -> tuple[list[Record], str]:
    """Return the first records of a file or a list, and the name of the file."""
    if isinstance(rows, (str, os.PathLike)):
        reader = RecordReader(os.fspath(rows), settings or ReadSettings(all=True))
        return list(islice(reader, limit)), os.fspath(rows)
    found = [row if isinstance(row, Record) else Record(str(row), "", 0) for row in islice(rows, limit)]
    return found, ""


def _check_occupied(codec: Codec, z: NDArray[np.float32], name: str, noun: str) -> None:
    """Raise UsageError where the posterior means do not vary: every point would decode to the same."""
    import torch

    units = active_units(torch.from_numpy(z))
    if units == 0:
        raise UsageError(
            f"{name}: its latent space is empty: none of {codec.latent} dimensions varies over these {len(z):,} "
            f"{noun}s, since the decoder makes nothing of z, so there is nothing to map; its likelihoods may be good "
            "none the less: seqvae score, seqvae sample; seqvae diagnose says why and which setting to change"
        )


def _projection(
    codec: Codec,
    z: NDArray[np.float32],
    columns: dict[str, Column],
    forms: Sequence[str],
    config: MapConfig,
    fingerprint: str,
) -> Projection:
    """Return the projection that is asked for, made or read."""
    if config.through:
        return plane_through(codec.encode(list(config.through)), list(config.through))
    if config.around:
        first, second = (_direction(z, columns, forms, name) for name in config.along)
        centre = codec.encode([config.around])[0]
        return plane_along(centre, first, second, [config.around, *config.along])
    if config.projection == PCA:
        return pca(z)
    if config.projection == TSNE:
        return tsne(z, config.perplexity, config.seed)
    if config.projection == UMAP:
        return umap(z, config.neighbours, config.seed)
    return load_projection(Path(config.projection), fingerprint)


def _direction(z: NDArray[np.float32], columns: dict[str, Column], forms: Sequence[str], name: str) -> Any:  # noqa: ANN401 - a tensor
    """Return the attribute vector of a column or property: from the lowest third of its values to the highest."""
    column = columns.get(name)
    if column is not None and not isinstance(column.values, np.ndarray):
        raise UsageError(f"along: column {name!r} holds texts: name one of numbers, or a property")
    values = score([name], forms)[name] if column is None else np.asarray(column.values)
    known = np.flatnonzero(np.isfinite(values))
    low, high = np.quantile(values[known], [1 / 3, 2 / 3]) if len(known) else (0.0, 0.0)
    if not low < high:
        raise UsageError(f"along: {name!r} has the same value in most rows, which gives no direction")
    return attribute_vector(z[known[values[known] >= high]], z[known[values[known] <= low]])

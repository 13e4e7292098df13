"""Projections on disk: a folder of JSON and safetensors, with the hash of the model whose latent space they map."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from seqvae.config.stored import bytes_of, json_of
from seqvae.config.toml import checked
from seqvae.errors import ArtifactError, ConfigError, NewerFormatError, UsageError
from seqvae.latent.projection.kinds import PCA, SLICE, TSNE, UMAP
from seqvae.latent.projection.neighbourhoods import Neighbourhoods
from seqvae.latent.projection.planes import Plane, Projection
from seqvae.runtime.files import atomic_file

FORMAT = 1  # of a projection on disk
RECORD, NUMBERS = "projection.json", "projection.safetensors"
_NEIGHBOURS = {TSNE: "perplexity", UMAP: "neighbours"}  # the field's names


def save_projection(folder: Path, projection: Projection, model: str) -> None:
    """Write a projection; each file appears complete or not at all, the one with the checksum last.

    Args:
        folder: is created.
        projection: what is written.
        model: hash of the weights of the model whose latent space it maps.

    Raises:
        OSError: the disk refuses.
    """
    record: dict[str, Any] = {"format": FORMAT, "kind": projection.kind, "model": model, "latent": projection.latent}
    if isinstance(projection, Plane):
        arrays: dict[str, NDArray[Any]] = {"origin": projection.origin, "basis": projection.basis}
        record |= {name: list(getattr(projection, name)) for name in ("shares", "axes")}
        record["anchors"] = [list(one) for one in projection.anchors]
    elif isinstance(projection, Neighbourhoods):
        arrays = {"fitted": projection.fitted, "places": projection.places}
        record |= {_NEIGHBOURS[projection.kind]: projection.neighbours, "seed": projection.seed}
    numbers = save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    record["sha256"] = hashlib.sha256(numbers).hexdigest()
    for name, data in ((NUMBERS, numbers), (RECORD, (json.dumps(record, indent=1) + "\n").encode())):
        with atomic_file(folder / name) as file:
            file.write(data)


def load_projection(folder: Path, model: str = "") -> Projection:
    """Read a projection.

    Args:
        folder: as `save_projection` wrote it.
        model: hash of the weights of the model that it is wanted for; empty: of any.

    Raises:
        ArtifactError: a file is missing, damaged, or of something else.
        NewerFormatError: a newer seqvae wrote it.
        UsageError: it maps the latent space of another model.
    """
    record = json_of(bytes_of(folder / RECORD, kind=ArtifactError, what="a projection"), folder / RECORD, ArtifactError)
    numbers = bytes_of(folder / NUMBERS, kind=ArtifactError, what="the numbers of a projection")
    try:
        found = checked("format", record["format"], int)
        if found > FORMAT:
            raise NewerFormatError(f"{folder}: a projection of format {found}, this seqvae reads {FORMAT}: update it")
        if hashlib.sha256(numbers).hexdigest() != record["sha256"]:
            raise ValueError(f"{NUMBERS} is not the file that {RECORD} describes: copy the whole folder again")
        projection = _projection(record, load(numbers))
    except (KeyError, TypeError, ValueError, ConfigError, SafetensorError) as error:
        raise ArtifactError(f"{folder}: not a whole projection: {error}") from error
    if model and record["model"] != model:
        raise UsageError(f"{folder}: maps the latent space of another model: make a new one with --save-projection")
    return projection


def _projection(record: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Projection:
    """Return what a record and its numbers say; raises KeyError, ValueError or ConfigError where they do not fit."""
    kind, latent = record["kind"], checked("latent", record["latent"], int)
    for name, values in arrays.items():
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError(f"{name}: expected finite numbers")
    if kind in (PCA, SLICE):
        origin, basis = arrays["origin"].astype(np.float64), arrays["basis"].astype(np.float64)
        if origin.shape != (latent,) or basis.shape != (2, latent):
            raise ValueError(f"expected a plane in {latent} dimensions, got {origin.shape} and {basis.shape}")
        shares = checked("shares", record["shares"], tuple[float, ...])
        axes = checked("axes", record["axes"], tuple[str, ...])
        anchors = tuple(
            (checked("anchors", name, str), *map(float, (x, y)))
            for name, x, y in checked("anchors", record["anchors"], list[Any])
        )
        return Plane(kind, origin, basis, shares, axes, anchors)
    if kind not in _NEIGHBOURS:
        raise ValueError(f"unknown kind {kind!r}")
    fitted, places = arrays["fitted"].astype(np.float32), arrays["places"].astype(np.float64)
    if fitted.ndim != 2 or fitted.shape[1] != latent or places.shape != (len(fitted), 2):
        raise ValueError(f"expected points in {latent} dimensions and their places, got {fitted.shape}, {places.shape}")
    name = _NEIGHBOURS[kind]
    return Neighbourhoods(
        fitted, places, checked(name, record[name], float), checked("seed", record["seed"], int), kind
    )

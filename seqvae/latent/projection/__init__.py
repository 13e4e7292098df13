"""Projections of latent space to the plane and back: PCA, exact slices, and t-SNE and UMAP that take later points.

The place of a point follows from the point and the projection alone: whatever is placed later moves nothing. On disk a
projection is a folder of JSON and safetensors, so that a map can be made again and others placed on it.
"""

from __future__ import annotations

from seqvae.runtime.lazy import parts_of

_HOMES = {
    "PCA": "kinds",
    "SLICE": "kinds",
    "TSNE": "kinds",
    "UMAP": "kinds",
    "check_projection": "kinds",
    "Plane": "planes",
    "Projection": "planes",
    "pca": "planes",
    "plane_along": "planes",
    "plane_through": "planes",
    "Neighbourhoods": "neighbourhoods",
    "tsne": "neighbourhoods",
    "umap": "neighbourhoods",
    "load_projection": "stored",
    "save_projection": "stored",
}

__all__ = [
    "PCA",
    "SLICE",
    "TSNE",
    "UMAP",
    "Neighbourhoods",
    "Plane",
    "Projection",
    "check_projection",
    "load_projection",
    "pca",
    "plane_along",
    "plane_through",
    "save_projection",
    "tsne",
    "umap",
]

__getattr__, __dir__ = parts_of(__name__, _HOMES)

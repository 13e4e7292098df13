"""The kinds of projections by name, and what each of them needs; imports nothing heavy, so that it is asked first."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from seqvae.config import suggestion
from seqvae.errors import UsageError

PCA, SLICE, TSNE, UMAP = "pca", "slice", "tsne", "umap"
NAMED = (PCA, TSNE, UMAP)  # that can be asked for by name
_LIBRARIES = {TSNE: ("t-SNE", "openTSNE", "openTSNE"), UMAP: ("UMAP", "umap", "umap-learn")}  # title, module, package


def missing(kind: str) -> UsageError:
    """Return the error that says what a projection needs."""
    title, _, package = _LIBRARIES[kind]
    return UsageError(
        f"{title} needs {package}: pip install 'seqvae[map]'; or take --projection pca, which needs nothing"
    )


def check_projection(name: str) -> None:
    """Raise where a projection cannot be made or read, before anything long is begun for it.

    Args:
        name: `pca`, `tsne`, `umap` or the folder of a stored projection.

    Raises:
        UsageError: its library is not installed, or there is neither such a kind nor such a folder.
    """
    if name in _LIBRARIES and importlib.util.find_spec(_LIBRARIES[name][1]) is None:
        raise missing(name)
    if name not in NAMED and not Path(name).is_dir():
        known = f"expected {', '.join(NAMED)} or the folder of a stored one"
        raise UsageError(f"projection: {known}, got {name!r}{suggestion(name, NAMED)}")

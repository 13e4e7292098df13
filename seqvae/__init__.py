"""Latent spaces of molecules and of biological sequences.

`import seqvae` is quick: torch is imported when a model is loaded, not before.

    model = seqvae.load("runs/zinc")
    z = model.encode(["CCO", "c1ccccc1O"])
    texts = model.decode(z)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from seqvae.latent.codec import Codec

__all__ = ["__version__", "load"]

__version__ = "0.1.0"


def load(name: str | Path, device: str = "auto") -> Codec:
    """Load a trained model.

    Args:
        name: folder of a trained model, or the name of one that ships with the package.
        device: `auto`, `cpu` or `cuda`.

    Returns:
        The model as a codec: text to latent vectors and back.

    Raises:
        ArtifactError: the folder is not a model, or a file of it is missing or damaged.
        UsageError: the device does not exist here.
    """
    from seqvae.latent.codec import load as load_codec

    return load_codec(name, device=device)

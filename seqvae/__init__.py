"""Latent spaces of molecules and of biological sequences.

`import seqvae` is quick: torch is imported when a model is loaded, not before.

    model = seqvae.load("zinc-smiles")
    z = model.encode(["CCO", "c1ccccc1O"])
    texts = model.decode(z)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqvae.runtime.lazy import parts_of

if TYPE_CHECKING:
    from pathlib import Path

    from seqvae.evaluate.demonstration import quickstart
    from seqvae.latent.codec import Codec

__all__ = ["__version__", "load", "quickstart"]

__version__ = "0.1.0"


def load(name: str | Path, device: str = "auto") -> Codec:
    """Load a trained model.

    Args:
        name: folder of a trained model, or the name of a pretrained one (`seqvae models list`). A bare
            word that is both is an error: `./NAME` and `Path("NAME")` are folders.
        device: `auto`, `cpu` or `cuda`.

    Returns:
        The model as a codec: text to latent vectors and back.

    Raises:
        ArtifactError: there is no such model, or a file of it is missing or damaged.
        UsageError: the device does not exist here, or the name is that of a pretrained model and of a folder here.
    """
    from seqvae.latent.codec import load as load_codec

    return load_codec(name, device=device)


# Parts are imported when they are first asked for: `seqvae.evaluate.run(...)` works after `import seqvae`.
__getattr__, __dir__ = parts_of(__name__, {"quickstart": "evaluate.demonstration"})

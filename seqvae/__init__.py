"""Latent spaces of molecules and of biological sequences.

`import seqvae` is quick: torch is imported when a model is loaded, not before.

    model = seqvae.load("drug-smiles")
    z = model.encode(["CCO", "c1ccccc1O"])
    texts = model.decode(z)
    mine = seqvae.fit(["CCO", ...], "runs/mine", start="drug-smiles")
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from seqvae.runtime.lazy import parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from seqvae.evaluate.demonstration import quickstart
    from seqvae.latent.codec import Codec

__all__ = ["__version__", "fit", "load", "quickstart"]

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


def fit(
    texts: Sequence[Any] | str | Path | None,
    out: str | Path,
    start: str | Path = "",
    labels: Mapping[str, Sequence[float | None]] | str | None = None,
    resume: bool = False,
    quiet: bool = False,
    **settings: Any,  # noqa: ANN401 - each has the type of its setting
) -> Codec:
    """Train a model on molecules or sequences, or fine-tune one, and load it.

    Args:
        texts: molecules (SMILES or RDKit's `Mol`) or sequences, in a list, an array or a pandas Series, of which the
            folder keeps a copy (`data.csv`); or the path of a file, or the name of a dataset; None with `resume`.
        out: folder of the model, which is created.
        start: a model to fine-tune: its folder, or the name of a pretrained one; empty: none, from scratch.
        labels: numbers of each text that the model learns to predict from z, by name, None or NaN where one is missing;
            of a file the titles of their columns, separated by commas.
        resume: resume the stopped training in this folder, with its settings.
        quiet: show no progress, and say nothing of what was read and chosen.
        **settings: any setting of `seqvae train` (or, with `start`, of `seqvae finetune`), by the name of its flag:
            `epochs=20`, `tokenizer="selfies"`, `target_rate=20.0`.

    Returns:
        The model, as `seqvae.load(out)` returns it. `seqvae.evaluate.diagnose(out)` says what it is worth.

    Raises:
        UsageError: the folder holds a run already, or there is none to resume; `texts` and `resume` are both given, or
            neither; a label has another number of values than there are texts.
        ConfigError: there is no such setting, or its value is out of range.
        InputError: the data cannot be used.
        KeyboardInterrupt: Ctrl-C, after the state was saved; `resume=True` resumes.
    """
    from seqvae.train.api import fit as trained

    return load(trained(texts, out, start, labels, resume, quiet, **settings).folder)


# Parts are imported when they are first asked for: `seqvae.evaluate.run(...)` works after `import seqvae`.
__getattr__, __dir__ = parts_of(__name__, {"quickstart": "evaluate.demonstration"})

if "IPython" in sys.modules:  # results show themselves in notebooks
    from seqvae.report.notebook import install

    install()

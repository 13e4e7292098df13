"""`seqvae evaluate`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import READING, ComputeOptions, Input, Place

app = App(
    name="evaluate",
    help_epilogue="""
Examples:

    seqvae evaluate runs/zinc test.smi
    seqvae evaluate runs/zinc test.smi --json > figures.json

Only texts that training has not seen tell how good a model is.
""",
)


@app.default
def evaluate(
    model: str,
    source: Place,
    /,
    *,
    json: Annotated[bool, Parameter(name="--json")] = False,
    seed: int = 0,
    reading: Input = READING,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Measure a model on texts it has not seen: bounds, reconstruction, active units, and its samples.

    Args:
        model: folder of a trained model.
        source: file of held-out texts, or `-` for one a line.
        json: print JSON.
        seed: one seed, one result.
        reading: how the texts are read.
        device: `auto`, `cpu` or `cuda`.
        quiet: print the figures alone.
    """
    from dataclasses import asdict

    from seqvae import load
    from seqvae.cli.figures import print_figures, print_json
    from seqvae.cli.inputs import read_texts
    from seqvae.evaluate.summary import SummarySettings, summarise

    codec = load(model, device=device)
    texts = [record.text for record in read_texts(source, codec, reading, ComputeOptions(quiet=quiet))]
    figures = asdict(summarise(codec, texts, None, SummarySettings(texts=len(texts), seed=seed)))
    (print_json if json else print_figures)(figures)

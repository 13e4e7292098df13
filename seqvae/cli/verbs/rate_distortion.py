"""`seqvae rate-distortion`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import Place
from seqvae.config import RateDistortionConfig
from seqvae.errors import UsageError
from seqvae.runtime.progress import phase

app = App(
    name="rate-distortion",
    help_epilogue="""
Examples:

    seqvae rate-distortion runs/mine --out curve --betas 0.05,0.1,0.2,0.5,1
    seqvae rate-distortion run.toml mine.smi --out curve --chains 2 --no-multipliers
    seqvae rate-distortion runs/mine --out decoder --betas ""
    seqvae rate-distortion --resume --out curve

Trains at each KL weight, beginning with the weights of its neighbour, and prints rate and distortion, the slope dD/dR
beside -beta, the beta at which a target of the same distortion ends, and H - D <= I <= R; then the curve of the given
model's own decoder. The folder of `--out` gets a run folder a beta, rate_distortion.json and rate_distortion.html.
""",
)

TRACING = RateDistortionConfig()


@app.default
def rate_distortion(
    source: str = "",
    data: Place = "",
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    resume: bool = False,
    json: Annotated[bool, Parameter(name="--json")] = False,
    quiet: bool = False,
    tracing: Annotated[RateDistortionConfig, Parameter(name="*", group="Tracing", negative=None)] = TRACING,
) -> None:
    """Trace how much z says (rate) against how much it leaves open (distortion), over the KL weight.

    Args:
        source: folder of a trained model, name of a pretrained one, or a TOML file with the settings of a run.
        data: name of a dataset or file; by default that of the settings, or that the model was trained on.
        out: folder of the trainings and of the metrics; it is created.
        resume: resume the stopped sweep in this folder, with its settings.
        json: print all metrics as JSON.
        quiet: show no progress.
        tracing: how the curve is traced.
    """
    from seqvae.artifact.pretrained import check_model
    from seqvae.cli.printing import print_json, print_rows
    from seqvae.cli.progress import Bars
    from seqvae.data.datasets.cards import check_source

    if resume and (source or data or tracing != TRACING):
        raise UsageError("--resume takes its source, data and settings from the folder: leave the others out")
    if not resume:
        if not source:
            raise UsageError("expected a model or a file of settings: seqvae rate-distortion MODEL|CONFIG --out FOLDER")
        if not source.endswith(".toml"):
            check_model(source)
        if data:
            check_source(data)
    with Bars(quiet=quiet) as bars:
        with phase("loading PyTorch", quiet):
            from seqvae.evaluate.curves.tracing import rate_distortion as trace
            from seqvae.report.curve_page import PAGE, curve_rows, fixed_rows, write_curve

        found = trace(source, out, data, None if resume else tracing, resume, None if quiet else bars)
    write_curve(out, found)
    if json:
        print_json(found.to_dict())
        return
    for title, rows in (("nats, of training data", curve_rows(found)), ("the given decoder", fixed_rows(found))):
        if len(rows) > 1:
            print(title)
            print_rows(rows)
    if not quiet:
        bars.note(f"open {out / PAGE}")

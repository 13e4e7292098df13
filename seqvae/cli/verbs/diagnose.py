"""`seqvae diagnose`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, Input, Place
from seqvae.config import DiagnosisConfig
from seqvae.errors import InputError
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    pass

app = App(
    name="diagnose",
    help_epilogue="""
Examples:

    seqvae diagnose runs/mine --out diagnosis
    seqvae diagnose zinc-smiles held_out.smi --train train.smi --json > figures.json
    seqvae diagnose runs/mine --quick

The verdict is one of: healthy, partly collapsed, collapsed because nothing is there to encode, collapsed by the
objective, nothing comes back from the latent space (molecules), encoder does not generalise, prior does not fit,
under-trained (worse than a baseline); with the numbers that it rests on and the setting to change. The folder of
`--out` gets diagnosis.json and diagnosis.html.
""",
)


MEASURING = DiagnosisConfig()


@app.default
def diagnose(
    model: str,
    data: Place = "",
    /,
    *,
    train: str = "",
    out: Annotated[str, Parameter(name=["--out", "-o"])] = "",
    json: Annotated[bool, Parameter(name="--json")] = False,
    measuring: Annotated[DiagnosisConfig, Parameter(name="*", group="Measuring")] = MEASURING,
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Say what a model's latent space is worth: metrics, a verdict, and the setting to change.

    Args:
        model: folder of a trained model, or name of a pretrained one.
        data: name of a dataset, whose test split is taken, or file of held-out molecules or sequences; what of it the
            model was trained on, by the record in its folder, stands for training data. Without it: what was held out
            of the model's own data, if these can be read again.
        train: name of a dataset, whose training split is taken, or file of training data; by default those of the
            model's own dataset.
        out: folder for the metrics and the page; without it, they are only printed.
        json: print all metrics as JSON.
        measuring: how much is measured.
        reading: how files are read.
        computing: where and how the work is done.
    """
    from seqvae.artifact.pretrained import check_model
    from seqvae.cli.printing import WIDTH, print_json, print_rows, print_verdict
    from seqvae.cli.progress import Bars
    from seqvae.data.datasets.cards import unknown_source
    from seqvae.runtime.files import check_folder

    if out:
        check_folder(Path(out))
    check_model(model)
    for name in (data, train):
        if name and (reason := unknown_source(name)):
            raise InputError(reason)
    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.evaluate.diagnosing import diagnose as run
            from seqvae.evaluate.metric_names import BRIEF
            from seqvae.report.diagnosis_page import PAGE, diagnosis_rows, write_diagnosis

        watch = None if computing.quiet else bars
        settings, device, batch_size = reading.settings(), computing.device, computing.batch_size
        found = run(model, data, train, measuring, settings, device, batch_size, watch)
    if out:
        write_diagnosis(Path(out), found)
    if json:
        print_json(found.to_dict())
    else:
        print(textwrap.fill(found.overlap, WIDTH))
        for title, rows in diagnosis_rows(found, BRIEF):
            print(f"\n{title}")
            shown = ((name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value, _ in rows)
            print_rows([[f"  {name}", value] for name, value in shown])
        print_verdict(found.verdict)
    if out:
        computing.note(f"open {Path(out) / PAGE}")

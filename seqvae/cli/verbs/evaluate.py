"""`seqvae evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, ComputeOptions, Input, InputOptions, Place
from seqvae.config import EvaluationConfig
from seqvae.errors import UsageError

if TYPE_CHECKING:
    from seqvae.evaluate.evaluation import Evaluation

app = App(
    name="evaluate",
    help_epilogue="""
Examples:

    seqvae evaluate samples.smi --reference moses --out evaluation
    seqvae evaluate runs/zinc --reference zinc250k --number 10000 --out evaluation
    seqvae evaluate samples.smi --reference test.smi --train train.smi --json > figures.json

The folder of `--out` gets metrics.json (one number a figure; molecules by the names of MOSES), figures.json (these with
their intervals, what real texts reach, and the figures of the model), samples of a model, and report.html.
Only texts that training has not seen tell how good a model is.
""",
)


MEASURING = EvaluationConfig()


@app.default
def evaluate(
    source: Place,
    /,
    *,
    reference: Place,
    train: str = "",
    out: Annotated[str, Parameter(name=["--out", "-o"])] = "",
    json: Annotated[bool, Parameter(name="--json")] = False,
    measuring: Annotated[EvaluationConfig, Parameter(name="*", group="Measuring")] = MEASURING,
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Compare samples, or a trained model, with real texts: validity, novelty, distances, and what the model keeps.

    Args:
        source: file of samples (.smi .csv .tsv .parquet .fasta .txt, each also .gz), `-` for one a line, or a trained
            model: its folder, or the name of one that ships.
        reference: name of a dataset, whose test side is taken, or file of texts that training has not seen.
        train: name of a dataset, whose training side is taken, or file of training texts, for novelty; by default the
            training side of a reference by name.
        out: folder for the tables and the page; without it they are printed only.
        json: print all figures as JSON.
        measuring: how a model is sampled and measured.
        reading: how files of texts are read.
        computing: where and how the work is done.
    """
    from seqvae.cli.printing import print_json
    from seqvae.cli.progress import Bars
    from seqvae.evaluate.api import run
    from seqvae.report.evaluation_folder import PAGE, write_evaluation
    from seqvae.runtime.files import check_folder

    _refuse_idle(source, measuring, reading, computing)
    if out:
        check_folder(Path(out))
    with Bars() as bars:
        watch = None if computing.quiet else bars
        given = train, measuring, reading.column, computing.device, computing.batch_size
        found = run(source, reference, *given, watch)
    if out:
        write_evaluation(Path(out), found)
    if json:
        print_json(found.to_dict())
    else:
        _print(found)
    if out:
        computing.note(f"open {Path(out) / PAGE}")


def _refuse_idle(source: str, measuring: EvaluationConfig, reading: InputOptions, computing: ComputeOptions) -> None:
    """Raise UsageError where a flag says something else than the default and has no effect."""
    from seqvae.artifact.pretrained import pretrained_names

    if reading.on_error != InputOptions.on_error:
        raise UsageError("--on-error has no effect on samples, whose invalid ones are counted: leave it out")
    if Path(source).is_dir() or source in pretrained_names():
        return
    given = {name: getattr(measuring, name) != getattr(EvaluationConfig, name) for name in ("number", "prior", "tries")}
    given["batch-size"] = computing.batch_size != ComputeOptions.batch_size
    for name in (name for name, other in given.items() if other):
        raise UsageError(f"--{name} has no effect on a file of samples, only on a model: leave it out")


def _print(found: Evaluation) -> None:
    """Print the tables."""
    from seqvae.cli.printing import print_rows
    from seqvae.evaluate.metric_names import TELLING
    from seqvae.report.tables import bits_rows, generation_rows, latent_rows, model_rows, property_rows
    from seqvae.sequences.domain import DOMAINS

    domain = DOMAINS[found.splits.kind]
    if found.generation is not None:
        print_rows(generation_rows(found.generation))
    if not found.model:
        return
    if found.generation is not None:
        print("\nthe model itself, because one that ignores its latent space generates well too")
    print_rows([[name, _shown(value)] for name, value, _ in model_rows(found.model, TELLING, domain.noun)])
    if found.model.get("collapse"):
        print(found.model["collapse"])
    if found.bits:
        print()
        print_rows([[str(cell) for cell in row] for row in bits_rows(found.bits, domain.unit)])
    if found.latent:
        if len(properties := property_rows(found.latent)) > 1:
            print()
            print_rows([[_shown(cell) for cell in row] for row in properties])
        print()
        print_rows([[name, _shown(value)] for name, value, _ in latent_rows(found.latent, domain.noun)])


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

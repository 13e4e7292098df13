"""`seqvae evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.flags import refuse_idle
from seqvae.cli.options import COMPUTING, READING, Compute, Input, Place
from seqvae.config import EvaluationConfig
from seqvae.errors import InputError
from seqvae.evaluate.metric_names import TELLING
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from seqvae.evaluate.evaluation import Evaluation

app = App(
    name="evaluate",
    help_epilogue="""
Examples:

    seqvae evaluate samples.smi --reference moses --out evaluation
    seqvae evaluate runs/zinc --reference zinc250k --number 10000 --out evaluation
    seqvae evaluate samples.smi --reference test.smi --train train.smi --json > figures.json

The folder of `--out` gets metrics.json (one number per metric; for molecules by MOSES' names), figures.json (the same
with confidence intervals, what real data reach, and the model's own metrics), the samples of a model, and report.html.
Only data that training has not seen tell how good a model is: the first line says how much of the reference the model
has seen, by the record in its folder, and the held-out metrics are of the rest.
""",
)


MEASURING = EvaluationConfig()


@dataclass(frozen=True)
class OutputOptions:
    """What is written and printed.

    Attributes:
        out: folder for the tables and the report; without it, the tables are only printed.
        json: print all metrics as JSON.
        explain: say below the tables what each metric means.
    """

    out: Annotated[str, Parameter(name=["--out", "-o"])] = ""
    json: bool = False
    explain: bool = False


OUTPUT = OutputOptions()


@app.default
def evaluate(
    source: Place,
    /,
    *,
    reference: Place,
    train: str = "",
    output: Annotated[OutputOptions, Parameter(name="*")] = OUTPUT,
    measuring: Annotated[EvaluationConfig, Parameter(name="*", group="Measuring")] = MEASURING,
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Compare samples, or a trained model, with real data: validity, novelty, distances, reconstruction.

    Args:
        source: file of samples (.smi .csv .tsv .parquet .fasta .txt, each also .gz), `-` for one per line, or a
            trained model: its folder, or the name of a pretrained one.
        reference: name of a dataset, whose test split is taken, or file of data that training has not seen.
        train: for novelty: name of a dataset, whose training split is taken, or file of training data; by default that
            of a reference given by name.
        output: what is written and printed.
        measuring: how a model is sampled and measured.
        reading: how files are read.
        computing: where and how the work is done.
    """
    from seqvae.artifact.pretrained import check_model_or_file, is_pretrained
    from seqvae.cli.printing import print_json
    from seqvae.cli.progress import Bars
    from seqvae.data.datasets.cards import unknown_source
    from seqvae.runtime.files import check_folder

    idle = {"on_error": "on samples, whose invalid ones are counted"}
    if not (Path(source).is_dir() or is_pretrained(source)):
        idle |= dict.fromkeys(("number", "prior", "tries", "batch_size"), "on a file of samples, only on a model")
    parts = ((measuring, MEASURING), (reading, READING), (computing, COMPUTING))
    given = {name: value for part, usual in parts for name, value in vars(part).items() - vars(usual).items()}
    refuse_idle(given, idle)
    if output.out:
        check_folder(Path(output.out))
    check_model_or_file(source)
    for name in (reference, train):
        if name and (reason := unknown_source(name)):
            raise InputError(reason)
    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.evaluate.api import run
            from seqvae.report.evaluation_folder import PAGE, write_evaluation

        watch = None if computing.quiet else bars
        found = run(
            source, reference, train, measuring, reading.settings(), computing.device, computing.batch_size, watch
        )
    if output.out:
        write_evaluation(Path(output.out), found)
    if output.json:
        print_json(found.to_dict())
    else:
        _print_tables(found)
        if output.explain:
            from seqvae.evaluate.glossary import lines_of
            from seqvae.report.evaluation_page import shown_terms
            from seqvae.report.tables import latent_rows, model_rows
            from seqvae.sequences.domain import DOMAINS

            noun = DOMAINS[found.splits.kind].noun
            rows = [*model_rows(found.model, TELLING, noun), *(latent_rows(found.latent, noun) if found.latent else [])]
            terms = [*shown_terms(found), *((name, about) for name, _, about in found.named(rows))]
            print("\n" + "\n".join(lines_of(terms)))
    if output.out:
        computing.note(f"open {Path(output.out) / PAGE}")


def _print_tables(found: Evaluation) -> None:
    """Print the tables of an evaluation."""
    from seqvae.cli.printing import print_rows
    from seqvae.report.tables import bits_rows, generation_rows, latent_rows, model_rows, property_rows
    from seqvae.sequences.domain import DOMAINS

    domain = DOMAINS[found.splits.kind]
    if found.overlap is not None:
        print(f"{found.overlap.describe(domain.noun)}\n")
    if found.generation is not None:
        print_rows(generation_rows(found.generation))
        if found.generation.few:
            print(found.generation.few)
    if not found.model:
        return
    if found.generation is not None:
        print("\nthe model itself, because one that ignores its latent space can generate well too")
    rows = found.named(model_rows(found.model, TELLING, domain.noun))
    print_rows([[name, _shown(value)] for name, value, _ in rows])
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

"""`seqvae ask`: texts for a laboratory to measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, Out, Place
from seqvae.cli.verbs.optimize import FREE, Constraints
from seqvae.config import DEFAULT_MODEL, CampaignConfig, ConstraintConfig, SearchConfig
from seqvae.config.optimizer_names import DEFAULT_OPTIMIZER
from seqvae.errors import UsageError

if TYPE_CHECKING:
    from seqvae.search.proposals import Candidate

app = App(
    name="ask",
    help_epilogue="""
Examples:

    seqvae ask runs/plates -n 96 > plate1.csv
    seqvae tell runs/plates measured1.csv
    seqvae ask runs/plates -n 96 > plate2.csv
    seqvae ask runs/plates --again > plate2.csv

The first call makes the folder, with the model and the settings given; later ones find them there. The table has the
columns text and proposer: add a column `score`, higher is better, and leave the cell of a missing well empty.
""",
)

_PLATE = 96  # wells


@dataclass(frozen=True)
class FirstOptions:
    """What a search is made of.

    Attributes:
        model: name of a shipped model, or folder of a trained one; `none`: search without, from the texts of --start.
        optimizer: how the search goes on.
        start: file of texts to begin with; by default draws from the model's prior.
        seed: every random draw comes from it.
        initial: texts that are measured before the first ones are bred or modelled; by default half of this plate, and
            100 at most.
    """

    model: str = DEFAULT_MODEL
    optimizer: str = DEFAULT_OPTIMIZER
    start: Place = ""
    seed: int = CampaignConfig.seed
    initial: int | None = None


FIRST = FirstOptions()


@app.default
def ask(
    run: Path,
    /,
    *,
    number: Annotated[int | None, Parameter(name=["--number", "-n"], show_default=f"{_PLATE}")] = None,
    out: Out = "-",
    again: bool = False,
    first: Annotated[FirstOptions, Parameter(name="*", group="At the first call")] = FIRST,
    constraints: Constraints = FREE,
) -> None:
    """Return texts to be measured, none of which was asked for before.

    Args:
        run: folder of the search; it is made at the first call.
        number: how many texts.
        out: .csv, .tsv or .parquet; `-` writes a CSV table to standard output.
        again: write the last plate again, without what was measured since, where its table was lost.
        first: what the search is made of.
        constraints: at the first call: what every design must keep to.
    """
    from seqvae.data.files.writers import writer_for
    from seqvae.search.laboratory import ask as asked
    from seqvae.search.laboratory import check_count, last_batch
    from seqvae.search.storage.run_folder import SETTINGS

    writer_for(out, scores=True)
    count = _PLATE if number is None else number
    check_count(count)
    # An option that was given makes a new object, even where it says the default.
    settings = first is not FIRST or constraints is not FREE
    if again and (number is not None or settings):
        raise UsageError(f"--again writes the last plate of {run} as it was: leave all but --out away")
    if (run / SETTINGS).exists() and settings:
        raise UsageError(f"{run}: has its settings from the first call: leave all but -n and --out away")
    if not (run / SETTINGS).exists() and not again:
        _begin(run, first, constraints)
    batch = last_batch(run) if again else asked(run, count, first.initial)
    _write(batch, run, out)
    COMPUTING.note(f"{len(batch):,} texts to measure; then: seqvae tell {run} FILE")


def _begin(run: Path, first: FirstOptions, constraints: ConstraintConfig) -> None:
    from seqvae.cli.verbs.optimize import model_of, texts_of_file
    from seqvae.search.api import begin

    initial = CampaignConfig.initial if first.initial is None else first.initial
    campaign = CampaignConfig(seed=first.seed, initial=initial)
    config = SearchConfig(model_of(first.model), first.optimizer, campaign=campaign, constraints=constraints)
    begin(None, run, config, texts_of_file(first.start))


def _write(batch: Sequence[Candidate], run: Path, out: str) -> None:
    """Write the table of a plate; where that fails, say how to get at the plate, which is remembered already."""
    from seqvae.data.files.chunks import Results
    from seqvae.data.files.writers import write_pieces

    columns = {"proposer": [one.proposer for one in batch]}
    try:
        write_pieces(out, [Results([one.text for one in batch], columns)], scores=True)
    except OSError as error:
        reason = f"{error.strerror or error}: the plate is kept: seqvae ask {run} --again"
        raise OSError(error.errno, reason, error.filename) from error

"""`seqvae ask`: texts for a laboratory to measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.optimize import FREE, Constraints
from seqvae.cli.options import COMPUTING, Out, Place
from seqvae.config import DEFAULT_MODEL

app = App(
    name="ask",
    help_epilogue="""
Examples:

    seqvae ask runs/plates -n 96 > plate1.csv
    seqvae tell runs/plates measured1.csv
    seqvae ask runs/plates -n 96 > plate2.csv

The first call makes the folder, with the model and the settings given; later ones find them there. The table has the
columns text and proposer: add a column `score`, higher is better, and leave the cell of a missing well empty.
""",
)


@app.default
def ask(
    run: Path,
    /,
    *,
    number: Annotated[int, Parameter(name=["--number", "-n"])] = 96,
    out: Out = "-",
    model: str = "",
    optimizer: str = "",
    start: Place = "",
    seed: int | None = None,
    constraints: Constraints = FREE,
) -> None:
    """Return texts to be measured, none of which was asked for before.

    Args:
        run: folder of the search; it is made at the first call.
        number: how many texts.
        out: .csv, .tsv or .parquet; `-` writes a CSV table to standard output.
        model: at the first call: name of a shipped model, or folder of a trained one; by default that of quickstart.
        optimizer: at the first call: how the search goes on.
        start: at the first call: file of texts to begin with; by default draws from the model's prior.
        seed: at the first call: every random draw comes from it.
        constraints: at the first call: what every design must keep to.
    """
    from seqvae.cli.optimize import texts_of_file
    from seqvae.cli.outputs import write_pieces, writer_for
    from seqvae.data.parts import Results
    from seqvae.errors import UsageError
    from seqvae.search.laboratory import ask as asked
    from seqvae.search.run_folder import SETTINGS
    from seqvae.search.search import begin
    from seqvae.search_config import CampaignConfig, SearchConfig

    writer_for(out, scores=True)
    new = not (run / SETTINGS).exists()
    if new:
        campaign = CampaignConfig(seed=seed or 0)
        config = SearchConfig(
            model or DEFAULT_MODEL, optimizer or SearchConfig.optimizer, campaign=campaign, constraints=constraints
        )
        begin(None, run, config, texts_of_file(start))
    elif model or optimizer or start or seed is not None or constraints != FREE:
        raise UsageError(f"{run}: has its settings from the first call: leave all but -n and --out away")
    plate = asked(run, number)
    columns = {"proposer": [one.proposer for one in plate]}
    write_pieces(out, [Results([one.text for one in plate], columns)], scores=True)
    COMPUTING.note(f"{len(plate):,} texts to measure; then: seqvae tell {run} FILE")

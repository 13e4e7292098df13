"""`seqvae ask`: texts for a laboratory to measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import search_flags, with_flags
from seqvae.cli.options import COMPUTING, Out, Place
from seqvae.cli.verbs.optimize import config_of, texts_of_file
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
_FIRST = "At the first call"
_INITIAL = "texts measured before the first ones are bred or modelled; not given: half of this plate if that is less"
_FLAGS = search_flags({"initial": _INITIAL})
_SETTINGS = [
    *(replace(one, group=_FIRST) for one in _FLAGS["search"] if one.name != "device"),
    *(replace(one, group=_FIRST) for one in _FLAGS["campaign"] if one.name in ("seed", "initial")),
    *_FLAGS["constraints"],
    *_FLAGS["optimizer"],
]


@app.default
@with_flags(_SETTINGS)
def ask(
    run: Path,
    /,
    *,
    number: Annotated[int | None, Parameter(name=["--number", "-n"], show_default=f"{_PLATE}")] = None,
    out: Out = "-",
    again: bool = False,
    config: Annotated[Path | None, Parameter(group=_FIRST)] = None,
    start: Annotated[Place, Parameter(group=_FIRST)] = "",
    **given: Any,  # noqa: ANN401
) -> None:
    """Return texts to be measured, none of which was asked for before.

    Args:
        run: folder of the search; it is made at the first call.
        number: how many texts.
        out: .csv, .tsv or .parquet; `-` writes a CSV table to standard output.
        again: write the last plate again, without what was measured since, where its table was lost.
        config: TOML file of settings, as `seqvae optimize --help` has it.
        start: file of texts to begin with; by default draws from the model's prior.
        **given: settings of the search, by flag, where they were given.
    """
    from seqvae.data.files.writers import writer_for
    from seqvae.search.api import begin
    from seqvae.search.laboratory import ask as asked
    from seqvae.search.laboratory import check_count, last_batch
    from seqvae.search.storage.run_folder import SETTINGS

    writer_for(out, scores=True)
    count = _PLATE if number is None else number
    check_count(count)
    settings = config is not None or bool(start) or any(value is not None for value in given.values())
    if again and (number is not None or settings):
        raise UsageError(f"--again writes the last plate of {run} as it was: leave all but --out away")
    if (run / SETTINGS).exists() and settings:
        raise UsageError(f"{run}: has its settings from the first call: leave all but -n and --out away")
    if not (run / SETTINGS).exists() and not again:
        begin(None, run, config_of(config, given, _SETTINGS), texts_of_file(start))
    batch = last_batch(run) if again else asked(run, count, given.get("initial"))
    _write(batch, run, out)
    COMPUTING.note(f"{len(batch):,} texts to measure; then: seqvae tell {run} FILE")


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

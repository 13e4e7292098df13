"""`seqvae ask`: molecules or sequences for a laboratory to measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import search_flags, with_flags
from seqvae.cli.options import COMPUTING, Out, Place, check_file
from seqvae.cli.verbs.search.optimize import FROM_PRIOR, StartOptions, config_of
from seqvae.errors import UsageError

if TYPE_CHECKING:
    from seqvae.data.files.readers import RecordReader

app = App(
    name="ask",
    help_epilogue="""
Examples:

    seqvae ask runs/plates -n 96 > plate1.csv
    seqvae ask runs/warm --measured table.csv --score pIC50 -n 96 > plate1.csv
    seqvae ask runs/sure --measured table.csv --score pIC50 --error sem -n 96 > plate1.csv
    seqvae tell runs/plates measured1.csv
    seqvae ask runs/plates -n 96 > plate2.csv
    seqvae ask runs/plates --again > plate2.csv
    seqvae ask runs/plates --from library.smi -n 24 > plate3.csv

The first call creates the folder, with the model and the settings given; later calls find them there. The table has
the columns text (the molecule or sequence), id, and proposer; the value that a measurement is predicted to give, by a
Gaussian process on what has been measured, with its standard deviation, and the improvement that it expects on the best
design; the similarity to the nearest measured design (of molecules ECFP4, 2,048 bits; of sequences one less the edit
distance per letter), and the id of that one; of molecules the SA score and structural alerts. Add a column `score`,
higher is better, and leave the cell of a missing well empty.
""",
)

_PLATE = 96  # wells
_FIRST = "At the first call"
_INITIAL = (
    "size of the initial design, measured before the optimiser breeds or models; by default half of this plate, if "
    "that is less"
)
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
    library: Annotated[Place, Parameter(name="--from")] = "",
    config: Annotated[Path | None, Parameter(group=_FIRST)] = None,
    beginning: Annotated[StartOptions, Parameter(name="*", group=_FIRST)] = FROM_PRIOR,
    **given: Any,  # noqa: ANN401
) -> None:
    """Propose molecules or sequences to measure, none of which was asked for before.

    Args:
        run: folder of the search; the first call creates it.
        number: how many molecules or sequences.
        out: .csv, .tsv or .parquet; `-` writes a CSV table to standard output.
        again: write the last plate again, where its table was lost; what was measured since does not change it.
        library: choose among the rows of a file, in place of new designs: compounds that can be bought, or variants
            that were enumerated; up to a million. Their ids and columns go along. `--column` and `--format` are of it.
        config: TOML file of settings, as for `seqvae optimize`.
        beginning: what the search begins with.
        **given: settings of the search whose flags were given.
    """
    from seqvae.data.files.chunks import Results
    from seqvae.data.files.writers import write_pieces, writer_for

    writer_for(out, scores=True)
    first = replace(beginning, column="", format="") if library else beginning  # else they are those of the list
    first.check()
    if library:
        check_file(library)
    from seqvae.search.api import begin
    from seqvae.search.laboratory import ask as asked
    from seqvae.search.laboratory import check_count, last_batch
    from seqvae.search.storage.run_folder import SETTINGS

    count = _PLATE if number is None else number
    check_count(count)
    settings = config is not None or first != FROM_PRIOR or any(value is not None for value in given.values())
    if again and (number is not None or settings):
        raise UsageError(f"--again writes the last plate of {run} as it was: leave out all flags but --out")
    if (run / SETTINGS).exists() and settings:
        raise UsageError(f"{run}: has its settings from the first call: leave out all flags but -n and --out")
    if not (run / SETTINGS).exists() and not again:
        begin(None, run, config_of(config, given, _SETTINGS), beginning.texts(), beginning.measurements())
    if again and library:
        raise UsageError("--again writes the last plate as it was: leave --from out")
    rows = read_library(library, beginning.column, beginning.format) if library else None
    batch = last_batch(run) if again else asked(run, count, given.get("initial"), library=rows, say=COMPUTING.note)
    columns: dict[str, list[object]] = {"proposer": [one.proposer for one in batch]}
    titles = list(batch[0].about) if batch else []
    columns = {"id": [], **columns} if "id" in titles else columns
    columns |= {title: [one.about.get(title) for one in batch] for title in titles}
    try:
        write_pieces(out, [Results([one.text for one in batch], columns)], scores=True)
    except OSError as error:  # the search remembers the plate already
        reason = f"{error.strerror or error}: the plate is kept: seqvae ask {run} --again"
        raise OSError(error.errno, reason, error.filename) from error
    rows_shown = "1 row" if len(batch) == 1 else f"{len(batch):,} rows"
    COMPUTING.note(f"{rows_shown} to measure; then: seqvae tell {run} FILE")


def read_library(path: str, column: str, format: str) -> RecordReader:
    """Return the rows of a list, read one at a time; bad ones are left out and written to a reject file."""
    from seqvae.data.files.readers import ReadSettings, RecordReader

    return RecordReader(path, ReadSettings(column, format=format, on_error="skip", all=True))

"""`seqvae optimize`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import Setting, merged, refuse_idle, search_flags, with_flags
from seqvae.cli.optimizer_help import print_optimizers
from seqvae.cli.options import Place, check_file
from seqvae.config import EndConfig, SearchConfig
from seqvae.config.search import search_from_dict
from seqvae.config.toml import read_toml
from seqvae.errors import ConstraintError, OracleError, UsageError

if TYPE_CHECKING:
    from seqvae.search.loop import Progress
    from seqvae.search.oracle.measurements import Measurement

app = App(
    name="optimize",
    help_epilogue="""
Examples:

    seqvae optimize --objective qed --budget 2000 --out runs/qed
    seqvae optimize --objective mine:affinity --budget 500 --workers 2 --out runs/affinity
    seqvae optimize --objective tasks.toml --start known.smi --minutes 30 --out runs/tasks
    seqvae optimize --model runs/promoters --objective dna:gc --budget 500 --out runs/gc
    seqvae optimize --objective qed --optimizer turbo --optimizer.regions 2 --out runs/turbo
    seqvae optimize --objective mine:docking --cheap tasks.toml --survivors 0.05 --budget 200 --out runs/docking
    seqvae optimize --objective qed --config search.toml --out runs/mine
    seqvae optimize --resume runs/affinity
    seqvae optimize --resume runs/affinity --budget 2000

`mine:affinity` is the function `affinity` of your own `mine.py` in this folder: it takes one SMILES or sequence and
returns a number, higher is better, or None. Flags override the file of `--config`, which may hold any of the settings
above and those of `seqvae optimize --help-optimizer`:

    [optimizer]
    name = "auto"

    [optimizer.guide]
    points = 300

`seqvae results runs/affinity` shows the results of a search, also while it runs.
""",
)

FLAGS = search_flags()
SETTINGS = [one for section in FLAGS.values() for one in section]


@dataclass(frozen=True)
class StartOptions:
    """What a search begins with.

    Attributes:
        start: file of molecules or sequences to start from; by default draws from the model's prior.
        measured: table of molecules or sequences that have been measured already, or the folder of another search: it
            learns from them, and they cost no call. The scores of a table are in the column `score`, or, of terms
            joined by `pareto`, in one column per term, by its name.
        column: column of the molecules or sequences in these files, its title or number; by default the obvious one.
        format: what these files are, where neither their content nor their endings tell: `csv`, `tsv`, `smi`, ...
        score: column of the scores in the table of --measured, where it is another.
        error: column of the standard errors of these scores, by which measurements count; an empty cell: unknown.
    """

    start: Place = ""
    measured: Place = ""
    column: str = ""
    format: str = ""
    score: Annotated[str, Parameter(show_default="score")] = ""
    error: str = ""

    def check(self) -> None:
        """Refuse columns or the format of a table where there is no table, and tables that cannot be opened."""
        for flag, value in (("column", self.column), ("format", self.format)):
            if value and not (self.start or self.measured):
                raise UsageError(f"--{flag} has no effect without --start or --measured: leave it out")
        for flag, value in (("score", self.score), ("error", self.error)):
            if value and not self.measured:
                raise UsageError(f"--{flag} has no effect without --measured: leave it out")
        for source in filter(None, (self.start, self.measured)):
            if source != self.measured or not Path(source).is_dir():  # what was measured may be another search
                check_file(source)

    def texts(self) -> list[str]:
        """Return the texts to start from; an empty list without a file."""
        from seqvae.data.files.formats import TABLES, kind_of
        from seqvae.data.files.readers import ReadSettings, read_records

        if not self.start:
            return []
        known = kind_of(self.start, self.format) in TABLES  # else the column is that of the other file
        settings = ReadSettings(self.column if known else "", format=self.format)
        return [record.text for record in read_records(self.start, settings)[0]]

    def measurements(self, names: Sequence[str] = ("score",)) -> list[Measurement]:
        """Return what has been measured; an empty list without a table.

        Args:
            names: scores of the search, the columns where none is named.

        Raises:
            UsageError: one column of scores or of errors is named, and the search has several scores.
        """
        from seqvae.search.oracle.measurements import is_search, read_measurements

        if not self.measured:
            return []
        if is_search(self.measured) and (self.column or self.score or self.format or self.error):
            raise UsageError(
                f"{self.measured}: is a search, which has its own scores: leave out --column, --format, --score and "
                "--error"
            )
        for flag, value in (("score", self.score), ("error", self.error)):
            if value and len(names) > 1:
                raise UsageError(
                    f"--{flag}: the search has {len(names)} scores, by the columns {', '.join(names)}: leave it out"
                )
        columns = (self.score,) if self.score else names
        return read_measurements(self.measured, self.column, columns, self.format, self.error)


FROM_PRIOR = StartOptions()
_MAY_CHANGE = ("budget", "minutes", "patience")  # of a search that is resumed
_AS_IT_WAS = EndConfig()
_MORE = 5  # times as many failures as at the last line on them, before there is another


@app.default
@with_flags(SETTINGS)
def optimize(
    *,
    objective: Place = "",
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    config: Path | None = None,
    beginning: Annotated[StartOptions, Parameter(name="*")] = FROM_PRIOR,
    resume: Path | None = None,
    trust: bool = False,
    help_optimizer: bool = False,
    quiet: bool = False,
    **given: Any,  # noqa: ANN401
) -> None:
    """Search for molecules or sequences that score high, within an exact budget of calls.

    Args:
        objective: what to maximise: a property (`seqvae properties list`), `module:function` of your own, or a TOML
            file of weighted terms.
        out: folder of the search; it is created.
        config: TOML file of settings: `model` and `device` at the top, the tables oracle, campaign and constraints, and
            the table optimizer, with `name` and the settings of that optimizer.
        beginning: what the search begins with.
        resume: folder of a search to resume, with its settings; --budget, --minutes and --patience may be changed.
        trust: with --resume, run what the folder names (functions, programs, a Ray cluster) though you did not begin it
            here.
        help_optimizer: show the settings of all optimizers as flags, or of the one given as --optimizer, and exit.
        quiet: show no progress.
        **given: settings of a search whose flags were given.
    """
    if help_optimizer:
        print_optimizers(given.get("optimizer"))
        return
    from seqvae.cli.verbs.properties import importable_here

    with importable_here():
        if resume is not None:
            changed = {name: given.pop(name, None) for name in _MAY_CHANGE}
            settings = (objective, out, config, *(value is not None for value in given.values()))
            if any(settings) or beginning != FROM_PRIOR:
                raise UsageError(
                    "--resume takes its settings from the folder: leave out all but --budget, --minutes and --patience"
                )
            if trust:
                from seqvae.search.storage import run_folder

                run_folder.trust(resume)
            _go_on(resume, quiet, EndConfig(**changed))
        elif trust:
            raise UsageError("--trust has no effect without --resume: leave it out")
        elif not objective or out is None:
            raise UsageError("expected what to optimise and where: seqvae optimize --objective NAME --out FOLDER")
        else:
            beginning.check()
            from seqvae.properties.scoring import scoring_of
            from seqvae.search.api import begin

            chosen, scoring = config_of(config, given, SETTINGS), scoring_of(objective)
            known = beginning.measurements(scoring.names)
            begin(scoring, out, chosen, beginning.texts(), known)
            _go_on(out, quiet, begun=True)


def config_of(file: Path | None, given: Mapping[str, Any], settings: Sequence[Setting]) -> SearchConfig:
    """Return the settings of a search, from a file and from flags, which override it.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown, of the wrong type or out of range.
        UsageError: a flag has no effect together with the others.
    """
    values = read_toml(file, "the settings of a search") if file else {}
    if isinstance(values.get("optimizer"), str):
        values["optimizer"] = {"name": values["optimizer"]}
    config = search_from_dict(merged(values, given, settings))
    refuse_idle(given, config.idle())
    return config


@contextmanager
def _resumable(folder: Path, end: EndConfig) -> Iterator[None]:
    """Say at Ctrl-C how to resume."""
    try:
        yield
    except KeyboardInterrupt:
        flags = "".join(f" --{name} {value}" for name, value in vars(end).items() if value is not None)
        raise KeyboardInterrupt(f"resume with: seqvae optimize --resume {folder}{flags}") from None


def _go_on(folder: Path, quiet: bool, change: EndConfig = _AS_IT_WAS, begun: bool = False) -> None:
    """Run the search of a folder to its end, which `change` may move, and print its results."""
    from seqvae.cli.verbs.search.results import print_results
    from seqvae.search.api import change_end, opened
    from seqvae.search.loop import NOTHING_NEW
    from seqvae.search.results import results
    from seqvae.search.storage.run_folder import settings_of

    with _resumable(folder, change):
        change_end(folder, change)
    stopped, end = None, ""
    with opened(folder, trusted=begun) as search:  # what was begun just now is this user's own
        campaign = search.campaign()
        oracle = search.config.oracle
        try:
            with _bar(oracle.budget, campaign.progress.calls, quiet) as show, _resumable(folder, change):
                end = campaign.run(show)
        except ConstraintError as error:
            stopped = error
        found = results(search.ledger.entries(), oracle.budget, count=oracle.count)
        if stopped is None or found.top:
            print_results(found, settings_of(search.folder))
    if stopped is not None:
        raise stopped
    if not quiet and campaign.progress.calls:
        share = f"{campaign.progress.share:.0%} of the time in the optimizer"
        print(f"ended by: {end}; {share}; the rest in the objective; {folder}", file=sys.stderr)
    if not found.top and (found.unique or end == NOTHING_NEW):
        why = campaign.oracle.failures.describe(found.unique) or "no proposal was valid and new"
        raise OracleError(f"{folder}: nothing was scored: {why}")


@contextmanager
def _bar(budget: int, done: int, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Yield a function that shows a round on a progress bar."""
    from tqdm import tqdm

    with tqdm(total=budget, initial=done, unit=" calls", disable=quiet or None) as bar:
        told = 0  # failures

        def show(progress: Progress) -> None:
            """Show a round, and print failures when there are many more."""
            nonlocal told
            failed = f", failed {progress.failed:,}" if progress.failed else ""
            shown = f"best {progress.best:.4g}, top 10 {progress.top_mean:.4g}, invalid {progress.invalid:,}{failed}"
            bar.set_postfix_str(shown, refresh=False)
            bar.update(progress.calls - bar.n)
            if not quiet and progress.failed >= max(1, _MORE * told):
                told = progress.failed
                bar.write(f"seqvae: {progress.failures}", file=sys.stderr)

        yield show

"""`seqvae optimize`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import Setting, merged, refuse_idle, search_flags, with_flags
from seqvae.cli.optimizer_help import print_optimizers
from seqvae.cli.options import Place
from seqvae.config import EndConfig, SearchConfig
from seqvae.config.search import search_from_dict
from seqvae.config.toml import read_toml
from seqvae.errors import UsageError

if TYPE_CHECKING:
    from seqvae.search.loop import Progress

app = App(
    name="optimize",
    help_epilogue="""
Examples:

    seqvae optimize --objective qed --budget 2000 --out runs/qed
    seqvae optimize --objective mine:affinity --budget 500 --workers 2 --out runs/affinity
    seqvae optimize --objective tasks.toml --start known.smi --minutes 30 --out runs/tasks
    seqvae optimize --model runs/promoters --objective dna:gc --budget 500 --out runs/gc
    seqvae optimize --objective qed --optimizer turbo --optimizer.regions 2 --out runs/turbo
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
_MAY_CHANGE = ("budget", "minutes", "patience")  # of a search that is resumed
_AS_IT_WAS = EndConfig()


@app.default
@with_flags(SETTINGS)
def optimize(
    *,
    objective: Place = "",
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    config: Path | None = None,
    start: Place = "",
    measured: Place = "",
    resume: Path | None = None,
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
        start: file of molecules or sequences to start from; by default draws from the model's prior.
        measured: table of molecules or sequences whose scores are known already; they cost no call. The scores are in
            the column `score`, or, of terms joined by `pareto`, in one column per term, by its name.
        resume: folder of a search to resume, with its settings; --budget, --minutes and --patience may be changed.
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
            if objective or out or config or start or measured or any(value is not None for value in given.values()):
                raise UsageError(
                    "--resume takes its settings from the folder: leave out all but --budget, --minutes and --patience"
                )
            _go_on(resume, quiet, EndConfig(**changed))
        elif not objective or out is None:
            raise UsageError("expected what to optimise and where: seqvae optimize --objective NAME --out FOLDER")
        else:
            from seqvae.properties.scoring import scoring_of
            from seqvae.search.api import begin
            from seqvae.search.oracle.measurements import read_measurements

            settings, scoring = config_of(config, given, SETTINGS), scoring_of(objective)
            known = read_measurements(measured, "", scoring.names) if measured else []
            begin(scoring, out, settings, texts_of_file(start), known)
            _go_on(out, quiet)


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


def texts_of_file(source: str) -> list[str]:
    """Return the texts of a file; an empty list without a file."""
    from seqvae.data.files.readers import read_records

    return [record.text for record in read_records(source)[0]] if source else []


@contextmanager
def _resumable(folder: Path, end: EndConfig) -> Iterator[None]:
    """Say at Ctrl-C how to resume."""
    try:
        yield
    except KeyboardInterrupt:
        flags = "".join(f" --{name} {value}" for name, value in vars(end).items() if value is not None)
        raise KeyboardInterrupt(f"resume with: seqvae optimize --resume {folder}{flags}") from None


def _go_on(folder: Path, quiet: bool, change: EndConfig = _AS_IT_WAS) -> None:
    """Run the search of a folder to its end, which `change` may move, and print its results."""
    from seqvae.cli.verbs.search.results import print_results
    from seqvae.search.api import change_end, opened
    from seqvae.search.results import results
    from seqvae.search.storage.run_folder import settings_of

    with _resumable(folder, change):
        change_end(folder, change)
    with opened(folder) as search:
        campaign = search.campaign()
        oracle = search.config.oracle
        with _bar(oracle.budget, campaign.progress.calls, quiet) as show, _resumable(folder, change):
            end = campaign.run(show)
        found = results(search.ledger.entries(), oracle.budget, count=oracle.count)
        print_results(found, settings_of(folder)["scores"])
    if not quiet:
        share = f"{campaign.progress.share:.0%} of the time in the optimizer"
        print(f"ended by: {end}; {share}; the rest in the objective; {folder}", file=sys.stderr)


@contextmanager
def _bar(budget: int, done: int, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Yield a function that shows a round on a progress bar."""
    from tqdm import tqdm

    with tqdm(total=budget, initial=done, unit=" calls", disable=quiet or None) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(
                f"best {progress.best:.4g}, top 10 {progress.top_mean:.4g}, invalid {progress.invalid:,}", refresh=False
            )
            bar.update(progress.calls - bar.n)

        yield show

"""`seqvae optimize`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.options import Place
from seqvae.config import DEFAULT_MODEL, CampaignConfig, ConstraintConfig, EndConfig, OracleConfig, SearchConfig
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
    seqvae optimize --model mpsa-dna --objective dna:gc --budget 500 --out runs/gc
    seqvae optimize --resume runs/affinity
    seqvae optimize --resume runs/affinity --budget 2000

`mine:affinity` is the function `affinity` of your own `mine.py` in this folder: it takes one text and returns a number,
higher is better, or None. `seqvae results runs/affinity` shows what came of a search, while it runs too.
""",
)

_SEARCH, _ORACLE, _CAMPAIGN = SearchConfig(), OracleConfig(), CampaignConfig()


def _of(default: object) -> Parameter:
    """Say the default of a flag which is empty where it is not given, so that --resume sees whether it is."""
    return Parameter(show_default=f"{default}")


@dataclass(frozen=True)
class CallOptions:
    """How texts are scored.

    Attributes:
        budget: calls that may be made, those of the start included; with --resume those made already, too.
        count: what is a call: `unique`, each valid text once; or `every`, each proposal.
        executor: what the workers are: `processes` of this machine, or `ray`, of a Ray cluster (pip install
            'seqvae[ray]').
        workers: how many score at a time, killed when they take too long; 0: this process alone; with Ray one a core
            of the cluster.
        ray_address: of the cluster; empty: the one in RAY_ADDRESS, else one that is started here.
        timeout: seconds that a worker may take for a text.
        retries: how often a text is tried again whose worker was too slow or died.
        failures: texts that may fail in a row; then the search stops.
    """

    budget: Annotated[int | None, _of(_ORACLE.budget)] = None
    count: Annotated[str | None, _of(_ORACLE.count)] = None
    executor: Annotated[str | None, _of(_ORACLE.executor)] = None
    workers: Annotated[int | None, _of(_ORACLE.workers)] = None
    ray_address: str | None = None
    timeout: Annotated[float | None, _of(_ORACLE.timeout)] = None
    retries: Annotated[int | None, _of(_ORACLE.retries)] = None
    failures: Annotated[int | None, _of(_ORACLE.failures)] = None


@dataclass(frozen=True)
class RoundOptions:
    """How the search goes on, and when it ends.

    Attributes:
        batch: proposals a round.
        seed: every random draw comes from it.
        initial: texts that are scored before the first ones are bred or modelled.
        minutes: end after so many minutes; 0: never for that reason.
        patience: end after so many calls without a better best, of several scores without a new text on their front; 0:
            never for that reason.
    """

    batch: Annotated[int | None, _of(_CAMPAIGN.batch)] = None
    seed: Annotated[int | None, _of(_CAMPAIGN.seed)] = None
    initial: Annotated[int | None, _of(_CAMPAIGN.initial)] = None
    minutes: Annotated[float | None, _of(_CAMPAIGN.minutes)] = None
    patience: Annotated[int | None, _of(_CAMPAIGN.patience)] = None


CALLS, ROUNDS, FREE = CallOptions(), RoundOptions(), ConstraintConfig()
_AS_IT_WAS = EndConfig()
Constraints = Annotated[ConstraintConfig, Parameter(name="*", group="Constraints")]


@app.default
def optimize(
    *,
    objective: Place = "",
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    model: Annotated[str | None, _of(DEFAULT_MODEL)] = None,
    optimizer: Annotated[str | None, _of(_SEARCH.optimizer)] = None,
    start: Place = "",
    measured: Place = "",
    resume: Path | None = None,
    calls: Annotated[CallOptions, Parameter(name="*", group="Calls")] = CALLS,
    rounds: Annotated[RoundOptions, Parameter(name="*", group="Rounds")] = ROUNDS,
    constraints: Constraints = FREE,
    device: Annotated[str | None, _of(_SEARCH.device)] = None,
    quiet: bool = False,
) -> None:
    """Search for texts that score high, each call counted, within a budget.

    Args:
        objective: what is made large: a property (`seqvae properties list`), `module:function` of your own, or a TOML
            file of weighted terms.
        out: folder of the search; it is made.
        model: name of a shipped model, or folder of a trained one; `none`: search without, from the texts of --start.
        optimizer: `auto`, `latent`, `turbo`, `ascent`, `cma-es`, `subspace`, `gp`, `ga`, `string-ga`, `prior` or
            `screening`.
        start: file of texts to begin with; by default the search begins with draws from the model's prior.
        measured: table of texts and their scores that are known already; they cost no call. Its column is `score`, of
            terms that are apart one by the name of each.
        resume: folder of a search to go on with, with its settings; --budget, --minutes and --patience may be others.
        calls: how texts are scored.
        rounds: how the search goes on, and when it ends.
        constraints: what every design must keep to.
        device: `auto`, `cpu` or `cuda`; a search goes on where it was begun, since others compute other last digits.
        quiet: show no progress.
    """
    from seqvae.cli.verbs.properties import importable_here

    with importable_here():
        if resume is not None:
            named = objective or out or start or measured or model or optimizer or device
            fixed = _given(replace(calls, budget=None)) | _given(replace(rounds, minutes=None, patience=None))
            # An option that was given makes a new object, even where it says the default.
            if named or fixed or constraints is not FREE:
                raise UsageError(
                    "--resume takes its settings from the folder: leave out all but --budget, --minutes and --patience"
                )
            _go_on(resume, quiet, EndConfig(calls.budget, rounds.minutes, rounds.patience))
            return
        if not objective or out is None:
            raise UsageError("expected what to optimise and where: seqvae optimize --objective NAME --out FOLDER")
        parts = OracleConfig(**_given(calls)), CampaignConfig(**_given(rounds)), constraints
        config = SearchConfig(model_of(model), optimizer or _SEARCH.optimizer, device or _SEARCH.device, *parts)
        _begin(objective, out, config, start, measured)
        _go_on(out, quiet)


def _begin(objective: str, out: Path, config: SearchConfig, start: str, measured: str) -> None:
    from seqvae.properties.scoring import scoring_of
    from seqvae.search.api import begin
    from seqvae.search.oracle.measurements import read_measurements

    scoring = scoring_of(objective)
    known = read_measurements(measured, "", scoring.names) if measured else []
    begin(scoring, out, config, texts_of_file(start), known)


def model_of(word: str | None) -> str:
    """Return the model that a flag means; empty: none."""
    return "" if word == "none" else word or DEFAULT_MODEL


def _given(options: CallOptions | RoundOptions) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if value is not None}


def texts_of_file(source: str) -> list[str]:
    """Return the texts of a file; none of no file."""
    from seqvae.data.files.readers import read_records

    return [record.text for record in read_records(source)[0]] if source else []


@contextmanager
def _resumable(folder: Path, end: EndConfig) -> Iterator[None]:
    """Say at Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        flags = "".join(f" --{name} {value}" for name, value in vars(end).items() if value is not None)
        raise KeyboardInterrupt(f"go on by: seqvae optimize --resume {folder}{flags}") from None


def _go_on(folder: Path, quiet: bool, change: EndConfig = _AS_IT_WAS) -> None:
    """Run the search of a folder to its end, which may be another one from now on, and show what came of it."""
    from seqvae.cli.verbs.results import print_results
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
    """Yield what shows a round on a progress bar."""
    from tqdm import tqdm

    with tqdm(total=budget, initial=done, unit=" calls", disable=quiet or None) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(
                f"best {progress.best:.4g}, top 10 {progress.top_mean:.4g}, invalid {progress.invalid:,}", refresh=False
            )
            bar.update(progress.calls - bar.n)

        yield show

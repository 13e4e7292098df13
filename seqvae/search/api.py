"""Searches in folders: begun, run, and resumed after any end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, final

from seqvae.artifact.weights import weights_hash
from seqvae.config import ConstraintConfig, EndConfig, OptimizerConfig, SearchConfig
from seqvae.config.checks import door
from seqvae.config.optimizers import is_own, name_of
from seqvae.config.search import search_from_dict, search_to_dict
from seqvae.errors import UsageError
from seqvae.latent.codec import load
from seqvae.properties.molecules.alerts import NONE, UNSTABLE
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.scoring import SCORE, Scoring
from seqvae.search.domain.constraints import Judged, constrained
from seqvae.search.domain.domain import Texts
from seqvae.search.domain.first_texts import around, reference_of, warn_of_others
from seqvae.search.domain.plausible import AUTO, suited
from seqvae.search.loop import Campaign, Progress
from seqvae.search.objective import (
    Objective,
    OwnFunction,
    Termwise,
    cheap_scoring,
    columns_of,
    counted,
    found_scoring,
    read_by,
    same_name,
    scored_by,
    texts_scored,
)
from seqvae.search.optimizer import Material, Optimizer
from seqvae.search.oracle.measurements import Measurement, given
from seqvae.search.oracle.oracle import Oracle, is_call
from seqvae.search.oracle.screening import Screen
from seqvae.search.proposals import Canonical
from seqvae.search.registry import build_optimizer
from seqvae.search.results import Results, results
from seqvae.search.settled import check_workers, sizes_settled
from seqvae.search.storage import run_folder
from seqvae.search.storage.ledger import Ledger
from seqvae.search.storage.trust import check_trusted

_METHODS = ("ask", "tell", "state_dict", "load_state_dict")
Chosen = str | OptimizerConfig | Optimizer
_Scores = tuple[Scoring | OwnFunction | None, Scoring | None]  # the objective, and the cheap score before it


@door
def run(
    objective: Objective,
    out: str | Path,
    config: SearchConfig | None = None,
    start: Sequence[str] = (),
    on_round: Callable[[Progress], None] | None = None,
    known: Sequence[Measurement] = (),
    optimizer: Chosen | None = None,
) -> Results:
    """Search for texts that score high, within a budget of calls.

    Args:
        objective: a property's name, the path of a TOML file of terms, a `Scoring`, or a function from a text to a
            number.
        out: folder of the search, which is created.
        config: model, optimiser, budget, and stopping rules.
        start: texts to begin with; none: from the model's prior.
        on_round: called after each round, to show progress.
        known: earlier measurements; the optimiser learns from them, and they cost no call.
        optimizer: a name, settings such as `TurboConfig(regions=2)`, or a new object of your own with the methods of
            `seqvae.search.optimizer.Optimizer`; None: as `config` says.

    Raises:
        UsageError: there is a search in the folder already, the settings contradict each other, the known texts have
            another number of scores, or the object is no optimiser.
        InputError: no known text is of the search's kind.
        ConstraintError: so many proposals in a row broke the constraints that no more will come.
        OracleError: so many calls in a row have failed that the objective itself must be wrong.
    """
    made = _begun(objective, out, config, start, known, optimizer)
    function = None if isinstance(objective, (str, Scoring)) else objective
    own = None if isinstance(optimizer, (str, OptimizerConfig)) else optimizer
    with opened(Path(out), function, own, made) as search:
        return _ended(search, on_round)


@door
def begin(
    objective: Objective | None,
    out: str | Path,
    config: SearchConfig | None = None,
    start: Sequence[str] = (),
    known: Sequence[Measurement] = (),
    optimizer: Chosen | None = None,
) -> None:
    """Make the folder of a search without running it; arguments and errors as in `run`.

    Without an objective the oracle is a laboratory: see `ask` and `tell`.
    """
    _begun(objective, out, config, start, known, optimizer)


def _begun(
    objective: Objective | None,
    out: str | Path,
    config: SearchConfig | None,
    start: Sequence[str],
    known: Sequence[Measurement],
    optimizer: Chosen | None,
) -> _Made:
    """Make the folder of a search, and return what was made for it."""
    config = config or SearchConfig()
    if optimizer is None or isinstance(optimizer, (str, OptimizerConfig)):
        config = config if optimizer is None else replace(config, optimizer=optimizer)
        if is_own(config.optimizer):
            raise UsageError(f"the optimizer {config.optimizer!r} is an object: give it as `optimizer`")
    else:
        lacking = [name for name in _METHODS if not callable(getattr(optimizer, name, None))]
        if lacking or isinstance(optimizer, type):
            raise UsageError(
                f"expected an optimizer's name, its settings, or an object with {', '.join(_METHODS)}, got "
                + repr(optimizer)
                + (f", which has no {', '.join(lacking)}" if lacking else ", which is a class: pass an instance")
            )
        config = replace(config, optimizer=_class_of(optimizer))
    check_workers(config.oracle)
    scoring = None if objective is None else scored_by(objective)
    cheap = cheap_scoring(config.stages.cheap, scoring)
    config, design = sizes_settled(config, scoring is None)
    known = [*(Measurement(*row) for row in run_folder.told(Path(out))), *known]
    if not start and not config.model:
        start = list(dict.fromkeys(one.text for one in known))  # nothing else says what the search's texts are
    made = _made(config, (scoring, cheap), start, [one.text for one in known])
    start = made.start
    settings = {
        "objective": scoring.to_dict() if scoring else None,
        "scores": list(scoring.names) if scoring else [SCORE],
        "config": search_to_dict(replace(config, constraints=made.constraints)),
        "weights": made.weights,
        **design,
    }
    if isinstance(scoring, Scoring) and scoring.term_titles:
        settings[run_folder.TERMS] = list(scoring.term_titles)
    if cheap is not None:
        settings[run_folder.CHEAP] = cheap.to_dict()
    entries = given(known, made.measured, columns_of(scoring), each=scoring is None)
    run_folder.begin(Path(out), settings, start, entries)
    named = {made.measured(one.text): one.name for one in known if one.name}
    run_folder.add_names(Path(out), {form: name for form, name in named.items() if form is not None})
    carried = [(form, one.fields) for one in known if one.fields and (form := made.measured(one.text)) is not None]
    run_folder.add_carried(Path(out), carried)
    return made


@door
def resume(
    out: str | Path,
    on_round: Callable[[Progress], None] | None = None,
    function: Callable[[str], float | None] | None = None,
    end: EndConfig | None = None,
    optimizer: Optimizer | None = None,
    trust: bool = False,
) -> Results:
    """Resume a search and run it to its end.

    Args:
        out: its folder.
        on_round: called after each round.
        function: the objective, where the search was begun with a function.
        end: new stopping rules, where they are to change: `EndConfig(budget=20_000)`.
        optimizer: a new object, where the search was begun with one of your own; it takes over the saved state.
        trust: run what the folder names (functions, programs, a Ray cluster) though you did not begin it here.

    Raises:
        InputError: there is no search in the folder.
        UsageError: another process works there; the model, the function or the object is not the one that the search
            was begun with; the budget is smaller than the number of calls already made; or the folder names what it
            would run, and is not trusted.
        OracleError: as in `run`.
    """
    if trust:
        run_folder.trust(Path(out))
    change_end(out, end or EndConfig(), function, optimizer)
    with opened(Path(out), function, optimizer) as search:
        return _ended(search, on_round)


def _ended(search: Search, on_round: Callable[[Progress], None] | None) -> Results:
    """Run an open search to its end."""
    search.campaign().run(on_round)
    return results(search.ledger.entries(), search.config.oracle.budget, count=search.config.oracle.count)


@door
def change_end(
    out: str | Path,
    end: EndConfig,
    function: Callable[[str], float | None] | None = None,
    optimizer: Optimizer | None = None,
) -> None:
    """Change when a search ends, without running it; arguments and errors as in `resume`.

    A round that was begun under the old budget is scored to its end first: so each round has one budget, and nothing
    is scored twice, wherever the search was cut off.
    """
    folder = Path(out)
    if end == EndConfig():
        return
    with opened(folder, function, optimizer) as search:
        config, campaign = end.of(search.config), search.campaign()
        if config == search.config:
            return
        _check_budget(search, config.oracle.budget)
        campaign.catch_up()
        _check_budget(search, config.oracle.budget)
        run_folder.write(folder, {**run_folder.settings_of(folder), "config": search_to_dict(config)})


def _check_budget(search: Search, budget: int) -> None:
    calls = sum(is_call(entry.status, search.config.oracle.count) for entry in search.ledger.entries())
    if budget < calls:
        raise UsageError(f"{search.folder}: has made {calls:,} calls: expected at least that budget, got {budget:,}")


@final
@dataclass(frozen=True)
class Search:
    """A search that is open in this process.

    Attributes:
        folder: where it is.
        config: its settings.
        scoring: the objective; None: a laboratory measures.
        texts: the kind of its texts.
        measured: returns the canonical form of a measured text, which may break the constraints: it is learned from.
        optimizer: as new, or a user's object; `campaign` gives it its state.
        ledger: everything that was scored.
        cheap: the score by which proposals are screened before the objective; None: there is none.
    """

    folder: Path
    config: SearchConfig
    scoring: Scoring | OwnFunction | None
    texts: Texts
    measured: Canonical
    optimizer: Optimizer
    ledger: Ledger
    cheap: Scoring | None = None

    @property
    def columns(self) -> int:
        """How many numbers a text gets."""
        return columns_of(self.scoring)

    def campaign(self) -> Campaign:
        """Return the campaign at its saved state.

        Raises:
            UsageError: the oracle is a laboratory.
        """
        if self.scoring is None:
            raise UsageError(
                f"{self.folder}: its scores come from a laboratory: continue with seqvae ask and seqvae tell"
            )
        scoring = self.scoring
        if isinstance(scoring, Scoring):
            scoring = replace(scoring, sheets=self.texts.sheets)  # in this process no molecule is parsed again
        state, settings = self.folder / run_folder.STATE, run_folder.settings_of(self.folder)
        terms, first = settings.get(run_folder.TERMS, []), int(settings.get(run_folder.DESIGN, 0))
        score = Termwise(scoring) if terms and isinstance(scoring, Scoring) else scoring
        cheap, calls = self.cheap and replace(self.cheap, sheets=self.texts.sheets), self.config.oracle
        screen = None if cheap is None else Screen(cheap, self.ledger, calls, self.config.stages.survivors)
        oracle = Oracle(score, self.texts.canonical, self.ledger, calls, self.columns, len(terms), screen)
        judged, begun = self.texts.canonical, state.exists()
        refused = (lambda: judged.refused) if isinstance(judged, Judged) else None
        campaign = Campaign(self.optimizer, oracle, self.config.campaign, state, first, refused)
        if is_own(self.config.optimizer) and not begun:
            campaign.save()  # a user's object cannot be rebuilt: its initial state is saved
        return campaign


@dataclass(frozen=True)
class _Made:
    """What the settings of a search give; `measured`, `texts` and `optimizer` as in `Search`."""

    texts: Texts
    measured: Canonical
    optimizer: Optimizer | None  # None where it is a user's own object
    weights: str
    start: tuple[str, ...]
    constraints: ConstraintConfig
    latent: int  # dimensions of a latent point; 0 without a model


def _made(config: SearchConfig, scores: _Scores, given: Sequence[str], known: Sequence[str] | None = None) -> _Made:
    """Load the model, and make the optimiser; errors as in `run`.

    Args:
        config: of the search, its sizes settled.
        scores: the objective and the cheap score, as in `Search`.
        given: texts to begin with.
        known: texts that have been measured before a search that is not begun yet, which without texts to begin with
            begins near the reference of its constraints; None: it has begun already.
    """
    sheets, (scoring, cheap), new = Sheets(), scores, known is not None
    reference = reference_of(config.constraints) if new and not given else ""
    start = (reference,) if reference else tuple(given)
    codec = load(config.model, config.device, sheets.canonical) if config.model else None
    free, constraints = texts_scored(codec, read_by(scoring, cheap), start, sheets), config.constraints
    if new and scoring is None and free.molecular and NONE not in constraints.alerts:
        # A plate has nothing that a chemist would not make.
        missing = () if UNSTABLE in constraints.alerts else (UNSTABLE,)
        constraints = replace(constraints, alerts=(*constraints.alerts, *missing))
        if constraints.plausible == AUTO:
            constraints = replace(constraints, plausible=suited([*start, *(known or ())], sheets))
    texts = constrained(free, constraints, start)
    if reference:
        start = around(reference, texts, config.campaign.initial, config.campaign.seed)
    elif new:
        warn_of_others(start, free)
    if not is_own(config.optimizer):
        campaign = config.campaign
        material = Material(texts, codec, start, campaign.seed, campaign.initial, columns_of(scoring))
        optimizer = build_optimizer(config.optimizer, material)
    elif codec is None and not start and (scoring is None or len(scoring.domains) > 1):
        # Nothing says what a user's own optimiser will propose.
        raise UsageError("the alphabet of the texts is unknown: give a model, texts to begin with, or both")
    else:
        optimizer = None
    weights, latent = (weights_hash(codec.model), codec.latent) if codec else ("", 0)
    return _Made(texts, free.canonical, optimizer, weights, start, constraints, latent)


@contextmanager
def opened(
    folder: Path,
    function: Callable[[str], float | None] | None = None,
    own: Optimizer | None = None,
    made: _Made | None = None,
    trusted: bool = False,
) -> Iterator[Search]:
    """Open a search for this process alone.

    Args:
        folder: of the search.
        function: as in `resume`, and the errors too.
        own: a user's optimiser.
        made: what was made when the search was begun just now; None: it is made from the settings.
        trusted: run what the folder names, whoever began it.
    """
    found = run_folder.settings_of(folder)
    config = search_from_dict(found["config"])
    _check_own(config, own, folder)
    if made is None and not trusted:
        check_trusted(folder, found)
    with run_folder.locked(folder):
        written = counted(found["objective"]) if found.get(run_folder.COUNTED) else found["objective"]
        scoring = found_scoring(written, function, folder)
        cheap = Scoring.from_dict(found[run_folder.CHEAP]) if run_folder.CHEAP in found else None
        if made is None:
            made = _made(config, (scoring, cheap), run_folder.start_of(folder))
        if made.weights != found["weights"]:
            raise UsageError(f"{folder}: was begun with another model than {config.model!r} is now: restore that one")
        place = folder.absolute()  # an objective may change the working directory
        with closing(run_folder.ledger_of(place, found)) as ledger:
            ledger.shape = replace(ledger.shape, latent=made.latent)
            optimizer = cast(Optimizer, own or made.optimizer)  # `_check_own` has made sure of one of them
            yield Search(place, config, scoring, made.texts, made.measured, optimizer, ledger, cheap)


def _class_of(optimizer: Optimizer) -> str:
    return f"{type(optimizer).__module__}:{type(optimizer).__qualname__}"


def _check_own(config: SearchConfig, own: Optimizer | None, folder: Path) -> None:
    """Raise UsageError where a user's object is missing, not wanted, or of another class."""
    if not is_own(config.optimizer):
        if own is not None:
            raise UsageError(f"{folder}: its optimizer is {name_of(config.optimizer)!r}: leave the object out")
        return
    begun = str(config.optimizer)
    if own is None:
        raise UsageError(
            f"{folder}: its optimizer is an object of the class {begun}, which the folder cannot make: give it again "
            "by search.resume(folder, optimizer=...)"
        )
    if not same_name(begun, _class_of(own)):
        raise UsageError(f"{folder}: its optimizer is of the class {begun}: expected that one, got {_class_of(own)}")

"""Searches in folders: begun, gone on with after any end, asked for a plate and told its measurements."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from seqvae.config import EndConfig, OptimizerConfig, SearchConfig
from seqvae.config.optimizer_names import is_own, name_of
from seqvae.config.search import search_from_dict, search_to_dict
from seqvae.errors import UsageError
from seqvae.latent.codec import Codec, load
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.scoring import SCORE, Scoring
from seqvae.runtime.ray_pool import ray_library
from seqvae.search.domain.constraints import constrained
from seqvae.search.domain.domain import Texts, molecules, texts_alone, texts_of
from seqvae.search.loop import Campaign, Progress
from seqvae.search.objective import Objective, OwnFunction, columns_of, found_scoring, same_name, scored_by
from seqvae.search.optimizer import Material, Optimizer
from seqvae.search.oracle.measurements import Measurement, given
from seqvae.search.oracle.oracle import Oracle, is_call
from seqvae.search.proposals import Canonical
from seqvae.search.registry import build_optimizer
from seqvae.search.results import Results, results
from seqvae.search.storage import run_folder
from seqvae.search.storage.ledger import Ledger
from seqvae.sequences.domain import DNA, DOMAINS, LETTERS

_METHODS = ("ask", "tell", "state_dict", "load_state_dict")
_LOOKED_AT = 64  # texts of the prior
Chosen = str | OptimizerConfig | Optimizer


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
        out: folder of the search; it is made.
        config: model, optimiser, budget, and when it ends.
        start: texts to begin with; none: from the model's prior.
        on_round: called after each round, to show progress.
        known: what was measured before; it is learned from and costs no call.
        optimizer: a name, settings such as `TurboConfig(regions=2)`, or an object of your own with the methods of
            `seqvae.search.optimizer.Optimizer`, new; None: as `config` says.

    Raises:
        UsageError: there is a search in the folder already, the settings do not go together, what is known has another
            number of scores, or the object is no optimiser.
        InputError: a text that is known is none of the search's kind or breaks one of its rules.
        OracleError: so many calls in a row have failed that the objective itself must be wrong.
    """
    made = _begun(objective, out, config, start, known, optimizer)
    function = None if isinstance(objective, (str, Scoring)) else objective
    own = None if isinstance(optimizer, (str, OptimizerConfig)) else optimizer
    with opened(Path(out), function, own, made) as search:
        return _ended(search, on_round)


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
    config = _with_optimizer(config or SearchConfig(), optimizer)
    if config.oracle.executor == "ray":
        ray_library()
    scoring = None if objective is None else scored_by(objective)
    made = _made(config, scoring, start)
    settings = {
        "objective": scoring.to_dict() if scoring else None,
        "scores": list(scoring.names) if scoring else [SCORE],
        "config": search_to_dict(config),
        "weights": made.weights,
    }
    run_folder.begin(Path(out), settings, start, given(known, made.measured, columns_of(scoring)))
    return made


def resume(
    out: str | Path,
    on_round: Callable[[Progress], None] | None = None,
    function: Callable[[str], float | None] | None = None,
    end: EndConfig | None = None,
    optimizer: Optimizer | None = None,
) -> Results:
    """Go on with a search from where it is, to its end.

    Args:
        out: its folder.
        on_round: called after each round.
        function: the objective, where it is a function that was given as such.
        end: when it ends from now on, where that is to change: `EndConfig(budget=20_000)`.
        optimizer: where it is an object that was given as such; it takes the state that it had.

    Raises:
        InputError: there is no search in the folder.
        UsageError: another process works there; the model, the function or the object is not the one that the search
            was begun with; or the budget is smaller than the calls that were made.
        OracleError: as in `run`.
    """
    change_end(out, end or EndConfig(), function, optimizer)
    with opened(Path(out), function, optimizer) as search:
        return _ended(search, on_round)


def _ended(search: Search, on_round: Callable[[Progress], None] | None) -> Results:
    """Go on to the end of a search."""
    search.campaign().run(on_round)
    return results(search.ledger.entries(), search.config.oracle.budget, count=search.config.oracle.count)


def change_end(
    out: str | Path,
    end: EndConfig,
    function: Callable[[str], float | None] | None = None,
    optimizer: Optimizer | None = None,
) -> None:
    """Change when a search ends, without going on with it; arguments and errors as in `resume`.

    What was proposed under the old budget is scored first, to the end of its round: so each round has one budget, and
    nothing is scored twice, wherever the search was cut off.
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
        raise UsageError(f"{search.folder}: has made {calls:,} calls: expected a budget from there, got {budget:,}")


@final
@dataclass(frozen=True)
class Search:
    """A search that is open in this process.

    Attributes:
        folder: where it is.
        config: its settings.
        scoring: what its texts are scored by; None: by a laboratory.
        texts: the kind of its texts.
        measured: as the canonical form of its texts, for those that were measured: `measurable`.
        optimizer: as new, or a user's object; `campaign` gives it its state.
        ledger: all that was scored.
    """

    folder: Path
    config: SearchConfig
    scoring: Scoring | OwnFunction | None
    texts: Texts
    measured: Canonical
    optimizer: Optimizer
    ledger: Ledger

    @property
    def columns(self) -> int:
        """How many numbers a text gets."""
        return columns_of(self.scoring)

    def campaign(self) -> Campaign:
        """Return the campaign, at the state that it has come to.

        Raises:
            UsageError: the oracle is a laboratory.
        """
        if self.scoring is None:
            raise UsageError(f"{self.folder}: this search is told its scores: go on by seqvae ask and seqvae tell")
        scoring = self.scoring
        if isinstance(scoring, Scoring):
            scoring = replace(scoring, sheets=self.texts.sheets)  # in this process it reads no molecule again
        oracle = Oracle(scoring, self.texts.canonical, self.ledger, self.config.oracle, self.columns)
        state = self.folder / run_folder.STATE
        campaign, begun = Campaign(self.optimizer, oracle, self.config.campaign, state), state.exists()
        if is_own(self.config.optimizer) and not begun:
            campaign.save()  # a user's object cannot be made anew: what it begins with is written down
        return campaign


@dataclass(frozen=True)
class _Made:
    """What a search is made of by its settings; `measured`, `texts` and `optimizer` as of `Search`."""

    texts: Texts
    measured: Canonical
    optimizer: Optimizer | None  # of a user's own object: nothing was made
    weights: str


def _made(config: SearchConfig, scoring: Scoring | OwnFunction | None, start: Sequence[str]) -> _Made:
    """Load the model, and make the optimiser; errors as in `run`."""
    sheets = Sheets()
    codec = load(config.model, config.device, sheets.canonical) if config.model else None
    free = _texts(codec, scoring, start, sheets)
    texts = constrained(free, config.constraints)
    optimizer = None
    if is_own(config.optimizer):
        _check_texts(codec, scoring, start)
    else:
        optimizer = build_optimizer(config.optimizer, _material(texts, codec, start, config, columns_of(scoring)))
    return _Made(texts, measurable(free, texts), optimizer, _fingerprint(codec) if codec else "")


@contextmanager
def opened(
    folder: Path,
    function: Callable[[str], float | None] | None = None,
    own: Optimizer | None = None,
    made: _Made | None = None,
) -> Iterator[Search]:
    """Open a search for this process alone.

    Args:
        folder: of the search.
        function: as in `resume`, and the errors too.
        own: a user's optimiser.
        made: what was made for it when it was begun, just now; None: it is made of its settings.
    """
    found = run_folder.settings_of(folder)
    config = search_from_dict(found["config"])
    _check_own(config, own, folder)
    with run_folder.locked(folder):
        scoring = found_scoring(found["objective"], function, folder)
        if made is None:
            start = tuple(json.loads((folder / run_folder.START).read_text(encoding="utf-8")))
            made = _made(config, scoring, start)
        if made.weights != found["weights"]:
            raise UsageError(f"{folder}: was begun with another model than {config.model!r} is now: put that one back")
        optimizer = own or made.optimizer
        if optimizer is None:
            raise UsageError(f"{folder}: was begun with an optimiser of your own: give it again")
        ledger = run_folder.ledger_of(folder, found)
        try:
            yield Search(folder, config, scoring, made.texts, made.measured, optimizer, ledger)
        finally:
            ledger.close()


def measurable(free: Texts, texts: Texts) -> Canonical:
    """Return the canonical form of texts that were measured: None where one breaks a rule of the search.

    A proposal is changed until it keeps to the free positions; what was measured is what it is.

    Args:
        free: the kind of texts without its rules.
        texts: the same with them.
    """

    def form(text: str) -> str | None:
        found = texts.canonical(text)
        return found if found == free.canonical(text) else None

    return form


def _material(texts: Texts, codec: Codec | None, start: Sequence[str], config: SearchConfig, scores: int) -> Material:
    return Material(texts, codec, tuple(start), config.campaign.seed, config.campaign.initial, scores)


def _with_optimizer(config: SearchConfig, optimizer: Chosen | None) -> SearchConfig:
    """Return settings with that optimiser, of an object with the name of its class."""
    if optimizer is None or isinstance(optimizer, (str, OptimizerConfig)):
        chosen = config if optimizer is None else replace(config, optimizer=optimizer)
        if is_own(chosen.optimizer):
            raise UsageError(f"the optimizer {chosen.optimizer!r} is an object: give it as `optimizer`")
        return chosen
    lacking = [name for name in _METHODS if not callable(getattr(optimizer, name, None))]
    if lacking or isinstance(optimizer, type):
        raise UsageError(
            f"expected an optimizer's name, its settings, or an object with {', '.join(_METHODS)}, got {optimizer!r}"
            + (f", which has no {', '.join(lacking)}" if lacking else ", which is a class: make an object of it")
        )
    return replace(config, optimizer=_class_of(optimizer))


def _class_of(optimizer: Optimizer) -> str:
    return f"{type(optimizer).__module__}:{type(optimizer).__qualname__}"


def _check_own(config: SearchConfig, own: Optimizer | None, folder: Path) -> None:
    """Raise UsageError where an object is missing, is not wanted, or is of another class."""
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


def _texts(codec: Codec | None, scoring: Scoring | OwnFunction | None, start: Sequence[str], sheets: Sheets) -> Texts:
    """Return the kind of texts, from the model where there is one; raises where the objective is of another.

    Without one it is what the objective reads, or, where that is any text, what the texts to begin with are.
    """
    read = scoring.domains if scoring else tuple(DOMAINS)
    if codec is None:
        return texts_alone(read, start, sheets)
    written = _written(codec)
    if written not in read:
        raise UsageError(f"the objective is of {read[0]}, the model writes {written}: take another model or objective")
    if codec.tokenizer.molecular:
        return molecules(sheets)
    # Whether all texts have one length is seen in those that the search begins with.
    return texts_of(codec.tokenizer, start or codec.sample(_LOOKED_AT))


def _written(codec: Codec) -> str:
    """Return the domain of a model's texts; where all letters that it learned are bases, it writes DNA."""
    letters = {token.upper() for token in codec.tokenizer.tokens if len(token) == 1}
    domain = codec.tokenizer.domain.name
    return DNA if domain == LETTERS and letters <= set("ACGTUN") else domain


def _check_texts(codec: Codec | None, scoring: Scoring | OwnFunction | None, start: Sequence[str]) -> None:
    """Raise UsageError where nothing says what the texts are that an optimiser of a user's will propose."""
    if codec is None and not start and (scoring is None or len(scoring.domains) > 1):
        raise UsageError("nothing says which letters the texts are of: give a model, texts to begin with, or both")


def _fingerprint(codec: Codec) -> str:
    found = hashlib.sha256()
    for name, tensor in sorted(codec.model.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.cpu().numpy().tobytes())
    return found.hexdigest()

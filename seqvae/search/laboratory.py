"""Searches whose oracle is a laboratory: plates are asked for, and measurements told days later, in any order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqvae.config import INITIAL, CampaignConfig
from seqvae.config.checks import door
from seqvae.config.toml import checked
from seqvae.errors import UsageError
from seqvae.runtime.streams import LIBRARY_BATCH
from seqvae.search.api import Search, opened
from seqvae.search.library import LIBRARY, Library, Rows, batch_from
from seqvae.search.optimizer import Optimizer
from seqvae.search.oracle.measurements import OBSERVED, Measurement, measured_forms
from seqvae.search.plate import Measured, names_on
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.replicates import averaged
from seqvae.search.storage import run_folder
from seqvae.search.storage.agreement import check_plates, load_with, save_with
from seqvae.search.storage.ledger import GIVEN, OK, Entry
from seqvae.search.storage.state import State, loading

_ON_A_PLATE: dict[str, Any] = {  # what is remembered of a design that was asked for
    "text": str,
    "proposer": str,
    "z": np.ndarray | None,
    "seed": int | None,
    "plate": int,
    "about": dict[str, str | float | None],
    "parents": tuple[str, ...],
    "predicted": tuple[float, ...],
}
_NEW_ON_A_PLATE = ("about", "parents", "predicted")  # earlier versions remember nothing of it
_SOURCE = ("proposer", "z", "seed")  # of a design on a plate
_TRIES = 5  # times that an optimiser is asked for texts that are on no plate yet


@dataclass(frozen=True)
class Told:
    """What became of a table of measurements.

    Attributes:
        round: the round that they became.
        asked: measured texts that had been asked for.
        observed: measured texts that had not.
        again: texts measured before, or more than once in the table; their mean counts.
        missing: texts without a measurement.
        outside: measured texts that break a constraint of the search: it learns from them, and proposes none like them.
        unread: rows that were left out, since their text is none of the search's kind, or their score infinite.
        waiting: rows that are kept for the first call of `ask`, since the search has not begun yet.
    """

    round: int
    asked: int
    observed: int
    again: int
    missing: int
    outside: int = 0
    unread: int = 0
    waiting: int = 0


@door
def ask(
    folder: str | Path,
    count: int,
    initial: int | None = None,
    optimizer: Optimizer | None = None,
    library: Rows | None = None,
    say: Callable[[str], object] | None = None,
) -> list[Candidate]:
    """Return texts to be measured, none of which is on an earlier plate, and remember that they were asked for.

    They are remembered before they are returned: should the plate get lost after that, `last_batch` returns it.

    Args:
        folder: of the search.
        count: how many texts.
        initial: at the first plate: texts that are measured before the first ones are bred or modelled; None: as the
            search's settings say, but by default at most half of this plate, so that the second one learns from the
            first even if wells are missing.
        optimizer: the user's own object, where the search was begun with one.
        library: records or texts from which the plate is chosen, in place of new designs: what can be bought, or was
            enumerated; as many as there are, they are read once. Names and columns of those chosen are kept.
        say: is told how many rows of the library were left out, and why.

    Raises:
        InputError: there is no search in the folder; or nothing of the library is left to choose from.
        UsageError: the search has an objective of its own, a count below 1, or had its first plate before `initial`.
    """
    check_count(count)
    _check_laboratory(Path(folder))
    _settle_initial(Path(folder), count, initial)
    with opened(Path(folder), own=optimizer) as search:
        state = _state(search)
        waiting = set(state["pending"])
        if library is None:
            batch = _proposals(search, waiting, count)
        else:
            batch = _from_library(search, library, waiting, (count, state["plates"]), say)
        state["plates"] += bool(batch)
        batch = _described(search, batch, state["plates"])
        kept = ("text", "proposer", "z", "seed", "about", "parents", "predicted")
        about = {one.text: {name: getattr(one, name) for name in kept} for one in batch}
        state["pending"] |= {text: {**values, "plate": state["plates"]} for text, values in about.items()}
        _save(search, state)
    return batch


def _from_library(
    search: Search, rows: Rows, waiting: set[str], plate: tuple[int, int], say: Callable[[str], object] | None
) -> list[Candidate]:
    """Return the next designs of a list, and remember their names and columns; `plate` is its size and number."""
    measured = Measured(list(search.ledger.entries()), {}, search.texts, search.config.campaign.seed)
    count, number = plate
    library = Library(rows, search.texts, [*measured.scores, *waiting])
    found = batch_from(
        library, count, measured.scores, LIBRARY_BATCH.seed(search.config.campaign.seed, number), measured.errors
    )
    run_folder.add_names(search.folder, {form: record.name for form, record in found if record.name})
    run_folder.add_carried(search.folder, [(form, record.fields) for form, record in found])
    if say is not None:
        for reason, left in library.counts.items():
            say(f"{left:,} rows of the list {reason}")
    return [Candidate(form, LIBRARY, form=form) for form, _ in found]


def _described(search: Search, batch: Sequence[Candidate], plate: int) -> list[Candidate]:
    """Return the designs of a plate with their names, which are remembered, and with what is said of each."""
    known, columns = run_folder.names(search.folder), run_folder.carried(search.folder)
    # a design that a table has named already, in a row without a score, keeps that name
    new = zip([one.text for one in batch], names_on(plate, len(batch)), strict=True)
    names = {text: known.get(text, name) for text, name in new}
    seen = Measured(list(search.ledger.entries()), known, search.texts, search.config.campaign.seed)
    about = seen.about(list(names))
    run_folder.add_names(search.folder, names)
    own = {"text", "proposer", "id", *(title for said in about for title in said)}
    titles = dict.fromkeys(title for text in names for title in columns.get(text, {}) if title not in own)
    return [
        replace(one, about={"id": names[one.text], **said, **{t: columns.get(one.text, {}).get(t, "") for t in titles}})
        for one, said in zip(batch, about, strict=True)
    ]


def _check_laboratory(folder: Path) -> None:
    """Refuse a search that has an objective, before anything that it names is looked up."""
    if run_folder.settings_of(folder)["objective"] is not None:
        raise UsageError(f"{folder}: this search has an objective of its own: seqvae optimize --resume {folder}")


def _settle_initial(folder: Path, count: int, initial: int | None) -> None:
    """Write into the settings, at the first plate, how many texts are measured before the optimiser learns."""
    settings = run_folder.settings_of(folder)
    if run_folder.FIRST in settings and initial is None:
        return
    if run_folder.FIRST in settings:
        raise UsageError(f"{folder}: had its first plate, of {settings[run_folder.FIRST]} texts: leave initial out")
    config = CampaignConfig(**settings["config"]["campaign"])
    if initial is None and config.initial == INITIAL:
        initial = min(config.initial, max(count // 2, 2))
        if known := run_folder.given_count(folder, settings):  # what was measured before is learned from at once
            initial = max(min(initial, known), 2)
    config = replace(config, initial=config.initial if initial is None else initial)
    with run_folder.locked(folder):
        changed = {**settings["config"], "campaign": asdict(config)}
        run_folder.write(folder, {**settings, "config": changed, run_folder.FIRST: count})


def check_count(count: int) -> None:
    """Raise UsageError where the size of a plate is below 1."""
    if count < 1:
        raise UsageError(f"expected a number of texts from 1, got {count}")


@door
def last_batch(folder: str | Path, optimizer: Optimizer | None = None) -> list[Candidate]:
    """Return the last plate without the texts that have been measured since; errors as in `ask`."""
    _check_laboratory(Path(folder))
    with opened(Path(folder), own=optimizer) as search:
        state = _state(search)
    pending = [about for about in state["pending"].values() if about["plate"] == state["plates"]]
    # Plates of earlier versions have nothing but texts and proposers.
    return [
        Candidate(one["text"], one["proposer"], one["z"], one["seed"], about=one.get("about", {})) for one in pending
    ]


def _proposals(search: Search, waiting: set[str], count: int) -> list[Candidate]:
    """Return distinct texts that are on no plate.

    An optimiser does not know which texts await their score and may propose them again: it is then asked for as many
    more.
    """
    found: dict[str, Candidate] = {}
    for attempt in range(_TRIES):
        more = len(waiting) + len(found) if attempt else 0
        for one in search.optimizer.ask(count - len(found) + more):
            form = search.texts.canonical(one.text) if one.form is None else one.form
            if form is not None and form not in waiting and form not in found and len(found) < count:
                found[form] = replace(one, text=form, form=form)
        if len(found) == count:
            break
    return list(found.values())


@door
def tell(folder: str | Path, measurements: Sequence[Measurement], optimizer: Optimizer | None = None) -> Told:
    """Take measurements into a search, as one round; `optimizer` is as in `ask`.

    A text that breaks a constraint is learned from, and none like it is proposed. Before the first call of `ask` the
    measurements are kept in the folder, and the search begins with them.

    Raises:
        InputError: no text is one of the search's kind.
        UsageError: the search has an objective of its own, or a text does not have exactly one score.
    """
    if not (Path(folder) / run_folder.SETTINGS).exists():
        rows = [
            [
                one.text,
                list(one.scores),
                one.where,
                one.name,
                dict(one.fields),
                *([list(one.errors)] if one.errors else []),
            ]
            for one in measurements
        ]
        run_folder.keep_told(Path(folder), rows)
        missing = sum(all(map(math.isnan, one.scores)) for one in measurements)
        return Told(0, 0, 0, 0, missing, waiting=len(measurements) - missing)
    _check_laboratory(Path(folder))
    with opened(Path(folder), own=optimizer) as search:
        state = _state(search)
        measured = measured_forms(measurements, search.measured, search.columns)
        number, before = search.ledger.rounds(), {str(entry.canonical): entry for entry in search.ledger.entries()}
        forms = [form for form, _ in measured]
        wanted = {form: vars(entry) for form, entry in before.items() if entry.status == OK} | state["pending"]
        entries = []
        for place, (form, one) in enumerate(measured):
            about = wanted.get(form)
            proposer, z, seed = (OBSERVED, None, None) if about is None else [about[key] for key in _SOURCE]
            status = GIVEN if about is None else OK
            entry = Entry(number, place, form, form, status, one.scores, "", 0.0, proposer, z, seed, errors=one.errors)
            parents, predicted = (tuple((about or {}).get(key, ())) for key in ("parents", "predicted"))
            entries.append(replace(entry, parents=parents, predicted=predicted))
        known = [(kept, one) for one in measurements if (kept := search.measured(one.text)) is not None]
        run_folder.add_names(search.folder, {kept: one.name for kept, one in known if one.name})
        run_folder.add_carried(search.folder, [(kept, one.fields) for kept, one in known])
        search.ledger.add(entries)
        try:
            _catch_up(search, state)
            _save(search, state)
        except KeyboardInterrupt:  # told again, they would count twice
            kept = f"the measurements are in, as round {number}: do not tell them again; the next ask learns from them"
            raise KeyboardInterrupt(kept) from None
        outside = sum(search.texts.allowed(form) != form for form in set(forms))
    distinct, asked = set(forms), set(forms) & set(wanted)
    again = len(distinct & set(before)) + len(forms) - len(distinct)
    missing = sum(all(map(math.isnan, one.scores)) for one in measurements)
    unread = len(measurements) - missing - len(measured)
    return Told(number, len(asked), len(distinct - asked), again, missing, outside, unread)


def _state(search: Search) -> State:
    """Return the state of the search, after loading its part into the optimiser."""
    path = search.folder / run_folder.STATE
    state: State = {"pending": {}, "plates": 0, "learned": 0}
    if path.exists():
        state = load_with(path, search.ledger, lambda found: found["learned"])
        with loading(path):
            checked("plates", state["plates"], int)
            for text, about in checked("pending", state["pending"], dict[str, dict[str, Any]]).items():
                for name, kind in _ON_A_PLATE.items():
                    if name in about or name not in _NEW_ON_A_PLATE:
                        checked(f"pending, {text!r}, {name}", about[name], kind)
            search.optimizer.load_state_dict(state["optimiser"])
    check_plates(path, search.ledger, state["plates"])
    _catch_up(search, state)
    return state


def _catch_up(search: Search, state: State) -> None:
    """Tell the optimiser the rounds of the ledger that it does not know: of each text the mean of all measurements."""
    for number in range(state["learned"], search.ledger.rounds()):
        now = {str(entry.canonical): entry for entry in search.ledger.entries(number)}
        known: dict[str, list[Entry]] = {form: [] for form in now}
        for entry in search.ledger.before(number + 1):
            if str(entry.canonical) in known:
                known[str(entry.canonical)].append(entry)
        means = np.array(
            [averaged([one.scores for one in found], [one.errors for one in found]) for found in known.values()],
            np.float64,
        )
        candidates = [Candidate(form, entry.proposer, entry.z, entry.seed, form) for form, entry in now.items()]
        if candidates:
            search.optimizer.tell(candidates, Scores(means, [OK] * len(now), list(now)))
        for form in now:
            state["pending"].pop(form, None)
    state["learned"] = search.ledger.rounds()


def _save(search: Search, state: State) -> None:
    saved = {**state, "optimiser": search.optimizer.state_dict()}
    save_with(search.folder / run_folder.STATE, search.ledger, state["learned"], saved, state["plates"])

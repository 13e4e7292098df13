"""Searches whose oracle is a laboratory: plates are asked for, and measurements told, days later and in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqvae.errors import UsageError
from seqvae.search.ledger import GIVEN, OK, Entry, Ledger
from seqvae.search.measurements import OBSERVED, Measurement, mean, measured_forms
from seqvae.search.optimiser import Optimiser
from seqvae.search.oracle import Candidate, Scores
from seqvae.search.run_folder import STATE
from seqvae.search.search import Search, opened
from seqvae.search.state import State, load_state, save_state

_TRIES = 5  # times that an optimiser is asked for texts which are on no plate yet


@dataclass(frozen=True)
class Told:
    """What became of a table of measurements.

    Attributes:
        round: the round that they are now.
        asked: measured texts that had been asked for.
        observed: those that had not.
        again: those that had been measured before, or twice in the table; their mean counts.
        missing: texts without a measurement.
    """

    round: int
    asked: int
    observed: int
    again: int
    missing: int


def ask(folder: str | Path, count: int) -> list[Candidate]:
    """Return texts to be measured, none of which is on an earlier plate, and remember that they were asked for.

    Raises:
        InputError: there is no search in the folder.
        UsageError: the search has an objective of its own, or a count below 1.
    """
    if count < 1:
        raise UsageError(f"expected a number of texts from 1, got {count}")
    with opened(Path(folder)) as search:
        state = _state(search)
        taken, plate = set(state["pending"]), list[Candidate]()
        for _ in range(_TRIES):
            for one in search.optimiser.ask(count - len(plate)):
                form = search.texts.canonical(one.text)
                if form is not None and form not in taken:
                    taken.add(form)
                    state["pending"][form] = {"proposer": one.proposer, "z": one.z, "seed": one.seed}
                    plate.append(Candidate(form, one.proposer, one.z, one.seed))
            if len(plate) == count:
                break
        save_state(search.folder / STATE, {**state, "optimiser": search.optimiser.state_dict()})
    return plate


def tell(folder: str | Path, measurements: Sequence[Measurement]) -> Told:
    """Take measurements into a search, as one round.

    Raises:
        InputError: there is no search in the folder, a text is none of the search's kind or breaks one of its rules, or
            a score is infinite.
        UsageError: the search has an objective of its own, or a text has another number of scores than one.
    """
    with opened(Path(folder)) as search:
        state = _state(search)
        measured = measured_forms(measurements, search.measured, search.columns)
        number, before = search.ledger.rounds(), {str(entry.canonical): entry for entry in search.ledger.entries()}
        forms = [form for form, _ in measured]
        wanted = {form: vars(entry) for form, entry in before.items() if entry.status == OK} | state["pending"]
        rows = enumerate(measured)
        entries = [_entry(number, place, one, form, wanted.get(form)) for place, (form, one) in rows]
        search.ledger.add(entries)
        _learn(search.optimiser, search.ledger, entries)
        distinct = set(forms)
        pending = {form: about for form, about in state["pending"].items() if form not in distinct}
        save_state(search.folder / STATE, {"pending": pending, "optimiser": search.optimiser.state_dict()})
    asked = distinct & set(wanted)
    again = len(distinct & set(before)) + len(forms) - len(distinct)
    return Told(number, len(asked), len(distinct - asked), again, len(measurements) - len(measured))


def _state(search: Search) -> State:
    """Return the state of the search, its optimiser put into it."""
    if search.scoring is not None:
        raise UsageError(
            f"{search.folder}: this search has an objective of its own: seqvae optimize --resume {search.folder}"
        )
    path = search.folder / STATE
    if not path.exists():
        return {"pending": {}}
    state = load_state(path)
    search.optimiser.load_state_dict(state["optimiser"])
    return state


def _entry(number: int, place: int, one: Measurement, form: str, about: dict[str, Any] | None) -> Entry:
    """Return a measurement as an entry; `about` is what is known of a text that was asked for."""
    if about is None:
        return Entry(number, place, one.text, form, GIVEN, one.scores, proposer=OBSERVED)
    source = about["proposer"], about["z"], about["seed"]
    return Entry(number, place, one.text, form, OK, one.scores, "", 0.0, *source)


def _learn(optimiser: Optimiser, ledger: Ledger, entries: Sequence[Entry]) -> None:
    """Tell an optimiser the mean of all measurements of each text that was measured now."""
    now = {str(entry.canonical): entry for entry in entries}
    scores: dict[str, list[tuple[float, ...]]] = {form: [] for form in now}
    for entry in ledger.entries():
        if str(entry.canonical) in scores:
            scores[str(entry.canonical)].append(entry.scores)
    means = np.array([mean(found) for found in scores.values()], np.float64)
    candidates = [Candidate(form, entry.proposer, entry.z, entry.seed) for form, entry in now.items()]
    if candidates:
        optimiser.tell(candidates, Scores(means, [OK] * len(now), list(now)))

"""The oracle of a search: scores proposals within an exact budget; each score is in the ledger before it is used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple, final

import numpy as np

from seqvae.config import OracleConfig
from seqvae.errors import OracleError, UsageError
from seqvae.search.oracle.caller import Caller
from seqvae.search.oracle.failures import Failures
from seqvae.search.oracle.outcome import Outcome, Score
from seqvae.search.oracle.screening import Screen
from seqvae.search.proposals import Candidate, Canonical, Scores
from seqvae.search.storage.ledger import CACHED, CALLED, GIVEN, INVALID, OK, OVER_BUDGET, Entry, Ledger
from seqvae.search.storage.rows import SCREENED


def is_call(status: str, count: str) -> bool:
    """Return whether a proposal of that status is a call, by the rule `unique` or `every`."""
    return status in CALLED if count == "unique" else status not in (OVER_BUDGET, GIVEN, SCREENED)


class _Planned(NamedTuple):
    """What will become of a proposal; `scored` where it costs a call of the oracle; `error` of its cheap score."""

    canonical: str | None
    status: str
    scored: bool
    error: str = ""


@final
class Oracle:
    """Scores texts, each canonical form once, and never more than the budget.

    What becomes of a proposal depends on the proposals before it alone. So a round that was cut off by a kill can be
    repeated: it finds in the ledger what has been scored already, and ends as it would have ended.

    Args:
        score: returns `(batch,)` or `(batch, columns)` numbers of canonical texts, higher is better. With workers, a
            function of a module or another picklable object.
        canonical: returns the canonical form of a text, None for an invalid one.
        ledger: where everything is written.
        config: budget, workers, time limits.
        columns: numbers per text.
        terms: further numbers per text that `score` returns, of which the others are made; they go into the ledger.
        screen: chooses, by a cheap score, which new proposals of a round are scored; None: all are.
    """

    def __init__(
        self,
        score: Score,
        canonical: Canonical,
        ledger: Ledger,
        config: OracleConfig | None = None,
        columns: int = 1,
        terms: int = 0,
        screen: Screen | None = None,
    ) -> None:
        self.canonical, self.ledger, self.screen = canonical, ledger, screen
        self.config, self.columns = config or OracleConfig(), columns
        self._caller = Caller(score, columns, self.config, terms)
        self._known: dict[str, tuple[float, ...]] = {}
        self._stopped = set[str]()  # forms that a cheap score has stopped
        self._calls = 0
        self._in_a_row = 0  # failures
        self.failures = Failures()
        self._round = 0
        self.forward(ledger.rounds())

    @property
    def calls(self) -> int:
        """Calls made so far, by the rule of the budget."""
        return self._calls

    @property
    def left(self) -> int:
        """Calls that may still be made."""
        return self.config.budget - self._calls

    def forward(self, round_: int) -> None:
        """Take the state before a round: earlier rounds in the ledger are known, later ones are not.

        Raises:
            UsageError: the ledger has fewer rounds.
        """
        if round_ > self.ledger.rounds():
            raise UsageError(
                f"{self.ledger.path}: has {self.ledger.rounds()} rounds, cannot resume from round {round_}"
            )
        self._known, self._calls, self._in_a_row, self._round = {}, 0, 0, round_
        self._stopped, self.failures = set(), Failures()
        for entry in self.ledger.before(round_):
            self._remember(entry)

    def __call__(self, texts: Sequence[str | Candidate]) -> Scores:
        """Score a round of proposals; those beyond the budget are not scored, and none at all are no round.

        Raises:
            OracleError: so many texts in a row have failed that something is wrong with the oracle itself.
            UsageError: the ledger has other proposals in this round: another search wrote it.
        """
        proposals = [text if isinstance(text, Candidate) else Candidate(text) for text in texts]
        if not proposals:  # no round: one without rows would be a gap in the ledger
            return Scores(np.empty((0, self.columns)), [], [])
        plan = list(self._planned(proposals)) if self.screen is None else self._screened(proposals, self.screen)
        done = {entry.place: entry for entry in self.ledger.entries(self._round)}
        for place, entry in done.items():
            if place >= len(proposals) or entry.text != (plan[place].canonical or proposals[place].text):
                raise UsageError(
                    f"{self.ledger.path}: round {self._round} has other proposals than are made now: "
                    "the run was begun with other settings or another version"
                )
        missing = [place for place, one in enumerate(plan) if one.scored and place not in done]
        wanted = [str(plan[place].canonical) for place in missing]
        for found in self._caller.outcomes(wanted):
            places = missing[: len(found)]
            missing = missing[len(found) :]
            new = [self._entry(place, proposals, plan, outcome) for place, outcome in zip(places, found, strict=True)]
            self.ledger.add(new)
            done.update((entry.place, entry) for entry in new)
            if new[-1].status == OK:
                continue
            called = [done[place] for place in sorted(done) if done[place].status in CALLED]
            failed = list(takewhile(lambda entry: entry.status != OK, reversed(called)))
            # Where the whole round has failed so far, the count goes on from earlier rounds.
            in_a_row = len(failed) + (self._in_a_row if len(failed) == len(called) else 0)
            if failed and in_a_row >= self.config.failures:
                raise OracleError(f"the oracle failed {in_a_row} times in a row; the last error: {failed[0].error}")
        return self._finished(proposals, plan, done)

    def close(self) -> None:
        """End the workers."""
        self._caller.close()
        if self.screen is not None:
            self.screen.close()

    def _planned(self, proposals: Sequence[Candidate]) -> Iterator[_Planned]:
        """Yield what will become of each proposal, within the budget."""
        left, new = self.left, set[str]()
        for one in proposals:
            form = self.canonical(one.text) if one.form is None else one.form
            seen = form is not None and (form in self._known or form in new)
            novel = form is not None and not seen
            counts = novel or self.config.count == "every"
            if counts and left == 0:
                yield _Planned(form, OVER_BUDGET, scored=False)
                continue
            left -= counts
            if novel and form is not None:
                new.add(form)
            yield _Planned(form, OK if novel else CACHED if seen else INVALID, scored=novel)

    def _screened(self, proposals: Sequence[Candidate], screen: Screen) -> list[_Planned]:
        """Return what will become of each proposal where a cheap score chooses; one that it stopped stays stopped."""
        forms = [self.canonical(one.text) if one.form is None else one.form for one in proposals]
        first: dict[str, int] = {}
        for place, form in enumerate(forms):
            if form is not None and form not in self._known and form not in self._stopped:
                first.setdefault(form, place)
        stopped = screen.passed(self._round, {place: form for form, place in first.items()}, self.left)
        found = []
        for place, form in enumerate(forms):
            if form is None:
                found.append(_Planned(form, INVALID, scored=False))
            elif form in self._stopped or first.get(form) in stopped:
                found.append(_Planned(form, SCREENED, scored=False, error=stopped.get(place, "")))
            else:
                new = first.get(form) == place
                found.append(_Planned(form, OK if new else CACHED, scored=new))
        return found

    def _entry(self, place: int, proposals: Sequence[Candidate], plan: Sequence[_Planned], found: Outcome) -> Entry:
        one = proposals[place]
        return Entry(
            self._round,
            place,
            plan[place].canonical or one.text,
            plan[place].canonical,
            found.status,
            found.scores,
            found.error,
            found.seconds,
            one.proposer,
            one.z,
            one.seed,
            found.terms,
            parents=one.parents,
            predicted=one.predicted,
        )

    def _finished(self, proposals: Sequence[Candidate], plan: Sequence[_Planned], done: dict[int, Entry]) -> Scores:
        """Write what needed no call, remember the whole round, and return its scores."""
        nothing = (math.nan,) * self.columns
        known = {**self._known, **{str(entry.canonical): entry.scores for entry in done.values() if entry.canonical}}
        rest = []
        for place, one in enumerate(plan):
            if place not in done:
                scores = known[str(one.canonical)] if one.status == CACHED else nothing
                rest.append(self._entry(place, proposals, plan, Outcome(one.status, scores, one.error)))
        self.ledger.add(rest)
        done.update((entry.place, entry) for entry in rest)
        whole = [done[place] for place in range(len(plan))]
        for entry in whole:
            self._remember(entry)
        self._round += 1
        values = np.array([entry.scores for entry in whole], np.float64).reshape(len(whole), self.columns)
        return Scores(values, [entry.status for entry in whole], [entry.canonical for entry in whole])

    def _remember(self, entry: Entry) -> None:
        called = entry.status in CALLED
        self._calls += is_call(entry.status, self.config.count)
        if called or entry.status == GIVEN:
            self._known[str(entry.canonical)] = entry.scores
        if entry.status == SCREENED:
            self._stopped.add(str(entry.canonical))
        if called:
            self.failures.add(entry)
            self._in_a_row = 0 if entry.status == OK else self._in_a_row + 1

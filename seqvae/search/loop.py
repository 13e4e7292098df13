"""A campaign: an optimiser and an oracle, round by round, in a folder from which it resumes after any end."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np

from seqvae.config import CampaignConfig
from seqvae.config.toml import section_from_dict
from seqvae.errors import InputError
from seqvae.search.optimizer import Optimizer
from seqvae.search.oracle.oracle import Oracle
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.results import TOP
from seqvae.search.storage.agreement import load_with, save_with
from seqvae.search.storage.ledger import GIVEN, INVALID, OK, Entry
from seqvae.search.storage.state import loading

_SAVED_EVERY = 30.0  # seconds between two saved states: what a kill may cost; saving takes a fraction of that
_IDLE = 20  # rounds without a call after which the search counts as exhausted

BUDGET, MINUTES, PATIENCE, NOTHING_NEW = "budget", "minutes", "patience", "nothing new"


@dataclass
class Progress:
    """How far a campaign has come.

    Attributes:
        round: rounds done.
        calls: of the oracle, as the budget counts them.
        invalid: proposals that were no valid texts.
        best: the highest score, of several objectives in the first; NaN before there is one.
        best_at: calls when it was found; of several objectives, when a text last joined the front.
        asking: seconds that the optimiser took.
        scoring: seconds that the oracle took.
        top: the best `TOP` scores.
        front: the scores that no others match or beat in every objective; of one objective the best.
        failed: calls that brought no score.
        failures: one line on them and their commonest reason; empty where there are none.
    """

    round: int = 0
    calls: int = 0
    invalid: int = 0
    best: float = math.nan
    best_at: int = 0
    asking: float = 0.0
    scoring: float = 0.0
    top: list[float] = field(default_factory=list)
    front: list[list[float]] = field(default_factory=list)
    failed: int = 0
    failures: str = ""

    @property
    def top_mean(self) -> float:
        """Mean of the best ten scores, or of all where there are fewer."""
        return sum(self.top) / len(self.top) if self.top else math.nan

    @property
    def share(self) -> float:
        """The optimiser's share of the time."""
        return self.asking / (self.asking + self.scoring) if self.asking + self.scoring else math.nan

    def count(self, scores: Scores, calls: int) -> None:
        """Take in a round."""
        for status, row in zip(scores.statuses, scores.values.tolist(), strict=True):
            self.invalid += status == INVALID
            if status == OK:
                push = heapq.heappush if len(self.top) < TOP else heapq.heappushpop
                push(self.top, row[0])
                if not any(_as_good(other, row) for other in self.front):
                    self.front = [*(other for other in self.front if not _as_good(row, other)), row]
                    self.best, self.best_at = max(other[0] for other in self.front), calls
        self.calls = calls


def _as_good(first: list[float], second: list[float]) -> bool:
    """Whether the first scores are as high as the second in everything."""
    return all(one >= other for one, other in zip(first, second, strict=True))


@final
class Campaign:
    """Asks an optimiser, scores its proposals, tells it the scores, and keeps its state; one at a time in a folder.

    When it is cut off, the next one in the same folder resumes from the last state: rounds that had been scored since
    are asked for again, found in the ledger, and cost no call.

    Args:
        optimizer: a new one; it takes over the state in the folder.
        oracle: with the folder's ledger.
        config: batch size and stopping rules.
        state: file of the state.
        first: size of the initial design, with which a round ends, whatever the batch; 0: rounds are batches.
        refused: returns how many proposals have broken the constraints, as long as none has kept them; while they get
            more the search is not exhausted. None: there are no constraints.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        oracle: Oracle,
        config: CampaignConfig,
        state: Path,
        first: int = 0,
        refused: Callable[[], int] | None = None,
    ) -> None:
        if config.batch < 1:  # 0 is settled when a search begins: this folder's settings were changed
            raise InputError(f"{state.parent}: expected a batch of 1 or more proposals, got {config.batch}")
        self.refused = refused or (lambda: 0)
        self.optimizer, self.oracle, self.config, self.state = optimizer, oracle, config, state
        self.progress = Progress()
        self._saved = time.monotonic()
        given = [entry for entry in oracle.ledger.entries(0) if entry.status == GIVEN]
        self.first = max(first - len(given), 0)
        if state.exists():
            saved = load_with(state, oracle.ledger, lambda found: found["progress"]["round"])
            with loading(state):
                self.progress = section_from_dict(Progress, saved["progress"], "progress")
                optimizer.load_state_dict(saved["optimiser"])
        elif given:
            # What was measured before the search is the ledger's first round.
            optimizer.tell(*told(given))
            self.progress.round = 1
        oracle.forward(self.progress.round)

    def run(self, on_round: Callable[[Progress], None] | None = None) -> str:
        """Run until a stopping rule holds, and return which: `budget`, `minutes`, `patience` or `nothing new`.

        An interruption (Ctrl-C) may come in the middle of a round: the folder keeps the last state and the ledger.

        Args:
            on_round: called after each round, to show progress.
        """
        started, idle = time.monotonic(), 0
        try:
            while not (end := self._end(time.monotonic() - started, idle)):
                before, refused = self.oracle.calls, self.refused()
                self._round()
                idle = 0 if self.oracle.calls > before or self.refused() > refused else idle + 1
                if on_round is not None:
                    on_round(self.progress)
                if time.monotonic() - self._saved > _SAVED_EVERY:
                    self.save()
        finally:
            self.oracle.close()
        self.save()
        return end

    def catch_up(self) -> None:
        """Replay the ledger, finish a round that was cut off in the middle, and save the state.

        The size of a round may follow from the budget; so a round that was begun under one budget ends under it.
        """
        try:
            while self.progress.round < self.oracle.ledger.rounds() and self.oracle.left > 0:
                self._round()
        finally:
            self.oracle.close()
        self.save()

    def save(self) -> None:
        """Save the state."""
        state = {"progress": vars(self.progress), "optimiser": self.optimizer.state_dict()}
        save_with(self.state, self.oracle.ledger, self.progress.round, state)
        self._saved = time.monotonic()

    def _round(self) -> None:
        started = time.monotonic()
        count, design = min(self.config.batch, self.oracle.left), self.first - self.oracle.calls
        count = min(count, design) if design > 0 else count
        proposals = self.optimizer.ask(count if self.oracle.screen is None else self.oracle.screen.asked(count))
        asked = time.monotonic()
        if not proposals:
            self.progress.asking += asked - started
            return
        scores = self.oracle(proposals)
        scored = time.monotonic()
        self.optimizer.tell(proposals, scores)
        self.progress.round += 1
        self.progress.count(scores, self.oracle.calls)
        failures = self.oracle.failures
        self.progress.failed, self.progress.failures = failures.total, failures.describe(self.oracle.calls)
        self.progress.scoring += scored - asked
        self.progress.asking += asked - started + time.monotonic() - scored

    def _end(self, seconds: float, idle: int) -> str:
        config, progress = self.config, self.progress
        if self.oracle.left <= 0:
            return BUDGET
        if config.minutes and seconds >= 60 * config.minutes:
            return MINUTES
        if config.patience and progress.calls - progress.best_at >= config.patience:
            return PATIENCE
        return NOTHING_NEW if idle >= _IDLE else ""


def told(entries: Sequence[Entry]) -> tuple[list[Candidate], Scores]:
    """Return entries of a ledger as the candidates and scores that an optimiser is told."""
    candidates = [Candidate(entry.text, entry.proposer, entry.z, entry.seed, entry.canonical) for entry in entries]
    values = np.array([entry.scores for entry in entries], np.float64)
    return candidates, Scores(values, [entry.status for entry in entries], [entry.canonical for entry in entries])

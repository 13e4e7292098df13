"""A cheap score first: only the proposals of a round that it finds best get the dear score of the objective."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import final

from seqvae.config import OracleConfig
from seqvae.errors import OracleError, UsageError
from seqvae.search.oracle.caller import Caller
from seqvae.search.oracle.outcome import Score
from seqvae.search.storage.ledger import OK, Ledger


@final
class Screen:
    """Scores the new proposals of a round cheaply, and says which go on.

    Each cheap score is in the ledger before it is used. What a round that was cut off has scored is found there, and
    the others are scored: so the round ends as it would have ended.

    Args:
        score: returns `(batch,)` numbers, higher is better.
        ledger: where they are written.
        config: workers, time limits, and how many may fail in a row.
        survivors: share of the new proposals of a round that get the dear score, above 0.
    """

    def __init__(self, score: Score, ledger: Ledger, config: OracleConfig, survivors: float) -> None:
        self.ledger, self.survivors, self._most = ledger, survivors, config.failures
        self._caller = Caller(score, 1, config)
        self._in_a_row = 0  # failures

    def asked(self, wanted: int) -> int:
        """Return how many proposals a round needs so that as many as wanted go on."""
        return math.ceil(round(wanted / self.survivors, 6))  # 10 / .1 is 100, whatever its last digit

    def passed(self, round_: int, forms: Mapping[int, str], most: int) -> dict[int, str]:
        """Return why each proposal that does not go on was stopped, by place; "" where others were better.

        Those go on whose cheap scores are highest, of equal ones the first, at least one in a round.

        Args:
            round_: number of the round.
            forms: canonical forms of its new proposals, by place.
            most: how many may go on.

        Raises:
            OracleError: so many in a row have no cheap score that something is wrong with it.
            UsageError: the ledger has cheap scores of other proposals in this round: another search wrote it.
        """
        known = self.ledger.cheap(round_)
        if any(forms.get(place) != form for place, (form, _, _) in known.items()):
            raise UsageError(
                f"{self.ledger.path}: round {round_} has cheap scores of other proposals than are made now: the run "
                "was begun with other settings or another version"
            )
        missing = [place for place in forms if place not in known]
        for found in self._caller.outcomes([forms[place] for place in missing]):
            places, missing = missing[: len(found)], missing[len(found) :]
            pairs = zip(places, found, strict=True)
            new = {place: (forms[place], one.scores[0], "" if one.status == OK else one.error) for place, one in pairs}
            self.ledger.add_cheap(round_, new)
            known |= new
            for _, _, why in new.values():
                self._in_a_row = self._in_a_row + 1 if why else 0
                if self._in_a_row >= self._most:
                    raise OracleError(f"the cheap score failed {self._in_a_row} times in a row; the last error: {why}")
        good = sorted((place for place in forms if not known[place][2]), key=lambda place: (-known[place][1], place))
        on = {*good[: min(most, max(1, round(self.survivors * len(forms))))]}
        return {place: known[place][2] for place in forms if place not in on}

    def close(self) -> None:
        """End the workers."""
        self._caller.close()

"""What a laboratory's measurements say together: which design is best, whether predictions hold, whether to go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqvae.properties.molecules.cache import Sheets
from seqvae.search.replicates import Replicates, replicates
from seqvae.search.storage.ledger import GIVEN, OK, Entry, Ledger
from seqvae.sequences.domain import MOLECULES, detect

_FEWEST = 5  # measured designs from which a surrogate is made
_MOST = 500  # designs of a computed search: a surrogate of as many takes a second or so
_ROUNDS = 8  # last rounds that are predicted from those before them
_SEEN = 0.5  # standard deviations of a measurement: to see so small a gain takes 32 measurements of both designs
LEVEL, _WITHIN = 0.9, 1.6449  # share that an interval should hold, and its half width in standard deviations


@dataclass(frozen=True)
class Standing:
    """A measured design.

    Attributes:
        form: canonical form.
        measured: mean of its measurements.
        count: number of these.
        mean: of the posterior: what its true value is likely to be, given all measurements.
        deviation: of the posterior.
    """

    form: str
    measured: float
    count: int
    mean: float
    deviation: float


@dataclass(frozen=True)
class Predicted:
    """A design that was predicted from the rounds before its own, and then measured.

    Attributes:
        form: canonical form.
        round: in which it was measured.
        mean: predicted.
        deviation: predicted, of a measurement.
        measured: mean of its measurements in that round.
    """

    form: str
    round: int
    mean: float
    deviation: float
    measured: float

    @property
    def within(self) -> bool:
        """Whether the interval that should hold `LEVEL` of all measurements holds this one."""
        return abs(self.measured - self.mean) <= _WITHIN * self.deviation


@dataclass(frozen=True)
class Outlook:
    """What the measurements say together.

    Attributes:
        best: the design with the highest posterior mean.
        highest: the one with the highest measurement; of one well, it may have been lucky.
        predictions: of the last rounds, each from the rounds before it, in their order.
        noise: standard deviation of one measurement: from repeats or told errors, or else as fitted.
        waiting: designs on plates that are not measured.
        gain: the improvement of the best value that is expected of these; None without any.
    """

    best: Standing
    highest: Standing
    predictions: tuple[Predicted, ...]
    noise: float
    waiting: int
    gain: float | None

    @property
    def coverage(self) -> float | None:
        """Share of the measurements that lie in their predicted interval; it should be `LEVEL`."""
        return float(np.mean([one.within for one in self.predictions])) if self.predictions else None

    @property
    def ends(self) -> bool:
        """Whether more rounds are unlikely to help: what the next is expected to gain is lost in the noise."""
        return self.gain is not None and self.gain < _SEEN * self.noise

    def to_dict(self) -> dict[str, object]:
        """Return the same in JSON's types."""
        standings = {name: vars(one) for name, one in (("best_by_posterior", self.best), ("highest", self.highest))}
        predictions = {"predictions": len(self.predictions), "coverage_90": self.coverage}
        ahead = {"waiting": self.waiting, "expected_gain": self.gain, "more_rounds_unlikely_to_help": self.ends}
        return {**standings, **predictions, "noise": self.noise, **ahead}


def outlook_of(settings: Mapping[str, Any], ledger: Ledger, asked: Collection[str]) -> Outlook | None:
    """Return what the measurements of a laboratory's search say; None of a search with an objective of its own.

    Args:
        settings: as in the search's folder.
        ledger: of the search.
        asked: as in `outlook`.
    """
    entries = list(ledger.entries()) if settings["objective"] is None else []
    forms = [entry.canonical for entry in entries if entry.canonical is not None]
    sheets = Sheets() if forms and detect(forms).name == MOLECULES else None
    return outlook(entries, asked, sheets)


def outlook(entries: Sequence[Entry], asked: Collection[str], sheets: Sheets | None, seed: int = 0) -> Outlook | None:
    """Return what measurements say together; None of fewer than five designs, or where all have one score.

    Args:
        entries: of the ledger.
        asked: canonical forms of all designs that were asked for.
        sheets: where molecules are parsed; None: the designs are sequences.
        seed: of the draws.
    """
    known = replicates(entries)
    if not _learns(known):
        return None
    from seqvae.search.surrogates.multiple_kernels import likenesses_of, surrogate_of  # import SciPy's optimisers

    likenesses = likenesses_of(sheets)
    surrogate = surrogate_of(known.scores, likenesses, seed, known.errors)
    means, deviations = (one.tolist() for one in surrogate.at_known())
    standings = [
        Standing(form, known.scores[form], known.counts[form], mean, deviation)
        for form, mean, deviation in zip(surrogate.known, means, deviations, strict=True)
    ]
    waiting = [form for form in asked if form not in known.scores]
    return Outlook(
        best=max(standings, key=lambda one: one.mean),
        highest=max(standings, key=lambda one: one.measured),
        predictions=tuple(predictions(entries, sheets, seed)),
        noise=known.deviation or surrogate.noise_deviation,
        waiting=len(waiting),
        gain=surrogate.gain(waiting, seed) if waiting else None,
    )


def predictions(entries: Sequence[Entry], sheets: Sheets | None, seed: int = 0) -> list[Predicted]:
    """Return the designs of the last rounds as a surrogate of the rounds before each predicts them.

    It is the surrogate of plates; what chose the designs of another search may have been another one. Arguments as of
    `outlook`.
    """
    from seqvae.search.surrogates.multiple_kernels import likenesses_of, surrogate_of  # import SciPy's optimisers

    likenesses, found = likenesses_of(sheets), list[Predicted]()
    for number in sorted({entry.round for entry in entries})[-_ROUNDS:]:
        before = replicates(entry for entry in entries if entry.round < number)
        now = replicates(entry for entry in entries if entry.round == number)
        new = [form for form in now.scores if form not in before.scores]
        if _learns(before) and new:
            made = surrogate_of(before.scores, likenesses, seed, before.errors).predicted(new)
            found += [
                Predicted(form, number, mean, deviation, now.scores[form])
                for form, mean, deviation in zip(new, *(one.tolist() for one in made), strict=True)
            ]
    return found


def predictions_of(settings: Mapping[str, Any], entries: Sequence[Entry]) -> list[Predicted]:
    """Return predictions as `predictions` does, of a search with an objective; none of one with over 500 designs.

    Those of a laboratory's search are in its `Outlook`.
    """
    forms = [entry.canonical for entry in entries if entry.status in (OK, GIVEN) and entry.canonical is not None]
    if settings["objective"] is None or not 0 < len(forms) <= _MOST:
        return []
    return predictions(entries, Sheets() if detect(forms).name == MOLECULES else None)


def coverage(found: Sequence[Predicted]) -> str:
    """Return how many measurements lay in their predicted interval, in words; at least one."""
    share = np.mean([one.within for one in found])
    return f"predicted against measured: {share:.0%} of {len(found):,} measurements lay in their {LEVEL:.0%} interval"


def _learns(known: Replicates) -> bool:
    return len(known.scores) >= _FEWEST and len({*known.scores.values()}) > 1


def sentences(found: Outlook, names: Mapping[str, str]) -> list[str]:
    """Return what the measurements say in lines; `names` of designs by canonical form, others go by the form."""

    def shown(one: Standing) -> str:
        """Return a design's name, posterior mean and deviation, and the measurements behind them."""
        name = names.get(one.form, one.form)
        wells = "1 measurement" if one.count == 1 else f"{one.count} measurements"
        return f"{name}, {one.mean:.4g} ± {one.deviation:.2g} ({wells}, mean {one.measured:.4g})"

    lines = [f"best by all measurements (posterior mean ± sd): {shown(found.best)}"]
    if found.highest.form != found.best.form:
        lines.append(f"highest measurement: {shown(found.highest)}")
    if found.predictions:
        lines.append(coverage(found.predictions))
    lines.append(f"noise of one measurement (sd): {found.noise:.3g}")
    if found.gain is None:
        lines.append("no design waits on a plate: ask for the next one, and it is said what it is expected to gain")
    else:
        verdict = "more rounds are unlikely to help" if found.ends else "more rounds are likely to help"
        lines.append(f"{verdict}: the {found.waiting:,} that wait are expected to gain {found.gain:.3g} on the best")
    return lines

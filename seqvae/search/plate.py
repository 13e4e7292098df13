"""What is said of each design on a plate: name, prediction, nearest measured neighbour, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from seqvae.properties.molecules.alerts import MOSES, UNSTABLE, alerts_of
from seqvae.properties.similarity import similarities
from seqvae.search.domain.domain import Texts
from seqvae.search.replicates import replicates
from seqvae.search.storage.ledger import Entry

_FEWEST = 5  # measured designs from which a prediction is made
_SHOWN = (*MOSES, UNSTABLE)  # sets of alerts that are looked for, whatever the constraints
About = dict[str, str | float | None]


def names_on(plate: int, count: int) -> list[str]:
    """Return the names of the designs on a plate, such as `P2-017`."""
    width = max(3, len(str(count)))
    return [f"P{plate}-{number:0{width}d}" for number in range(1, count + 1)]


@final
class Measured:
    """What has been measured in a search, against which new designs are seen.

    Args:
        entries: of the ledger.
        names: of measured designs, by canonical form; those without one go by the form.
        texts: the kind of texts.
        seed: of the prediction.
    """

    def __init__(self, entries: Sequence[Entry], names: Mapping[str, str], texts: Texts, seed: int) -> None:
        known = replicates(entries)
        self.scores, self.errors = known.scores, known.errors
        self.names, self.sheets, self.seed = names, texts.sheets, seed

    def about(self, forms: Sequence[str]) -> list[About]:
        """Return what is said of each design, by the title of its column; None where there is nothing to say."""
        predicted, nearest = self._predicted(forms), self._nearest(forms)
        found: list[About] = []
        for row, form in enumerate(forms):
            value, deviation, improvement = predicted[row]
            near, name = nearest[row]
            about: About = {"predicted": value, "predicted_sd": deviation, "expected_improvement": improvement}
            about |= {"nearest_similarity": near, "nearest_id": name}
            if self.sheets is not None:
                sheet = self.sheets.of(form)
                about["sa"] = None if sheet is None else round(sheet.sa, 2)
                about["alerts"] = "" if sheet is None else "; ".join(alerts_of(_SHOWN).found(sheet.molecule))
            found.append(about)
        return found

    def _predicted(self, forms: Sequence[str]) -> list[tuple[float | None, ...]]:
        """Return mean and standard deviation of what a measurement of each would give, and its expected improvement."""
        if len(self.scores) < _FEWEST or len({*self.scores.values()}) == 1 or not forms:
            return [(None, None, None)] * len(forms)
        from seqvae.search.surrogates.multiple_kernels import likenesses_of, surrogate_of  # import SciPy's optimisers

        surrogate = surrogate_of(self.scores, likenesses_of(self.sheets), self.seed, self.errors)
        means, deviations = surrogate.predicted(forms)
        gains = surrogate.improvement(forms)
        return list(zip(means.tolist(), deviations.tolist(), gains.tolist(), strict=True))

    def _nearest(self, forms: Sequence[str]) -> list[tuple[float | None, str]]:
        """Return the similarity of each design to the nearest measured one, and its name."""
        known = list(self.scores)
        if not known:
            return [(None, "")] * len(forms)
        found: list[tuple[float | None, str]] = []
        for row in similarities(forms, known, self.sheets):
            best = int(np.argmax(row))
            found.append((float(row[best]), self.names.get(known[best], known[best])))
        return found

"""How familiar a text is to a model: scores, their p-values among texts held out from training, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqvae.artifact.calibration import Calibration, Line
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.infer.complexity import code_length, is_repeat
from seqvae.infer.likelihood import Weighed

FEWEST = 60  # held-out texts of a calibration: of fewer, a third says nothing of spread and covariance
_GROUPS, _FEW = 8, 20  # of texts by length, at most, and the fewest texts of each
_TAIL = 20  # highest scores, beyond which p-values are extrapolated
IN_DOMAIN, UNFAMILIAR, OUTLIER, UNCALIBRATED = "in domain", "unfamiliar", "outlier", "not calibrated"
_DOUBTFUL, _RARE = 0.05, 0.01  # p-values below which a text is unfamiliar, and may be an outlier
_COMMON = 0.01  # share of repeats among held-out texts from which one is nothing special
TYPICALITY, MAHALANOBIS = "typicality", "mahalanobis"

REASONS: Mapping[str, str] = {
    "log_p": "low log p(x)",
    "unfamiliarity": "the model does not reconstruct it",
    "unfamiliarity_refined": "no latent point reconstructs it",
    "regret": "the encoder is far from its best posterior",
    "complexity_corrected": "low log p(x) for its complexity",
    "simplicity": "repetitive",
    TYPICALITY: "log p(x) is not typical of its length",
    MAHALANOBIS: "far from the latent points of other texts",
}
"""What is said of a text that each score finds less familiar than others."""


@dataclass(frozen=True)
class Measured:
    """Texts, what they cost the model, and what they are by themselves.

    Attributes:
        weighed: what each costs.
        tokens: `(texts,)`, number of tokens, the end not counted.
        complexity: `(texts,)`, nats of a code that knows only the alphabet.
        repeat: `(texts,)`, whether it is one symbol again and again.
    """

    weighed: Weighed
    tokens: NDArray[np.int64]
    complexity: NDArray[np.float64]
    repeat: NDArray[np.bool_]

    @staticmethod
    def of(weighed: Weighed, texts: TokenizedTexts) -> Measured:
        """Return what weighed texts are."""
        tokenizer = texts.tokenizer
        alphabet = len({symbol for pieces in tokenizer.pieces()[3:] for symbol in pieces})
        symbols = [tokenizer.symbols_of(ids) for ids in texts.ids]
        return Measured(
            weighed,
            np.array([len(ids) for ids in texts.ids], np.int64),
            np.array([code_length(row, max(alphabet, 1)) for row in symbols]),
            np.array([is_repeat(row) for row in symbols]),
        )

    def scores(self, mean: NDArray[np.float32], covariance: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return all scores but typicality, nats per text; the higher, the less familiar."""
        cost = -self.weighed.log_p.numpy()
        found = {
            "log_p": cost,
            "unfamiliarity": self.weighed.loss.numpy(),
            "unfamiliarity_refined": self.weighed.loss_refined.numpy(),
            "regret": self.weighed.regret.numpy(),
            "complexity_corrected": cost - self.complexity,
            "simplicity": -self.complexity,
            MAHALANOBIS: mahalanobis(self.weighed.posterior.mean.double().numpy(), mean, covariance),
        }
        return {name: values for name, values in found.items() if not np.isnan(values).any()}


def mahalanobis(
    points: NDArray[np.float64], mean: NDArray[np.float32], covariance: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the distance of each point from a mean in the metric of a covariance, `(points,)`."""
    apart = points - mean.astype(np.float64)
    return np.asarray(np.sqrt((apart * np.linalg.solve(covariance.astype(np.float64), apart.T).T).sum(1)))


def calibration_of(measured: Measured, source: str, samples: int, steps: int, seed: int) -> Calibration:
    """Return the calibration by held-out texts: every third chooses lines and moments, the others give the values.

    Args:
        measured: the texts, at least `FEWEST`.
        source: their name.
        samples: as they were weighed with.
        steps: the same.
        seed: the same.
    """
    count = len(measured.tokens)
    chosen = np.arange(count) % 3 == 0
    moments = measured.weighed.posterior.rows(torch.from_numpy(np.flatnonzero(chosen))).moments()
    mean, covariance = (part.numpy().astype(np.float32) for part in moments)
    scores, tokens = measured.scores(mean, covariance), measured.tokens
    lines = {name: _line(values[chosen], tokens[chosen]) for name, values in scores.items()}
    others = {name: line.standardised(scores[name], tokens)[~chosen] for name, line in lines.items()}
    lines[TYPICALITY], others[TYPICALITY] = lines["log_p"], np.abs(others["log_p"])
    values = {name: np.sort(part).astype(np.float32) for name, part in others.items()}
    smallest = np.min([p_values_of_known(part) for part in others.values()], axis=0)
    return Calibration(
        source, count, int(tokens.max()), float(measured.repeat.mean()), samples, steps, seed, lines, values,
        np.sort(smallest).astype(np.float32), mean, covariance,
    )  # fmt: skip


def _line(values: NDArray[np.float64], tokens: NDArray[np.int64]) -> Line:
    """Return the expected value and mean deviation in groups of texts of similar length, one where all are equal."""
    order = np.argsort(tokens, kind="stable")
    groups = np.array_split(order, max(1, min(_GROUPS, len(order) // _FEW)))
    # Groups of one mean length, as of sequences that all have it, are one.
    lengths = sorted({float(tokens[group].mean()) for group in groups})
    places = [np.concatenate([g for g in groups if float(tokens[g].mean()) == length]) for length in lengths]
    level = (1.0,) * len(lengths)
    first = Line(tuple(lengths), tuple(float(values[group].mean()) for group in places), level)
    apart = np.abs(values - first.expected(tokens))
    narrowest = max(0.25 * float(apart.mean()), 1e-9)
    return Line(first.lengths, first.means, tuple(max(float(apart[group].mean()), narrowest) for group in places))


def p_values(known: NDArray[np.float32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of known scores that are at least as high as each value, counting the value itself.

    Of a value from where the known ones come from, each such share is as likely as any other, whatever their
    distribution (Vovk et al. 2005, doi:10.1007/b106715). Above the highest of them, the share falls exponentially with
    the mean excess of the twenty highest: the tail of most distributions with moments (Pickands 1975), and what allows
    a p-value below one in the number of known scores. It is never 0: that a value is impossible no number of others can
    show.

    Args:
        known: ascending.
        values: the higher, the rarer.
    """
    count, tail = len(known), max(1, min(_TAIL, len(known) // 5))
    found = (1 + count - np.searchsorted(known, values.astype(np.float32), "left")) / (count + 1)
    highest = known[count - tail :].astype(np.float64)
    excess = highest.mean() - highest[0]
    if excess > 0:
        found *= np.exp(-np.maximum(values - highest[-1], 0) / excess)
    return np.maximum(found, np.finfo(np.float64).tiny)


def p_values_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each value its p-value among the others, as a new one would have among them all."""
    order = np.argsort(values, kind="stable")
    known = values[order].astype(np.float32)
    found = np.empty(len(values))
    # Among the others: a value itself is no longer one that is at least as high, but for the one that is judged.
    found[order] = (len(known) - np.searchsorted(known, known, "left")) / len(known)
    highest = order[-1]
    found[highest] = p_values(known[:-1], values[[highest]])[0]
    return found


@dataclass(frozen=True)
class Judged:
    """Texts beside a calibration.

    Attributes:
        typicality: `(texts,)`, how far log p(x) lies above that of other texts of this length, in mean deviations.
        mahalanobis: `(texts,)`, distance of the encoder's point from the mean of the aggregate posterior.
        p: by score, `(texts,)`.
        joint: `(texts,)`, p-value of the smallest of these.
    """

    typicality: NDArray[np.float64]
    mahalanobis: NDArray[np.float64]
    p: Mapping[str, NDArray[np.float64]]
    joint: NDArray[np.float64]

    def least(self) -> list[str]:
        """Return for each text the score that finds it least familiar."""
        names = list(self.p)
        return [names[place] for place in np.argmin([self.p[name] for name in names], axis=0)]


def judged(measured: Measured, calibration: Calibration) -> Judged:
    """Return the p-values of texts by a calibration that was made with the same samples and steps."""
    scores = measured.scores(calibration.mean, calibration.covariance)
    standard = {name: calibration.lines[name].standardised(values, measured.tokens) for name, values in scores.items()}
    typicality = -standard["log_p"]
    standard[TYPICALITY] = np.abs(typicality)
    p = {name: p_values(calibration.values[name], standard[name]) for name in calibration.values}
    smallest = np.min(list(p.values()), axis=0)
    # The logarithm of a p-value has an exponential tail; reversed, the smallest p-values are the highest scores.
    known = np.sort(-np.log(calibration.smallest.astype(np.float64))).astype(np.float32)
    return Judged(typicality, scores[MAHALANOBIS], p, p_values(known, -np.log(smallest)))


def false_discovery_rates(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smallest rate of false discoveries at which each p-value is one (Benjamini & Hochberg 1995).

    Args:
        p: p-values; NaN is left out, and stays NaN.

    Examples:
        >>> false_discovery_rates(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
        [0.04, 0.0533, 0.0533, 0.5]
    """
    found = np.full(len(p), math.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    rates = p[order] * len(order) / np.arange(1, len(order) + 1)
    found[order] = np.minimum.accumulate(rates[::-1])[::-1].clip(max=1.0)
    return found


def verdicts(
    measured: Measured, calibration: Calibration | None, found: Judged | None, rates: NDArray[np.float64], limit: float
) -> tuple[list[str], list[str]]:
    """Return status and reason of each text.

    An outlier has p below .01 and a false discovery rate within the limit; unfamiliar is one with p below .05, longer
    than all held-out texts, or one symbol repeated, unless such repeats are common among them.

    Args:
        measured: the texts.
        calibration: of the model; None: there is none.
        found: what it says of the texts.
        rates: of false discoveries.
        limit: highest rate at which a text is called an outlier.
    """
    least = found.least() if found is not None else []
    states, reasons = [], []
    for row, tokens in enumerate(measured.tokens.tolist()):
        said = []
        odd = bool(measured.repeat[row]) and (calibration is None or calibration.repeats < _COMMON)
        if odd:
            said.append("one symbol repeated")
        if calibration is None or found is None:
            states.append(UNFAMILIAR if odd else UNCALIBRATED)
            reasons.append("; ".join(said))
            continue
        p = float(found.joint[row])
        if tokens > calibration.longest:
            said.append(f"{tokens} tokens, the longest held-out one has {calibration.longest}")
        state = UNFAMILIAR if said or p < _DOUBTFUL else IN_DOMAIN
        if p < _RARE and rates[row] <= limit:
            state = OUTLIER
        if p < _DOUBTFUL:
            said.append(f"{REASONS[least[row]]} (p = {found.p[least[row]][row]:.2g})")
        states.append(state)
        reasons.append("; ".join(said))
    return states, reasons


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation; NaN where one of them does not vary, or there are fewer than three."""
    from scipy.stats import spearmanr

    if len(first) < 3 or len(np.unique(first)) < 2 or len(np.unique(second)) < 2:
        return math.nan
    return float(spearmanr(first, second).statistic)

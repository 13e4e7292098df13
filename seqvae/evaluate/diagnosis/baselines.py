"""What the same texts cost models that only count, and a model without any dependence between positions.

Where no position depends on another, there is nothing for z to carry; what the best model at hand gains on independent
positions says how much there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.diagnosis.likelihood import Weighed, standard_error
from seqvae.evaluate.diagnosis.token_baselines import token_baselines
from seqvae.evaluate.sequences.markov_baselines import counted_models, models
from seqvae.latent.codec import Codec

COUNTED = 20_000  # training texts that are counted, at most: more change the orders below 4 by little
FEWEST = 10  # texts to count and to score: with fewer, a comparison says nothing


@dataclass(frozen=True)
class Baselines:
    """Metrics beside counting models, nats per text. `DIAGNOSIS_METRICS` has their titles.

    Attributes:
        counted: training texts that were counted.
        scored: held-out texts that all were scored on: those without ambiguity codes.
        counted_on: `training`, or `held-out` where no training texts are known: one half counted, the other scored.
        baselines: nats of each counting model, by name.
        baseline: the best of them.
        baseline_nll: its nats.
        independent: the best model without dependence between positions.
        independent_nll: its nats.
        model_nll: the model's, by the tightest bound at hand, on the same texts.
        excess: the model's nats minus those of the best counting model; negative: the model is better.
        excess_error: standard error, paired by text.
        objective_excess: distortion + beta * rate minus the nats of the best counting model, which codes without z and
            so has the rate 0: what the model's own objective says.
        objective_excess_error: standard error, paired by text.
        independent_excess: as `objective_excess`, beside the model without dependence.
        independent_excess_error: standard error, paired by text.
        dependence: what the best of model and counting models gains on independent positions.
    """

    counted: int
    scored: int
    counted_on: str
    baselines: dict[str, float]
    baseline: str
    baseline_nll: float
    independent: str
    independent_nll: float
    model_nll: float
    excess: float
    excess_error: float
    objective_excess: float
    objective_excess_error: float
    independent_excess: float
    independent_excess_error: float
    dependence: float


def baselines(
    codec: Codec, held_out: TokenizedTexts, weighed: Weighed, training: TokenizedTexts | None
) -> Baselines | None:
    """Return the metrics; None where there are too few texts to count or to score.

    Args:
        codec: the model.
        held_out: texts that it has not seen.
        weighed: the same, weighed.
        training: what it was trained on; None: half of the held-out texts are counted in their place.
    """
    rows = np.arange(len(held_out))
    halves = training is None or len(training) < FEWEST
    counted = held_out if halves or training is None else training
    if halves:
        rows = rows[1::2]
        counted = held_out.take(range(0, len(held_out), 2))
    counted = counted.take(range(len(counted))[:COUNTED])
    rows, found = _counted(codec, counted, held_out, rows)
    if not found or len(rows) < FEWEST or len(counted) < FEWEST:
        return None
    costs = {name: torch.from_numpy(nats) for name, nats in found.items()}
    means = {name: nats.mean().item() for name, nats in costs.items()}
    best = min(means, key=lambda name: means[name])
    independent = min((name for name in means if name in _INDEPENDENT), key=lambda name: means[name])
    index = torch.from_numpy(rows)
    beta = codec.run.objective.weight
    objective = (weighed.distortion + beta * weighed.rate)[index]
    nll = weighed.nll[index]
    if weighed.nll_fitted is not None and weighed.nll_fitted[index].mean() < nll.mean():
        nll = weighed.nll_fitted[index]
    lowest = min(nll.mean().item(), means[best])
    return Baselines(
        counted=len(counted),
        scored=len(rows),
        counted_on="held-out" if halves else "training",
        baselines=means,
        baseline=best,
        baseline_nll=means[best],
        independent=independent,
        independent_nll=means[independent],
        model_nll=nll.mean().item(),
        **_excess("excess", nll, costs[best]),
        **_excess("objective_excess", objective, costs[best]),
        **_excess("independent_excess", objective, costs[independent]),
        dependence=means[independent] - lowest,
    )


_INDEPENDENT = ("unigram of tokens", *(name for name, one in models(True).items() if not one.order))


def _excess(name: str, model: Float[Tensor, " texts"], counting: Float[Tensor, " texts"]) -> dict[str, float]:
    return {name: (model - counting).mean().item(), f"{name}_error": standard_error(model - counting)}


def _counted(
    codec: Codec, counted: TokenizedTexts, held_out: TokenizedTexts, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Return the rows that can be scored, and the nats of each by each counting model."""
    alphabet = codec.tokenizer.domain.alphabet
    if len(counted) < FEWEST or len(rows) < FEWEST:
        return rows, {}
    if alphabet is None:
        size = codec.tokenizer.n_ids
        return rows, token_baselines(counted.ids, [held_out.ids[row] for row in rows.tolist()], size)
    letters = set(alphabet.letters)
    rows = np.array([row for row in rows.tolist() if held_out.forms[row] and set(held_out.forms[row]) <= letters])
    train = [form for form in counted.forms if form and set(form) <= letters]
    if len(train) < FEWEST or len(rows) < FEWEST:
        return rows, {}
    found = counted_models(train, [held_out.forms[row] for row in rows.tolist()], (), alphabet.letters)
    return rows, {name: bits * math.log(2) for name, (_, bits) in found.items()}

"""How many nats z tells about its text, and how far the aggregate posterior lies from the prior, with intervals.

The sum of the mixture over the texts at hand is the aggregate posterior of these texts alone. Where they stand for more
of their kind, the mixture with a text's own posterior in it bounds the mutual information from below, and the one
without it from above (Poole et al. 2019, arXiv:1905.06922, section 2.4); so does the rate (Hoffman & Johnson 2016,
"ELBO surgery").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.evaluate.diagnosis.likelihood import Weighed, standard_error
from seqvae.evaluate.model.diagnostics import active_units
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import Prior
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.runtime.streams import DIAGNOSIS_INFORMATION, DIAGNOSIS_PRIOR

WIDE = 1.96  # standard errors to either side of a 95 % interval
_ENTRIES = 1 << 22  # largest table of densities held at a time: 32 MiB of float64
_DRAWS = 20_000  # of a prior whose moments are not known: they are then right to 1 %


def information_bounds(
    posterior: Posterior, rng: torch.Generator, samples: int = 1
) -> tuple[Float[Tensor, " texts"], Float[Tensor, " texts"]]:
    """Return, for each text, log q(z|x) minus log of the mixture of all posteriors, and of that of all others.

    Means over `samples` draws of z from q(z|x), nats. For texts of a larger population, the mean over the texts of the
    first is below I(x; z), that of the second above it, on average over the draws. Of one text alone, the second is
    infinite.

    Args:
        posterior: q(z|x), one row per text, on the CPU.
        rng: source of the draws.
        samples: draws per text.
    """
    exact, texts = posterior.to(torch.float64), len(posterior)
    low, high = torch.zeros(texts, dtype=torch.float64), torch.zeros(texts, dtype=torch.float64)
    for z in exact.rsample(samples, rng):
        for rows in torch.arange(texts).split(max(1, _ENTRIES // texts)):
            table = exact.pairwise_log_prob(z[rows])
            own = table.gather(1, rows.unsqueeze(1))
            low[rows] += own[:, 0] - table.logsumexp(1) + math.log(texts)
            others = table.scatter(1, rows.unsqueeze(1), float("-inf")).logsumexp(1)
            high[rows] += own[:, 0] - others + math.log(max(texts - 1, 1))
    return low / samples, high / samples


@dataclass(frozen=True)
class Information:
    """Metrics of the information in z and of the aggregate posterior q(z). `DIAGNOSIS_METRICS` has their titles.

    Attributes of dimensions are lists, one number per latent dimension. None: no fitted prior, or a prior other than
    N(0, I) (`moments_kl`).
    """

    active_units: int
    latent: int
    mutual_information: float
    mutual_information_low: float
    mutual_information_high: float
    mutual_information_limit: float
    marginal_kl: float
    marginal_kl_low: float
    marginal_kl_high: float
    moments_kl: float | None
    marginal_kl_fitted: float | None
    mean_shift: float
    smallest_variance: float
    largest_variance: float
    means: list[float]
    variances: list[float]


def information(weighed: Weighed, prior: Prior, seed: int = 0, samples: int = 1) -> Information:
    """Return the metrics of weighed texts.

    Args:
        weighed: the texts.
        prior: the model's own p(z), on the CPU.
        seed: of the draws.
        samples: draws per text.
    """
    posterior, rates = weighed.posterior, weighed.rate
    low, high = information_bounds(posterior, DIAGNOSIS_INFORMATION.generator(seed), samples)
    mutual = low.mean().item()
    top = min(high.mean().item() + WIDE * standard_error(high), rates.mean().item() + WIDE * standard_error(rates))
    kl = rates - low
    mean, variance, own = aggregate_moments(posterior, prior, seed)
    moments = moments_kl(mean, variance) if isinstance(prior, StandardNormal) else None
    least = (rates - high).mean().item() - WIDE * standard_error(rates - high) if len(rates) > 1 else 0.0
    gain = weighed.fitted_gain
    return Information(
        active_units=active_units(posterior.mean),
        latent=posterior.mean.shape[1],
        mutual_information=mutual,
        mutual_information_low=max(0.0, mutual - WIDE * standard_error(low)),
        mutual_information_high=max(mutual, top),
        mutual_information_limit=math.log(len(posterior)),
        marginal_kl=kl.mean().item(),
        marginal_kl_low=max(0.0, least),
        marginal_kl_high=kl.mean().item() + WIDE * standard_error(kl),
        moments_kl=moments,
        marginal_kl_fitted=None if gain is None else (kl.mean() - gain.mean()).item(),
        mean_shift=own.shift.abs().max().item(),
        smallest_variance=own.ratio.min().item(),
        largest_variance=own.ratio.max().item(),
        means=mean.tolist(),
        variances=variance.tolist(),
    )


@dataclass(frozen=True)
class Beside:
    """Moments of q(z) by the prior's: `shift`, the means' distance in its standard deviations; `ratio` of variances."""

    shift: Float[Tensor, " latent"]
    ratio: Float[Tensor, " latent"]


def aggregate_moments(
    posterior: Posterior, prior: Prior, seed: int = 0
) -> tuple[Float[Tensor, " latent"], Float[Tensor, " latent"], Beside]:
    """Return mean and variance of q(z) in each dimension, and how they stand to the prior's."""
    mean, covariance = posterior.moments()
    variance = covariance.diag()
    if isinstance(prior, StandardNormal):
        return mean, variance, Beside(mean, variance)
    with torch.no_grad():
        draws = prior.sample(_DRAWS, DIAGNOSIS_PRIOR.generator(seed)).double()
    return mean, variance, Beside((mean - draws.mean(0)) / draws.std(0), variance / draws.var(0))


def moments_kl(mean: Float[Tensor, " latent"], variance: Float[Tensor, " latent"]) -> float:
    """Return the sum over dimensions of KL(N(mean, variance) || N(0, 1)), nats: KL(q(z) || N(0, I)) is at least that.

    It is no larger than the sum of the marginals' KL, since a Gaussian with the same moments is the density closest to
    N(0, 1) that has them; and that sum is no larger than the whole, since the coordinates of N(0, I) are independent.
    """
    return float(0.5 * (mean.square() + variance - 1 - variance.log()).sum())

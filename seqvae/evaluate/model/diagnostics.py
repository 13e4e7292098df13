"""Whether the latent space carries information: active units, mutual information, and collapse."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvae.model.posteriors import Posterior

ACTIVE = (
    0.01  # variance of the posterior mean above which a unit counts (Burda et al. 2016, arXiv:1509.00519, section 5)
)
# Below this many nats per sequence, q(z|x) is practically the prior for every x: a tenth of a nat tells fewer than one
# text in nine from the others.
COLLAPSED = 0.1
_ENTRIES = 1 << 22  # largest table of densities held at a time: 32 MiB of float64


def active_units(means: Float[Tensor, "texts latent"]) -> int:
    """Return how many latent dimensions' posterior means vary over the texts (variance above 0.01)."""
    return int((means.var(dim=0, correction=0) > ACTIVE).sum()) if len(means) else 0


def mixture_log_prob(z: Float[Tensor, "points latent"], posterior: Posterior) -> Float[Tensor, " points"]:
    """Return log q(z), nats, where q(z) is the equally weighted mixture of the posteriors of all texts.

    This is the aggregate posterior of these texts, exactly: a log-sum-exp over all of them, in float64 and in blocks of
    bounded memory.
    """
    exact, texts = posterior.to(torch.float64), len(posterior)
    blocks = z.double().split(max(1, _ENTRIES // texts))
    return torch.cat([exact.pairwise_log_prob(block).logsumexp(1) - math.log(texts) for block in blocks])


@dataclass(frozen=True)
class Information:
    """How many nats z tells about which text it came from.

    Attributes:
        mutual: I(x; z) under q(z|x) over the texts given, nats.
        limit: log of the number of texts, which `mutual` cannot exceed: a value close to it means "at least this".
    """

    mutual: float
    limit: float


def mutual_information(posterior: Posterior, rng: torch.Generator, samples: int = 1) -> Information:
    """Return I(x; z) = E log q(z|x) / q(z), with q(z) the mixture of the posteriors given.

    It is the rate minus KL(q(z) || p(z)), whatever the prior (Hoffman & Johnson 2016, "ELBO surgery"): the marginal KL
    is the rate of the same texts minus this. The expectation is over `samples` draws of z from each text's posterior;
    no draw can exceed the limit, because each text is a component of the mixture.

    Args:
        posterior: q(z|x), one row per text, on the CPU.
        rng: source of the draws.
        samples: draws per text.
    """
    exact = posterior.to(torch.float64)
    z = exact.rsample(samples, rng)
    ratios = exact.log_prob(z).flatten() - mixture_log_prob(z.flatten(0, 1), exact)
    return Information(float(ratios.mean()), math.log(len(exact)))


def other_rows(count: int, rng: torch.Generator) -> Int[Tensor, " count"]:
    """Return, for each of at least two rows, another one; each occurs once (one random cycle)."""
    order = torch.randperm(count, generator=rng)
    partner = torch.empty_like(order)
    partner[order] = order.roll(1)
    return partner


def collapse_sentence(rate: float, units: int, latent: int) -> str:
    """Return one sentence if the latent space has collapsed, fully or nearly, and an empty string otherwise.

    Args:
        rate: KL(q(z|x) || p(z)), mean, nats per sequence.
        units: active units.
        latent: dimensions of z.
    """
    if rate < COLLAPSED or units == 0:
        return (
            f"The latent space has collapsed: it carries {rate:.3f} nats per sequence and {units} of {latent} units "
            "are active, so the decoder ignores z. Lower beta, set free_bits, or raise word_dropout."
        )
    if units < 0.1 * latent:
        return (
            f"Most of the latent space is unused: {units} of {latent} units are active. A smaller latent or a lower "
            "beta would fit better."
        )
    return ""

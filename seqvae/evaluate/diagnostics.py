"""Does the latent space carry anything: active units and collapse."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

ACTIVE = (
    0.01  # variance of the posterior mean above which a unit counts (Burda et al. 2016, arXiv:1509.00519, section 5)
)
# Below this many nats per sequence, q(z|x) is practically the prior for every x: a tenth of a nat tells apart less
# than one text in nine from the others.
COLLAPSED = 0.1


def active_units(means: Float[Tensor, "texts latent"]) -> int:
    """Return how many latent dimensions' posterior means vary over the texts (variance above 0.01)."""
    return int((means.var(dim=0, correction=0) > ACTIVE).sum()) if len(means) else 0


def collapse_sentence(rate: float, units: int, latent: int) -> str:
    """Return one sentence if the latent space has collapsed, wholly or nearly, and an empty text otherwise.

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

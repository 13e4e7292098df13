"""The rate-distortion curve of one decoder and prior, by annealed importance sampling.

Of all encoders, q(z|x) proportional to p(z) p(x|z)^t has the least distortion -log p(x|z) for its rate: where beta =
1/t weighs the rate, no other posterior has a lower distortion + beta * rate. One annealing from t = 0, the prior, to
the largest t passes all of them (Huang et al. 2020, arXiv:2008.06653; annealing: Neal 2001,
doi:10.1023/A:1008923215028).
At t = 1 it is the true posterior, and rate + distortion is -log p(x).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.errors import UsageError
from seqvae.model.priors.contract import Prior

LogLikelihood = Callable[[Float[Tensor, "chains batch latent"]], Float[Tensor, "chains batch"]]
_LEAPFROG = 5  # steps of each Hamiltonian transition (Neal 2011, arXiv:1206.1901)
_ACCEPTED = 0.65  # share of accepted transitions that step sizes are adapted to (Beskos et al. 2013, arXiv:1001.4460)
_ADAPTED = 0.1  # of a step size's logarithm, per transition
_FIRST_STEP = 0.3  # of the leapfrog: the prior's standard deviation is about 1
_POWER = 3  # t grows with the cube of the share that is done: distributions change most near the prior


@dataclass(frozen=True)
class Curve:
    """Points of the curve of each text, nats per sequence.

    Attributes:
        inverse_betas: t of each point, ascending.
        rate: `(points, batch)`, KL(q || p(z)); too high on average, by what annealing has not reached.
        distortion: `(points, batch)`, E_q[-log p(x|z)].
        effective: `(points, batch)`, how many equally weighted chains they are worth.
    """

    inverse_betas: tuple[float, ...]
    rate: Float[Tensor, "points batch"]
    distortion: Float[Tensor, "points batch"]
    effective: Float[Tensor, "points batch"]


def annealed_curve(
    log_likelihood: LogLikelihood,
    prior: Prior,
    batch: int,
    inverse_betas: Sequence[float],
    rng: torch.Generator,
    chains: int = 8,
    steps: int = 200,
) -> Curve:
    """Return the curve at some t = 1 / beta.

    Args:
        log_likelihood: log p(x|z) of each text's points, nats; gradients flow through it.
        prior: p(z), on the generator's device.
        batch: number of texts.
        inverse_betas: t of each point, above 0.
        rng: source of all draws.
        chains: annealed for each text.
        steps: temperatures in all; the more, the closer to the exact curve.

    Raises:
        UsageError: a t is not above 0, or there is none; no chains; or fewer than two steps.
    """
    points = sorted(set(inverse_betas))
    if not points or points[0] <= 0 or not math.isfinite(points[-1]):
        raise UsageError(f"expected inverse betas above 0, got {list(inverse_betas)}")
    if chains < 1 or steps < 2:
        raise UsageError(f"expected at least 1 chain and 2 steps, got {chains} and {steps}")
    z = prior.sample(chains * batch, rng).detach()
    z = z.unflatten(0, (chains, batch)).clone()
    state = _Chains(log_likelihood, prior, z, rng)
    ladder = sorted({points[-1] * (step / steps) ** _POWER for step in range(1, steps + 1)} | set(points))
    weights, before = torch.zeros(chains, batch, dtype=torch.float64), 0.0
    found = []
    for inverse in ladder:
        weights += (inverse - before) * state.fit.double().cpu()
        state.move(inverse)
        before = inverse
        if inverse in points:
            share = weights.softmax(0)
            distortion = -(share * state.fit.double().cpu()).sum(0)
            log_normaliser = weights.logsumexp(0) - math.log(chains)
            # KL(q || p) of q = p(z) p(x|z)^t / Z, whose logarithm is t log p(x|z) - log Z above that of the prior
            rate = -inverse * distortion - log_normaliser
            found.append(torch.stack([rate, distortion, 1 / share.square().sum(0)]))
    rates, distortions, effective = torch.stack(found, 1)
    return Curve(tuple(points), rates, distortions, effective)


class _Chains:
    """Points that follow p(z) p(x|z)^t, moved by Hamiltonian transitions.

    Step sizes are adapted as the chains go (Wu et al. 2017, arXiv:1611.04273), by the mean acceptance of all chains of
    a text: one that followed its own would move its chain less where that is stuck, and spoil the weights.

    Attributes:
        fit: `(chains, batch)`, log p(x|z) of the points.
    """

    def __init__(self, log_likelihood: LogLikelihood, prior: Prior, z: Tensor, rng: torch.Generator) -> None:
        self._log_likelihood, self._prior, self._z, self._rng = log_likelihood, prior, z, rng
        self._log_step = torch.full(z.shape[1:2], math.log(_FIRST_STEP), device=z.device)
        self.fit, self._density, self._gradients = self._at(z)

    def move(self, inverse: float) -> None:
        """Take one transition at t."""
        step = self._log_step.exp().unsqueeze(-1)
        speed = torch.randn(self._z.shape, generator=self._rng, device=self._rng.device).to(self._z)
        z, momentum = self._z, speed + 0.5 * step * self._gradient(self._gradients, inverse)
        for number in range(_LEAPFROG):
            z = z + step * momentum
            fit, density, gradients = self._at(z)
            last = number == _LEAPFROG - 1
            momentum = momentum + (0.5 if last else 1.0) * step * self._gradient(gradients, inverse)
        gained = density + inverse * fit - self._density - inverse * self.fit
        gained = gained - 0.5 * (momentum.square() - speed.square()).sum(-1)
        chance = gained.clamp(max=0.0).exp().nan_to_num(0.0)
        uniform = torch.rand(chance.shape, generator=self._rng, device=self._rng.device).to(chance)
        taken = uniform < chance
        self._log_step = self._log_step + _ADAPTED * (chance.mean(0) - _ACCEPTED)
        self._z = torch.where(taken.unsqueeze(-1), z, self._z)
        self.fit, self._density = torch.where(taken, fit, self.fit), torch.where(taken, density, self._density)
        old = self._gradients
        self._gradients = tuple(
            torch.where(taken.unsqueeze(-1), new, kept) for new, kept in zip(gradients, old, strict=True)
        )

    @staticmethod
    def _gradient(gradients: tuple[Tensor, ...], inverse: float) -> Tensor:
        return gradients[0] + inverse * gradients[1]

    @torch.enable_grad()
    def _at(self, z: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Return log p(x|z), log p(z), and the gradients of log p(z) and of log p(x|z)."""
        z = z.detach().requires_grad_()
        density, fit = self._prior.log_prob(z), self._log_likelihood(z)
        gradients = [torch.autograd.grad(part.sum(), z, retain_graph=True)[0] for part in (density, fit)]
        return fit.detach(), density.detach(), tuple(gradients)

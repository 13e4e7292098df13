"""Tokens of unknown positions given a latent point, and the likelihood of what is known.

Given z, the positions of a decoder that reads no tokens are independent: the likelihood of what was observed at one is
the sum over its tokens, each times what was observed given that token, and a draw is exact. An autoregressive decoder's
unknown positions depend on what comes after them: there the likelihood of what was observed is estimated without bias,
and drawn from, by a particle filter whose weights are the probabilities of the observations; given a current
completion, the filter is conditional, and its draw leaves the true conditional distribution as it is (Andrieu, Doucet &
Holenstein 2010, doi:10.1111/j.1467-9868.2009.00736.x).
"""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvae.model.decoders import Decoder
from seqvae.model.encoders import BOS, PAD


@final
class Uniforms:
    """A source of uniform numbers, asked for one position after the other; all texts get the same.

    Args:
        rng: where they come from.
        chains: rows of each text.
        particles: of each row.
    """

    def __init__(self, rng: torch.Generator, chains: int, particles: int) -> None:
        self._rng, self._chains, self._particles = rng, chains, particles

    def draw(self, rows: int, device: torch.device) -> Float[Tensor, "rows particles"]:
        """Return the next numbers, for that many rows of texts, those of a text together."""
        numbers = torch.rand(self._chains, self._particles, generator=self._rng, dtype=torch.float64)
        return numbers.repeat(rows // self._chains, 1).to(device)


def completed(
    decoder: Decoder,
    z: Float[Tensor, "rows latent"],
    evidence: Float[Tensor, "rows length vocab"],
    draws: Uniforms,
    particles: int,
    current: Int[Tensor, "rows length"] | None = None,
) -> tuple[Int[Tensor, "rows length"], Float[Tensor, " rows"]]:
    """Draw the unknown tokens of each row.

    Args:
        decoder: of the model.
        z: a latent point for each row; the rows of a text are together, one for each chain.
        evidence: log p(what was observed at each position | its token), minus infinity for tokens that it cannot have;
            padding can have `PAD` alone.
        draws: uniform numbers, with as many particles as here.
        particles: of the filter.
        current: the completion that the draw starts from; None: there is none.

    Returns:
        Token ids, and log p(what is known|z): exact, or the logarithm of an unbiased estimate. With a `current`
        completion the estimate has another law and is not to be used.
    """
    if decoder.autoregressive:
        return _filtered(decoder, z, evidence, draws, particles, current)
    logits = decoder(z, evidence.new_zeros(evidence.shape[:2], dtype=torch.long))
    inside = _weighed(logits, evidence)
    mass = inside.logsumexp(-1)
    chosen = [_drawn(inside[:, place], draws.draw(len(z), z.device)[:, 0]) for place in range(mass.shape[1])]
    return torch.stack(chosen, 1), mass.sum(1)


def _weighed(
    logits: Float[Tensor, "*rows vocab"], evidence: Float[Tensor, "*#rows vocab"]
) -> Float[Tensor, "*rows vocab"]:
    """Return log p of each token and of what was observed there; of padding it is 0."""
    found = logits.double().log_softmax(-1) + evidence
    return torch.where(evidence[..., PAD : PAD + 1] > float("-inf"), evidence.double(), found)


def _drawn(log_p: Float[Tensor, "*rows vocab"], uniform: Float[Tensor, "*rows"]) -> Int[Tensor, "*rows"]:
    """Return a token of each row, by inversion of the distribution function."""
    steps = log_p.softmax(-1).cumsum(-1)
    found = (steps <= (uniform * steps[..., -1]).unsqueeze(-1)).sum(-1)
    last = (log_p > float("-inf")).long().cumsum(-1).argmax(-1)  # where rounding ends above the last allowed one
    return torch.minimum(found, last)


def _filtered(
    decoder: Decoder,
    z: Float[Tensor, "rows latent"],
    evidence: Float[Tensor, "rows length vocab"],
    draws: Uniforms,
    particles: int,
    current: Int[Tensor, "rows length"] | None,
) -> tuple[Int[Tensor, "rows length"], Float[Tensor, " rows"]]:
    rows, length = evidence.shape[:2]
    # Up to the first unknown position of any text all particles are the same: one stands for them.
    first = int(((evidence > float("-inf")).sum(-1) > 1).any(0).int().argmax())
    firsts = torch.arange(rows, device=z.device).unsqueeze(1) * particles
    last = draws.draw(rows, z.device)[:, 0]  # first, so that it does not depend on padding
    state, before = decoder.begin(z), torch.full((rows,), BOS, device=z.device)
    paths = torch.full((rows, particles, length), PAD, device=z.device)
    weights, total = z.new_zeros(rows, particles, dtype=torch.float64), z.new_zeros(rows, dtype=torch.float64)
    for place in range(length):
        logits, state = decoder.step(before, state)
        if place == first:
            spread = torch.arange(rows, device=z.device).repeat_interleave(particles)
            state, logits = state.select(spread), logits[spread]
        inside = _weighed(logits.unflatten(0, (rows, -1)), evidence[:, place].unsqueeze(1))
        weights = weights + inside.logsumexp(-1)
        uniform, again = draws.draw(rows, z.device), draws.draw(rows, z.device)
        if place >= first:
            chosen, gained = _resampled(weights, again, current is not None)
            moved = gained > float("-inf")
            if bool(moved.any()):
                total = total + gained.masked_fill(~moved, 0.0)
                weights = weights.masked_fill(moved.unsqueeze(1), 0.0)
                flat = (firsts + chosen).flatten()
                state, inside = state.select(flat), inside.flatten(0, 1)[flat].view(inside.shape)
                paths = paths.flatten(0, 1)[flat].view(paths.shape)
        tokens = _drawn(inside, uniform if place >= first else uniform[:, :1])
        if current is not None and place >= first:
            tokens = torch.cat([current[:, place : place + 1], tokens[:, 1:]], 1)
        paths[:, :, place] = tokens
        before = tokens.flatten()
    kept = _drawn(weights, last)
    return paths[torch.arange(rows, device=z.device), kept], total + weights.logsumexp(1) - math.log(particles)


def _resampled(
    weights: Float[Tensor, "rows particles"], uniform: Float[Tensor, "rows particles"], conditional: bool
) -> tuple[Int[Tensor, "rows particles"], Float[Tensor, " rows"]]:
    """Return the particles that go on, and what each row gains by it: minus infinity where all go on as they are.

    A row is resampled where its particles are worth fewer than half their number; a conditional filter's first particle
    goes on always.
    """
    rows, count = weights.shape
    same = torch.arange(count, device=weights.device).expand(rows, -1)
    worth = (2 * weights.logsumexp(1) - (2 * weights).logsumexp(1)).exp()
    needed = worth < count / 2
    chosen = _drawn(weights.unsqueeze(1).expand(-1, count, -1), uniform)
    if conditional:
        chosen = torch.cat([same[:, :1], chosen[:, 1:]], 1)
    gained = (weights.logsumexp(1) - math.log(count)).masked_fill(~needed, float("-inf"))
    return torch.where(needed.unsqueeze(1), chosen, same), gained

"""Fit a normalizing flow to the aggregate posterior by maximum likelihood, on fresh posterior samples at every step."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from seqvae.config import PriorConfig
from seqvae.errors import NonFiniteLossError
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.flow import FlowPrior
from seqvae.runtime import progress
from seqvae.runtime.device import fast_matmul
from seqvae.runtime.streams import FLOW_BATCHES
from seqvae.train.prior.posteriors import aggregate_moments, held_out_nats

_BATCH = 512  # points per step: more steps gain more than larger ones
_RATE = 1e-3  # Adam's step size at its highest
_RISE = 100  # steps over which it rises
_CLIP = 5.0  # largest norm of the gradient, nats per point; it is below 1 in all but the odd batch
_PASSES = 100  # over the texts at most: a flow overfits a small set
_CHECKS = 40  # evaluations on the held-out points during a fit
_PATIENCE = 6  # evaluations without progress after which the fit stops
_TIMED = 20  # steps on a copy, from which the number that fits into the time is computed


@dataclass(frozen=True)
class FittedFlow:
    """A fitted flow, and the steps it took.

    Attributes:
        prior: the flow, on the CPU, with the weights of the highest held-out density.
        steps: optimiser steps done.
        planned: steps without early stopping.
    """

    prior: FlowPrior
    steps: int
    planned: int


def fit_flow(
    latents: Posterior,
    held_out: Float[Tensor, "points latent"],
    config: PriorConfig,
    seed: int,
    device: torch.device,
    quiet: bool = False,
) -> FittedFlow:
    """Fit a flow to the aggregate posterior.

    The step size falls by a cosine; the fit stops when the log density of the held-out points no longer rises, and the
    weights of its highest value are kept.

    Args:
        latents: posteriors of the texts to fit to.
        held_out: posterior samples of texts that are not among these.
        config: sizes, and the most steps and minutes.
        seed: seed of the initial weights and of all draws.
        device: where to compute.
        quiet: show no progress bar.

    Raises:
        NonFiniteLossError: the loss became NaN or infinite.
    """
    sizes = (config.prior_layers, config.prior_width, config.prior_groups)
    flow = FlowPrior(latents.mean.shape[1], *sizes, seed=seed)
    flow.whiten(*aggregate_moments(latents))
    flow, points, early = flow.to(device), latents.to(device), held_out.to(device)
    with fast_matmul(device.type == "cpu"):
        planned = min(config.prior_steps, max(_CHECKS, math.ceil(_PASSES * len(points) / _BATCH)))
        if config.prior_minutes and planned > _TIMED:  # as many as fit into the time, by steps on a copy
            trial, started = _Fit(copy.deepcopy(flow), points, None, planned), time.perf_counter()
            trial.run(FLOW_BATCHES.generator(0), None, _TIMED)
            seconds = (time.perf_counter() - started) / _TIMED
            planned = max(1, min(planned, int(60 * config.prior_minutes / seconds)))
        with progress.bar(planned, "prior", "step", quiet=quiet) as bar:
            steps = _Fit(flow, points, early, planned).run(FLOW_BATCHES.generator(seed), bar)
    return FittedFlow(flow.cpu().eval(), steps, planned)


class _Fit:
    """One maximum-likelihood fit."""

    def __init__(self, flow: FlowPrior, points: Posterior, held_out: Tensor | None, planned: int) -> None:
        self.flow, self.points, self.held_out, self.planned = flow, points, held_out, planned
        self.weights = [value for value in flow.parameters() if value.requires_grad]
        self.optimizer = torch.optim.Adam(self.weights, lr=_RATE, fused=True)
        self.every = max(1, planned // _CHECKS)
        self.best, self.stale, self.kept = -math.inf, 0, flow.tensors()

    def run(self, rng: torch.Generator, bar: tqdm[Any] | None, steps: int | None = None) -> int:
        """Train, leave the flow with its best weights, and return the number of steps."""
        done = 0
        self._look(done)
        while done < (steps or self.planned) and self.stale < _PATIENCE:
            self._step(done, rng)
            done += 1
            if bar is not None:
                bar.update(1)
            if done % self.every == 0 or done == self.planned:
                self._look(done)
                if bar is not None:
                    bar.set_postfix_str(f"held-out log density {self.best:.2f} nats", refresh=False)
        if self.held_out is not None:
            self.flow.load_tensors(self.kept)
        return done

    def _step(self, number: int, rng: torch.Generator) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (number + 1) / _RISE) * 0.5 * (1 + math.cos(math.pi * number / self.planned))
        rows = torch.randint(len(self.points), (_BATCH,), generator=rng)
        fresh = self.points.rows(rows.to(self.points.mean.device)).rsample(1, rng)[0]  # drawn on the CPU
        loss = -self.flow.log_prob(fresh).mean()
        self.optimizer.zero_grad()
        loss.backward()
        # A NaN or infinite loss has such a gradient: refused before it reaches the weights.
        norm = torch.nn.utils.clip_grad_norm_(self.weights, _CLIP)
        if not bool(torch.isfinite(norm)):
            raise NonFiniteLossError(
                f"the loss of the prior became {loss.item():g} at step {number + 1}; the model itself is complete: fit "
                "its prior again with --resume --prior mixture, or go without by --prior none"
            )
        self.optimizer.step()

    def _look(self, done: int) -> None:
        """Compare the held-out density with the best so far."""
        if self.held_out is None:
            return
        nats = held_out_nats(self.flow, self.held_out)
        self.stale += 1
        if nats > self.best:
            self.best, self.stale, self.kept = nats, 0, self.flow.tensors()

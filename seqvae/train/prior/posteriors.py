"""What an encoder says of many texts: their posteriors, kept as two tables of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config import INFERENCE_BATCH
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.store import TokenStore
from seqvae.errors import InputError
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.model.priors import Prior
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import evaluating, exact_products, generator

_CHOICE = 21  # stream of random numbers


@dataclass(frozen=True)
class Latents:
    """What the encoder says of the texts of one side, on the CPU.

    Attributes:
        mean: `(texts, latent)`.
        log_variance: `(texts, latent)`.
    """

    mean: Float[Tensor, "texts latent"]
    log_variance: Float[Tensor, "texts latent"]

    def __len__(self) -> int:
        return len(self.mean)

    def take(self, rows: slice | Tensor) -> Latents:
        """Return some of the rows."""
        return Latents(self.mean[rows], self.log_variance[rows])

    def draw(self, rng: torch.Generator, least: int = 1) -> Float[Tensor, "points latent"]:
        """Return as many posterior samples of each text as make so many points in all, at least one."""
        each = -(-least // len(self))
        return DiagonalGaussian(self.mean, self.log_variance).rsample(each, rng).flatten(0, 1)

    def moments(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
        """Return mean and covariance of the aggregate posterior, exactly, in double precision.

        The covariance is that of the means plus the mean of the variances, so that it is positive definite however few
        texts there are.
        """
        mean = self.mean.double()
        variances = self.log_variance.double().exp().mean(0)
        return mean.mean(0), torch.cov(mean.T, correction=0).reshape(len(variances), -1) + variances.diag()


def encode_store(model: SequenceVAE, store: TokenStore, table: Tensor, most: int, seed: int) -> Latents:
    """Return the posterior of every packed text, or of so many drawn at random, short ones first.

    Raises:
        InputError: the encoder's output is NaN or infinite.
    """
    rows = torch.arange(len(store))
    if len(store) > most:
        rows = torch.randperm(len(store), generator=generator(seed, _CHOICE))[:most].sort().values
    stream = BatchStream(
        store, BatchPlan(INFERENCE_BATCH, 0, shuffle=False), indices=rows.numpy(), id_table=table.numpy()
    )
    device = next(model.parameters()).device
    means, log_variances = [], []
    with evaluating(model):
        for batch in stream.batches(0):
            posterior = model.posterior(batch.to(device))
            if not isinstance(posterior, DiagonalGaussian):
                raise TypeError(f"expected a diagonal Gaussian posterior, got {type(posterior).__name__}")
            means.append(posterior.mean.cpu())
            log_variances.append(posterior.log_variance.cpu())
    found = Latents(torch.cat(means), torch.cat(log_variances))
    if not bool(torch.isfinite(found.mean).all() and torch.isfinite(found.log_variance).all()):
        raise InputError("the encoder's output is NaN or infinite: the model cannot be used")
    return found


def held_out_nats(prior: Prior, points: Float[Tensor, "points latent"]) -> float:
    """Return the mean log density of points, nats."""
    with torch.no_grad(), exact_products(points.device):
        parts = [prior.log_prob(part.to(_precision(prior))).double().sum() for part in points.split(INFERENCE_BATCH)]
    return (torch.stack(parts).sum() / len(points)).item()


def _precision(prior: Prior) -> torch.dtype:
    return next((value.dtype for value in prior.parameters()), torch.float32)

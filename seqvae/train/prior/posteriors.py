"""Posteriors of many texts, and samples of them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config import INFERENCE_BATCH
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.store import TokenStore
from seqvae.errors import InputError
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import Prior
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import evaluating, exact_products
from seqvae.runtime.streams import PRIOR_TEXTS


def draw(posterior: Posterior, rng: torch.Generator, least: int = 1) -> Float[Tensor, "points latent"]:
    """Return equally many samples of each row, `least` points in all or more."""
    each = -(-least // len(posterior))
    return posterior.rsample(each, rng).flatten(0, 1)


def encode_store(model: SequenceVAE, store: TokenStore, table: Tensor, most: int, seed: int) -> Posterior:
    """Return the posterior of every packed text, or of `most` drawn at random, short ones first, on the CPU.

    Raises:
        InputError: the encoder's output is NaN or infinite.
    """
    rows = torch.arange(len(store))
    if len(store) > most:
        rows = torch.randperm(len(store), generator=PRIOR_TEXTS.generator(seed))[:most].sort().values
    stream = BatchStream(
        store, BatchPlan(INFERENCE_BATCH, 0, shuffle=False), indices=rows.numpy(), id_table=table.numpy()
    )
    device = next(model.parameters()).device
    with evaluating(model):
        found = Posterior.cat([model.posterior(batch.to(device).inputs).to("cpu") for batch in stream.batches(0)])
    if not all(bool(torch.isfinite(part).all()) for part in found.numbers):
        raise InputError("the encoder's output is NaN or infinite: the model cannot be used")
    return found


def held_out_nats(prior: Prior, points: Float[Tensor, "points latent"]) -> float:
    """Return the mean log density of points, nats."""
    precision = next((value.dtype for value in prior.parameters()), torch.float32)
    with torch.no_grad(), exact_products(points.device):
        parts = [prior.log_prob(part.to(precision)).double().sum() for part in points.split(INFERENCE_BATCH)]
    return (torch.stack(parts).sum() / len(points)).item()

"""The sequence VAE: an encoder, a decoder and a prior, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.config import ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.model.decoders import Decoder
from seqvae.model.encoders import Encoder, Tokens
from seqvae.model.heads import LabelHead
from seqvae.model.objective import Bounds, importance_weighted_bound, log_likelihood, rate_penalty
from seqvae.model.pieces import Pieces
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import Prior
from seqvae.model.rate import rate, rate_parts


@dataclass(frozen=True)
class Losses:
    """One training step's loss and its parts, means over the batch in nats per sequence.

    Attributes:
        loss: distortion + label_nats + beta * rate, the rate after free bits; gradients flow through it.
        distortion: mean of -log p(x|z).
        rate: mean of KL(q(z|x) || p(z)), before free bits.
        label_nats: mean over texts of -log p(y|z) of their known labels; 0 for a model that predicts none.
    """

    loss: Float[Tensor, ""]
    distortion: Float[Tensor, ""]
    rate: Float[Tensor, ""]
    label_nats: Float[Tensor, ""]


@final
class SequenceVAE(nn.Module):
    """A variational autoencoder of token sequences, assembled from its parts.

    Args:
        encoder: tokens to q(z|x).
        decoder: z to logits.
        prior: p(z).
        head: p(y|z) of labels; None where the model predicts none.
        pieces: the base symbols of merged tokens; None where there are none, or the encoder never reads them.
        finer: the encoder reads base symbols in place of merged tokens.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        prior: Prior,
        head: LabelHead | None = None,
        pieces: Pieces | None = None,
        finer: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior, self.head = encoder, decoder, prior, head
        self.pieces, self.finer = pieces, finer

    def posterior(self, tokens: Tokens) -> Posterior:
        """Return q(z|x), one row per text."""
        return self.encoder(self.pieces(tokens) if self.finer and self.pieces is not None else tokens)

    def log_likelihood(self, z: Float[Tensor, "batch latent"], tokens: Tokens) -> Float[Tensor, " batch"]:
        """Return log p(x|z) in nats per sequence."""
        return log_likelihood(self.decoder(z, tokens), tokens)

    def log_likelihoods(
        self, z: Float[Tensor, "samples batch latent"], tokens: Tokens
    ) -> Float[Tensor, "samples batch"]:
        """Return log p(x|z) at several points of each text, in nats per sequence, in one pass."""
        repeated = tokens.repeat(len(z), *(1 for _ in tokens.shape[1:]))
        return self.log_likelihood(z.flatten(0, 1), repeated).unflatten(0, z.shape[:2])

    def bounds(self, batch: Batch, rng: torch.Generator, prior: Prior | None = None) -> Bounds:
        """Return distortion and rate of each text, from one posterior sample.

        The rate is in closed form where there is one, else log q(z|x) - log p(z) at the sample, which is
        KL(q(z|x) || p(z)) on average.

        Args:
            batch: texts and their conditions; labels and weights are not used.
            rng: source of the sample.
            prior: p(z) in place of the model's own.
        """
        posterior = self.posterior(batch.inputs)
        z = posterior.rsample(1, rng)
        found = rate(posterior, self.prior.given(batch.conditions) if prior is None else prior, z)
        return Bounds(-self.log_likelihood(z[0], batch.targets), found)

    def losses(self, batch: Batch, beta: float, config: ObjectiveConfig, rng: torch.Generator) -> Losses:
        """Return the training loss of a batch: distortion + beta * rate, with word dropout and free bits.

        With labels it is the bound on log p(x, y), missing labels left out; with conditions c, that on log p(x|c), some
        of them hidden at random. The batch's weights enter all means.
        """
        inputs = batch.inputs
        if config.random_cuts and self.pieces is not None and not self.finer:
            uniform = torch.rand(inputs.shape[:2], generator=rng, device=rng.device)
            inputs = self.pieces(inputs, (uniform < config.random_cuts).to(inputs.device))
        posterior = self.posterior(inputs)
        z = posterior.rsample(1, rng)
        conditions = batch.conditions
        if conditions is not None:
            uniform = torch.rand(conditions.shape, generator=rng, device=rng.device).to(conditions)
            conditions = conditions.masked_fill(uniform < config.condition_dropout, torch.nan)
        parts = rate_parts(posterior, self.prior.given(conditions), z)
        hidden = None
        if config.word_dropout and self.decoder.autoregressive:
            uniform = torch.rand(batch.targets.shape[:2], generator=rng, device=rng.device)
            hidden = (uniform < config.word_dropout).to(batch.targets.device)
        distortion = batch.mean(-log_likelihood(self.decoder(z[0], batch.targets, hidden), batch.targets))
        labels = torch.zeros((), device=distortion.device)
        if self.head is not None and batch.labels is not None:
            labels = batch.mean(self.head.nats(z[0], batch.labels))
        # A rate in one part for all dimensions has the free bits of all of them.
        free = config.free_bits * (z.shape[-1] // parts.shape[-1])
        charged = batch.mean(parts)
        if config.free_bits_total:
            charged, free = charged.sum(-1, keepdim=True), config.free_bits_total
        loss = distortion + labels + beta * rate_penalty(charged, free)
        return Losses(loss, distortion.detach(), batch.mean(parts.detach().sum(-1)), labels.detach())

    def iwae(
        self, tokens: Tokens, samples: int, rng: torch.Generator, prior: Prior | None = None
    ) -> Float[Tensor, " batch"]:
        """Return the importance-weighted lower bound on log p(x), nats per sequence, in one pass per sample.

        Args:
            tokens: texts.
            samples: posterior samples per text.
            rng: source of the samples.
            prior: p(z) in place of the model's own.
        """
        posterior, density = self.posterior(tokens), self.prior if prior is None else prior
        weights = []
        for z in posterior.rsample(samples, rng):
            weights.append(self.log_likelihood(z, tokens) + density.log_prob(z) - posterior.log_prob(z))
        return importance_weighted_bound(torch.stack(weights))

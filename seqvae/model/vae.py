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
from seqvae.model.encoders import Encoder, Tokens, Told
from seqvae.model.heads import LabelHead
from seqvae.model.objective import Bounds, importance_weighted_bound, log_likelihood, rate_penalty
from seqvae.model.pieces import Pieces
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import Prior
from seqvae.model.priors.gaussians import ConditionalGaussian
from seqvae.model.rate import rate, rate_parts

Conditions = Float[Tensor, "#batch conditions"]  # NaN for a missing one


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

    def posterior(self, tokens: Tokens, conditions: Conditions | None = None) -> Posterior:
        """Return q(z|x), or q(z|x, c) where the encoder reads conditions, one row per text.

        Args:
            tokens: texts.
            conditions: of each, or of all in one row, NaN for a missing one; None: none is known.
        """
        finer = self.pieces(tokens) if self.finer and self.pieces is not None else tokens
        return self.encoder(finer, self._told(conditions))

    def points(
        self, z: Float[Tensor, "batch latent"], conditions: Conditions | None = None
    ) -> Float[Tensor, "batch numbers"]:
        """Return what the decoder takes: z, and, where it reads conditions and they are given, these behind it."""
        told = self._told(conditions)
        return z if told is None else torch.cat([z, told.to(z).expand(*z.shape[:-1], -1)], -1)

    def _told(self, conditions: Conditions | None) -> Told | None:
        if conditions is None or self.encoder.conditions is None or not isinstance(self.prior, ConditionalGaussian):
            return None
        return self.prior.told(conditions)

    def log_likelihood(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, conditions: Conditions | None = None
    ) -> Float[Tensor, " batch"]:
        """Return log p(x|z), or log p(x|z, c) where the decoder reads conditions, in nats per sequence."""
        return log_likelihood(self.decoder(self.points(z, conditions), tokens), tokens)

    def bounds(self, batch: Batch, rng: torch.Generator, prior: Prior | None = None) -> Bounds:
        """Return distortion and rate of each text, from one posterior sample.

        The rate is in closed form where there is one, else log q(z|x) - log p(z) at the sample, which is
        KL(q(z|x) || p(z)) on average.

        Args:
            batch: texts and their conditions; labels and weights are not used.
            rng: source of the sample.
            prior: p(z) in place of the model's own.
        """
        posterior = self.posterior(batch.inputs, batch.conditions)
        z = posterior.rsample(1, rng)
        found = rate(posterior, self.prior.given(batch.conditions) if prior is None else prior, z)
        return Bounds(-self.log_likelihood(z[0], batch.targets, batch.conditions), found)

    def losses(self, batch: Batch, beta: float, config: ObjectiveConfig, rng: torch.Generator) -> Losses:
        """Return the training loss of a batch: distortion + beta * rate, with word dropout and free bits.

        With labels it is the bound on log p(x, y), missing labels left out; with conditions c, that on log p(x|c), some
        of them hidden at random. The batch's weights enter all means.
        """
        inputs = batch.inputs
        if config.random_cuts and self.pieces is not None and not self.finer:
            uniform = torch.rand(inputs.shape[:2], generator=rng, device=rng.device)
            inputs = self.pieces(inputs, (uniform < config.random_cuts).to(inputs.device))
        conditions = batch.conditions
        if self.encoder.conditions is not None and config.condition_dropout:
            conditions = _some_hidden(conditions, config.condition_dropout, rng)
        posterior = self.posterior(inputs, conditions)
        z = posterior.rsample(1, rng)
        if self.encoder.conditions is None:  # here, so that models of the prior alone have the z that they always had
            conditions = _some_hidden(conditions, config.condition_dropout, rng)
        parts = rate_parts(posterior, self.prior.given(conditions), z)
        hidden = None
        if config.word_dropout and self.decoder.autoregressive:
            uniform = torch.rand(batch.targets.shape[:2], generator=rng, device=rng.device)
            hidden = (uniform < config.word_dropout).to(batch.targets.device)
        distortion = batch.mean(
            -log_likelihood(self.decoder(self.points(z[0], conditions), batch.targets, hidden), batch.targets)
        )
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
        self,
        tokens: Tokens,
        samples: int,
        rng: torch.Generator,
        prior: Prior | None = None,
        conditions: Conditions | None = None,
    ) -> Float[Tensor, " batch"]:
        """Return the importance-weighted lower bound on log p(x|c), nats per sequence, in one pass per sample.

        Args:
            tokens: texts.
            samples: posterior samples per text.
            rng: source of the samples.
            prior: p(z) in place of the model's own.
            conditions: c of each text, as in `posterior`.
        """
        posterior = self.posterior(tokens, conditions)
        density = self.prior.given(conditions) if prior is None else prior
        weights = []
        for z in posterior.rsample(samples, rng):
            likelihood = self.log_likelihood(z, tokens, conditions)
            weights.append(likelihood + density.log_prob(z) - posterior.log_prob(z))
        return importance_weighted_bound(torch.stack(weights))


def _some_hidden(conditions: Conditions | None, share: float, rng: torch.Generator) -> Conditions | None:
    """Return conditions, a share of them hidden at random."""
    if conditions is None:
        return None
    uniform = torch.rand(conditions.shape, generator=rng, device=rng.device).to(conditions)
    return conditions.masked_fill(uniform < share, torch.nan)

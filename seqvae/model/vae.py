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
from seqvae.model.strands import Strands, mixed, strand_shares


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
        strands: a text and its reverse complement have the same probability, the mean of what either has by itself;
            None: each has its own. What is given a latent point, log p(x|z) and texts decoded, is of one strand.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        prior: Prior,
        head: LabelHead | None = None,
        pieces: Pieces | None = None,
        finer: bool = False,
        strands: Strands | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior, self.head = encoder, decoder, prior, head
        self.pieces, self.finer, self.strands = pieces, finer, strands

    def posterior(self, tokens: Tokens) -> Posterior:
        """Return q(z|x), one row per text."""
        return self.encoder(self.pieces(tokens) if self.finer and self.pieces is not None else tokens)

    def log_likelihood(self, z: Float[Tensor, "batch latent"], tokens: Tokens) -> Float[Tensor, " batch"]:
        """Return log p(x|z) in nats per sequence."""
        return log_likelihood(self.decoder(z, tokens), tokens)

    def bounds(self, batch: Batch, rng: torch.Generator, prior: Prior | None = None) -> Bounds:
        """Return distortion and rate of each text, from one posterior sample.

        The rate is in closed form where there is one, else log q(z|x) - log p(z) at the sample, which is
        KL(q(z|x) || p(z)) on average.

        Args:
            batch: texts and their conditions; labels and weights are not used.
            rng: source of the sample.
            prior: p(z) in place of the model's own.
        """
        density = self.prior.given(batch.conditions) if prior is None else prior
        posterior = self.posterior(batch.inputs)
        if self.strands is None:
            z = posterior.rsample(1, rng)
            return Bounds(-self.log_likelihood(z[0], batch.targets), rate(posterior, density, z))
        return self._bounds_of_strands(batch, posterior, density, rng)

    def _bounds_of_strands(self, batch: Batch, own: Posterior, density: Prior, rng: torch.Generator) -> Bounds:
        """Return the bounds of the mixture of both strands, which share the noise, so that either has the same.

        Which strand a text is on is judged at the posteriors' means: were it judged at the samples, the bound would
        choose among its own errors and be too high.
        """
        if self.strands is None:
            raise RuntimeError("the model has one strand")
        noise = torch.randn((1, *own.numbers[0].shape), generator=rng, device=rng.device).to(own.numbers[0])
        costs, found = [], []
        for turned in (False, True):
            targets = self.strands(batch.targets) if turned else batch.targets
            posterior = self.posterior(targets) if turned else own
            mean, z = posterior.mean.unsqueeze(0), posterior.at(noise)
            costs.append(rate(posterior, density, mean) - self.log_likelihood(mean[0], targets))
            found.append(torch.stack([-self.log_likelihood(z[0], targets), rate(posterior, density, z)]))
        shares, strand_rate = strand_shares(torch.stack(costs))
        distortion, z_rate = (shares.unsqueeze(1) * torch.stack(found)).sum(0)
        return Bounds(distortion, z_rate + strand_rate)

    def losses(self, batch: Batch, beta: float, config: ObjectiveConfig, rng: torch.Generator) -> Losses:
        """Return the training loss of a batch: distortion + beta * rate, with word dropout and free bits.

        With labels it is the bound on log p(x, y), missing labels left out; with conditions c, that on log p(x|c), some
        of them hidden at random. The batch's weights enter all means.
        """
        if self.strands is not None:
            return self._losses_of_strands(batch, beta, config, rng)
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

    def _losses_of_strands(self, batch: Batch, beta: float, config: ObjectiveConfig, rng: torch.Generator) -> Losses:
        """Return the training loss under the mixture of both strands: each counts by its share q(s|x).

        The shares are the best ones given what was drawn, and held fixed for the gradient, which is that of the bound.
        """
        if self.strands is None:
            raise RuntimeError("the model has one strand")
        both = torch.cat([batch.targets, self.strands(batch.targets)])
        posterior = self.posterior(both)
        z = posterior.rsample(1, rng)
        conditions = batch.conditions
        if conditions is not None:
            uniform = torch.rand(conditions.shape, generator=rng, device=rng.device).to(conditions)
            conditions = conditions.masked_fill(uniform < config.condition_dropout, torch.nan).repeat(2, 1)
        parts = rate_parts(posterior, self.prior.given(conditions), z)
        hidden = None
        if config.word_dropout and self.decoder.autoregressive:
            uniform = torch.rand(both.shape[:2], generator=rng, device=rng.device)
            hidden = (uniform < config.word_dropout).to(both.device)
        nats = -log_likelihood(self.decoder(z[0], both, hidden), both).unflatten(0, (2, -1))
        rates = parts.unflatten(0, (2, -1))
        shares, strand_rate = strand_shares((nats + rates.sum(-1)).detach())
        distortion, charged = batch.mean((shares * nats).sum(0)), batch.mean((shares.unsqueeze(-1) * rates).sum(0))
        labels = torch.zeros((), device=distortion.device)
        if self.head is not None and batch.labels is not None:
            each = self.head.nats(z[0], batch.labels.repeat(2, 1)).unflatten(0, (2, -1))
            labels = batch.mean((shares * each).sum(0))
        of_strand, total = batch.mean(strand_rate), charged.detach().sum(-1)
        free = config.free_bits * (z.shape[-1] // parts.shape[-1])
        if config.free_bits_total:
            charged, free = charged.sum(-1, keepdim=True), config.free_bits_total
        loss = distortion + labels + beta * (rate_penalty(charged, free) + of_strand)
        return Losses(loss, distortion.detach(), total + of_strand, labels.detach())

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
        density = self.prior if prior is None else prior
        posterior = self.posterior(tokens)
        noise = torch.randn((samples, *posterior.numbers[0].shape), generator=rng, device=rng.device)
        strands = [(tokens, posterior)]
        if self.strands is not None:
            other = self.strands(tokens)
            strands.append((other, self.posterior(other)))
        weights = []
        for text, q in strands:
            points = q.at(noise.to(q.numbers[0]))
            weights.append(
                torch.stack([self.log_likelihood(z, text) + density.log_prob(z) - q.log_prob(z) for z in points])
            )
        return importance_weighted_bound(weights[0] if len(weights) == 1 else mixed(*weights))

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
from seqvae.model.marginal import ClassInference, Spread
from seqvae.model.objective import Bounds, importance_weighted_bound, log_likelihood, rate_penalty
from seqvae.model.pieces import Pieces
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import Prior
from seqvae.model.priors.gaussians import ConditionalGaussian
from seqvae.model.rate import rate, rate_parts
from seqvae.model.strands import Strands, mixed, strand_shares

Conditions = Float[Tensor, "#batch conditions"]  # NaN for a missing one


@dataclass(frozen=True)
class Losses:
    """One training step's loss and its parts, means over the batch in nats per sequence.

    Attributes:
        loss: distortion + label_nats + beta * rate, the rate after free bits; gradients flow through it.
        distortion: mean of -log p(x|z).
        rate: mean of KL(q(z|x) || p(z)), before free bits; of a model that infers a class, with the nats of the class.
        label_nats: mean over texts of -log p(y|z) of their known labels, and of the weighted -log q(y|x) of their class
            where the model infers it; 0 for a model that predicts none.
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
        classes: q(y|x) of a condition that is a class, which is summed over where it is missing; None: none is.
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
        classes: ClassInference | None = None,
        strands: Strands | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior, self.head = encoder, decoder, prior, head
        self.pieces, self.finer, self.classes, self.strands = pieces, finer, classes, strands

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

    def log_likelihoods(
        self, z: Float[Tensor, "samples batch latent"], tokens: Tokens
    ) -> Float[Tensor, "samples batch"]:
        """Return log p(x|z) at several points of each text, in nats per sequence, in one pass."""
        repeated = tokens.repeat(len(z), *(1 for _ in tokens.shape[1:]))
        return self.log_likelihood(z.flatten(0, 1), repeated).unflatten(0, z.shape[:2])

    def bounds(
        self, batch: Batch, rng: torch.Generator, prior: Prior | None = None, posterior: Posterior | None = None
    ) -> Bounds:
        """Return distortion and rate of each text, from one posterior sample.

        The rate is in closed form where there is one, else log q(z|x) - log p(z) at the sample, which is
        KL(q(z|x) || p(z)) on average.

        Args:
            batch: texts and their conditions; labels and weights are not used.
            rng: source of the sample.
            prior: p(z) in place of the model's own.
            posterior: q(z|x), where it is known; not used where a class is inferred, each of which has its own.
        """
        if self.classes is not None:
            spread = self.classes.spread(self.posterior(batch.inputs).mean, batch.conditions)
            posterior = self.posterior(batch.inputs[spread.rows], spread.conditions)
            z = posterior.rsample(1, rng)
            found = rate(posterior, self.prior.given(spread.conditions) if prior is None else prior, z)
            distortion = -self.log_likelihood(z[0], batch.targets[spread.rows], spread.conditions)
            return Bounds(spread.mixed(distortion), spread.mixed(found) + spread.rate)
        posterior = self.posterior(batch.inputs, batch.conditions) if posterior is None else posterior
        density = self.prior.given(batch.conditions) if prior is None else prior
        if self.strands is not None:
            return self._bounds_of_strands(batch, self.strands, posterior, density, rng)
        z = posterior.rsample(1, rng)
        return Bounds(-self.log_likelihood(z[0], batch.targets, batch.conditions), rate(posterior, density, z))

    def _bounds_of_strands(
        self, batch: Batch, strands: Strands, own: Posterior, density: Prior, rng: torch.Generator
    ) -> Bounds:
        """Return the bounds of the mixture of both strands, which share the noise, so that either has the same.

        Which strand a text is on is judged at the posteriors' means: were it judged at the samples, the bound would
        choose among its own errors and be too high.
        """
        noise = torch.randn((1, *own.numbers[0].shape), generator=rng, device=rng.device).to(own.numbers[0])
        costs, found, known = [], [], batch.conditions
        for turned in (False, True):
            targets = strands(batch.targets) if turned else batch.targets
            posterior = self.posterior(targets, known) if turned else own
            mean, z = posterior.mean.unsqueeze(0), posterior.at(noise)
            costs.append(rate(posterior, density, mean) - self.log_likelihood(mean[0], targets, known))
            found.append(torch.stack([-self.log_likelihood(z[0], targets, known), rate(posterior, density, z)]))
        shares, strand_rate = strand_shares(torch.stack(costs))
        distortion, z_rate = (shares.unsqueeze(1) * torch.stack(found)).sum(0)
        return Bounds(distortion, z_rate + strand_rate)

    def losses(self, batch: Batch, beta: float, config: ObjectiveConfig, rng: torch.Generator) -> Losses:
        """Return the training loss of a batch: distortion + beta * rate, with word dropout and free bits.

        With labels it is the bound on log p(x, y), missing labels left out; with conditions c, that on log p(x|c), some
        of them hidden at random, and a missing class summed over where the model infers it. The batch's weights enter
        all means.
        """
        if self.strands is not None:
            return self._losses_of_strands(batch, self.strands, beta, config, rng)
        inputs, targets, conditions, spread = self._shown(batch, config, rng)
        posterior = self.posterior(inputs, conditions)
        z = posterior.rsample(1, rng)
        if self.encoder.conditions is None:  # here, so that models of the prior alone have the z that they always had
            conditions = _hidden(conditions, config.condition_dropout, rng)
        parts = rate_parts(posterior, self.prior.given(conditions), z)
        hidden = None
        if config.word_dropout and self.decoder.autoregressive:
            uniform = torch.rand(targets.shape[:2], generator=rng, device=rng.device)
            hidden = (uniform < config.word_dropout).to(targets.device)
        distortion = -log_likelihood(self.decoder(self.points(z[0], conditions), targets, hidden), targets)
        labels = torch.zeros_like(distortion)
        if self.head is not None and batch.labels is not None:
            labels = self.head.nats(z[0], batch.labels if spread is None else batch.labels[spread.rows])
        if spread is not None:
            distortion, parts, labels = (spread.mixed(part) for part in (distortion, parts, labels))
        # A rate in one part for all dimensions has the free bits of all of them.
        free = config.free_bits * (z.shape[-1] // parts.shape[-1])
        charged, total = batch.mean(parts), batch.mean(parts.detach().sum(-1))
        if config.free_bits_total:
            charged, free = charged.sum(-1, keepdim=True), config.free_bits_total
        paid, predicted = rate_penalty(charged, free), batch.mean(labels)
        if spread is not None:
            of_class = batch.mean(spread.rate + spread.surprise)
            paid, total = paid + of_class, total + of_class.detach()
            predicted = predicted + config.classification * batch.mean(spread.nats)
        mean = batch.mean(distortion)
        return Losses(mean + predicted + beta * paid, mean.detach(), total, predicted.detach())

    def _shown(
        self, batch: Batch, config: ObjectiveConfig, rng: torch.Generator
    ) -> tuple[Tensor, Tokens, Conditions | None, Spread | None]:  # base symbols are more than tokens
        """Return what encoder and decoder are shown in training: some conditions hidden, classes in copies."""
        inputs, conditions, share = batch.inputs, batch.conditions, config.condition_dropout
        if config.random_cuts and self.pieces is not None and not self.finer:
            uniform = torch.rand(inputs.shape[:2], generator=rng, device=rng.device)
            inputs = self.pieces(inputs, (uniform < config.random_cuts).to(inputs.device))
        if self.classes is not None:
            spread = self.classes.spread(self.posterior(inputs).mean, conditions, share, rng)
            return inputs[spread.rows], batch.targets[spread.rows], spread.conditions, spread
        if self.encoder.conditions is not None and conditions is not None and share:
            conditions = _hidden(conditions, share, rng)
        return inputs, batch.targets, conditions, None

    def _losses_of_strands(
        self, batch: Batch, strands: Strands, beta: float, config: ObjectiveConfig, rng: torch.Generator
    ) -> Losses:
        """Return the training loss under the mixture of both strands: each counts by its share q(s|x).

        The shares are the best ones given what was drawn, and held fixed for the gradient, which is that of the bound.
        """
        both = torch.cat([batch.targets, strands(batch.targets)])
        conditions = _hidden(batch.conditions, config.condition_dropout, rng)
        conditions = None if conditions is None else conditions.repeat(2, 1)
        posterior = self.posterior(both, conditions)
        z = posterior.rsample(1, rng)
        parts = rate_parts(posterior, self.prior.given(conditions), z)
        hidden = None
        if config.word_dropout and self.decoder.autoregressive:
            uniform = torch.rand(both.shape[:2], generator=rng, device=rng.device)
            hidden = (uniform < config.word_dropout).to(both.device)
        nats = -log_likelihood(self.decoder(self.points(z[0], conditions), both, hidden), both).unflatten(0, (2, -1))
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
        self,
        tokens: Tokens,
        samples: int,
        rng: torch.Generator,
        prior: Prior | None = None,
        conditions: Conditions | None = None,
    ) -> Float[Tensor, " batch"]:
        """Return the importance-weighted lower bound on log p(x|c), nats per sequence, in one pass per sample.

        A missing class that the model infers is summed over: log of the sum of p(y) p(x|y), a pass for each class.

        Args:
            tokens: texts.
            samples: posterior samples per text.
            rng: source of the samples.
            prior: p(z) in place of the model's own.
            conditions: c of each text, as in `posterior`.
        """
        if self.classes is None:
            return self._iwae(tokens, samples, rng, prior, conditions)
        spread = self.classes.spread(self.posterior(tokens).mean, conditions)
        found = self._iwae(tokens[spread.rows], samples, rng, prior, spread.conditions)
        alone, several = found.split([spread.alone, len(found) - spread.alone])
        together = (several.view(-1, self.classes.classes) + self.classes.log_prior).logsumexp(-1)
        order = torch.cat([spread.rows[: spread.alone], spread.rows[spread.alone :: self.classes.classes]])
        return torch.cat([alone, together])[order.argsort()]

    def _iwae(
        self,
        tokens: Tokens,
        samples: int,
        rng: torch.Generator,
        prior: Prior | None,
        conditions: Conditions | None,
    ) -> Float[Tensor, " batch"]:
        posterior = self.posterior(tokens, conditions)
        density = self.prior.given(conditions) if prior is None else prior
        noise = torch.randn((samples, *posterior.numbers[0].shape), generator=rng, device=rng.device)
        texts = [(tokens, posterior)]
        if self.strands is not None:  # both strands share the noise
            other = self.strands(tokens)
            texts.append((other, self.posterior(other, conditions)))
        weights = [
            torch.stack(
                [
                    self.log_likelihood(z, text, conditions) + density.log_prob(z) - q.log_prob(z)
                    for z in q.at(noise.to(q.numbers[0]))
                ]
            )
            for text, q in texts
        ]
        return importance_weighted_bound(weights[0] if len(weights) == 1 else mixed(*weights))


def _hidden(conditions: Conditions | None, share: float, rng: torch.Generator) -> Conditions | None:
    """Return conditions, a share of them hidden at random."""
    if conditions is None:
        return None
    uniform = torch.rand(conditions.shape, generator=rng, device=rng.device).to(conditions)
    return conditions.masked_fill(uniform < share, torch.nan)

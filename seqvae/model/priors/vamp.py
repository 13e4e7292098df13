"""The mixture of the encoder's posteriors at learned pseudo-inputs.

The best prior of a model is its aggregate posterior, the mean of q(z|x) over all texts; some tens of pseudo-inputs,
found by training, stand for all of these (VampPrior: Tomczak & Welling 2018, arXiv:1705.07120). A pseudo-input is a
soft one-hot, a distribution over symbols at each position, which every encoder reads: with vectors of its own in the
place of symbols, it could be what no text comes near, and each encoder would need a second entrance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.model.encoders import EOS, PAD, Encoder, Tokens, present
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import Prior

_SPREAD = (
    2.0  # standard deviation of random logits: distributions far enough from uniform to differ in their posteriors
)
# Share of each position's probability that is spread over all symbols at first: a logit at a corner could hardly move.
_SMOOTHED = 0.1
_NEVER = -20.0  # logit, below the lowest of a position, of a symbol that is new: e^-20 of the probability at most


@final
class PosteriorMixture(Prior):
    """The mixture of some posteriors in equal parts: what a `VampPrior` is between two changes of its weights.

    Args:
        parts: the posteriors.
    """

    kind = "vamp"

    def __init__(self, parts: Posterior) -> None:
        super().__init__()
        self.parts = parts

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats."""
        # Not by `pairwise_log_prob`: its expanded squares lose digits in single precision.
        every = z.unsqueeze(-2).expand(*z.shape[:-1], len(self.parts), z.shape[-1])
        return self.parts.log_prob(every).logsumexp(-1) - math.log(len(self.parts))

    @torch.no_grad()
    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points: for each a posterior, then a point from it."""
        chosen = torch.randint(len(self.parts), (count,), generator=rng, device=rng.device)
        return self.parts.to(rng.device).rows(chosen).rsample(1, rng)[0]


@final
class VampPrior(Prior):
    """The mixture of the encoder's posteriors at learned pseudo-inputs, in equal parts.

    Pseudo-inputs begin as random distributions over symbols, all of the greatest length; where there are training
    texts, as some of these, whose lengths they keep.

    Args:
        encoder: the model's; it is no part of the prior, which holds the pseudo-inputs alone.
        components: number of pseudo-inputs.
        length: tokens in the longest of them, its end included.
        vocab_size: symbols of the alphabet, specials included.
    """

    kind = "vamp"
    lengths: Tensor
    begun: Tensor

    def __init__(self, encoder: Encoder, components: int, length: int, vocab_size: int) -> None:
        super().__init__()
        self._encoder = (encoder,)  # in a tuple, it is not registered: its weights are stored once, with the model
        # Logits of all symbols from the end of a text on: padding and beginning are no part of a text.
        self.logits = nn.Parameter(_SPREAD * torch.randn(components, length, vocab_size - EOS))
        self.register_buffer("lengths", torch.full((components,), length))
        self.register_buffer("begun", torch.tensor(False))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> VampPrior:
        """Move the encoder as well: a copy of this prior alone has a copy of it."""
        self._encoder[0]._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def pseudo_inputs(self) -> Float[Tensor, "components length vocab"]:
        """Return the pseudo-inputs as soft one-hots."""
        longest = int(self.lengths.max())
        symbols = F.pad(self.logits[:, :longest].softmax(-1), (EOS, 0))
        absent = torch.arange(longest, device=self.lengths.device) >= self.lengths.unsqueeze(1)
        padding = F.one_hot(self.lengths.new_tensor(PAD), symbols.shape[-1]).to(symbols)
        return torch.where(absent.unsqueeze(-1), padding, symbols)

    @torch.no_grad()
    def begin_at(self, texts: Tokens) -> None:
        """Let the first pseudo-inputs be these texts, at most as many as there are, slightly smoothed.

        Those that have begun at texts stay: a trained model that is trained further has found better ones.
        """
        if bool(self.begun):
            return
        count, length = texts.shape[:2]
        there = present(texts)
        soft = F.one_hot(texts, self.logits.shape[-1] + EOS) if texts.dim() == 2 else texts
        symbols = soft[..., EOS:].to(self.logits)
        logits = ((1 - _SMOOTHED) * symbols + _SMOOTHED / symbols.shape[-1]).log()
        self.logits[:count, :length] = torch.where(there.unsqueeze(-1), logits, 0.0)
        self.logits[:count, length:] = 0.0
        self.lengths[:count] = there.sum(1)
        self.begun.fill_(True)

    def extended(self, kept: Tensor, length: int, vocab_size: int) -> Float[Tensor, "components length symbols"]:
        """Return the logits of the same pseudo-inputs in a larger alphabet, with room for longer ones.

        Args:
            kept: the new id of each old symbol.
            length: of the longest, its end included.
            vocab_size: symbols of the new alphabet.
        """
        lowest = self.logits.detach().amin(-1, keepdim=True)
        wider = (lowest + _NEVER).repeat(1, 1, vocab_size - EOS)
        wider[..., kept[EOS:] - EOS] = self.logits.detach()
        return F.pad(wider, (0, 0, 0, length - wider.shape[1]))

    def given(self, conditions: Float[Tensor, "batch conditions"] | None) -> PosteriorMixture:
        """Return the mixture as it is with the present weights, whatever the conditions."""
        return PosteriorMixture(self._encoder[0](self.pseudo_inputs()))

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats."""
        return self.given(None).log_prob(z)

    @torch.no_grad()
    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points: for each a pseudo-input, then a point from its posterior."""
        return self.given(None).sample(count, rng)

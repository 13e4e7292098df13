"""Classes that are missing, summed over exactly: semi-supervised learning with a class beside z.

The model M2 of Kingma et al. 2014 (arXiv:1406.5298): p(y) p(z|y) p(x|z, y), with q(y|x) q(z|x, y). A text whose class
is known has the ELBO given the class, and trains q(y|x) as a classifier; one whose class is missing has the ELBO of all
classes, weighted by q(y|x), which costs a pass for each. In the paper p(z|y) is N(0, I); here it is the model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

_WIDTH = 128  # hidden units: the encoder does the work


@dataclass(frozen=True)
class Spread:
    """Texts in as many copies as they may have classes: one where the class is known, or hidden.

    Attributes:
        alone: how many texts have one copy; these come first, then those of the other texts, text by text.
        rows: `(copies,)`, text of each copy.
        weights: `(copies,)`, q(y|x), or 1 for the only copy.
        conditions: `(copies, conditions)`.
        rate: `(batch,)`, KL(q(y|x) || p(y)) of texts that are summed over, 0 of the others; nats.
        surprise: `(batch,)`, -log p(y) of known classes, 0 of the others; nats.
        nats: `(batch,)`, -log q(y|x) of known classes, hidden ones among them, 0 of the others; nats.
    """

    alone: int
    rows: Int[Tensor, " copies"]
    weights: Float[Tensor, " copies"]
    conditions: Float[Tensor, "copies conditions"]
    rate: Float[Tensor, " batch"]
    surprise: Float[Tensor, " batch"]
    nats: Float[Tensor, " batch"]

    def mixed(self, values: Float[Tensor, "copies ..."]) -> Float[Tensor, "batch ..."]:
        """Return the sum over the copies of each text, weighted by q(y|x)."""
        weighed = values * self.weights.view(-1, *[1] * (values.dim() - 1))
        return weighed.new_zeros(len(self.rate), *values.shape[1:]).index_add(0, self.rows, weighed)


@final
class ClassInference(nn.Module):
    """q(y|x), by a small network of the mean of q(z|x) with no condition known, and p(y), the shares of known classes.

    Args:
        latent: dimensions of z.
        kinds: how many classes each condition has, 0 for a number.
        place: which of them is inferred.
    """

    log_prior: Tensor

    def __init__(self, latent: int, kinds: Sequence[int], place: int) -> None:
        super().__init__()
        self.conditions, self.place, self.classes = len(kinds), place, kinds[place]
        self.network = nn.Sequential(nn.Linear(latent, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, self.classes))
        self.register_buffer("log_prior", torch.full((self.classes,), 1 / self.classes).log())

    @torch.no_grad()
    def take_shares(self, conditions: Float[Tensor, "rows conditions"]) -> None:
        """Set p(y) to the shares of the classes where they are known, each counted once more, so that none is 0."""
        known = conditions[:, self.place]
        counts = torch.bincount(known[~known.isnan()].long(), minlength=self.classes) + 1.0
        self.log_prior.copy_((counts / counts.sum()).log())

    def forward(self, mean: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch classes"]:
        """Return log q(y|x) of each text, from the mean of its q(z|x) with no condition known."""
        found: Tensor = self.network(mean).float().log_softmax(-1)
        return found

    def spread(
        self,
        mean: Float[Tensor, "batch latent"],
        conditions: Float[Tensor, "batch conditions"] | None,
        share: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> Spread:
        """Return a copy of each text for each class that it may have.

        Args:
            mean: of q(z|x), no condition known.
            conditions: NaN for a missing one; where the class is missing, it is summed over. None: all are missing.
            share: of conditions that are hidden at random; where that is the class, it is not summed over either.
            rng: what is hidden.
        """
        if conditions is None:
            conditions = mean.new_full((len(mean), self.conditions), torch.nan)
        hidden = torch.zeros_like(conditions, dtype=torch.bool)
        if share and rng is not None:
            hidden = torch.rand(conditions.shape, generator=rng, device=rng.device).to(conditions) < share
        log_q, known = self(mean), ~conditions[:, self.place].isnan()
        shown = conditions.masked_fill(hidden, torch.nan)
        summed = ~known & ~hidden[:, self.place]
        several = summed.nonzero().flatten()
        copies = shown[several].repeat_interleave(self.classes, 0)
        copies[:, self.place] = torch.arange(self.classes, device=copies.device).repeat(len(several)).to(copies)
        alone = (~summed).nonzero().flatten()
        own = conditions[:, self.place].nan_to_num().long()
        absent = torch.zeros_like(log_q[:, 0])
        told = known & ~hidden[:, self.place]
        return Spread(
            len(alone),
            torch.cat([alone, several.repeat_interleave(self.classes)]),
            torch.cat([torch.ones_like(absent[alone]), log_q[several].exp().flatten()]),
            torch.cat([shown[alone], copies]),
            torch.where(summed, (log_q.exp() * (log_q - self.log_prior)).sum(-1), absent),
            torch.where(told, -self.log_prior[own], absent),
            torch.where(known, -log_q.gather(1, own.unsqueeze(1)).squeeze(1), absent),
        )

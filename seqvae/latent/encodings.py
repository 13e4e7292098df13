"""The results of encoding: posteriors, and which of them were refined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from seqvae.errors import UsageError
from seqvae.model.inference.refine import refined
from seqvae.model.posteriors import Posterior
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import evaluating

AUTO = "auto"


@dataclass(frozen=True)
class Encodings:
    """What became of encoded texts.

    Attributes:
        posterior: q(z|x) of each, on the CPU.
        refined: `(batch,)`, which of them took gradient steps on their own posterior.
    """

    posterior: Posterior
    refined: Bool[Tensor, " batch"]

    def with_better(self, lost: Bool[Tensor, " batch"], better: Posterior) -> Encodings:
        """Return these with the rows of `lost` replaced by those of `better`, in their order."""
        order = torch.cat([(~lost).nonzero().flatten(), lost.nonzero().flatten()]).argsort()
        return Encodings(Posterior.cat([self.posterior.rows(~lost), better]).rows(order), self.refined | lost)


def encodings_of(
    model: SequenceVAE, batches: Iterable[tuple[Tensor, Tensor]], beta: float, refine: int | str
) -> Encodings:
    """Encode batches of row numbers and tokens, with that many gradient steps on each posterior; 0 for "auto".

    Raises:
        UsageError: a negative number of steps, or another word than "auto".
    """
    if refine != AUTO and (isinstance(refine, str) or refine < 0):
        raise UsageError(f'refine: expected a number of steps from 0 or "{AUTO}", got {refine!r}')
    steps = 0 if isinstance(refine, str) else refine
    family = model.encoder.family
    device = next(model.parameters()).device
    parts, order = [family(torch.empty(0, family.size, device=device)).to("cpu")], []
    with evaluating(model):
        for rows, tokens in batches:
            found = refined(model, tokens, beta, steps) if steps else model.posterior(tokens)
            parts.append(found.to("cpu"))
            order.append(rows)
    together = Posterior.cat(parts)
    posterior = together.rows(torch.cat(order).argsort()) if order else together
    return Encodings(posterior, torch.full((len(posterior),), steps > 0))

"""The results of encoding: posteriors, which of them were refined, and which texts even those do not reconstruct."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from seqvae.config import REFINE_STEPS
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.errors import UsageError
from seqvae.model.encoders import present
from seqvae.model.inference.refine import refined
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import evaluating

AUTO = "auto"
# Texts on which gradient steps would be wasted, each judged by itself, so that no text's vector depends on the others.
# Of 358 ChEMBL and ZINC molecules with fewer right tokens, 20 steps brought back none; from .6 to .7, 9 in 195.
_LEAST_RIGHT = 0.6
_LEAST_RATE = 1.0  # nats: a posterior as near the prior says nothing of its text, since the decoder makes nothing of z

Batches = Iterable[tuple[Tensor, Tensor, Tensor | None]]  # row numbers, tokens, and conditions if any are known


@dataclass(frozen=True)
class Encodings:
    """What became of encoded texts.

    Attributes:
        posterior: q(z|x) of each, on the CPU.
        refined: `(batch,)`, which of them took gradient steps on their own posterior.
        lost: `(batch,)`, which texts greedy decoding of the mean does not reconstruct; None where this was not asked.
    """

    posterior: Posterior
    refined: Bool[Tensor, " batch"]
    lost: Bool[Tensor, " batch"] | None = None

    def with_better(self, rows: Bool[Tensor, " batch"], better: Posterior) -> Encodings:
        """Return these with some rows replaced by those of `better`, in their order."""
        order = torch.cat([(~rows).nonzero().flatten(), rows.nonzero().flatten()]).argsort()
        return Encodings(Posterior.cat([self.posterior.rows(~rows), better]).rows(order), self.refined | rows)


def encodings_of(model: SequenceVAE, batches: Batches, beta: float, refine: int | str) -> Encodings:
    """Encode batches, with that many gradient steps on each posterior; 0 for "auto".

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
        for rows, tokens, told in batches:
            found = refined(model, tokens, beta, steps, told) if steps else model.posterior(tokens, told)
            parts.append(found.to("cpu"))
            order.append(rows)
    together = Posterior.cat(parts)
    posterior = together.rows(torch.cat(order).argsort()) if order else together
    return Encodings(posterior, torch.full((len(posterior),), steps > 0))


def refined_where_lost(
    model: SequenceVAE,
    texts: TokenizedTexts,
    batches: Callable[[TokenizedTexts], Batches],
    decode: Callable[[Tensor, NDArray[np.float32] | None], list[str]],
    beta: float,
) -> Encodings:
    """Encode texts, and refine those that their posterior mean does not decode to, unless that is hopeless.

    Hopeless is a text of which the decoder, given the mean and the true tokens before each, gets fewer than six tokens
    in ten right, or whose posterior is all but the prior.

    Args:
        model: the model.
        texts: what is encoded.
        batches: puts texts into batches.
        decode: decodes latent points greedily, under the conditions of their texts.
        beta: KL weight of the refinement.
    """

    def lost_of(texts: TokenizedTexts, found: Encodings) -> Bool[Tensor, " batch"]:
        """Return which texts their means do not decode to."""
        back = decode(found.posterior.mean, texts.conditions) if len(texts) else []
        return torch.tensor([text != form for text, form in zip(back, texts.forms, strict=True)], dtype=torch.bool)

    found = encodings_of(model, batches(texts), beta, 0)
    lost = lost_of(texts, found)
    chosen = lost.clone()
    chosen[lost] = _promising(model, batches(texts.take(_places(lost))), found.posterior.rows(lost))
    again = texts.take(_places(chosen))
    better = encodings_of(model, batches(again), beta, REFINE_STEPS)
    lost[chosen] = lost_of(again, better)
    return replace(found.with_better(chosen, better.posterior), lost=lost)


def _places(rows: Bool[Tensor, " batch"]) -> list[int]:
    return [int(place) for place in rows.nonzero().flatten()]


def _promising(model: SequenceVAE, batches: Batches, posterior: Posterior) -> Bool[Tensor, " batch"]:
    """Return which texts gradient steps on their own posterior may bring back."""
    found = torch.zeros(len(posterior), dtype=torch.bool)
    with evaluating(model):
        for rows, tokens, told in batches:
            here = posterior.rows(rows).to(tokens.device)
            informed = rate(here, model.prior.given(told), here.mean.unsqueeze(0)) >= _LEAST_RATE
            likeliest = model.decoder(model.points(here.mean, told), tokens).argmax(-1)
            if tokens.dim() == 3:  # sets of allowed symbols
                right = tokens.gather(2, likeliest.unsqueeze(2)).squeeze(2) > 0
            else:
                right = likeliest == tokens
            there = present(tokens)
            found[rows] = (informed & ((right & there).sum(1) >= _LEAST_RIGHT * there.sum(1))).cpu()
    return found

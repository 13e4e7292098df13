"""How the decoder's logits move with z: the singular values of their Jacobian, flat directions, and magnification.

The pull-back metric of a decoder is J^T J (Arvanitidis et al. 2018, arXiv:1710.11379); here J is that of the logits of
a text's own tokens, at its posterior mean, the tokens before each position given.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.diagnosis.likelihood import Progress
from seqvae.latent.codec import Codec
from seqvae.model.decoders import Decoder
from seqvae.model.encoders import EOS, Tokens, present
from seqvae.runtime.device import evaluating

TEXTS = 100  # of which the Jacobian is taken: each costs as many passes as z has dimensions
_TOGETHER = 10  # texts whose Jacobians are held together
_FLAT = 0.01  # of the largest singular value: a step there moves logits a hundredth as far


def jacobian(
    decoder: Decoder,
    z: Float[Tensor, "batch latent"],
    tokens: Tokens,
    directions: Float[Tensor, "directions latent"] | None = None,
) -> Float[Tensor, "batch directions outputs"]:
    """Return the derivatives of all logits of each text by its z, transposed; logits beyond its end count as constant.

    Forward-mode derivatives: one pass a direction for the whole batch. The logits of padding and of the start,
    which are ruled out, are left away.

    Args:
        decoder: of a model in evaluation mode.
        z: latent points.
        tokens: what each position of an autoregressive decoder has before it.
        directions: along which z moves; None: the dimensions of z.
    """
    there = present(tokens).unsqueeze(-1)

    def along(direction: Tensor) -> Tensor:
        """Return the derivative of the logits along a direction of the latent space."""
        return torch.func.jvp(
            lambda points: decoder(points, tokens)[..., EOS:] * there, (z,), (direction.expand_as(z),)
        )[1]

    # cuDNN has no forward-mode derivative of a recurrence; PyTorch's own has.
    with torch.backends.cudnn.flags(enabled=False):
        axes = torch.eye(z.shape[1], device=z.device) if directions is None else directions
        return torch.func.vmap(along)(axes).transpose(0, 1).flatten(2)


@dataclass(frozen=True)
class Geometry:
    """Metrics of the decoder's geometry, means over the texts. `DIAGNOSIS_METRICS` has their titles.

    `singular_values` is a list, the largest first: the mean over the texts of each.
    """

    geometry_texts: int
    largest_singular: float
    median_singular: float
    smallest_singular: float
    flat_directions: float
    log_magnification: float
    log_magnification_spread: float
    singular_values: list[float]


def singular_values(
    decoder: Decoder, z: Float[Tensor, "batch latent"], tokens: Tokens
) -> Float[Tensor, "batch latent"]:
    """Return the singular values of each text's Jacobian, the largest first, in float64; arguments as `jacobian`."""
    found = jacobian(decoder, z, tokens).double()
    return torch.linalg.eigvalsh(found @ found.transpose(1, 2)).clamp(min=0).sqrt().flip(1).cpu()


def geometry(
    codec: Codec, texts: TokenizedTexts, means: Float[Tensor, "texts latent"], progress: Progress | None = None
) -> Geometry:
    """Return the metrics of the first texts.

    Args:
        codec: the model.
        texts: read by it.
        means: their posterior means.
        progress: is told how many are done.
    """
    parts, first, done = [], texts.take(range(len(texts))[:TEXTS]), 0
    with evaluating(codec.model):
        for rows, tokens in codec.batches(first, _TOGETHER):
            parts.append(singular_values(codec.model.decoder, means[rows].to(tokens.device), tokens))
            done += len(rows)
            if progress is not None:
                progress(done, len(first))
    found = torch.cat(parts)
    magnification = found.clamp(min=1e-12).log().sum(1)  # log of the root of det(J^T J)
    return Geometry(
        geometry_texts=len(found),
        largest_singular=found[:, 0].mean().item(),
        median_singular=found.median(1).values.mean().item(),
        smallest_singular=found[:, -1].mean().item(),
        flat_directions=(found < _FLAT * found[:, :1]).double().sum(1).mean().item(),
        log_magnification=magnification.mean().item(),
        log_magnification_spread=magnification.std(correction=0).item(),
        singular_values=found.mean(0).tolist(),
    )

"""Both strands of DNA and RNA: a model in which a sequence and its reverse complement have the same probability.

Under the mixture p(x) = p0(x) / 2 + p0(rc x) / 2 it does not matter which strand a sequence was read from. The strand s
is one more latent variable: with q(s|x) the bound is sum_s q(s|x) ELBO0(x_s) - KL(q(s|x) || 1/2), the last term being
the rate of the strand, at most log 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.model.encoders import EOS, Tokens, present

LOG_2 = math.log(2.0)


@final
class Strands(nn.Module):
    """The reverse complement of tokens.

    Args:
        complements: the id of each id's complement; special tokens are their own.
    """

    complements: Tensor

    def __init__(self, complements: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("complements", torch.tensor(list(complements), dtype=torch.long), persistent=False)

    def forward(self, tokens: Tokens) -> Tokens:
        """Return the other strand of each text; the end and the padding stay where they are."""
        content = present(tokens) & ((tokens if tokens.dim() == 2 else tokens.argmax(-1)) != EOS)
        places = torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape[:2])
        mirror = torch.where(content, content.sum(1, keepdim=True) - 1 - places, places)
        if tokens.dim() == 2:
            return self.complements[tokens.gather(1, mirror)]
        turned = tokens.gather(1, mirror.unsqueeze(-1).expand_as(tokens))
        return turned[..., self.complements]


def mixed(own: Tensor, other: Tensor) -> Tensor:
    """Return the logarithm of the mean of two probabilities given by their logarithms."""
    return torch.logaddexp(own, other) - LOG_2


def strand_shares(costs: Float[Tensor, "2 batch"]) -> tuple[Float[Tensor, "2 batch"], Float[Tensor, " batch"]]:
    """Return q(s|x) of both strands by what each costs, -ELBO0 in nats, and its rate KL(q(s|x) || 1/2)."""
    logs = (-costs).log_softmax(0)
    shares = logs.exp()
    return shares, (shares * (logs + LOG_2)).sum(0)

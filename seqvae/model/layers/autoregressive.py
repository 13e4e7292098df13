"""One layer of a normalizing flow: every dimension is shifted and scaled by numbers that depend on those before it."""

from __future__ import annotations

import torch
from torch import nn


def autoregressive_layer(latent: int, groups: int, width: int, number: int, context: int = 0) -> nn.Module:
    """Return a masked autoregressive layer of zuko's that begins as the identity; torch's generator draws its weights.

    The dimensions stand in groups, and each depends on the groups before its own (Papamakarios et al. 2017,
    arXiv:1705.07057): forwards it takes one pass, backwards one pass per group. Each pair of layers groups the
    dimensions anew, its second layer in the reverse order of its first.

    Args:
        latent: dimensions.
        groups: groups of dimensions, from 2; at most one per dimension.
        width: hidden units in each of the two hidden layers of its network.
        number: its place among the layers, from 0.
        context: numbers that all dimensions depend on besides.
    """
    from zuko.flows import MaskedAutoregressiveTransform

    rng = torch.Generator().manual_seed(number // 2)
    order = torch.randperm(latent, generator=rng) if number > 1 else torch.arange(latent)
    layer = MaskedAutoregressiveTransform(
        latent,
        context,
        passes=groups,
        order=order.flip(0) if number % 2 else order,
        hidden_features=(width, width),
        activation=nn.SiLU,
    )
    # One dimension without a context depends on nothing: two numbers, and no network.
    last = list(layer.parameters())[-2:] if latent > 1 or context else layer.parameters()
    with torch.no_grad():
        for value in last:
            value.zero_()
    return layer

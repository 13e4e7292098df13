"""Recurrence: a stack of GRU layers over whole sequences, and the same stack one step at a time."""

from __future__ import annotations

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


@final
class StepwiseGRU(nn.Module):
    """A stack of unidirectional GRU layers (Cho et al. 2014, arXiv:1406.1078), gates as cuDNN defines them.

    Whole sequences go through `torch.nn.GRU`; `step` computes the same function one token at a time, with the part of
    the input that never changes (the latent vector) projected once.

    Args:
        varying: width of the input that differs from step to step.
        fixed: width of the input that is the same at every step; it follows the varying part.
        width: hidden units.
        layers: stacked layers.
        dropout: share of units dropped between layers while training.
    """

    def __init__(self, varying: int, fixed: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.varying, self.layers = varying, layers
        self.gru = nn.GRU(varying + fixed, width, layers, dropout=dropout if layers > 1 else 0.0)

    def forward(
        self, inputs: Float[Tensor, "length batch features"], hidden: Float[Tensor, "layers batch width"]
    ) -> Float[Tensor, "length batch width"]:
        """Return the last layer's states after each step."""
        return self.gru(inputs, hidden)[0]

    def project_fixed(self, fixed: Float[Tensor, "batch fixed"]) -> Float[Tensor, "batch gates"]:
        """Return the fixed input's contribution to the first layer's gates, the same at every step."""
        return F.linear(fixed, self._weight("weight_ih", 0)[:, self.varying :], self._weight("bias_ih", 0))

    def step(
        self,
        varying: Float[Tensor, "batch varying"],
        projected: Float[Tensor, "batch gates"],
        hidden: Float[Tensor, "layers batch width"],
    ) -> Float[Tensor, "layers batch width"]:
        """Return every layer's state after one step."""
        states: list[Tensor] = []
        both = 2 * hidden.shape[2]  # columns of the two gates
        gates = F.linear(varying, self._weight("weight_ih", 0)[:, : self.varying]) + projected
        for layer in range(self.layers):
            if layer > 0:
                gates = F.linear(states[-1], self._weight("weight_ih", layer), self._weight("bias_ih", layer))
            recurrent = F.linear(hidden[layer], self._weight("weight_hh", layer), self._weight("bias_hh", layer))
            # W x + b and U h + c, each `(batch, 3 * width)`: reset, update, new.
            reset, update = (gates[:, :both] + recurrent[:, :both]).sigmoid().chunk(2, dim=1)
            new = (gates[:, both:] + reset * recurrent[:, both:]).tanh()
            states.append(torch.lerp(new, hidden[layer], update))
        return torch.stack(states)

    def _weight(self, kind: str, layer: int) -> Tensor:
        return getattr(self.gru, f"{kind}_l{layer}")

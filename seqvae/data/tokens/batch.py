"""The batch of one step: sequences for the encoder and the decoder, with the numbers that accompany them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqvae.data.tokens.onehot import padding_mask

Tokens = Int[Tensor, "batch length"] | Float[Tensor, "batch length vocab"]


@dataclass(frozen=True)
class Batch:
    """Sequences, each followed by EOS and padding, with their labels, weights and conditions.

    Attributes:
        targets: for the decoder: ids, or soft one-hots.
        inputs: for the encoder: the same tensor, or another spelling or finer tokens of the same sequences.
        labels: `(batch, labels)`, NaN for a missing label; None if there are none.
        weights: `(batch,)`, at least 0: the weight of each sequence; None if all are equal.
        conditions: `(batch, conditions)`, NaN for a missing value; None if there are none.
    """

    targets: Tokens
    inputs: Tokens
    labels: Float[Tensor, "batch labels"] | None = None
    weights: Float[Tensor, " batch"] | None = None
    conditions: Float[Tensor, "batch conditions"] | None = None

    @staticmethod
    def of(tokens: Tokens) -> Batch:
        """Return a batch of the same sequences for encoder and decoder, without any numbers."""
        return Batch(tokens, tokens)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def mask(self) -> Bool[Tensor, "batch length"]:
        """Which positions of `targets` have a token, EOS included, rather than padding."""
        return padding_mask(self.targets)

    @property
    def labelled(self) -> Bool[Tensor, "batch labels"]:
        """Which labels are known; `(batch, 0)` for a batch without labels."""
        return self._known(self.labels)

    @property
    def conditioned(self) -> Bool[Tensor, "batch conditions"]:
        """Which conditions are known; `(batch, 0)` for a batch without conditions."""
        return self._known(self.conditions)

    def _known(self, numbers: Tensor | None) -> Tensor:
        if numbers is None:
            return torch.zeros(len(self), 0, dtype=torch.bool, device=self.targets.device)
        return ~numbers.isnan()

    def mean(self, values: Float[Tensor, "batch ..."]) -> Float[Tensor, ...]:
        """Return the weighted mean over the sequences; 0 if all weights are 0."""
        if self.weights is None:
            return values.mean(0)
        total = self.weights.sum()
        return torch.tensordot(self.weights, values, 1) / torch.where(total > 0, total, torch.ones_like(total))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the batch on a device; a tensor shared by encoder and decoder remains one tensor."""
        targets = self.targets.to(device, non_blocking=non_blocking)
        inputs = targets if self.inputs is self.targets else self.inputs.to(device, non_blocking=non_blocking)
        numbers = (self.labels, self.weights, self.conditions)
        moved = (None if part is None else part.to(device, non_blocking=non_blocking) for part in numbers)
        return Batch(targets, inputs, *moved)

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory, for faster copies to a CUDA device."""
        targets = self.targets.pin_memory()
        inputs = targets if self.inputs is self.targets else self.inputs.pin_memory()
        numbers = (self.labels, self.weights, self.conditions)
        return Batch(targets, inputs, *(None if part is None else part.pin_memory() for part in numbers))

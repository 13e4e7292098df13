"""What goes through one step: sequences for the encoder and for the decoder, and the numbers that belong to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqvae.data.tokens.onehot import padding_mask

Tokens = Int[Tensor, "batch length"] | Float[Tensor, "batch length vocab"]


@dataclass(frozen=True)
class Batch:
    """Some sequences, each ended by EOS and then padded, with what is known of them.

    Attributes:
        targets: what the decoder is to write: ids, or soft one-hots.
        inputs: what the encoder reads: the same tensor, or another spelling or finer tokens of the same sequences.
        labels: `(batch, labels)`, NaN where a label is missing; None where there are none.
        weights: `(batch,)`, from 0: what each sequence counts for; None where all count the same.
    """

    targets: Tokens
    inputs: Tokens
    labels: Float[Tensor, "batch labels"] | None = None
    weights: Float[Tensor, " batch"] | None = None

    @staticmethod
    def of(tokens: Tokens) -> Batch:
        """Return sequences that encoder and decoder read alike, of which nothing else is known."""
        return Batch(tokens, tokens)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def mask(self) -> Bool[Tensor, "batch length"]:
        """Which positions of `targets` hold a token, EOS included, and not padding."""
        return padding_mask(self.targets)

    @property
    def labelled(self) -> Bool[Tensor, "batch labels"]:
        """Which labels are known; a batch without labels has none, `(batch, 0)`."""
        if self.labels is None:
            return torch.zeros(len(self), 0, dtype=torch.bool, device=self.targets.device)
        return ~self.labels.isnan()

    def mean(self, values: Float[Tensor, "batch ..."]) -> Float[Tensor, ...]:
        """Return the mean over the sequences, by their weights; 0 where all weights are 0."""
        if self.weights is None:
            return values.mean(0)
        total = self.weights.sum()
        return torch.tensordot(self.weights, values, 1) / torch.where(total > 0, total, torch.ones_like(total))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the batch on a device; what encoder and decoder read alike stays one tensor."""
        targets = self.targets.to(device, non_blocking=non_blocking)
        inputs = targets if self.inputs is self.targets else self.inputs.to(device, non_blocking=non_blocking)
        labels = None if self.labels is None else self.labels.to(device, non_blocking=non_blocking)
        weights = None if self.weights is None else self.weights.to(device, non_blocking=non_blocking)
        return Batch(targets, inputs, labels, weights)

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory, for faster copies to a CUDA device."""
        targets = self.targets.pin_memory()
        inputs = targets if self.inputs is self.targets else self.inputs.pin_memory()
        labels = None if self.labels is None else self.labels.pin_memory()
        return Batch(targets, inputs, labels, None if self.weights is None else self.weights.pin_memory())

"""Batches and learning rate as pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from seqvae.config import TrainingConfig
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.batches import BatchStream


@dataclass(frozen=True)
class Plan:
    """The steps of a training.

    Attributes:
        steps_per_epoch: optimiser steps in each pass over the data.
        epochs: passes.
        validations_per_epoch: validations in each pass; the last one at its end.
    """

    steps_per_epoch: int
    epochs: int
    validations_per_epoch: int

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.steps_per_epoch * self.epochs

    @property
    def stride(self) -> int:
        """Steps between validations within an epoch."""
        return math.ceil(self.steps_per_epoch / self.validations_per_epoch)

    def next_validation(self, step: int) -> int:
        """Return the step after which the next validation comes."""
        epoch, within = divmod(step, self.steps_per_epoch)
        ahead = (within // self.stride + 1) * self.stride
        return epoch * self.steps_per_epoch + min(ahead, self.steps_per_epoch)

    def validation_by(self, step: int) -> int:
        """Return the step of the last validation up to this one; 0 where there is none."""
        epoch, within = divmod(step, self.steps_per_epoch)
        return epoch * self.steps_per_epoch + within // self.stride * self.stride

    def segments_left(self, step: int) -> int:
        """Return how many validations are still to come."""
        count = 0
        while step < self.steps:
            step, count = self.next_validation(step), count + 1
        return count


def learning_rate(progress: float, config: TrainingConfig) -> float:
    """Return Adam's step size when a share `progress` of the training is done (cosine: Loshchilov & Hutter 2017)."""
    if config.rate_schedule == "constant":
        return config.highest_rate
    return config.highest_rate * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class Segment:
    """The batches from one step to the next validation.

    Args:
        stream: all batches of the training data.
        plan: the training's steps.
        step: the first step.
    """

    def __init__(self, stream: BatchStream, plan: Plan, step: int) -> None:
        self.stream, self.plan, self.step = stream, plan, step

    def __len__(self) -> int:
        return self.plan.next_validation(self.step) - self.step

    def __iter__(self) -> Iterator[Batch]:
        epoch, start = divmod(self.step, self.plan.steps_per_epoch)
        batches = self.stream.batches(epoch, start)
        for _ in range(len(self)):
            yield next(batches)

"""How long a training is and in what batches, where its settings leave that to the number of texts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from seqvae.config.objective import BETA, ObjectiveConfig
from seqvae.config.run import TrainingConfig

FEW_SEQUENCES = 10_000  # see `ObjectiveConfig.beta`
# Learning rate of a network that adds to counts: at 0.001 that of 1,000 E. coli promoters was worse than the counts
# before the validation split could tell, at 0.0003 better (scripts/training/train_few.py).
RATE_ON_COUNTS = 3e-4
# Networks of few sequences, which those of the default sizes learn by heart: of 300 promoters these were 0.012 bits a
# base worse than counts, and the smallest 0.001 better; of 1,000 those of the second sizes were 0.013 worse, and the
# smallest 0.001 (scripts/training/train_few.py).
SMALL_SIZES = {
    3_000: {"latent": 8, "embedding": 16, "encoder_width": 32, "decoder_width": 64},
    FEW_SEQUENCES: {"latent": 16, "embedding": 32, "encoder_width": 64, "decoder_width": 128},
}
# Networks of aligned sequences, whose positions are the same in all. Sizes, dropout and steps were chosen on the family
# of green fluorescent protein (scripts/benchmarks/benchmark_families.py).
FAMILY_PARTS: dict[str, str | int | float] = {
    "encoder": "dense",
    "decoder": "dense",
    "latent": 16,
    "encoder_width": 64,
    "decoder_width": 64,
    "dropout": 0.3,
}
_SMALLEST_BATCH = 16  # below, a step takes hardly less time
_STEPS_PER_EPOCH = 50  # at least, where the smallest batch allows it
_MOST_EPOCHS = 60


@dataclass(frozen=True)
class Length:
    """What the length of a training is chosen by.

    Attributes:
        batch: largest batch; the one for many texts.
        epochs: fewest passes; those over many texts.
        steps: optimiser steps that a training should have; fewer texts are passed over more often, up to 60 times.
        patience: of a training with more than the fewest passes, which may learn its texts by heart; with these, see
            `patience_for_many`.
        patience_for_many: of a training with the fewest passes.
        smallest_batch: smallest batch.
    """

    batch: int
    epochs: int
    steps: int
    patience: int
    patience_for_many: int
    smallest_batch: int = _SMALLEST_BATCH


FROM_SCRATCH = Length(batch=256, epochs=10, steps=3000, patience=10, patience_for_many=0)
# Aligned sequences, many of them alike: worth a few hundred, which dense networks learn in fewer steps.
FAMILY = Length(batch=256, epochs=10, steps=1000, patience=10, patience_for_many=0, smallest_batch=64)
FINETUNING = Length(batch=64, epochs=20, steps=1000, patience=5, patience_for_many=3)
# A training from scratch on very many texts, as benchmarks of speed take it.
FOR_MANY = TrainingConfig(epochs=FROM_SCRATCH.epochs, batch_size=FROM_SCRATCH.batch, patience=0)
OBJECTIVE_FOR_MANY = ObjectiveConfig(beta=BETA)


def sizes_of(sequences: int) -> dict[str, int]:
    """Return the sizes of the networks of few sequences, fewer than 10,000."""
    return next(sizes for most, sizes in SMALL_SIZES.items() if sequences < most)


def sized(training: TrainingConfig, texts: int, validated: bool, length: Length = FROM_SCRATCH) -> TrainingConfig:
    """Return the settings with batch size, passes and patience chosen, where they are left to the number of texts.

    Args:
        training: settings; what they say is kept.
        texts: size of the training split.
        validated: whether there is a validation split, without which training cannot stop early.
        length: of a training from scratch, or of a fine-tuning.

    Examples:
        >>> found = sized(TrainingConfig(), 900, validated=True)
        >>> found.batch_size, found.epochs, found.patience
        (16, 53, 10)
        >>> found = sized(TrainingConfig(), 1_000_000, validated=True)
        >>> found.batch_size, found.epochs, found.patience
        (256, 10, 0)
    """
    batch, epochs, patience = training.batch_size, training.epochs, training.patience
    if not batch:
        fitting = texts // (_STEPS_PER_EPOCH * training.devices)
        batch = min(max(length.smallest_batch, 1 << max(fitting, 1).bit_length() - 1), length.batch)
    if not epochs:
        wanted = math.ceil(length.steps / steps_of(replace(training, batch_size=batch, epochs=1), texts))
        epochs = min(max(wanted, length.epochs), _MOST_EPOCHS)
    if patience < 0:
        chosen = length.patience if epochs > length.epochs else length.patience_for_many
        patience = chosen if validated and not training.epochs else 0
    return replace(training, batch_size=batch, epochs=epochs, patience=patience)


def weighted(objective: ObjectiveConfig, sequences: int) -> ObjectiveConfig:
    """Return the objective with its KL weight chosen, where that is left to the data.

    Args:
        objective: settings; what they say is kept.
        sequences: size of the training split, if it holds DNA, RNA or proteins; 0 for all others.
    """
    if objective.beta != -1.0:
        return objective
    return replace(objective, beta=1.0 if 0 < sequences < FEW_SEQUENCES else BETA)


def steps_of(training: TrainingConfig, texts: int) -> int:
    """Return the optimiser steps of a training whose batch size and passes are chosen."""
    return training.epochs * max(1, math.ceil(texts / (training.batch_size * training.devices)))


def told_length(asked: TrainingConfig, chosen: TrainingConfig, texts: int, noun: str) -> str:
    """Return in one line what was chosen by the number of texts; empty if nothing was.

    Args:
        asked: the settings as they were given.
        chosen: what `sized` made of them.
        texts: size of the training split.
        noun: what one text is called: molecule, sequence.
    """
    parts, flags = [], []
    if not asked.batch_size:
        parts.append(f"batches of {chosen.batch_size}")
        flags.append("--batch-size")
    if not asked.epochs:
        parts.append(f"up to {chosen.epochs} passes" if chosen.patience else f"{chosen.epochs} passes")
        flags.append("--epochs")
    if asked.patience < 0 and chosen.patience:
        parts.append(f"an end after {chosen.patience} validations without improvement")
        flags.append("--patience")
    if not parts:
        return ""
    steps = steps_of(chosen, texts)
    return (
        f"chosen for {texts:,} training {noun}s: {', '.join(parts)}; {steps:,} optimiser "
        f"step{'' if steps == 1 else 's'} at most ({', '.join(flags)} to choose)"
    )

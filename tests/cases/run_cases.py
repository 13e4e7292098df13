"""A run small enough to train in a second, for the tests of training and of what is made from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from seqvae.config import (
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    PriorConfig,
    RunConfig,
    TokenizerConfig,
    TrainingConfig,
)

SMALL = ModelConfig(latent=4, embedding=8, encoder_width=16, decoder_width=16)
# Parts without recurrence, for hundreds of steps where it does not matter which parts are trained: half the time.
FAST = {"encoder": "conv", "decoder": "position"}
# What is there to be learned, in a fraction of the steps.
HASTY = {"batch_size": 32, "learning_rate": 2e-2}


def dna_file(folder: Path, count: int = 120, length: int = 12, seed: int = 0) -> Path:
    """Write DNA with a motif at a place that differs between sequences."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        letters = rng.choice(list("ACGT"), length)
        start = rng.integers(0, length - 4)
        letters[start : start + 4] = list("TATA")
        rows.append("".join(letters))
    path = folder / "sequences.txt"
    path.write_text("\n".join(rows) + "\n")
    return path


def small_run(source: Path, **training: object) -> RunConfig:
    """Two epochs of seven steps on the CPU, without a fitted prior."""
    settings = {"epochs": 2, "batch_size": 16, "device": "cpu", "learning_rate": 1e-2, **training}
    return RunConfig(
        data=DataConfig(source=str(source), split="random", valid_fraction=0.1, test_fraction=0.1),
        tokenizer=TokenizerConfig(kind="dna"),
        model=SMALL,
        objective=ObjectiveConfig(beta=0.1),
        training=TrainingConfig(**settings),
        prior=PriorConfig(prior="none"),
    )


def with_model(run: RunConfig, **model: object) -> RunConfig:
    return replace(run, model=replace(run.model, **model))

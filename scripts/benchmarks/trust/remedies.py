"""Remedies against collapse, each alone, on sequences of which z can carry one fact: which of 16 templates it was."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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
from seqvae.evaluate.trained import ENDING, diagnose_trained
from seqvae.train.fit import train

TEMPLATES, LENGTH, LOST = 16, 24, 0.25
# One more than nothing each: the settings as they are typed on the command line.
REMEDIES: dict[str, dict[str, Any]] = {
    "none": {},
    "--beta 0.5": {"beta": 0.5},
    "--schedule cyclical": {"schedule": "cyclical"},
    "--free-bits 0.5": {"free_bits": 0.5},
    "--free-bits-total 2.8": {"free_bits_total": 2.8},
    "--word-dropout 0.4": {"word_dropout": 0.4},
    "--lagging 0.5": {"lagging": 0.5},
    "--pretraining 0.3 --free-bits 0.5": {"pretraining": 0.3, "free_bits": 0.5},
    "--target-rate 2.8": {"target_rate": 2.8},
}


def remedies(small: bool) -> dict[str, Any]:
    """Train at beta 1 with each remedy, and measure what held-out sequences cost, and what z says of them."""
    rng = np.random.default_rng(0)
    count = 200 if small else 6000
    letters = rng.integers(0, 4, (TEMPLATES, LENGTH))[rng.integers(0, TEMPLATES, count)]
    letters = np.where(rng.random(letters.shape) < LOST, rng.integers(0, 4, letters.shape), letters)
    model = ModelConfig(latent=4, embedding=8, encoder_width=24, decoder_width=48)
    found: dict[str, Any] = {}
    with TemporaryDirectory() as made:
        source = Path(made) / "sequences.txt"
        source.write_text("".join("".join("ACGT"[i] for i in row) + "\n" for row in letters))
        run = RunConfig(
            data=DataConfig(source=str(source), split="random", valid_fraction=0.05, test_fraction=0.1),
            tokenizer=TokenizerConfig(kind="dna"),
            model=model,
            objective=ObjectiveConfig(beta=1.0),
            training=TrainingConfig(
                epochs=1 if small else 40, batch_size=64, learning_rate=3e-3, patience=0, device="cpu", precision="32"
            ),
            prior=PriorConfig(prior="none"),
        )
        for number, (name, change) in enumerate(list(REMEDIES.items())[-2 if small else 0 :]):
            changed = replace(run, objective=replace(run.objective, **change))
            trained = train(changed, Path(made) / str(number), quiet=True)
            diagnosis = diagnose_trained(trained, config=replace(ENDING, samples=10))
            if diagnosis is None:
                raise RuntimeError("expected held-out sequences, got none")
            costs, known = diagnosis.metrics["likelihood"], diagnosis.metrics["information"]
            found[name] = {
                "nll": costs["nll"],
                "nll_error": costs["nll_error"],
                "rate": costs["rate"],
                "active_units": known["active_units"],
                "information": known["mutual_information"],
                "gain_over_shuffled": diagnosis.metrics["decoder_use"]["gain_over_shuffled"],
                "verdict": diagnosis.verdict.kind,
            }
    return {"sequences": count, "fact": math.log(TEMPLATES), "remedies": found}

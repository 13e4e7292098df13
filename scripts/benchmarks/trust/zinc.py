"""Posteriors, priors and remedies on ZINC250k: networks of one size, each trained for the same time of one processor.

Each differs from the plainest in one thing, and the last in two. How many molecules a model sees in one pass follows
from what its steps cost on this processor, measured first; the learning rate falls to zero over that pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from seqvae.config import DataConfig, DecodeConfig, ModelConfig, ObjectiveConfig, PriorConfig, RunConfig, TrainingConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.molecules.fcd import frechet_distance
from seqvae.latent.codec import Codec, load
from seqvae.sequences.molecules import is_valid
from seqvae.train.fit import train

Variant = tuple[dict[str, Any], dict[str, Any]]  # what differs in the model, and in the objective
VARIANTS: Mapping[str, Variant] = {
    "plain": ({}, {}),
    "posterior full": ({"posterior": "full"}, {}),
    "posterior iaf": ({"posterior": "iaf"}, {}),
    "prior mixture": ({"prior": "mixture"}, {}),
    "prior vamp": ({"prior": "vamp"}, {}),
    "prior flow": ({"prior": "flow"}, {}),
    "--free-bits 0.25": ({}, {"free_bits": 0.25}),
    "--word-dropout 0.2": ({}, {"word_dropout": 0.2}),
    "--lagging 0.3": ({}, {"lagging": 0.3}),
    "--pretraining 0.3 --free-bits 0.25": ({}, {"pretraining": 0.3, "free_bits": 0.25}),
    "--beta 0.2": ({}, {"beta": 0.2}),
    "posterior iaf, prior flow": ({"posterior": "iaf", "prior": "flow"}, {}),
}
# Half as wide as usual: a pass over the molecules then takes minutes.
SIZES = {"latent": 32, "embedding": 64, "encoder_width": 128, "decoder_width": 256}
TINY = {"latent": 4, "embedding": 8, "encoder_width": 8, "decoder_width": 8}
KEPT = ("nll_bound", "rate", "active_units", "mutual_information", "exact_reconstruction", "validity")
SECONDS = 180.0  # of one processor, for each training
HELD_OUT = 1_000  # molecules, and as many samples of the model's own prior
FEW, MORE = 2_560, 7_680  # molecules of the two trainings whose difference is what a molecule costs


def zinc(small: bool, made: Mapping[str, Any], keep: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Train every model that there is not yet, and measure it.

    Args:
        small: a few molecules.
        made: what was found before.
        keep: is told all that is found after each model.

    Returns:
        By their names, held-out metrics, the FCD of samples, molecules seen and seconds of the processor.
    """
    found = dict(made)
    texts = load_dataset("moses-sample" if small else "zinc250k").texts
    order = np.random.default_rng(0).permutation(len(texts))[: 80 if small else None]
    held_out, others = ([texts[row] for row in rows] for rows in np.split(order, [20 if small else HELD_OUT]))
    for name, (model, objective) in list(VARIANTS.items())[: 2 if small else None]:
        if name in found:
            continue
        run = RunConfig(
            data=DataConfig(split="random", valid_fraction=0.0, test_fraction=0.0),
            model=ModelConfig(**{**model, **(TINY if small else SIZES)}),
            objective=ObjectiveConfig(**{"beta": 1.0, **objective}),
            training=TrainingConfig(epochs=1, batch_size=32 if small else 128, device="cpu", patience=0),
            prior=PriorConfig(prior="none"),
        )
        with TemporaryDirectory() as tried:
            few, more = (
                _trained(run, others[:count], Path(tried))[1] for count in ((20, 40) if small else (FEW, MORE))
            )
        count = 60 if small else int(SECONDS * (MORE - FEW) / (more - few))
        found[name] = _measured(run, others[:count], held_out)
        keep({"seconds_each": SECONDS, "held_out": len(held_out), "models": found})
    return {"seconds_each": SECONDS, "held_out": len(held_out), "models": found}


def _measured(run: RunConfig, texts: Sequence[str], held_out: Sequence[str]) -> dict[str, Any]:
    with TemporaryDirectory() as made:
        codec, seconds = _trained(run, texts, Path(made))
        settings = SummarySettings(texts=len(held_out), samples=len(held_out), iwae_samples=10, protocol_texts=0)
        table = summarise(codec, held_out, None, settings)
        written = codec.generate_samples(len(held_out), DecodeConfig("sample")).texts
    valid = [text for text in written if is_valid(text)]
    fcd = frechet_distance(valid, held_out) if len(valid) > 1 else None
    seen = {"molecules": len(texts), "seconds": seconds, "fcd": fcd}
    return {**{key: getattr(table, key) for key in KEPT}, **seen}


def _trained(run: RunConfig, texts: Sequence[str], folder: Path) -> tuple[Codec, float]:
    """Train on these molecules; return the model, and the seconds that the processor worked."""
    source = folder / f"{len(texts)}.smi"
    source.write_text("".join(f"{text}\n" for text in texts))
    began = time.process_time()
    train(replace(run, data=replace(run.data, source=str(source))), folder / f"model-{len(texts)}", quiet=True)
    return load(folder / f"model-{len(texts)}", device="cpu"), time.process_time() - began

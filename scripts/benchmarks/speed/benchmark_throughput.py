"""Measure training and sampling side by side: the MOSES VAE and DD-VAE baseline recipes, and our default model.

    python -m scripts.benchmarks.speed.benchmark_throughput [--model RUN_FOLDER]

All see the same 10,000 ZINC molecules on the same cores in one run, taking turns in rounds. For all of them, molecules
are tokenized before the clock starts, and sampling is timed up to the finished strings. Also measured in the same
rounds: the rate of `torch.matmul` on 2048 x 2048 float32 matrices, what share of it our training and sampling achieve,
and how fast molecules are tokenized, by us and by the loop that the `selfies` library offers. The recipes train on
batches of random molecules, as published, and also on batches of similar lengths, as ours does: part of what makes ours
fast is a choice of batches that any recipe can make.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

import seqvae
from scripts.baselines import ddvae_recipe, moses_recipe
from scripts.benchmarks.speed import tokenizing
from scripts.benchmarks.speed.our_speed import (
    ONE_DRAW,
    SMALL_MODEL,
    Speed,
    Training,
    matmul_rate,
    sample_ids,
    sample_texts,
    training_texts,
)
from scripts.record import arguments, measured, result_path, torch_threads, write_result
from seqvae.artifact.weights import parameters
from seqvae.config import FOR_MANY, DecodeConfig, ExecutorConfig, ModelConfig
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.pack import PackedData, pack
from seqvae.latent.bulk import Bulk, BulkSettings
from seqvae.latent.codec import Codec
from seqvae.runtime.device import fast_matmul
from seqvae.runtime.executor import cores
from seqvae.sequences.tokenizers.registry import build_tokenizer

NAME = "throughput"
Rounds = dict[str, list[float]]  # what is measured: its figure in each round
MODES = {"32": False, "auto": True}  # our names of the precision; "32" is what torch does by default
RECIPES = {
    "recipe": (moses_recipe.MosesVAE, moses_recipe.LEARNING_RATE),
    "ddvae": (ddvae_recipe.DdVAE, ddvae_recipe.LEARNING_RATE),
}


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: where the molecules come from; the first ones of its training split.
        molecules: how many of them.
        vocab_size: vocabulary of our tokenizer, merges included; the default of seqvae for molecules.
        rounds: rounds of each model.
        recipe_batch: molecules per step of the recipes; all their rounds together are one epoch.
        small_batch: molecules that the recipes sample at once, as published.
        small_samples: molecules that they sample in this way per round.
        large_batch: molecules that they sample at once, once per round, to use the cores better.
        samples: molecules that ours samples per round.
        bulk_samples: molecules that ours samples on several processes, once, their start included; 0: none.
        tokenized: molecules that are tokenized per round.
        matmul_size: rows of the square matrices.
        matmul_repeats: products timed per round.
        seed: seed of all draws.
    """

    dataset: str = "zinc250k"
    molecules: int = 10_000
    vocab_size: int = 512
    rounds: int = 3
    recipe_batch: int = moses_recipe.BATCH
    small_batch: int = moses_recipe.SAMPLED_AT_ONCE
    small_samples: int = 160
    large_batch: int = 1000
    samples: int = 2048
    bulk_samples: int = 40_000
    tokenized: int = 5000
    matmul_size: int = 2048
    matmul_repeats: int = 10
    seed: int = 0


SMALL = Settings(
    "moses-sample",
    molecules=16,
    vocab_size=64,
    rounds=1,
    recipe_batch=16,
    small_batch=2,
    small_samples=2,
    large_batch=4,
    samples=16,
    bulk_samples=0,
    tokenized=20,
    matmul_size=128,
    matmul_repeats=2,
)


class Recipe:
    """A recipe; all its rounds together are one epoch.

    Args:
        name: a key of `RECIPES`.
        texts: the molecules.
        settings: what is measured.
    """

    def __init__(self, name: str, texts: Sequence[str], settings: Settings) -> None:
        self.settings = settings
        torch.manual_seed(settings.seed)
        self.alphabet = moses_recipe.Characters.of(texts)
        self.ids = [self.alphabet.encode(text) for text in texts]
        make, rate = RECIPES[name]
        self.model = make(len(self.alphabet))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate)

    def train(self, turn: int, bucketed: bool = False) -> float:
        """Return the molecules per second of one round's share of the batches.

        Args:
            turn: number of the round.
            bucketed: whether the molecules of a batch have similar lengths, the batches in random order.
        """
        size, rng = self.settings.recipe_batch, np.random.default_rng(self.settings.seed)
        order = rng.permutation(len(self.ids)).tolist()
        if bucketed:
            order.sort(key=lambda row: len(self.ids[row]))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        if bucketed:
            batches = [batches[row] for row in rng.permutation(len(batches)).tolist()]
        share = batches[turn :: self.settings.rounds]
        started = time.perf_counter()
        for batch in share:
            moses_recipe.train_step(self.model, self.optimizer, [self.ids[i] for i in batch])
        return sum(map(len, share)) / (time.perf_counter() - started)

    def sample(self, count: int, batch: int) -> float:
        """Return the sampled molecules per second, in batches of the given size."""
        started = time.perf_counter()
        made = sum(len(self.model.sample(batch, self.alphabet)) for _ in range(max(1, count // batch)))
        return made / (time.perf_counter() - started)


class Ours:
    """Our default model; each round is one epoch.

    Args:
        packed: the molecules and their tokenizer.
        config: the model.
        seed: of weights, noise and order.
    """

    def __init__(self, packed: PackedData, config: ModelConfig, seed: int) -> None:
        self.training = Training(packed, config, seed)
        self.stream = BatchStream(packed.store, BatchPlan(self.training.settings.batch_size, seed))

    def train(self, turn: int, fast: bool) -> Speed:
        """Return the speed of one pass over the molecules."""
        with fast_matmul(fast):
            return self.training.train(self.stream.batches(turn))


def sample_in_bulk(codec: Codec, count: int) -> float:
    """Return the sampled molecules per second with one process per core, their start included."""
    started = time.perf_counter()
    bulk = Bulk(codec, BulkSettings(ExecutorConfig("processes", cores())))
    made = sum(len(part.texts) for part in bulk.sample(count, DecodeConfig("sample")))
    return made / (time.perf_counter() - started)


Contestants = dict[str, dict[str, Recipe]]


def training_rounds(recipes: Contestants, ours: dict[str, Ours], settings: Settings) -> Rounds:
    """Train in turn, each model in each precision, and measure matrix products in between."""
    found: Rounds = defaultdict(list)
    for turn in range(settings.rounds):
        for mode, fast in MODES.items():
            with fast_matmul(fast):
                found[f"matmul flops, {mode}"].append(matmul_rate(settings.matmul_size, settings.matmul_repeats))
                for name, contestants in recipes.items():
                    found[f"{name}, {mode}"].append(contestants[mode].train(turn))
                    found[f"{name} bucketed, {mode}"].append(contestants[mode].train(turn, bucketed=True))
            one = ours[mode].train(turn, fast)
            found[f"ours, {mode}"].append(one.texts)
            found[f"ours flops, {mode}"].append(one.flops)
    return found


def sampling_rounds(recipes: Contestants, codec: Codec, settings: Settings) -> Rounds:
    """Sample in turn and return molecules per second; ours in float32, by the fastest products that lose no digits."""
    found: Rounds = defaultdict(list)
    for turn in range(settings.rounds):
        found["ours"].append(sample_texts(codec, settings.samples, DecodeConfig("sample", seed=turn)))
        found["ours, as recipes do"].append(sample_texts(codec, settings.samples, replace(ONE_DRAW, seed=turn)))
        speed, tokens = sample_ids(codec, settings.samples, turn)
        found["ours, ids only"].append(speed.texts)
        found["ours, tokens a text"].append(tokens)
        found["ours, ids only, flops"].append(speed.flops)
        for mode, fast in MODES.items():
            with fast_matmul(fast):
                found[f"matmul flops, {mode}"].append(matmul_rate(settings.matmul_size, settings.matmul_repeats))
                for name, contestants in recipes.items():
                    sample = contestants["32"].sample
                    small = sample(settings.small_samples, settings.small_batch)
                    found[f"{name} by small batches, {mode}"].append(small)
                    found[f"{name} in one batch, {mode}"].append(sample(settings.large_batch, settings.large_batch))
    if settings.bulk_samples:
        found["ours, on processes"].append(sample_in_bulk(codec, settings.bulk_samples))
    return found


def ratios(training: Rounds, sampling: Rounds) -> dict[str, float]:
    """Return how much faster ours is, and its share of the matmul rate, by the medians of the rounds."""
    train, sample = ({name: median(rounds) for name, rounds in part.items()} for part in (training, sampling))
    found = {
        "matmul share, 32": train["ours flops, 32"] / train["matmul flops, 32"],
        "matmul share, auto": train["ours flops, auto"] / train["matmul flops, auto"],
        "matmul share, training auto, matmul 32": train["ours flops, auto"] / train["matmul flops, 32"],
    }
    found |= {
        f"matmul share, sampling, {mode}": sample["ours, ids only, flops"] / sample[f"matmul flops, {mode}"]
        for mode in MODES
    }
    for name in RECIPES:
        shown = "training" if name == "recipe" else f"training, {name}"
        for mode in MODES:
            found[f"{shown}, bucketed, both {mode}"] = train[f"ours, {mode}"] / train[f"{name} bucketed, {mode}"]
        found[f"{shown}, both 32"] = train["ours, 32"] / train[f"{name}, 32"]
        found[f"{shown}, both auto"] = train["ours, auto"] / train[f"{name}, auto"]
        found[f"{shown}, ours auto, recipe 32"] = train["ours, auto"] / train[f"{name}, 32"]
    for name in sampling:
        if name.startswith(tuple(RECIPES)):
            found[f"sampling, {name}"] = sample["ours"] / sample[name]
            found[f"sampling as recipes do, {name}"] = sample["ours, as recipes do"] / sample[name]
            found[f"sampling ids only, {name}"] = sample["ours, ids only"] / sample[name]
            if "ours, on processes" in sample:
                found[f"sampling on processes, {name}"] = sample["ours, on processes"] / sample[name]
    return found


def measure(settings: Settings, model: ModelConfig, trained: Path | None) -> dict[str, Any]:
    """Run everything, and return the metrics."""
    texts = training_texts(settings.dataset, settings.molecules)
    recipes = {name: {mode: Recipe(name, texts, settings) for mode in MODES} for name in RECIPES}
    with TemporaryDirectory() as folder:
        packed = pack(texts, build_tokenizer("selfies", settings.vocab_size), folder, on_error="skip")
        ours = {mode: Ours(packed, model, settings.seed) for mode in MODES}
        training = training_rounds(recipes, ours, settings)
        codec = seqvae.load(trained, device="cpu") if trained else ours["auto"].training.codec()
        sampling = sampling_rounds(recipes, codec, settings)
        loops = tokenizing.rounds(texts[: settings.tokenized], packed.tokenizer, settings.rounds)
    sizes = {
        name: {"parameters": parameters(one["32"].model), "symbols": len(one["32"].alphabet)}
        for name, one in recipes.items()
    }
    return {
        "molecules": {"recipe": len(texts), "ours": len(packed.store)},
        **sizes,
        "ours": {"parameters": parameters(ours["32"].training.model), "symbols": packed.tokenizer.vocab_size},
        "sampled from": described(codec) if trained else "the model as trained in these rounds",
        "training": {name: measured(rounds) for name, rounds in training.items()},
        "sampling": {name: measured(rounds) for name, rounds in sampling.items()},
        "tokenizing": {name: measured(rounds) for name, rounds in loops.items()},
        "ratios": {**ratios(training, sampling), **tokenizing.ratios(loops)},
    }


def described(codec: Codec) -> str:
    """Return which trained model was sampled."""
    size, source = f"{parameters(codec.model):,} parameters", Path(codec.run.data.source).name
    return f"a model of {size} trained for {codec.run.training.epochs} epochs of {source}"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", type=Path, help="sample from this trained model folder, not from the rounds' model")
    given = parser.parse_args(argv)
    settings, model = (SMALL, SMALL_MODEL) if given.small else (Settings(), ModelConfig())
    with torch_threads(given.threads) as threads, torch.random.fork_rng(devices=[]):
        metrics = measure(settings, model, given.model)
    shown = {**asdict(settings), "model": asdict(model), "training": asdict(FOR_MANY), "threads": threads}
    write_result(result_path(given, NAME), NAME, shown, metrics)


if __name__ == "__main__":
    main()

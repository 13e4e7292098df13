"""Measure training and sampling side by side: the MOSES VAE recipe, and our default model.

    python scripts/benchmark_throughput.py [--model RUN_FOLDER]

Both see the same 20,000 ZINC molecules on the same cores in one run, turn by turn in rounds. Texts are turned into ids
before the clock starts, for both; sampling is timed with the making of the texts, for both. Also measured in the same
rounds: the rate of `torch.matmul` on 2048 x 2048 float32 matrices, and what share of it our training achieves.
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

import matrix_work
import moses_recipe
import numpy as np
import torch
from record import arguments, measured, result_path, torch_threads, write_result

import seqvae
from seqvae.artifact import Artifact, parameters
from seqvae.config import INFERENCE_BATCH, DecodeConfig, ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig
from seqvae.data.batches import BatchPlan, BatchStream
from seqvae.data.pack import PackedData, pack
from seqvae.data.sources import load_dataset
from seqvae.device import evaluating, fast_matmul, generator
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.model.generate import decode
from seqvae.text.build import build_tokenizer
from seqvae.text.tokenizer import SPECIALS

NAME = "throughput"
Rounds = dict[str, list[float]]  # what is measured: its figure in each round
MODES = {"32": False, "auto": True}  # our names of the precision; "32" is what torch does by default


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: where the molecules come from; the first ones of its training side.
        molecules: how many of them.
        vocab_size: of our tokenizer, merges included; the default of seqvae for molecules.
        rounds: turns that each contestant gets.
        recipe_batch: texts a step of the recipe; in all its rounds together it goes once through the molecules.
        small_batch: texts that the recipe samples at once, as published.
        small_samples: texts that it samples so in a round.
        large_batch: texts that it samples at once, once a round, to use the cores better.
        samples: texts that we sample a round.
        matmul_size: rows of the square matrices.
        matmul_repeats: products timed a round.
        seed: of all draws.
    """

    dataset: str = "zinc250k"
    molecules: int = 20_000
    vocab_size: int = 512
    rounds: int = 3
    recipe_batch: int = moses_recipe.BATCH
    small_batch: int = moses_recipe.SAMPLED_AT_ONCE
    small_samples: int = 160
    large_batch: int = 1000
    samples: int = 2000
    matmul_size: int = 2048
    matmul_repeats: int = 10
    seed: int = 0


SMALL = Settings(
    "moses-sample",
    molecules=32,
    vocab_size=64,
    rounds=2,
    recipe_batch=16,
    small_batch=2,
    small_samples=2,
    large_batch=4,
    samples=16,
    matmul_size=128,
    matmul_repeats=2,
)
SMALL_MODEL = ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16)


class Recipe:
    """The MOSES recipe, going once through the molecules in all its rounds together.

    Args:
        texts: the molecules.
        settings: what is measured.
    """

    def __init__(self, texts: Sequence[str], settings: Settings) -> None:
        self.settings = settings
        torch.manual_seed(settings.seed)
        self.alphabet = moses_recipe.Characters.of(texts)
        self.ids = [self.alphabet.encode(text) for text in texts]
        self.model = moses_recipe.MosesVAE(len(self.alphabet))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=moses_recipe.LEARNING_RATE)

    def train(self, turn: int) -> float:
        """Return the texts a second of one round's share of the batches."""
        size = self.settings.recipe_batch
        order = np.random.default_rng(self.settings.seed).permutation(len(self.ids)).tolist()
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        share = batches[turn :: self.settings.rounds]
        started = time.perf_counter()
        for batch in share:
            moses_recipe.train_step(self.model, self.optimizer, [self.ids[i] for i in batch])
        return sum(map(len, share)) / (time.perf_counter() - started)

    def sample(self, count: int, batch: int) -> float:
        """Return the sampled texts a second, in batches of the size given."""
        started = time.perf_counter()
        made = sum(len(self.model.sample(batch, self.alphabet)) for _ in range(max(1, count // batch)))
        return made / (time.perf_counter() - started)


@dataclass(frozen=True)
class Turn:
    """One round of our training: texts a second, and operations a second in matrix products."""

    sequences: float
    flops: float


class Ours:
    """Our default model, going once through the molecules in each round.

    Args:
        packed: the molecules and their tokenizer.
        config: the model; `max_length` may be left 0.
        settings: what is measured.
    """

    def __init__(self, packed: PackedData, config: ModelConfig, settings: Settings) -> None:
        self.config = replace(config, max_length=config.max_length or packed.store.max_length)
        self.training, self.packed, self.seed = TrainingConfig(), packed, settings.seed
        self.model = build_model(self.config, packed.tokenizer.vocab_size, settings.seed)
        rate = self.training.learning_rate
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate, fused=True)
        self.stream = BatchStream(packed.store, BatchPlan(self.training.batch_size, settings.seed))
        self.rng = generator(settings.seed)
        self.steps: list[tuple[int, int]] = []

    def train(self, turn: int, fast: bool) -> Turn:
        """Return the speed of one pass over the molecules."""
        self.steps.clear()
        started = time.perf_counter()
        with fast_matmul(fast):
            for batch in self.stream.batches(turn):
                self._step(batch)
        seconds = time.perf_counter() - started
        vocab = self.packed.tokenizer.vocab_size
        flops = sum(matrix_work.training_flops(*shape, self.config, vocab) for shape in self.steps)
        return Turn(sum(rows for rows, _ in self.steps) / seconds, flops / seconds)

    def _step(self, batch: torch.Tensor) -> None:
        objective = ObjectiveConfig()
        losses = self.model.losses(batch, objective.beta, objective, self.rng)
        self.optimizer.zero_grad()
        losses.loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.training.clip)
        self.optimizer.step()
        self.steps.append((batch.shape[0], batch.shape[1]))

    def codec(self) -> Codec:
        """Return the model as it stands, ready to sample."""
        return Codec(Artifact(self.model, self.config, self.packed.tokenizer, RunConfig(), {}), "cpu")


def sample_texts(codec: Codec, count: int, seed: int) -> float:
    """Return the sampled texts a second, through the API that a user calls."""
    started = time.perf_counter()
    made = len(codec.sample(count, seed=seed))
    return made / (time.perf_counter() - started)


def sample_ids(codec: Codec, count: int, seed: int) -> tuple[float, float]:
    """Return the sampled rows of ids a second, without making texts of them, and their mean length in tokens."""
    config, rng = DecodeConfig("sample", seed=seed), generator(seed)
    with evaluating(codec.model):
        started = time.perf_counter()
        parts = [
            decode(codec.model.decoder, part, config, rng).ids
            for part in codec.draw(count, seed).split(INFERENCE_BATCH)
        ]
        seconds = time.perf_counter() - started
    tokens = sum(int((ids >= len(SPECIALS)).sum()) for ids in parts)
    return count / seconds, tokens / count


def matmul_rate(size: int, repeats: int) -> float:
    """Return the operations a second of products of square float32 matrices, the first one not counted."""
    left, right = (torch.rand(size, size, generator=generator(0, side)) for side in range(2))
    torch.matmul(left, right)
    started = time.perf_counter()
    for _ in range(repeats):
        torch.matmul(left, right)
    return repeats * matrix_work.matmul_flops(size) / (time.perf_counter() - started)


def training_rounds(recipes: dict[str, Recipe], ours: dict[str, Ours], settings: Settings) -> Rounds:
    """Train turn by turn, each contestant in each precision, and measure matrix products in between."""
    found: Rounds = defaultdict(list)
    for turn in range(settings.rounds):
        for mode, fast in MODES.items():
            with fast_matmul(fast):
                found[f"matmul flops, {mode}"].append(matmul_rate(settings.matmul_size, settings.matmul_repeats))
                found[f"recipe, {mode}"].append(recipes[mode].train(turn))
            one = ours[mode].train(turn, fast)
            found[f"ours, {mode}"].append(one.sequences)
            found[f"ours flops, {mode}"].append(one.flops)
    return found


def sampling_rounds(recipe: Recipe, codec: Codec, settings: Settings) -> Rounds:
    """Sample turn by turn and return texts a second; ours computes in float32, whatever it was trained in."""
    found: Rounds = defaultdict(list)
    for turn in range(settings.rounds):
        found["ours"].append(sample_texts(codec, settings.samples, turn))
        speed, tokens = sample_ids(codec, settings.samples, turn)
        found["ours, ids only"].append(speed)
        found["ours, tokens a text"].append(tokens)
        for mode, fast in MODES.items():
            with fast_matmul(fast):
                small = recipe.sample(settings.small_samples, settings.small_batch)
                large = recipe.sample(settings.large_batch, settings.large_batch)
            found[f"recipe by small batches, {mode}"].append(small)
            found[f"recipe in one batch, {mode}"].append(large)
    return found


def ratios(training: Rounds, sampling: Rounds) -> dict[str, float]:
    """Return how much faster ours is, and its share of the matmul rate, from the rounds' medians."""
    train, sample = ({name: median(rounds) for name, rounds in part.items()} for part in (training, sampling))
    found = {
        "training, both 32": train["ours, 32"] / train["recipe, 32"],
        "training, both auto": train["ours, auto"] / train["recipe, auto"],
        "training, ours auto, recipe 32": train["ours, auto"] / train["recipe, 32"],
        "matmul share, 32": train["ours flops, 32"] / train["matmul flops, 32"],
        "matmul share, auto": train["ours flops, auto"] / train["matmul flops, auto"],
        "matmul share, training auto, matmul 32": train["ours flops, auto"] / train["matmul flops, 32"],
    }
    for name in sampling:
        if name.startswith("recipe"):
            found[f"sampling, {name}"] = sample["ours"] / sample[name]
            found[f"sampling ids only, {name}"] = sample["ours, ids only"] / sample[name]
    return found


def measure(settings: Settings, model: ModelConfig, trained: Path | None) -> dict[str, Any]:
    """Run everything, and return the figures."""
    texts = training_texts(settings)
    recipes = {mode: Recipe(texts, settings) for mode in MODES}
    with TemporaryDirectory() as folder:
        packed = pack(texts, build_tokenizer("selfies", settings.vocab_size), folder, on_error="skip")
        ours = {mode: Ours(packed, model, settings) for mode in MODES}
        training = training_rounds(recipes, ours, settings)
        codec = seqvae.load(trained, device="cpu") if trained else ours["auto"].codec()
        sampling = sampling_rounds(recipes["32"], codec, settings)
    return {
        "molecules": {"recipe": len(texts), "ours": len(packed.store)},
        "recipe": {"parameters": parameters(recipes["32"].model), "symbols": len(recipes["32"].alphabet)},
        "ours": {"parameters": parameters(ours["32"].model), "symbols": packed.tokenizer.vocab_size},
        "sampled from": described(codec) if trained else "the model as trained in these rounds",
        "training": {name: measured(rounds) for name, rounds in training.items()},
        "sampling": {name: measured(rounds) for name, rounds in sampling.items()},
        "ratios": ratios(training, sampling),
    }


def training_texts(settings: Settings) -> list[str]:
    """Return the first molecules of the dataset's training side, as published."""
    data = load_dataset(settings.dataset)
    rows = data.split.train if data.card.published else range(len(data.texts))
    return [data.texts[int(row)] for row in rows[: settings.molecules]]


def described(codec: Codec) -> str:
    """Say which trained model has been sampled."""
    size, source = f"{parameters(codec.model):,} parameters", Path(codec.run.data.source).name
    return f"a model of {size} trained for {codec.run.training.epochs} epochs of {source}"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", type=Path, help="sample from this trained model folder, not from the rounds' model")
    given = parser.parse_args(argv)
    settings, model = (SMALL, SMALL_MODEL) if given.small else (Settings(), ModelConfig())
    with torch_threads(given.threads) as threads, torch.random.fork_rng(devices=[]):
        figures = measure(settings, model, given.model)
    shown = {**asdict(settings), "model": asdict(model), "training": asdict(TrainingConfig()), "threads": threads}
    write_result(result_path(given, NAME), NAME, shown, figures)


if __name__ == "__main__":
    main()

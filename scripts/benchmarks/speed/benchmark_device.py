"""Measure training and sampling of our default model on one device, over batch sizes, against its matmul rate.

    python -m scripts.benchmarks.speed.benchmark_device [--device cuda] [--model RUN_FOLDER]

Molecules per second, and floating-point operations per second in matrix products relative to the rate of
`torch.matmul` on large square matrices of the same type in the same run. Training is in bf16 on a GPU, as with
`precision = "auto"`, and sampling in float32, as always. The clock is read after the GPU has finished.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory
from typing import Any

import torch

import seqvae
from scripts.benchmarks.speed.our_speed import (
    SMALL_MODEL,
    Speed,
    Training,
    matmul_rate,
    sample_ids,
    sample_texts,
    training_texts,
)
from scripts.record import arguments, measured, result_path, torch_threads, write_result
from seqvae.config import DEFAULT_MODEL, DecodeConfig, ModelConfig
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.pack import PackedData, pack
from seqvae.latent.codec import Codec
from seqvae.runtime.device import fast_matmul, resolve_device
from seqvae.sequences.tokenizers.registry import build_tokenizer

NAME = "device"
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: where the molecules come from; the first ones of its training split.
        molecules: how many of them.
        vocab_size: vocabulary of the tokenizer, merges included.
        rounds: repeats of each measurement, after one that is not counted.
        training_batches: molecules per step.
        steps: training steps per round.
        sampling_batches: molecules sampled at once; at most one chunk of random numbers.
        samples: molecules sampled per round.
        matmul_size: rows of the square matrices.
        matmul_repeats: products timed per round.
        seed: seed of all draws.
    """

    dataset: str = "zinc250k"
    molecules: int = 50_000
    vocab_size: int = 512
    rounds: int = 3
    training_batches: tuple[int, ...] = (128, 512, 2048)
    steps: int = 20
    sampling_batches: tuple[int, ...] = (512, 2048)
    samples: int = 16_384
    matmul_size: int = 4096
    matmul_repeats: int = 10
    seed: int = 0


SMALL = Settings("moses-sample", 32, 64, 1, (8, 16), 1, (4, 8), 8, 128, 2)


class Steps:
    """Our training at one batch size; each round takes the same batches, which are prepared before.

    Args:
        packed: molecules and their tokenizer.
        config: the model.
        batch_size: molecules per step.
        device: where it computes.
        settings: what is measured.
    """

    def __init__(
        self, packed: PackedData, config: ModelConfig, batch_size: int, device: torch.device, settings: Settings
    ) -> None:
        self.training = Training(packed, config, settings.seed, device)
        made = list(BatchStream(packed.store, BatchPlan(batch_size, settings.seed)).batches(0))
        self.batches = [made[step % len(made)] for step in range(settings.steps)]

    def speed(self) -> Speed:
        """Return the speed of the steps."""
        with fast_matmul(self.training.device.type != "cuda"):
            return self.training.train(self.batches)


def measure(settings: Settings, model: ModelConfig, codec: Codec, device: torch.device) -> dict[str, Any]:
    """Run everything, round by round, and return the metrics."""
    texts, found = training_texts(settings.dataset, settings.molecules), defaultdict(list)
    with TemporaryDirectory() as folder:
        packed = pack(texts, build_tokenizer("smiles", settings.vocab_size), folder, on_error="skip")
        training = {size: Steps(packed, model, size, device, settings) for size in settings.training_batches}
        for turn in range(settings.rounds + 1):
            for name, value in _round(settings, training, codec, device, turn).items():
                found[name] += [value] if turn else []
    return {"device": _described(device), "rounds": {name: measured(values) for name, values in found.items()}}


def _round(
    settings: Settings, training: dict[int, Steps], codec: Codec, device: torch.device, turn: int
) -> dict[str, float]:
    """Measure everything once."""
    found: dict[str, float] = {}
    for name, dtype in TYPES.items():
        found[f"matmul, {name}"] = matmul_rate(settings.matmul_size, settings.matmul_repeats, dtype, device)
    for size, one in training.items():
        speed = one.speed()
        found[f"training, {size}"], found[f"training flops, {size}"] = speed.texts, speed.flops
    for size in settings.sampling_batches:
        speed, _ = sample_ids(codec, settings.samples, turn, size)
        found[f"sampling, {size}"], found[f"sampling flops, {size}"] = speed.texts, speed.flops
    found["sampling, texts by default"] = sample_texts(codec, settings.samples, DecodeConfig("sample", seed=turn))
    return found


def _described(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="sample from this model, by name or folder")
    given = parser.parse_args(argv)
    device = resolve_device(given.device)
    settings, model = (SMALL, SMALL_MODEL) if given.small else (Settings(), ModelConfig())
    with torch_threads(given.threads) as threads, torch.random.fork_rng():
        codec = seqvae.load(given.model, device=str(device))
        metrics = measure(settings, model, codec, device)
    shown = {**asdict(settings), "model": asdict(model), "threads": threads}
    write_result(result_path(given, NAME), NAME, shown, metrics)


if __name__ == "__main__":
    main()

"""Measure training and sampling of our default model on one device, over batch sizes, against its matmul rate.

    python scripts/benchmark_device.py [--device cuda] [--model RUN_FOLDER]

Molecules a second, and floating-point operations a second in matrix products over the rate that `torch.matmul` reaches
on large square matrices of the same type in the same run. Training is in bf16 on a GPU, as `precision = "auto"` is, and
sampling in float32, as it always is. Work on a GPU is waited for before a clock is read.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import matrix_work
import torch
from record import arguments, measured, result_path, torch_threads, write_result

import seqvae
from seqvae.config import DEFAULT_MODEL, DecodeConfig, ModelConfig, ObjectiveConfig, TrainingConfig
from seqvae.data.batches import BatchPlan, BatchStream
from seqvae.data.pack import PackedData, pack
from seqvae.data.sources import load_dataset
from seqvae.device import fast_matmul, generator, resolve_device
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.text.build import build_tokenizer

NAME = "device"
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ONE_DRAW = DecodeConfig("sample", rules="none", tries=1)


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: where the molecules come from; the first ones of its training side.
        molecules: how many of them.
        vocab_size: of the tokenizer, merges included.
        rounds: turns that each measurement gets, after one that is not counted.
        training_batches: texts a step.
        steps: training steps a round.
        sampling_batches: texts sampled at once; no more than a chunk of random numbers serves.
        samples: texts sampled a round.
        matmul_size: rows of the square matrices.
        matmul_repeats: products timed a round.
        seed: of all draws.
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


SMALL = Settings("moses-sample", 32, 64, 2, (8, 16), 2, (8, 16), 16, 128, 2)
SMALL_MODEL = ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16)


class Training:
    """Our default model on a device, step after step.

    Args:
        packed: molecules and their tokenizer.
        config: the model.
        batch_size: texts a step.
        device: where it computes.
        seed: of all draws.
    """

    def __init__(
        self, packed: PackedData, config: ModelConfig, batch_size: int, device: torch.device, seed: int
    ) -> None:
        self.config, self.device, self.packed = config, device, packed
        self.model = build_model(config, packed.tokenizer.vocab_size, seed).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=TrainingConfig().learning_rate, fused=True)
        self.batches = list(BatchStream(packed.store, BatchPlan(batch_size, seed)).batches(0))
        self.rng = generator(seed, device=device)

    def rates(self, steps: int) -> tuple[float, float]:
        """Return texts a second and operations a second of matrix products."""
        taken = [self.batches[step % len(self.batches)] for step in range(steps)]
        seconds = timed(self.device, lambda: [self._step(batch) for batch in taken])
        vocab = self.packed.tokenizer.vocab_size
        flops = sum(matrix_work.training_flops(*batch.shape, self.config, vocab) for batch in taken)
        return sum(map(len, taken)) / seconds, flops / seconds

    def _step(self, batch: torch.Tensor) -> None:
        objective, cuda = ObjectiveConfig(), self.device.type == "cuda"
        with fast_matmul(not cuda), torch.autocast(self.device.type, torch.bfloat16, enabled=cuda):
            losses = self.model.losses(batch.to(self.device, non_blocking=True), objective.beta, objective, self.rng)
            self.optimizer.zero_grad()
        with fast_matmul(not cuda):
            losses.loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), TrainingConfig().clip)
            self.optimizer.step()


def timed(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds of some work, its last kernel included."""
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matmul_rate(size: int, repeats: int, dtype: torch.dtype, device: torch.device) -> float:
    """Return the operations a second of products of square matrices, the first one not counted."""
    left, right = (torch.rand(size, size, generator=generator(0, side)).to(device, dtype) for side in range(2))
    torch.matmul(left, right)
    seconds = timed(device, lambda: [torch.matmul(left, right) for _ in range(repeats)])
    return repeats * matrix_work.matmul_flops(size) / seconds


def sampling_rates(codec: Codec, count: int, batch_size: int, seed: int) -> tuple[float, float]:
    """Return rows of ids a second, and operations a second of the matrix products behind them."""
    points, how = codec.draw(count, seed), replace(ONE_DRAW, seed=seed)
    ids: list[Sequence[int]] = []
    seconds = timed(codec.device, lambda: ids.extend(codec.generate_ids(points, how, batch_size).ids))
    work = matrix_work.sampling_flops(sum(map(len, ids)) / count, codec.run.model, codec.tokenizer.vocab_size)
    return count / seconds, count * work / seconds


def measure(settings: Settings, model: ModelConfig, codec: Codec, device: torch.device) -> dict[str, Any]:
    """Run everything, turn by turn, and return the figures."""
    data, found = load_dataset(settings.dataset), defaultdict(list)
    rows = data.split.train if data.card.published else range(len(data.texts))
    texts = [data.texts[int(row)] for row in rows[: settings.molecules]]
    with TemporaryDirectory() as folder:
        packed = pack(texts, build_tokenizer("smiles", settings.vocab_size), folder, on_error="skip")
        config = replace(model, max_length=model.max_length or packed.store.max_length)
        training = {size: Training(packed, config, size, device, settings.seed) for size in settings.training_batches}
        for turn in range(settings.rounds + 1):
            for name, value in _round(settings, training, codec, device, turn).items():
                found[name] += [value] if turn else []
    return {"device": _described(device), "rounds": {name: measured(values) for name, values in found.items()}}


def _round(
    settings: Settings, training: dict[int, Training], codec: Codec, device: torch.device, turn: int
) -> dict[str, float]:
    """Measure everything once."""
    found: dict[str, float] = {}
    for name, dtype in TYPES.items():
        found[f"matmul, {name}"] = matmul_rate(settings.matmul_size, settings.matmul_repeats, dtype, device)
    for size, one in training.items():
        found[f"training, {size}"], found[f"training flops, {size}"] = one.rates(settings.steps)
    count = settings.samples
    for size in settings.sampling_batches:
        found[f"sampling, {size}"], found[f"sampling flops, {size}"] = sampling_rates(codec, count, size, turn)
    seconds = timed(device, lambda: codec.generate_samples(count, DecodeConfig("sample", seed=turn)))
    found["sampling, texts by default"] = count / seconds
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
        figures = measure(settings, model, codec, device)
    shown = {**asdict(settings), "model": asdict(model), "threads": threads}
    write_result(result_path(given, NAME), NAME, shown, figures)


if __name__ == "__main__":
    main()

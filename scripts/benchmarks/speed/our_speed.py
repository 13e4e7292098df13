"""The speed of training and sampling our model on a device, and the rate of matrix products for comparison.

The clock is read after the GPU has finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from scripts.benchmarks.speed import matrix_work
from seqvae.artifact.folder import Artifact
from seqvae.config import FOR_MANY, INFERENCE_BATCH, OBJECTIVE_FOR_MANY, DecodeConfig, ModelConfig, RunConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.pack import PackedData
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.runtime.device import generator

SMALL_MODEL = ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16)
# One draw per text, whatever it is: by default we keep rules, and draw again what is no molecule.
ONE_DRAW = DecodeConfig("sample", rules="none", tries=1)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Speed:
    """A measurement: molecules per second, and operations per second in matrix products."""

    texts: float
    flops: float


def training_texts(dataset: str, count: int) -> list[str]:
    """Return the first molecules of a dataset's published training split; without one, of the dataset."""
    data = load_dataset(dataset)
    rows = data.split.train if data.card.published else range(len(data.texts))
    return [data.texts[int(row)] for row in rows[:count]]


class Training:
    """Our default training, step after step: in bf16 on a GPU, as with `precision = "auto"`.

    Args:
        packed: molecules and their tokenizer.
        config: the model; `max_length` may be left 0.
        seed: seed of the weights and the noise.
        device: where it computes.
    """

    def __init__(self, packed: PackedData, config: ModelConfig, seed: int, device: torch.device = CPU) -> None:
        self.config = replace(config, max_length=config.max_length or packed.store.max_length)
        self.tokenizer, self.device, self.settings = packed.tokenizer, device, FOR_MANY
        self.model = build_model(self.config, packed.tokenizer.vocab_size, seed).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.settings.highest_rate, fused=True)
        self.rng = generator(seed, device=device)

    def train(self, batches: Iterable[Batch]) -> Speed:
        """Take a step with each batch of ids; the time includes making the batches."""
        shapes: list[tuple[int, int]] = []

        def work() -> None:
            for batch in batches:
                self._step(batch)
                shapes.append((batch.targets.shape[0], batch.targets.shape[1]))

        seconds = timed(self.device, work)
        flops = sum(matrix_work.training_flops(*shape, self.config, self.tokenizer.vocab_size) for shape in shapes)
        return Speed(sum(rows for rows, _ in shapes) / seconds, flops / seconds)

    def _step(self, batch: Batch) -> None:
        objective = OBJECTIVE_FOR_MANY
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            losses = self.model.losses(batch.to(self.device, non_blocking=True), objective.beta, objective, self.rng)
        self.optimizer.zero_grad()
        losses.loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()

    def codec(self) -> Codec:
        """Return the model in its current state, ready to sample."""
        return Codec(
            Artifact(self.model, self.config, self.tokenizer, RunConfig(model=self.config), {}), str(self.device)
        )


def sample_ids(codec: Codec, count: int, seed: int, batch_size: int = INFERENCE_BATCH) -> tuple[Speed, float]:
    """Return the speed of sampling rows of ids, not decoded to strings, and their mean length, end included."""
    points, how = codec.draw(count, seed), replace(ONE_DRAW, seed=seed)
    ids: list[Sequence[int]] = []
    seconds = timed(codec.device, lambda: ids.extend(codec.generate_ids(points, how, batch_size).ids))
    tokens = sum(map(len, ids)) / count
    work = matrix_work.sampling_flops(tokens, codec.run.model, codec.tokenizer.vocab_size)
    return Speed(count / seconds, count * work / seconds), tokens


def sample_texts(codec: Codec, count: int, how: DecodeConfig) -> float:
    """Return the sampled molecules per second through the public API."""
    return count / timed(codec.device, lambda: codec.generate_samples(count, how))


def matmul_rate(size: int, repeats: int, dtype: torch.dtype = torch.float32, device: torch.device = CPU) -> float:
    """Return the operations per second of products of square matrices, after one for warming up."""
    left, right = (torch.rand(size, size, generator=generator(0, side)).to(device, dtype) for side in range(2))
    torch.matmul(left, right)
    seconds = timed(device, lambda: [torch.matmul(left, right) for _ in range(repeats)])
    return repeats * matrix_work.matmul_flops(size) / seconds


def timed(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds that a call takes, its last kernel included."""
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

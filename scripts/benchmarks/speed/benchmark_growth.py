"""Time and memory as data grow: training on 10^4 to 1.5 x 10^6 molecules, sampling 10^4 to 10^6.

    python -m scripts.benchmarks.speed.benchmark_growth [--model RUN_FOLDER]

The stores are drawn from the packed molecules of the sample in the package, so that they differ in size alone. Each
measurement has a process of its own, so that its memory is its own. Sampling goes through `seqvae sample` to a file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from scripts.record import arguments, peak, resident, result_path, torch_threads, with_this_seqvae, write_result
from seqvae.config import FOR_MANY, OBJECTIVE_FOR_MANY, ModelConfig, RunConfig
from seqvae.data.tokens.store import TokenStore, writing_store
from seqvae.runtime.executor import cores

NAME = "growth"
_APPENDED = 100_000  # sequences written at a time


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: dataset whose molecules the stores repeat.
        molecules: sizes of the stores.
        steps: training steps timed on each, after as many for warming up.
        samples: numbers of molecules sampled.
        executor: executor of the sampling.
        seed: seed of all draws.
    """

    dataset: str = "moses-sample"
    molecules: tuple[int, ...] = (10_000, 100_000, 1_500_000)
    steps: int = 60
    samples: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    executor: str = "processes"
    seed: int = 0


SMALL = Settings(molecules=(100,), steps=1, samples=(4,), executor="local")
SMALL_MODEL = ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16)


def grown(store: TokenStore, size: int, path: Path, seed: int) -> None:
    """Write a store of `size` sequences, drawn from another."""
    rng = np.random.default_rng([seed, size])
    with writing_store(path) as writer:
        for start in range(0, size, _APPENDED):
            rows = rng.integers(0, len(store), min(_APPENDED, size - start))
            writer.append([store.ids(int(row)).tolist() for row in rows])


def train_on(path: Path, model: ModelConfig, vocab: int, settings: Settings) -> dict[str, float]:
    """Train some steps on a store, and return seconds per molecule and the memory of this process."""
    import torch

    from seqvae.data.tokens.batches import BatchPlan, BatchStream
    from seqvae.model.build import build_model
    from seqvae.runtime.device import fast_matmul, generator

    store, config, objective = TokenStore(path), FOR_MANY, OBJECTIVE_FOR_MANY
    vae = build_model(model, vocab, settings.seed)
    optimizer = torch.optim.Adam(vae.parameters(), lr=config.highest_rate, fused=True)
    rng, before = generator(settings.seed), time.perf_counter()
    batches = BatchStream(store, BatchPlan(config.batch_size, settings.seed)).batches(0)
    first = next(batches)
    planned = time.perf_counter() - before
    trained, tokens, largest = 0, 0, 0.0
    with fast_matmul():
        for number, batch in enumerate(_again(first, batches, 2 * settings.steps)):
            if number == settings.steps:
                started, trained, tokens = time.perf_counter(), 0, 0
            losses = vae.losses(batch, objective.beta, objective, rng)
            optimizer.zero_grad()
            losses.loss.backward()
            optimizer.step()
            trained, tokens, largest = trained + len(batch), tokens + batch.targets.numel(), max(largest, resident())
    seconds = time.perf_counter() - started
    return {
        "plan_seconds": planned,
        "seconds_a_molecule": seconds / trained,
        "seconds_a_position": seconds / tokens,
        "largest_mib": largest,
        "peak_mib": peak(),
    }


def _again(first: Any, batches: Iterable[Any], count: int) -> Iterable[Any]:  # noqa: ANN401 - tensors
    """Return this many batches, starting over where a small store has fewer."""
    known = [first, *islice(batches, count - 1)]
    return (known[number % len(known)] for number in range(count))


def make_model(folder: Path, model: ModelConfig, settings: Settings) -> tuple[TokenStore, int, ModelConfig]:
    """Pack the molecules and write a hardly trained model; return the store, the vocabulary and the sizes."""
    from dataclasses import replace

    from seqvae.artifact.folder import Artifact, save_artifact
    from seqvae.data.datasets.registry import load_dataset
    from seqvae.data.tokens.pack import pack
    from seqvae.model.build import build_model
    from seqvae.sequences.tokenizers.registry import build_tokenizer

    texts = load_dataset(settings.dataset, progress=False).texts[: max(settings.molecules)]
    packed = pack(texts, build_tokenizer("selfies", 512 if model == ModelConfig() else 64), folder / "packed")
    sized = replace(model, max_length=packed.store.max_length)
    vae = build_model(sized, packed.tokenizer.vocab_size, settings.seed)
    save_artifact(folder / "model", Artifact(vae.eval(), sized, packed.tokenizer, RunConfig(model=sized), {}))
    return packed.store, packed.tokenizer.vocab_size, sized


def sample_with(model: Path, count: int, folder: Path, settings: Settings) -> dict[str, float]:
    """Sample through the command line into a file, and return time, peak memory of the largest process, and rows."""
    out = folder / "sampled.smi"
    words = ["-n", str(count), "--out", str(out), "--executor", settings.executor, "--quiet", "--device", "cpu"]
    command = [sys.executable, "-m", "seqvae", "sample", str(model), *words]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=with_this_seqvae())
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"seqvae sample failed with exit code {process.returncode}")
    with out.open("rb") as file:
        rows = sum(1 for _ in file)
    return {"texts": rows, "seconds": seconds, "texts_a_second": rows / seconds, "peak_mib": usage.ru_maxrss / 1024}


def in_process(path: Path, model: ModelConfig, vocab: int, settings: Settings, threads: int) -> dict[str, float]:
    """Train on a store in a fresh process."""
    task = {"path": str(path), "model": asdict(model), "vocab": vocab, "settings": asdict(settings), "threads": threads}
    command = [sys.executable, "-m", "scripts.benchmarks.speed.benchmark_growth", "--task", json.dumps(task)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=with_this_seqvae())
    return json.loads(done.stdout.splitlines()[-1])


def measure(settings: Settings, model: ModelConfig, trained: Path | None, threads: int) -> dict[str, Any]:
    """Run everything, and return the metrics."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        store, vocab, sized = make_model(folder, model, settings)
        training = {}
        for size in settings.molecules:
            grown(store, size, folder / "grown.bin", settings.seed)
            training[str(size)] = in_process(folder / "grown.bin", sized, vocab, settings, threads)
        sampling = {str(n): sample_with(trained or folder / "model", n, folder, settings) for n in settings.samples}
    least, most = str(min(settings.molecules)), str(max(settings.molecules))
    few, many = str(min(settings.samples)), str(max(settings.samples))
    return {
        "training": training,
        "sampling": sampling,
        "sampled from": "a trained model" if trained else "an untrained model, whose texts are long",
        "ratios": {
            "seconds a position, largest over smallest store": training[most]["seconds_a_position"]
            / training[least]["seconds_a_position"],
            "training memory, more MiB": training[most]["largest_mib"] - training[least]["largest_mib"],
            "sampling memory, more MiB": sampling[many]["peak_mib"] - sampling[few]["peak_mib"],
        },
    }


def run_task(task: dict[str, Any]) -> None:
    """Be the fresh process that trains."""
    given = task["settings"]
    settings = Settings(**{**given, "molecules": tuple(given["molecules"]), "samples": tuple(given["samples"])})
    with torch_threads(task["threads"]):
        print(json.dumps(train_on(Path(task["path"]), ModelConfig(**task["model"]), task["vocab"], settings)))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", type=Path, help="sample from this trained model folder")
    parser.add_argument("--task", type=json.loads, help="train on one store in this process, and print its figures")
    given = parser.parse_args(argv)
    if given.task:
        run_task(given.task)
        return
    settings, model = (SMALL, SMALL_MODEL) if given.small else (Settings(), ModelConfig())
    threads = given.threads or cores()
    metrics = measure(settings, model, given.model, threads)
    write_result(result_path(given, NAME), NAME, {**asdict(settings), "threads": threads}, metrics)


if __name__ == "__main__":
    main()

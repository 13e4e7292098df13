"""Resident memory while training on a large dataset: MOSES, 1,584,663 molecules.

    python -m scripts.benchmarks.speed.benchmark_memory

Each part runs in a process of its own, as a user would run it: first everything from SMILES to packed tokens, then a
training that finds them in the cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.record import arguments, peak, resident, result_path, with_this_seqvae, write_result
from seqvae.config import DataConfig, PriorConfig, RunConfig, TrainingConfig
from seqvae.train.prepare import Prepared, prepare

NAME = "memory_moses"
_PARTS = ("packing", "training")


def prepared_data(source: str, limit: int) -> Prepared:
    """Read, split and pack a dataset with the default settings."""
    run = RunConfig(
        data=DataConfig(source=source, limit=limit),
        training=TrainingConfig(device="cpu", epochs=1),
        prior=PriorConfig(prior="none"),
    )
    with tempfile.TemporaryDirectory() as folder:
        return prepare(run, Path(folder) / "rejected.csv")


def packing(source: str, limit: int, steps: int) -> dict[str, float]:
    """Return the time and memory of reading, splitting and packing."""
    started = time.perf_counter()
    prepared = prepared_data(source, limit)
    return {"texts": len(prepared.train), "seconds": time.perf_counter() - started, "peak_mib": peak()}


def training(source: str, limit: int, steps: int) -> dict[str, float]:
    """Train some steps on packed data, and return the resident memory during them."""
    import pytorch_lightning as pl

    from seqvae.model.build import build_model
    from seqvae.train.lightning_module import Splits, TrainingShell

    class Watch(pl.Callback):
        seen: list[float] = []  # noqa: RUF012 - one watch a process

        def on_train_batch_end(self, *_: object) -> None:
            self.seen.append(resident())

    prepared = prepared_data(source, limit)
    model = build_model(prepared.run.model, prepared.tokenizer.vocab_size)
    splits = Splits(prepared.train, None, prepared.tokenizer.id_table())
    shell = TrainingShell(model, replace(prepared.run), splits, None)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = pl.Trainer(max_steps=steps, accelerator="cpu", limit_val_batches=0, callbacks=[Watch()], **quiet)
    trainer.fit(shell)
    return {"steps": len(Watch.seen), "largest_mib": max(Watch.seen), "last_mib": Watch.seen[-1], "peak_mib": peak()}


def in_process(part: str, source: str, limit: int, steps: int) -> dict[str, float]:
    """Run one part in a fresh process, so that its memory is its own."""
    numbers = ["--limit", str(limit), "--steps", str(steps)]
    command = [
        sys.executable,
        "-m",
        "scripts.benchmarks.speed.benchmark_memory",
        "--part",
        part,
        "--source",
        source,
        *numbers,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=with_this_seqvae())
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the JSON."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--source", default="moses")
    parser.add_argument("--limit", type=int, default=0, help="use only the first so many molecules; 0: all")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--part", choices=_PARTS, help="run this part in this process")
    given = parser.parse_args(argv)
    if given.part:
        print(
            json.dumps({"packing": packing, "training": training}[given.part](given.source, given.limit, given.steps))
        )
        return
    source, limit, steps = ("moses-sample", 120, 1) if given.small else (given.source, given.limit, given.steps)
    metrics = {part: in_process(part, source, limit, steps) for part in _PARTS}
    settings = {"source": source, "limit": limit, "steps": steps}
    write_result(result_path(given, NAME), NAME, settings, metrics)


if __name__ == "__main__":
    main()

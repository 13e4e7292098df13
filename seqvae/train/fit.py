"""Train a model by its settings: one call from a source of texts to a model folder."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from torch.multiprocessing import ProcessRaisedException

from seqvae.artifact.folder import PROVENANCE, RUN, Artifact, save_artifact, save_prior
from seqvae.config import PriorConfig, RunConfig
from seqvae.config.toml import read_run, run_from_dict, run_to_dict, run_toml
from seqvae.errors import TrainingError, UsageError
from seqvae.model.build import build_model
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import fast_matmul, resolve_device
from seqvae.runtime.files import atomic_file, check_folder
from seqvae.train.callbacks import Bar, Checkpointer, StopRequest, TrainingInterrupted, best_path
from seqvae.train.checkpoint import Checkpoint, Progress, load_checkpoint
from seqvae.train.lightning_module import Splits, TrainingShell
from seqvae.train.prepare import Prepared, prepare
from seqvae.train.prior.fit import check_enough, fit_prior, kept_prior

CHECKPOINT = "checkpoint.safetensors"
FINETUNE = "finetune.json"  # what a fine-tuning started from; `seqvae.train.finetune` writes it
# Settings that may differ when a training goes on: they do not change the weights.
_FREE_ON_RESUME = {"training.checkpoint_minutes"} | {f"prior.{item.name}" for item in fields(PriorConfig)}
# Settings whose default asks for what suits the data: the folder has what was found.
_FOUND = {"data.split", "tokenizer.kind", "tokenizer.vocab_size", "model.max_length"}


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        folder: the model folder.
        prepared: the data it was trained on, and the texts held out.
        progress: steps done and time taken.
    """

    folder: Path
    prepared: Prepared
    progress: Progress


def train(run: RunConfig, out: Path, resume: bool = False, quiet: bool = False, named: Collection[str] = ()) -> Trained:
    """Train a model and write it to a folder.

    Args:
        run: settings.
        out: the model folder; it also holds the logs, the checkpoint and, where texts were skipped, `rejected.csv`.
        resume: go on from the folder's checkpoint, with the folder's settings; the weights come out as if training had
            never stopped (bit for bit on a CPU with the same number of threads). Where they are finished, only a prior
            that is missing, or has other settings, is fitted. Settings of `run` that are not the defaults are then
            asked for: those of the prior and `checkpoint_minutes` replace the folder's, any other has to be the same.
        quiet: show no progress bar.
        named: settings, such as `prior.prior`, that are asked for with `resume` even where they are the defaults.

    Raises:
        UsageError: the folder holds a run already, or there is none to resume, or its texts have changed since.
        InputError: the data cannot be used, or are too few to fit a prior to; or nothing can be written there.
        NonFiniteLossError: the loss became NaN or infinite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C, after the state was saved.
    """
    if resume and (out / FINETUNE).is_file():
        raise UsageError(f"{out}: holds a fine-tuning; go on with it by seqvae finetune --resume --out {out}")
    run = settings_of(run, out, resume, named)
    resolve_device(run.training.device)
    prepared = prepare(run, out / "rejected.csv", progress=not quiet)
    tokenizer = prepared.tokenizer
    model = build_model(prepared.run.model, tokenizer.vocab_size, run.training.seed, tokenizer.pieces())
    progress = fit_model(model, prepared, out, resume, quiet)
    if not is_launched():
        save_trained(Trained(out, prepared, progress), model, quiet)
    return Trained(out, prepared, progress)


def save_trained(
    trained: Trained, model: SequenceVAE, quiet: bool = False, notes: Mapping[str, object] | None = None
) -> None:
    """Write the model folder, and fit its prior.

    Args:
        trained: folder, data and progress.
        model: as it was trained.
        quiet: show no progress bar.
        notes: what is added to the folder's provenance.
    """
    kept = kept_prior(trained.folder, model, trained.prepared.run)
    _save(trained, model, notes or {})
    _add_prior(trained.folder, trained.prepared, kept, quiet)


def _add_prior(out: Path, prepared: Prepared, kept: Artifact | None, quiet: bool) -> None:
    """Give a finished model its fitted prior: the one it had, if that is still right, or a new one."""
    if kept is not None and kept.fitted is not None:
        save_prior(out, kept.fitted, kept.default_prior, kept.provenance.get("prior", {}))
    elif prepared.run.prior.prior != "none":
        try:
            fit_prior(out, prepared.train, prepared.valid, device=prepared.run.training.device, quiet=quiet)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped while the prior was fitted; the model is whole, fit its prior with --resume --out {out}"
            ) from None


def fit_model(model: SequenceVAE, prepared: Prepared, out: Path, resume: bool = False, quiet: bool = False) -> Progress:
    """Train a model in place, and leave it with the weights that were chosen; raises as `train`.

    Args:
        model: what to train; it is overwritten where there is a checkpoint to go on from.
        prepared: settings and data.
        out: the folder of the checkpoint and the logs.
        resume: go on from the folder's checkpoint.
        quiet: show no progress bar.
    """
    if prepared.run.prior.prior != "none":
        check_enough(prepared.train, prepared.valid)
    checkpoint = _state_of(out / CHECKPOINT, prepared) if resume and (out / CHECKPOINT).is_file() else None
    shell = _shell(model, prepared, checkpoint)
    stopped_early = 0 < prepared.run.training.patience <= shell.progress.stale
    if shell.validation_due or (shell.progress.step < shell.plan.steps and not stopped_early):
        # Not where all is done: a finished model vouches for the settings that it has.
        _write_settings(out / RUN, prepared.run)
        _fit(shell, out, quiet)
    # The weights are read back: they may have been trained in other processes.
    last = load_checkpoint(out / CHECKPOINT)
    best = best_path(out / CHECKPOINT)
    chosen = load_checkpoint(best) if prepared.run.training.patience and best.is_file() else last
    model.load_state_dict(chosen.chosen)
    return last.progress


def _state_of(path: Path, prepared: Prepared) -> Checkpoint:
    """Return the state to go on from, and refuse other texts than those it was trained on."""
    found = load_checkpoint(path)
    then, now = found.data_hash[:12], prepared.data_hash[:12]
    if then not in ("", now):
        raise UsageError(
            f"{path.parent}: cannot resume: the texts of {prepared.run.data.source} are not those that the run was "
            f"trained on (their sha256 begins {now}, that of the checkpoint {then}); bring these back, or train in "
            "another folder"
        )
    return found


def settings_of(run: RunConfig, out: Path, resume: bool, named: Collection[str] = ()) -> RunConfig:
    """Return the settings to train with, and refuse to overwrite or to mix runs, or a file in the folder's place."""
    check_folder(out)
    there = (out / RUN).is_file()
    if not resume:
        if (there or (out / PROVENANCE).exists()) and not is_launched():
            raise UsageError(f"{out}: holds a run already; go on with it by --resume, or choose another folder")
        return run
    if not there:
        raise UsageError(f"{out}: no run to resume (it has no {RUN}); train without --resume")
    stored = run_from_dict(read_run(out / RUN))
    given, kept, blank = (_flat(config) for config in (run, stored, RunConfig()))
    result = run_to_dict(stored)
    for name, value in given.items():
        if value == kept[name] or (value == blank[name] and (name in _FOUND or name not in named)):
            continue
        if name not in _FREE_ON_RESUME:
            raise UsageError(
                f"{out}: cannot resume with {name} = {value!r}: the run has {kept[name]!r}; leave the setting out"
            )
        part, _, key = name.partition(".")
        result[part][key] = value
    return run_from_dict(result)


def is_launched() -> bool:
    """Tell whether a strategy of Lightning started this process beside the first one, with the same command."""
    return os.environ.get("LOCAL_RANK", "0") != "0"


def _flat(run: RunConfig) -> dict[str, Any]:
    return {f"{part}.{name}": value for part, values in run_to_dict(run).items() for name, value in values.items()}


def _write_settings(path: Path, run: RunConfig) -> None:
    with atomic_file(path) as file:
        file.write(run_toml(run).encode())


def _shell(model: SequenceVAE, prepared: Prepared, checkpoint: Checkpoint | None) -> TrainingShell:
    run = prepared.run
    if checkpoint is not None:
        try:
            model.load_state_dict(checkpoint.model)
        except RuntimeError as error:
            raise TrainingError("the checkpoint does not fit the run's model: was run.toml edited?") from error
    splits = Splits(prepared.train, prepared.valid, prepared.tokenizer.id_table(), prepared.columns, prepared.spellings)
    if model.head is not None and checkpoint is None and prepared.run.data.labels:
        model.head.standardise(torch.from_numpy(prepared.columns[0].labels))
    return TrainingShell(model, run, splits, checkpoint)


def _fit(shell: TrainingShell, out: Path, quiet: bool) -> None:
    """Run Lightning; leave random numbers, signals and precision as found."""
    stop, config = StopRequest(), shell.run.training
    cuda = resolve_device(config.device).type == "cuda"
    callbacks: list[pl.Callback] = [Checkpointer(out / CHECKPOINT, config.checkpoint_minutes, config.patience, stop)]
    if not quiet:
        callbacks.append(Bar(config.batch_size * config.devices))
    with _quiet_lightning(), fast_matmul(config.precision == "auto" and not cuda), stop.listening():
        trainer = _trainer(shell, callbacks, out)
        try:
            with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
                trainer.fit(shell)
        except (TrainingInterrupted, ProcessRaisedException) as error:
            # Of a process that it spawned, torch hands over the text alone.
            if isinstance(error, ProcessRaisedException) and TrainingInterrupted.__name__ not in str(error):
                raise
            done, steps = load_checkpoint(out / CHECKPOINT).progress.step, shell.plan.steps
            raise KeyboardInterrupt(f"stopped at step {done} of {steps}; go on with --resume --out {out}") from None


def _trainer(shell: TrainingShell, callbacks: list[pl.Callback], out: Path) -> pl.Trainer:
    config = shell.run.training
    cuda = resolve_device(config.device).type == "cuda"
    bf16 = config.precision == "bf16" or (config.precision == "auto" and cuda)
    strategy = config.strategy if config.strategy != "auto" or config.devices == 1 else "ddp_spawn"
    loggers: list[Logger] = [CSVLogger(out, name="logs"), TensorBoardLogger(out, name="logs")]
    return pl.Trainer(
        max_epochs=shell.plan.segments_left(shell.progress.step),
        accelerator="cuda" if cuda else "cpu",
        devices=config.devices,
        strategy=strategy,
        precision="bf16-mixed" if bf16 else "32-true",
        logger=loggers,
        callbacks=callbacks,
        limit_val_batches=1.0 if shell.splits.valid is not None else 0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        # Lightning validates before it trains where asked for a sanity check; -1: with all batches.
        num_sanity_val_steps=-1 if shell.validation_due else 0,
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's advice on data loaders and hardware, which does not apply to a memory map."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torch)\..*")
            warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torch)$")
            yield
    finally:
        logger.setLevel(level)


def _save(trained: Trained, model: SequenceVAE, notes: Mapping[str, object]) -> None:
    prepared = trained.prepared
    provenance = {
        "seed": prepared.run.training.seed,
        "data": {"source": prepared.run.data.source, "sha256": prepared.data_hash, "texts": len(prepared.train)},
        "training": {
            "steps": trained.progress.step,
            "seconds": round(trained.progress.seconds, 1),
            "threads": torch.get_num_threads(),
        },
        **notes,
    }
    artifact = Artifact(model.eval(), prepared.run.model, prepared.tokenizer, prepared.run, provenance)
    save_artifact(trained.folder, artifact)

"""Train a model as its settings say: one call from a source of texts to a model folder."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.strategies import StrategyRegistry
from torch.multiprocessing import ProcessRaisedException

from seqvae.artifact.folder import RUN, Artifact, save_artifact, save_prior
from seqvae.artifact.seen import seen_of
from seqvae.config import PriorConfig, RunConfig, suggestion
from seqvae.config.checks import door
from seqvae.config.sizes import sizes_of
from seqvae.config.toml import flat, read_run, run_from_dict, run_to_dict, run_toml
from seqvae.errors import ConfigError, TrainingError, UsageError
from seqvae.model.build import build_model
from seqvae.model.counting import WithCounts
from seqvae.model.decoders import DenseDecoder
from seqvae.model.priors.gaussians import ConditionalGaussian
from seqvae.model.priors.vamp import VampPrior
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import fast_matmul, resolve_device
from seqvae.runtime.files import atomic_file
from seqvae.runtime.lock import one_writer
from seqvae.runtime.progress import phase
from seqvae.train.callbacks import Bar, Checkpointer, StopRequest, TrainingInterrupted, best_path
from seqvae.train.checkpoint import Progress, load_checkpoint
from seqvae.train.counts import begin_at_shares, count
from seqvae.train.lightning_module import Splits, TrainingShell
from seqvae.train.prepare import Prepared, prepare
from seqvae.train.prior.fit import check_enough, fit_prior, kept_prior
from seqvae.train.prior.pseudo_inputs import begin_at_texts
from seqvae.train.run_folder import check_run_folder, is_launched
from seqvae.train.target import settled

CHECKPOINT = "checkpoint.safetensors"
FINETUNE = "finetune.json"  # what a fine-tuning started from; `seqvae.train.finetune` writes it
# Settings that may differ when a training is resumed: they do not change the weights.
_FREE_ON_RESUME = {"training.checkpoint_minutes"} | {f"prior.{item.name}" for item in fields(PriorConfig)}
# Settings whose default means what suits the data: the folder has the values found.
_FOUND = {"data.split", "tokenizer.kind", "tokenizer.vocab_size", "model.max_length", "model.lengths"}
_FOUND |= {"model.counts", "model.conditioned", *(f"model.{name}" for name in sizes_of(0))}
_FOUND |= {
    "tokenizer.allow_gap",
    "model.encoder",
    "model.decoder",
    "model.ends",
    "training.epochs",
    "training.batch_size",
    "training.patience",
    "training.learning_rate",
    "objective.beta",
    "objective.schedule",
}


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        folder: the model folder.
        prepared: the training data, and the texts held out.
        progress: steps done and time taken.
    """

    folder: Path
    prepared: Prepared
    progress: Progress


@door
def train(
    run: RunConfig,
    out: Path,
    resume: bool = False,
    quiet: bool = False,
    named: Collection[str] = (),
    say: Callable[[str], object] | None = None,
    start: Artifact | None = None,
) -> Trained:
    """Train a model and write it to a folder.

    Args:
        run: settings.
        out: the model folder; it also holds the logs, the checkpoint and, where texts were skipped, `rejected.csv`.
        resume: resume from the folder's checkpoint, with the folder's settings; the weights are the same as if training
            had never stopped (bit for bit on a CPU with the same number of threads). If training had finished, only a
            prior that is missing, or has other settings, is fitted. Settings of `run` that are not the defaults are
            requests: those of the prior and `checkpoint_minutes` replace the folder's, any other has to be the same.
        quiet: show no progress bar.
        named: settings, such as `prior.prior`, that are requests with `resume` even if they are the defaults.
        say: is told, a line at a time, what was read and how it is split.
        start: a model of the same settings and data whose weights training begins with; `seqvae.train.finetune` is for
            other data.

    Raises:
        UsageError: the folder holds a run already, or there is none to resume, or its texts have changed since.
        TrainingError: the weights of `start` are of other sizes.
        InputError: the data cannot be used, or are too few to fit a prior to; or the folder cannot be written.
        NonFiniteLossError: the loss became NaN or infinite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C, after the state was saved.
    """
    if resume and (out / FINETUNE).is_file():
        raise UsageError(f"{out}: holds a fine-tuning; resume it by seqvae finetune --resume --out {out}")
    run = settings_of(run, out, resume, named)
    resolve_device(run.training.device)
    with alone_in(out, resume):
        prepared = prepare(run, out / "rejected.csv", not quiet, start.tokenizer if start else None, say)
        tokenizer = prepared.tokenizer
        parts = (tokenizer.pieces(), tokenizer.complements())
        model = build_model(prepared.run.model, tokenizer.vocab_size, run.training.seed, *parts)
        if start is not None:
            try:
                model.load_state_dict(start.model.state_dict())
            except RuntimeError as error:
                raise TrainingError("the model to start from does not fit the settings and the data") from error
        else:  # some parts of a new model begin at the training texts, and not at random
            if isinstance(model.prior, VampPrior):
                begin_at_texts(model.prior, prepared.train, tokenizer.id_table(), prepared.run.training.seed)
            if isinstance(model.decoder, WithCounts):
                count(model.decoder, prepared.train)
            if isinstance(model.decoder, DenseDecoder):
                begin_at_shares(model.decoder, prepared.train, prepared.columns[0].weights)
        progress = fit_model(model, prepared, out, resume, quiet)
        prepared = settled(prepared, progress, say)
        if not is_launched():
            save_trained(Trained(out, prepared, progress), model, quiet, before=start, say=say)
        return Trained(out, prepared, progress)


@contextmanager
def alone_in(out: Path, resume: bool) -> Iterator[None]:
    """Keep other trainings from a folder; a copy of this process, as Lightning makes them, shares it.

    Raises:
        UsageError: another training works there, or has begun there just now.
    """
    if is_launched():
        yield
        return
    with one_writer(out, "a training"):
        check_run_folder(out, resume)  # once more: another process may have been faster
        yield


def check_strategy(name: str) -> None:
    """Raise ConfigError, before any data are read, where Lightning has no strategy of that name."""
    known = ["auto", *StrategyRegistry.available_strategies()]
    if name not in known:
        raise ConfigError(f"training.strategy: unknown value {name!r}{suggestion(name, known)}")


def save_trained(
    trained: Trained,
    model: SequenceVAE,
    quiet: bool = False,
    notes: Mapping[str, object] | None = None,
    before: Artifact | None = None,
    say: Callable[[str], object] | None = None,
) -> None:
    """Write the model folder, and fit its prior.

    Args:
        trained: folder, data and progress.
        model: as it was trained.
        quiet: show no progress bar.
        notes: what is added to the folder's provenance.
        before: the model that the training began with, whose training data the new one has seen too.
        say: is told whether the fitted prior is kept, where the model has learned one of its own.
    """
    out, prepared, run = trained.folder, trained.prepared, trained.prepared.run
    kept = kept_prior(out, model, run)
    provenance = {
        "seed": run.training.seed,
        "data": {"source": run.data.source, "sha256": prepared.data_hash, "texts": len(prepared.train)},
        "training": {
            "steps": trained.progress.step,
            "seconds": round(trained.progress.seconds, 1),
            "threads": torch.get_num_threads(),
        },
        **({"family": prepared.family.to_dict()} if prepared.family else {}),
        **(notes or {}),
    }
    old = before.seen if before else None
    seen = seen_of(prepared.trained_on(), prepared.tokenizer, old, whole=before is None or old is not None)
    save_artifact(out, Artifact(model.eval(), run.model, prepared.tokenizer, run, provenance, seen=seen))
    if kept is not None and kept.fitted is not None:
        save_prior(out, kept.fitted, kept.default_prior, kept.provenance.get("prior", {}))
    elif run.prior.prior != "none":
        try:
            with phase("fitting a prior to the latent points", quiet):
                report = fit_prior(out, prepared.train, prepared.valid, device=run.training.device, quiet=quiet)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped while the prior was fitted; the model is complete, fit its prior with --resume --out {out}"
            ) from None
        if say is not None and report.own != "normal":
            say(report.verdict)


def fit_model(model: SequenceVAE, prepared: Prepared, out: Path, resume: bool = False, quiet: bool = False) -> Progress:
    """Train a model in place, and leave it with the weights that were chosen; raises as `train`.

    Args:
        model: the model to train; a checkpoint to resume from replaces its weights.
        prepared: settings and data.
        out: the folder of the checkpoint and the logs.
        resume: resume from the folder's checkpoint.
        quiet: show no progress bar.
    """
    if prepared.run.prior.prior != "none":
        check_enough(prepared.train, prepared.valid)
    shell = _shell(model, prepared, out / CHECKPOINT if resume and (out / CHECKPOINT).is_file() else None)
    stopped_early = 0 < prepared.run.training.patience <= shell.progress.stale
    if shell.validation_due or (shell.progress.step < shell.plan.steps and not stopped_early):
        # Not if training had finished: the settings in the folder are those that the model was made with.
        with atomic_file(out / RUN) as file:
            file.write(run_toml(prepared.run).encode())
        _fit(shell, out, quiet)
    # The weights are read from the file: they may have been trained in other processes.
    last = load_checkpoint(out / CHECKPOINT)
    best = best_path(out / CHECKPOINT)
    chosen = load_checkpoint(best) if prepared.run.training.patience and best.is_file() else last
    model.load_state_dict(chosen.chosen)
    return last.progress


def settings_of(run: RunConfig, out: Path, resume: bool, named: Collection[str] = ()) -> RunConfig:
    """Return the settings to train with; refuse to overwrite or mix runs, or a file in place of the folder."""
    check_run_folder(out, resume)
    check_strategy(run.training.strategy)
    if not resume:
        return run
    values = read_run(out / RUN)
    # as it was before there were these settings
    values["model"] = {"lengths": "free", "ends": "learned", "conditioned": "prior", **values.get("model", {})}
    stored = run_from_dict(values)
    given, kept, blank = (flat(run_to_dict(config)) for config in (run, stored, RunConfig()))
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


def _shell(model: SequenceVAE, prepared: Prepared, path: Path | None) -> TrainingShell:
    """Return a training at its first step, or as the checkpoint has it; refuse one of other texts or another model."""
    run, checkpoint = prepared.run, None
    if path is not None:
        checkpoint = load_checkpoint(path)
        then, now = checkpoint.data_hash[:12], prepared.data_hash[:12]
        if then not in ("", now):
            raise UsageError(
                f"{path.parent}: cannot resume: the texts of {run.data.source} are not those that the run was "
                f"trained on (their sha256 begins {now}, that of the checkpoint {then}); put those back, or train in "
                "another folder"
            )
        try:
            model.load_state_dict(checkpoint.model)
        except RuntimeError as error:
            raise TrainingError("the checkpoint does not fit the run's model: was run.toml edited?") from error
    else:
        columns = prepared.columns[0]
        if model.head is not None and run.data.label_names:
            model.head.standardise(torch.from_numpy(columns.labels))
        if isinstance(model.prior, ConditionalGaussian) and columns.conditions is not None:
            model.prior.standardise(torch.from_numpy(columns.conditions))
            if model.classes is not None:
                model.classes.take_shares(torch.from_numpy(columns.conditions))
    table = prepared.tokenizer.id_table()
    drawn = prepared.family is not None
    splits = Splits(prepared.train, prepared.valid, table, prepared.columns, prepared.spellings, drawn)
    return TrainingShell(model, run, splits, checkpoint)


def _fit(shell: TrainingShell, out: Path, quiet: bool) -> None:
    """Run Lightning, leaving random numbers, signals and precision as found."""
    stop, config = StopRequest(), shell.run.training
    cuda = resolve_device(config.device).type == "cuda"
    callbacks: list[pl.Callback] = [Checkpointer(out / CHECKPOINT, config.checkpoint_minutes, config.patience, stop)]
    if not quiet:
        callbacks.append(Bar())
    with _quiet_lightning(), fast_matmul(config.precision == "auto" and not cuda), stop.listening():
        trainer = _trainer(shell, callbacks, out)
        try:
            with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
                trainer.fit(shell)
        except (TrainingInterrupted, ProcessRaisedException) as error:
            # From a process that it spawned, torch passes on only the text of the error.
            if isinstance(error, ProcessRaisedException) and TrainingInterrupted.__name__ not in str(error):
                raise
            done, steps = load_checkpoint(out / CHECKPOINT).progress.step, shell.plan.steps
            raise KeyboardInterrupt(f"stopped at step {done} of {steps}; resume with --resume --out {out}") from None


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
        # As a sanity check, Lightning validates before it trains; -1: with all batches.
        num_sanity_val_steps=-1 if shell.validation_due else 0,
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's advice on data loaders and hardware, which does not apply to memory-mapped data."""
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

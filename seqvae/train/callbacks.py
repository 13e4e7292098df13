"""Around the steps: the progress bar, checkpoints, stopping at Ctrl-C or when validation no longer improves."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from tqdm import tqdm

from seqvae.errors import NonFiniteLossError
from seqvae.runtime.progress import NowAndThen, clock, columns, on_terminal, write_line
from seqvae.runtime.signals import remember, unblock
from seqvae.train.checkpoint import save_checkpoint
from seqvae.train.lightning_module import TrainingShell

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(Exception):
    """Carries a Ctrl-C out of Lightning, after the checkpoint has been written."""


class StopRequest:
    """Remembers a Ctrl-C, or a SIGTERM, until the current step is done; a second one ends the program at once."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the context lasts; only the main thread can."""
        before = {number: signal.getsignal(number) for number in _STOPPING}
        self.listen()
        try:
            yield
        finally:
            if _can_listen():
                for number, handler in before.items():
                    signal.signal(number, handler)

    def listen(self) -> None:
        """Listen from now on, for good, as a process does that was made for the training alone."""

        def handle(number: int, frame: FrameType | None) -> None:
            """Ask for a stop; a second time, stop at once."""
            remember(number)
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        if _can_listen():
            unblock()
            for number in _STOPPING:
                signal.signal(number, handle)


def _can_listen() -> bool:
    return threading.current_thread() is threading.main_thread()


class Checkpointer(pl.Callback):
    """Writes the training's state every few minutes, at each validation, and when asked to stop.

    Args:
        path: the checkpoint's file.
        minutes: time between checkpoints; 0: at validations only.
        patience: validations without a better objective after which training stops; 0: never.
        stop: knows of a Ctrl-C.
    """

    def __init__(self, path: Path, minutes: float, patience: int, stop: StopRequest) -> None:
        self.path, self.minutes, self.patience, self.stop = path, minutes, patience, stop
        self._saved = self._counted = time.monotonic()

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock, and listen: with several processes, each of them is sent the Ctrl-C."""
        self.stop.listen()
        self._saved = self._counted = time.monotonic()

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen again: by now Lightning has put a handler of its own in place, which ends all at SIGTERM, unsaved."""
        self.stop.listen()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen again, as where there is no sanity check."""
        self.stop.listen()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save when it is time, or stop when asked to."""
        self._leave_if_asked(trainer, pl_module)
        if self.minutes > 0 and time.monotonic() - self._saved > 60 * self.minutes:
            self._save(trainer, pl_module)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop when asked to; the state before this validation is saved, and a resumed training repeats it."""
        self._leave_if_asked(trainer, pl_module)

    def on_sanity_check_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after the validation that a resumed training starts with, as after any other."""
        self.on_train_epoch_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after each validation, and keep the best weights if training may stop early."""
        shell = _shell(pl_module)
        # The best state first: killed between the two, training resumes before this validation and repeats it.
        if self.patience and shell.progress.stale == 0:
            self._save(trainer, pl_module, best_path(self.path))
        self._save(trainer, pl_module)
        if self.patience and shell.progress.stale >= self.patience:
            trainer.should_stop = True

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule, path: Path | None = None) -> None:
        shell, now = _shell(module), time.monotonic()
        shell.check_loss()
        shell.progress = replace(shell.progress, seconds=shell.progress.seconds + now - self._counted)
        self._saved = self._counted = now
        if trainer.is_global_zero:
            bad = [name for name, p in shell.model.named_parameters() if not bool(torch.isfinite(p).all())]
            if bad:  # they must not replace a good checkpoint
                raise NonFiniteLossError(
                    f"weights became NaN or infinite by step {shell.progress.step} ({bad[0]}); the last good "
                    "checkpoint is kept: try a lower learning rate or a tighter clip"
                )
            data = shell.splits.data_hash
            save_checkpoint(path or self.path, shell.model, trainer.optimizers[0], shell.progress, data, shell.averaged)

    def _leave_if_asked(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save and stop: all processes after the same step, and none before the state is written."""
        if trainer.strategy.reduce_boolean_decision(self.stop.asked, all=False):
            self._save(trainer, module)
            trainer.strategy.barrier()
            raise TrainingInterrupted


def best_path(path: Path) -> Path:
    """Return the path of the best state, beside that of the last one."""
    return path.with_name(f"best-{path.name}")


class Bar(pl.Callback):
    """One line of progress over the whole training, on standard error: a bar on a terminal, else a line now and then.

    Args:
        width: columns of the bar.
    """

    def __init__(self, width: int | None = None) -> None:
        self.width = width or columns()
        self._bar: tqdm[Any] | None = None
        self._lines: NowAndThen | None = None  # of a process that shows progress without a terminal
        self._began, self._first = 0.0, 0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the bar, from the first step or the one that training resumes from."""
        shell = _shell(pl_module)
        if not trainer.is_global_zero:
            return
        self._began, self._first = time.monotonic(), shell.progress.step
        if not on_terminal():
            self._lines = NowAndThen()
            return
        self._bar = tqdm(
            total=shell.plan.steps,
            initial=shell.progress.step,
            ncols=self.width,
            smoothing=0.05,
            bar_format="{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}{postfix}]",
        )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Move the bar, and show the last metrics."""
        shell = _shell(pl_module)
        shown, done = shell.metrics, shell.progress.step
        if shown is None:
            return
        epoch = f"epoch {(done - 1) // shell.plan.steps_per_epoch + 1}/{shell.plan.epochs}"
        if self._bar is not None:
            self._bar.set_description_str(epoch, refresh=False)
            self._bar.set_postfix_str(f"{shown.bits_per_token:.3f} bits/token, rate {shown.rate:.1f}", refresh=False)
            self._bar.update(1)
        elif self._lines is not None and self._lines.due:
            gone = time.monotonic() - self._began
            left = gone / (done - self._first) * (shell.plan.steps - done)
            write_line(
                f"{epoch}, step {done:,} of {shell.plan.steps:,}: {shown.bits_per_token:.3f} bits/token; "
                f"{clock(gone)} gone, {clock(left)} left"
            )

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write a line after each validation; without a terminal, where one is due."""
        shell = _shell(pl_module)
        if shell.valid_metrics is None or (self._bar is None and (self._lines is None or not self._lines.due)):
            return
        seen = shell.valid_metrics
        averaged = " (averaged weights)" if shell.averaged is not None and shell.progress.averaged else ""
        said = (
            f"step {seen.step:,}{averaged}: validation {seen.bits_per_token:.3f} bits/token, "
            f"rate {seen.rate:.2f}, distortion {seen.distortion:.2f}"
        )
        if self._bar is None:
            write_line(said)
        else:
            self._bar.write(said, file=self._bar.fp)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _shell(module: pl.LightningModule) -> TrainingShell:
    """Narrow Lightning's type to ours."""
    if not isinstance(module, TrainingShell):
        raise TypeError(f"expected a TrainingShell, got {type(module).__name__}")
    return module

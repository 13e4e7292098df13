"""The Lightning module: it holds the model and the step; pure functions compute everything else."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from seqvae.config import RunConfig
from seqvae.data.columns import Columns
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.spellings import Spellings
from seqvae.data.tokens.store import TokenStore
from seqvae.errors import NonFiniteLossError
from seqvae.model.build import build_decoder
from seqvae.model.counting import WithCounts
from seqvae.model.objective import beta_at, exactly, target_of
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import exact_products, seed_global
from seqvae.runtime.streams import ANEW, TRAINING_DROPOUT, TRAINING_NOISE, VALIDATION_NOISE
from seqvae.train.checkpoint import Checkpoint, Progress
from seqvae.train.prepare import data_hash
from seqvae.train.schedule import Plan, Segment, learning_rate

_Tensors = tuple[Tensor, ...] | list[Tensor]
_ADJUST_EVERY = 10  # steps between moves of beta towards a target: each reads a number from the device
_AT_REST = 0.25  # share of a training in which nothing comes back whatever beta is, so that it does not move
_KEPT = 0.9  # of the running mean of what the target is about, per move
_LOG_EVERY = 20  # steps between metrics: reading them from a GPU more often would stall it


@dataclass(frozen=True)
class StepMetrics:
    """Metrics of a step or a validation, in nats per sequence unless the name says otherwise."""

    step: int
    loss: float
    rate: float
    distortion: float
    bits_per_token: float
    beta: float


@dataclass(frozen=True)
class Splits:
    """The packed data; each process cuts its own share of the batches from it.

    Attributes:
        train: training texts.
        valid: validation texts; None: no validation.
        id_table: the tokenizer's table of ids, `(n_ids, vocab)`, for texts with ambiguity codes.
        columns: labels, weights and conditions of the training texts, and of the validation texts.
        spellings: of the training texts, for the encoder.
        drawn: training texts are drawn by their weights, and validation texts count by theirs, as those of a family.
    """

    train: TokenStore
    valid: TokenStore | None
    id_table: NDArray[np.float32]
    columns: tuple[Columns, ...] = ()
    spellings: Spellings | None = None
    drawn: bool = False

    @property
    def data_hash(self) -> str:
        """sha256 over both splits, as in `Prepared`."""
        return data_hash(self.train, self.valid, self.columns)

    def stream(self, run: RunConfig, *, train: bool, rank: int, world_size: int) -> BatchStream:
        """Return one process's batches of one split; validation batches have a fixed order."""
        store = self.train if train or self.valid is None else self.valid
        columns = self.columns[0 if store is self.train else 1] if self.columns else None
        plan = BatchPlan(run.training.batch_size, run.training.seed, train, rank, world_size)
        spellings = self.spellings if train else None
        return BatchStream(store, plan, id_table=self.id_table, columns=columns, spellings=spellings, drawn=self.drawn)


class TrainingShell(pl.LightningModule):
    """Trains a model by the plan; the state of the training is `progress` and the optimiser.

    Args:
        model: the model.
        run: settings.
        splits: data.
        checkpoint: where to resume from, if anywhere.
    """

    def __init__(self, model: SequenceVAE, run: RunConfig, splits: Splits, checkpoint: Checkpoint | None) -> None:
        super().__init__()
        self.model, self.run, self.splits, self.checkpoint = model, run, splits, checkpoint
        self.progress = checkpoint.progress if checkpoint else Progress()
        steps = len(splits.stream(run, train=True, rank=0, world_size=run.training.devices))
        self.plan = Plan(steps, run.training.epochs, run.training.validations_per_epoch)
        self.metrics: StepMetrics | None = None
        self.valid_metrics: StepMetrics | None = None
        self.averaged = averaged_weights(model, run.training.average, checkpoint)
        self._sums: Tensor | None = None
        self._pending: tuple[int, float, Tensor] | None = None
        self.target = target_of(run.objective)
        if self.target is not None and not self.progress.beta:
            self.progress = replace(self.progress, beta=run.objective.weight)
        self._towards: Tensor | None = None  # what the target is about, in a step after which beta moves

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam, with its moments if training is resumed."""
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.run.training.highest_rate, fused=True)
        if self.checkpoint:
            self.checkpoint.restore_optimizer(optimizer)
        return optimizer

    def train_dataloader(self) -> Segment:
        """Return the batches up to the next validation; Lightning asks again after each."""
        return Segment(self._stream(train=True), self.plan, self.progress.step)

    def val_dataloader(self) -> BatchStream | list[Batch]:
        """Return the validation batches, always the same."""
        return self._stream(train=False) if self.splits.valid is not None else []

    def _stream(self, train: bool) -> BatchStream:
        return self.splits.stream(self.run, train=train, rank=self.global_rank, world_size=self.trainer.world_size)

    @property
    def beta(self) -> float:
        """The KL weight of the next step."""
        return beta_at(self.share_done, self.run.objective) if self.target is None else self.progress.beta

    @property
    def share_done(self) -> float:
        """Share of the training that is done, 0 to 1."""
        return self.progress.step / self.plan.steps

    @property
    def validation_due(self) -> bool:
        """Whether training stands where a validation belongs that has not been finished.

        One belongs before the first step of a decoder that stands on counts: these may be the best there is.
        """
        due = self.plan.validation_by(self.progress.step)
        counted = isinstance(self.model.decoder, WithCounts) and math.isinf(self.progress.best)
        return self.splits.valid is not None and (self.progress.validated < due or (counted and not self.progress.step))

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set this step's learning rate, and the seed of its dropout; give up the decoder that an autoencoder had."""
        pretraining = self.run.objective.pretraining
        if pretraining and self.progress.step == math.ceil(pretraining * self.plan.steps):
            self._begin_decoder_anew()
        rate = learning_rate(self.share_done, self.run.training)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        seed_global(TRAINING_DROPOUT.seed(self.run.training.seed, self.progress.step, self.global_rank), self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch, mean nats per sequence."""
        step, seed = self.progress.step, self.run.training.seed
        beta = self.beta
        rng = TRAINING_NOISE.generator(seed, step, self.global_rank, device=batch.targets.device)
        losses = self.model.losses(batch, beta, self.run.objective, rng)
        if self.target is not None and self.target.quantity != "reconstruction" and (step + 1) % _ADJUST_EVERY == 0:
            self._towards = losses.rate if self.target.quantity == "rate" else losses.distortion
        tokens = batch.mask.sum() / len(batch)
        self._pending = (step, beta, torch.stack([losses.loss.detach(), losses.rate, losses.distortion, tokens]))
        if batch.targets.device.type == "cpu" or step % _LOG_EVERY == 0:  # free on the CPU, a stall on a GPU
            self.check_loss()
        if step % _LOG_EVERY == 0 and self.metrics is not None:
            self._log("train", self.metrics)
        return losses.loss

    def _begin_decoder_anew(self) -> None:
        """Give the decoder fresh weights, forget Adam's moments of it, and what validated best before."""
        decoder, sizes = self.model.decoder, self.run.model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(ANEW.seed(self.run.training.seed))
            fresh = build_decoder(sizes, self.splits.id_table.shape[1])
        if isinstance(decoder, WithCounts) and isinstance(fresh, WithCounts):  # the counts stay
            decoder, fresh = decoder.inner, fresh.inner
        decoder.load_state_dict(fresh.state_dict())
        for optimizer in self.trainer.optimizers:
            for weight in decoder.parameters():
                optimizer.state.pop(weight, None)
        self.progress = replace(self.progress, best=math.inf, stale=0)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradient's norm: Lightning's own clipping refuses fused optimisers in bf16, needlessly here.

        While the encoder may lag, only every few steps have gradients for the decoder and the prior.
        """
        objective = self.run.objective
        if self.share_done < objective.lagging and (self.progress.step + 1) % objective.encoder_steps:
            own = {id(weight) for weight in self.model.encoder.parameters()}
            for weight in self.model.parameters():
                if id(weight) not in own:
                    weight.grad = None
        if self.run.training.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.run.training.clip)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Lightning's own arguments
        """Take the step, and count it at once: a checkpoint may follow at any time."""
        super().optimizer_step(*args, **kwargs)
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)
        self.progress = replace(self.progress, step=self.progress.step + 1)
        if self._towards is not None:
            found, self._towards = self.trainer.strategy.reduce(self._towards, reduce_op="mean"), None
            self._move_beta(float(found))

    def _move_beta(self, found: float) -> None:
        """Move beta towards the target, by what was found since it was moved last."""
        if self.target is None:
            return
        whole = self.target.quantity == "reconstruction"  # of all validation texts, where other values are of a batch
        before = found if self.progress.reached is None else self.progress.reached
        kept = 0.0 if whole else _KEPT
        pace = learning_rate(self.share_done, self.run.training) / self.run.training.highest_rate
        if whole and self.share_done < _AT_REST:
            pace = 0.0
        beta = self.target.adjusted(self.progress.beta, found, before, pace)
        self.progress = replace(self.progress, beta=beta, reached=kept * before + (1 - kept) * found)

    def check_loss(self) -> None:
        """Read the last step's metrics.

        Raises:
            NonFiniteLossError: the loss is NaN or infinite.
        """
        if self._pending is None:
            return
        step, beta, values = self._pending
        loss, rate, distortion, tokens = values.tolist()
        if not math.isfinite(loss):
            epoch, batch = divmod(step, self.plan.steps_per_epoch)
            raise NonFiniteLossError(
                f"the loss became {loss} at batch {batch + 1} of epoch {epoch + 1} (step {step + 1}; rate {rate:.4g}, "
                f"distortion {distortion:.4g} nats); the last good checkpoint is kept: "
                "try a lower learning rate or a tighter clip"
            )
        self.metrics = StepMetrics(step, loss, rate, distortion, (rate + distortion) / tokens / math.log(2), beta)

    def on_validation_epoch_start(self) -> None:
        """Start the sums."""
        self._sums = torch.zeros(len(self._candidates), 5, device=self.device, dtype=torch.float64)

    @property
    def _candidates(self) -> list[SequenceVAE]:
        """The model with its last weights, and with averaged ones."""
        return [self.model] if self.averaged is None else [self.model, cast(SequenceVAE, self.averaged.module)]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add one batch's distortion, rate, texts, tokens and exact reconstructions to each set of weights' sums."""
        if self._sums is None:
            return
        weights = batch.weights if self.splits.drawn else None
        weights = torch.ones(len(batch), device=self.device) if weights is None else weights
        counts = torch.stack([weights.sum(), (batch.mask.sum(1) * weights).sum()])
        for model, sums in zip(self._candidates, self._sums, strict=True):
            rng = VALIDATION_NOISE.generator(self.run.training.seed, batch_idx, device=batch.targets.device)
            with exact_products(batch.targets.device):
                bounds = model.bounds(batch, rng)
                exact = torch.zeros((), device=batch.targets.device)
                if self.target is not None and self.target.quantity == "reconstruction":
                    z = model.posterior(batch.inputs, batch.conditions).mean
                    decoded = model.decoder(model.points(z, batch.conditions), batch.targets)
                    exact = exactly(decoded, batch.targets).sum()
            found = torch.stack([(part.double() * weights).sum() for part in (bounds.distortion, bounds.rate)])
            sums += torch.cat([found, counts, exact.unsqueeze(0)])

    def on_validation_epoch_end(self) -> None:
        """Compute the metrics over all processes, choose the weights, and compare them with the best so far."""
        if self._sums is None:
            return
        total = torch.as_tensor(self.trainer.strategy.reduce(self._sums, reduce_op="sum"))
        beta = self.run.objective.weight if self.target is None else self.progress.beta
        found = []
        for distortion, rate, texts, tokens in total[:, :4].tolist():
            distortion, rate, bits = distortion / texts, rate / texts, (distortion + rate) / tokens / math.log(2)
            found.append(StepMetrics(self.progress.step, distortion + beta * rate, rate, distortion, bits, beta))
        averaged = found[-1].loss < found[0].loss
        self.valid_metrics = found[-1] if averaged else found[0]
        # With a target the objective moves, and the last weights are the ones that were fitted to it.
        moving = self.target is not None or self.share_done <= self.run.objective.pretraining > 0
        better = moving or self.valid_metrics.loss < self.progress.best
        self.progress = replace(
            self.progress,
            best=min(self.valid_metrics.loss, self.progress.best),
            stale=0 if better else self.progress.stale + 1,
            validated=self.progress.step,
            averaged=averaged,
        )
        if self.target is not None and self.target.quantity == "reconstruction":
            self._move_beta(float(total[-1 if averaged else 0, 4] / total[0, 2]))
        for split, metrics in zip(("valid", "valid-averaged"), found, strict=False):
            self._log(split, metrics)

    def _log(self, split: str, metrics: StepMetrics) -> None:
        values = {f"{split}/{name}": value for name, value in vars(metrics).items() if name != "step"}
        for logger in self.trainer.loggers:
            logger.log_metrics(values, step=metrics.step)


def averaged_weights(model: SequenceVAE, decay: float, checkpoint: Checkpoint | None) -> AveragedModel | None:
    """Return an exponential moving average of a model's weights (Polyak & Juditsky 1992), or None for a decay of 0.

    Early on the decay is (1 + n) / (10 + n) after n steps, where that is less, so that the first weights, which are
    random, do not linger.

    Args:
        model: its weights are averaged.
        decay: what is kept of the average at each step.
        checkpoint: where training resumes; if it has no average, one begins at its weights.
    """
    if not decay:
        return None

    @torch.no_grad()
    def update(averages: _Tensors, weights: _Tensors, steps: Tensor | int) -> None:
        """Move averages towards the weights: slowly, but in the first steps faster."""
        kept = min(decay, (1 + int(steps)) / (10 + int(steps)))
        torch._foreach_lerp_(averages, weights, 1 - kept)

    averaged = AveragedModel(model, multi_avg_fn=update)
    if checkpoint is not None and checkpoint.average:
        averaged.load_state_dict(checkpoint.average)
    return averaged.requires_grad_(False)

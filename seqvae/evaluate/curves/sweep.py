"""Models trained at one KL weight after the other, each from the weights of its neighbour; a killed sweep resumes.

A folder holds one run folder a KL weight. A finished point has a file of its own, which is written last; a training
that was stopped resumes bit for bit, so that a sweep that was killed ends like one that was not.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from seqvae.artifact.folder import RUN, load_artifact, write_json
from seqvae.config import TARGETS, PriorConfig, RateDistortionConfig, RunConfig
from seqvae.errors import ArtifactError, SeqVAEWarning, TrainingError
from seqvae.evaluate.curves.measuring import measured
from seqvae.evaluate.curves.record import Point
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.trained import trained_on
from seqvae.latent.codec import load
from seqvae.runtime.pool import Lost, process_pool
from seqvae.train.fit import Trained, train

POINT = "point.json"  # in a run folder of the sweep: its metrics, written when all is done
_SHORTER = 3  # a training that begins with its neighbour's weights takes a third of the passes
_ASTRAY = 1.5  # times its beta: where a multiplier begins


@dataclass(frozen=True)
class Sweep:
    """What is trained.

    Attributes:
        run: settings of the trainings; beta, targets and prior are the sweep's own.
        start: folder of the model that each chain begins with; "": from scratch.
        out: the folder of the sweep.
        config: how the curve is traced.
    """

    run: RunConfig
    start: str
    out: Path
    config: RateDistortionConfig

    def folder(self, beta: float) -> Path:
        """Return the run folder of a beta."""
        return self.out / f"beta-{beta:g}"


def traced(sweep: Sweep, quiet: bool = False, note: Callable[[str], object] = lambda _: None) -> list[Point]:
    """Train and measure at every beta, in as many processes as there are chains.

    Args:
        sweep: what is trained.
        quiet: show no progress.
        note: is told, a line at a time, what is being done.

    Raises:
        TrainingError: a process died.
        SeqVAEError: as `train`.
    """
    betas, count = sweep.config.values, sweep.config.chains
    edges = [round(number * len(betas) / count) for number in range(count + 1)]
    chains = [betas[low:high] for low, high in pairwise(edges)]
    if count == 1:
        return _chain(sweep, betas, quiet, note)
    note(f"training at {len(betas)} betas in {count} processes")
    found: list[Point] = []
    with closing(process_pool(_worker, (sweep,), count)) as pool:
        for chain, points in zip(chains, pool.results(chains), strict=True):
            if isinstance(points, Lost):
                raise TrainingError(f"{sweep.out}: a process died that trained at beta {chain[0]:g} to {chain[-1]:g}")
            note(f"beta {chain[0]:g} to {chain[-1]:g} done")
            found += points
    return found


def _worker(sweep: Sweep) -> Callable[[Sequence[float]], list[Point]]:
    """Return what a process of the pool does with one chain."""
    return lambda betas: _chain(sweep, betas, True, lambda _: None)


def _chain(sweep: Sweep, betas: Sequence[float], quiet: bool, note: Callable[[str], object]) -> list[Point]:
    """Train and measure at some betas, ascending, each from the weights of the one before."""
    points, start, first = [], sweep.start, sweep.start or str(sweep.folder(betas[0]))
    for beta in betas:
        folder = sweep.folder(beta)
        if (folder / POINT).is_file():
            note(f"beta {beta:g}: done before")
        else:
            note(f"beta {beta:g}: training")
            write_json(folder / POINT, _traced_at(sweep, beta, start, first, quiet))
        try:
            points.append(Point(**json.loads((folder / POINT).read_bytes())))
        except (TypeError, ValueError) as error:
            raise ArtifactError(f"{folder / POINT}: damaged: {error}; delete it, and resume") from error
        start = str(folder)
    return points


def _traced_at(sweep: Sweep, beta: float, start: str, first: str, quiet: bool) -> dict[str, Any]:
    """Return the metrics of one beta.

    Args:
        sweep: what is trained.
        beta: KL weight.
        start: folder of the model to begin with; "": from scratch.
        first: folder of the one that the chain begins with, whose passes the others have a share of.
        quiet: show no progress.
    """
    folder = sweep.folder(beta)
    run = _warm(sweep, first, beta) if start else _at(sweep.run, beta)
    trained = _trained(run, folder, start, quiet)
    prepared, codec = trained.prepared, load(folder)
    held_out = encodable(codec, prepared.held_out) if prepared.test_texts else None
    metrics = measured(codec, trained_on(prepared, 0), held_out, sweep.config)
    metrics |= {"beta": beta, "steps": trained.progress.step}
    if sweep.config.multipliers and metrics["distortion"] > 0:
        run = _warm(sweep, first, beta * _ASTRAY, target=metrics["distortion"])
        again = _trained(run, folder / "target", str(folder), quiet)
        if again.progress.reached is not None:  # else it was too short to move
            metrics |= {"multiplier": again.progress.beta, "multiplier_distortion": again.progress.reached}
    return metrics


def _at(run: RunConfig, beta: float) -> RunConfig:
    """Return settings with another beta, no target, and no fitted prior."""
    free: dict[str, Any] = dict.fromkeys(TARGETS, 0.0)
    return replace(run, objective=replace(run.objective, beta=beta, **free), prior=PriorConfig(prior="none"))


def _warm(sweep: Sweep, first: str, beta: float, target: float = 0.0) -> RunConfig:
    """Return the settings of a training that begins with a neighbour: fewer passes, and beta as it is from the start.

    What was left to the data is as the first of the chain has it.
    """
    base = load_artifact(Path(first)).run
    run = _at(replace(base, data=sweep.run.data), beta)
    epochs = sweep.config.epochs or max(1, base.training.epochs // _SHORTER)
    objective = replace(run.objective, schedule="constant", pretraining=0.0, lagging=0.0, target_distortion=target)
    # The last weights, not the best validated ones: those of a run that was stopped early have another beta's slope.
    return replace(run, objective=objective, training=replace(run.training, epochs=epochs, patience=0))


def _trained(run: RunConfig, folder: Path, start: str, quiet: bool) -> Trained:
    """Train in a folder, or resume what was begun there."""
    resume = (folder / RUN).is_file()
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed before it had begun
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)  # a target that was missed is in the table
        return train(run, folder, resume, quiet, start=load_artifact(Path(start)) if start else None)

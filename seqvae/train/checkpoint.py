"""The state of a training in one safetensors file: weights, Adam's moments, and a JSON header. Never pickled.

Everything else that a step needs (batch, noise, learning rate, beta) is a pure function of the seed and the step, so
that this file is enough to resume exactly.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from seqvae.errors import ArtifactError
from seqvae.runtime.files import atomic_file

FORMAT = 2


@dataclass(frozen=True)
class Progress:
    """How far a training has come.

    Attributes:
        step: optimiser steps done.
        best: lowest validation objective so far (distortion + final beta * rate, nats per sequence); infinity before.
        stale: validations since.
        validated: step of the last validation that was finished; 0 before.
        averaged: whether the averaged weights had the lower objective there; True before, where there are any.
        seconds: time spent training.
        beta: where a target moves it; 0 before the first step, and without a target.
        reached: running mean of what the target is about; None before.
    """

    step: int = 0
    best: float = float("inf")
    stale: int = 0
    validated: int = 0
    averaged: bool = True
    seconds: float = 0.0
    beta: float = 0.0
    reached: float | None = None


def save_checkpoint(
    path: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    data_hash: str,
    averaged: torch.nn.Module | None = None,
) -> None:
    """Write the whole state; an older file stays until the new one is complete.

    Args:
        path: the file.
        model: its weights are stored.
        optimizer: Adam.
        progress: how far training has come.
        data_hash: sha256 of the packed training data.
        averaged: the average of the weights, where one is kept.

    Raises:
        OSError: the disk refuses; the older file is untouched.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    if averaged is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in averaged.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value for name, value in state.items() if isinstance(value, Tensor)}
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {"format": str(FORMAT), "progress": json.dumps(asdict(progress)), "data": data_hash},
    )
    with atomic_file(path) as file:
        file.write(data)


@dataclass(frozen=True)
class Checkpoint:
    """A training's state, read back.

    Attributes:
        model: the model's weights by name.
        moments: Adam's state by parameter index and name.
        progress: how far training had come.
        data_hash: sha256 of the packed training data; empty in format 1.
        average: the state of the weights' average; empty where none was kept.
    """

    model: dict[str, Tensor]
    moments: dict[int, dict[str, Tensor]]
    progress: Progress
    data_hash: str
    average: dict[str, Tensor]

    @property
    def chosen(self) -> dict[str, Tensor]:
        """The weights by name with the lower validation objective, the averaged or the last ones."""
        if not (self.average and self.progress.averaged):
            return self.model
        return {name.removeprefix("module."): t for name, t in self.average.items() if name.startswith("module.")}

    def restore_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Restore Adam's moments."""
        if self.moments:
            optimizer.load_state_dict({"state": self.moments, "param_groups": optimizer.state_dict()["param_groups"]})


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a training's state.

    Raises:
        ArtifactError: the file is damaged, foreign, or of a newer format.
    """
    try:
        # Read once: safetensors' own reader opens the path twice, and a running training may replace the file in
        # between.
        data = path.read_bytes()
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
        found = int(header["format"])
        if found > FORMAT:
            raise ArtifactError(f"{path}: checkpoint of format {found}, this seqvae reads up to {FORMAT}: update it")
        values = json.loads(header["progress"])
        if found == 1:  # it did not say what was validated; training resumed as if all had been
            values = {"validated": values["step"], **values}
        progress = Progress(**values)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path}: not a whole checkpoint: {error}; train again without --resume") from error
    model, average = (
        {name.removeprefix(part): t for name, t in tensors.items() if name.startswith(part)}
        for part in ("model.", "average.")
    )
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor
    return Checkpoint(model, moments, progress, header.get("data", ""), average)

"""How much training fits into a given time on this machine."""

from __future__ import annotations

import itertools
import time

import torch

from seqvae.device import fast_matmul, generator, resolve_device
from seqvae.model.build import build_model
from seqvae.train.module import Sides
from seqvae.train.prepare import Prepared

_WARM_UP, _TIMED = 2, 8  # steps: the first ones allocate memory and choose kernels
_ENOUGH = 5.0  # seconds after which a slow machine need not be timed any longer


def epochs_in(prepared: Prepared, minutes: float) -> int:
    """Return how many passes over the data take about so many minutes, measured on a few steps; at least 1.

    The model that is timed is thrown away.

    Args:
        prepared: settings and data.
        minutes: time for training.
    """
    run = prepared.run
    sides = Sides(prepared.train, None, prepared.tokenizer.id_table())
    stream = sides.stream(run, train=True, rank=0, world_size=1)
    seconds = _seconds_a_step(prepared, list(itertools.islice(stream.batches(0), _WARM_UP + _TIMED)))
    return max(1, round(60 * minutes / (seconds * len(stream))))


def _seconds_a_step(prepared: Prepared, batches: list[torch.Tensor]) -> float:
    run, device = prepared.run, resolve_device(prepared.run.training.device)
    model = build_model(run.model, prepared.tokenizer.vocab_size, run.training.seed).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=run.training.learning_rate, fused=True)
    rng = generator(run.training.seed, device=device)
    times: list[float] = []
    with fast_matmul(device.type == "cpu" and run.training.precision == "auto"):
        for batch in batches:
            started = time.perf_counter()
            optimizer.zero_grad()
            loss = model.losses(batch.to(device), run.objective.beta, run.objective, rng).loss
            loss.backward()
            optimizer.step()
            loss.item()  # waits for the device
            times.append(time.perf_counter() - started)
            if len(times) > _WARM_UP and sum(times) > _ENOUGH:
                break
    timed = times[_WARM_UP:] or times
    return sum(timed) / len(timed)

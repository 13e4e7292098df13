"""Batches of the highest expected improvement in a box, of one objective or of several, as BoTorch climbs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from botorch.acquisition import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.models import ModelListGP, SingleTaskGP
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from torch import Tensor

from seqvae.search.memory.pareto import reference

# Where an acquisition is climbed: starts, points looked at before, steps, and posterior draws of each look. BoTorch's
# own numbers take some ten times as long, which is minutes a batch once there are hundreds of scores.
_RESTARTS, _RAW, _CLIMB, _DRAWS = 2, 64, 15, 64


def climbed(models: Sequence[SingleTaskGP], acquisition: str, corners: Tensor, count: int) -> Tensor:
    """Return a batch of the highest acquisition in a box, point by point, `(count, dimensions)`.

    Args:
        models: of each objective, fitted to the same points.
        acquisition: `logei` or `lognei`: the logarithm of the expected improvement over the best or over the noisy
            scores (Ament et al. 2023, arXiv:2310.20708). Of several objectives both are that of the volume of the noisy
            front (Daulton et al. 2021, arXiv:2105.08195): without noise it would take twice as long a point more.
        corners: lowest and highest, `(2, dimensions)`.
        count: points.
    """
    sampler = SobolQMCNormalSampler(torch.Size([_DRAWS]))  # its seed is drawn from the global generator
    criterion = _one(models[0], acquisition, sampler) if len(models) == 1 else _several(models, sampler)
    points, _ = optimize_acqf(
        criterion,
        corners,
        q=count,
        num_restarts=_RESTARTS,
        raw_samples=_RAW,
        sequential=True,
        options={"maxiter": _CLIMB},
    )
    return points.detach()


def _one(model: SingleTaskGP, acquisition: str, sampler: SobolQMCNormalSampler) -> Any:  # noqa: ANN401
    seen = model.train_inputs[0]
    if acquisition == "lognei":
        return qLogNoisyExpectedImprovement(model, seen, sampler=sampler, prune_baseline=True)
    with torch.no_grad():
        best = model.posterior(seen).mean.max()
    return qLogExpectedImprovement(model, best, sampler=sampler)


def _several(models: Sequence[SingleTaskGP], sampler: SobolQMCNormalSampler) -> Any:  # noqa: ANN401
    seen = models[0].train_inputs[0]
    with torch.no_grad():
        means = torch.cat([model.posterior(seen).mean for model in models], dim=-1)
    below = torch.from_numpy(reference(means.cpu().numpy())).to(seen)
    return qLogNoisyExpectedHypervolumeImprovement(
        ModelListGP(*models), below, seen, sampler=sampler, prune_baseline=True
    )

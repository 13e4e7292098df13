"""Batches of the highest expected improvement in a box, for one objective or several, optimised by BoTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from botorch.acquisition import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective import logei
from botorch.models import ModelListGP, SingleTaskGP
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from torch import Tensor

from seqvae.search.memory.pareto import reference

# Optimisation of an acquisition: restarts, raw samples to choose them from, steps, and posterior draws per evaluation.
# BoTorch's own numbers take some ten times as long, which is minutes per batch once there are hundreds of scores.
_RESTARTS, _RAW, _CLIMB, _DRAWS = 2, 64, 15, 64
# Where it finds a compiler, BoTorch would compile a kernel in C++: most of a minute at the first use in an environment,
# other last digits than elsewhere, and, killed meanwhile, a lock at which every later search waits for ever.
logei._load_attempted = True


def climbed(models: Sequence[SingleTaskGP], acquisition: str, corners: Tensor, count: int) -> Tensor:
    """Return a batch of the highest acquisition in a box, point by point, `(count, dimensions)`.

    Args:
        models: of each objective, fitted to the same points.
        acquisition: `logei` or `lognei`: the logarithm of the expected improvement over the best or over the noisy
            scores (Ament et al. 2023, arXiv:2310.20708). Of several objectives both are that of the volume of the noisy
            front (Daulton et al. 2021, arXiv:2105.08195): the noiseless one takes twice as long per further point.
        corners: lowest and highest, `(2, dimensions)`.
        count: points.
    """
    sampler = SobolQMCNormalSampler(torch.Size([_DRAWS]))  # its seed is drawn from the global generator
    points, _ = optimize_acqf(
        _criterion(models, acquisition, sampler),
        corners,
        q=count,
        num_restarts=_RESTARTS,
        raw_samples=_RAW,
        sequential=True,
        options={"maxiter": _CLIMB},
    )
    return points.detach()


def _criterion(models: Sequence[SingleTaskGP], acquisition: str, sampler: SobolQMCNormalSampler) -> Any:  # noqa: ANN401
    """Return the acquisition; arguments as of `climbed`."""
    seen = models[0].train_inputs[0]
    if len(models) == 1 and acquisition == "lognei":
        return qLogNoisyExpectedImprovement(models[0], seen, sampler=sampler, prune_baseline=True)
    with torch.no_grad():
        means = torch.cat([model.posterior(seen).mean for model in models], dim=-1)
    if len(models) == 1:
        return qLogExpectedImprovement(models[0], means.max(), sampler=sampler)
    below = torch.from_numpy(reference(means.cpu().numpy())).to(seen)
    return logei.qLogNoisyExpectedHypervolumeImprovement(
        ModelListGP(*models), below, seen, sampler=sampler, prune_baseline=True
    )

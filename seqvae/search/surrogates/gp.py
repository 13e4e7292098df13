"""BoTorch's Gaussian processes as the searches use them: exact, deterministic, and quiet.

GPyTorch changes to iterative and random methods for more than 800 points; here every solve is a Cholesky
decomposition, so that one seed gives one search. Draws come from torch's global generator, which is left as found.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim.fit import fit_gpytorch_mll_scipy
from gpytorch.kernels import Kernel
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.settings import max_cholesky_size
from torch import Tensor

from seqvae.errors import InputError
from seqvae.search.storage.state import State
from seqvae.search.surrogates.improvement import ParetoFront

# Steps of L-BFGS per fit; each round begins where the last one ended, so that few are needed.
_STEPS = 50


@contextmanager
def settled(seed: int, device: torch.device) -> Iterator[None]:
    """Compute exactly, draw by a seed, and silence the libraries' warnings about minor numerical matters."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings(), max_cholesky_size(10**9):
        torch.manual_seed(seed)
        warnings.simplefilter("ignore")
        yield


def fitted(x: Tensor, y: Tensor, kernel: Kernel, begin: State | None = None, fit: bool = True) -> SingleTaskGP:
    """Return a Gaussian process with the hyperparameters of the highest marginal likelihood, in evaluation mode.

    Args:
        x: `(points, dimensions)`, float64.
        y: `(points,)`, float64; standardised inside, predictions are on its scale.
        kernel: a new covariance function.
        begin: hyperparameters to begin with, from `hyperparameters`; None: the modes of their priors.
        fit: whether to fit them, or to take them as they are.
    """
    model = SingleTaskGP(x, y.unsqueeze(-1), covar_module=kernel, outcome_transform=Standardize(m=1)).to(x)
    if begin is not None:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                known = torch.as_tensor(begin.get(name, ()))
                if known.shape != parameter.shape or not bool(torch.isfinite(known).all()):
                    raise InputError(
                        f"the saved state of the search has other hyperparameters than its surrogate ({name}): restore "
                        "it from a copy of the folder"
                    )
                parameter.copy_(known)
    if fit:
        mll = ExactMarginalLogLikelihood(model.likelihood, model).train()
        fit_gpytorch_mll_scipy(mll, options={"maxiter": _STEPS})
    model.eval()
    return model


def hyperparameters(model: SingleTaskGP) -> State:
    """Return the hyperparameters of a model as arrays by name."""
    return {name: parameter.detach().cpu().numpy().copy() for name, parameter in model.named_parameters()}


def thompson(models: Sequence[SingleTaskGP], candidates: Tensor, count: int, front: ParetoFront) -> list[int]:
    """Return the rows of the candidates that are best in a posterior draw each; no row comes twice.

    With several objectives, the best of each draw along a direction of its own (`ParetoFront.along`).

    Args:
        models: of each objective.
        candidates: `(candidates, dimensions)`.
        count: rows wanted; there are fewer where there are fewer candidates.
        front: of the known scores.
    """
    size = torch.Size([min(count, len(candidates))])
    with torch.no_grad():
        draws = torch.cat([model.posterior(candidates).rsample(size) for model in models], dim=-1)
    rows: list[int] = []
    for worth in front.along(draws):
        worth[rows] = -torch.inf
        rows.append(int(worth.argmax()))
    return rows

"""Fit densities to a trained model's aggregate posterior, compare them, and put the best into its folder.

Each split is encoded once; every step draws fresh points z ~ q(z|x), rather than use the posterior means alone, so that
the density fits q(z) = mean of q(z|x) and not a cloud of points.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.artifact.folder import Artifact, load_artifact, save_prior
from seqvae.config import PriorConfig, RunConfig
from seqvae.data.tokens.store import TokenStore
from seqvae.errors import ArtifactError, InputError
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import FittedPrior
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import resolve_device
from seqvae.runtime.streams import EARLY_STOPPING_POINTS, JUDGED_POINTS, MIXTURE_POINTS
from seqvae.train.prior.flow import fit_flow
from seqvae.train.prior.posteriors import draw, encode_store, held_out_nats

_TEXTS = 300_000  # training texts encoded at most: 150 MB at 64 dimensions, and more than a small density can use
_HELD_OUT = 10_000  # held-out texts at most: the standard error of a mean log density is then below 0.1 nats
_MIXTURE_POINTS = 100_000  # points for a mixture at most: a minute or two for 16 components in 64 dimensions
_ITERATIONS = 50  # of expectation-maximisation: later ones gain next to nothing
_FEWEST_POINTS = 2000  # held-out points: with fewer texts, several points per text
_FEWEST = 20  # held-out texts; with fewer, training texts are set aside


@dataclass(frozen=True)
class PriorReport:
    """How a prior was chosen.

    Attributes:
        nats: mean log density of held-out texts' posterior samples in nats, by candidate; the model's own prior is
            among them by its kind, such as `normal` for N(0, I).
        chosen: the best fitted candidate, which is stored; of a model that has learned a prior of its own, only if it
            beats that.
        default: the prior that samples are drawn from by default: `fitted` if its density is the higher one.
        texts: training texts fitted to.
        held_out: texts that the candidates were compared on.
        steps: optimiser steps of the flow; 0 without one.
        seconds: time taken.
    """

    nats: dict[str, float]
    chosen: str
    default: str
    texts: int
    held_out: int
    steps: int
    seconds: float

    @property
    def own(self) -> str:
        """The name of the model's own prior."""
        return next(reversed(self.nats))

    @property
    def kept(self) -> bool:
        """Whether the fitted prior is stored: one that is no better than what the model has learned is of no use."""
        return self.default == "fitted" or self.own == "normal"

    @property
    def verdict(self) -> str:
        """One line: what becomes of the fitted prior, and why."""
        what = "kept" if self.kept else "not kept"
        fitted, own = self.nats[self.chosen], self.nats[self.own]
        return (
            f"fitted prior {self.chosen}: {what}; the log density of held-out latent points is {fitted:.2f} nats, "
            f"against {own:.2f} by the model's own prior {self.own}"
        )


def fit_prior(
    folder: Path,
    train: TokenStore,
    valid: TokenStore | None,
    config: PriorConfig | None = None,
    *,
    device: str = "auto",
    quiet: bool = False,
) -> PriorReport:
    """Fit a prior to the latent points of a model's training texts, and put it into the model's folder.

    Candidates are compared by the mean log density of posterior samples of texts that they were not fitted to. The
    model's weights do not change. Draws follow from the model's own seed.

    Args:
        folder: a model folder.
        train: the texts that the model was trained on, packed with its tokenizer.
        valid: validation texts, packed; if there are none, some training texts are set aside.
        config: what to fit; None: the model's own settings.
        device: `auto`, `cpu` or `cuda`.
        quiet: show no progress.

    Raises:
        ArtifactError: the folder is no model.
        InputError: there are no texts, or the encoder's output is NaN or infinite.
        NonFiniteLossError: the flow's loss became NaN or infinite; the folder is as before.
    """
    started = time.monotonic()
    artifact = load_artifact(folder)
    config, seed = config or artifact.run.prior, artifact.run.training.seed
    where = resolve_device(device)
    check_enough(train, valid)
    model, table = artifact.model.to(where), torch.from_numpy(artifact.tokenizer.id_table())
    fit = encode_store(model, train, table, _TEXTS, seed)
    if valid is not None and len(valid) >= _FEWEST:
        held_out = encode_store(model, valid, table, 2 * _HELD_OUT, seed)
    else:
        held_out, fit = fit.rows(slice(0, None, 10)), fit.rows((torch.arange(len(fit)) % 10 != 0).nonzero().squeeze(1))
    # Texts that stop the fit do not judge it, if there are enough for both.
    stop, judging = held_out.rows(slice(0, None, 2)), held_out.rows(slice(1, None, 2)) or held_out
    candidates, steps = _candidates(fit, stop, config, seed, where, quiet)
    if artifact.config.prior in candidates:  # the model's own is a flow as well
        candidates = {f"fitted-{name}": prior for name, prior in candidates.items()}
    judge = draw(judging, JUDGED_POINTS.generator(seed), _FEWEST_POINTS)
    nats = {name: held_out_nats(prior, judge) for name, prior in candidates.items()}
    chosen = max(candidates, key=lambda name: nats[name])
    own, own_nats = artifact.config.prior, held_out_nats(artifact.model.prior.cpu(), judge)
    default = "fitted" if nats[chosen] > own_nats else own
    seconds = round(time.monotonic() - started, 1)
    report = PriorReport({**nats, own: own_nats}, chosen, default, len(fit), len(judging), steps, seconds)
    save_prior(folder, candidates[chosen] if report.kept else None, default, vars(report))
    return report


def check_enough(train: TokenStore, valid: TokenStore | None) -> None:
    """Check, before a model is trained, that there are enough texts to fit its prior to and to judge it by.

    Raises:
        InputError: there are too few.
    """
    if len(train) < 2 and (valid is None or len(valid) < _FEWEST):
        raise InputError(f"expected at least two training texts to fit a prior to, got {len(train)}; take --prior none")


def kept_prior(folder: Path, model: SequenceVAE, run: RunConfig) -> Artifact | None:
    """Return the model in a folder if its prior was fitted to this very model with these settings, else None."""
    try:
        found = load_artifact(folder)
    except ArtifactError:
        return None
    weights = model.state_dict()
    same = all(torch.equal(value, weights[name].cpu()) for name, value in found.model.state_dict().items())
    return found if same and found.fitted is not None and found.run.prior == run.prior else None


def _candidates(
    fit: Posterior, stop: Posterior, config: PriorConfig, seed: int, device: torch.device, quiet: bool
) -> tuple[dict[str, FittedPrior], int]:
    """Return the fitted candidates by name, on the CPU, and the flow's steps."""
    found: dict[str, FittedPrior] = {}
    steps = 0
    if config.prior in ("auto", "mixture"):
        mixture = fit_mixture(fit, config.prior_components, seed)
        found["gaussian" if mixture.components == 1 else f"mixture-{mixture.components}"] = mixture
    if config.prior in ("auto", "flow"):
        flow = fit_flow(
            fit,
            draw(stop, EARLY_STOPPING_POINTS.generator(seed), _FEWEST_POINTS),
            config,
            seed,
            device,
            quiet,
        )
        found["flow"], steps = flow.prior, flow.steps
    return found, steps


def fit_mixture(points: Posterior, most: int, seed: int) -> GaussianMixture:
    """Fit a mixture of full Gaussians; their number, 1, 2, 4, ... up to `most`, is that of the lowest BIC.

    Schwarz 1978 (doi:10.1214/aos/1176344136). With one component it is the Gaussian of the exact moments. The search
    ends where the criterion rises.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture as Estimator

    rng = MIXTURE_POINTS.generator(seed)
    rows = torch.randperm(len(points), generator=rng)[:_MIXTURE_POINTS]
    sample = draw(points.rows(rows), rng).double()
    mean, covariance = points.moments()
    best = GaussianMixture.from_moments(torch.ones(1), mean.unsqueeze(0), covariance.unsqueeze(0))
    lowest, components = _bic(best, sample), 2
    # Each component's covariance has to come from more points than it has dimensions.
    while components <= most and len(sample) >= 2 * components * (sample.shape[1] + 1):
        fitted = Estimator(components, max_iter=_ITERATIONS, init_params="k-means++", random_state=seed % 2**32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is judged by its BIC, converged or not
            fitted.fit(sample.numpy())
        arrays = (fitted.weights_, fitted.means_, fitted.covariances_)
        mixture = GaussianMixture.from_moments(*(torch.from_numpy(array) for array in arrays))
        found = _bic(mixture, sample)
        if found >= lowest:
            break
        best, lowest, components = mixture, found, 2 * components
    return best


def _bic(mixture: GaussianMixture, sample: Float[Tensor, "points latent"]) -> float:
    """Return Schwarz's criterion: parameters * log(points) - 2 * log likelihood; lower is better."""
    latent = mixture.latent
    free = mixture.components * (1 + latent + latent * (latent + 1) // 2) - 1
    return free * math.log(len(sample)) - 2 * len(sample) * held_out_nats(mixture, sample)

"""Priors by name: those that a model is trained with, and those that its folder may hold besides.

A new prior to train with is a final class in this folder, its row in `PRIORS`, and its word in `ModelConfig`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from seqvae.config import ModelConfig
from seqvae.model.encoders import Encoder
from seqvae.model.priors.contract import FittedPrior, Prior
from seqvae.model.priors.flow import FlowPrior
from seqvae.model.priors.gaussians import ConditionalGaussian, StandardNormal
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.model.priors.vamp import VampPrior

# Priors that a model is trained with, by `Prior.kind`, which is also the name that samples are drawn by; made from the
# settings, the model's encoder, and the size of the alphabet.
PRIORS: dict[str, Callable[[ModelConfig, Encoder, int], Prior]] = {
    "normal": lambda config, *_: StandardNormal(config.latent),
    "mixture": lambda config, *_: GaussianMixture.to_learn(config.latent, config.prior_components),
    "vamp": lambda config, encoder, size: VampPrior(encoder, config.prior_components, config.max_length + 1, size),
    "flow": lambda config, *_: FlowPrior.to_learn(
        config.latent, config.prior_layers, config.prior_width, config.prior_groups
    ),
    "conditional": lambda config, *_: ConditionalGaussian(
        config.latent, len(config.condition_names), config.kinds_of(config.condition_names)
    ),
}
_KINDS: dict[str, type[FittedPrior]] = {kind.kind: kind for kind in (GaussianMixture, FlowPrior)}


def prior_to_dict(prior: FittedPrior) -> dict[str, Any]:
    """Return kind and settings in the types of JSON; the numbers are in `prior.tensors()`."""
    return {"kind": prior.kind, **prior.settings()}


def prior_from_dict(record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> FittedPrior:
    """Build the prior that `prior_to_dict` and `tensors` describe, in single precision on the CPU.

    Raises:
        ValueError: an unknown kind, settings that do not fit it, or tensors that do not.
        TypeError: settings of another kind of prior.
    """
    settings = dict(record)
    kind = settings.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"expected a prior of kind {' or '.join(_KINDS)}, got {kind!r}")
    if not all(type(value) is int for value in settings.values()):
        raise ValueError(f"expected whole numbers as settings of the prior, got {settings}")
    prior = _KINDS[kind](**settings)
    prior.load_tensors(tensors)
    return prior.eval()

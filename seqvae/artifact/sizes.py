"""How many numbers a model of some sizes has at least: sizes without bound are refused before memory is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqvae.config import ModelConfig

_GATES = 3  # of a recurrent unit: each has a square matrix
_SQUARES = 4  # square matrices of a convolution block: three taps, and the mix of channels


def check_sizes(config: ModelConfig, vocab_size: int, weights: Mapping[str, Tensor]) -> None:
    """Raise ValueError where a model of these sizes has more numbers than there are weights."""
    there, wanted = sum(tensor.numel() for tensor in weights.values()), _least(config, vocab_size)
    if wanted > there:
        raise ValueError(f"a model of these sizes has {wanted:,} weights or more, the folder has {there:,}")


def _least(config: ModelConfig, vocab_size: int) -> int:
    """Return a bound from below that takes no time: the largest matrices alone."""
    parts = []
    for kind, width, layers, directions in (
        (config.encoder, config.encoder_width, config.encoder_layers, 2),
        (config.decoder, config.decoder_width, config.decoder_layers, 1),
    ):
        if kind == "dense":
            parts.append((layers - 1) * width**2 + (config.max_length + 1) * width)
            continue
        recurrent = kind == "gru"
        parts.append(layers * width**2 * (_GATES * directions if recurrent else _SQUARES))
        parts.append(0 if recurrent else (config.max_length + 1) * width)
        parts.append(vocab_size * (config.embedding if recurrent else width if kind != "position" else 1))
    parts.append(config.encoder_width * config.latent)
    if config.posterior == "full":
        parts.append(config.encoder_width * config.latent**2 // 2)
    if config.posterior == "iaf":
        parts.append(config.posterior_layers * config.posterior_width**2)
    if config.prior == "flow":
        parts.append(config.prior_layers * config.prior_width**2)
    if config.prior == "mixture":
        parts.append(config.prior_components * config.latent**2 // 2)
    if config.prior == "vamp":
        parts.append(config.prior_components * (config.max_length + 1))
    return sum(parts)


def check_prior_sizes(settings: Mapping[str, Any], numbers: Mapping[str, Tensor]) -> None:
    """Raise ValueError where a fitted prior of these settings has more numbers than there are."""
    there = sum(tensor.numel() for tensor in numbers.values())
    sizes = {name: value for name, value in settings.items() if name not in ("kind", "seed")}
    for name, value in sizes.items():
        if type(value) is not int or not 1 <= value <= max(there, 2):
            raise ValueError(f"{name}: expected a number from 1 to {there:,}, as many as there are, got {value!r:.80}")
    layers, width = sizes.get("layers", 0), sizes.get("width", 0)
    wanted = max(sizes.get("components", 0) * sizes.get("latent", 0) ** 2 // 2, layers * width**2)
    if wanted > there:
        raise ValueError(f"a prior of these sizes has {wanted:,} numbers or more, the folder has {there:,}")

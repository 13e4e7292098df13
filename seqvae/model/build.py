"""From settings to a model: one row for each part that can be chosen."""

from __future__ import annotations

from collections.abc import Callable

import torch

from seqvae.config import ModelConfig
from seqvae.errors import ConfigError
from seqvae.model.decoders import CausalConvDecoder, Decoder, GRUDecoder, PositionDecoder
from seqvae.model.encoders import ConvEncoder, Encoder, GRUEncoder
from seqvae.model.heads import LabelHead
from seqvae.model.posteriors import DiagonalGaussian, Family, FullGaussian, PlainFamily
from seqvae.model.priors import GaussianMixture, Prior, StandardNormal
from seqvae.model.vae import SequenceVAE

ENCODERS: dict[str, Callable[[ModelConfig, int, Family], Encoder]] = {"gru": GRUEncoder, "conv": ConvEncoder}
POSTERIORS: dict[str, Callable[[int], Family]] = {
    "diagonal": lambda latent: PlainFamily(DiagonalGaussian, (latent, latent)),
    "full": lambda latent: PlainFamily(FullGaussian, (latent, latent * (latent + 1) // 2)),
}
DECODERS: dict[str, Callable[[ModelConfig, int], Decoder]] = {
    "gru": GRUDecoder,
    "causal_conv": CausalConvDecoder,
    "position": PositionDecoder,
}
# By `Prior.kind`, which is also the name that samples are drawn by.
PRIORS: dict[str, Callable[[ModelConfig], Prior]] = {
    "normal": lambda config: StandardNormal(config.latent),
    "mixture": lambda config: GaussianMixture.to_learn(config.latent, config.prior_components),
}


def build_model(config: ModelConfig, vocab_size: int, seed: int = 0) -> SequenceVAE:
    """Return a freshly initialised model on the CPU; the same seed gives the same weights.

    Args:
        config: parts and sizes; `max_length` must be set.
        vocab_size: symbols of the alphabet, specials included.
        seed: seed of the initial weights; the global generator is left as found.

    Raises:
        ConfigError: `max_length` is not set.
    """
    if config.max_length < 1:
        raise ConfigError("model.max_length: expected the longest text in tokens, got 0")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SequenceVAE(
            ENCODERS[config.encoder](config, vocab_size, POSTERIORS[config.posterior](config.latent)),
            DECODERS[config.decoder](config, vocab_size),
            PRIORS[config.prior](config),
            LabelHead(config.latent, len(config.label_names)) if config.label_names else None,
        )

"""From settings to a model: each part by its name, from the table beside its classes."""

from __future__ import annotations

import torch

from seqvae.config import ModelConfig
from seqvae.errors import ConfigError
from seqvae.model.decoders import DECODERS
from seqvae.model.encoders import ENCODERS
from seqvae.model.heads import LabelHead
from seqvae.model.posteriors import POSTERIORS
from seqvae.model.priors import PRIORS
from seqvae.model.vae import SequenceVAE


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

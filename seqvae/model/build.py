"""From settings to a model: each part by its name, from the table beside its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from seqvae.config import ModelConfig
from seqvae.errors import ConfigError
from seqvae.model.counting import WithCounts
from seqvae.model.decoders import DECODERS, Decoder
from seqvae.model.encoders import ENCODERS
from seqvae.model.families import POSTERIORS
from seqvae.model.heads import LabelHead
from seqvae.model.marginal import ClassInference
from seqvae.model.pieces import Pieces
from seqvae.model.priors.registry import PRIORS
from seqvae.model.strands import Strands
from seqvae.model.vae import SequenceVAE


def build_decoder(config: ModelConfig, vocab_size: int) -> Decoder:
    """Return a freshly initialised decoder; torch's generator draws its weights. Counts that it stands on are empty."""
    if config.counts == "added":  # which sees to the ends by itself
        return WithCounts(DECODERS[config.decoder](replace(config, ends="learned"), vocab_size), config, vocab_size)
    return DECODERS[config.decoder](config, vocab_size)


def build_model(
    config: ModelConfig,
    vocab_size: int,
    seed: int = 0,
    pieces: Sequence[Sequence[int]] | None = None,
    complements: Sequence[int] | None = None,
) -> SequenceVAE:
    """Return a freshly initialised model on the CPU; the same seed gives the same weights.

    Args:
        config: parts and sizes; `max_length` must be set.
        vocab_size: symbols of the alphabet, specials included.
        seed: seed of the initial weights; the global generator is left as found.
        pieces: the tokenizer's `pieces()`, which an encoder needs that reads base symbols.
        complements: the tokenizer's `complements()`, which a model of both strands needs.

    Raises:
        ConfigError: `max_length` is not set; or the encoder reads base symbols, or the model both strands, and which
            these are is not given.
    """
    if config.max_length < 1:
        raise ConfigError("model.max_length: expected the longest text in tokens, got 0")
    finer = config.encoder_tokens == "base"
    if finer and pieces is None:
        raise ConfigError("model.encoder_tokens: an encoder of base symbols needs pieces=tokenizer.pieces()")
    if config.strands == "both" and complements is None:
        raise ConfigError("model.strands: both strands are of DNA and RNA, in tokens that are letters; leave it one")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = ENCODERS[config.encoder](config, vocab_size, POSTERIORS[config.posterior](config))
        decoder = build_decoder(config, vocab_size)
        if isinstance(decoder, WithCounts):  # whose network says nothing yet: posteriors begin at N(0, I), at no rate
            for weight in encoder.moments.parameters():
                nn.init.zeros_(weight)
        prior = PRIORS[config.prior](config, encoder, vocab_size)
        labels, conditions = config.label_names, config.condition_names
        head = LabelHead(config.latent, len(labels), config.kinds_of(labels)) if labels else None
        classes = None
        if config.inferred:
            kinds, place = config.kinds_of(conditions), conditions.index(config.inferred)
            classes = ClassInference(config.latent, kinds, place)
        return SequenceVAE(
            encoder,
            decoder,
            prior,
            head,
            None if pieces is None else Pieces(pieces),
            finer,
            classes,
            Strands(complements) if config.strands == "both" and complements is not None else None,
        )

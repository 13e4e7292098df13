"""Floating-point operations of the matrix products in training and sampling our default model, from its sizes.

A multiply-add is two operations. Only matrix products count: gates, softmax, Adam and the rest are the overhead that
the achieved rate pays for. `tests/scripts` compares the count with that of torch's own counter.
"""

from __future__ import annotations

from seqvae.config import ModelConfig

_GATES = 3  # of a GRU: reset, update, new
# Backward, each product's gradient is one product of the same size for the input and one for the weights.
_PASSES = 3


def forward_flops(batch: int, length: int, config: ModelConfig, vocab_size: int) -> int:
    """Return the operations of one forward pass of a GRU/GRU model.

    Args:
        batch: molecules in the batch.
        length: positions of the padded batch, the end included: padding is computed too.
        config: the model; encoder and decoder are `gru`.
        vocab_size: size of the vocabulary.
    """
    positions = batch * length
    return 2 * (
        2 * positions * gru_products(config.embedding, config.encoder_width, config.encoder_layers, both=True)
        + batch * 2 * config.encoder_width * 2 * config.latent  # mean and log-variance from both last states
        + batch * config.latent * config.decoder_layers * config.decoder_width  # first states from z
        + positions * gru_products(config.embedding + config.latent, config.decoder_width, config.decoder_layers)
        + positions * config.decoder_width * vocab_size  # logits
    )


def gru_products(inputs: int, width: int, layers: int, both: bool = False) -> int:
    """Return the multiply-adds of one direction of a GRU at one position of one row.

    Args:
        inputs: width of the first layer's input.
        width: hidden units.
        layers: stacked layers.
        both: whether there is another direction, so that later layers read the states of both.
    """
    between = 2 * width if both else width
    read = inputs + (layers - 1) * between
    return _GATES * width * (read + layers * width)


def training_flops(batch: int, length: int, config: ModelConfig, vocab_size: int) -> int:
    """Return the operations of one training step: forward, and twice that backward; arguments as `forward_flops`."""
    return _PASSES * forward_flops(batch, length, config, vocab_size)


def sampling_flops(tokens: float, config: ModelConfig, vocab_size: int) -> float:
    """Return the operations of decoding one row by a GRU decoder; z's share of the gates is computed once.

    Args:
        tokens: length of the row, the end token included; what padded rows cost after their end is overhead.
        config: sizes; the decoder is `gru`.
        vocab_size: size of the vocabulary.
    """
    once = config.latent * (config.decoder_layers + _GATES) * config.decoder_width
    each = gru_products(config.embedding, config.decoder_width, config.decoder_layers)
    return 2 * (once + tokens * (each + config.decoder_width * vocab_size))


def matmul_flops(size: int) -> int:
    """Return the operations of one product of two square matrices."""
    return 2 * size**3

"""A trained model with more symbols, or for longer texts, that still computes what it computed before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from seqvae.config import ModelConfig
from seqvae.errors import ConfigError
from seqvae.model.build import build_model
from seqvae.model.decoders import DenseDecoder, Output
from seqvae.model.encoders import EOS, DenseEncoder
from seqvae.model.priors.vamp import VampPrior
from seqvae.model.vae import SequenceVAE


def extended_model(
    model: SequenceVAE,
    config: ModelConfig,
    kept: Sequence[int],
    vocab_size: int,
    pieces: Sequence[Sequence[int]] | None = None,
    complements: Sequence[int] | None = None,
) -> SequenceVAE:
    """Return a model over a larger vocabulary that gives old symbols their old logits.

    A new symbol's vectors are the mean of those of the old content symbols. Its logit is then the mean of theirs, hence
    below the largest of them: greedy decoding does not change.

    Args:
        model: a trained model; it is not changed.
        config: its parts and sizes; `max_length` may be larger than before where no part is `positional`.
        kept: the new id of each old symbol.
        vocab_size: symbols of the new alphabet.
        pieces: as for `build_model`.
        complements: as for `build_model`.

    Raises:
        ConfigError: another size than the vocabulary or `max_length` differs, or a part is `positional`.
    """
    larger, state = build_model(config, vocab_size, 0, pieces, complements), model.state_dict()
    for name in vocabulary_names(model):
        old = state[name]
        mean = old[EOS + 1 :].mean(0)
        state[name] = mean.expand(vocab_size, *mean.shape).clone()
        state[name][torch.as_tensor(kept)] = old
    if isinstance(model.prior, VampPrior):
        state["prior.logits"] = model.prior.extended(torch.as_tensor(kept), config.max_length + 1, vocab_size)
    for name, tensor in larger.state_dict().items():
        if tensor.shape != state[name].shape:
            raise ConfigError(
                f"the model cannot be extended: {name} has shape {tuple(state[name].shape)}, the new one needs "
                f"{tuple(tensor.shape)}; sizes stay, and max_length stays where a part has a table of positions"
            )
    larger.load_state_dict(state)
    return larger.train(model.training)


def vocabulary_names(model: SequenceVAE) -> set[str]:
    """Return the names of the parameters that have one row per symbol."""
    names = set()
    for path, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            names.add(f"{path}.weight")
        elif isinstance(module, Output):
            names |= {f"{path}.linear.weight", f"{path}.linear.bias"}
        elif isinstance(module, DenseEncoder):
            names.add(f"{path}.vectors")
        elif isinstance(module, DenseDecoder):
            names.add(f"{path}.bias")
    return names

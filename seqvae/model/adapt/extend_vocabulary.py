"""A trained model with more symbols, or for longer texts; what it computed before, it computes still."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqvae.config import ModelConfig
from seqvae.errors import ConfigError
from seqvae.model.build import build_model
from seqvae.model.decoders import Output
from seqvae.model.encoders import EOS
from seqvae.model.vae import SequenceVAE


def extended_model(model: SequenceVAE, config: ModelConfig, kept: Sequence[int], vocab_size: int) -> SequenceVAE:
    """Return a model over a larger vocabulary that gives old symbols their old logits.

    A new symbol's vectors are the mean over those of the old content symbols. Its logit is then the mean of theirs:
    below the largest of them, so that greedy decoding is what it was.

    Args:
        model: trained; it is not changed.
        config: its parts and sizes; `max_length` may be larger than before where no part has a table of positions.
        kept: the new id of each old symbol.
        vocab_size: symbols of the new alphabet.

    Raises:
        ConfigError: another size than the vocabulary or `max_length` differs, or a part has a table of positions.
    """
    larger, rows = build_model(config, vocab_size), vocabulary_names(model)
    state = {
        name: _with_new_rows(tensor, kept, vocab_size) if name in rows else tensor
        for name, tensor in model.state_dict().items()
    }
    for name, tensor in larger.state_dict().items():
        if tensor.shape != state[name].shape:
            raise ConfigError(
                f"the model cannot be extended: {name} has shape {tuple(state[name].shape)}, the new one needs "
                f"{tuple(tensor.shape)}; sizes stay, and max_length stays where a part has a table of positions (conv)"
            )
    larger.load_state_dict(state)
    return larger.train(model.training)


def vocabulary_names(model: SequenceVAE) -> set[str]:
    """Return the names of the parameters that have one row a symbol."""
    names = set()
    for path, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            names.add(f"{path}.weight")
        elif isinstance(module, Output):
            names |= {f"{path}.linear.weight", f"{path}.linear.bias"}
    return names


def positional(config: ModelConfig) -> bool:
    """Tell whether a part has a table of positions, which fixes the longest text."""
    return config.encoder == "conv" or config.decoder in ("causal_conv", "position")


def _with_new_rows(old: Tensor, kept: Sequence[int], size: int) -> Tensor:
    """Return a row each symbol, old ones at their new places, the mean of the content symbols' at all others."""
    mean = old[EOS + 1 :].mean(0)
    new = mean.expand(size, *mean.shape).clone()
    new[torch.as_tensor(kept)] = old
    return new

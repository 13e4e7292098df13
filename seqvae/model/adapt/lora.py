"""Which weights of a trained model learn from new texts: all, one half's, or low-rank adapters beside them.

Adapters: Hu et al. 2021 (arXiv:2106.09685). Rows of new symbols learn in any case, even in a part that is frozen: old
rows are then held by masking their gradients, which Adam turns into no step at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from seqvae.config import AdaptConfig
from seqvae.model.adapt.extend_vocabulary import vocabulary_names
from seqvae.model.vae import SequenceVAE

# The product of the adapters is scaled by this over the rank, so that one learning rate fits every rank; the usual 16.
_ALPHA = 16.0
_RECURRENT = ("weight_ih", "weight_hh")


@final
class LowRank(nn.Module):
    """W + (alpha / rank) B A in place of W; B starts at zero, so that nothing changes before training.

    Args:
        rows: rows of W.
        columns: columns of W.
        rank: rows of A, columns of B.
        rng: draws A.
    """

    def __init__(self, rows: int, columns: int, rank: int, rng: torch.Generator) -> None:
        super().__init__()
        self.scale = _ALPHA / rank
        self.down = nn.Parameter(torch.randn(rank, columns, generator=rng) / math.sqrt(columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
        """Return the adapted weight."""
        # Under autocast the product alone is of low precision: cuDNN wants all weights of a GRU in one type.
        return weight + self.scale * (self.up @ self.down).to(weight.dtype)


def adapt(model: SequenceVAE, new: Sequence[int], config: AdaptConfig, rng: torch.Generator) -> None:
    """Choose in place what of a model learns.

    Args:
        model: the model.
        new: ids of symbols that the model has not been trained on.
        config: what may change.
        rng: draws the adapters.
    """
    parameters = dict(model.named_parameters())
    rows = {name: parameters[name] for name in vocabulary_names(model)}
    frozen = [part for part, kept in (("encoder", config.freeze_encoder), ("decoder", config.freeze_decoder)) if kept]
    if config.lora:
        model.requires_grad_(False)
        for path, module in list(model.named_modules()):
            if path.partition(".")[0] not in frozen:
                _add_adapters(module, config.lora, rng)
    for part in frozen:
        model.get_submodule(part).requires_grad_(False)
    for parameter in rows.values():
        if len(new) and not parameter.requires_grad:
            _train_rows(parameter, new)


def merged(model: SequenceVAE, plain: SequenceVAE) -> SequenceVAE:
    """Copy an adapted model's weights, adapters merged in, into a plain model of the same parts; return that."""
    plain.load_state_dict({name: _effective(model, name) for name in plain.state_dict()})
    return plain


def _effective(model: nn.Module, name: str) -> Tensor:
    """Return a weight as the model uses it, by its name in a plain model."""
    path, _, attribute = name.rpartition(".")
    return getattr(model.get_submodule(path), attribute).detach()


def _add_adapters(module: nn.Module, rank: int, rng: torch.Generator) -> None:
    if isinstance(module, nn.Linear):
        _adapt_weight(module, "weight", rank, rng)
    elif isinstance(module, nn.GRU):
        for name in [name for name, _ in module.named_parameters() if name.startswith(_RECURRENT)]:
            _adapt_weight(module, name, rank, rng)
        module.register_forward_pre_hook(_refresh)


def _adapt_weight(module: nn.Module, name: str, rank: int, rng: torch.Generator) -> None:
    rows, columns = getattr(module, name).shape
    parametrize.register_parametrization(module, name, LowRank(rows, columns, rank, rng))


def _refresh(module: nn.Module, _: Any) -> None:  # noqa: ANN401 - the inputs, as torch passes them
    """Give a recurrent layer its adapted weights: it keeps a list of them, made when it was built."""
    if isinstance(module, nn.GRU):
        module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]


def _train_rows(parameter: nn.Parameter, rows: Sequence[int]) -> None:
    mask = torch.zeros(len(parameter), *(1,) * (parameter.dim() - 1))
    mask[torch.as_tensor(rows)] = 1
    parameter.requires_grad_(True)
    parameter.register_hook(lambda gradient: gradient * mask.to(gradient))

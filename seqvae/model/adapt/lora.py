"""Which weights of a trained model learn from new texts: all, one half's, or low-rank adapters beside them.

Adapters: Hu et al. 2021 (arXiv:2106.09685). Rows of new symbols always learn, even in a frozen part: there the
gradients of the old rows are masked, so that Adam takes no step in them.
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
# The weights that get adapters, by the beginnings of their names.
_ADAPTED: dict[type[nn.Module], tuple[str, ...]] = {nn.Linear: ("weight",), nn.GRU: ("weight_ih", "weight_hh")}


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
    vectors = [parameters[name] for name in vocabulary_names(model)]
    frozen = [part for part, kept in (("encoder", config.freeze_encoder), ("decoder", config.freeze_decoder)) if kept]
    if config.lora:
        model.requires_grad_(False)
        for path, module in list(model.named_modules()):
            weights = () if path.partition(".")[0] in frozen else _ADAPTED.get(type(module), ())
            for name in [name for name, _ in module.named_parameters(recurse=False) if name.startswith(weights)]:
                rows, columns = getattr(module, name).shape
                parametrize.register_parametrization(module, name, LowRank(rows, columns, config.lora, rng))
            if weights and isinstance(module, nn.GRU):
                module.register_forward_pre_hook(_refresh)
    for part in frozen:
        model.get_submodule(part).requires_grad_(False)
    for parameter in vectors:
        if len(new) and not parameter.requires_grad:
            mask = torch.zeros(len(parameter), *(1,) * (parameter.dim() - 1))
            mask[torch.as_tensor(new)] = 1
            parameter.requires_grad_(True)
            parameter.register_hook(lambda gradient, mask=mask: gradient * mask.to(gradient))


def merged(model: SequenceVAE, plain: SequenceVAE) -> SequenceVAE:
    """Copy an adapted model's weights, adapters merged in, into a plain model of the same parts; return that."""
    weights = {}
    for name in plain.state_dict():
        path, _, attribute = name.rpartition(".")
        weights[name] = getattr(model.get_submodule(path), attribute).detach()  # as the model uses it, adapter included
    plain.load_state_dict(weights)
    return plain


def _refresh(module: nn.Module, _: Any) -> None:  # noqa: ANN401 - the inputs, as torch passes them
    """Give a recurrent layer its adapted weights: it keeps a list of them, made when it was built."""
    if isinstance(module, nn.GRU):
        module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]

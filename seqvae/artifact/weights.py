"""The numbers that a model consists of: how many there are, and what tells two models apart."""

from __future__ import annotations

import hashlib

import torch


def weights_hash(*modules: torch.nn.Module, before: bytes = b"") -> str:
    """Return the sha256 over the weights of all modules, in hexadecimal.

    Args:
        *modules: hashed one after the other, each tensor with its name, in the order of the names.
        before: hashed first.
    """
    digest = hashlib.sha256(before)
    for module in modules:
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def parameters(model: torch.nn.Module) -> int:
    """Return the number of trainable numbers."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)

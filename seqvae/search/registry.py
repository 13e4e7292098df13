"""Optimisers by name or by settings, built from a model, from texts to begin with, or from both."""

from __future__ import annotations

from importlib import import_module

from seqvae.config import OPTIMIZERS, OptimizerConfig
from seqvae.config.optimizers import name_of, settings_of
from seqvae.errors import UsageError
from seqvae.search.optimizer import Material, Optimizer


def build_optimizer(optimizer: str | OptimizerConfig, material: Material) -> Optimizer:
    """Return the optimiser of that name or with those settings.

    Its module is imported here: some import BoTorch and GPyTorch, which takes seconds.

    Raises:
        UsageError: there is no such optimiser, or the material is not what it needs.
    """
    config, name = settings_of(optimizer), name_of(optimizer)
    if material.codec is None and not material.start:
        raise UsageError("a search begins with a model or with texts: give --model, --start, or both")
    texts, start = material.texts, material.start
    if start and all(texts.canonical(text) is None for text in start):
        wanted = "molecules" if texts.molecular else f"sequences of {texts.letters}"
        rules = " that keep to the constraints" if texts.constrained else ""
        raise UsageError(f"a search begins with {wanted}{rules}: of {len(start):,} texts none is one, as {start[0]!r}")
    row = OPTIMIZERS[name]
    if material.scores > 1 and not row.several:
        able = ", ".join(other for other, found in OPTIMIZERS.items() if found.several)
        raise UsageError(
            f"the optimizer {name!r} takes one score, the objective has {material.scores}: join its terms, or take one "
            f"of {able}"
        )
    made: Optimizer = import_module(f"seqvae.search.optimizers.{row.module}").build(config, material)
    return made

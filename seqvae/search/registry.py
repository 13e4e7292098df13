"""Optimisers by name, made of a model, of texts to begin with, or of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from seqvae.config import (
    AscentConfig,
    CmaConfig,
    GenerativeConfig,
    GuideConfig,
    OperatorConfig,
    TurboConfig,
    suggestion,
)
from seqvae.errors import UsageError
from seqvae.latent.codec import Codec
from seqvae.search.domain.domain import Texts
from seqvae.search.domain.moves import Moves
from seqvae.search.domain.sequence_moves import SelfiesMoves
from seqvae.search.memory.initial_design import FromPrior, FromTexts, InitialDesign
from seqvae.search.memory.latent_space import Space
from seqvae.search.optimizer import Optimizer
from seqvae.search.optimizers.baselines import PriorSampling, Screening
from seqvae.search.optimizers.evolution import Chooser, Evolution
from seqvae.search.optimizers.latent_evolution import generative
from seqvae.search.optimizers.operators import Crossover, Mutation, Operator

_BROODS = 12  # of a generation under constraints: with one alone few are left for the guide to choose among
_SUBSPACE = 16  # directions: the published choice for searches of some hundred calls


@final
@dataclass(frozen=True)
class Material:
    """What an optimiser is made of.

    Attributes:
        texts: the kind of texts.
        codec: a model, which the optimiser may change; None: there is none.
        start: texts to begin with; none: from the model's prior.
        seed: of all draws.
        initial: texts that are scored before the first ones are bred or modelled.
        scores: numbers that a text gets.
    """

    texts: Texts
    codec: Codec | None = None
    start: tuple[str, ...] = ()
    seed: int = 0
    initial: int = 100
    scores: int = 1


@dataclass(frozen=True)
class _Kind:
    """How an optimiser is made, and what is said of it.

    Attributes:
        about: one line.
        make: makes it.
        several: whether it knows what to do with several scores a text.
    """

    about: str
    make: Callable[[Material], Optimizer]
    several: bool = False


def build_optimizer(name: str, material: Material) -> Optimizer:
    """Return the optimiser of that name.

    Raises:
        UsageError: there is none, or the material is not what it needs.
    """
    if name not in OPTIMIZERS:
        raise UsageError(f"unknown optimizer {name!r}{suggestion(name, OPTIMIZERS)}")
    if material.codec is None and not material.start:
        raise UsageError("a search begins with a model or with texts: give --model, --start, or both")
    _check_start(material.texts, material.start)
    kind = OPTIMIZERS[name]
    if material.scores > 1 and not kind.several:
        able = ", ".join(other for other, found in OPTIMIZERS.items() if found.several)
        raise UsageError(
            f"the optimizer {name!r} takes one score, the objective has {material.scores}: join its terms, or take one "
            f"of {able}"
        )
    return kind.make(material)


def _check_start(texts: Texts, start: tuple[str, ...]) -> None:
    if start and all(texts.canonical(text) is None for text in start):
        wanted = "molecules" if texts.molecular else f"sequences of {texts.letters}"
        rules = " that keep to the constraints" if texts.constrained else ""
        raise UsageError(f"a search begins with {wanted}{rules}: of {len(start):,} texts none is one, as {start[0]!r}")


def _codec(material: Material) -> Codec:
    if material.codec is None:
        raise UsageError("this optimizer searches the latent space of a model: give --model, or take --optimizer ga")
    return material.codec


def _space(material: Material) -> Space:
    return Space(_codec(material), canonical=material.texts.canonical)


def _start(material: Material) -> InitialDesign:
    """Return what a search that breeds begins with: it goes on from the texts given, however few they are."""
    return FromTexts(material.start) if material.start else FromPrior(_codec(material))


def _initial_designs(material: Material) -> tuple[InitialDesign, ...]:
    """Return what a search of points begins with: a few texts would be too little for it to learn from."""
    prior = FromPrior(_codec(material))
    return (FromTexts(material.start), prior) if material.start else (prior,)


def _auto(material: Material) -> Optimizer:
    if material.codec is None:
        return _made_by(material, material.texts.moves, guided=True)
    return _generative(material, GenerativeConfig())


def _latent(material: Material) -> Optimizer:
    return _generative(material, GenerativeConfig(operators=OperatorConfig(mutation=0.0, crossover=0.0)))


def _generative(material: Material, config: GenerativeConfig) -> Optimizer:
    texts, evolution = material.texts, replace(config.evolution, start=material.initial)
    config = replace(config, evolution=evolution)
    guide = _guide(material, config.guide) if config.guided else None
    return generative(_codec(material), texts.moves, texts.canonical, config, material.seed, material.start, guide)


def _guide(material: Material, config: GuideConfig) -> Chooser:
    from seqvae.search.surrogates.similarity_gp import Guide  # with it come BoTorch and GPyTorch, which take seconds
    from seqvae.search.surrogates.tanimoto import Substructures, Words

    if material.texts.constrained:
        config = replace(config, broods=_BROODS)
    sheets = material.texts.sheets
    return Guide(Words() if sheets is None else Substructures(sheets), config)


def _ga(material: Material) -> Optimizer:
    return _made_by(material, material.texts.moves)


def _string_ga(material: Material) -> Optimizer:
    return _made_by(material, SelfiesMoves() if material.texts.molecular else material.texts.moves)


def _made_by(material: Material, moves: Moves, guided: bool = False) -> Optimizer:
    shares = OperatorConfig()
    ways: dict[str, tuple[Operator, float]] = {
        "crossover": (Crossover(moves, shares.mutated), shares.crossover),
        "mutation": (Mutation(moves), shares.mutation),
    }
    config = replace(GenerativeConfig().evolution, start=material.initial)
    guide = _guide(material, GuideConfig()) if guided else None
    return Evolution(_start(material), ways, material.texts.canonical, config, material.seed, guide=guide)


def _prior(material: Material) -> Optimizer:
    return PriorSampling(_initial_designs(material), material.texts.canonical, material.seed)


def _screening(material: Material) -> Optimizer:
    if not material.start:
        raise UsageError("screening goes through a file of texts: give --start")
    return Screening(material.start, material.texts.canonical, material.seed)


def _cma(material: Material, subspace: int = 0) -> Optimizer:
    from seqvae.search.optimizers.cma_es import CmaEs

    return CmaEs(
        _space(material),
        CmaConfig(subspace=subspace, start=material.initial),
        material.seed,
        _initial_designs(material),
    )


def _subspace(material: Material) -> Optimizer:
    return _cma(material, _SUBSPACE)


def _turbo(material: Material) -> Optimizer:
    from seqvae.search.optimizers.turbo import Turbo  # as for the guide

    return Turbo(_space(material), TurboConfig(start=material.initial), material.seed, _initial_designs(material))


def _ascent(material: Material) -> Optimizer:
    from seqvae.search.optimizers.gradient_ascent import Ascent

    return Ascent(_space(material), AscentConfig(start=material.initial), material.seed, _initial_designs(material))


def _gp(material: Material) -> Optimizer:
    return _made_by(material, material.texts.moves, guided=True)


OPTIMIZERS: dict[str, _Kind] = {
    "auto": _Kind("moves of graphs or sequences and of latent points, the model learning from the best", _auto, True),
    "latent": _Kind("moves of latent points alone, the model learning from the best", _latent, True),
    "turbo": _Kind("trust regions of a Gaussian process over the latent space", _turbo, True),
    "ascent": _Kind("gradients of networks that learn the scores over the latent space", _ascent),
    "cma-es": _Kind("CMA-ES over the latent space", _cma),
    "subspace": _Kind("CMA-ES over random directions of the latent space", _subspace),
    "gp": _Kind("a Gaussian process by similarity, which chooses among bred texts", _gp, True),
    "ga": _Kind("a genetic algorithm over molecules as graphs, or over sequences", _ga, True),
    "string-ga": _Kind("a genetic algorithm over molecules as SELFIES, or over sequences", _string_ga, True),
    "prior": _Kind("draws from the model", _prior),
    "screening": _Kind("the texts of a file in random order", _screening),
}

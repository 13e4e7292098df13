"""Optimisers by name, made of a model, of texts to begin with, or of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from seqvae.config import suggestion
from seqvae.errors import UsageError
from seqvae.latent.codec import Codec
from seqvae.optimiser_config import BreedingConfig, GenerativeConfig
from seqvae.search.evolution import Breed, Crossover, Evolution, Moves, Mutation
from seqvae.search.generative import FromPrior, FromTexts, generative
from seqvae.search.optimiser import Optimiser
from seqvae.search.sequence_moves import SelfiesMoves
from seqvae.search.texts import Texts


@final
@dataclass(frozen=True)
class Material:
    """What an optimiser is made of.

    Attributes:
        texts: the kind of texts.
        codec: a model, which the optimiser may change; None: there is none.
        start: texts to begin with; none: from the model's prior.
        seed: of all draws.
    """

    texts: Texts
    codec: Codec | None = None
    start: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class _Kind:
    """How an optimiser is made, and what `seqvae optimize --help` says of it."""

    about: str
    make: Callable[[Material], Optimiser]


def build_optimiser(name: str, material: Material) -> Optimiser:
    """Return the optimiser of that name.

    Raises:
        UsageError: there is none, or the material is not enough for it.
    """
    if name not in OPTIMISERS:
        raise UsageError(f"unknown optimizer {name!r}{suggestion(name, OPTIMISERS)}")
    if material.codec is None and not material.start:
        raise UsageError("a search begins with a model or with texts: give --model, --start, or both")
    return OPTIMISERS[name].make(material)


def _codec(material: Material) -> Codec:
    if material.codec is None:
        raise UsageError("this optimizer searches the latent space of a model: give --model, or take --optimizer ga")
    return material.codec


def _auto(material: Material) -> Optimiser:
    return _ga(material) if material.codec is None else _generative(material, GenerativeConfig())


def _latent(material: Material) -> Optimiser:
    breeding = BreedingConfig(mutation=0.0, crossover=0.0)
    return _generative(material, GenerativeConfig(breeding=breeding))


def _generative(material: Material, config: GenerativeConfig) -> Optimiser:
    texts = material.texts
    return generative(_codec(material), texts.moves, texts.canonical, config, material.seed, material.start)


def _ga(material: Material) -> Optimiser:
    return _bred(material, material.texts.moves)


def _string_ga(material: Material) -> Optimiser:
    return _bred(material, SelfiesMoves() if material.texts.molecular else material.texts.moves)


def _bred(material: Material, moves: Moves) -> Optimiser:
    shares = BreedingConfig()
    ways: dict[str, tuple[Breed, float]] = {
        "crossover": (Crossover(moves, shares.mutated), shares.crossover),
        "mutation": (Mutation(moves), shares.mutation),
    }
    start = FromTexts(material.start) if material.start else FromPrior(_codec(material))
    return Evolution(start, ways, material.texts.canonical, GenerativeConfig().evolution, material.seed)


OPTIMISERS: dict[str, _Kind] = {
    "auto": _Kind("moves of graphs or sequences and of latent points, the model learning from the best", _auto),
    "latent": _Kind("moves of latent points alone, the model learning from the best", _latent),
    "ga": _Kind("a genetic algorithm over molecules as graphs, or over sequences", _ga),
    "string-ga": _Kind("a genetic algorithm over molecules as SELFIES, or over sequences", _string_ga),
}

"""Evolution that breeds both in latent space and as strings or graphs, and retrains its generative model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqvae.config import GenerativeConfig, GeneticConfig, MoveConfig
from seqvae.errors import UsageError
from seqvae.latent.codec import Codec
from seqvae.search.domain.molecule_moves import writing
from seqvae.search.domain.moves import Moves
from seqvae.search.memory.initial_design import FromPrior, FromTexts
from seqvae.search.memory.token_cache import Readable
from seqvae.search.optimizer import Material
from seqvae.search.optimizers import genetic
from seqvae.search.optimizers.evolution import Chooser, Evolution
from seqvae.search.optimizers.latent_operators import PosteriorCrossover, PosteriorNoise
from seqvae.search.optimizers.operators import Operator, breeding
from seqvae.search.optimizers.weighted_retraining import Retraining
from seqvae.search.proposals import Canonical


def build(config: GenerativeConfig, material: Material) -> Evolution:
    """Return the evolution; without a model, the genetic algorithm that remains of it.

    Raises:
        UsageError: there is no model, and some settings need one.
    """
    shares, usual = config.operators, GenerativeConfig()
    if material.codec is None and shares.mutation + shares.crossover:
        moves = MoveConfig(shares.mutation, shares.crossover, shares.mutated, shares.elements, shares.apart)
        kept = GeneticConfig("graph", config.evolution, config.selection, moves, config.guide, config.guided)
        shares = replace(usual.operators, **vars(moves))
        rest = replace(usual, evolution=kept.evolution, selection=kept.selection, operators=shares, guide=kept.guide)
        if replace(rest, guided=kept.guided) != config:  # a setting that is left out was given
            raise UsageError(
                "the settings of latent moves, of retraining, and of shares in latent space need a model: give "
                "--model, or leave them out"
            )
        return genetic.build(kept, material)
    evolution = replace(config.evolution, start=config.evolution.start or material.initial)
    guide = genetic.guide_of(config.guide, material) if config.guided else None
    texts = material.texts
    return generative(
        material.model(),
        writing(texts.moves, shares.elements),
        texts.canonical,
        replace(config, evolution=evolution),
        material.seed,
        material.start,
        guide,
    )


def generative(
    codec: Codec,
    moves: Moves,
    canonical: Canonical,
    config: GenerativeConfig | None = None,
    seed: int = 0,
    start: Sequence[str] = (),
    guide: Chooser | None = None,
) -> Evolution:
    """Return an evolution with a generative model.

    Args:
        codec: the model; it changes as it learns.
        moves: small changes of its texts.
        canonical: returns the canonical form of a text, None for an invalid one.
        config: all settings.
        seed: of all draws.
        start: texts to begin with; none: from the model's prior.
        guide: chooses among many offspring.
    """
    config = config or GenerativeConfig()
    texts = Readable(codec)
    learner = Retraining(texts, config.retraining, seed, start) if config.retrained else None
    begin = FromTexts(tuple(start)) if start else FromPrior(codec)
    shares = config.operators
    ways: dict[str, tuple[Operator, float]] = {
        **breeding(moves, shares),
        "latent noise": (PosteriorNoise(texts, config.latent_moves), shares.latent_noise),
        "latent crossover": (PosteriorCrossover(texts, config.latent_moves), shares.latent_crossover),
    }
    used = {name: (operator, share) for name, (operator, share) in ways.items() if share}
    return Evolution(begin, used, canonical, config.evolution, seed, learner, config.selection, guide)

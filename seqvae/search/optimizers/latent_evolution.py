"""Evolution that breeds in latent space and as strings or graphs at once, with a generator that learns from it."""

from __future__ import annotations

from collections.abc import Sequence

from seqvae.config import GenerativeConfig, OperatorConfig
from seqvae.latent.codec import Codec
from seqvae.search.domain.moves import Moves
from seqvae.search.memory.initial_design import FromPrior, FromTexts
from seqvae.search.memory.token_cache import Readable
from seqvae.search.optimizers.evolution import Chooser, Evolution
from seqvae.search.optimizers.latent_operators import PosteriorCrossover, PosteriorNoise
from seqvae.search.optimizers.operators import Crossover, Mutation, Operator
from seqvae.search.optimizers.weighted_retraining import Retraining
from seqvae.search.proposals import Canonical


def generative(
    codec: Codec,
    moves: Moves,
    canonical: Canonical,
    config: GenerativeConfig | None = None,
    seed: int = 0,
    start: Sequence[str] = (),
    guide: Chooser | None = None,
) -> Evolution:
    """Return an evolution over a model.

    Args:
        codec: the model; it changes as it learns.
        moves: small changes of its texts.
        canonical: canonical form of a text, None of an invalid one.
        config: all settings.
        seed: of all draws.
        start: texts to begin with; none: from the model's prior.
        guide: what chooses among many proposals.
    """
    config = config or GenerativeConfig()
    texts = Readable(codec)
    learner = Retraining(texts, config.retraining, seed, start) if config.retrained else None
    begin = FromTexts(tuple(start)) if start else FromPrior(codec)
    ways, selection = _operators(texts, moves, config), config.selection
    return Evolution(begin, ways, canonical, config.evolution, seed, learner, selection, guide)


def _operators(texts: Readable, moves: Moves, config: GenerativeConfig) -> dict[str, tuple[Operator, float]]:
    shares: OperatorConfig = config.operators
    ways: dict[str, tuple[Operator, float]] = {
        "crossover": (Crossover(moves, shares.mutated), shares.crossover),
        "mutation": (Mutation(moves), shares.mutation),
        "latent noise": (PosteriorNoise(texts, config.latent_moves), shares.latent_noise),
        "latent crossover": (PosteriorCrossover(texts, config.latent_moves), shares.latent_crossover),
    }
    return {name: (operator, share) for name, (operator, share) in ways.items() if share}

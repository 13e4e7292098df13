"""A genetic algorithm over molecules as graphs or as SELFIES, or over sequences, optionally with a surrogate."""

from __future__ import annotations

from dataclasses import replace

from seqvae.config import GeneticConfig, GuideConfig
from seqvae.search.domain.molecule_moves import writing
from seqvae.search.domain.sequence_moves import SelfiesMoves
from seqvae.search.memory.initial_design import FromPrior, FromTexts
from seqvae.search.optimizer import Material
from seqvae.search.optimizers.evolution import Chooser, Evolution
from seqvae.search.optimizers.operators import breeding

_BROODS = 12  # per generation under constraints: of a single one too few would be left to choose among


def build(config: GeneticConfig, material: Material) -> Evolution:
    """Return the algorithm; it begins with the given texts, however few they are.

    Raises:
        UsageError: there are no texts, and no model to draw some from.
    """
    texts, shares = material.texts, config.operators
    graphs = writing(texts.moves, shares.elements)
    moves = SelfiesMoves() if config.moves == "selfies" and texts.molecular else graphs
    return Evolution(
        FromTexts(material.start) if material.start else FromPrior(material.model()),
        {name: (operator, share) for name, (operator, share) in breeding(moves, shares).items() if share},
        texts.canonical,
        replace(config.evolution, start=config.evolution.start or material.initial),
        material.seed,
        selection=config.selection,
        guide=guide_of(config.guide, material) if config.guided else None,
    )


def guide_of(config: GuideConfig, material: Material) -> Chooser:
    """Return the surrogate-guided choice among offspring."""
    from seqvae.search.surrogates.representations import letters_at
    from seqvae.search.surrogates.similarity_gp import Guide  # imports BoTorch and GPyTorch, which takes seconds
    from seqvae.search.surrogates.tanimoto import Features, Substructures, Words

    broods = config.broods or (_BROODS if material.texts.constrained else 1)
    sheets = material.texts.sheets
    features: list[Features] = [Words(), *([letters_at] if config.places else [])]
    if sheets is not None:
        features = [Substructures(sheets)]
    return Guide(features, replace(config, broods=broods))

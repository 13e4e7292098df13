"""The contract of every optimiser: ask for proposals, tell their scores, save and load the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

from seqvae.errors import UsageError
from seqvae.latent.codec import Codec
from seqvae.search.domain.domain import Texts
from seqvae.search.memory.initial_design import FromPrior, FromTexts, InitialDesign
from seqvae.search.memory.latent_space import Space
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.storage.state import State


@runtime_checkable
class Optimizer(Protocol):
    """Proposes texts and learns from their scores; higher is better.

    The proposals follow from the seed and from what was told, so that a saved and loaded optimiser proposes what it
    would have proposed.
    """

    def ask(self, count: int) -> list[Candidate]:
        """Return proposals, distinct and new as far as possible; fewer than `count` only where there are no more."""

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Learn what proposals scored, whoever made them."""

    def state_dict(self) -> State:
        """Return everything that the next proposals follow from."""

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""


@final
@dataclass(frozen=True)
class Material:
    """What an optimiser is built from.

    Attributes:
        texts: the kind of texts.
        codec: a model, which the optimiser may change; None: there is none.
        start: texts to begin with; none: from the model's prior.
        seed: of all draws.
        initial: texts that are scored before the first ones are bred or modelled.
        scores: numbers per text.
    """

    texts: Texts
    codec: Codec | None = None
    start: tuple[str, ...] = ()
    seed: int = 0
    initial: int = 100
    scores: int = 1

    def model(self) -> Codec:
        """Return the model; raises UsageError where there is none."""
        if self.codec is None:
            raise UsageError(
                "this optimizer searches the latent space of a model: give --model, or choose --optimizer ga"
            )
        return self.codec

    def space(self) -> Space:
        """Return the latent space of the model; raises as `model`."""
        texts = self.texts
        return Space(self.model(), canonical=texts.canonical, free=texts.free, projected=texts.projected)

    def initial_designs(self) -> tuple[InitialDesign, ...]:
        """Return the initial designs of a search in latent space: the texts, then the prior, lest there be too few."""
        prior = FromPrior(self.model())
        return (FromTexts(self.start), prior) if self.start else (prior,)

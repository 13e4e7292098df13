"""What samples are compared with, how, and what comes of it: the terms in which every kind of text is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from seqvae.errors import UsageError

Progress = Callable[[str, int, int], object]  # what is done, so many of so many


@runtime_checkable
class Watch(Protocol):
    """Follows a long work: how far a step has come, and in words what the next one is or what was left out."""

    def __call__(self, what: str, done: int, total: int) -> object:
        """Take note that so many of so many are done."""

    def note(self, text: str) -> object:
        """Take note of a sentence."""


class Unwatched:
    """Takes note of nothing."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class References:
    """Real texts that samples are compared with.

    Args:
        kind: name of their domain: `molecules`, `dna`, `rna` or `protein`.
        test: held-out texts; their distribution is what samples should have.
        test_scaffolds: molecules only: a second test set, of scaffolds that training has not seen; may be empty.
        training: what the model was trained on, for novelty and nearness to it; may be empty.
    """

    kind: str
    test: Sequence[str]
    test_scaffolds: Sequence[str] = ()
    training: Sequence[str] = ()


@dataclass(frozen=True)
class GenerationSettings:
    """How the work is done.

    Attributes:
        seed: seed of every random draw (bootstrap, splits of a classifier).
        bootstrap: resamplings for the 95 % intervals; 0: no intervals.
        guacamol: molecules only: GuacaMol's five figures too.
        stereo: molecules only: the variants with and without stereo too.
        device: of matrix products and networks: `auto`, `cpu` or `cuda`.
        workers: processes that work on single texts; 0: as many as there are cores and the texts are worth.
        cache_dir: where the statistics of references are kept; None: `cache_folder("references")`.
        progress: is told what is being done, how much is done, and of how much; None: nobody is told.
    """

    seed: int = 0
    bootstrap: int = 1000
    guacamol: bool = True
    stereo: bool = True
    device: str = "auto"
    workers: int = 0
    cache_dir: Path | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.bootstrap < 0 or self.workers < 0:
            raise UsageError(f"bootstrap and workers must not be negative, got {self.bootstrap} and {self.workers}")
        if self.seed < 0:
            raise UsageError(f"seed: expected a number from 0, got {self.seed}")


@dataclass(frozen=True)
class Generation:
    """What samples come to beside real texts.

    Attributes:
        kind: name of their domain: `molecules`, `dna`, `rna` or `protein`.
        metrics: each figure by its name: MOSES' own for molecules, plain words for sequences.
        intervals: 95 % bootstrap intervals by the same names, where there is one.
        baselines: the same figures of held-out real texts, where they are computed.
        histograms: of each property, its values for samples and for the reference (evenly picked, if many).
        examples: valid, distinct samples in canonical form, the first ones.
        counts: how many samples, valid ones, distinct ones, reference texts, and so on.
    """

    kind: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    baselines: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

"""What samples are compared with, how, and the result: the same records for every kind of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from seqvae.errors import UsageError

_ENOUGH = 5_000  # texts from which FCD hardly depends on their number (Preuer et al. 2018, arXiv:1803.09518)

Progress = Callable[[str, int, int], object]  # what is being done, how many are done, and of how many


@runtime_checkable
class Watch(Protocol):
    """Follows a long task: the progress of each step, and notes on what comes next or was left out."""

    def __call__(self, what: str, done: int, total: int) -> object:
        """Report that `done` of `total` are done."""

    def note(self, text: str) -> object:
        """Report a sentence."""


class Unwatched:
    """Reports nothing."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class References:
    """Real texts that samples are compared with.

    Attributes:
        kind: name of their domain: `molecules`, `dna`, `rna` or `protein`.
        test: held-out texts, whose distribution samples should have.
        test_scaffolds: molecules only: a second test set, of scaffolds that training has not seen; may be empty.
        training: what the model was trained on, for novelty and nearest training texts; may be empty.
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
        guacamol: molecules only: whether to add GuacaMol's five metrics.
        stereo: molecules only: whether to add the variants with and without stereo.
        device: for matrix products and networks: `auto`, `cpu` or `cuda`.
        workers: processes that work on single texts; 0: one per core, fewer if there is too little to do.
        cache_dir: where the statistics of references are kept; None: `cache_folder("references")`.
        progress: called with what is being done, how many are done, and of how many; None: nobody is told.
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
    """How samples compare with real texts.

    Attributes:
        kind: name of their domain: `molecules`, `dna`, `rna` or `protein`.
        metrics: values by name: MOSES' names for molecules, plain words for sequences.
        intervals: 95 % bootstrap intervals by the same names, where there is one.
        baselines: the same metrics for real texts in place of the samples, where computed.
        histograms: for each property, the values of samples and of the reference (evenly thinned out, if many).
        examples: the first valid, distinct samples, in canonical form.
        counts: how many samples, valid ones, distinct ones, reference texts, and so on.
    """

    kind: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    baselines: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def few(self) -> str:
        """One line where there are so few samples or real texts that a distance says more of that; else empty."""
        noun = "molecules" if self.kind == "molecules" else "sequences"
        what = {"valid": "valid samples", "reference": f"reference {noun}"}
        few = [f"{self.counts[key]:,} {name}" for key, name in what.items() if self.counts.get(key, _ENOUGH) < _ENOUGH]
        if not few:
            return ""
        known = "compare with the column 'real'" if self.baselines else "--train FILE adds the value of real ones"
        distances = "FCD and other distances" if self.kind == "molecules" else "distances and divergences"
        said = f"few to compare ({' and '.join(few)}): {distances} grow as they get fewer, for real ones too"
        return f"{said}; {known}, and give {_ENOUGH:,} or more for metrics to publish"

"""How good generated texts are beside real ones: one call for molecules and for DNA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqvae.errors import InputError, UsageError
from seqvae.text.alphabet import IUPAC
from seqvae.text.molecules import is_valid

KINDS = ("molecules", "dna")
Progress = Callable[[str, int, int], object]  # what is done, so many of so many

_FEWEST = 2  # samples: of one alone there is no distribution
_LOOKED_AT = 100  # texts that tell the kind
_DNA_LETTERS = {*IUPAC, *map(str.lower, IUPAC), "U", "u", "-"}


@dataclass(frozen=True)
class References:
    """Real texts that samples are compared with.

    Args:
        kind: `molecules` or `dna`.
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
        kind: `molecules` or `dna`.
        metrics: each figure by its name: MOSES' own for molecules, plain words for DNA.
        intervals: 95 % bootstrap intervals by the same names, where there is one.
        floors: the same figures of held-out real texts, where they are computed.
        histograms: of each property, its values for samples and for the reference (evenly picked, if many).
        examples: valid, distinct samples in canonical form, the first ones.
        counts: how many samples, valid ones, distinct ones, reference texts, and so on.
    """

    kind: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def generation(
    samples: Sequence[str], references: References, settings: GenerationSettings | None = None
) -> Generation:
    """Compare samples with real texts.

    Args:
        samples: as generated; invalid ones count against the model and are left out of the rest.
        references: what they are compared with; says of which kind the texts are.
        settings: how the work is done.

    Raises:
        InputError: fewer than two samples, none valid, an empty reference, or samples and reference of two kinds.
        UsageError: there is no such kind or device.
    """
    settings = settings or GenerationSettings()
    check_texts(samples, references)
    if references.kind == "molecules":
        from seqvae.evaluate.molecules import molecule_metrics

        return molecule_metrics(samples, references, settings)
    from seqvae.evaluate.dna import dna_metrics

    return dna_metrics(samples, references, settings)


def check_texts(samples: Sequence[str], references: References) -> None:
    """Check that there is something to compare, and that both sides are of the kind asked for.

    Raises:
        InputError: fewer than two samples, an empty reference, or texts of the other kind.
        UsageError: there is no such kind.
    """
    if references.kind not in KINDS:
        raise UsageError(f"unknown kind of texts {references.kind!r}: expected {' or '.join(KINDS)}")
    if len(samples) < _FEWEST:
        what = "no sample" if not samples else "1 sample"
        raise InputError(f"expected at least 2 samples, one a line, got {what}: a distribution needs more, give 1,000")
    for name, texts in (("reference", references.test), ("scaffold reference", references.test_scaffolds)):
        if len(texts) < _FEWEST and (texts or name == "reference"):
            raise InputError(f"expected at least 2 texts in the {name}, got {len(texts)}: give a larger one")
    sides = {"samples": samples, "reference": references.test, "training texts": references.training}
    found = {name: looks_like(texts) for name, texts in sides.items()}
    for name, kind in found.items():
        if kind and kind != references.kind:
            raise InputError(
                f"the {name} look{'s' if name == 'reference' else ''} like {_shown(kind)}, expected "
                f"{_shown(references.kind)} (first text: {_shortened(sides[name][0])}): "
                "give samples and a reference of one kind"
            )


def looks_like(texts: Sequence[str]) -> str:
    """Return `molecules` or `dna` for what most of the first texts can only be, and an empty text if unclear.

    A run of C and N alone is both; texts that are neither (say, invalid samples) decide nothing.

    >>> looks_like(["CC(=O)O", "c1ccccc1"]), looks_like(["ACGT", "GATTACA"]), looks_like(["CCC", "x!"])
    ('molecules', 'dna', '')
    """
    dna = molecules = 0
    for text in texts[:_LOOKED_AT]:
        letters, valid = bool(text) and set(text) <= _DNA_LETTERS, is_valid(text)
        dna += letters and not valid
        molecules += valid and not letters
    if max(dna, molecules) * 2 <= min(len(texts), _LOOKED_AT):
        return ""
    return "dna" if dna > molecules else "molecules"


def _shown(kind: str) -> str:
    return {"molecules": "molecules as SMILES", "dna": "DNA"}[kind]


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")

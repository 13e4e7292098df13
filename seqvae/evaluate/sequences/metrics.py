"""How generated sequences compare with real ones, figure by figure, each beside what real sequences themselves reach.

A figure means little alone: two finite sets of the same sequences differ too. So each has a floor, the same figure of
held-out real sequences (`Generation.floors`): of the test texts where it describes one set (GC content, novelty,
nearness to training), and where it compares two, of as many real sequences as there are samples, training texts if they
are given, else one half of the test texts against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError, InvalidSequenceError, UsageError
from seqvae.evaluate.records import Generation, GenerationSettings, References
from seqvae.evaluate.sequences.classifier import FOLDS, discriminability
from seqvae.evaluate.sequences.kmers import jensen_shannon, longest_kmer, spectrum
from seqvae.properties.dna.composition import gc_content, longest_runs
from seqvae.properties.dna.motifs import Motif, hits
from seqvae.sequences.alphabet import Alphabet
from seqvae.sequences.domain import DOMAINS
from seqvae.sequences.integer_codes import Letters, letters_in

_MOST_KMERS = 8000  # of one length whose spectra are compared: 6 bases, or 3 residues
NEAR = 0.05  # edits a letter up to which a sample counts as a copy of a training sequence with a few changes
_SHOWN = 2000  # values of a histogram, at most
_EXAMPLES = 100
# Pairs whose edit distance is computed: 500 samples against 12,500 sequences of 165 bases, some 15 s on one core.
_PAIRS = 6_250_000
_FEWEST_COMPARED = 50  # sequences, however many there are to compare them with
_CELLS = 4_000_000  # distances held in memory at a time
Row = NDArray[np.float64]


@dataclass(frozen=True)
class _Facts:
    """What is known of each sequence of a set, and the set itself in sorted order.

    Attributes:
        alphabet: what they are written in.
        texts: canonical, sorted, so that the order in which they were given changes nothing.
        letters: the same as numbers.
        values: by metric, a number for each sequence.
    """

    alphabet: Alphabet
    texts: list[str]
    letters: Letters
    values: dict[str, Row]


def sequence_metrics(
    samples: Sequence[str],
    references: References,
    settings: GenerationSettings | None = None,
    motifs: Sequence[Motif] = (),
) -> Generation:
    """Compare generated sequences with real ones: DNA, RNA, proteins.

    Metrics, where distances are 0 for equal distributions:

    * `valid`, `unique`, and `novelty`: share of the distinct valid samples that training lacks, letter by letter;
    * `length_mean`, `gc_mean` (DNA and RNA), `longest_run_mean` (of one letter), and of each `..._wasserstein`, the
      distance from the test texts in its own unit; no GC content where no sequence has a certain base;
    * `kmer_js_1` to `kmer_js_6` (of proteins to `kmer_js_3`): Jensen-Shannon divergence of the words' shares, bits; not
      where sequences are shorter;
    * `motif_NAME_per_kb`: hits in 1,000 windows;
    * `discriminability`: area under the ROC curve of a classifier by words, generated against test texts;
    * `nearest_edits_mean`, `nearest_edits_median`: edits to the nearest training text; `near_copies`: share of samples
      within 0.05 edits a letter of one.

    Args:
        samples: as generated; what is no such sequence counts against `valid`, and is left out of the rest.
        references: of a domain with an alphabet. Without training texts there is no novelty and no nearness.
        settings: how the work is done.
        motifs: of DNA, whose density to count, such as `seqvae.properties.dna.motifs.PROMOTER_BOXES`.

    Raises:
        InputError: fewer than two valid samples or reference texts, or a real text that is no such sequence.
        UsageError: the references are of a domain without an alphabet.
    """
    settings = settings or GenerationSettings()
    tell = _teller(settings)
    alphabet = DOMAINS[references.kind].alphabet
    if alphabet is None:
        raise UsageError(f"expected sequences of a known alphabet, got references of {references.kind}")
    forms = [form for text in samples if (form := alphabet.canonical(text))]
    if len(forms) < 2:
        raise InputError(
            f"expected at least 2 samples that are {alphabet.title}, got {len(forms)} among {len(samples)}: check what "
            "made them"
        )
    test = _real(references.test, alphabet, "reference", 2)
    training = _real(references.training, alphabet, "training texts", 0)
    tell("sequences", 0)
    facts, real = _facts(forms, alphabet, motifs), _facts(test, alphabet, motifs)
    known, rng = frozenset(training), np.random.default_rng(settings.seed)
    metrics, baselines = _described(facts, len(samples), known), _described(real, len(test), known)
    tell("distributions", 1)
    metrics |= _compared(facts, real)
    baselines |= _baselines(facts, real, training, settings)
    tell("classifier", 2)
    intervals: dict[str, tuple[float, float]] = {}
    if found := _told_apart(real, facts.texts, settings.seed, settings.bootstrap):
        metrics["discriminability"], interval = found
        intervals |= {"discriminability": interval} if interval else {}
    tell("nearest training texts", 3)
    facts, real = (_with_nearest(facts_of, training, settings) for facts_of in (facts, real))
    for facts_of, made in ((facts, metrics), (real, baselines)):
        made |= _nearness(facts_of)
    tell("intervals", 4)
    intervals |= _intervals(facts, metrics, settings.bootstrap, rng)
    tell("intervals", 5)
    counts = _counts(samples, facts, real, training)
    return Generation(references.kind, metrics, intervals, baselines, _histograms(facts, real), _first(forms), counts)


def _teller(settings: GenerationSettings) -> Callable[[str, int], object]:
    if settings.progress is None:
        return lambda what, done: None
    progress = settings.progress
    return lambda what, done: progress(what, done, 5)


def _real(texts: Sequence[str], alphabet: Alphabet, what: str, fewest: int) -> list[str]:
    """Return real sequences in canonical form.

    Raises:
        InputError: one is no such sequence, or there are too few.
    """
    forms = []
    for number, text in enumerate(texts, 1):
        try:
            forms.append(alphabet.normalize(text))
        except InvalidSequenceError as error:
            raise InputError(f"{what}, sequence {number}: {error}") from error
    if len(forms) < fewest:
        raise InputError(f"expected at least {fewest} sequences in the {what}, got {len(forms)}: give a larger one")
    return forms


def _facts(forms: Sequence[str], alphabet: Alphabet, motifs: Sequence[Motif] = ()) -> _Facts:
    texts = sorted(forms)
    found = letters_in(alphabet, texts)
    values: dict[str, Row] = {"length": found.lengths.astype(np.float64)}
    if alphabet.complements:
        values["gc"] = gc_content(found)
    values["longest_run"] = longest_runs(found).astype(np.float64)
    for motif in motifs:
        windows = np.maximum(found.lengths - motif.width + 1, 1) * (2 if motif.both_strands else 1)
        values[f"motif_{motif.name}_per_kb"] = 1000 * hits(found, motif) / windows
    return _Facts(alphabet, texts, found, values)


_DISTANCES = ("length", "gc", "longest_run")  # values whose distributions are compared, beside their means


def _described(facts: _Facts, count: int, known: frozenset[str]) -> dict[str, float]:
    """Return the figures of one set alone.

    Args:
        facts: the valid ones.
        count: of all, valid or not.
        known: training texts; empty: no novelty.
    """
    distinct = set(facts.texts)
    found = {"valid": len(facts.texts) / count, "unique": len(distinct) / len(facts.texts)}
    if known:
        found["novelty"] = len(distinct - known) / len(distinct)
    for name, values in facts.values.items():
        if (defined := _defined(values)).size:
            found[name if name.startswith("motif_") else f"{name}_mean"] = float(defined.mean())
    return found


def _defined(values: Row) -> Row:
    """Return the values that are defined: a sequence of ambiguity codes alone has no GC content."""
    return values[~np.isnan(values)]


def _compared(facts: _Facts, other: _Facts) -> dict[str, float]:
    """Return the figures of one set against another, those of the classifier aside."""
    from scipy.stats import wasserstein_distance

    found = {}
    for name in (each for each in _DISTANCES if each in facts.values):
        one, two = _defined(facts.values[name]), _defined(other.values[name])
        if one.size and two.size:
            found[f"{name}_wasserstein"] = float(wasserstein_distance(one, two))
    for width in range(1, longest_kmer(len(facts.alphabet.letters), _MOST_KMERS) + 1):
        if _has_kmers(facts.letters, width) and _has_kmers(other.letters, width):
            shares = spectrum(facts.letters, width), spectrum(other.letters, width)
            found[f"kmer_js_{width}"] = jensen_shannon(*shares)
    return found


def _has_kmers(found: Letters, width: int) -> bool:
    try:
        spectrum(found, width)
    except InputError:
        return False
    return True


def _baselines(facts: _Facts, real: _Facts, training: Sequence[str], settings: GenerationSettings) -> dict[str, float]:
    """Return the figures of comparison for real sequences in place of the samples."""
    rng = np.random.default_rng(settings.seed)
    if training:
        real_baseline, against = _picked(training, len(facts.texts), rng), real
    else:
        shuffled = _picked(real.texts, len(real.texts), rng)
        real_baseline, against = shuffled[::2], _facts(shuffled[1::2], facts.alphabet)
    found = _compared(_facts(real_baseline, facts.alphabet), against)
    told = _told_apart(against, real_baseline, settings.seed, 0)
    return found | ({"discriminability": told[0]} if told else {})


def _picked(texts: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Return so many of the texts, at random whatever their order; all of them if there are no more."""
    ordered = sorted(texts)
    return [ordered[i] for i in rng.permutation(len(ordered))[:count].tolist()]


def _told_apart(
    real: _Facts, generated: Sequence[str], seed: int, bootstrap: int
) -> tuple[float, tuple[float, float] | None] | None:
    """Return the classifier's area and its interval; None where there are too few sequences for one."""
    if min(len(real.texts), len(generated)) < FOLDS:
        return None
    found = discriminability(real.texts, generated, seed, bootstrap, real.alphabet)
    return found.auc, found.interval


def _with_nearest(facts: _Facts, training: Sequence[str], settings: GenerationSettings) -> _Facts:
    """Add the edits to the nearest training text, of as many sequences as can be compared."""
    if not training:
        return facts
    pool = sorted(set(training))
    count = max(_FEWEST_COMPARED, _PAIRS // len(pool))
    asked = _picked(facts.texts, count, np.random.default_rng(settings.seed))
    edits = nearest_edits(asked, pool, settings.workers)
    share = edits / np.array([len(text) for text in asked])
    found = {"nearest_edits": edits.astype(np.float64), "near_copies": (share <= NEAR).astype(np.float64)}
    return replace(facts, values=facts.values | found)


def nearest_edits(texts: Sequence[str], pool: Sequence[str], workers: int = 0) -> NDArray[np.int64]:
    """Return each text's edit distance to the nearest text of the pool, `(texts,)`: exact, every pair is compared.

    Insertions, deletions and exchanges cost 1 each (Levenshtein 1966).

    Args:
        texts: what to compare.
        pool: with what; not empty.
        workers: threads; 0: as many as there are cores.

    Raises:
        InputError: the pool is empty.

    >>> nearest_edits(["GATTACA", "TTTT"], ["GCATACA", "TTT"], workers=1).tolist()
    [2, 1]
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    if not pool:
        raise InputError("expected sequences to compare with, got none: give the training texts")
    nearest = np.zeros(len(texts), np.int64)
    step = max(1, _CELLS // len(pool))
    for start in range(0, len(texts), step):
        part = list(texts[start : start + step])
        distances = cdist(part, list(pool), scorer=Levenshtein.distance, dtype=np.int32, workers=workers or -1)
        nearest[start : start + step] = distances.min(1)
    return nearest


def _nearness(facts: _Facts) -> dict[str, float]:
    if "nearest_edits" not in facts.values:
        return {}
    edits = facts.values["nearest_edits"]
    return {
        "nearest_edits_mean": float(edits.mean()),
        "nearest_edits_median": float(np.median(edits)),
        "near_copies": float(facts.values["near_copies"].mean()),
    }


def _intervals(
    facts: _Facts, metrics: dict[str, float], bootstrap: int, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return percentile intervals of the means (Efron 1979, doi:10.1214/aos/1176344552).

    Distances between distributions have none: resampling adds noise that makes each of them larger than it was.
    """
    found = {}
    for name, values in facts.values.items() if bootstrap else ():
        metric = name if name in metrics else f"{name}_mean"
        if metric not in metrics:
            continue
        means = np.fromiter(_means(_defined(values), bootstrap, rng), np.float64, bootstrap)
        found[metric] = (float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5)))
    return found


def _means(values: Row, bootstrap: int, rng: np.random.Generator) -> Iterator[float]:
    for _ in range(bootstrap):
        yield values[rng.integers(0, len(values), len(values))].mean()


def _histograms(facts: _Facts, real: _Facts) -> dict[str, tuple[list[float], list[float]]]:
    names = [name for name in (*_DISTANCES, "nearest_edits") if name in facts.values]
    return {name: (_evenly(facts.values[name]), _evenly(real.values[name])) for name in names}


def _evenly(values: Row) -> list[float]:
    """Return the values in order, evenly picked if there are many."""
    ordered = np.sort(_defined(values))
    if len(ordered) > _SHOWN:
        ordered = ordered[np.linspace(0, len(ordered) - 1, _SHOWN).round().astype(np.int64)]
    return ordered.tolist()


def _first(forms: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(forms))[:_EXAMPLES]


def _counts(samples: Sequence[str], facts: _Facts, real: _Facts, training: Sequence[str]) -> dict[str, int]:
    compared = facts.values.get("nearest_edits")
    return {
        "samples": len(samples),
        "valid": len(facts.texts),
        "distinct": len(set(facts.texts)),
        "reference": len(real.texts),
        "training": len(training),
        "compared_with_training": 0 if compared is None else len(compared),
    }

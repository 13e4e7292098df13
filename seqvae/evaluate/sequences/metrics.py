"""How generated sequences compare with real ones: metric by metric, each with the value for real sequences.

A metric alone means little: two finite sets from one distribution differ too. So each has a baseline, the same metric
for real sequences (`Generation.baselines`). For metrics of one set (GC content, novelty, nearest training sequences)
these are the test sequences; for metrics that compare two sets, as many real sequences as there are samples: training
sequences if given, else one half of the test sequences against the other.

Metrics, where distances are 0 for equal distributions:

* `valid`, `unique`, and `novelty`: share of the distinct valid samples that are not, letter by letter, in training;
* `length_mean`, `gc_mean` (DNA and RNA), `longest_run_mean` (of one letter), and for each `..._wasserstein`, the
  distance from the test sequences in the same unit; no GC content if no sequence has an unambiguous base;
* `kmer_js_1` to `kmer_js_6` (to `kmer_js_3` for proteins): Jensen-Shannon divergence of k-mer shares, bits; left out if
  sequences are shorter;
* `motif_NAME_per_kb`: hits per 1,000 windows;
* `discriminability`: area under the ROC curve of a classifier on k-mers, generated against test sequences;
* `nearest_edits_mean`, `nearest_edits_median`: edits to the nearest training sequence; `near_copies`: share of samples
  with at most 0.05 edits per letter to one.
"""

from __future__ import annotations

from collections.abc import Sequence
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

_MOST_KMERS = 8000  # of one length whose spectra are compared: up to 6 bases, or 3 residues
_STEPS = 5  # of the work, for progress
NEAR = 0.05  # edits per letter up to which a sample counts as a copy of a training sequence with a few changes
_SHOWN = 2000  # values of a histogram, at most
_EXAMPLES = 100
# Pairs whose edit distance is computed: 500 samples against 12,500 sequences of 165 bases, about 15 s on one core.
_PAIRS = 6_250_000
_FEWEST_COMPARED = 50  # sequences, however many training sequences there are
_CELLS = 4_000_000  # distances held in memory at a time
Row = NDArray[np.float64]


@dataclass(frozen=True)
class _Facts:
    """A set of sequences in sorted order, and what is known about each.

    Attributes:
        alphabet: of the sequences.
        texts: canonical, sorted, so that the order in which they were given changes nothing.
        letters: the same, encoded as integers.
        values: by name, a number for each sequence.
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
    """Compare generated sequences with real ones: DNA, RNA, proteins. The metrics are listed at the top of this file.

    Args:
        samples: as generated; invalid ones count against `valid`, and are left out of all else.
        references: of a domain with an alphabet. Without training sequences, novelty and the nearest ones are left out.
        settings: how the work is done.
        motifs: of DNA, to count the density of, such as `seqvae.properties.dna.motifs.PROMOTER_BOXES`.

    Raises:
        InputError: fewer than two valid samples or reference sequences, or an invalid real sequence.
        UsageError: the references are of a domain without an alphabet.
    """
    settings = settings or GenerationSettings()
    tell = settings.progress or (lambda what, done, total: None)
    alphabet, forms, test, training = _read(samples, references)
    tell("sequences", 0, _STEPS)
    facts, real = _facts(forms, alphabet, motifs), _facts(test, alphabet, motifs)
    known, rng = frozenset(training), np.random.default_rng(settings.seed)
    metrics, baselines = _described(facts, len(samples), known), _described(real, len(test), known)
    tell("distributions", 1, _STEPS)
    metrics |= _compared(facts, real)
    baselines |= _baselines(facts, real, training, settings)
    tell("classifier", 2, _STEPS)
    intervals: dict[str, tuple[float, float]] = {}
    if found := _told_apart(real, facts.texts, settings.seed, settings.bootstrap):
        metrics["discriminability"], interval = found
        intervals |= {"discriminability": interval} if interval else {}
    tell("nearest training sequences", 3, _STEPS)
    counts = {"samples": len(samples), "valid": len(forms), "distinct": len(set(forms))}
    counts |= {"reference": len(test), "training": len(training), "compared_with_training": 0}
    if training:
        facts, real = (
            _with_nearest(one, made, training, settings) for one, made in ((facts, metrics), (real, baselines))
        )
        counts["compared_with_training"] = len(facts.values["nearest_edits"])
    tell("intervals", 4, _STEPS)
    intervals |= _intervals(facts, metrics, settings.bootstrap, rng)
    tell("intervals", 5, _STEPS)
    names = [name for name in (*_DISTANCES, "nearest_edits") if name in facts.values]
    histograms = {name: (_evenly(facts.values[name]), _evenly(real.values[name])) for name in names}
    examples = list(dict.fromkeys(forms))[:_EXAMPLES]
    return Generation(references.kind, metrics, intervals, baselines, histograms, examples, counts)


def _read(samples: Sequence[str], references: References) -> tuple[Alphabet, list[str], list[str], list[str]]:
    """Return the alphabet, and the valid samples, test and training sequences in canonical form; raises as above."""
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
    return alphabet, forms, test, _real(references.training, alphabet, "training set", 0)


def _real(texts: Sequence[str], alphabet: Alphabet, what: str, fewest: int) -> list[str]:
    """Return real sequences in canonical form.

    Raises:
        InputError: one is invalid, or there are too few.
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
    """Return the metrics of one set alone.

    Args:
        facts: of the valid ones.
        count: of all, valid or not.
        known: training sequences; empty: no novelty.
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
    """Return the values that are defined: a sequence of ambiguity codes only has no GC content."""
    return values[~np.isnan(values)]


def _compared(facts: _Facts, other: _Facts) -> dict[str, float]:
    """Return the metrics that compare two sets, except those of the classifier."""
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
    """Return the metrics of comparison for real sequences in place of the samples."""
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
    """Return `count` of the texts, at random and whatever their order; all of them if there are no more."""
    ordered = sorted(texts)
    return [ordered[i] for i in rng.permutation(len(ordered))[:count].tolist()]


def _told_apart(
    real: _Facts, generated: Sequence[str], seed: int, bootstrap: int
) -> tuple[float, tuple[float, float] | None] | None:
    """Return the classifier's area under the curve and the interval; None if there are too few sequences."""
    if min(len(real.texts), len(generated)) < FOLDS:
        return None
    found = discriminability(real.texts, generated, seed, bootstrap, real.alphabet)
    return found.auc, found.interval


def _with_nearest(
    facts: _Facts, metrics: dict[str, float], training: Sequence[str], settings: GenerationSettings
) -> _Facts:
    """Add the edits to the nearest training sequence, of as many sequences as time allows, and their metrics."""
    pool = sorted(set(training))
    asked = _picked(facts.texts, max(_FEWEST_COMPARED, _PAIRS // len(pool)), np.random.default_rng(settings.seed))
    edits = nearest_edits(asked, pool, settings.workers).astype(np.float64)
    near = (edits / np.array([len(text) for text in asked]) <= NEAR).astype(np.float64)
    metrics["nearest_edits_mean"], metrics["nearest_edits_median"] = float(edits.mean()), float(np.median(edits))
    metrics["near_copies"] = float(near.mean())
    return replace(facts, values=facts.values | {"nearest_edits": edits, "near_copies": near})


def nearest_edits(texts: Sequence[str], pool: Sequence[str], workers: int = 0) -> NDArray[np.int64]:
    """Return each text's edit distance to the nearest text of the pool, `(texts,)`: exact, every pair is compared.

    Insertions, deletions and substitutions cost 1 each (Levenshtein 1966).

    Args:
        texts: to compare with the pool.
        pool: not empty.
        workers: threads; 0: one per core.

    Raises:
        InputError: the pool is empty.

    >>> nearest_edits(["GATTACA", "TTTT"], ["GCATACA", "TTT"], workers=1).tolist()
    [2, 1]
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    if not pool:
        raise InputError("expected sequences to compare with, got none: give the training sequences")
    nearest = np.zeros(len(texts), np.int64)
    step = max(1, _CELLS // len(pool))
    for start in range(0, len(texts), step):
        part = list(texts[start : start + step])
        distances = cdist(part, list(pool), scorer=Levenshtein.distance, dtype=np.int32, workers=workers or -1)
        nearest[start : start + step] = distances.min(1)
    return nearest


def _intervals(
    facts: _Facts, metrics: dict[str, float], bootstrap: int, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return percentile intervals of the means (Efron 1979, doi:10.1214/aos/1176344552).

    Distances between distributions have none: resampling adds noise that makes each of them larger.
    """
    found = {}
    for name, values in facts.values.items() if bootstrap else ():
        metric = name if name in metrics else f"{name}_mean"
        if metric not in metrics:
            continue
        known = _defined(values)
        means = [known[rng.integers(0, len(known), len(known))].mean() for _ in range(bootstrap)]
        found[metric] = (float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5)))
    return found


def _evenly(values: Row) -> list[float]:
    """Return the values in order, evenly thinned out if there are many."""
    ordered = np.sort(_defined(values))
    if len(ordered) > _SHOWN:
        ordered = ordered[np.linspace(0, len(ordered) - 1, _SHOWN).round().astype(np.int64)]
    return ordered.tolist()

"""How well a simple classifier tells generated sequences from real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError
from seqvae.evaluate.sequences.kmers import kmer_shares, longest_kmer
from seqvae.sequences.alphabet import Alphabet
from seqvae.sequences.dna import DNA_ALPHABET
from seqvae.sequences.integer_codes import letters_in

# 340 k-mer shares for DNA, 420 for proteins: few compared with the sequences, and including codons and short motifs.
_MOST_KMERS = 400  # of one length
FOLDS = 5
LARGEST = 5000  # sequences of each kind; the area's standard error is then below 0.01
# scikit-learn's C, inverse strength of the ridge penalty on standardised shares: strong, since these are many and
# correlated.
_PENALTY = 0.01


@dataclass(frozen=True)
class Discriminability:
    """How well the classifier performs.

    Attributes:
        auc: area under the ROC curve of held-out sequences, mean over the folds: 0.5 if the classifier cannot tell
            generated from real ones, 1 if it always can.
        interval: 95 % bootstrap interval over these sequences, with fixed classifiers; None if not asked for.
        sequences: number of each kind.
    """

    auc: float
    interval: tuple[float, float] | None
    sequences: int


def discriminability(
    real: Sequence[str],
    generated: Sequence[str],
    seed: int = 0,
    bootstrap: int = 0,
    alphabet: Alphabet = DNA_ALPHABET,
) -> Discriminability:
    """Return how well ridge-penalised logistic regression on k-mer shares tells generated from real sequences.

    Five-fold cross-validation with equally many sequences of each kind. The order of the sequences does not matter.

    Args:
        real: sequences in canonical form.
        generated: likewise.
        seed: of the folds, and of the choice among too many sequences.
        bootstrap: resamplings for the interval; 0: no interval.
        alphabet: of the sequences.

    Raises:
        InputError: fewer than five sequences of a kind, or a letter that is not in the alphabet.
    """
    count = min(len(real), len(generated), LARGEST)
    if count < FOLDS:
        raise InputError(
            f"expected at least {FOLDS} real and {FOLDS} generated sequences to tell apart, got {len(real)} and "
            f"{len(generated)}"
        )
    rng = np.random.default_rng(seed)
    texts = [side[i] for side in (sorted(real), sorted(generated)) for i in rng.permutation(len(side))[:count]]
    labels = np.repeat([0, 1], count)
    widths = range(1, longest_kmer(len(alphabet.letters), _MOST_KMERS) + 1)
    scores, folds = held_out_scores(kmer_shares(letters_in(alphabet, texts), widths), labels, seed)
    parts = [(scores[(folds == f) & (labels == 1)], scores[(folds == f) & (labels == 0)]) for f in range(FOLDS)]
    areas = [
        _mean_area([(rng.choice(one, len(one)), rng.choice(other, len(other))) for one, other in parts])
        for _ in range(bootstrap)
    ]
    low, high = np.percentile(areas, (2.5, 97.5)).tolist() if areas else (0.0, 0.0)
    return Discriminability(_mean_area(parts), (low, high) if areas else None, count)


def held_out_scores(
    features: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return each row's score by the classifier that was trained without it, and the fold of that classifier.

    Args:
        features: `(rows, features)`.
        labels: 0 or 1.
        seed: of the folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores, folds = np.zeros(len(labels)), np.zeros(len(labels), np.int64)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32)
    for number, (seen, unseen) in enumerate(splitter.split(features, labels)):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=_PENALTY, max_iter=1000))
        classifier.fit(features[seen], labels[seen])
        scores[unseen], folds[unseen] = classifier.decision_function(features[unseen]), number
    return scores, folds


def area_under_curve(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve: the probability that a positive's score is higher, ties counted half.

    Mann & Whitney 1947 (doi:10.1214/aoms/1177730491), by ranks.
    """
    below = np.sort(negative)
    wins = np.searchsorted(below, positive, "left") + np.searchsorted(below, positive, "right")
    return float(wins.sum() / (2 * len(positive) * len(negative)))


def _mean_area(parts: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    # A mean over folds, because the scores of different classifiers are not on one scale.
    return float(np.mean([area_under_curve(*part) for part in parts]))

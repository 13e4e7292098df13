"""Sites of motifs in DNA sequences, with exact p-values and rates of false discoveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.config import SITE_CHANCE
from seqvae.config.checks import door
from seqvae.errors import UsageError
from seqvae.properties.dna.motifs import GAPPED, UNIFORM, UNIT, Motif, read_motifs, tail_chances, window_scores
from seqvae.sequences.dna import BASES, normalize_dna, reverse_complement
from seqvae.sequences.integer_codes import Letters, dna_letters

BACKGROUNDS = ("uniform", "sequences")


@dataclass(frozen=True)
class Sites:
    """Windows of some sequences that score high under some motifs, in order of sequence and start.

    Attributes:
        rows: place of each site's sequence among those given.
        motifs: name of its motif.
        starts: its first base, from 1, counted on the strand that was given.
        ends: its last base.
        strands: `+`, or `-` for the reverse complement.
        scores: bits, log-odds against uniform bases.
        p: chance that a window of random DNA scores as high.
        q: smallest rate of false discoveries, among all windows of all sequences under this motif, at which it is one
            (Benjamini & Hochberg 1995).
        windows: its bases, as they stand on its strand.
        tested: how many windows each motif was tried at, both strands counted; those with ambiguity codes are not.
    """

    rows: list[int]
    motifs: list[str]
    starts: list[int]
    ends: list[int]
    strands: list[str]
    scores: list[float]
    p: list[float]
    q: list[float]
    windows: list[str]
    tested: dict[str, int]


@door
def scan(
    texts: Sequence[str],
    motifs: str | Path | Sequence[Motif],
    threshold: float = SITE_CHANCE,
    background: str = "uniform",
    circular: Sequence[bool] = (),
) -> Sites:
    """Return the sites of motifs in DNA sequences.

    Args:
        texts: sequences; of a window with an ambiguity code nothing is said.
        motifs: file of motifs (JASPAR or minimal MEME), both strands of which are scanned, or motifs.
        threshold: highest p of a site, from 0 to 1.
        background: which random DNA p is about: `uniform` bases, or with the shares that they have in these `sequences`
            (of both strands together, where both are scanned).
        circular: of each sequence, whether its end is followed by its first base: sites may span it, and then end
            beyond the last base; empty: none is a circle.

    Raises:
        InputError: the file cannot be read or has no motif; or there is no sequence, or a text is none.
        UsageError: the threshold is out of range, the background is unknown, or `circular` is not of all sequences.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold: expected a chance above 0 and up to 1, got {threshold:g}")
    if background not in BACKGROUNDS:
        raise UsageError(f"background: expected one of {', '.join(BACKGROUNDS)}, got {background!r}")
    forms, circles = [normalize_dna(text) for text in texts], list(circular) or [False] * len(texts)
    if len(circles) != len(forms):
        raise UsageError(f"circular: expected a value for each of {len(forms):,} sequences, got {len(circles):,}")
    found, wanted = dna_letters(forms), read_motifs(motifs) if isinstance(motifs, str | Path) else motifs
    sites: list[tuple[int, int, int, str, float, float, float]] = []
    tested: dict[str, int] = {}
    for number, one in enumerate(wanted):
        shares = UNIFORM if background == "uniform" else _shares(found, one.both_strands)
        size = one.width  # of a shorter circle no window is one
        turns = [
            form[: size - 1] if ring and len(form) >= size else "" for form, ring in zip(forms, circles, strict=True)
        ]
        read = dna_letters(list(map(add, forms, turns))) if any(turns) else found
        hits, tested[one.name] = _sites(read, one, shares, threshold)
        sites += [(row, start, number, sign, bits, p, q) for row, start, sign, bits, p, q in hits]
    sites.sort(key=lambda site: site[:4])
    cut = [(row, start, start + wanted[number].width) for row, start, number, *_ in sites]
    strands = [site[3] for site in sites]
    windows = [(forms[row] * (1 + circles[row]))[start:stop] for row, start, stop in cut]
    turned = [reverse_complement(one) if sign == "-" else one for one, sign in zip(windows, strands, strict=True)]
    return Sites(
        rows=[row for row, *_ in cut],
        motifs=[wanted[number].name for _, _, number, *_ in sites],
        starts=[start + 1 for _, start, _ in cut],
        ends=[stop for *_, stop in cut],
        strands=strands,
        scores=[site[4] for site in sites],
        p=[site[5] for site in sites],
        q=[site[6] for site in sites],
        windows=turned,
        tested=tested,
    )


def _shares(found: Letters, both_strands: bool) -> Sequence[float]:
    """Return the shares of the bases in some sequences; one that occurs nowhere has none."""
    counts = np.bincount(found.codes[found.codes >= 0], minlength=len(BASES)).astype(np.float64)
    counts = counts + counts[::-1] if both_strands else counts  # in the order A, C, G, T complements are mirrored
    return [float(share) for share in counts / max(counts.sum(), 1.0)]


def _sites(
    found: Letters, wanted: Motif, shares: Sequence[float], threshold: float
) -> tuple[list[tuple[int, int, str, float, float, float]], int]:
    """Return row, start, strand, bits, p and q of each site of a motif, and how many windows there were."""
    places, levels, tails, counts = [], [], [], []
    for matrix in wanted.matrices:
        scores = window_scores(found.codes, matrix)
        places.append(np.flatnonzero(scores > GAPPED))
        levels.append(scores[places[-1]] - int(matrix.min(1).sum()))
        tails.append(tail_chances(matrix, shares))
        counts.append(np.bincount(levels[-1], minlength=len(tails[-1])))
    windows = sum(map(len, places))
    rates = np.split(_false_discoveries(np.concatenate(tails), np.concatenate(counts)), [len(tails[0])])
    rows, sites = found.rows, []
    for sign, matrix, place, level, tail, rate in zip(
        "+-", wanted.matrices, places, levels, tails, rates, strict=False
    ):
        # The tiny term tolerates the rounding of sums, as in `score_threshold`.
        for hit in np.flatnonzero(tail[level] <= threshold * (1 + 1e-9)).tolist():
            here, row = int(level[hit]), int(rows[place[hit]])
            bits = (here + int(matrix.min(1).sum())) / UNIT
            sites.append(
                (row, int(place[hit] - found.starts[row]), sign, bits, min(float(tail[here]), 1.0), float(rate[here]))
            )
    return sites, windows


def _false_discoveries(p: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the rate of false discoveries at each p-value, given how many windows have it."""
    order = np.argsort(p, kind="stable")
    ranks = np.cumsum(counts[order])
    rates = np.where(ranks > 0, p[order] * counts.sum() / np.maximum(ranks, 1), 1.0)
    found = np.ones(len(p))
    found[order] = np.minimum.accumulate(rates[::-1])[::-1].clip(max=1.0)
    return found

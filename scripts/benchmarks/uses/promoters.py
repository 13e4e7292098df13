"""A part of `benchmark_uses.py`: which score tells promoters from other DNA of their length."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from seqvae import infer
from seqvae.evaluate.sequences.markov_baselines import best_pseudo, models
from seqvae.infer.familiarity import IN_DOMAIN
from seqvae.latent.codec import Codec
from seqvae.sequences.dna import BASES, reverse_complement
from seqvae.sequences.integer_codes import letters

SHUFFLED, CODING, YEAST = "dinucleotides shuffled", "coding sequence", "yeast promoters"
_LONG = 200  # codons of an open reading frame that is hardly there by chance
_FRAME = re.compile(rf"ATG(?:(?!TAA|TAG|TGA)[ACGT]{{3}}){{{_LONG},}}(?:TAA|TAG|TGA)")


def auroc(within: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return the share of pairs in which the higher score is that of the text from outside; ties are halves."""
    ranks = rankdata(np.concatenate([within, outside]))[len(within) :]
    return float((ranks.sum() - len(outside) * (len(outside) + 1) / 2) / (len(within) * len(outside)))


def shuffled(text: str, rng: np.random.Generator) -> str:
    """Return a random one of the sequences with the same ends and as many of each pair of neighbouring letters.

    The pairs are edges of a graph of letters, and a sequence is a path along all of them. The last edge that leaves
    each letter is drawn until these lead to the last letter; the others are in random order (Altschul & Erickson 1985,
    doi:10.1093/oxfordjournals.molbev.a040370).
    """
    following: dict[str, list[str]] = {}
    for one, after in itertools.pairwise(text):
        following.setdefault(one, []).append(after)
    while True:
        last = {one: rng.choice(after) for one, after in following.items() if one != text[-1]}
        if all(_leads(one, text[-1], last) for one in last):
            break
    for one, after in following.items():
        if one in last:
            after.remove(last[one])
        after[:] = rng.permutation(after).tolist() + ([last[one]] if one in last else [])
    found, places = [text[0]], dict.fromkeys(following, 0)
    while len(found) < len(text):
        one = found[-1]
        found.append(following[one][places[one]])
        places[one] += 1
    return "".join(found)


def _leads(one: str, end: str, last: Mapping[str, str]) -> bool:
    for _ in range(len(last)):
        if one == end:
            break
        one = last[one]
    return one == end


def coding(genome: str, length: int, count: int, rng: np.random.Generator) -> list[str]:
    """Return pieces of long open reading frames of both strands of a genome, one of each frame at most."""
    strands = (genome, reverse_complement(genome))
    frames = [found.group() for strand in strands for found in _FRAME.finditer(strand)]
    kept = [frames[place] for place in rng.permutation(len(frames))[:count]]
    starts = [int(rng.integers(len(frame) - length + 1)) for frame in kept]
    return [frame[start : start + length] for frame, start in zip(kept, starts, strict=True)]


def windows(texts: Sequence[str], length: int, count: int, rng: np.random.Generator) -> list[str]:
    """Return a piece of each text, at a random place, of the first so many that are long enough and without N."""
    found = []
    for text in texts:
        start = int(rng.integers(max(1, len(text) - length + 1)))
        piece = text[start : start + length]
        if len(piece) == length and set(piece) <= set(BASES):
            found.append(piece)
    return found[:count]


def promoter_scores(codec: Codec, parts: Mapping[str, Sequence[str]], other: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return how scores tell held-out sequences from others, and how counting models do.

    Args:
        codec: the model, calibrated.
        parts: its training texts, `train`, and others that neither trained nor calibrated it, `held_out`.
        other: sequences that are none of its kind, by name.
    """
    train, held_out = (letters(parts[name]) for name in ("train", "held_out"))
    within = infer.score(codec, parts["held_out"])
    named = [name for name in within.columns if name == "p" or name.startswith("p_")]
    counted = {
        title: (model, best_pseudo(model, train, letters(parts["valid"])))
        for title, model in models(one_length=True).items()
    }
    bits = {title: model.bits(train, held_out, pseudo) for title, (model, pseudo) in counted.items()}
    found = {}
    for name, texts in other.items():
        scored = infer.score(codec, texts)
        areas = {one: auroc(-within.columns[one], -scored.columns[one]) for one in named}
        areas |= {
            title: auroc(bits[title], model.bits(train, letters(texts), pseudo))
            for title, (model, pseudo) in counted.items()
        }
        found[name] = {"sequences": len(texts), "auroc": areas, "in_domain": scored.count(IN_DOMAIN) / len(texts)}
    length = len(parts["held_out"][0])
    repeats = [(word * length)[:length] for word in (*BASES, "AT", "CG", "ACG", "TTA")]
    return {
        "held_out": len(parts["held_out"]),
        "in_domain": within.count(IN_DOMAIN) / len(parts["held_out"]),
        "p_below_one_in_a_hundred": {name: float((within.columns[name] < 0.01).mean()) for name in named},
        "others": found,
        "repeats": len(repeats),
        "repeats_in_domain": infer.score(codec, repeats).count(IN_DOMAIN),
    }

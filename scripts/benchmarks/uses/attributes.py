"""A part of `benchmark_uses.py`: whether edits along an attribute move it, step by step, and keep the molecule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import seqvae
from seqvae.latent.codec import Codec
from seqvae.latent.edit import Groups, edit
from seqvae.properties import get
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.similarity import similarities

PROPERTIES = ("logp", "qed", "molecular_weight")
STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
_FIFTH = 5  # the groups are the highest and the lowest fifth


def groups(texts: Sequence[str], name: str) -> Groups:
    """Return the molecules with the highest and those with the lowest values of a property, a fifth each."""
    order = np.argsort(np.array(get(name)(texts), np.float64))
    size = len(texts) // _FIFTH
    return [texts[row] for row in order[-size:]], [texts[row] for row in order[:size]]


def moved(codec: Codec, texts: Sequence[str], name: str, between: Groups, fixed: Sequence[Groups]) -> dict[str, Any]:
    """Return the property and the similarity to the start, by strength, and how evenly a molecule's property moves."""
    made = edit(codec, texts, between, STRENGTHS, fixed)
    values = np.full(len(made), np.nan)
    valid = [place for place, one in enumerate(made) if one.valid]
    values[valid] = get(name)([made[place].text for place in valid])
    by_strength = values.reshape(len(texts), -1)
    near = np.array([one.similarity for one in made]).reshape(by_strength.shape)
    ranks = [spearmanr(STRENGTHS, row, nan_policy="omit")[0] for row in by_strength if len({*row[~np.isnan(row)]}) > 1]
    return {
        "mean": np.nanmean(by_strength, 0).tolist(),
        "similarity": near.mean(0).tolist(),
        "valid": float(len(valid) / len(made)),
        "rank_correlation": float(np.mean(ranks)),
        "rising": float(np.mean(np.array(ranks) > 0)),
    }


def attribute_figures(name: str, known: Sequence[str], test: Sequence[str]) -> dict[str, Any]:
    """Return for each property what edits of test molecules along it change.

    Args:
        name: of the model.
        known: molecules from whose highest and lowest the directions come.
        test: molecules that are moved.
    """
    codec, sheets = seqvae.load(name, device="cpu"), Sheets()
    known, test = codec.tokenize(known, "skip").forms, codec.tokenize(test, "skip").forms
    ends = {one: groups(known, one) for one in PROPERTIES}
    rows = {one: moved(codec, test, one, ends[one], ()) for one in PROPERTIES}
    rows["logp, weight kept"] = moved(codec, test, "logp", ends["logp"], [ends["molecular_weight"]])
    pairs = similarities(test, [*test[1:], test[0]], sheets)
    return {
        "known": len(known),
        "molecules": len(test),
        "strengths": list(STRENGTHS),
        "random_pairs": float(np.mean([row[place] for place, row in enumerate(pairs)])),
        "rows": rows,
    }

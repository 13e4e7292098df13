"""Restore a damaged sequence: what the unknown bases may have been.

    python -m scripts.examples.restore_sequence

A model is trained on those 5' splice sites of the package that work well (nine bases; the intron begins with the
fourth). It is then given a site of which four bases were lost; the logo shows what each of them may have been, given
the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory

import numpy as np

import seqvae
from scripts.examples.drawing import arguments, save_plot
from seqvae import infer
from seqvae.config import ImputeConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.sequences.logo import Logo
from seqvae.report.html.logo import logo_plot

DAMAGED = "CNGGTNNGN"
BASES = "ACGT"
WORKS = 1.5  # log10 of the exon's inclusion in percent: a third of that of the best site


def main(argv: Sequence[str] | None = None) -> None:
    """Train, impute, print the likeliest completions, and draw what is known and what was restored as a logo."""
    given = arguments(__doc__ or "", argv)
    data = load_dataset("mpsa-sample")
    sites = [text for text, psi in zip(data.texts, data.values["log10_psi"], strict=True) if psi > WORKS]
    with TemporaryDirectory() as place:
        settings = {"epochs": 1, "limit": 200} if given.small else {}
        model = seqvae.fit(sites, f"{place}/sites", quiet=True, device="cpu", prior="none", **settings)
        (found,) = infer.impute(model, [DAMAGED], ImputeConfig(method="importance") if given.small else None)
    print(f"trained on {len(sites):,} sites; the likeliest completions of {DAMAGED}:")
    for text, share in list(zip(found.completions, found.shares, strict=True))[:5]:
        print(f"{text}  {share:.3f}")
    shares = np.zeros((len(DAMAGED), len(BASES)))
    columns = [found.tokens.index(base) for base in BASES]
    for place, letter in enumerate(DAMAGED):
        if letter in BASES:
            shares[place, BASES.index(letter)] = 1.0
        else:
            shares[place] = found.marginals[found.positions.index(place + 1)][columns]
    bits = 2.0 + np.where(shares > 0, shares * np.log2(np.maximum(shares, 1e-12)), 0.0).sum(1, keepdims=True)
    logo = Logo(BASES, shares * bits, 1, 0)
    save_plot(given.out / "restore_sequence.svg", logo_plot(logo, f"{DAMAGED}, its unknown bases restored", 2.0))


if __name__ == "__main__":
    main()

"""DNA with measured values: a model that predicts them from z, against held-out measurements.

    python -m scripts.examples.measured_sequences

The data are the 5' splice sites of Wong, Kinney & Krainer 2018, which are in the package, with the logarithm of exon
inclusion. The same works for promoters with expression: `seqvae train promoters.csv --labels expression`.
"""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import spearmanr

import seqvae
from scripts.examples.drawing import arguments, save_plot
from seqvae.data.datasets.registry import load_dataset
from seqvae.report.html.line_plot import Series, line_plot

LABEL = "log10_psi"


def main(argv: Sequence[str] | None = None) -> None:
    """Train with the label, predict held-out values, and plot their means by predicted tenth."""
    given = arguments(__doc__ or "", argv)
    data = load_dataset("mpsa-sample")
    order = np.random.default_rng(0).permutation(len(data.texts))[: 600 if given.small else None]
    held_out, training = np.split(order, [len(order) // 10])
    values = np.asarray(data.values[LABEL])
    sizes = {"latent": 8, "embedding": 16, "encoder_width": 48, "decoder_width": 64}
    settings = {"encoder": "conv", "decoder": "position", "beta": 0.1, "epochs": 1 if given.small else 12, **sizes}
    with TemporaryDirectory() as place:
        model = seqvae.fit(
            [data.texts[row] for row in training],
            f"{place}/splice",
            labels={LABEL: values[training].tolist()},
            quiet=True,
            device="cpu",
            prior="none",
            batch_size=128,
            learning_rate=3e-3,
            **settings,
        )
    predicted = np.asarray(model.predict(model.encode([data.texts[row] for row in held_out], refine=0))[LABEL])
    measured = values[held_out]
    print(f"{len(held_out):,} held-out sites: rank correlation {spearmanr(predicted, measured).statistic:.3f}")
    tenths = np.array_split(np.argsort(predicted), 10)
    x, y = ([float(of[rows].mean()) for rows in tenths] for of in (predicted, measured))
    lines = [Series("measured", x, y), Series("as predicted", x, x)]
    title = (
        f"Held-out splice sites by tenths of the prediction, rank correlation {spearmanr(predicted, measured)[0]:.2f}"
    )
    save_plot(given.out / "measured_sequences.svg", line_plot(lines, title, "predicted log10 PSI", "measured"))


if __name__ == "__main__":
    main()

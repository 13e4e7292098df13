"""Read a diagnosis: what a latent space is worth, and which setting to change.

    python -m scripts.examples.read_diagnosis

Two models of splice sites are trained on the same data, one with the KL weight 1 and one with 0.1, and diagnosed. The
verdicts say which of them uses its latent space, and the plot shows where along the sequence that matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import seqvae
from scripts.examples.drawing import arguments, save_plot
from seqvae import evaluate
from seqvae.config import DiagnosisConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.report.html.line_plot import Series, line_plot


def main(argv: Sequence[str] | None = None) -> None:
    """Train both, print their verdicts, and plot the distortion by position."""
    given = arguments(__doc__ or "", argv)
    texts = load_dataset("mpsa-sample").texts[: 400 if given.small else 6000]
    sizes = {"latent": 6, "embedding": 8, "encoder_width": 32, "decoder_width": 48}
    settings = {"encoder": "conv", "decoder": "position", "epochs": 1 if given.small else 20, **sizes}
    lines = []
    with TemporaryDirectory() as place:
        for beta in (1.0, 0.1):
            out = Path(place) / f"{beta:g}"
            fixed = {"prior": "none", "device": "cpu", "batch_size": 64, "learning_rate": 3e-3, "patience": 0}
            seqvae.fit(texts, out, quiet=True, beta=beta, counts="none", **settings, **fixed)
            found = evaluate.diagnose(out, config=DiagnosisConfig(quick=True), device="cpu")
            print(f"beta {beta:g}: {found.verdict.paragraph}\n")
            nats = found.metrics["likelihood"]["distortion_by_position"]
            lines.append(Series(f"beta {beta:g}: {found.verdict.kind}", range(1, len(nats) + 1), nats))
    plot = line_plot(lines, "What z leaves open at each position", "position", "distortion, nats")
    save_plot(given.out / "read_diagnosis.svg", plot)


if __name__ == "__main__":
    main()

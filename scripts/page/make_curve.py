"""Plot our models of MOSES over the published curve: reconstruction against the quality of samples.

python -m scripts.page.make_curve
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

from scripts.page.make_benchmarks_page import PUBLISHED, RESULTS
from scripts.page.sections.models.moses import BEST, FIRST
from scripts.page.tables import Values
from seqvae.report.html.line_plot import Series, line_plot
from seqvae.report.html.style import standing_alone
from seqvae.runtime.files import atomic_file


def curves(result: Values, published: Values) -> list[Series]:
    """Return the published curves, and ours: by their metric, and free-running with the fitted prior."""
    known = published["ddvae_curve"]
    found = sorted(result["figures"]["points"].values(), key=lambda one: one["summary"]["exact_reconstruction"])
    ours = [
        Series(
            name,
            [one["summary"][measure] for one in found],
            [one["generation"][drawn]["metrics"]["FCD/Test"] for one in found],
        )
        for name, measure, drawn in (
            ("seqvae", "teacher_forced_exact", FIRST),
            ("seqvae, free-running and fitted prior", "exact_reconstruction", BEST),
        )
    ]
    return [*(Series(row["model"], known["reconstruction"], row["fcd"]) for row in known["rows"]), *ours]


def main(argv: Sequence[str] | None = None) -> None:
    """Draw and write the plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--result", type=Path, default=RESULTS / "moses.json", help="of train_moses.py")
    parser.add_argument("--out", type=Path, default=RESULTS / "moses_curve.svg", help="the SVG file")
    given = parser.parse_args(argv)
    published = tomllib.loads(PUBLISHED.read_text("utf-8"))
    series = curves(json.loads(given.result.read_text("utf-8")), published)
    plot = line_plot(series, "MOSES: FCD of samples over exact reconstruction", "exact reconstruction", "FCD/Test")
    with atomic_file(given.out) as file:
        file.write(standing_alone(plot).encode())


if __name__ == "__main__":
    main()

"""`seqvae quickstart`: what the package does, in one command, with a pretrained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.progress import Bars
from seqvae.config import DEFAULT_MODEL

app = App(
    name="quickstart",
    help_epilogue="""
Examples:

    seqvae quickstart
    seqvae quickstart --model runs/zinc --out try --seed 1

It loads a pretrained model of molecules, and writes a folder with its molecules as .csv and .smi files, and
report.html.
""",
)


@app.default
def quickstart(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("quickstart"),
    model: str = DEFAULT_MODEL,
    seed: int = 0,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Reconstruct known drugs, draw new molecules, walk from one drug to another, and climb drug-likeness.

    Args:
        out: folder for the results; it is created.
        model: name of a pretrained model of molecules, or folder of a trained one.
        seed: every random draw comes from it.
        device: `auto`, `cpu` or `cuda`.
        quiet: show no progress.
    """
    from seqvae.artifact.pretrained import check_model
    from seqvae.runtime.files import check_folder

    check_model(model)
    check_folder(out)
    from seqvae.evaluate.demonstration import quickstart as tried
    from seqvae.report.quickstart_page import PAGE, write_quickstart

    with _Steps() as steps:
        found = tried(model, seed, device, None if quiet else steps)
    write_quickstart(out, found)
    print(f"known drugs reconstructed exactly: {sum(drug.exact for drug in found.drugs)} of {len(found.drugs)}")
    print(f"new molecules: {len(found.molecules):,} of {len(found.samples.texts):,} draws")
    first, best = found.climb[0], found.best
    gained = f"QED {first.qed:.2f} to {best.qed:.2f}, SA {first.sa:.1f} to {best.sa:.1f}"
    print(f"climb from {found.start}: {gained}, {best.text}")
    print(f"open {out / PAGE}")


class _Steps(Bars):
    """Numbers the steps of the work."""

    number = 0

    def note(self, text: str) -> None:
        """Print a line."""
        self.number += 1
        super().note(f"[{self.number}/5] {text}")

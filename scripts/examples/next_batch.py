"""Measured compounds in, the next batch to make out.

    python -m scripts.examples.next_batch

A laboratory has measured some compounds and asks for the next ones. In place of a laboratory this script computes the
"measurements": the similarity to celecoxib, with noise. The search learns from what was measured, proposes a batch with
predicted values, is told the results, and proposes the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory

import numpy as np

from scripts.examples.drawing import arguments, save_molecules
from seqvae import search
from seqvae.config import ConstraintConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.properties import get

CELECOXIB = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"

SENSIBLE = ConstraintConfig(alerts=("unstable", "mcf", "pains"), max_sa=3.0)


def main(argv: Sequence[str] | None = None) -> None:
    """Run three rounds, and draw the last batch."""
    given = arguments(__doc__ or "", argv)
    batch, rounds = (3, 1) if given.small else (24, 3)
    assay, noise = get(f"similarity:ecfp4:{CELECOXIB}"), np.random.default_rng(0)

    def measure(smiles: Sequence[str]) -> list[search.Measurement]:
        """What a laboratory would do."""
        values = np.asarray(assay(smiles)) + noise.normal(0.0, 0.01, len(smiles))
        return [search.Measurement(text, (float(value),)) for text, value in zip(smiles, values, strict=True)]

    with TemporaryDirectory() as place:
        run = f"{place}/celecoxib"
        search.begin(None, run, SearchConfig(constraints=SENSIBLE))
        search.tell(run, measure(load_dataset("moses-sample").texts[: 4 * batch]))
        for number in range(rounds):
            plate = search.ask(run, batch)
            found = measure([well.text for well in plate])
            search.tell(run, found)
            values = [one.scores[0] for one in found]
            print(f"batch {number + 1}: mean {np.mean(values):.3f}, best {max(values):.3f}")
    order = np.argsort(values)[::-1][:12]
    captions = [f"measured {values[row]:.2f}, predicted {plate[row].about['predicted']:.2f}" for row in order]
    save_molecules(given.out / "next_batch.png", [plate[row].text for row in order], captions)


if __name__ == "__main__":
    main()

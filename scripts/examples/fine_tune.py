"""Fine-tune a pretrained model on one's own molecules, and see what that changed.

    python -m scripts.examples.fine_tune

The molecules of one's own are here those of MOSES' sample that have a thiophene. Afterwards the model writes such
molecules, where before it did so rarely.
"""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory

import seqvae
from scripts.examples.drawing import arguments, save_molecules
from seqvae.data.datasets.registry import load_dataset
from seqvae.latent.codec import Codec
from seqvae.properties import get

THIOPHENE = get("smarts:c1ccsc1")


def share(model: Codec, count: int) -> tuple[float, list[str]]:
    """Return the share of samples with a thiophene, and the distinct molecules among the samples."""
    drawn = [text for text in dict.fromkeys(model.sample(count, temperature=0.5, seed=1)) if text]
    has = [value for value in THIOPHENE(drawn) if value == value]  # NaN where it is no molecule
    return sum(has) / len(has), drawn


def main(argv: Sequence[str] | None = None) -> None:
    """Fine-tune, compare the samples, and draw four from before and eight from after."""
    given = arguments(__doc__ or "", argv)
    count, limit = (20, 20) if given.small else (500, 1000)
    texts = load_dataset("moses-sample").texts
    mine = [text for text, there in zip(texts, THIOPHENE(texts), strict=True) if there][:limit]
    before, first = share(seqvae.load("moses-smiles", device="cpu"), count)
    with TemporaryDirectory() as place:
        settings = {"epochs": 1 if given.small else 8, "prior_minutes": 0.5, "device": "cpu"}
        tuned = seqvae.fit(mine, f"{place}/tuned", start="moses-smiles", quiet=True, **settings)
        after, then = share(tuned, count)
    print(f"{len(mine):,} molecules; samples with a thiophene: {before:.1%} before, {after:.1%} after")
    shown = [*first[:4], *then[:8]]
    save_molecules(given.out / "fine_tune.png", shown, ["before"] * 4 + ["after"] * 8)


if __name__ == "__main__":
    main()

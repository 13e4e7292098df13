"""Analogs of a lead: what could be made next, the likeliest first.

python -m scripts.examples.analogs_of_a_lead
"""

from __future__ import annotations

from collections.abc import Sequence

from scripts.examples.drawing import arguments, save_molecules
from seqvae import search
from seqvae.config import AnalogConfig

IMATINIB = "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1"


def main(argv: Sequence[str] | None = None) -> None:
    """Propose analogs of imatinib that keep its hinge binder, and draw the first ones."""
    given = arguments(__doc__ or "", argv)
    config = AnalogConfig(
        number=11,
        min_similarity=0.5,
        keep=("c1cc(-c2cccnc2)nc(N)n1",),
        alerts=("unstable", "pains"),
        max_sa=3.5,
        pool=60 if given.small else 0,
    )
    found = search.analogs("drug-smiles", IMATINIB, config)
    print(found.described)
    captions = [f"{one.proposer}, similarity {one.similarity:.2f}" for one in found.found]
    texts = [one.text for one in found.found]
    save_molecules(
        given.out / "analogs_of_a_lead.png", [found.lead, *texts], ["the lead, imatinib", *captions], found.lead
    )


if __name__ == "__main__":
    main()

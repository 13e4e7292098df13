"""A search for molecules that an objective of one's own likes.

    python -m scripts.examples.own_objective

Any function from a SMILES to a number will do, and returns None where it has none. This one wants a molecule like a
known drug in shape (aromatic rings, flexibility) that is more soluble: a low logP and a high polar surface, within what
passes membranes.
"""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from scripts.examples.drawing import arguments, save_molecules
from seqvae import search
from seqvae.config import CampaignConfig, ConstraintConfig, OracleConfig, SearchConfig

LEAD = "CC(C)Cc1ccc(C(C)C(=O)O)cc1"  # ibuprofen


def soluble(smiles: str) -> float | None:
    """Return how well logP and polar surface (square angstroms) suit a soluble molecule, 0 to 1."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    logp, _ = rdMolDescriptors.CalcCrippenDescriptors(molecule)
    surface = rdMolDescriptors.CalcTPSA(molecule)
    return 1.0 / (1.0 + abs(logp - 1.5)) / (1.0 + abs(surface - 80.0) / 40.0)


def main(argv: Sequence[str] | None = None) -> None:
    """Search near ibuprofen, and draw the best designs."""
    given = arguments(__doc__ or "", argv)
    config = SearchConfig(
        optimizer="ga",
        oracle=OracleConfig(budget=40 if given.small else 600),
        campaign=CampaignConfig(batch=20),
        constraints=ConstraintConfig(like=LEAD, min_similarity=0.35, alerts=("unstable", "mcf", "pains"), max_sa=3.5),
    )
    with TemporaryDirectory() as place:
        found = search.run(soluble, f"{place}/soluble", config)
    print(f"{found.unique} calls: ibuprofen {soluble(LEAD):.2f}, best {found.best:.2f}")
    texts, scores = [one.text for one in found.top], [one.scores[0] for one in found.top]
    shown = [LEAD, *texts[:7]]
    captions = [f"ibuprofen, {soluble(LEAD):.2f}", *(f"{score:.2f}" for score in scores[:7])]
    save_molecules(given.out / "own_objective.png", shown, captions, LEAD)


if __name__ == "__main__":
    main()

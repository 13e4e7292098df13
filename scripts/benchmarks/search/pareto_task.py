"""The task of a search for several objectives: drug-like, easy to make, and still similar to a known drug."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqvae.properties import get
from seqvae.properties.scoring import PARETO, Scoring, Term
from seqvae.search.domain.molecule_moves import MoleculeMoves
from seqvae.search.memory.pareto import hypervolume, pareto_front
from seqvae.sequences.molecules import canonical_or_none

# As PMO's tasks write them (Gao et al. 2022, arXiv:2206.12411).
TARGETS = {
    "celecoxib": "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F",
    "perindopril": "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC",
    "osimertinib": "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34",
}
MIN_SIMILARITY = 0.4  # Tanimoto similarity (ECFP4, counts), the threshold of Jin et al. 2019 (arXiv:1812.01070)
_MOVES_AWAY = 3
REFERENCE = (0.0, -10.0)  # the worst values that QED and minus SA can have


def minus_sa(text: str) -> float:
    """Minus the synthetic accessibility, -10 (hard) to -1 (easy)."""
    return -float(get("sa")([text])[0])


OBJECTIVES = Scoring((Term("qed"), Term("scripts.benchmarks.search.pareto_task:minus_sa", name="minus SA")), PARETO)


@dataclass(frozen=True)
class Target:
    """A molecule that designs must resemble.

    Attributes:
        text: its SMILES.
        min_similarity: least Tanimoto similarity.
    """

    text: str
    min_similarity: float = MIN_SIMILARITY

    def likeness(self, texts: list[str]) -> NDArray[np.float64]:
        """Return the similarity of each text, `(batch,)`."""
        return get(f"similarity:ecfp4-counts:{self.text}")(texts)

    def start(self, count: int, seed: int) -> tuple[str, ...]:
        """Return the molecule and its mutants, one to three moves away and similar enough; canonical and distinct."""
        rng, moves = np.random.default_rng(seed), MoleculeMoves()
        found = [str(canonical_or_none(self.text))]
        while len(found) < count:
            text: str | None = found[0]
            for _ in range(int(rng.integers(1, _MOVES_AWAY + 1))):
                text = moves.mutate(text, rng) if text else None
            if text and text not in found and self.likeness([text])[0] >= self.min_similarity:
                found.append(text)
        return tuple(found)


def metrics_of(values: NDArray[np.float64], budget: int, every: int) -> dict[str, Any]:
    """Return the metrics of a run.

    Args:
        values: `(calls, objectives)` in the order of the calls.
        budget: calls of the run.
        every: calls between two values of the hypervolume.
    """
    looks = [*range(every, budget, every), budget]
    return {
        "calls": len(values),
        "hypervolume": hypervolume(values, REFERENCE),
        "curve": {str(calls): hypervolume(values[:calls], REFERENCE) for calls in looks},
        "front": sorted(values[pareto_front(values)].tolist()),
    }

"""Designs that a chemist would make: ring systems that chemists have made, no alerts, an accessible synthesis.

Without it, what a score rewards is found in molecules that nobody would make: oxaziridines and diaziridines count as
heteroatoms, spiro rings raise a weight. Each strength has three parts. Ring systems are those of molecules of ChEMBL,
as in P. Walters' check (useful_rdkit_utils); alerts those of `datasets/filters`; the synthesis by the SA score (Ertl &
Schuffenhauer 2009, doi:10.1186/1758-2946-1-8).

The model's log p(x) is no part of it: it takes passes of the model for each design, and in two searches for zaleplon it
would have stopped none of the best designs that these parts let through (p < .05 among held-out molecules of a length).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rdkit import Chem

from seqvae.config.search import PLAUSIBLE
from seqvae.properties.molecules.alerts import UNSTABLE, alerts_of
from seqvae.properties.molecules.cache import Sheet, Sheets
from seqvae.properties.molecules.ring_systems import rarest

_LOOKED_AT = 200  # molecules that a search begins with, by which it is seen whether a strength suits it
_STRAINED = Chem.MolFromSmarts("[!#6;r3]")  # epoxides, aziridines and the like: reactive, and dear to many scores


@dataclass(frozen=True)
class Strength:
    """What a strength asks for.

    Attributes:
        ring_systems: least count of each ring system among 60,000 molecules of ChEMBL; 0: any.
        max_sa: greatest SA score.
        alerts: sets of structural alerts that no design may have.
        strained: whether rings of three atoms may have a heteroatom.
    """

    ring_systems: int
    max_sa: float
    alerts: tuple[str, ...]
    strained: bool


AUTO, OFF, WEAK, USUAL, STRICT = PLAUSIBLE
STRENGTHS = {
    WEAK: Strength(0, 6.0, (UNSTABLE,), strained=True),
    USUAL: Strength(3, 5.0, (UNSTABLE,), strained=False),
    STRICT: Strength(30, 4.0, (UNSTABLE, "mcf"), strained=False),
}


def suited(texts: Sequence[str], sheets: Sheets) -> str:
    """Return the strength for plates: `USUAL`, or `OFF` where most molecules that a search begins with break it.

    Macrocycles and natural products are made too, and a search among them would find nothing that keeps it.
    """
    test, some = plausible(USUAL), texts[:: -(-len(texts) // _LOOKED_AT) or 1]
    kept = [test(sheet) for text in some if (sheet := sheets.of(text)) is not None]
    return USUAL if 2 * sum(kept) >= len(kept) else OFF


def plausible(name: str) -> Callable[[Sheet], bool]:
    """Return the test of a strength, one of `STRENGTHS`, quick parts first."""
    of = STRENGTHS[name]
    alerts = alerts_of(of.alerts)

    def test(sheet: Sheet) -> bool:
        """Return whether a molecule is plausible."""
        molecule = sheet.molecule
        if not of.strained and molecule.HasSubstructMatch(_STRAINED):
            return False
        if sheet.sa > of.max_sa or next(alerts.found(molecule), None) is not None:
            return False
        count = rarest(molecule) if of.ring_systems else None
        return count is None or count >= of.ring_systems

    return test

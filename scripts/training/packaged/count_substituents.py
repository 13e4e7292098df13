"""Count which substituents stand on which atoms, for the exchange of substituents around a lead.

    python -m scripts.training.packaged.count_substituents chembl seqvae/search/domain/substituents.json.gz

Of training molecules, drawn at random; per kind of atom the table holds the total count and that of each substituent
which was counted at least `LEAST` times, `MOST` of them at the most. `chembl` leaves out the molecules that it holds
out, and the series of lead optimisation on which the analogs of a lead are measured. The table in the package is of
60,000 molecules of ChEMBL (CC BY-SA 3.0).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from rdkit import Chem, rdBase

from scripts.training.packaged.counting import write_counts
from seqvae.search.domain.substituents import kind_of, places_of

LEAST, MOST = 4, 1_000


def counted(texts: Sequence[str]) -> dict[str, Counter[str]]:
    """Return how often each substituent stands on an atom of each kind; each hydrogen counts."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with rdBase.BlockLogs():
        for text in texts:
            molecule = Chem.MolFromSmiles(text)
            for place in [] if molecule is None else places_of(molecule):
                atom = molecule.GetAtomWithIdx(place.anchor)
                found[kind_of(atom)][place.substituent] += 1 if place.removed else atom.GetTotalNumHs()
    return found


def table(texts: Sequence[str]) -> dict[str, tuple[int, dict[str, int]]]:
    """Return the total of each kind of atom, and its substituents that are frequent enough."""
    found = {}
    for kind, counts in sorted(counted(texts).items()):
        if kept := {group: count for group, count in counts.most_common(MOST) if count >= LEAST}:
            found[kind] = (counts.total(), kept)
    return found


if __name__ == "__main__":
    write_counts(__doc__ or "", table, None)

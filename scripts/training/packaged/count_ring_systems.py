"""Count the ring systems of molecules that chemists made, for searches whose designs should be plausible.

    python -m scripts.training.packaged.count_ring_systems chembl seqvae/properties/molecules/ring_systems.json.gz

Of training molecules, drawn at random: in how many each ring system occurs, those in at least `LEAST`. The table in the
package is of 60,000 molecules of ChEMBL (CC BY-SA 3.0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rdkit import rdBase

from scripts.training.packaged.counting import write_counts
from seqvae.properties.molecules.ring_systems import ring_systems
from seqvae.sequences.molecules import read_molecule

LEAST = 3


def counted(texts: Sequence[str]) -> Counter[str]:
    """Return in how many molecules each ring system occurs."""
    found = Counter[str]()
    with rdBase.BlockLogs():
        for text in texts:
            molecule = read_molecule(text)
            found.update([] if molecule is None else ring_systems(molecule))
    return found


def table(texts: Sequence[str]) -> dict[str, int]:
    """Return the ring systems that are frequent enough, the commonest first."""
    return {system: count for system, count in counted(texts).most_common() if count >= LEAST}


if __name__ == "__main__":
    write_counts(__doc__ or "", table, None)

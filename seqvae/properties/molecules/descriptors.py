"""Properties of molecules without parameters."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import final

from rdkit.Chem import rdMolDescriptors

from seqvae.config import suggestion
from seqvae.errors import UsageError
from seqvae.properties.molecules.alerts import found_alerts
from seqvae.properties.molecules.cache import Sheet, Value, molecule_property
from seqvae.properties.property import Property

_USUAL_RING = 6  # atoms; each further atom of the largest ring is penalised
# Mean and standard deviation of logP, -SA and -(largest ring beyond 6) over ZINC250k, as in GCPN's program.
_ZINC = ((2.4570953396190123, 1.434324401111988), (-3.0525811293166134, 0.8335207024513095))
_ZINC_RING = (-0.0485696876403053, 0.2860212110245455)


def listed() -> list[Property]:
    """Return every property of this file."""
    return [molecule_property(name, about, value) for name, (value, about) in _PROPERTIES.items()]


def named(name: str) -> Property:
    """Return a property by its name.

    Raises:
        UsageError: there is no such property.
    """
    if name not in _PROPERTIES:
        raise UsageError(f"unknown property {name!r}{suggestion(name, _PROPERTIES)}")
    value, about = _PROPERTIES[name]
    return molecule_property(name, about, value)


def ring_excess(sheet: Sheet) -> int:
    """Return how many atoms the largest ring has beyond 6, at least 0.

    Rings are the smallest ones (RDKit's SSSR). The published programs use a cycle basis that depends on the numbering
    of the atoms and sometimes contains a larger ring around two smaller ones.
    """
    return max(0, max(map(len, sheet.molecule.GetRingInfo().AtomRings()), default=0) - _USUAL_RING)


def penalised_logp(sheet: Sheet) -> float:
    """Return logP - SA - (largest ring beyond 6).

    Gomez-Bombarelli et al. 2018, doi:10.1021/acscentsci.7b00572.
    """
    return sheet.logp - sheet.sa - ring_excess(sheet)


def penalised_logp_zinc(sheet: Sheet) -> float:
    """Return penalised logP with each of the three terms standardised over ZINC250k, then added.

    Kusner et al. 2017, arXiv:1703.01925; Jin et al. 2018, arXiv:1802.04364; with the constants of the program of You
    et al. 2018, arXiv:1806.02473 (GCPN), which later work adopted.
    """
    terms = zip((sheet.logp, -sheet.sa, -ring_excess(sheet)), (*_ZINC, _ZINC_RING), strict=True)
    return sum((value - mean) / deviation for value, (mean, deviation) in terms)


def lipinski_violations(sheet: Sheet) -> int:
    """Return how many of Lipinski's four rules are violated, 0 to 4.

    Lipinski et al. 1997, doi:10.1016/S0169-409X(96)00423-1: weight over 500 g/mol, logP over 5, more than 5 hydrogens
    on N and O, more than 10 atoms of N and O.
    """
    molecule = sheet.molecule
    return sum(
        (
            sheet.weight > 500,
            sheet.logp > 5,
            rdMolDescriptors.CalcNumLipinskiHBD(molecule) > 5,
            rdMolDescriptors.CalcNumLipinskiHBA(molecule) > 10,
        )
    )


def structural_alerts(sheet: Sheet) -> int:
    """Return how many of MOSES' 502 patterns of unwanted substructures a molecule has."""
    return sum(1 for _ in found_alerts(sheet.molecule))


@final
@dataclass(frozen=True)
class Descriptor:
    """A number that RDKit computes; it holds a name because RDKit's functions cannot be sent to other processes.

    Attributes:
        function: name of a function of `rdkit.Chem.rdMolDescriptors`.
    """

    function: str

    def __call__(self, sheet: Sheet) -> float:
        """Return the number of a molecule."""
        return float(getattr(rdMolDescriptors, self.function)(sheet.molecule))


# No lambdas, so that a property can be sent to another process.
_PROPERTIES: dict[str, tuple[Value, str]] = {
    "qed": (attrgetter("qed"), "drug-likeness, 0 to 1 (Bickerton et al. 2012)"),
    "logp": (attrgetter("logp"), "octanol-water partition coefficient, log10 (Wildman & Crippen 1999)"),
    "sa": (attrgetter("sa"), "synthetic accessibility, 1 (easy) to 10 (Ertl & Schuffenhauer 2009)"),
    "molecular_weight": (attrgetter("weight"), "average molecular weight, g/mol"),
    "tpsa": (attrgetter("tpsa"), "topological polar surface area, square angstroms (Ertl et al. 2000)"),
    "h_donors": (Descriptor("CalcNumHBD"), "hydrogen-bond donors"),
    "h_acceptors": (Descriptor("CalcNumHBA"), "hydrogen-bond acceptors"),
    "rotatable_bonds": (Descriptor("CalcNumRotatableBonds"), "rotatable bonds, without amides and the like"),
    "rings": (Descriptor("CalcNumRings"), "rings (smallest set)"),
    "aromatic_rings": (Descriptor("CalcNumAromaticRings"), "aromatic rings"),
    "heavy_atoms": (Descriptor("CalcNumHeavyAtoms"), "atoms other than hydrogen"),
    "penalised_logp": (penalised_logp, "logP - SA - (largest ring beyond 6) (Gomez-Bombarelli et al. 2018)"),
    "penalised_logp_zinc": (
        penalised_logp_zinc,
        "the same, each term standardised over ZINC250k (Kusner et al. 2017; constants of You et al. 2018)",
    ),
    "lipinski_violations": (lipinski_violations, "violations of Lipinski's four rules, 0 to 4 (Lipinski et al. 1997)"),
    "structural_alerts": (structural_alerts, "unwanted substructures among MOSES' 502 patterns (MCF and PAINS)"),
}

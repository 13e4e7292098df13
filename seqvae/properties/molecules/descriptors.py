"""Properties of molecules that need nothing but the molecule."""

from __future__ import annotations

from operator import attrgetter

from rdkit.Chem import rdMolDescriptors

from seqvae.config import suggestion
from seqvae.errors import UsageError
from seqvae.properties.molecules.alerts import found_alerts
from seqvae.properties.molecules.cache import Sheet, Value, molecule_property
from seqvae.properties.property import Property

_USUAL_RING = 6  # atoms; what a largest ring has beyond them is a penalty
# Mean and standard deviation of logP, -SA and -(largest ring beyond 6) over ZINC250k, as GCPN's program has them.
_ZINC = ((2.4570953396190123, 1.434324401111988), (-3.0525811293166134, 0.8335207024513095))
_ZINC_RING = (-0.0485696876403053, 0.2860212110245455)


def listed() -> list[Property]:
    """Return every property of this file."""
    return [molecule_property(name, about, value) for name, (value, about) in _PROPERTIES.items()]


def named(name: str) -> Property:
    """Return a property by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in _PROPERTIES:
        raise UsageError(f"unknown property {name!r}{suggestion(name, _PROPERTIES)}")
    value, about = _PROPERTIES[name]
    return molecule_property(name, about, value)


def ring_excess(sheet: Sheet) -> int:
    """Return how many atoms the largest ring has beyond 6, at least 0.

    Rings are the smallest ones (RDKit's SSSR). The published programs take a cycle basis that depends on how the atoms
    are numbered, and now and then holds a larger ring around two smaller ones.
    """
    return max(0, max(map(len, sheet.molecule.GetRingInfo().AtomRings()), default=0) - _USUAL_RING)


def penalised_logp(sheet: Sheet) -> float:
    """Return logP - SA - (largest ring beyond 6).

    Gomez-Bombarelli et al. 2018, doi:10.1021/acscentsci.7b00572.
    """
    return sheet.logp - sheet.sa - ring_excess(sheet)


def penalised_logp_zinc(sheet: Sheet) -> float:
    """Return penalised logP with each of the three terms standardised over ZINC250k, then added.

    Kusner et al. 2017, arXiv:1703.01925; Jin et al. 2018, arXiv:1802.04364; with the constants that You et al. 2018,
    arXiv:1806.02473 (GCPN) wrote into their program, which others took over.
    """
    terms = zip((sheet.logp, -sheet.sa, -ring_excess(sheet)), (*_ZINC, _ZINC_RING), strict=True)
    return sum((value - mean) / deviation for value, (mean, deviation) in terms)


def lipinski_violations(sheet: Sheet) -> int:
    """Return how many of Lipinski's four rules are broken, 0 to 4.

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


def _h_donors(sheet: Sheet) -> int:
    return int(rdMolDescriptors.CalcNumHBD(sheet.molecule))


def _h_acceptors(sheet: Sheet) -> int:
    return int(rdMolDescriptors.CalcNumHBA(sheet.molecule))


def _rotatable_bonds(sheet: Sheet) -> int:
    return int(rdMolDescriptors.CalcNumRotatableBonds(sheet.molecule))


def _rings(sheet: Sheet) -> int:
    return int(rdMolDescriptors.CalcNumRings(sheet.molecule))


def _aromatic_rings(sheet: Sheet) -> int:
    return int(rdMolDescriptors.CalcNumAromaticRings(sheet.molecule))


def _heavy_atoms(sheet: Sheet) -> int:
    return int(sheet.molecule.GetNumHeavyAtoms())


# Functions with a name, not lambdas: a property can then be sent to another process.
_PROPERTIES: dict[str, tuple[Value, str]] = {
    "qed": (attrgetter("qed"), "drug-likeness, 0 to 1 (Bickerton et al. 2012)"),
    "logp": (attrgetter("logp"), "octanol-water partition coefficient, log10 (Wildman & Crippen 1999)"),
    "sa": (attrgetter("sa"), "synthetic accessibility, 1 (easy) to 10 (Ertl & Schuffenhauer 2009)"),
    "molecular_weight": (attrgetter("weight"), "average molecular weight, g/mol"),
    "tpsa": (attrgetter("tpsa"), "topological polar surface area, square angstroms (Ertl et al. 2000)"),
    "h_donors": (_h_donors, "hydrogen-bond donors"),
    "h_acceptors": (_h_acceptors, "hydrogen-bond acceptors"),
    "rotatable_bonds": (_rotatable_bonds, "rotatable bonds, amides and the like left out"),
    "rings": (_rings, "rings (smallest set)"),
    "aromatic_rings": (_aromatic_rings, "aromatic rings"),
    "heavy_atoms": (_heavy_atoms, "atoms other than hydrogen"),
    "penalised_logp": (penalised_logp, "logP - SA - (largest ring beyond 6) (Gomez-Bombarelli et al. 2018)"),
    "penalised_logp_zinc": (
        penalised_logp_zinc,
        "the same, each term standardised over ZINC250k (Kusner et al. 2017; constants of You et al. 2018)",
    ),
    "lipinski_violations": (lipinski_violations, "broken rules of Lipinski's four, 0 to 4 (Lipinski et al. 1997)"),
    "structural_alerts": (structural_alerts, "unwanted substructures, of MOSES' 502 patterns (MCF and PAINS)"),
}

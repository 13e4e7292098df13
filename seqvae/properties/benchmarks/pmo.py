"""The 20 tasks of the PMO benchmark that need only RDKit, each a score from 0 to 1 to be maximised.

The tasks, their targets, patterns and constants are those of GuacaMol, Brown et al. 2019, doi:10.1021/acs.jcim.8b00839,
and its program. PMO, Gao et al. 2022, arXiv:2206.12411, turned them into a benchmark with a budget of 10,000 calls; as
there, an invalid molecule scores 0.

Similarities are those of GuacaMol's program: Tanimoto of unfolded counts, which ECFP and FCFP mean there.
A task is a mean of terms, each a value of the molecule mapped to 0 to 1 by a shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import final

from rdkit.Chem import GraphDescriptors

from seqvae.config import suggestion
from seqvae.errors import UsageError
from seqvae.properties.molecules.cache import Sheet, Value, molecule_property
from seqvae.properties.molecules.descriptors import Descriptor
from seqvae.properties.molecules.similarity import Similarity
from seqvae.properties.molecules.substructure import Has
from seqvae.properties.property import Property


def listed() -> list[Property]:
    """Return every task."""
    return [named(name) for name in TASKS]


def named(task: str) -> Property:
    """Return a task by its name in PMO, such as `deco_hop`.

    Raises:
        UsageError: there is no such task.
    """
    if task not in TASKS:
        raise UsageError(f"unknown property 'pmo:{task}'{suggestion(task, TASKS)}")
    return molecule_property(f"pmo:{task}", f"PMO: {TASKS[task].about}", TASKS[task], missing=0.0)


Shape = Callable[[float], float]


@final
@dataclass(frozen=True)
class Gaussian:
    """A Gaussian with the maximum 1 at its mean.

    Attributes:
        mean: the value with score 1.
        deviation: its standard deviation.
        below: 1 everywhere below the mean.
        above: 1 everywhere above the mean.
    """

    mean: float
    deviation: float
    below: bool = False
    above: bool = False

    def __call__(self, value: float) -> float:
        """Return the height at a value."""
        if (self.below and value <= self.mean) or (self.above and value >= self.mean):
            return 1.0
        return math.exp(-(((value - self.mean) / self.deviation) ** 2) / 2)


@final
@dataclass(frozen=True)
class Clipped:
    """Linear from 0 at 0 to 1 at `full`, and 1 above.

    Attributes:
        full: the lowest value with score 1.
    """

    full: float

    def __call__(self, value: float) -> float:
        """Return the height at a value."""
        return min(max(value / self.full, 0.0), 1.0)


@final
@dataclass(frozen=True)
class Shaped:
    """A value mapped by a shape.

    Attributes:
        value: of a molecule.
        shape: maps it to 0 to 1.
    """

    value: Value
    shape: Shape

    def __call__(self, sheet: Sheet) -> float:
        """Return the score of a molecule."""
        return self.shape(self.value(sheet))


@final
@dataclass(frozen=True)
class Task:
    """A mean of terms.

    Attributes:
        about: one line.
        terms: each a score from 0 to 1 of a molecule.
        geometric: the mean is geometric, not arithmetic.
    """

    about: str
    terms: tuple[Value, ...]
    geometric: bool = True

    def __call__(self, sheet: Sheet) -> float:
        """Return the score of a molecule, 0 to 1."""
        return mean([term(sheet) for term in self.terms], self.geometric)


def mean(scores: list[float], geometric: bool) -> float:
    """Return the geometric or arithmetic mean of scores that are not negative."""
    if geometric:
        return float(math.prod(scores) ** (1 / len(scores)))
    return sum(scores) / len(scores)


@final
@dataclass(frozen=True)
class Isomer:
    """How close a molecule is to a molecular formula: 1 for an isomer.

    The geometric mean of a Gaussian of the number of atoms of each element, and one of all atoms.

    Attributes:
        atoms: elements and the number of atoms of each, hydrogen included.
    """

    atoms: tuple[tuple[str, int], ...]

    def __call__(self, sheet: Sheet) -> float:
        """Return the score of a molecule, 0 to 1."""
        found = sheet.elements
        scores = [Gaussian(count, 1)(found[element]) for element, count in self.atoms]
        total = Gaussian(sum(count for _, count in self.atoms), 2)(found.total())
        return mean([*scores, total], geometric=True)


def _fluorines(sheet: Sheet) -> float:
    return sheet.elements["F"]


def _bertz(sheet: Sheet) -> float:
    """Return the complexity of Bertz 1981, doi:10.1021/ja00402a071."""
    return float(GraphDescriptors.BertzCT(sheet.molecule))


def _like(kind: str, target: str, shape: Shape | None = None) -> Value:
    similarity = Similarity(kind, target)
    return Shaped(similarity, shape) if shape else similarity


def _logp(shape: Shape) -> Value:
    return Shaped(attrgetter("logp"), shape)


def _tpsa(shape: Shape) -> Value:
    return Shaped(attrgetter("tpsa"), shape)


_ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
_MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
_CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
_TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
_THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
_MENTHOL = "CC(C)C1CCC(C)CC1O"
_CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
_TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
_SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"
_OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
_FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
_RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
_PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
_AMLODIPINE = r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC"
_SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
_ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"
_HOP = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"
_HOP_SCAFFOLD = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
_HOP_DECORATION = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"
_VALSARTAN_PART = "CN(C=O)Cc1ccc(c2ccccc2)cc1"
# logP and polar surface of sitagliptin, and Bertz complexity, as GuacaMol computed them.
_SITAGLIPTIN_LOGP, _SITAGLIPTIN_TPSA, _SITAGLIPTIN_BERTZ = 2.0165, 77.04, 896.3805

TASKS: dict[str, Task] = {
    "albuterol_similarity": Task("like albuterol", (_like("fcfp4-counts", _ALBUTEROL, Clipped(0.75)),)),
    "amlodipine_mpo": Task(
        "like amlodipine, three rings",
        (_like("ecfp4-counts", _AMLODIPINE), Shaped(Descriptor("CalcNumRings"), Gaussian(3, 0.5))),
    ),
    "celecoxib_rediscovery": Task("find celecoxib", (_like("ecfp4-counts", _CELECOXIB, Clipped(1.0)),)),
    "deco_hop": Task(
        "keep a kinase inhibitor's scaffold, change its decorations",
        (
            _like("phco", _HOP, Clipped(0.85)),
            Has("CS([#6])(=O)=O", wanted=False),
            Has("[#7]-c1ccc2ncsc2c1", wanted=False),
            Has(_HOP_SCAFFOLD),
        ),
        geometric=False,
    ),
    "fexofenadine_mpo": Task(
        "like fexofenadine, more polar and less lipophilic",
        (
            _like("ap", _FEXOFENADINE, Clipped(0.8)),
            _tpsa(Gaussian(90, 10, above=True)),
            _logp(Gaussian(4, 1, below=True)),
        ),
    ),
    "isomers_c7h8n2o2": Task("isomers of C7H8N2O2", (Isomer((("C", 7), ("H", 8), ("N", 2), ("O", 2))),)),
    "isomers_c9h10n2o2pf2cl": Task(
        "isomers of C9H10N2O2PF2Cl",
        (Isomer((("C", 9), ("H", 10), ("N", 2), ("O", 2), ("P", 1), ("F", 2), ("Cl", 1))),),
    ),
    "median1": Task("like menthol and camphor", (_like("ecfp4-counts", _MENTHOL), _like("ecfp4-counts", _CAMPHOR))),
    "median2": Task(
        "like tadalafil and sildenafil", (_like("ecfp6-counts", _TADALAFIL), _like("ecfp6-counts", _SILDENAFIL))
    ),
    "mestranol_similarity": Task("like mestranol", (_like("ap", _MESTRANOL, Clipped(0.75)),)),
    "osimertinib_mpo": Task(
        "like osimertinib yet not the same, more polar and less lipophilic",
        (
            _like("fcfp4-counts", _OSIMERTINIB, Clipped(0.8)),
            _like("ecfp6-counts", _OSIMERTINIB, Gaussian(0.85, 0.1, below=True)),
            _tpsa(Gaussian(100, 10, above=True)),
            _logp(Gaussian(1, 1, below=True)),
        ),
    ),
    "perindopril_mpo": Task(
        "like perindopril, two aromatic rings",
        (_like("ecfp4-counts", _PERINDOPRIL), Shaped(Descriptor("CalcNumAromaticRings"), Gaussian(2, 0.5))),
    ),
    "qed": Task("drug-likeness", (attrgetter("qed"),)),
    "ranolazine_mpo": Task(
        "like ranolazine, more polar and more lipophilic, one fluorine",
        (
            _like("ap", _RANOLAZINE, Clipped(0.7)),
            _logp(Gaussian(7, 1, above=True)),
            Shaped(_fluorines, Gaussian(1, 1)),
            _tpsa(Gaussian(95, 20, above=True)),
        ),
    ),
    "scaffold_hop": Task(
        "keep a kinase inhibitor's decorations, change its scaffold",
        (_like("phco", _HOP, Clipped(0.75)), Has(_HOP_DECORATION), Has(_HOP_SCAFFOLD, wanted=False)),
        geometric=False,
    ),
    "sitagliptin_mpo": Task(
        "unlike sitagliptin, yet an isomer of its logP and polar surface",
        (
            _like("ecfp4-counts", _SITAGLIPTIN, Gaussian(0, 0.1)),
            _logp(Gaussian(_SITAGLIPTIN_LOGP, 0.2)),
            _tpsa(Gaussian(_SITAGLIPTIN_TPSA, 5)),
            Isomer((("C", 16), ("H", 15), ("F", 6), ("N", 5), ("O", 1))),
        ),
    ),
    "thiothixene_rediscovery": Task("find thiothixene", (_like("ecfp4-counts", _THIOTHIXENE, Clipped(1.0)),)),
    "troglitazone_rediscovery": Task("find troglitazone", (_like("ecfp4-counts", _TROGLITAZONE, Clipped(1.0)),)),
    "valsartan_smarts": Task(
        "a part of valsartan with sitagliptin's logP, polar surface and complexity",
        (
            Has(_VALSARTAN_PART),
            _logp(Gaussian(_SITAGLIPTIN_LOGP, 0.2)),
            _tpsa(Gaussian(_SITAGLIPTIN_TPSA, 5)),
            Shaped(_bertz, Gaussian(_SITAGLIPTIN_BERTZ, 30)),
        ),
    ),
    "zaleplon_mpo": Task(
        "like zaleplon, with the formula C19H17N3O2",
        (_like("ecfp4-counts", _ZALEPLON), Isomer((("C", 19), ("H", 17), ("N", 3), ("O", 2)))),
    ),
}

"""Standard forms of molecules: one spelling of each functional group, without salts, charges and isotopes; with stereo.

The steps are those of RDKit's MolStandardize, which follows MolVS (Swain, github.com/mcs07/MolVS).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from rdkit import Chem, rdBase

from seqvae.errors import InvalidMoleculeError, UsageError, quoted
from seqvae.sequences.molecules import canonical_of, canonical_smiles, read_molecule, write_molecule

STEPS = ("metals", "normalize", "reionize", "fragment", "neutralize", "isotopes")
"""What is done unless other steps are named, in this order."""

OPTIONAL = ("tautomer",)
ABOUT = {
    "metals": "bonds from metals to N, O and F, and to halogens, are cut into ions",
    "normalize": "one spelling of nitro groups, sulfoxides, azides and others",
    "reionize": "the strongest acids are ionised first",
    "fragment": "the largest fragment is kept, organic before inorganic: no salts and solvents",
    "neutralize": "protons are added or taken away until charges are gone, as far as they can be",
    "isotopes": "labels of isotopes are dropped",
    "tautomer": "RDKit's canonical tautomer; stereo is kept",
}


@dataclass(frozen=True)
class Standardized:
    """A molecule in its standard form.

    Attributes:
        smiles: canonical.
        changes: the steps that changed it, in their order.
    """

    smiles: str
    changes: tuple[str, ...]


def check_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """Return steps in the order in which they are done; raise UsageError for an unknown one, or for none."""
    known = (*STEPS, *OPTIONAL)
    unknown = [step for step in steps if step not in known]
    if unknown or not steps:
        shown = ", ".join(unknown) or "none"
        raise UsageError(f"steps: expected some of {', '.join(known)}, got {shown}")
    return tuple(step for step in known if step in steps)


def standardized(text: str, steps: Sequence[str] = STEPS) -> Standardized:
    """Return a molecule in its standard form.

    Args:
        text: SMILES.
        steps: some of `STEPS` and `OPTIONAL`.

    Raises:
        InvalidMoleculeError: RDKit cannot read the text, or a step makes no molecule of it.
        UsageError: an unknown step.

    >>> standardized("CC(=O)[O-].[Na+]")
    Standardized(smiles='CC(=O)O', changes=('fragment', 'neutralize'))
    """
    before = canonical_smiles(text)
    molecule = read_molecule(before)
    changes = []
    for step in check_steps(steps):
        if molecule is None:
            break
        try:
            with rdBase.BlockLogs():
                after = write_molecule(_workers()[step](molecule))
        except (ValueError, RuntimeError) as error:  # RDKit's own refusals, among them those of its C++ part
            reason = (str(error).splitlines() or ["no reason given"])[0]
            raise InvalidMoleculeError(f"cannot standardize {quoted(text)}: {step}: {reason}; leave it out") from error
        if after != before and (after := canonical_of("", after)) != before:
            changes.append(step)
            before, molecule = after, read_molecule(after)
    if molecule is None:
        raise InvalidMoleculeError(f"cannot standardize {quoted(text)}: it has no standard form; leave it out")
    return Standardized(before, tuple(changes))


@cache
def _workers() -> dict[str, Callable[[Chem.Mol], Chem.Mol]]:
    """Return what does each step; made once, which takes some milliseconds."""
    from rdkit.Chem.MolStandardize import rdMolStandardize

    with rdBase.BlockLogs():
        tautomers = rdMolStandardize.TautomerEnumerator()
        tautomers.SetRemoveSp3Stereo(False)
        tautomers.SetRemoveBondStereo(False)
        return {
            "metals": rdMolStandardize.MetalDisconnector().Disconnect,
            "normalize": rdMolStandardize.Normalizer().normalize,
            "reionize": rdMolStandardize.Reionizer().reionize,
            "fragment": rdMolStandardize.LargestFragmentChooser(preferOrganic=True).choose,
            "neutralize": rdMolStandardize.Uncharger().uncharge,
            "isotopes": _without_isotopes,
            "tautomer": tautomers.Canonicalize,
        }


def _without_isotopes(molecule: Chem.Mol) -> Chem.Mol:
    molecule = Chem.Mol(molecule)
    for atom in molecule.GetAtoms():
        atom.SetIsotope(0)
    molecule = Chem.RemoveHs(molecule)  # deuterium is written as an atom of its own
    Chem.AssignStereochemistry(molecule, cleanIt=True, force=True)
    return molecule

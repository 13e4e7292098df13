"""What a careful reader of a list of molecules looks for: metals, charges, isotopes, radicals, stereo left open."""

from __future__ import annotations

from rdkit import Chem, rdBase

from seqvae.sequences.molecules import connectivity_of, read_molecule

METALS, CHARGED, ISOTOPES, RADICALS, OPEN = "metals", "charged", "isotopes", "radicals", "undefined stereo"
# Elements that are no metals; arsenic, selenium and tellurium form bonds as their neighbours do.
_NO_METALS = {1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54, 85, 86, 0}


def examined(canonical: str) -> tuple[list[str], str]:
    """Return what is odd about a molecule, and its canonical SMILES without stereo, from one reading.

    What is odd is said in the words above; charged means that a fragment has a net charge.

    >>> examined("[Na+].C[C@H](N)C(=O)[O-]")
    (['metals', 'charged'], 'CC(N)C(=O)[O-].[Na+]')
    """
    molecule = read_molecule(canonical)
    if molecule is None:
        return [], canonical
    atoms = list(molecule.GetAtoms())
    with rdBase.BlockLogs():
        parts = Chem.GetMolFrags(molecule)
        potential = Chem.FindPotentialStereo(molecule)
    found = {
        METALS: any(atom.GetAtomicNum() not in _NO_METALS for atom in atoms),
        CHARGED: any(sum(atoms[place].GetFormalCharge() for place in part) for part in parts),
        ISOTOPES: any(atom.GetIsotope() for atom in atoms),
        RADICALS: any(atom.GetNumRadicalElectrons() for atom in atoms),
        OPEN: any(one.specified == Chem.StereoSpecified.Unspecified for one in potential),
    }
    stereo = any(mark in canonical for mark in "@/\\")
    return [what for what, there in found.items() if there], connectivity_of(molecule) if stereo else canonical

"""CXSMILES and enhanced stereo: plain SMILES that claim no more than is written.

A group "and" is a mixture of both forms (racemic), "or" is one of them, unknown which. A plain SMILES has no word for
either: with its marks kept it would be one enantiomer. So the centres of such groups are read without stereo.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seqvae.errors import InvalidMoleculeError, quoted

if TYPE_CHECKING:
    from rdkit import Chem

_EXTENDED = re.compile(r"(\S+)\s+(\|[^|]*\|)")


def plain_smiles(text: str) -> tuple[str, bool]:
    """Return the SMILES of a CXSMILES, and whether it has enhanced stereo; of any other text, the text.

    The SMILES is as written, unless its extension says otherwise: enhanced stereo, radicals, dative bonds.

    Raises:
        InvalidMoleculeError: RDKit cannot read the SMILES or its extension.
    """
    found = _EXTENDED.fullmatch(text.strip())
    if found is None:
        return text, False
    from rdkit import Chem, rdBase

    from seqvae.sequences.molecules import canonical_smiles

    smiles, extension = found.groups()
    plain = canonical_smiles(smiles)  # raises with RDKit's reason
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromSmiles(f"{smiles} {extension}")
        except (ValueError, RuntimeError):
            molecule = None
        if molecule is None:
            raise InvalidMoleculeError(
                f"expected a CXSMILES, got {quoted(text)}: RDKit cannot read its extension; remove it"
            )
        enhanced = without_enhanced_stereo(molecule)
        written = canonical_smiles(Chem.MolToSmiles(molecule))
    return (smiles if written == plain else written), enhanced


def without_enhanced_stereo(molecule: Chem.Mol) -> bool:
    """Remove the stereo of the centres in groups "and" and "or"; return whether there were any."""
    from rdkit import Chem

    relative = (Chem.StereoGroupType.STEREO_AND, Chem.StereoGroupType.STEREO_OR)
    groups = [group for group in molecule.GetStereoGroups() if group.GetGroupType() in relative]
    centres = [atom for group in groups for atom in group.GetAtoms()]
    for atom in centres:
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    if centres:
        Chem.AssignStereochemistry(molecule, cleanIt=True, force=True)
    return bool(centres)

"""SELFIES, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, ClassVar, Self, final

import selfies
from rdkit import rdBase

from seqvae.errors import UsageError
from seqvae.sequences.molecules import canonical_smiles, canonical_to_selfies, selfies_to_smiles, split_selfies
from seqvae.sequences.tokenizers.record import read_field
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer


@final
class SelfiesTokenizer(SymbolTokenizer):
    """SELFIES of canonical SMILES, one token per symbol. It reads and returns SMILES.

    SELFIES strings are not accepted: `[C][C]` is ethane in SELFIES and two bare carbon atoms in SMILES. Convert them
    with `selfies_to_smiles`.

    The meaning of a string depends on the semantic constraints of the `selfies` library, one setting for the whole
    process. The tokenizer keeps those that were set when it was made and refuses to work under others.
    """

    kind = "selfies"
    versions: ClassVar[Mapping[str, str]] = {"rdkit": rdBase.rdkitVersion, "selfies": version("selfies")}

    def __init__(self, on_unknown: str = "error") -> None:
        self._constraints: dict[str, int] = selfies.get_semantic_constraints()
        super().__init__(on_unknown, settings={"constraints": self._constraints})

    def normalize(self, text: str) -> str:
        """Canonical isomeric SMILES; raises InvalidMoleculeError."""
        return canonical_smiles(text)

    def split(self, form: str, text: str = "") -> list[str]:
        """The symbols of the SELFIES of a canonical SMILES; errors name the molecule by `text`.

        Raises:
            InvalidMoleculeError: SELFIES cannot represent the molecule.
            UsageError: the current semantic constraints are not those that the tokenizer was made under.
        """
        _require_constraints(self._constraints)
        return split_selfies(canonical_to_selfies(form, text or form))

    def join(self, symbols: Iterable[str]) -> str:
        """Canonical SMILES of the symbols; raises UsageError as `split`."""
        _require_constraints(self._constraints)
        return selfies_to_smiles("".join(symbols))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote.

        Raises:
            ArtifactError: the record is damaged.
            UsageError: the current semantic constraints are not the record's; they are left as they are.
        """
        _require_constraints(read_field(record, "constraints", dict))
        return super().from_dict(record)


def _require_constraints(wanted: Mapping[str, int]) -> None:
    found = selfies.get_semantic_constraints()
    if found == wanted:
        return
    atoms = sorted(atom for atom in {*found, *wanted} if found.get(atom) != wanted.get(atom))
    differ = ", ".join(
        f"{atom} {wanted.get(atom, 'unset')} there and {found.get(atom, 'unset')} here" for atom in atoms
    )
    raise UsageError(
        f"the tokenizer was made under other SELFIES semantic constraints than the current ones ({differ}): "
        f"call selfies.set_semantic_constraints({dict(wanted)!r}) first"
    )

"""SELFIES, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Self, final

import selfies
from rdkit import rdBase

from seqvae.errors import UsageError
from seqvae.sequences.molecules import canonical_smiles, canonical_to_selfies, selfies_to_smiles, split_selfies
from seqvae.sequences.tokenizers.record import read_field, read_tokens
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer


@final
class SelfiesTokenizer(SymbolTokenizer):
    """SELFIES of canonical SMILES, one token a symbol. Texts go in and come out as SMILES.

    SELFIES strings are not taken as texts: `[C][C]` is ethane in SELFIES and two bare carbon atoms in SMILES. Convert
    them with `selfies_to_smiles`.

    What a string means depends on the semantic constraints of the `selfies` library, one setting for the whole process.
    The tokenizer keeps those that were in force when it was made and refuses to work under others.
    """

    kind = "selfies"

    def __init__(self, on_unknown: str = "error") -> None:
        super().__init__(on_unknown)
        self._constraints: dict[str, int] = selfies.get_semantic_constraints()

    def _check_constraints(self) -> None:
        _require_constraints(self._constraints)

    def normalize(self, text: str) -> str:
        """Canonical isomeric SMILES; raises InvalidMoleculeError."""
        return canonical_smiles(text)

    def split(self, form: str, text: str = "") -> list[str]:
        """The symbols of the SELFIES of a canonical SMILES; `text` is what an error calls it.

        Raises:
            InvalidMoleculeError: SELFIES cannot hold the molecule.
            UsageError: other semantic constraints are in force than the tokenizer was made under.
        """
        self._check_constraints()
        return split_selfies(canonical_to_selfies(form, text or form))

    def join(self, symbols: Iterable[str]) -> str:
        """Canonical SMILES of the symbols; raises UsageError as `split`."""
        self._check_constraints()
        return selfies_to_smiles("".join(symbols))

    def _settings(self) -> dict[str, Any]:
        return {"tokens": self._content(), "constraints": self._constraints}

    def _versions(self) -> dict[str, str]:
        return {"rdkit": rdBase.rdkitVersion, "selfies": version("selfies")}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote.

        Raises:
            ArtifactError: the record is damaged.
            UsageError: other semantic constraints are in force than the record's. Nothing is set here.
        """
        _require_constraints(read_field(record, "constraints", dict))
        tokenizer = cls(read_field(record, "on_unknown", str))
        tokenizer._set_content(read_tokens(record))
        return tokenizer


def _require_constraints(wanted: Mapping[str, int]) -> None:
    found = selfies.get_semantic_constraints()
    if found == wanted:
        return
    atoms = sorted(atom for atom in {*found, *wanted} if found.get(atom) != wanted.get(atom))
    differ = ", ".join(
        f"{atom} {wanted.get(atom, 'unset')} there and {found.get(atom, 'unset')} here" for atom in atoms
    )
    raise UsageError(
        f"the tokenizer was made under other SELFIES semantic constraints than those in force ({differ}): "
        f"call selfies.set_semantic_constraints({dict(wanted)!r}) first"
    )

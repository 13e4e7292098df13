"""Tokenizers by name: new ones, and those read back from JSON. A kind's libraries are imported when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from seqvae.config import suggestion
from seqvae.errors import ArtifactError, ConfigError, UsageError
from seqvae.sequences.tokenizers.record import check_format, read_field, read_json
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

# Modules by name, since RDKit, selfies and tokenizers are slow to import.
_HOMES = {
    "smiles": ("seqvae.sequences.tokenizers.smiles", "SmilesTokenizer"),
    "selfies": ("seqvae.sequences.tokenizers.selfies", "SelfiesTokenizer"),
    "dna": ("seqvae.sequences.tokenizers.dna", "DnaTokenizer"),
    "char": ("seqvae.sequences.tokenizers.char", "CharTokenizer"),
    "subword": ("seqvae.sequences.tokenizers.subword", "SubwordTokenizer"),
}

KINDS: tuple[str, ...] = ("smiles", "selfies", "dna", "char")
"""The tokenizers of base symbols; a `vocab_size` puts subwords over any of them."""


def _class_of(kind: str) -> Any:  # noqa: ANN401 - the five constructors differ
    module, name = _HOMES[kind]
    return getattr(import_module(module), name)


def build_tokenizer(kind: str, vocab_size: int = 0, *, on_unknown: str = "error", allow_gap: bool = False) -> Tokenizer:
    """A tokenizer that has not been fitted yet.

    Args:
        kind: one of `KINDS`.
        vocab_size: 0 for one token a base symbol; else the size of a subword vocabulary over them.
        on_unknown: "error" or "drop", what an unseen token does.
        allow_gap: accept the gap `-` in DNA.

    Raises:
        UsageError: an unknown kind or `on_unknown`, or `allow_gap` for something else than DNA.
        ConfigError: `vocab_size` has no room for any token.
    """
    if kind not in KINDS:
        raise UsageError(f"expected a tokenizer of kind {', '.join(KINDS)}, got {kind!r}{suggestion(kind, KINDS)}")
    if allow_gap and kind != "dna":
        raise UsageError(f'allow_gap is for tokenizers of kind "dna", got {kind!r}: leave it out')
    if vocab_size < 0:
        raise ConfigError(f"expected vocab_size 0 (no subwords) or above, got {vocab_size}")
    settings = {"allow_gap": True} if allow_gap else {}
    base = _class_of(kind)(on_unknown, **settings)
    return _class_of("subword")(base, vocab_size) if vocab_size else base


def tokenizer_from_dict(record: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that some tokenizer's `to_dict` wrote.

    Raises:
        ArtifactError: the record is damaged.
        NewerFormatError: a newer seqvae wrote it.
        UsageError: SELFIES under other semantic constraints than those in force.
    """
    check_format(record)
    kind = read_field(record, "kind", str)
    if kind not in _HOMES:
        raise ArtifactError(f"expected a tokenizer of kind {', '.join(_HOMES)} in the record, got {kind!r}")
    if kind != "subword":
        return _class_of(kind).from_dict(record)
    base = tokenizer_from_dict(read_field(record, "base", dict))
    if not isinstance(base, SymbolTokenizer):
        raise ArtifactError(f"expected a base tokenizer under the subwords, got kind {base.kind!r}")
    return _class_of(kind).from_dict(record, base)


def load_tokenizer(path: str | os.PathLike[str]) -> Tokenizer:
    """Read a tokenizer that `Tokenizer.save` wrote.

    Raises:
        ArtifactError: the file is missing or damaged.
        NewerFormatError: a newer seqvae wrote it.
    """
    return tokenizer_from_dict(read_json(path))

"""Tokenizers by name: new ones, and those read from JSON. A kind's libraries are imported only when it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from seqvae.config import suggestion
from seqvae.errors import ArtifactError, ConfigError, UsageError
from seqvae.sequences.domain import CODON, KINDS, domain_of
from seqvae.sequences.tokenizers.record import check_format, read_field, read_json
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

_ALPHABETS = [kind for kind in KINDS if domain_of(kind).alphabet and kind == domain_of(kind).name]
# Modules by name, since RDKit, selfies and tokenizers are slow to import.
_HOMES = {
    **dict.fromkeys(_ALPHABETS, ("seqvae.sequences.tokenizers.letters", "AlphabetTokenizer")),
    "smiles": ("seqvae.sequences.tokenizers.smiles", "SmilesTokenizer"),
    "selfies": ("seqvae.sequences.tokenizers.selfies", "SelfiesTokenizer"),
    CODON: ("seqvae.sequences.tokenizers.codons", "CodonTokenizer"),
    "char": ("seqvae.sequences.tokenizers.char", "CharTokenizer"),
    "subword": ("seqvae.sequences.tokenizers.subword", "SubwordTokenizer"),
}


def _class_of(kind: str) -> Any:  # noqa: ANN401 - the six constructors differ
    module, name = _HOMES[kind]
    return getattr(import_module(module), name)


def check_kind(kind: str) -> None:
    """Raise UsageError, with a suggestion, where there is no tokenizer of that kind."""
    if kind not in KINDS:
        raise UsageError(f"expected a tokenizer of kind {', '.join(KINDS)}, got {kind!r}{suggestion(kind, KINDS)}")


def build_tokenizer(kind: str, vocab_size: int = 0, *, on_unknown: str = "error", allow_gap: bool = False) -> Tokenizer:
    """A tokenizer that has not been fitted yet.

    Args:
        kind: one of `seqvae.sequences.domain.KINDS`; a `vocab_size` builds subwords over any of them.
        vocab_size: 0 for one token per base symbol; else the size of a subword vocabulary.
        on_unknown: how unknown tokens are handled: "error" or "drop".
        allow_gap: accept the gap `-` in sequences over an alphabet.

    Raises:
        UsageError: an unknown kind or `on_unknown`, or `allow_gap` for a kind without an alphabet.
        ConfigError: `vocab_size` leaves no room for any token.
    """
    check_kind(kind)
    if allow_gap and kind not in _ALPHABETS:
        raise UsageError(f"allow_gap is for tokenizers of kind {', '.join(_ALPHABETS)}, got {kind!r}: leave it out")
    if vocab_size < 0:
        raise ConfigError(f"expected vocab_size 0 (no subwords) or above, got {vocab_size}")
    own = (kind,) if kind in _ALPHABETS else ()
    base = _class_of(kind)(*own, on_unknown, **({"allow_gap": True} if allow_gap else {}))
    return _class_of("subword")(base, vocab_size) if vocab_size else base


def tokenizer_from_dict(record: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that some tokenizer's `to_dict` wrote.

    Raises:
        ArtifactError: the record is damaged.
        NewerFormatError: a newer seqvae wrote it.
        UsageError: SELFIES made under other semantic constraints than the current ones.
    """
    check_format(record)
    kind = read_field(record, "kind", str)
    if kind not in _HOMES:
        raise ArtifactError(f"expected a tokenizer of kind {', '.join(_HOMES)} in the record, got {kind!r}")
    if kind != "subword":
        return _class_of(kind).from_dict(record)
    below = read_field(record, "base", dict)
    if below.get("kind") == kind:
        raise ArtifactError(f"expected a base tokenizer under the subwords, got kind {kind!r}")
    base = tokenizer_from_dict(below)
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

"""Tokenizers as JSON: one record per tokenizer, an integer format, every field checked when read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from seqvae.errors import ArtifactError, NewerFormatError

FORMAT: int = 1
"""Increased by one whenever an older seqvae could not read the record correctly."""

Value = TypeVar("Value")


def read_field(record: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    """The field `name` of a tokenizer's record.

    Raises:
        ArtifactError: it is missing or has another type.
    """
    if name not in record:
        raise ArtifactError(f"expected the field {name!r} in a tokenizer's record, found only {sorted(record)}")
    value = record[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ArtifactError(f"expected {kind.__name__} in the tokenizer's field {name!r}, got {value!r:.80}")
    return value


def read_tokens(record: Mapping[str, Any], name: str = "tokens") -> list[str]:
    """A field that holds the vocabulary: distinct, non-empty strings in the order of their ids.

    Raises:
        ArtifactError: it holds anything else.
    """
    tokens = read_field(record, name, list)
    if not all(isinstance(token, str) and token for token in tokens) or len(set(tokens)) != len(tokens):
        raise ArtifactError(f"expected different non-empty strings in the tokenizer's field {name!r}")
    return tokens


def check_format(record: Mapping[str, Any]) -> None:
    """Refuse a record that this seqvae cannot read.

    Raises:
        NewerFormatError: a newer seqvae wrote it.
        ArtifactError: it has no format.
    """
    found = read_field(record, "format", int)
    if found > FORMAT:
        raise NewerFormatError(
            f"the tokenizer has format {found}, this seqvae reads up to {FORMAT}: pip install --upgrade seqvae"
        )


def write_json(record: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a record to a file, whole or not at all: on a full disk an older file stays intact."""
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(record, indent=1) + "\n", encoding="ascii")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The record in a file.

    Raises:
        ArtifactError: there is no such file, or it is not one JSON object.
    """
    try:
        record = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ArtifactError(f"cannot read the tokenizer {os.fspath(path)!r}: {error.strerror}") from error
    except ValueError as error:  # Broken JSON and broken UTF-8 alike.
        raise ArtifactError(f"the tokenizer {os.fspath(path)!r} is damaged or not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ArtifactError(f"expected one JSON object in {os.fspath(path)!r}, got {type(record).__name__}")
    return record

"""Columns of Arrow tables as Python's values, also where the text in them is damaged."""

from __future__ import annotations

from typing import Any


def listed(column: Any) -> list[Any]:  # noqa: ANN401 - an array of pyarrow's, an import that takes a while
    """Return the cells of a column; text that is no UTF-8, which pyarrow does not check when it reads, as Latin-1."""
    import pyarrow

    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pyarrow.types.is_string(kind):
        column = column.cast(pyarrow.binary())
    elif pyarrow.types.is_large_string(kind):
        column = column.cast(pyarrow.large_binary())
    cells: list[Any] = column.to_pylist()
    return [_decoded(cell) if isinstance(cell, bytes) else cell for cell in cells]


def _decoded(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.decode("latin-1")

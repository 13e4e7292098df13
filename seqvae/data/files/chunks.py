"""Finished parts of a long job, kept in a folder so that the job can be resumed after it was killed.

A part is an Arrow file with a table and some notes; `manifest.json` describes the job of the parts. Parts are written
in order, each whole or not at all, so that those in the folder are the first ones.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError, UsageError
from seqvae.runtime.files import atomic_file

FORMAT = 1
_MANIFEST = "manifest.json"
_TEXT, _LATENT, _NOTES = "text", "z", b"seqvae"


@dataclass(frozen=True)
class Results:
    """Texts with their columns, row by row.

    Attributes:
        texts: one per row.
        columns: further columns by title.
        z: latent vectors, `(rows, latent)`, or None.
        notes: further data of these rows, in JSON types; not shown in tables.
    """

    texts: Sequence[str]
    columns: Mapping[str, Sequence[object]] = field(default_factory=dict)
    z: NDArray[np.float32] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@final
class Parts:
    """The folder of a job's finished parts.

    Args:
        folder: created when the first part is saved.
        work: everything that determines the results, in JSON types.

    Raises:
        UsageError: the folder has the parts of another job, or something else.
    """

    def __init__(self, folder: Path, work: Mapping[str, Any]) -> None:
        self.folder = folder
        self._manifest = {"format": FORMAT, "work": json.loads(json.dumps(work))}
        # A new folder has nothing but, at most, the hidden file of a result being written.
        if folder.exists() and not (folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir())):
            self._check()
        self.count = 0
        while self._path(self.count).is_file():
            self.count += 1

    def _check(self) -> None:
        try:
            found = json.loads((self.folder / _MANIFEST).read_text("utf-8"))["work"]
            differ = [key for key in {**found, **self._manifest["work"]} if self._told(found, key)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{self.folder}: expected the parts of an unfinished job, found something else: move or delete it"
            ) from error
        if differ:
            raise UsageError(
                f"{self.folder}: has the parts of another job ({', '.join(self._told(found, key) for key in differ)}): "
                "use the settings of that job, or delete the folder"
            )

    def _told(self, found: Mapping[str, Any], key: str) -> str:
        there, here = found.get(key), self._manifest["work"].get(key)
        return "" if there == here else f"{key} {there!r} there, {here!r} here"

    def load(self, number: int) -> Results:
        """Return a saved part.

        Raises:
            InputError: its file is damaged.
        """
        import pyarrow as pa

        path = self._path(number)
        try:
            with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                table = reader.read_all()
                notes = json.loads(table.schema.metadata[_NOTES])
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: a damaged part: delete it and all later ones, then resume") from error
        columns = {name: table.column(name) for name in table.column_names}
        texts = columns.pop(_TEXT).to_pylist()
        z = columns.pop(_LATENT, None)
        latent = None
        if z is not None:
            whole = z.combine_chunks()
            latent = np.asarray(whole.flatten(), np.float32).reshape(len(whole), -1)
        return Results(texts, {name: column.to_pylist() for name, column in columns.items()}, latent, notes)

    def save(self, results: Results) -> None:
        """Add the next part; raises OSError if it cannot be written."""
        import pyarrow as pa

        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.count:
            with atomic_file(self.folder / _MANIFEST) as file:
                file.write(json.dumps(self._manifest, indent=1).encode())
        columns: dict[str, object] = {_TEXT: pa.array(list(results.texts), pa.string())}
        columns |= {name: list(values) for name, values in results.columns.items()}
        if results.z is not None:
            flat = pa.array(np.ascontiguousarray(results.z, np.float32).reshape(-1))
            columns[_LATENT] = pa.FixedSizeListArray.from_arrays(flat, results.z.shape[1])
        table = pa.table(columns).replace_schema_metadata({_NOTES: json.dumps(dict(results.notes))})
        with atomic_file(self._path(self.count)) as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        self.count += 1

    def remove(self) -> None:
        """Delete the folder when the job is done; a stop in between leaves the first parts, as any stop does."""
        for number in reversed(range(self.count)):
            self._path(number).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08}.arrow"

"""What the scripts that count parts of molecules share: their flags, the molecules, and the table that they write."""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqvae.data.datasets.registry import load_dataset
from seqvae.runtime.files import atomic_file


def write_counts(about: str, table_of: Callable[[list[str]], dict[str, Any]], argv: Sequence[str] | None) -> None:
    """Draw training molecules of a dataset, count, and write the table as JSON, compressed.

    Args:
        about: the script's docstring.
        table_of: makes the table of molecules.
        argv: the arguments; None: those of this process.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("target", type=Path)
    parser.add_argument("--molecules", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(argv)
    data = load_dataset(chosen.dataset)
    texts = [data.texts[row] for row in data.split.train] if data.card.published else data.texts
    rows = np.random.default_rng(chosen.seed).permutation(len(texts))[: chosen.molecules]
    table = table_of([texts[row] for row in rows])
    with atomic_file(chosen.target) as file:
        file.write(gzip.compress(json.dumps(table, separators=(",", ":")).encode(), mtime=0))
    print(f"{len(rows):,} molecules, {len(table):,} entries: {chosen.target}")

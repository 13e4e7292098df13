"""Shared by all scripts: their flags, and the JSON file that they write their metrics to.

A result records on what kind of machine (no host names, no paths), with which versions, settings and seed it was made.
`make_benchmarks_page.py` turns the results into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import seqvae
from seqvae.runtime.executor import cores
from seqvae.runtime.files import atomic_file

RESULTS = Path(__file__).resolve().parent / "results"
# Extensions that decide how fast a processor multiplies matrices.
_MATRIX_FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile", "asimd", "bf16", "sve")


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the flags that every script takes."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a tiny setting that runs in seconds, to try the script")
    parser.add_argument("--out", type=Path, help="JSON file of the result (default: in scripts/results/; small: none)")
    parser.add_argument("--threads", type=int, default=0, help="threads of torch (default: as many as there are cores)")
    return parser


def machine() -> dict[str, Any]:
    """Describe the machine: processor, its extensions for matrix products, cores, memory, system."""
    about = _processor()
    flags = about.get("flags", about.get("Features", "")).split()
    return {
        "processor": about.get("model name") or platform.processor() or platform.machine(),
        "family": about.get("cpu family", ""),
        "model": about.get("model", ""),
        "extensions": [flag for flag in _MATRIX_FLAGS if flag in flags],
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "system": platform.system(),
    }


def _processor() -> dict[str, str]:
    """Return what Linux reports on the first core; nothing on other systems."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    first = path.read_text("utf-8").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _memory_gib() -> float | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def write_result(path: Path | None, name: str, settings: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write a result, whole or not at all, and print its metrics.

    Args:
        path: the JSON file; None: print only.
        name: name of the result, by which the benchmarks page finds it.
        settings: everything that was chosen, including the seed.
        metrics: what was measured.
    """
    from seqvae.artifact.folder import versions  # imports torch, which a script that only packs texts does without

    made = {
        "name": name,
        "made": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "settings": dict(settings),
        "figures": dict(metrics),
    }
    print(json.dumps(made["figures"], indent=1))
    if path is not None:
        with atomic_file(path) as file:
            file.write((json.dumps(made, indent=1) + "\n").encode())


def metrics_of(path: Path | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics of a result that was written under these settings; empty where there is none."""
    if path is None or not path.is_file():
        return {}
    made = json.loads(path.read_text("utf-8"))
    same = made["settings"] == json.loads(json.dumps(dict(settings)))
    return dict(made["figures"]) if same else {}


def result_path(given: argparse.Namespace, name: str) -> Path | None:
    """Return where the result goes: `--out`, else `scripts/results/`, or None for a small setting."""
    if given.out is not None or given.small:
        return given.out
    return RESULTS / f"{name}.json"


@contextmanager
def folder_or_temporary(folder: Path | None) -> Iterator[Path]:
    """Yield the given folder, created if needed, or a temporary one."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with TemporaryDirectory() as made:
        yield Path(made)


def with_this_seqvae() -> dict[str, str]:
    """Return the environment in which a child process imports the seqvae and the scripts that run here."""
    roots = (str(Path(module).resolve().parents[1]) for module in (seqvae.__file__, __file__))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*roots, os.environ.get("PYTHONPATH", "")]))}


@contextmanager
def torch_threads(count: int) -> Iterator[int]:
    """Let torch use this many threads (0: its default) within the context, and yield how many it uses."""
    import torch  # not needed by every script

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def measured(rounds: Sequence[float]) -> dict[str, Any]:
    """Return the values of the rounds and their median."""
    return {"median": statistics.median(rounds), "rounds": list(rounds)}


def resident() -> float:
    """Return this process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def peak() -> float:
    """Return this process's peak resident memory in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

"""Write BENCHMARKS.md from the results in `scripts/results/` and the published figures.

    python scripts/make_benchmarks_page.py

No number of the page is typed: run the scripts that it names, then this one. The sections are written by the files
`page_*.py`.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import page_dna
import page_equal_time
import page_growth
import page_metrics
import page_models
import page_moses
import page_pareto
import page_properties
import page_search
import page_throughput
from page_mpsa import mpsa
from page_speed import device, memory, throughput, tokenize
from page_tables import Values
from page_zinc import faithful, search, trace, zinc

from seqvae.data.cache import atomic_file
from seqvae.report.published import tables

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "BENCHMARKS.md"

INTRO = """# Benchmarks

Made by `scripts/make_benchmarks_page.py` from the JSON files in `scripts/results/`; do not edit. Published figures come
first in each table, with the paper that describes the model; ours follow.
"""


def speed(result: Values, published: Values) -> str:
    """Return the section on speed beside the recipes."""
    return throughput(result, published) + page_throughput.section(result, published)


_EHRLICH = "python scripts/benchmark_ehrlich.py --optimizer ga"
_FAITHFUL = "python scripts/train_zinc.py --model faithful"
_SMALL = "python scripts/benchmark_small_budgets.py"
# Title, result, command that makes it, and what writes the section.
SECTIONS: tuple[tuple[str, str, str, Callable[[Values, Values], str]], ...] = (
    ("Models that ship", "models", "python scripts/benchmark_models.py", page_models.section),
    ("ZINC250k", "zinc250k_smiles", "python scripts/train_zinc.py", zinc),
    ("ZINC250k, at a lower price of the rate", "zinc250k_faithful", _FAITHFUL, faithful),
    ("ZINC250k, search of the settings", "zinc250k_search", "python scripts/search_zinc.py", search),
    ("ZINC250k, reconstruction against samples", "zinc250k_trace", "python scripts/trace_zinc.py", trace),
    ("MOSES", "moses", "python scripts/train_moses.py", page_moses.section),
    ("Metrics of MOSES", "metrics", "python scripts/benchmark_metrics.py", page_metrics.section),
    ("Properties of molecules", "properties", "python scripts/benchmark_properties.py", page_properties.section),
    ("E. coli promoters", "ecoli", "python scripts/train_ecoli.py", page_dna.section),
    ("5' splice sites (MPSA)", "mpsa", "python scripts/train_mpsa.py", mpsa),
    ("Searches: PMO", "pmo", "python scripts/benchmark_pmo.py", page_search.pmo),
    ("Searches: what the parts are worth", "search_ablation", "python scripts/ablate_search.py", page_search.ablation),
    ("Searches of some hundred calls", "small_budgets", _SMALL, page_search.small_budgets),
    ("Searches: two objectives", "pareto", "python scripts/benchmark_pareto.py", page_pareto.section),
    ("Searches: Ehrlich functions", "ehrlich", _EHRLICH, page_search.ehrlich),
    ("Searches: TF-Bind-8", "tfbind8", "python scripts/benchmark_tfbind8.py --table FILE", page_search.tfbind8),
    ("Speed", "throughput", "python scripts/benchmark_throughput.py", speed),
    ("Speed on a GPU", "device", "python scripts/benchmark_device.py --device cuda", device),
    ("Equal wall time", "equal_time", "python scripts/benchmark_equal_time.py", page_equal_time.section),
    ("Growth", "growth", "python scripts/benchmark_growth.py", page_growth.section),
    ("Tokenising ZINC250k", "tokenize", "python scripts/benchmark_tokenize.py", tokenize),
    ("Memory on MOSES", "memory_moses", "python scripts/benchmark_memory.py", memory),
)


def origin(result: Values, command: str) -> str:
    """Say how, when, and on what kind of machine a result was made."""
    machine, versions, settings = result["machine"], result["versions"], result["settings"]
    processor = f"{machine['processor']} (family {machine['family']}, model {machine['model']})"
    threads = f", {settings['threads']} threads of torch" if "threads" in settings else ""
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"`{command}`, {result['made']}: {processor}, {machine['cores']} cores{threads}, {machine['memory_gib']} GiB, "
        f"{machine['system']}; {libraries}.\n"
    )


def page(results: Path) -> str:
    """Return BENCHMARKS.md for a folder of results; a section without a result says how to make it."""
    published = {**tables(), **tomllib.loads((HERE / "published.toml").read_text("utf-8"))}
    parts = [INTRO]
    for title, name, command, write in SECTIONS:
        path = results / f"{name}.json"
        if path.is_file():
            result = json.loads(path.read_text("utf-8"))
            body = write(result, published) + "\n" + origin(result, command)
        else:
            body = f"Not run yet: `{command}`.\n"
        parts.append(f"\n## {title}\n\n{body}")
    return "".join(parts)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON files")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page")
    given = parser.parse_args(argv)
    with atomic_file(given.out) as file:
        file.write(page(given.results).encode())


if __name__ == "__main__":
    main()

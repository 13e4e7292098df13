"""Write BENCHMARKS.md from the results in `scripts/results/` and the published figures.

    python -m scripts.page.make_benchmarks_page

No number of the page is typed: run the scripts that it names, then this one. The sections are written by the
files of `sections/`.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.page.sections import attack as page_attack
from scripts.page.sections import metrics as page_metrics
from scripts.page.sections import properties as page_properties
from scripts.page.sections import rivals as page_rivals
from scripts.page.sections.models import conditional as page_conditional
from scripts.page.sections.models import dna as page_dna
from scripts.page.sections.models import drug as page_drug
from scripts.page.sections.models import expression as page_expression
from scripts.page.sections.models import few as page_few
from scripts.page.sections.models import labelled as page_labelled
from scripts.page.sections.models import moses as page_moses
from scripts.page.sections.models import pretrained as page_models
from scripts.page.sections.models import strands as page_strands
from scripts.page.sections.models import trust as page_trust
from scripts.page.sections.models.dna import mpsa
from scripts.page.sections.models.zinc import faithful, search, trace, zinc
from scripts.page.sections.search import benchmarks as page_search
from scripts.page.sections.search import lists as page_lists
from scripts.page.sections.search import pareto as page_pareto
from scripts.page.sections.search import sequences as page_sequences
from scripts.page.sections.speed import throughput as page_throughput
from scripts.page.sections.speed.tables import device, growth, memory, throughput, tokenize
from scripts.page.sections.uses import analogs as page_analogs
from scripts.page.sections.uses import compression as page_compression
from scripts.page.sections.uses import families as page_families
from scripts.page.sections.uses import features as page_features
from scripts.page.sections.uses import map as page_map
from scripts.page.sections.uses import scores as page_uses
from scripts.page.sections.uses import unfamiliarity as page_unfamiliarity
from scripts.page.tables import Values
from seqvae.report.published import tables
from seqvae.runtime.files import atomic_file

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
PAGE = HERE.parents[1] / "BENCHMARKS.md"
PUBLISHED = HERE / "published" / "tables.toml"

INTRO = """# Benchmarks

Made by `scripts/page/make_benchmarks_page.py` from the JSON files in `scripts/results/`; do not edit. Published figures
come first in each table, with the paper that describes the model; ours follow.
"""


def speed(result: Values, published: Values) -> str:
    """Return the section on speed beside the recipes."""
    return throughput(result, published) + page_throughput.section(result, published)


_AAV = "python -m scripts.benchmarks.search.benchmark_aav --table FILE"
_FEW_CALLS = 'python -m scripts.benchmarks.search.benchmark_pmo --budget 1000 --seeds 0,1,2,3,4 --baselines ""'
_DESIGNED = "python -m scripts.benchmarks.search.benchmark_promoters"
_EHRLICH = "python -m scripts.benchmarks.search.benchmark_ehrlich --optimizer ga"
_FEATURES = "python -m scripts.benchmarks.benchmark_features --table FILE"
_ANALOGS = "python -m scripts.benchmarks.search.benchmark_analogs --series FILE"
_CONDITIONAL = "python -m scripts.benchmarks.benchmark_conditional"
_EXPRESSION = "python -m scripts.benchmarks.benchmark_expression"
_FAMILIES = "python -m scripts.benchmarks.benchmark_families --family FILE --variants FILE"
_LISTS = "python -m scripts.benchmarks.search.benchmark_lists --table FILE"
_HOLO = "python -m scripts.benchmarks.search.benchmark_ehrlich_holo"
_FAITHFUL = "python -m scripts.training.train_zinc --model faithful"
_PROMOTERS = "python -m scripts.training.train_labelled --dataset ecoli_165"
_LEVERS = "python -m scripts.training.search_zinc --study levers"
_UNFAMILIARITY = "python -m scripts.benchmarks.benchmark_unfamiliarity --table FILE"
_SMALL = "python -m scripts.benchmarks.search.benchmark_small_budgets"
# Title, result, command that makes it, and what writes the section.
SECTIONS: tuple[tuple[str, str, str, Callable[[Values, Values], str]], ...] = (
    ("Pretrained models", "models", "python -m scripts.benchmarks.benchmark_models", page_models.section),
    ("Drug-like molecules", "drug_smiles", "python -m scripts.training.train_drug", page_drug.section),
    ("ZINC250k", "zinc250k_smiles", "python -m scripts.training.train_zinc", zinc),
    ("ZINC250k, at a lower KL weight", "zinc250k_faithful", _FAITHFUL, faithful),
    ("ZINC250k, search of the settings", "zinc250k_search", "python -m scripts.training.search_zinc", search),
    ("ZINC250k, levers of the encoder", "zinc250k_levers", _LEVERS, search),
    ("ZINC250k, reconstruction against samples", "zinc250k_trace", "python -m scripts.training.trace_zinc", trace),
    ("MOSES", "moses", "python -m scripts.training.train_moses", page_moses.section),
    ("Samples of other systems", "rivals", "python -m scripts.benchmarks.benchmark_rivals", page_rivals.section),
    ("Metrics of MOSES", "metrics", "python -m scripts.benchmarks.benchmark_metrics", page_metrics.section),
    (
        "Properties of molecules",
        "properties",
        "python -m scripts.benchmarks.benchmark_properties",
        page_properties.section,
    ),
    ("E. coli promoters", "ecoli", "python -m scripts.training.train_ecoli", page_dna.section),
    ("E. coli promoters with their expression", "ecoli_promoters", _PROMOTERS, page_labelled.section),
    ("GB1 with its fitness", "gb1", "python -m scripts.training.train_labelled", page_labelled.section),
    ("5' splice sites (MPSA)", "mpsa", "python -m scripts.training.train_mpsa", mpsa),
    ("Latent points as features", "features", _FEATURES, page_features.section),
    ("Where a predictor errs", "unfamiliarity", _UNFAMILIARITY, page_unfamiliarity.section),
    ("Few sequences", "few", "python -m scripts.training.train_few", page_few.section),
    ("Conditions, and labels of few molecules", "conditional", _CONDITIONAL, page_conditional.section),
    ("Promoters drawn for an expression", "expression", _EXPRESSION, page_expression.section),
    ("Both strands of DNA", "symmetric", "python -m scripts.training.train_symmetric", page_strands.section),
    ("Analogs of leads", "analogs", _ANALOGS, page_analogs.section),
    ("Maps in a browser", "map", "python -m scripts.benchmarks.benchmark_map", page_map.section),
    ("Scores and imputation", "uses", "python -m scripts.benchmarks.benchmark_uses", page_uses.section),
    (
        "Lossless compression",
        "compression",
        "python -m scripts.benchmarks.benchmark_compression",
        page_compression.section,
    ),
    ("Variants of a protein", "families", _FAMILIES, page_families.section),
    ("Known truths", "trust", "python -m scripts.benchmarks.benchmark_trust", page_trust.section),
    ("Searches: PMO", "pmo", "python -m scripts.benchmarks.search.benchmark_pmo", page_search.pmo),
    ("Searches: PMO with 1,000 calls", "pmo_few", _FEW_CALLS, page_search.pmo_few),
    (
        "Searches: what the parts are worth",
        "search_ablation",
        "python -m scripts.benchmarks.search.ablate_search",
        page_search.ablation,
    ),
    ("Searches of some hundred calls", "small_budgets", _SMALL, page_search.small_budgets),
    ("Plates from a list", "lists", _LISTS, page_lists.section),
    ("Searches: two objectives", "pareto", "python -m scripts.benchmarks.search.benchmark_pareto", page_pareto.section),
    ("Searches: Ehrlich functions", "ehrlich", _EHRLICH, page_search.ehrlich),
    ("Searches: Ehrlich functions of pytorch-holo", "ehrlich_holo", _HOLO, page_search.ehrlich_holo),
    (
        "Searches: TF-Bind-8",
        "tfbind8",
        "python -m scripts.benchmarks.search.benchmark_tfbind8 --table FILE",
        page_sequences.tfbind8,
    ),
    ("Searches: capsids of AAV", "aav", _AAV, page_sequences.aav),
    ("Searches: promoters", "promoters", _DESIGNED, page_sequences.promoters),
    ("Speed", "throughput", "python -m scripts.benchmarks.speed.benchmark_throughput", speed),
    ("Speed on a GPU", "device", "python -m scripts.benchmarks.speed.benchmark_device --device cuda", device),
    ("Growth", "growth", "python -m scripts.benchmarks.speed.benchmark_growth", growth),
    ("Tokenising ZINC250k", "tokenize", "python -m scripts.benchmarks.speed.benchmark_tokenize", tokenize),
    ("Memory on MOSES", "memory_moses", "python -m scripts.benchmarks.speed.benchmark_memory", memory),
    (
        "Damage, kills and full disks",
        "attack",
        "python -m scripts.attack.together RESULT.json ...",
        page_attack.section,
    ),
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
    published = {**tables(), **tomllib.loads(PUBLISHED.read_text("utf-8"))}
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
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page")
    given = parser.parse_args(argv)
    with atomic_file(given.out) as file:
        file.write(page(given.results).encode())


if __name__ == "__main__":
    main()

"""Every metric that a table shows has a meaning, and the README has the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqvae.evaluate.glossary import SEARCH, readme_lines, sample_metric, sample_terms, search_terms
from seqvae.evaluate.molecules.oddities import ODDITIES
from seqvae.evaluate.records import Generation
from seqvae.report.html.page import glossary, page
from seqvae.search.results import Results

MOSES = ["valid", "unique@1000", "unique@10000 without stereo", "FCD/Test", "SNN/TestSF with stereo", "Frag/Test"]
MOSES += ["Scaf/Test", "IntDiv", "IntDiv2", "Filters", "logP", "SA", "QED", "weight", "Novelty", "guacamol/FCD"]
SEQUENCES = ["unique", "novelty", "length_mean", "length_wasserstein", "gc_mean", "gc_wasserstein", "kmer_js_6"]
SEQUENCES += ["longest_run_mean", "longest_run_wasserstein", "motif_x_per_kb", "discriminability", "near_copies"]
SEQUENCES += ["nearest_edits_mean", "nearest_edits_median"]


@pytest.mark.parametrize("key", [*MOSES, *SEQUENCES, *ODDITIES, "unseen ring systems"])
def test_every_metric_of_samples_has_a_name_and_a_meaning(key):
    found = sample_metric(key, "residue")
    assert found.title and found.about and "\\" not in found.title + found.about and "{" not in found.title
    assert "base" not in found.title
    shown = page("a", [glossary(sample_terms([key], "residue"))])
    assert "What the words mean" in shown


def test_metrics_of_a_search_are_those_of_its_results():
    assert set(SEARCH) <= set(Results.__dataclass_fields__)
    assert all(name and about for name, about in search_terms())


def test_the_readme_has_the_words_of_the_glossary():
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    block = readme.split("<!-- glossary -->\n")[1].split("\n<!-- end -->")[0]
    assert block.splitlines() == readme_lines()


def test_few_samples_are_said():
    few = Generation("molecules", {"FCD/Test": 9.0}, counts={"valid": 2, "reference": 300})
    assert few.few.startswith(
        "few to compare (2 valid samples and 300 reference molecules): FCD and other distances grow"
    )
    assert "--train FILE" in few.few
    known = Generation("dna", {}, baselines={"kmer_js_1": 0.1}, counts={"valid": 5_000, "reference": 4_999})
    assert "(4,999 reference sequences)" in known.few and "compare with the column 'real'" in known.few
    assert not Generation("molecules", {}, counts={"valid": 5_000, "reference": 5_000}).few

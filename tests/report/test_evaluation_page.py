"""The page of an evaluation, its drawings, and the published figures beside ours."""

from __future__ import annotations

import math
import random
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_cases import small_map
from page_cases import checked

from seqvae.errors import InputError
from seqvae.evaluate.evaluation import Evaluation
from seqvae.evaluate.metric_names import BRIEF, TELLING
from seqvae.evaluate.model.table import TABLE_METRICS
from seqvae.evaluate.real_baseline import picked, training_baseline
from seqvae.evaluate.records import Generation, GenerationSettings, References
from seqvae.evaluate.reference_sets import Splits, certain
from seqvae.evaluate.sequences.logo import logo
from seqvae.report.evaluation_page import evaluation_page
from seqvae.report.html.histogram import histogram
from seqvae.report.html.logo import axis_top, logo_plot
from seqvae.report.published import generation_rows, reconstruction_rows, tables
from seqvae.report.tables import better, labelled_rows, metric_name, metric_rows, model_rows, shown_keys
from seqvae.sequences.dna import DNA_ALPHABET

MOLECULES = Generation(
    "molecules",
    {"valid": 0.5, "FCD/Test": 1.25, "SNN/Test": 0.3, "SNN/Test with stereo": 0.3, "guacamol/KL": 0.9, "new_one": 3.0},
    intervals={"SNN/Test": (0.2, 0.4)},
    baselines={"FCD/Test": 0.125},
    histograms={"logP": ([1.0, 2.0, math.nan], [1.5, 2.5]), "weight": ([5.0, 5.0], [5.0])},
    examples=["CCO", "c1ccccc1"],
    counts={"samples": 4, "scaffold reference": 7},
)
SETTINGS = {"seed": 0, "a < b": "c & d"}


def page(reference="r", **parts):
    splits = Splits(reference, "molecules", ["CCO"])
    return evaluation_page(
        Evaluation(**{"source": "s<1>.smi", "splits": splits, "samples": [], "settings": SETTINGS, **parts})
    )


def cells(html, title):
    """The cells of the row of a table that begins with a title."""
    row = next(row for row in re.findall(r"<tr>(.*?)</tr>", html) if row.startswith(f"<td>{title}</td>"))
    return re.findall(r"<td[^>]*>(.*?)</td>", row)


def test_the_page_shows_what_it_is_given_and_nothing_else():
    html = page(generation=MOLECULES)
    text = checked(html)
    for part in ("Evaluation of s<1>.smi", "a < b", "scaffold reference 7", "Properties", "GuacaMol KL"):
        assert part in text
    for part in ("The model itself", "Positions", "Bits a base", "CharRNN", "The latent space"):
        assert part not in text
    assert cells(html, "SNN/Test\u00a0↑") == ["SNN/Test\u00a0↑", "0.3", "0.2\u00a0to\u00a00.4", ""]
    assert cells(html, "FCD/Test\u00a0↓") == ["FCD/Test\u00a0↓", "1.25", "", "0.125"]
    assert cells(html, "new one")[1] == "3"
    assert "with stereo" not in text  # it is the same
    assert html.count('class="plot"') == 1  # the weight is 5 everywhere
    bare = checked(page(generation=Generation("molecules", {"valid": 1.0})))
    assert "95 % interval" not in bare
    assert "Examples" not in bare


def test_published_rows_stand_beside_ours():
    html = page("moses", generation=MOLECULES)
    checked(html.replace("https://", ""))
    fcd = cells(html, "FCD/Test\u00a0↓")
    titles = re.findall(r"<th[^>]*>(.*?)</th>", html)[: len(fcd)]
    assert dict(zip(titles, fcd, strict=True))["CharRNN"] == "0.0732"
    assert dict(zip(titles, fcd, strict=True))["here"] == "1.25"
    assert cells(html, "new one")[4:] == [""] * 6


def test_published_figures_are_those_of_the_sources():
    moses = generation_rows("moses")
    assert list(moses.rows) == ["training set", "CharRNN", "VAE", "LatentGAN", "JTN-VAE", "AAE"]
    # the published figures: valid, unique, FCD, SNN, Frag, Scaf, Filters, and of the second test set
    keys = ("valid", "unique@10000", "FCD/Test", "FCD/TestSF", "SNN/Test", "Frag/Test", "Scaf/Test", "Scaf/TestSF")
    assert [moses.rows["VAE"][key] for key in keys] == [0.9767, 0.9984, 0.0990, 0.5670, 0.6257, 0.9994, 0.9386, 0.0588]
    assert [moses.rows["AAE"][k] for k in ("IntDiv", "Filters", "Novelty")] == [0.8557, 0.9960, 0.7931]
    for row in moses.rows.values():
        assert {better(key) for key in row} <= {" ↑", " ↓"}
        assert all(0 <= value <= 1 for key, value in row.items() if "FCD" not in key)
    assert generation_rows("moses-sample") is None
    zinc = reconstruction_rows("zinc250k")
    assert {name: row["reconstruction"] for name, row in zinc.rows.items()}["JT-VAE"] == 0.767
    assert reconstruction_rows("moses") is None
    assert all(row["paper"] for table in tables().values() for row in table["rows"])


def test_a_model_has_its_table_and_the_published_reconstructions():
    metrics = {
        **dict.fromkeys(TABLE_METRICS, 0.5),
        "ten_by_ten": 0.75,
        "miss_edits_mean": None,
        "collapse": "It <is> empty.",
    }
    html = page("zinc250k", generation=None, model=metrics)
    text = checked(html)
    for part in ("The model itself", "It <is> empty.", "JT-VAE", "All metrics"):
        assert part in text
    assert cells(html, "here, 10 x 10 protocol") == ["here, 10 x 10 protocol", "0.75"]
    assert [row[0] for row in model_rows(metrics, TELLING)] == [
        metric.title.format(noun="text")
        for key, metric in TABLE_METRICS.items()
        if TELLING in metric.places and key != "miss_edits_mean"
    ]
    assert len(model_rows(metrics)) == len(TABLE_METRICS) - 1
    brief = [(metric.name, 0.5, metric.unit) for metric in TABLE_METRICS.values() if BRIEF in metric.places]
    brief = [(name.format(noun="text"), value, unit.format(noun="text")) for name, value, unit in brief]
    assert model_rows(metrics, BRIEF, "molecule")[0][::2] == (
        "held-out molecules",
        "molecules the model has not been trained on",
    )
    assert labelled_rows(metrics) == brief


def test_bits_and_latent_space():
    counted = {"Markov order 1": {"bits": 1.95, "tuned_bits": 1.9, "pseudo_count": 1.0}}
    bits = {"counted": counted, "model": 1.8, "iwae_samples": 100, "best": "Markov order 1"}
    bits |= {"difference": -0.1, "standard_error": 0.01, "sequences": 20}
    ranks = {"ridge_rank": {"logp": 0.25, "mine": None}, "gp_r2": {"logp": 0.5}, "gp_rank": {"logp": 0.75}}
    latent = {"texts": 20, "ridge_r2": {"logp": 0.125, "mine": None}, **ranks, "path_validity": 0.9}
    html = page(generation=None, splits=Splits("r", "dna", ["ACGT"]), bits=bits, latent=latent)
    assert "0.1000 bits per base less than the best of them, Markov order 1" in checked(html)
    assert cells(html, "Markov order 1") == ["Markov order 1", "1.9500", "1.9000"]
    assert cells(html, "logP") == ["logP", "0.125", "0.25", "0.5", "0.75"]
    assert "mine" not in html


def test_a_page_of_dna_has_logos_and_sequences():
    texts = ["ACGTA" * 80, "ACGTC" * 80]
    dna = Generation("dna", {"kmer_js_3": 0.5, "motif_TATA_box_per_kb": 1.0}, examples=texts)
    text = checked(page(generation=dna, logos=[logo(texts), logo(texts[:1])]))
    for part in ("Samples, 2 of length 400", "3-mers, Jensen-Shannon divergence (bits) ↓", "first 300 bases of each"):
        assert part in text.replace("\u00a0", " ")
    assert "motif TATA_box, hits per 1,000 windows" in text


@pytest.mark.parametrize("key", ["guacamol/FCD", "valid", "unique@1000 without stereo", "Scaf/TestSF", "novelty"])
def test_higher_is_better(key):
    assert better(key) == " ↑"


@pytest.mark.parametrize("key", ["FCD/TestSF", "QED", "gc_wasserstein", "discriminability", "kmer_js_2"])
def test_lower_is_better(key):
    assert better(key) == " ↓"


def test_neither_is_better():
    assert better("gc_mean") == better("nearest_edits_median") == ""
    assert metric_name("gc_mean") == "GC content, mean"
    metrics = {"a": 1.0, "a with stereo": 2.0, "b": 1.0, "b without stereo": 1.0}
    assert shown_keys(metrics) == ["a", "a with stereo", "b"]
    assert [row[0] for row in metric_rows(MOLECULES)][:3] == ["valid ↑", "FCD/Test ↓", "SNN/Test ↑"]


def test_a_logo_of_known_heights():
    found = logo(["AA", "AC", "AG", "AT"] * 100 + ["AAA"])
    assert (found.letters, found.sequences, found.left_out) == ("ACGT", 400, 1)
    bias = 3 / (2 * math.log(2) * 400)
    assert found.heights[0].tolist() == pytest.approx([2 - bias, 0, 0, 0])
    assert found.heights[1].tolist() == pytest.approx([0, 0, 0, 0])
    half = logo(["A", "C"] * 200).heights[0]
    assert half.tolist() == pytest.approx([(1 - bias) / 2, (1 - bias) / 2, 0, 0])
    assert logo([]) is None
    assert logo(["A", "AA", "AAA"]) is None
    assert np.all(logo(["N", "N"]).heights == 0)


@given(st.lists(st.text("ACGTN", min_size=7, max_size=7), min_size=1, max_size=30))
def test_a_logo_never_tells_more_than_two_bits(texts):
    heights = logo(texts).heights
    assert heights.shape == (7, 4)
    assert np.all(heights >= 0)
    assert np.all(heights.sum(axis=1) <= 2)


def test_a_logo_stays_inside_its_frame():
    rng = random.Random(0)
    found = logo(["".join(rng.choices("ACGT", [6, 2, 1, 1], k=130)) for _ in range(200)])
    top = axis_top([found])
    assert found.heights.sum(axis=1).max() <= top <= 1
    root = ET.fromstring(logo_plot(found, "title & more", top))
    _, _, width, height = map(float, root.get("viewBox").split())
    letters = list(root.iter("path"))
    assert len(letters) > 130
    for letter in letters:
        x, y, across, tall = map(float, re.findall(r"[\d.]+", letter.get("transform")))
        assert 0 <= x <= x + 100 * across <= width
        assert 0 <= y <= y + 100 * tall <= height
    assert "title & more" in "".join(root.itertext())


values = st.lists(st.floats(-1e6, 1e6) | st.integers(0, 30).map(float) | st.just(math.nan), max_size=30)


@given(samples=values, reference=values)
def test_a_histogram_stays_inside_its_frame(samples, reference):
    root = ET.fromstring(histogram("a < b", samples, reference))
    for path in root.iter("path"):
        heights = [float(y) for y in re.findall(r"V([\d.]+)", path.get("d"))]
        places = [float(x) for x in re.findall(r"H([\d.]+)", path.get("d"))]
        assert all(44 <= y <= 206 for y in heights)
        assert places == sorted(places)
        assert all(14 <= x <= 350 for x in places)


def test_counts_have_a_bin_each():
    root = ET.fromstring(histogram("edits", [0.0, 1.0, 1.0, 3.0], [2.0]))
    drawn = {path.get("style").split(";")[0]: re.findall(r"V([\d.]+)H", path.get("d")) for path in root.iter("path")}
    assert drawn["fill:none"] == ["165.5", "125.0", "206.0", "165.5"]
    assert drawn["fill:var(--accent)"] == ["206.0", "206.0", "44.0", "206.0"]


def test_training_texts_stand_in_for_samples(monkeypatch):
    asked = []

    def fake(samples, references, settings):
        asked.append((samples, references, settings))
        return Generation("molecules", {"FCD/Test": 1.0, "Novelty": 0.0, "guacamol/KL": 1.0})

    monkeypatch.setattr("seqvae.evaluate.real_baseline.generation", fake)
    training = [f"{'C' * n}O" for n in range(1, 40)]
    found = training_baseline(References("molecules", ["CC"], (), training), 10, GenerationSettings(seed=3))
    assert found == {"FCD/Test": 1.0}
    ((samples, references, settings),) = asked
    assert samples == picked(training, 10, 3)
    assert (references.training, settings.bootstrap, settings.guacamol) == ((), 0, False)


@given(count=st.integers(1, 50), seed=st.integers(0, 5))
def test_picked_texts_are_some_of_them_in_order(count, seed):
    texts = [str(n) for n in range(30)]
    found = picked(texts, count, seed)
    assert len(found) == min(count, 30)
    assert found == sorted(set(found), key=int) == picked(texts, count, seed)


def test_sides_of_plain_text_have_no_references():
    with pytest.raises(InputError, match=r"r\.txt: holds neither molecules nor DNA"):
        _ = Splits("r.txt", "letters", ["a", "b"]).references
    assert certain(["acgu", "ACGN", "x", " GG "], DNA_ALPHABET) == ["ACGT", "GG"]


def test_the_map_stands_with_the_metrics_of_the_latent_space():
    latent = {"texts": 16, "ridge_r2": {}, "path_pairs": 3}
    text = checked(page(source="my model", generation=None, latent=latent, map=small_map(grid=0, draws=0)[1]))
    assert text.index("The latent space") < text.index("16 molecules in latent space") < text.index("paths")
    assert "seqvae map 'my model' FILE -o map.html" in text

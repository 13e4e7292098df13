"""The scripts run on their small settings, count what they say they count, and BENCHMARKS.md is what they make."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from statistics import fmean
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from scripts.baselines import moses_recipe
from scripts.baselines.sequence_searches import SEARCHES
from scripts.benchmarks import (
    benchmark_compression,
    benchmark_conditional,
    benchmark_expression,
    benchmark_families,
    benchmark_features,
    benchmark_map,
    benchmark_metrics,
    benchmark_properties,
    benchmark_rivals,
    benchmark_unfamiliarity,
    benchmark_uses,
)
from scripts.benchmarks.search import (
    ablate_search,
    benchmark_aav,
    benchmark_analogs,
    benchmark_ehrlich,
    benchmark_ehrlich_holo,
    benchmark_lists,
    benchmark_pareto,
    benchmark_pmo,
    benchmark_promoters,
    benchmark_small_budgets,
    benchmark_tfbind8,
)
from scripts.benchmarks.speed import (
    benchmark_device,
    benchmark_growth,
    benchmark_memory,
    benchmark_throughput,
    benchmark_tokenize,
    matrix_work,
)
from scripts.benchmarks.uses.promoters import CODING, SHUFFLED, YEAST
from scripts.browser import CHROMIUM
from scripts.page import make_benchmarks_page, make_curve, tables
from scripts.training import (
    count_dna,
    search_zinc,
    trace_zinc,
    train_drug,
    train_ecoli,
    train_few,
    train_labelled,
    train_moses,
    train_mpsa,
    train_symmetric,
    train_zinc,
)
from scripts.training.packaged import measure_pretrained
from seqvae.config import ModelConfig, ObjectiveConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens.batch import Batch
from seqvae.errors import UsageError
from seqvae.model.build import build_model
from seqvae.runtime.device import generator

ROOT = Path(__file__).resolve().parents[2]

SCRIPTS = {
    benchmark_throughput.NAME: benchmark_throughput.main,
    benchmark_device.NAME: benchmark_device.main,
    benchmark_memory.NAME: benchmark_memory.main,
    benchmark_growth.NAME: benchmark_growth.main,
    benchmark_features.NAME: benchmark_features.main,
    benchmark_compression.NAME: benchmark_compression.main,
    benchmark_conditional.NAME: benchmark_conditional.main,
    benchmark_expression.NAME: benchmark_expression.main,
    benchmark_families.NAME: benchmark_families.main,
    benchmark_map.NAME: benchmark_map.main,
    benchmark_metrics.NAME: benchmark_metrics.main,
    benchmark_properties.NAME: benchmark_properties.main,
    benchmark_rivals.NAME: benchmark_rivals.main,
    benchmark_unfamiliarity.NAME: benchmark_unfamiliarity.main,
    benchmark_uses.NAME: benchmark_uses.main,
    benchmark_tokenize.NAME: benchmark_tokenize.main,
    ablate_search.NAME: ablate_search.main,
    benchmark_aav.NAME: benchmark_aav.main,
    benchmark_analogs.NAME: benchmark_analogs.main,
    benchmark_ehrlich.NAME: benchmark_ehrlich.main,
    benchmark_ehrlich_holo.NAME: benchmark_ehrlich_holo.main,
    benchmark_lists.NAME: benchmark_lists.main,
    benchmark_pareto.NAME: benchmark_pareto.main,
    benchmark_pmo.NAME: benchmark_pmo.main,
    benchmark_promoters.NAME: benchmark_promoters.main,
    benchmark_small_budgets.NAME: benchmark_small_budgets.main,
    train_drug.NAME: train_drug.main,
    train_zinc.NAMES["smiles"]: train_zinc.main,
    train_zinc.NAMES["faithful"]: lambda argv: train_zinc.main(["--model", "faithful", *argv]),
    search_zinc.NAMES["settings"]: search_zinc.main,
    search_zinc.NAMES["levers"]: lambda argv: search_zinc.main(["--study", "levers", *argv]),
    trace_zinc.NAME: trace_zinc.main,
    train_moses.NAME: train_moses.main,
    train_labelled.NAMES["gb1"]: train_labelled.main,
    train_mpsa.NAME: train_mpsa.main,
    train_ecoli.NAME: train_ecoli.main,
    train_few.NAME: train_few.main,
    train_symmetric.NAME: train_symmetric.main,
}
# A small setting may drop a record, and learns too little for its latent space to carry anything.
pytestmark = pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder in which the small results gather."""
    return tmp_path_factory.mktemp("results")


# These are run by the tests further down, which ask more of them.
ASKED_MORE = {benchmark_rivals.NAME, benchmark_uses.NAME, train_moses.NAME, train_zinc.NAMES["smiles"]}


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in ASKED_MORE])
def test_each_script_runs_small_and_leaves_a_result_that_the_page_shows(name, results, tmp_path, capsys):
    if name == benchmark_map.NAME:
        pytest.importorskip("starlette")
        pytest.importorskip("uvicorn")
        if CHROMIUM is None:
            pytest.skip("there is no Chromium here")
    leaves_a_result_that_the_page_shows(name, results / f"{name}.json", tmp_path)
    capsys.readouterr()


def leaves_a_result_that_the_page_shows(name, out, folder, more=()):
    SCRIPTS[name](["--small", "--threads", "1", "--out", str(out), *more])
    result = json.loads(out.read_text("utf-8"))
    assert result["name"] == name
    assert {"machine", "versions", "settings", "figures", "made"} <= set(result)
    assert not _paths_in(result), "a result must not tell where it was made"
    alone = folder / "alone"
    alone.mkdir()
    shutil.copy(out, alone / f"{name}.json")
    page = make_benchmarks_page.page(alone)
    assert page.count("Not run yet") == len(make_benchmarks_page.SECTIONS) - 1
    assert result["made"] in page
    return result["figures"], page


def test_every_trial_changes_one_thing_that_has_an_effect():
    for study, trials in search_zinc.TRIALS.items():
        runs = {name: search_zinc.changed(search_zinc.BASE, change) for name, change in trials.items()}
        assert len({repr(run) for run in runs.values()}) == len(runs), study
        for name, change in trials.items():
            assert not {key for values in change.values() for key in values} & set(runs[name].idle()), name


def test_rivals_are_read_by_name_file_and_column(tmp_path, capsys):
    molecules = load_dataset("moses-sample").texts
    lines = "\n".join(f"{a},{b}" for a, b in zip(molecules[:30], molecules[30:60], strict=True))
    (tmp_path / "two.csv").write_text(f"first,second\n{lines}\n")
    samples = [f"Other={tmp_path / 'two.csv'}#{column}" for column in ("first", "second")]
    folder = tmp_path / "kept"
    run = ["--folder", str(folder), *(word for sample in samples for word in ("--samples", sample))]
    figures, page = leaves_a_result_that_the_page_shows(benchmark_rivals.NAME, tmp_path / "rivals.json", tmp_path, run)
    capsys.readouterr()
    found = figures["zinc250k"]["Other"]
    kept = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    ours = [one for one in kept if one["samples"] == 30]
    assert found["repeats"] == len(ours) == 2
    assert found["metrics"]["FCD/Test"] == pytest.approx(sum(one["FCD/Test"] for one in ours) / 2)
    assert found["deviations"]["FCD/Test"] > 0
    assert "| Other | 1.0000 ± 0.0000 |" in page
    with pytest.raises(UsageError, match=r"--samples: expected NAME=FILE or NAME=FILE#COLUMN, got 'two.csv'"):
        benchmark_rivals.main(["--small", "--threads", "1", "--samples", "two.csv"])


def test_uses_has_a_part_for_each_file_that_is_given(tmp_path, capsys):
    rng, sites = np.random.default_rng(0), load_dataset("mpsa-sample")
    frame = "ATG" + "GCA" * 250 + "TAA"
    genome = "".join(rng.choice(list("ACGT"), 400)) + frame + "".join(rng.choice(list("ACGT"), 400))
    (tmp_path / "genome.fasta").write_text(f">any\n{genome}\n")
    held_out = [sites.texts[row] for row in sites.split.test.tolist()]
    masked = [f"{text[:2]}MM{text[4:]},{text}" for text in held_out]
    (tmp_path / "lac.csv").write_text("\n".join(["realA,realB", *masked]) + "\n")
    files = ["--genome", str(tmp_path / "genome.fasta"), "--lac", str(tmp_path / "lac.csv")]
    figures, page = leaves_a_result_that_the_page_shows(benchmark_uses.NAME, tmp_path / "uses.json", tmp_path, files)
    capsys.readouterr()
    assert figures["lac"]["hidden"] == 2
    assert set(figures["promoter_scores"]["others"]) == {SHUFFLED, CODING, YEAST}
    assert "### Imputation of lac promoters" in page
    with pytest.raises(SystemExit):
        benchmark_uses.main(["--small", "--only", "lac"])
    assert "expected one of score, impute, promoters," in capsys.readouterr().err


def test_pmo_with_few_calls_has_a_table_of_its_own(tmp_path, capsys):
    out = tmp_path / f"{benchmark_pmo.FEW_NAME}.json"
    benchmark_pmo.main(["--small", "--threads", "1", "--baselines", "", "--out", str(out)])
    capsys.readouterr()
    page = make_benchmarks_page.page(tmp_path)
    assert "| **sum of 1** | **0.88** |" in page
    assert "one seed decides nothing, COMPOSE" in page


def test_tfbind8_reads_a_table_and_counts_the_start_among_the_queries(tmp_path, capsys):
    rows = ["8-mer\t8-mer\tE-score"]
    for number in range(4**8):
        text = "".join("ACGT"[number >> 2 * place & 3] for place in range(8))
        back = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
        if text <= back:
            rows.append(f"{text}\t{back}\t{sum(a == b for a, b in zip(text, back, strict=True)) + number / 1e6}")
    (tmp_path / "ANY_REF_8mers.txt").write_text("\n".join(rows) + "\n")
    out = tmp_path / "tfbind8.json"
    run = ["--small", "--threads", "1", "--table", str(tmp_path / "ANY_REF_8mers.txt"), "--out", str(out)]
    benchmark_tfbind8.main(run)
    benchmark_tfbind8.main([*run, "--rounds-of-100"])
    capsys.readouterr()
    found = json.loads(out.read_text("utf-8"))["figures"]
    assert set(found["factors"]["ANY"]) == {"auto", *SEARCHES}
    for of in found["factors"]["ANY"].values():
        courses = list(of["runs"].values())
        assert {run["calls"] for run in courses} == {20}
        assert 0 < of["mean_best"]["8"] <= of["mean_best"]["16"] <= 1
    assert {run["calls"] for run in found["published"]["ANY"]["runs"].values()} == {8}
    assert "ANY" in make_benchmarks_page.page(tmp_path)


def test_the_curve_of_moses_has_the_published_points_and_ours(tmp_path, capsys):
    result, drawn = tmp_path / "moses.json", tmp_path / "curve.svg"
    folder = ["--folder", str(tmp_path)]
    leaves_a_result_that_the_page_shows(train_moses.NAME, result, tmp_path, [*folder, "--betas", "0.3"])
    first = json.loads(result.read_text("utf-8"))
    first["figures"]["points"]["0.3"]["mark"] = "measured before"
    result.write_text(json.dumps(first), "utf-8")
    again = ["--small", "--threads", "1", "--out", str(result), *folder, "--betas", "0.3,0.6", "--resume"]
    train_moses.main(again)
    both = json.loads(result.read_text("utf-8"))["figures"]["points"]
    assert both.keys() == {"0.3", "0.6"}
    assert both["0.3"] == first["figures"]["points"]["0.3"]
    make_curve.main(["--result", str(result), "--out", str(drawn)])
    capsys.readouterr()
    names = [title.text for title in ElementTree.parse(drawn).iter() if title.tag.endswith("title")]
    assert names == ["Gaussian VAE", "DD-VAE", "seqvae", "seqvae, free-running and fitted prior"]


def _paths_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in [*_paths_in(key), *_paths_in(part)]]
    if isinstance(value, list):
        return [found for part in value for found in _paths_in(part)]
    return [value] if isinstance(value, str) and value.startswith(("/", "~", "\\")) else []


def test_benchmarks_page_is_what_the_results_make(tmp_path):
    page = tmp_path / "BENCHMARKS.md"
    make_benchmarks_page.main(["--out", str(page)])
    assert (ROOT / "BENCHMARKS.md").read_text("utf-8") == page.read_text("utf-8"), (
        "run: python -m scripts.page.make_benchmarks_page"
    )


def test_validity_is_measured_raw_under_rules_and_in_three_draws(capsys):
    measure_pretrained.main(["--small", "--threads", "1"])
    found = {row[0]: row[1] for row in ast.literal_eval(capsys.readouterr().out)}
    assert list(found) == ["valid_raw", "valid_rules", "valid_tries", "valid_written"]
    assert 0 < found["valid_raw"] <= found["valid_tries"] <= found["valid_written"] <= 1


def test_younger_counting_models_join_an_older_result(capsys):
    count_dna.main(["--small"])
    made = ast.literal_eval(capsys.readouterr().out)
    assert {"position-specific second order", "log-linear mix of all"} <= made.keys()
    old, new = {"tuned_bits": 1.9, "bits": 1.95, "pseudo_count": 1}, {"tuned_bits": 1.7, "bits": 1.8, "pseudo_count": 0}
    part = {"counted_bits_a_base": {"old": old}, "best_counted": "old", "model_bits_a_base": 1.6}
    part |= {"model_minus_best_counted": -0.3, "its_standard_error": 0.1}
    figures = {"datasets": {"one": part}, "counted": {"one": {"bits_a_base": {"old": 1.95}, "best": "old"}}}
    count_dna.put(figures, "one", {"old": new, "new": new})
    assert part["counted_bits_a_base"] == {"old": old, "new": new}
    assert part["best_counted"] == figures["counted"]["one"]["best"] == "new"
    assert part["model_minus_best_counted"] == pytest.approx(-0.1)
    assert "its_standard_error" not in part, "it was that of another pair"


def test_readme_states_the_sums_of_pmo_with_their_interval():
    runs = json.loads((make_benchmarks_page.RESULTS / "pmo.json").read_text("utf-8"))["figures"]["sum"]
    bounds = tables.interval(runs)
    assert bounds is not None
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"sum to {fmean(runs):.2f} (mean of three seeds, 95 % interval {bounds[0]:.2f} to {bounds[1]:.2f})" in text


def test_the_interval_of_a_mean_is_students():
    # Of 1, 2 and 3 the standard error is 1 / sqrt(3), and t at 97.5 % with two degrees of freedom is 4.3027.
    assert tables.interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert tables.interval([1.0]) is None
    assert "is beside 4.00" in tables.beside([1.0, 2.0, 3.0], 4.0, "{:.2f}".format)
    assert "is above -1.00" in tables.beside([1.0, 2.0, 3.0], -1.0, "{:.2f}".format)
    assert "is below 5.00" in tables.beside([1.0, 2.0, 3.0], 5.0, "{:.2f}".format)


def test_a_finished_zinc_run_is_only_read_back(tmp_path, capsys):
    folder, first, again = tmp_path / "run", tmp_path / "first.json", tmp_path / "again.json"
    name = train_zinc.NAMES["smiles"]
    figures, _ = leaves_a_result_that_the_page_shows(name, first, tmp_path, ["--folder", str(folder)])
    weights = (folder / "weights.safetensors").stat().st_mtime_ns
    train_zinc.main(["--small", "--threads", "1", "--folder", str(folder), "--resume", "--out", str(again)])
    capsys.readouterr()
    assert (folder / "weights.safetensors").stat().st_mtime_ns == weights
    assert figures == json.loads(again.read_text("utf-8"))["figures"]


@pytest.mark.parametrize("layers", [1, 2])
def test_matrix_work_is_what_torch_counts(layers):
    config = ModelConfig(
        latent=5,
        embedding=7,
        encoder_width=6,
        decoder_width=9,
        encoder_layers=layers,
        decoder_layers=layers,
        max_length=4,
    )
    model, tokens = build_model(config, vocab_size=11), torch.full((3, 4), 5)
    with FlopCounterMode(display=False) as counter:
        model.losses(Batch.of(tokens), 1.0, ObjectiveConfig(), generator(0))
    assert counter.get_total_flops() == matrix_work.forward_flops(3, 4, config, vocab_size=11)


def test_training_is_three_times_the_forward_work():
    config = ModelConfig(latent=5, embedding=7, encoder_width=6, decoder_width=9, max_length=4)
    model, tokens = build_model(config, vocab_size=11), torch.full((3, 4), 5)
    with FlopCounterMode(display=False) as counter:
        model.losses(Batch.of(tokens), 1.0, ObjectiveConfig(), generator(0)).loss.backward()
    counted = matrix_work.training_flops(3, 4, config, vocab_size=11)
    # torch leaves out what has no gradient to give, such as the recurrent product with the zeros before the first step.
    assert 0.9 * counted <= counter.get_total_flops() <= counted


def test_the_recipe_has_the_published_size_and_learns():
    alphabet = moses_recipe.Characters("".join(map(chr, range(97, 123))))
    torch.manual_seed(0)
    model = moses_recipe.MosesVAE(len(alphabet))
    assert len(alphabet) == 30
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(4.55e6, rel=0.01)
    texts = [alphabet.encode("abc"), alphabet.encode("abcabc")]
    assert [alphabet.decode(text) for text in texts] == ["abc", "abcabc"]
    before = model.loss(texts[::-1]).item()
    optimizer = torch.optim.Adam(model.parameters(), lr=moses_recipe.LEARNING_RATE)
    for _ in range(5):
        moses_recipe.train_step(model, optimizer, texts)
    assert model.loss(texts[::-1]).item() < before

"""What the command line can do, one call of Python can do, and it comes to the same numbers: a row for every verb."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import search_cases
from bulk_cases import MOLECULES, save_tiny
from run_cases import dna_file, small_run

import seqvae
from seqvae import search
from seqvae.cli.main import _VERBS, main
from seqvae.config import (
    AnalogConfig,
    CampaignConfig,
    DiagnosisConfig,
    EvaluationConfig,
    FinetuneConfig,
    OracleConfig,
    PriorConfig,
    SearchConfig,
)
from seqvae.errors import SeqVAEWarning

ROWS = {}


def row(function):
    ROWS[function.__name__] = function
    return function


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder, see that it went well, and return what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(words):
        code = main(words.split())
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out

    return call


@pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")
@pytest.mark.parametrize("verb", _VERBS)
def test_one_call_of_python_returns_what_a_verb_writes(verb, run, monkeypatch, one_thread):
    assert verb in ROWS, f"{verb}: say here by which call of Python one gets its numbers"
    ROWS[verb](run, monkeypatch)


def test_no_row_is_of_a_verb_that_is_gone():
    assert set(ROWS) == set(_VERBS)


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def column(rows, title):
    """The numbers of a column, NaN where a cell is empty."""
    return [float(one[title] or "nan") for one in rows]


def molecules(folder="model"):
    Path("in.smi").write_text("\n".join(MOLECULES) + "\n")
    return seqvae.load(save_tiny(Path(folder)), device="cpu")


def starting_texts():
    texts = search_cases.start()
    Path("start.txt").write_text("\n".join(texts) + "\n")
    return texts


@row
def map(run, monkeypatch):
    from map_cases import SMILES, save_small

    from seqvae.config import MapConfig, ViewConfig
    from seqvae.evaluate.maps.chart import chart

    save_small(Path("model"))
    Path("in.csv").write_text("smiles,pIC50\n" + "".join(f"{text},{len(text)}\n" for text in SMILES))
    asked = "--samples 3 --clusters 2 --grid 3 --draws 10 --property logp"
    run(f"map ./model in.csv -o map.csv {asked} --pick 2-4 --quiet")
    found = chart("./model", "in.csv", MapConfig(samples=3, clusters=2, grid=3, draws=10, property=("logp",)))
    rows, expected = table(Path("map.csv").read_text()), found.table(ViewConfig(pick="2-4"))
    assert [one["text"] for one in rows] == list(expected.texts) == SMILES[1:4]
    for title, values in expected.columns.items():
        if title == "cluster":
            assert [one[title] for one in rows] == values
        else:
            assert column(rows, title) == pytest.approx(values, rel=1e-6)


@row
def explore(run, monkeypatch):
    """It serves until it is told to end: here it is told at once, and what it would serve is compared."""
    from map_cases import SMILES, save_small

    from seqvae.config import MapConfig
    from seqvae.evaluate.maps.chart import chart
    from seqvae.evaluate.maps.explorer import Explorer
    from seqvae.serve import server

    save_small(Path("model"))
    Path("in.smi").write_text("\n".join(SMILES) + "\n")
    served = []
    monkeypatch.setattr(server, "serve", lambda explorer, page, listener, ready: served.append((explorer, page)))
    run("explore ./model in.smi --port 0 --samples 0 --clusters 0 --grid 0 --draws 0 --quiet")
    ((explorer, page),) = served
    codec = seqvae.load("./model", device="cpu")
    found = chart(codec, "in.smi", MapConfig(samples=0, clusters=0, grid=0, draws=0))
    assert Explorer(codec, found).at(0.1, -0.2) == explorer.at(0.1, -0.2)
    assert "the latent space of model" in page


@row
def quickstart(run, monkeypatch):
    from seqvae.artifact.folder import Artifact, save_artifact
    from seqvae.config import ModelConfig, RunConfig
    from seqvae.evaluate import demonstration
    from seqvae.model.build import build_model
    from seqvae.sequences.tokenizers.registry import build_tokenizer

    monkeypatch.setattr(demonstration, "_SAMPLES", 12)
    monkeypatch.setattr(demonstration, "_CALLS", 8)
    monkeypatch.setattr(demonstration, "_BATCH", 4)
    tokenizer = build_tokenizer("selfies").fit(list(demonstration.DRUGS.values()))
    config = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=40)
    vae = build_model(config, tokenizer.vocab_size, seed=0).eval()
    made = {"seed": 0, "data": {"texts": 24}, "training": {"seconds": 1.0}}
    save_artifact(Path("model"), Artifact(vae, config, tokenizer, RunConfig(model=config), made))
    run("quickstart --model ./model --out try --seed 3 --device cpu --quiet")
    found = seqvae.quickstart("./model", seed=3, device="cpu")
    samples, climb = (table(Path("try", name).read_text()) for name in ("samples.csv", "climb.csv"))
    assert [one["text"] for one in samples] == found.samples.texts
    for title, values in found.samples.columns.items():
        assert column(samples, title) == pytest.approx(values, rel=1e-8, nan_ok=True)
    assert [one["text"] for one in climb] == [entry.text for entry in found.climb]
    for title in ("score", "qed", "sa"):
        assert column(climb, title) == pytest.approx([getattr(one, title) for one in found.climb], rel=1e-8)
    decoded = table(Path("try", "reconstructions.csv").read_text())
    assert [one["decoded"] for one in decoded] == [drug.decoded for drug in found.drugs]
    path = table(Path("try", "interpolation.csv").read_text())
    assert [one["text"] for one in path] == found.walk.decoded


@row
def models(run, monkeypatch):
    from seqvae.artifact.pretrained import list_models, pretrained_folder, read_card
    from seqvae.report.model_card import card_text

    *rows, former = run("models list").splitlines()[1:]
    assert [line.split()[0] for line in rows] == [card.name for card in list_models()]
    assert former == "mpsa-dna is the former name of splice-dna, and goes on working"
    folder = pretrained_folder("splice-dna")
    assert run("models show splice-dna") == card_text(read_card(folder), folder) + "\n"


@row
def train(run, monkeypatch):
    from seqvae.config.toml import run_toml
    from seqvae.evaluate.trained import diagnose_trained, measure_trained
    from seqvae.train.fit import train as fit

    settings = small_run(dna_file(Path()), epochs=1)
    Path("run.toml").write_text(run_toml(settings))
    printed = run(f"train {settings.data.source} --config run.toml --out verb --quiet")
    trained = fit(settings, Path("call"), quiet=True)
    found = measure_trained(trained)
    verdict = diagnose_trained(trained, found).verdict
    assert " ".join(printed.split("verdict: ")[1].split("\n")[1:]).strip() == verdict.paragraph
    assert verdict_of("verb") == {**asdict(verdict), "also": list(verdict.also)} == verdict_of("call")
    same_models("verb", "call")
    assert metrics_of("verb") == asdict(found) == metrics_of("call")


def rate_distortion(run, monkeypatch):
    from seqvae.config import RateDistortionConfig
    from seqvae.config.toml import run_toml
    from seqvae.evaluate import rate_distortion as trace

    settings = small_run(dna_file(Path(), 60), epochs=1)
    Path("run.toml").write_text(run_toml(settings))
    words = "--betas 0.5,1 --no-multipliers --texts 40 --samples 2 --epochs 1"
    printed = json.loads(run(f"rate-distortion run.toml --out verb {words} --quiet --json"))
    config = RateDistortionConfig(betas="0.5,1", multipliers=False, texts=40, samples=2, epochs=1)
    found = trace("run.toml", "call", config=config).to_dict()
    assert printed == found == json.loads(Path("verb/rate_distortion.json").read_text())


ROWS["rate-distortion"] = rate_distortion


@row
def finetune(run, monkeypatch):
    from seqvae.evaluate.trained import diagnose_trained, measure_finetuned
    from seqvae.train.finetune import finetune as adjust

    search_cases.dna_model(Path("model"))
    source = str(dna_file(Path(), seed=5))
    run(f"finetune ./model {source} --out verb --epochs 1 --batch-size 16 --device cpu --prior none --quiet")
    training = replace(FinetuneConfig().training, epochs=1, batch_size=16, device="cpu")
    config = FinetuneConfig(training=training, prior=PriorConfig("none"))
    tuned = adjust("./model", source, Path("call"), config, quiet=True)
    before, after = measure_finetuned(tuned)
    assert verdict_of("verb")["paragraph"] == diagnose_trained(tuned, after).verdict.paragraph
    same_models("verb", "call")
    assert metrics_of("verb") == {**asdict(after), "before": asdict(before)} == metrics_of("call")


def same_models(*folders):
    first, second = (Path(folder, "weights.safetensors").read_bytes() for folder in folders)
    assert first == second


def metrics_of(folder, name="metrics"):
    return json.loads(Path(folder, "provenance.json").read_text())[name]


def verdict_of(folder):
    return metrics_of(folder, "verdict")


@row
def encode(run, monkeypatch):
    codec = molecules()
    run("encode ./model in.smi --out z.npz --device cpu --quiet")
    with np.load("z.npz") as found:
        assert found["text"].tolist() == MOLECULES
        assert np.array_equal(found["z"], codec.encode(MOLECULES).numpy())


@row
def decode(run, monkeypatch):
    codec = molecules()
    np.savez("z.npz", z=codec.encode(MOLECULES).numpy())
    rows = table_of(run, "decode ./model z.npz --device cpu")
    found = codec.generate(codec.encode(MOLECULES), insist=True)
    assert [one["text"] for one in rows] == found.texts
    assert column(rows, "log_likelihood") == pytest.approx(found.log_likelihood.tolist(), rel=1e-7)


def table_of(run, words):
    run(f"{words} --out out.csv --quiet")
    return table(Path("out.csv").read_text())


@row
def sample(run, monkeypatch):
    from seqvae.config import DecodeConfig

    codec = molecules()
    rows = table_of(run, "sample ./model -n 7 --seed 2 --temperature 0.9 --device cpu")
    found = codec.generate_samples(7, DecodeConfig("sample", temperature=0.9, seed=2), insist=True)
    assert [one["text"] for one in rows] == found.texts == codec.sample(7, temperature=0.9, seed=2)
    assert column(rows, "log_likelihood") == pytest.approx(found.log_likelihood.tolist(), rel=1e-7)


@row
def interpolate(run, monkeypatch):
    codec = molecules()
    words = ["interpolate", "./model", "CCO", "CCN", "--steps", "5", "--device", "cpu"]
    with pytest.warns(SeqVAEWarning, match="comes back as"):  # a model of a few steps reaches neither end
        assert run(" ".join(words)).splitlines() == codec.interpolate("CCO", "CCN", steps=5)


@row
def neighbours(run, monkeypatch):
    codec = molecules()
    Path("library.csv").write_text("id,smiles\n" + "".join(f"M{i},{one}\n" for i, one in enumerate(MOLECULES)))
    rows = list(csv.DictReader(io.StringIO(run("neighbours ./model CCO library.csv -n 3 --device cpu"))))
    found = seqvae.latent.neighbours.near_texts(codec, "CCO", MOLECULES, 3)
    assert [row["id"] for row in rows] == [f"M{one.row}" for one in found]
    assert [float(row["distance"]) for row in rows] == pytest.approx([one.distance for one in found], abs=1e-5)


@row
def edit(run, monkeypatch):
    codec = molecules()
    for name, texts in (("one", MOLECULES[:2]), ("more", MOLECULES[2:4]), ("less", MOLECULES[4:6])):
        Path(f"{name}.smi").write_text("\n".join(texts) + "\n")
    words = "edit ./model one.smi --toward more.smi --from less.smi --strength 0:2:3 --refine 0 --device cpu"
    rows = list(csv.DictReader(io.StringIO(run(words))))
    groups = (MOLECULES[2:4], MOLECULES[4:6])
    found = seqvae.latent.edit.edit(codec, MOLECULES[:2], groups, [0.0, 1.0, 2.0], refine=0)
    assert [row["text"] for row in rows] == [one.text for one in found]
    assert [float(row["strength"]) for row in rows] == [one.strength for one in found]


@row
def analogs(run, monkeypatch):
    words = [
        "analogs",
        "./model",
        "CCCCO",
        "--number",
        "4",
        "--pool",
        "9",
        "--min-similarity",
        "0.1",
        "--device",
        "cpu",
    ]
    codec = molecules()
    found = search.analogs(codec, "CCCCO", AnalogConfig(number=4, pool=9, min_similarity=0.1))
    assert [row["text"] for row in csv.DictReader(io.StringIO(run(" ".join(words))))] == [
        one.text for one in found.found
    ]


@row
def evaluate(run, monkeypatch):
    from seqvae.report.evaluation_folder import write_evaluation

    search_cases.dna_model(Path("model"))
    texts = starting_texts()
    Path("train.txt").write_text("\n".join(text[::-1] for text in texts) + "\n")
    words = "--reference start.txt --train train.txt --quick --seed 1 --device cpu --quiet"
    printed = run(f"evaluate ./model {words} --number 20 --json --out verb")
    config = EvaluationConfig(number=20, seed=1, quick=True)
    found = seqvae.evaluate.run("./model", "start.txt", "train.txt", config, device="cpu")
    assert json.loads(printed) == json.loads(json.dumps(found.to_dict()))
    assert found.generation.metrics["gc_mean"] > 0
    assert found.model["texts"] == len(texts)
    write_evaluation("call", found)
    for name in ("figures.json", "metrics.json", "samples.fasta", "report.html"):
        assert Path("verb", name).read_bytes() == Path("call", name).read_bytes(), name
    printed = run(f"evaluate train.txt {words} --json")
    again = seqvae.evaluate.run("train.txt", "start.txt", "train.txt", config, device="cpu")
    assert json.loads(printed) == json.loads(json.dumps(again.to_dict()))


@row
def compress(run, monkeypatch):
    molecules()
    Path("some.csv").write_text("id,smiles\n" + "".join(f"M{i},{one}\n" for i, one in enumerate(MOLECULES)))
    run("compress ./model some.csv --out verb.svz --quiet")
    seqvae.infer.coding.compress("./model", "some.csv", Path("call.svz"))
    assert Path("verb.svz").read_bytes() == Path("call.svz").read_bytes()


@row
def decompress(run, monkeypatch):
    molecules()
    content = "".join(f"{one}\n" for one in MOLECULES)
    Path("some.smi").write_text(content)
    seqvae.infer.coding.compress("./model", "some.smi", Path("some.svz"))
    run("decompress some.svz --out verb.smi --quiet")
    seqvae.infer.coding.decompress("some.svz", Path("call.smi"))
    assert Path("verb.smi").read_text() == Path("call.smi").read_text() == content
    with seqvae.infer.coding.Container("some.svz") as rows:
        assert run("decompress some.svz --record 3").strip() == rows[3] == MOLECULES[3]


@row
def score(run, monkeypatch):
    from seqvae.config import ScoreConfig

    search_cases.dna_model(Path("model"))
    texts = [text for seed in range(4) for text in search_cases.start()]
    Path("held_out.txt").write_text("\n".join(texts) + "\n")
    Path("in.csv").write_text("id,sequence\na,ACGTTGCA\nb,AAAA\nc,oops\n")
    run("score ./model held_out.txt --calibrate --samples 3 --refine 1 --seed 2 --device cpu --quiet")
    rows = table_of(run, "score ./model in.csv --seed 2 --device cpu")
    codec = seqvae.load("./model", device="cpu")
    made = seqvae.infer.calibrate(codec, texts, ScoreConfig(3, 1, 2), "held_out.txt")
    assert made.lines == codec.calibration.lines
    found = seqvae.infer.score(codec, ["ACGTTGCA", "AAAA", "oops"], ScoreConfig(seed=2))
    assert [one["id"] for one in rows] == ["a", "b", "c"]
    for name, values in found.columns.items():
        if isinstance(values, list):
            assert [one[name] for one in rows] == values
        else:
            assert column(rows, name) == pytest.approx(values.tolist(), rel=1e-8, nan_ok=True)


@row
def impute(run, monkeypatch):
    from seqvae.config import ImputeConfig

    search_cases.dna_model(Path("model"))
    Path("in.csv").write_text("id,sequence\na,ACNTTGCA\nb,TT?CAA\n")
    words = "--samples 20 --chains 2 --sweeps 6 --warmup 1 --particles 2 --seed 3"
    rows = table_of(run, f"impute ./model in.csv {words} --device cpu")
    config = ImputeConfig(samples=20, chains=2, sweeps=6, warmup=1, particles=2, seed=3)
    found = seqvae.infer.impute("./model", ["ACNTTGCA", "TT?CAA"], config, "cpu")
    assert [one["text"] for one in rows] == [text for one in found for text in one.completions]
    assert [one["id"] for one in rows] == [name for name, one in zip("ab", found, strict=True) for _ in one.completions]
    assert column(rows, "share") == pytest.approx([share for one in found for share in one.shares], rel=1e-8)
    assert column(rows, "log_p") == pytest.approx([value for one in found for value in one.log_p], rel=1e-8)


@row
def diagnose(run, monkeypatch):
    from seqvae.report.diagnosis_page import write_diagnosis

    search_cases.dna_model(Path("model"))
    texts = starting_texts()
    Path("train.txt").write_text("\n".join(text[::-1] for text in texts) + "\n")
    words = "--train train.txt --quick --samples 3 --seed 1 --device cpu --quiet"
    printed = run(f"diagnose ./model start.txt {words} --json --out verb")
    config = DiagnosisConfig(samples=3, seed=1, quick=True)
    found = seqvae.evaluate.diagnose("./model", "start.txt", "train.txt", config, device="cpu")
    assert json.loads(printed) == json.loads(json.dumps(found.to_dict()))
    assert found.metrics["likelihood"]["texts"] == len(texts)
    write_diagnosis("call", found)
    for name in ("diagnosis.json", "diagnosis.html"):
        assert Path("verb", name).read_bytes() == Path("call", name).read_bytes(), name


SEARCH = SearchConfig("", "ga", oracle=OracleConfig(budget=40), campaign=CampaignConfig(batch=10, initial=10, seed=3))
SEARCH_WORDS = "--model none --optimizer ga --start start.txt --seed 3 --initial 10"


@row
def optimize(run, monkeypatch):
    texts = starting_texts()
    run(f"optimize --objective dna:gc {SEARCH_WORDS} --budget 40 --batch 10 --out verb --quiet")
    found = seqvae.search.run("dna:gc", "call", SEARCH, texts)
    assert search_cases.rows(Path("verb")) == search_cases.rows(Path("call"))
    assert found.unique == 40


@row
def results(run, monkeypatch):
    texts = starting_texts()
    found = seqvae.search.run("dna:gc", "here", SEARCH, texts)
    assert json.loads(run("results here --json")) == json.loads(json.dumps(found.to_dict()))
    run("results here --top 3 --out top.csv")
    with seqvae.search.opened_results("here", kept=3) as (top, _, _):
        rows = table(Path("top.csv").read_text())
        assert [one["canonical"] for one in rows] == [entry.canonical for entry in top.top]
        assert column(rows, "score") == pytest.approx([entry.scores[0] for entry in top.top], rel=1e-8)


@row
def ask(run, monkeypatch):
    texts = starting_texts()
    first, again = run(f"ask verb -n 8 {SEARCH_WORDS}"), run("ask verb --again")
    seqvae.search.begin(None, "call", SEARCH, texts)
    plate = seqvae.search.ask("call", 8)
    assert [(one["text"], one["proposer"]) for one in table(first)] == [(one.text, one.proposer) for one in plate]
    assert first == again
    assert [one.text for one in seqvae.search.last_batch("call")] == [one.text for one in plate]


@row
def tell(run, monkeypatch):
    from seqvae.search.storage.ledger import Ledger
    from seqvae.search.storage.run_folder import LEDGER

    texts = starting_texts()
    for folder in ("verb", "call"):
        seqvae.search.begin(None, folder, SEARCH, texts)
        plate = seqvae.search.ask(folder, 8)
    wells = "".join(f"{one.text},{number}\n" for number, one in enumerate(plate))
    Path("wells.csv").write_text(f"sequence,score\n{wells}")
    run("tell verb wells.csv")
    told = seqvae.search.tell("call", seqvae.search.read_measurements("wells.csv"))
    assert (told.asked, told.missing) == (8, 0)
    entries = []
    for folder in ("verb", "call"):
        with closing(Ledger(Path(folder) / LEDGER)) as ledger:
            entries.append([(entry.canonical, entry.scores, entry.status) for entry in ledger.entries()])
    assert entries[0] == entries[1]
    assert [one["text"] for one in table(run("ask verb -n 4"))] == [one.text for one in seqvae.search.ask("call", 4)]


@row
def properties(run, monkeypatch):
    from seqvae.properties import Columns, listed

    names = [line.split()[0] for line in run("properties list").splitlines()[1:]]
    assert names[: len(listed())] == [one.name for one in listed()]
    Path("in.smi").write_text("\n".join(MOLECULES) + "\n")
    Path("both.toml").write_text('[[term]]\nproperty = "tpsa"\n')
    rows = table_of(run, "properties score qed logp both.toml in.smi")
    for title, values in Columns(["qed", "logp", "both.toml"])(MOLECULES).items():
        assert column(rows, title) == pytest.approx(values.tolist(), rel=1e-8)


@row
def data(run, monkeypatch):
    from seqvae.data.corpus import audit_source
    from seqvae.data.datasets.cards import list_cards
    from seqvae.data.datasets.registry import fetch
    from seqvae.report.audit_table import audit_rows

    assert [line.split()[0] for line in run("data list").splitlines()[1:]] == [card.name for card in list_cards()]
    assert run("data fetch moses-sample --quiet").splitlines() == [str(p) for p in fetch("moses-sample").values()]
    Path("in.smi").write_text("\n".join([*MOLECULES, "C1CC", "OCC"]) + "\n")
    printed = [" ".join(line.split()) for line in run("data audit in.smi").splitlines()]
    assert printed == [" ".join(" ".join(cells).split()) for cells in audit_rows(audit_source("in.smi"))]

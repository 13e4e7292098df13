"""`seqvae evaluate`: what it leaves and prints, what it refuses, what a stop leaves behind; the metrics are fakes."""

from __future__ import annotations

import errno
import json
import math
import random
from importlib import import_module
from pathlib import Path

import pytest

from seqvae.cli.main import main
from seqvae.errors import InputError
from seqvae.evaluate.compare import check_texts
from seqvae.evaluate.records import Generation
from seqvae.evaluate.reference_sets import read_splits

MOLECULES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "C1CCCCC1", "CC(C)Cl", "N#CC", "O=C1CCCO1"]
DNA = ["ACGTACGTAC", "TATAATGCGC", "GGGTATAAAC", "ACGTTTTTAC"]
pytestmark = pytest.mark.filterwarnings("always::seqvae.errors.SeqVAEWarning")


def save_model(folder, kind, texts):
    from seqvae.artifact.folder import Artifact, save_artifact
    from seqvae.config import DataConfig, ModelConfig, RunConfig, TokenizerConfig
    from seqvae.model.build import build_model
    from seqvae.sequences.tokenizers.registry import build_tokenizer

    tokenizer = build_tokenizer(kind).fit(texts)
    config = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=20)
    vae = build_model(config, tokenizer.vocab_size, seed=0)
    run = RunConfig(DataConfig(source="somewhere.smi"), TokenizerConfig(kind=kind), config)
    save_artifact(folder, Artifact(vae.eval(), config, tokenizer, run, {"seed": 0}))
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "tiny", "selfies", MOLECULES)


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "words", "char", ["hello", "world"])


@pytest.fixture
def asked(monkeypatch):
    """Replace the metrics by a fake that checks its input as the real ones do; returns what it was asked."""
    calls = []

    def fake(samples, references, settings):
        check_texts(samples, references)
        calls.append((list(samples), references, settings))
        for done in range(3):
            settings.progress("counting", done, 2)
        if references.kind == "dna":
            return Generation("dna", {"gc_difference": 0.1}, baselines={"gc_difference": 0.0}, examples=list(samples))
        metrics = {"valid": 0.5, "unique@1000": math.nan, "FCD/Test": 1.5, "SNN/Test": 0.25}
        return Generation(
            "molecules",
            metrics,
            intervals={"SNN/Test": (0.2, 0.3)},
            baselines={} if settings.seed == 9 else {"FCD/Test": 0.125},
            histograms={"logP": ([1.0, 2.0, math.nan], [1.5, 2.5, 3.0]), "weight": ([], [100.0])},
            examples=["CCO", "CCN"],
            counts={"samples": len(samples), "valid": 2},
        )

    for module in ("api", "real_baseline"):  # both have bound the name
        monkeypatch.setattr(import_module(f"seqvae.evaluate.{module}"), "generation", fake)
    return calls


@pytest.fixture
def file(tmp_path):
    def write(name, texts):
        path = tmp_path / name
        path.write_text("".join(f"{text}\n" for text in texts))
        return path

    return write


@pytest.fixture
def run(capsys):
    """Run a command and return its exit code, output and errors."""

    def call(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


def failed(result, *parts):
    """Check that a command failed with one line on standard error that has these parts, and printed nothing else."""
    code, out, err = result
    assert out == ""
    *notes, last = err.splitlines()
    assert last.startswith("seqvae: error: ")
    assert not any(note.startswith(("seqvae:", "Traceback")) for note in notes)
    for part in parts:
        assert part in last, err
    return code


def in_folder(folder):
    return sorted(path.name for path in folder.iterdir())


def test_parts_are_there_once_they_are_asked_for_and_a_misspelt_one_is_named():
    import seqvae
    from seqvae.evaluate.records import References

    assert seqvae.evaluate.References is References
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        seqvae.evaluat  # noqa: B018


def test_samples_of_a_file(run, file, asked, tmp_path):
    samples, reference, out = file("s.smi", MOLECULES[:4]), file("r.smi", MOLECULES[4:]), tmp_path / "new" / "out"
    train = file("t.csv", ["smiles", *MOLECULES[:2]])
    code, printed, err = run("evaluate", samples, "--reference", reference, "--train", train, "--out", out, "--seed", 3)
    assert (code, in_folder(out)) == (0, ["figures.json", "metrics.json", "report.html"])
    ((given, references, settings),) = asked
    assert given == MOLECULES[:4]
    assert (references.kind, references.test, references.training) == ("molecules", MOLECULES[4:], MOLECULES[:2])
    assert settings.seed == 3
    assert json.loads((out / "metrics.json").read_text()) == {
        "valid": 0.5,
        "unique@1000": None,
        "FCD/Test": 1.5,
        "SNN/Test": 0.25,
    }
    metrics = json.loads((out / "figures.json").read_text())
    assert metrics["intervals"] == {"SNN/Test": [0.2, 0.3]}
    assert metrics["floors"] == {"FCD/Test": 0.125}
    assert (metrics["reference"], metrics["training"]) == (str(reference), str(train))
    assert "model" not in metrics
    for part in ("FCD/Test", "0.2 to 0.3", "0.125"):
        assert part in printed
    assert f"open {out / 'report.html'}" in err
    assert "CharRNN" not in (out / "report.html").read_text()


def test_without_out_nothing_is_written(run, file, asked, tmp_path):
    samples, reference = file("s.smi", MOLECULES), file("r.smi", MOLECULES)
    code, out, err = run("evaluate", samples, "--reference", reference, "--quiet", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["metrics"]["FCD/Test"] == 1.5
    assert in_folder(tmp_path) == ["r.smi", "s.smi"]
    assert "no novelty" in run("evaluate", samples, "--reference", reference)[2]


def test_a_model_is_sampled_and_measured_itself(run, model, file, asked, tmp_path):
    reference, out = file("r.smi", MOLECULES), tmp_path / "out"
    words = ("evaluate", model, "--reference", reference, "--number", 20, "--seed", 1, "--prior", "normal")
    code, printed, err = run(*words, "--out", out)
    assert (code, in_folder(out)) == (0, ["figures.json", "metrics.json", "report.html", "samples.smi"])
    samples = run("sample", model, "-n", 20, "--seed", 1, "--prior", "normal", "--quiet")[1].splitlines()
    assert asked[0][0] == samples == (out / "samples.smi").read_text().splitlines()
    metrics = json.loads((out / "figures.json").read_text())
    assert metrics["settings"] == {"seed": 1, "number": 20, "prior": "normal"}
    assert metrics["model"]["texts"] == 8
    assert metrics["model"]["exact_reconstruction"] <= 1
    page = (out / "report.html").read_text()
    for part in ("The model itself", "nats"):
        assert part in page
    assert "nats" in printed
    assert "no metrics of the latent space: expected at least 10 distinct molecules" in err
    assert run("evaluate", model, "--reference", reference, "--prior", "nomal")[0] == 2


def test_a_model_of_plain_text_has_its_own_table_alone(run, words, file, asked, tmp_path):
    reference, out = file("r.txt", ["hello", "world", "hole"]), tmp_path / "out"
    code, printed, _ = run("evaluate", words, "--reference", reference, "--number", 5, "--out", out)
    assert (code, in_folder(out), asked) == (0, ["figures.json", "report.html", "samples.txt"], [])
    assert "exact reconstruction" in printed
    assert failed(run("evaluate", file("s.txt", ["hello", "you"]), "--reference", reference), "neither molecules") == 1


def test_a_model_of_enough_texts_has_all_its_tables(run, file, asked, tmp_path):
    rng = random.Random(0)
    dna = ["".join(rng.choices("ACGT", k=8)) for _ in range(80)]
    model, out = save_model(tmp_path / "dna", "dna", dna), tmp_path / "out"
    words = ("evaluate", model, "--reference", file("r.txt", dna[:40]), "--train", file("t.txt", dna[40:]))
    code, printed, _ = run(*words, "--number", 5, "--out", out)
    assert (code, in_folder(out)) == (0, ["figures.json", "metrics.json", "report.html", "samples.fasta"])
    metrics = json.loads((out / "figures.json").read_text())
    assert {"model", "bits_a_base", "latent"} <= set(metrics)
    assert "Markov order 1" in printed
    page = (out / "report.html").read_text()
    for part in ("Bits per base", "The latent space", "sequences in latent space", "GC"):
        assert part in page
    code, printed, _ = run(*words, "--number", 5, "--json", "--quick", "--quiet")
    assert not {"bits_a_base", "latent"} & set(json.loads(printed))
    assert [call[2].bootstrap > 0 for call in asked] == [True, False]


def test_training_texts_are_measured_in_the_place_of_samples(run, file, asked):
    many = [f"{'C' * n}O" for n in range(1, 31)]
    words = ("evaluate", file("s.smi", MOLECULES), "--reference", file("r.smi", MOLECULES), "--train")
    code, printed, _ = run(*words, file("t.smi", many), "--json")
    assert (code, len(asked)) == (0, 1)  # this fake has floors of its own
    assert json.loads(printed)["floors"] == {"FCD/Test": 0.125}
    code, printed, _ = run(*words, file("t.smi", many), "--json", "--seed", 9)
    assert (code, len(asked)) == (0, 3)
    assert len(set(asked[2][0])) == len(MOLECULES)
    assert set(asked[2][0]) <= set(many)
    assert json.loads(printed)["floors"] == {"valid": 0.5, "unique@1000": None, "FCD/Test": 1.5, "SNN/Test": 0.25}


def test_dna_has_logos_where_lengths_are_equal(run, file, asked, tmp_path):
    samples, reference = file("s.fasta", [f">{i}\n{text}" for i, text in enumerate(DNA)]), file("r.txt", DNA)
    out = tmp_path / "out"
    assert run("evaluate", samples, "--reference", reference, "--out", out)[0] == 0
    assert "Positions" in (out / "report.html").read_text()
    assert json.loads((out / "metrics.json").read_text()) == {"gc_difference": 0.1}
    mixed = file("m.txt", ["ACG", "ACGT", "ACGTA", "A"])
    assert run("evaluate", mixed, "--reference", reference, "--out", out)[0] == 0
    assert "Positions" not in (out / "report.html").read_text()


def test_motifs_are_counted_in_dna(run, file, asked, tmp_path):
    """The real metrics, for the fake has no motifs."""
    samples, reference = file("s.txt", DNA * 5), file("r.txt", DNA * 5)
    words = ("evaluate", samples, "--reference", reference, "--json", "--quiet", "--motifs")
    code, printed, _ = run(*words, file("m.jaspar", [">M1 TATAAT", "A [0 9 0 9 9 0]"]))
    assert code == 1
    rows = ["A [0 9 0 9 9 0]", "C [0 0 0 0 0 0]", "G [0 0 0 0 0 0]", "T [9 0 9 0 0 9]"]
    code, printed, _ = run(*words, file("m.jaspar", [">M1 TATAAT", *rows]))
    metrics = json.loads(printed)
    (name,) = [key for key in metrics["metrics"] if key.startswith("motif_")]
    assert (code, asked) == (0, [])
    assert metrics["metrics"][name] == metrics["floors"][name] > 0
    assert sum(key.startswith("motif_") for key in json.loads(run(*words, "promoter-boxes")[1])["metrics"]) >= 2
    molecules = file("a.smi", MOLECULES)
    assert failed(run("evaluate", molecules, "--reference", molecules, "--motifs", "x"), "--motifs is for DNA") == 2


def test_motifs_that_cannot_be_read_are_known_before_a_model_is_sampled(run, file, asked, tmp_path):
    motifs = tmp_path / "gone.jaspar"
    result = run("evaluate", "splice-dna", "--reference", file("r.txt", DNA * 5), "--motifs", motifs, "--number", 2)
    assert failed(result, f"{motifs}: cannot read motifs: No such file or directory") == 1
    assert "sampling" not in result[2]


def test_a_dataset_by_name_gives_its_test_and_training_side(run, file, asked):
    assert run("evaluate", file("s.smi", MOLECULES), "--reference", "moses-sample")[0] == 0
    references = asked[0][1]
    assert (len(references.test), len(references.training)) == (1000, 18000)
    assert not set(references.test) & set(references.training)


def test_sides_of_a_published_split_are_whole(tmp_path, monkeypatch):
    local = tmp_path / "local" / "zinc250k"
    local.mkdir(parents=True)
    for name, text in (("train", "CCO\nCCN\nCCC\n"), ("valid", "CCCl\n"), ("test", "CCBr\nCCF\n")):
        (local / f"{name}.smi").write_text(text)
    from seqvae.data.datasets.cards import find_card

    for entry in find_card("zinc250k").files:
        place = local.parent / (entry.local[0] if entry.local else f"zinc250k/{entry.name}")
        if place.name.endswith(".gz"):
            import gzip

            place.write_bytes(gzip.compress((local / f"{entry.split}.smi").read_bytes()))
    monkeypatch.setenv("SEQVAE_DATA", str(local.parent))
    splits = read_splits("zinc250k", progress=False)
    assert (splits.test, splits.train) == (["CCBr", "CCF"], ["CCO", "CCN", "CCC"])
    assert (splits.kind, splits.test_scaffolds, splits.train_name) == ("molecules", [], "zinc250k")


def test_a_model_of_the_same_dataset_has_its_own_split():
    from seqvae.config import DataConfig, RunConfig, TokenizerConfig, TrainingConfig

    own = RunConfig(
        DataConfig("moses-sample", split="random", test_fraction=0.1),
        TokenizerConfig("smiles"),
        training=TrainingConfig(seed=5),
    )
    splits, default = read_splits("moses-sample", run=own), read_splits("moses-sample")
    assert len(splits.test) == 2000
    assert set(splits.test) != set(default.test)
    assert not set(splits.test) & set(splits.train)


@pytest.mark.parametrize(
    ("samples", "reference", "parts"),
    [
        ([], MOLECULES, ["s.smi: the file is empty"]),
        (["", ""], MOLECULES, ["s.smi: the file holds no records"]),
        (["CCO"], MOLECULES, ["at least 2 samples"]),
        (DNA, MOLECULES, ["DNA", "molecules"]),
        (MOLECULES, [], ["r.smi: the file is empty"]),
        (MOLECULES, ["CCO"], ["at least 2 molecules in the reference"]),
    ],
)
def test_bad_texts(run, file, asked, tmp_path, samples, reference, parts):
    out = tmp_path / "out"
    result = run("evaluate", file("s.smi", samples), "--reference", file("r.smi", reference), "--out", out)
    assert failed(result, *parts) == 1
    assert not out.exists()


def test_molecules_against_dna(run, file, asked, model):
    dna = file("r.txt", DNA)
    assert failed(run("evaluate", file("s.txt", MOLECULES), "--reference", dna), "molecules", "DNA") == 1
    assert failed(run("evaluate", model, "--reference", dna), "writes molecules", "holds dna", "like with like") == 1
    two = ("evaluate", file("s.smi", MOLECULES), "--reference", file("r.smi", MOLECULES), "--train", dna)
    assert failed(run(*two), "r.txt holds dna", "give training texts of its kind") == 1


def test_names_that_are_none(run, file, asked, tmp_path, monkeypatch):
    samples = file("s.smi", MOLECULES)
    assert failed(run("evaluate", tmp_path / "gone.smi", "--reference", samples), "gone.smi: no such file") == 1
    assert failed(run("evaluate", "nothing", "--reference", samples), "no such model folder") == 1
    assert failed(run("evaluate", samples, "--reference", tmp_path / "gone.smi"), "gone.smi: no such file") == 1
    assert failed(run("evaluate", samples, "--reference", "mose"), "did you mean 'moses'?") == 1
    assert failed(run("evaluate", samples, "--reference", samples, "--train", "mose"), "did you mean 'moses'?") == 1
    assert failed(run("evaluate", samples), "--reference requires an argument") == 2
    assert failed(run("evaluate", tmp_path, "--reference", samples), "not a model folder") == 1


def test_a_dataset_that_is_not_here_and_cannot_be_fetched(run, file, asked, monkeypatch, tmp_path):
    from seqvae.data.datasets import download
    from seqvae.errors import DownloadError

    def refuse(*_):
        raise DownloadError(f"molsets: pip could not fetch it: no network; {download._OFFLINE}")

    monkeypatch.setattr(download, "_pip_download", refuse)
    result = run("evaluate", file("s.smi", MOLECULES), "--reference", "moses", "--out", tmp_path / "out")
    assert failed(result, "SEQVAE_DATA", "could not fetch") == 1
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_known_before_the_work(run, file, asked, tmp_path, monkeypatch):
    samples = file("s.smi", MOLECULES)
    words = ("evaluate", samples, "--reference", samples, "--out")
    assert failed(run(*words, samples / "out"), "cannot write here", "is a file, not a folder") == 1
    monkeypatch.setattr("os.access", lambda *_: False)
    assert failed(run(*words, tmp_path / "out"), "no permission to write") == 1
    assert asked == []


FILES = ["figures.json", "metrics.json", "report.html"]


def test_a_folder_holds_the_last_evaluation_alone(run, model, words, file, asked, tmp_path):
    samples, plain, out = file("s.smi", MOLECULES), file("r.txt", ["hello", "world", "hole"]), tmp_path / "out"
    own = tmp_path / "out" / "samples.fasta"  # of the user, though an evaluation of DNA has the name too
    out.mkdir()
    own.write_text(">1\nACGT\n")
    of_model = ("evaluate", model, "--number", 5, "--quick", "--out", out, "--reference", samples)
    assert run(*of_model)[0] == 0
    assert in_folder(out) == sorted([*FILES, "samples.smi", own.name])
    assert run("evaluate", words, "--reference", plain, "--number", 5, "--quick", "--out", out)[0] == 0
    assert in_folder(out) == sorted(["figures.json", "report.html", "samples.txt", own.name])
    assert run("evaluate", samples, "--reference", samples, "--out", out)[0] == 0
    assert in_folder(out) == sorted([*FILES, own.name])
    assert run(*of_model)[0] == 0
    drawn = file("out/samples.smi", MOLECULES)
    for _ in range(2):  # what an evaluation reads is never removed
        assert run("evaluate", drawn, "--reference", samples, "--out", out)[0] == 0
        assert in_folder(out) == sorted([*FILES, drawn.name, own.name])


@pytest.mark.parametrize("stop", ["metrics", "figures.json", "report.html"])
def test_a_cancelled_evaluation_leaves_no_page(run, file, asked, tmp_path, monkeypatch, stop):
    samples, out = file("s.smi", MOLECULES), tmp_path / "out"
    words = ("evaluate", samples, "--reference", samples, "--out", out)
    assert run(*words)[0] == 0
    old = {path.name: path.read_bytes() for path in out.iterdir()}

    def interrupt(*_):
        raise KeyboardInterrupt

    replace = Path.replace

    def interrupted_replace(self, target):
        return interrupt() if Path(target).name == stop else replace(self, target)

    with monkeypatch.context() as patch:
        if stop == "metrics":
            patch.setattr("seqvae.evaluate.api.generation", interrupt)
        else:
            patch.setattr(Path, "replace", interrupted_replace)
        code, printed, err = run(*words)
    assert (code, printed) == (130, "")
    assert err.endswith("seqvae: interrupted\n")
    if stop == "metrics":  # nothing was touched yet
        assert {path.name: path.read_bytes() for path in out.iterdir()} == old
    else:  # tables may be new, a page that would speak of the old ones is gone, and no file is half
        assert in_folder(out) == ["figures.json", "metrics.json"]
        for name in ("figures.json", "metrics.json"):
            json.loads((out / name).read_text())
    assert run(*words)[0] == 0
    assert in_folder(out) == FILES


def test_a_full_disk_is_one_line(run, file, asked, tmp_path, monkeypatch):
    samples, out = file("s.smi", MOLECULES), tmp_path / "out"

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    assert failed(run("evaluate", samples, "--reference", samples, "--out", out), "No space left", "free some") == 1
    assert not out.exists() or in_folder(out) == []


def test_a_file_that_is_both_reference_and_training_is_read_once(file):
    path = file("r.smi", MOLECULES)
    splits = read_splits(str(path), str(path))
    assert splits.train == splits.test == MOLECULES
    with pytest.raises(InputError, match="no column 'x'"):
        read_splits(str(file("r.csv", ["smiles", "CCO"])), column="x")

"""A held-out text is read once on its way from the file to the metrics, whatever the tokenizer."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from bulk_cases import tiny_codec

from seqvae.cli.main import main
from seqvae.evaluate.model.latent_quality import LatentSettings, latent_quality
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.model.table import model_table
from seqvae.sequences.tokenizers.char import CharTokenizer
from seqvae.sequences.tokenizers.letters import AlphabetTokenizer
from seqvae.sequences.tokenizers.selfies import SelfiesTokenizer
from seqvae.sequences.tokenizers.smiles import SmilesTokenizer
from seqvae.train import fit

# None is written in canonical form, which alone a model writes: what is read in these words came from the file.
MOLECULES = [f"C1{'C' * ring}1{atom}{'C' * chain}" for atom in "NOS" for chain in range(2, 6) for ring in range(2, 9)]
TOKENIZERS = [AlphabetTokenizer, SmilesTokenizer, SelfiesTokenizer, CharTokenizer]
SMALL = ["--epochs", "1", "--latent", "4", "--embedding", "8", "--encoder-width", "8", "--decoder-width", "8"]
SMALL += ["--device", "cpu", "--prior", "none", "--beta", "0.1", "--quiet"]
pytestmark = pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")


def sequences(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("acgt"), 14)) for _ in range(count)]


@pytest.fixture
def read(monkeypatch):
    """Count what is made canonical and what is split, by the text as it was given."""
    counts = {"normalize": Counter(), "split": Counter(), "split forms": Counter()}

    def normalize(plain, self, text):
        counts["normalize"][text] += 1
        return plain(self, text)

    def split(plain, self, form, text=""):
        counts["split"][text] += 1
        counts["split forms"][form] += 1
        return plain(self, form, text)

    for kind in TOKENIZERS:
        for name, counting in (("normalize", normalize), ("split", split)):
            plain = getattr(kind, name)
            monkeypatch.setattr(kind, name, lambda *a, c=counting, p=plain: c(p, *a))
    return counts


@pytest.mark.parametrize("kind", ["dna", "smiles", "selfies"])
@pytest.mark.parametrize("split", ["random", "dedup"])
def test_training_reads_every_text_once(tmp_path, monkeypatch, read, kind, split, capsys):
    texts = sequences(60, 1) if kind == "dna" else MOLECULES
    source = tmp_path / "texts.txt"
    source.write_text("\n".join(texts) + "\n")
    seen = []
    plain = fit.train
    monkeypatch.setattr(fit, "train", lambda *a, **k: seen.append(plain(*a, **k)) or seen[0])
    words = ["--tokenizer", kind, "--split", split, "--test-fraction", "0.2", *SMALL]
    assert main(["train", str(source), "--out", str(tmp_path / "model"), *words]) == 0
    assert "exact reconstruction" in capsys.readouterr().out
    held_out = seen[0].prepared.test_texts
    assert len(held_out) > 5
    assert [read["normalize"][text] for text in held_out] == [1] * len(held_out)
    assert [read["split"][text] for text in held_out] == [1] * len(held_out)
    forms = seen[0].prepared.test.forms
    assert sum(read["split forms"][form] for form in forms) - sum(read["split"][form] for form in forms) == len(forms)


@pytest.mark.parametrize("kind", ["smiles", "selfies"])
def test_the_models_tables_read_every_text_once(read, kind):
    codec = tiny_codec(kind)
    given = [text for text in MOLECULES if "S" not in text]
    summarise(codec, [*given, "C1CC"], None, SummarySettings(samples=5, iwae_samples=2, protocol_texts=2))
    assert [read["normalize"][text] for text in given] == [1] * len(given)
    assert [read["split"][text] for text in given] == [1] * len(given)
    for counts in read.values():
        counts.clear()
    held_out = codec.tokenize([*given, "C1CC"], on_error="skip")
    table = model_table(codec, held_out, ModelSettings(iwae_samples=2, protocol_texts=2))
    latent_quality(codec, held_out, settings=LatentSettings(pairs=2, steps=3))
    assert (table.texts, table.texts + table.left_out) == (len(held_out), len(given) + 1)
    assert [read["normalize"][text] for text in given] == [1] * len(given)
    assert [read["split"][text] for text in given] == [1] * len(given)
    assert [read["split forms"][form] for form in held_out.forms] == [1] * len(held_out)


def test_the_table_of_a_dna_model_reads_every_text_once(tmp_path, read):
    source = tmp_path / "all.txt"
    source.write_text("\n".join(sequences(60, 2)) + "\n")
    assert main(["train", str(source), "--out", str(tmp_path / "model"), "--tokenizer", "dna", *SMALL]) == 0
    test, train = tmp_path / "test.txt", tmp_path / "train.txt"
    held_out = sequences(30, 3)
    test.write_text("\n".join([*held_out, "acgtnacgtacgta", "acgtacgtacgtacgtacgt"]) + "\n")
    train.write_text("\n".join(sequences(40, 4)) + "\n")
    words = ["--reference", str(test), "--train", str(train), "--number", "20", "--json"]
    assert main(["evaluate", str(tmp_path / "model"), *words]) == 0
    assert [read["normalize"][text] for text in held_out] == [1] * len(held_out)
    assert [read["split"][text] for text in held_out] == [1] * len(held_out)
    assert read["split"]["acgtacgtacgtacgtacgt"] == 1

"""Substitutions of a model of codons: exact values, stops inside, and what the table and the page say of each."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from infer_cases import grid

from seqvae import infer
from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.cli.main import main
from seqvae.config import ModelConfig, RunConfig, ScoreConfig, TokenizerConfig
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.runtime.device import evaluating
from seqvae.sequences.codons import CODONS
from seqvae.sequences.tokenizers.registry import build_tokenizer

GENE = "ATGTTTTGGTAA"  # M F W *


def codon_artifact():
    tokenizer = build_tokenizer("codon")
    config = ModelConfig(latent=2, embedding=6, encoder_width=8, decoder_width=8, max_length=12)
    vae = build_model(config, tokenizer.vocab_size, 0).eval()
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.mul_(2.0)
    run = RunConfig(model=config, tokenizer=TokenizerConfig("codon"))
    return Artifact(vae, config, tokenizer, run, {"seed": 0})


def exact_log_p(codec, codons):
    """log p of codons, by quadrature over the two latent dimensions, past the reading of sequences."""
    z, log_weights = grid()
    tokens = codec.padded([[codec.tokenizer.tokens.index(one) for one in codons]])
    with evaluating(codec.model):
        each = codec.model.log_likelihood(z, tokens.expand(len(z), -1))
    return float((each + log_weights).logsumexp(0))


@pytest.mark.parametrize(
    ("place", "codon"),
    [(1, "TTC"), (1, "AAA"), (2, "TGA"), (3, "CAA")],  # synonymous, missense, a stop inside, the stop lost
)
def test_a_substitution_is_the_difference_of_exact_log_probabilities(place, codon):
    codec = Codec(codon_artifact(), "cpu")
    found = infer.mutations(codec, ["augUUUugguaa"], ScoreConfig(400, 0))
    assert (found.letters, found.forms, found.of_codons) == (CODONS, [GENE], True)
    assert found.positions == [["ATG", "TTT", "TGG", "TAA"]]
    changed = list(found.positions[0])
    changed[place] = codon
    exact = exact_log_p(codec, changed) - exact_log_p(codec, found.positions[0])
    column = CODONS.index(codon)
    assert found.delta[0][place, column] == pytest.approx(exact, abs=0.06)
    assert found.log_p[0] == pytest.approx(exact_log_p(codec, found.positions[0]), abs=0.1)
    assert abs(exact) > 0.05


def test_every_codon_has_a_value_and_its_own_is_nothing():
    found = infer.mutations(Codec(codon_artifact(), "cpu"), [GENE, "ATGTAAGCT"], ScoreConfig(4, 0))
    assert found.delta[0].shape == (4, 64)
    assert np.isfinite(found.delta[0]).all()
    own = [found.delta[0][place, CODONS.index(codon)] for place, codon in enumerate(found.positions[0])]
    assert own == [0.0] * 4
    assert (found.delta[0] == 0).sum() == 4
    assert found.importance[0] == pytest.approx(-found.delta[0].sum(1) / 63)
    assert "expected no stop before the last codon" in found.rejected[0].reason  # a sequence as such still has none


def test_the_verb_writes_effects_of_codons(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_artifact(Path("model"), codon_artifact())
    Path("gene.fasta").write_text(f">gene\n{GENE}\n")
    settings = ["--samples", "4", "--refine", "0", "--device", "cpu", "--out", "scores.csv"]
    words = ["score", "./model", "gene.fasta", *settings, "--mutations"]
    assert main([*words, "effects.csv"]) == 0
    rows = list(csv.DictReader(Path("effects.csv").read_text().splitlines()))
    assert len(rows) == 4 * 63
    said = {
        (row["position"], row["from"], row["to"]): [
            row[title] for title in ("bases", "amino_acid_from", "amino_acid_to", "effect")
        ]
        for row in rows
    }
    assert said["2", "TTT", "TTC"] == ["1", "F", "F", "synonymous"]
    assert said["2", "TTT", "AAA"] == ["3", "F", "K", "missense"]
    assert said["3", "TGG", "TGA"] == ["1", "W", "*", "nonsense"]
    assert said["4", "TAA", "TGA"] == ["1", "*", "*", "synonymous"]
    assert said["4", "TAA", "CAA"] == ["1", "*", "Q", "stop lost"]
    assert sum(row["bases"] == "1" for row in rows) == 4 * 9
    found = infer.mutations("./model", [GENE], ScoreConfig(4, 0), "cpu")
    assert float(rows[0]["delta_log_p"]) == pytest.approx(found.delta[0][0, 0], rel=1e-6)
    assert main([*words, "effects.html"]) == 0
    page = Path("effects.html").read_text()
    assert "Rows are codons" in page
    assert "<th>TGA *</th>" in page
    assert 'title="2: TTT to TTC, ' in page
    capsys.readouterr()
    assert main([*words, "effects.svg"]) == 2
    assert "a logo is of the letters of DNA, RNA or proteins" in capsys.readouterr().err
    assert not Path("effects.svg").exists()

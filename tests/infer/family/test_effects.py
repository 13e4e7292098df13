"""Effects of variants: against enumeration over latent points, and against each variant's own score."""

import csv

import pytest
import torch
from infer_cases import grid

from seqvae import infer
from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.cli.main import main
from seqvae.config import ModelConfig, RunConfig, ScoreConfig
from seqvae.errors import InputError, UsageError
from seqvae.infer.family.mutation_lists import target_of
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.runtime.device import evaluating
from seqvae.sequences.tokenizers.registry import build_tokenizer

ROW = "mkAC-D..EFgH"  # the letters M K A C D E F G H, of which A C D E F H are the model's columns 0 1 3 4 5 6
FAMILY = {"target": ROW, "name": "TARGET/10-18", "columns": 7, "rows": 5, "effective": 5.0, "identity": 0.8}
LISTED = ["wt", "A12C", "A12C:D14E", "M10A/A12C", "H18-", "MKCCDEFGH", "CC-DEFH", "F16X"]


def codec(decoder="dense", family=True, kind="protein"):
    tokenizer = build_tokenizer(kind, allow_gap=family)
    sizes = {"latent": 2, "embedding": 5, "encoder_width": 8, "decoder_width": 8, "max_length": 7}
    config = ModelConfig(encoder="dense", decoder=decoder, lengths="fixed", ends="certain", **sizes)
    model = build_model(config, tokenizer.vocab_size, 1).eval()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(4.0 if decoder == "dense" else 1.5)
    return Codec(Artifact(model, config, tokenizer, RunConfig(), {"family": FAMILY} if family else {}), "cpu")


@torch.no_grad()
def exact(made, forms):
    z, log_weights = grid()
    each = [made.padded([made.tokenizer.encode(form)]) for form in forms]
    with evaluating(made.model):
        rows = [made.model.log_likelihood(z, one.expand(len(z), *one.shape[1:])) for one in each]
    return (torch.stack(rows) + log_weights).logsumexp(1).double().numpy()


@pytest.mark.parametrize("decoder", ["dense", "position", "gru"])
def test_effects_are_the_enumerated_ones(decoder):
    made = codec(decoder)
    listed = LISTED[:-1] if decoder == "gru" else LISTED
    found = infer.variants(made, listed, config=ScoreConfig(samples=2000 if decoder != "gru" else 400, refine=3))
    forms = ["AC-DEFH", "CC-DEFH", "CC-EEFH", "CC-DEFH", "AC-DEF-", "CC-DEFH", "CC-DEFH", "AC-DEXH"][: len(listed)]
    log_p = exact(made, ["AC-DEFH", *forms])
    assert found.log_p == pytest.approx(log_p[0], abs=5 * found.log_p_error + 1e-3)
    assert (abs(found.delta_log_p - (log_p[1:] - log_p[0])) < 5 * found.error + 2e-3).all()
    assert found.error[0] == pytest.approx(0, abs=1e-6) and found.error.max() < 0.3
    assert found.delta_log_p[0] == pytest.approx(0, abs=1e-9)
    assert found.delta_log_p[1] == found.delta_log_p[3] == found.delta_log_p[5] == found.delta_log_p[6]
    assert found.mutations.tolist() == [0, 1, 2, 2, 1, 1, 1, 1][: len(listed)]
    assert found.unmodelled.tolist() == [0, 0, 0, 1, 0, 0, 0, 0][: len(listed)]


def test_few_shared_points_give_a_variant_points_of_its_own(monkeypatch):
    made = codec()
    monkeypatch.setattr("seqvae.infer.family.effects._FEW", 1e9)
    found = infer.variants(made, ["A12C", "A12C:D14E"], config=ScoreConfig(samples=3, refine=2))
    log_p = exact(made, ["AC-DEFH", "CC-DEFH", "CC-EEFH"])
    assert (abs(found.delta_log_p - (log_p[1:] - log_p[0])) < 5 * found.error + 0.05).all()
    assert (found.effective > 3).all()


def test_the_target_has_its_numbering():
    made = codec()
    target = target_of(made)
    assert (target.letters, target.form, target.first) == ("MKACDEFGH", "AC-DEFH", 10)
    assert target.columns == (-1, -1, 0, 1, 3, 4, 5, -1, 6)
    assert target_of(made, "MKACDEFGH") == target
    assert target_of(made, "", 1).first == 1
    assert target_of(made, "ACGDEFH").columns == tuple(range(7))
    with pytest.raises(InputError, match=r"has 5 aligned columns, the model has 7: give a row of its alignment"):
        target_of(made, "ACDEF")
    with pytest.raises(UsageError, match="trained on no alignment"):
        target_of(codec(family=False))


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("C12A", r"variant 2 of 2: C12A: the reference has A at 12, counted from 10 .* \(MKACDEFGH\.\.\.\): --first"),
        ("A9C", "A9C: the reference has the positions 10 to 18"),
        ("A12C:A12D", "A12D: position 12 is changed twice"),
        ("A12", "expected mutations such as A24G:T30S, or a sequence of 9 letters"),
        ("A12*", "expected mutations such as"),
        ("MKACDEFG", "expected mutations such as"),
        ("MKA1DEFGH", "the model cannot read it"),
    ],
)
def test_a_wrong_variant_is_one_line(variant, said):
    with pytest.raises(InputError, match=said):
        infer.variants(codec(), ["wt", variant])


def test_a_model_without_a_family_has_any_reference():
    made = codec(family=False, kind="dna")
    found = infer.variants(made, ["A1C", "CCGTACG"], "ACGTACG", ScoreConfig(samples=50, refine=0))
    assert found.delta_log_p[0] == found.delta_log_p[1] != 0


def test_the_verb_writes_a_row_for_each_variant(tmp_path, capsys):
    made = codec()
    run = RunConfig()
    folder = tmp_path / "model"
    save_artifact(folder, Artifact(made.model, ModelConfig(**vars_of(made)), made.tokenizer, run, made.provenance))
    source, out = tmp_path / "variants.csv", tmp_path / "effects.csv"
    source.write_text("variant,fitness\nA12C,1.5\nM10A:A12C,0.5\n", "utf-8")
    main(["score", str(folder), "--variants", str(source), "-o", str(out), "--device", "cpu", "--samples", "50"])
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert [row["text"] for row in rows] == ["A12C", "M10A:A12C"]
    assert [row["fitness"] for row in rows] == ["1.5", "0.5"]
    assert rows[0]["delta_log_p"] == rows[1]["delta_log_p"]
    said = capsys.readouterr().err
    assert "2 variants of a reference whose positions are 10 to 18 (MKACDEFGH...)" in said
    assert "1 have mutations where the model has no column" in said


def vars_of(made):
    sizes = {"latent": 2, "embedding": 5, "encoder_width": 8, "decoder_width": 8, "max_length": 7}
    return {"encoder": "dense", "decoder": "dense", "lengths": "fixed", "ends": "certain", **sizes}

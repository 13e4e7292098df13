"""What a search begins with and goes on with: its model, its texts, its objective, its folder."""

from __future__ import annotations

from dataclasses import replace

import pytest
from search_cases import alike, dna_model, rows, settings, small_model, start

from seqvae.config import ConstraintConfig
from seqvae.errors import InputError, UsageError
from seqvae.properties.scoring import Scoring, Term
from seqvae.search.api import begin, resume, run
from seqvae.sequences.dna import RNA_ALPHABET, normalize_dna
from seqvae.sequences.molecules import canonical_or_none
from seqvae.sequences.protein import AMINO_ACIDS, PROTEIN_ALPHABET


def test_another_model_under_the_same_name_is_refused(tmp_path):
    folder = dna_model(tmp_path / "model")
    begin(alike, tmp_path / "run", settings(folder))
    dna_model(folder, seed=1)
    with pytest.raises(UsageError, match="was begun with another model"):
        resume(tmp_path / "run", function=alike)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "atuo"}, "unknown optimizer 'atuo'; did you mean 'auto'"),
        ({"optimizer": "latent"}, "searches the latent space of a model: give --model"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_made(change, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        begin(alike, tmp_path / "run", settings(**change), start())
    assert not (tmp_path / "run").exists()


def test_without_a_model_dna_has_all_four_bases_whatever_it_begins_with(tmp_path):
    found = run("dna:distance=GCGCGCGC", tmp_path / "run", settings(budget=300, batch=30), ["GCGCGCGC"])
    assert found.best == 8
    assert set("".join(row[3] for row in rows(tmp_path / "run") if row[3])) == set("ACGT")


SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "CN1CCC[C@H]1c1cccnc1", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "OCC"]


@pytest.mark.parametrize(
    ("texts", "canonical"),
    [
        (SMILES, canonical_or_none),
        ([text.lower() for text in start(12)], normalize_dna),
        ([text.replace("T", "U") for text in start(12)], RNA_ALPHABET.normalize),
        (["MKVHGG", "GGHKMS", "SSHHGR"], str),
        (["mkvhggladefw", "GGHKMSPQRTIY"], PROTEIN_ALPHABET.normalize),
        (["abc", "bca", "abd"], str),
    ],
)
@pytest.mark.parametrize("objective", [lambda text: float(len(text) + text.count("G")), "search_cases:alike"])
def test_without_a_model_an_objective_of_any_text_is_of_the_texts_to_begin_with(objective, texts, canonical, tmp_path):
    run(objective, tmp_path / "run", settings(budget=60), texts)
    scored = [row[3] for row in rows(tmp_path / "run") if row[4] == "ok"]
    assert len(scored) > 10
    assert set(scored) >= {canonical(text) for text in texts}
    assert [canonical(text) for text in scored] == scored


def test_without_a_model_dna_is_read_in_any_case(tmp_path):
    for name, texts in {"upper": start(), "lower": [text.lower() for text in start()]}.items():
        run("dna:gc", tmp_path / name, settings(budget=60), texts)
    upper, lower = ([row[3] for row in rows(tmp_path / name)] for name in ("upper", "lower"))
    assert upper == lower
    assert len(upper) == 60


@pytest.mark.parametrize(
    ("objective", "texts", "rule", "message"),
    [
        ("dna:gc", ["hello", "NNNN"], {}, "a search begins with sequences of ACGT: of 2 texts none is one, as 'hello'"),
        ("qed", ["hello"], {}, "a search begins with molecules: of 1 texts none is one, as 'hello'"),
        ("qed", SMILES, {"shortest": 50}, "a search begins with molecules that keep to the constraints: of 6 texts"),
    ],
)
def test_texts_to_begin_with_that_are_of_no_use_are_refused(objective, texts, rule, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        begin(objective, tmp_path / "run", replace(settings(), constraints=ConstraintConfig(**rule)), texts)
    assert not (tmp_path / "run").exists()


def test_a_search_needs_a_model_or_texts(tmp_path):
    with pytest.raises(UsageError, match="give --model, --start, or both"):
        begin(alike, tmp_path / "run", settings())


# A model's texts are known by its tokenizer; letters that are bases alone were DNA before there was a word for others.
WRITTEN = {
    "smiles": ("smiles", SMILES, {"qed", "any"}),
    "dna": ("dna", ["ACGT"], {"dna:gc", "dna:tm", "any", "{sequence}"}),
    "rna": ("rna", ["ACGU"], {"dna:gc", "any", "{sequence}"}),
    "protein": ("protein", ["MKV"], {"any", "{sequence}"}),
    "words": ("char", ["hello", "world"], {"any", "{sequence}"}),
    "bases": ("char", ["ACGT"], {"dna:gc", "dna:tm", "any", "{sequence}"}),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_an_objective_of_other_texts_than_the_model_s_is_refused_before_the_first_call(written, tmp_path):
    kind, texts, accepted = WRITTEN[written]
    model = small_model(tmp_path / "model", kind, texts)
    sequence = Scoring((Term(command="echo {sequence}"),))
    for name, objective in {"qed": "qed", "dna:gc": "dna:gc", "dna:tm": "dna:tm", "{sequence}": sequence}.items():
        if name in accepted:
            begin(objective, tmp_path / name, settings(model), texts)
        else:
            with pytest.raises(
                UsageError, match=r"the objective expects \w+, the model writes \w+: change one of them"
            ):
                begin(objective, tmp_path / name, settings(model), texts)
            assert not (tmp_path / name).exists()
    begin(alike, tmp_path / "any", settings(model), texts)


@pytest.mark.parametrize("optimizer", ["auto", "ga"])
def test_a_model_of_proteins_is_searched_over_the_twenty_letters(optimizer, tmp_path):
    texts = ["MKVHGGLADEFW", "GGHKMSPQRTIY", "ADEFGHIKLMNP"]
    model = small_model(tmp_path / "model", "protein", texts)
    found = run(lambda text: float(text.count("W")), tmp_path / "run", settings(model, optimizer, budget=120), texts)
    scored = [row[3] for row in rows(tmp_path / "run") if row[4] == "ok"]
    assert set("".join(scored)) == set(AMINO_ACIDS)
    assert found.best >= 2


def named(function, name):
    function.__module__, _, function.__qualname__ = name.partition(":")
    return function


@pytest.mark.parametrize(
    ("name", "goes_on"),
    [
        (f"{alike.__module__}:alike", True),
        ("__main__:alike", True),
        (f"{alike.__module__}:other", False),
        ("other:alike", False),
        ("__main__:other", False),
    ],
)
def test_a_search_goes_on_with_the_function_that_it_was_begun_with(name, goes_on, tmp_path):
    begin(alike, tmp_path / "run", settings(), start())
    score = named(lambda text: 100.0, name)
    if goes_on:
        assert resume(tmp_path / "run", function=score).unique == 60
    else:
        with pytest.raises(UsageError, match=f"is the function search_cases:alike: expected that one, got {name}"):
            resume(tmp_path / "run", function=score)
        assert not rows(tmp_path / "run")


def test_a_function_is_not_taken_where_the_objective_is_none(tmp_path):
    begin("dna:gc", tmp_path / "run", settings(), start())
    with pytest.raises(UsageError, match="its objective was not given as a function: leave the function out"):
        resume(tmp_path / "run", function=alike)


def test_a_folder_is_not_begun_twice_nor_gone_on_with_where_there_is_none(tmp_path):
    begin(alike, tmp_path / "run", settings(), start())
    with pytest.raises(UsageError, match="there is a search here already: resume it with --resume"):
        begin(alike, tmp_path / "run", settings(), start())
    with pytest.raises(InputError, match="there is no search here"):
        resume(tmp_path / "nothing")
    with pytest.raises(UsageError, match=r"its objective is the function .*alike: give it again"):
        resume(tmp_path / "run")

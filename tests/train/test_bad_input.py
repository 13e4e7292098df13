"""What cannot be trained on is refused in one clear line, or what happens in its place is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from run_cases import dna_file, small_run

from seqvae.config import ModelConfig, PriorConfig
from seqvae.errors import InputError, RecordError
from seqvae.train.fit import train
from seqvae.train.prepare import prepare


def labelled(folder, cells):
    texts = dna_file(folder, len(cells)).read_text().split()
    path = folder / "labelled.csv"
    path.write_text("sequence,y\n" + "".join(f"{text},{cell}\n" for text, cell in zip(texts, cells, strict=True)))
    return path


def prepared(path, say=None, **data):
    run = small_run(path)
    run = replace(run, data=replace(run.data, **{"column": "sequence", "labels": "y", **data}))
    return prepare(run, path.parent / "rejected.csv", False, say=say)


def test_words_are_no_labels(tmp_path):
    path = labelled(tmp_path, ["1.5"] * 20 + ["high"] * 20)
    with pytest.raises(RecordError, match=r"column 'y' must hold a finite number, got 'high'"):
        prepared(path)


@pytest.mark.parametrize("role", ["labels", "conditions"])
def test_labels_that_are_all_missing_are_refused(role, tmp_path):
    path = labelled(tmp_path, ["", "n.d."] * 20)
    columns = {"labels": "", "conditions": "", role: "y"}
    with pytest.raises(InputError, match=r"column 'y' has no number for any of the 32 training records: fill some in"):
        prepared(path, **columns)


def test_a_label_that_never_varies_is_said(tmp_path):
    lines = []
    prepared(labelled(tmp_path, ["3", ""] * 20), lines.append)
    assert "column 'y' is 3 in all training records that have it: nothing can be learned of it" in lines
    lines.clear()
    prepared(labelled(tmp_path, ["3", "4"] * 20), lines.append)
    assert not any("nothing can be learned" in line for line in lines)


def test_too_few_records_for_a_fitted_mixture_are_refused_before_the_training(tmp_path):
    run = small_run(dna_file(tmp_path, 3))
    data = replace(run.data, valid_fraction=0.34, test_fraction=0.34)
    run = replace(run, data=data, prior=PriorConfig("mixture", prior_components=8))
    with pytest.raises(
        InputError, match=r"expected at least two training texts to fit a prior to, got 1; take --prior"
    ):
        train(run, tmp_path / "model", quiet=True)


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
def test_more_components_than_records_train_nevertheless(prior, tmp_path):
    """A learned mixture needs no record for each Gaussian: those that are not needed share the weight of others."""
    run = small_run(dna_file(tmp_path, 12), epochs=1)
    run = replace(run, model=ModelConfig(**{**vars(run.model), "prior": prior, "prior_components": 40}))
    run = replace(run, data=replace(run.data, valid_fraction=0.0, test_fraction=0.0))
    assert train(run, tmp_path / "model", quiet=True).progress.step == 1

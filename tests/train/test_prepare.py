"""Laws of what comes before training, over every split and kind of text: bad records, and what counts as the same."""

from __future__ import annotations

import csv
import warnings
from dataclasses import replace

import pytest
from run_cases import dna_file, small_run

from seqvae.config import ObjectiveConfig, TokenizerConfig, TrainingConfig
from seqvae.data.corpus import read_texts, split_texts
from seqvae.errors import InputError, InvalidMoleculeError, RecordError, SeqVAEWarning
from seqvae.sequences.dna import normalize_dna, reverse_complement
from seqvae.sequences.molecules import canonical_smiles
from seqvae.train.prepare import prepare

SIZES = [(chain, ring) for chain in range(1, 6) for ring in range(2, 10)]
MOLECULES = [f"{'C' * chain}OC1{'C' * ring}1" for chain, ring in SIZES]
AGAIN = [f"C1{'C' * ring}1O{'C' * chain}" for chain, ring in SIZES]
CASES = [(kind, split) for kind in ("auto", "dna") for split in ("random", "dedup")]
CASES += [(kind, split) for kind in ("smiles", "selfies") for split in ("random", "scaffold", "dedup")]
CASES += [("auto.smi", split) for split in ("random", "scaffold", "dedup")]


def is_dna(kind):
    return kind in ("auto", "dna")


def texts_of(folder, kind):
    return dna_file(folder, count=40).read_text().split() if is_dna(kind) else MOLECULES


def run_of(folder, rows, kind, split, on_error="stop", seed=0):
    path = folder / ("texts.smi" if kind == "auto.smi" else "texts.txt")
    path.write_text("\n".join(rows) + "\n")
    run = small_run(path, seed=seed)
    data = replace(run.data, split=split, on_error=on_error, valid_fraction=0.2, test_fraction=0.2)
    return replace(run, data=data, tokenizer=TokenizerConfig(kind.removesuffix(".smi"), vocab_size=0))


def packed(run, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)
        return prepare(run, folder / "rejected.csv", progress=False)


@pytest.mark.parametrize(("kind", "split"), CASES)
@pytest.mark.parametrize("row", [0, 20, 40])
def test_a_bad_record_is_found_by_its_line_however_texts_are_split(tmp_path, kind, split, row):
    bad = {"dna": "ACGT!", "auto": "AC-GT"}.get(kind, "C1CC")
    rows = texts_of(tmp_path, kind)
    rows = [*rows[:row], bad, *rows[row:]]
    for seed in range(3):  # each seed puts it on another side
        run = run_of(tmp_path, rows, kind, split, seed=seed)
        with pytest.raises(
            RecordError, match=rf"{run.data.source}:{row + 1}: '{bad}' cannot be used: .*--on-error skip"
        ):
            packed(run, tmp_path)
        for _ in range(2):  # what an earlier call found is not found twice
            packed(run_of(tmp_path, rows, kind, split, "skip", seed), tmp_path / str(seed))
        with (tmp_path / str(seed) / "rejected.csv").open(newline="") as file:
            found = [(row["line"], row["text"]) for row in csv.DictReader(file)]
        assert found.count((str(row + 1), bad)) == 1


@pytest.mark.parametrize(("kind", "split"), [case for case in CASES if case[1] != "random"])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_thing_written_in_two_ways_is_on_one_side(tmp_path, kind, split, seed):
    same = (lambda text: min(text, reverse_complement(text))) if is_dna(kind) else canonical_smiles
    once = texts_of(tmp_path, kind)
    again = [reverse_complement(text).lower() for text in once] if is_dna(kind) else AGAIN
    run = packed(run_of(tmp_path, [*once, *again], kind, split, seed=seed), tmp_path).run
    found = read_texts(run.data)
    read = normalize_dna if is_dna(kind) else str
    splits = [{same(read(found.texts[row])) for row in side.tolist()} for side in split_texts(found, run)]
    assert len(set.union(*splits)) == sum(map(len, splits))


def test_there_is_no_list_of_bad_records_where_there_are_none(tmp_path):
    rows = texts_of(tmp_path, "dna")
    packed(run_of(tmp_path, [*rows, "ACGT!"], "dna", "random", "skip"), tmp_path)
    assert (tmp_path / "rejected.csv").is_file()
    packed(run_of(tmp_path, rows, "dna", "random", "skip"), tmp_path)
    assert not (tmp_path / "rejected.csv").exists()


def test_scaffolds_are_of_molecules(tmp_path):
    with pytest.raises(InvalidMoleculeError, match="expected a molecule as SMILES, got"):
        packed(run_of(tmp_path, texts_of(tmp_path, "dna"), "dna", "scaffold"), tmp_path)


def said_of(run, folder):
    lines = []
    found = prepare(run, folder / "rejected.csv", progress=False, say=lines.append)
    return found, lines


def test_what_the_data_decide_is_chosen_and_said(tmp_path):
    run = small_run(dna_file(tmp_path))
    free = replace(run, training=TrainingConfig(device="cpu"), objective=ObjectiveConfig())
    found, lines = said_of(free, tmp_path)
    chosen = found.run.training
    assert (chosen.batch_size, chosen.epochs, chosen.patience) == (16, 60, 10)
    assert (found.run.model.lengths, found.run.objective.beta) == ("fixed", 1.0)
    assert (found.run.objective.schedule, chosen.learning_rate) == ("constant", 3e-4)
    assert lines[2:] == [
        "chosen for 96 training sequences: batches of 16, up to 60 passes, an end after 10 validations without "
        "improvement; 360 optimiser steps at most (--batch-size, --epochs, --patience to choose)",
        "all sequences have 12 letters: the model will write no others (--lengths free: of any length)",
        "the decoder stands on counts: 96 sequences are too few to learn them (--counts none: without); "
        "learning rate 0.0003",
        "KL weight (--beta) 1 from the first step on: 96 sequences are too few to be reconstructed; 0.1 favours that",
    ]
    found, lines = said_of(run, tmp_path)
    assert (found.run.training.batch_size, found.run.training.epochs, found.run.training.patience) == (16, 2, 0)
    assert (found.run.objective.schedule, found.run.training.learning_rate) == ("linear", 1e-2)
    assert "12 optimiser steps are too few to learn much" in lines[-1]


@pytest.mark.parametrize(
    ("lengths", "max_length", "more", "expected"),
    [
        ("auto", 0, "", "fixed"),
        ("free", 0, "", "free"),
        ("auto", 12, "", "fixed"),
        ("auto", 20, "", "free"),
        ("auto", 0, "ACGT\n", "free"),
    ],
)
def test_sequences_of_one_length_make_a_model_that_writes_that_length(tmp_path, lengths, max_length, more, expected):
    path = dna_file(tmp_path)
    path.write_text(path.read_text() + more)
    run = small_run(path)
    run = replace(run, model=replace(run.model, lengths=lengths, max_length=max_length))
    run = replace(run, data=replace(run.data, valid_fraction=0.0, test_fraction=0.0))
    assert said_of(run, tmp_path)[0].run.model.lengths == expected
    if max_length == 20 or more:
        with pytest.raises(InputError, match=r"model.lengths is fixed, which needs sequences that all have one length"):
            said_of(replace(run, model=replace(run.model, lengths="fixed")), tmp_path)

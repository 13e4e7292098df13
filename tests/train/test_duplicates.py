"""Texts that stand twice stay on one side of the split, unless the split is asked for by name; the counts are said."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from run_cases import small_run

from seqvae.config import TokenizerConfig
from seqvae.data.corpus import read_texts, resolved_split, split_texts
from seqvae.data.splits import duplicates_of, random_split
from seqvae.errors import SeqVAEWarning
from seqvae.sequences.dna import reverse_complement
from seqvae.sequences.molecules import connectivity
from seqvae.train.prepare import prepare

CHAINS = [f"{'C' * left}[C@H](N){'C' * right}O" for left in range(1, 7) for right in range(1, 6) if left != right]
AGAIN = [text.replace("@", "@@") for text in CHAINS[:10]]


def prepared(folder, rows, ending="smi", kind="auto", seed=0):
    path = folder / f"texts.{ending}"
    path.write_text("\n".join(rows) + "\n")
    run = small_run(path, seed=seed)
    run = replace(run, data=replace(run.data, split="auto", valid_fraction=0.2, test_fraction=0.2))
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)
        made = prepare(replace(run, tokenizer=TokenizerConfig(kind, 0)), folder / "r.csv", False, say=said.append)
    return made, said


def sides(made):
    found = read_texts(made.run.data)
    return [[found.texts[row] for row in side] for side in split_texts(found, made.run)]


@pytest.mark.parametrize("seed", range(3))
def test_molecules_that_differ_in_stereo_alone_stay_on_one_side(tmp_path, seed):
    made, said = prepared(tmp_path, [*CHAINS, *CHAINS[::-1], *AGAIN], seed=seed)
    assert made.run.data.split == "connectivity"
    groups = [{connectivity(text) for text in side} for side in sides(made)]
    assert all(groups)
    assert len(set.union(*groups)) == sum(map(len, groups))
    count = len(CHAINS) + 10
    assert f"; {count} molecules stand there before, 10 of them by all but stereo: they stay on one side" in said[1]


@pytest.mark.parametrize("seed", range(3))
def test_without_duplicates_the_split_is_what_it_was(tmp_path, seed):
    made, said = prepared(tmp_path, CHAINS, seed=seed)
    assert made.run.data.split == "random"
    found = read_texts(made.run.data)
    for now, before in zip(split_texts(found, made.run), random_split(len(CHAINS), 0.2, 0.2, seed), strict=True):
        assert np.array_equal(now, before)
    assert said[0].endswith(f"texts.smi: {len(CHAINS)} records, molecules as SMILES (by the ending of {found.source})")
    assert said[1] == "split random: 15 train, 5 valid, 5 test"


def test_words_and_dna_stay_on_one_side_too(tmp_path):
    words = [f"word{chr(97 + i)}{'x' * (i % 3)}!" for i in range(20)]
    made, said = prepared(tmp_path, [*words, *words], "txt")
    assert made.run.data.split == "dedup"
    train, valid, test = map(set, sides(made))
    assert not (train & valid or train & test or valid & test)
    assert "20 texts stand there before: they stay on one side" in said[1]
    rng = np.random.default_rng(0)
    dna = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(20)]
    made, said = prepared(tmp_path, [*dna, *map(reverse_complement, dna)], "fa.txt")
    train, valid, test = ({min(text, reverse_complement(text)) for text in side} for side in sides(made))
    assert not (train & valid or train & test or valid & test)
    assert "20 sequences stand there before (or their reverse complements): they stay on one side" in said[1]
    assert "100.0% of the letters are A, C, G, T, U or N" in said[0]


def test_a_split_by_name_is_that_split(tmp_path):
    made, _ = prepared(tmp_path, [*CHAINS, *CHAINS])
    found = read_texts(made.run.data)
    assert resolved_split(found, "random", "smiles") == ("random", None)
    assert duplicates_of(["OCC", "CCO", "bad("], "smiles").count == 1

"""A model that is of no use is said to be, with what to do about it; one that is of use is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from run_cases import dna_file, small_run

from seqvae.config import DataConfig, TokenizerConfig
from seqvae.errors import CollapseWarning
from seqvae.evaluate.sequences.markov_baselines import counted_bits
from seqvae.evaluate.shortcomings import counting_bits, shortcomings
from seqvae.evaluate.trained import measure_trained
from seqvae.train.checkpoint import Progress
from seqvae.train.fit import train
from seqvae.train.suited import FEWEST_STEPS

ENOUGH = Progress(step=FEWEST_STEPS)


@pytest.fixture(scope="module")
def dna(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dna")
    trained = train(small_run(dna_file(folder)), folder / "model", quiet=True)
    return trained, measure_trained(trained)


def test_few_steps_are_said_where_training_began_from_scratch(dna):
    trained, found = dna
    good = replace(found, bits_per_character=0.0)
    assert shortcomings(trained, good) == [
        "of little use: 12 optimiser steps are too few to learn much, take 300 at least: more --epochs, a smaller "
        "--batch-size, or more sequences"
    ]
    assert shortcomings(trained, None) == shortcomings(trained, good)
    assert shortcomings(trained, good, finetuned=True) == []
    assert shortcomings(replace(trained, progress=ENOUGH), good) == []
    assert shortcomings(replace(trained, progress=Progress(step=11)), good) == []  # validation stopped it


def test_sequences_are_compared_with_the_best_counting_model(dna):
    trained, found = dna
    prepared = trained.prepared
    seen, held_out = list(prepared.trained_on()), list(prepared.held_out.forms)
    counted = {name: one.tuned_bits for name, one in counted_bits(seen, held_out).items() if "mix" not in name}
    best = min(counted, key=counted.get)
    baseline = counting_bits(prepared)
    assert (baseline.name, baseline.bits) == (best, pytest.approx(counted[best]))
    trained = replace(trained, progress=ENOUGH)
    assert shortcomings(trained, replace(found, bits_per_character=baseline.bits - 0.001)) == []
    bought = replace(found, bits_per_character=3.0, distortion=1.0, rate=9.0)  # at a KL weight of 0.1
    assert shortcomings(trained, bought) == []
    (line,) = shortcomings(trained, replace(found, bits_per_character=3.0, distortion=90.0))
    assert line.startswith(
        f"of little use: 3.000 bits per base of held-out sequences, where counting letters ({best}) needs "
        f"{baseline.bits:.3f}: the model has learned less than counts know; more --epochs"
    )


@pytest.mark.parametrize(("validity", "said"), [(0.81, ""), (0.8, "20% of 1,000 samples are empty"), (0.0, "100% of")])
def test_broken_samples_are_said(dna, validity, said):
    trained, found = dna
    trained = replace(trained, progress=ENOUGH)
    lines = shortcomings(trained, replace(found, bits_per_character=0.0, validity=validity))
    assert [line.startswith(f"of little use: {said}") for line in lines] == [True] * bool(said)


def test_molecules_that_do_not_come_back_are_said_and_what_to_do_about_it(tmp_path):
    source = tmp_path / "mine.smi"
    source.write_text("".join(f"{'C' * (chain + 1)}OC1{'C' * ring}1\n" for chain in range(10) for ring in range(2, 8)))
    run = replace(small_run(source), tokenizer=TokenizerConfig("smiles", vocab_size=0))
    trained = train(replace(run, data=DataConfig(str(source), test_fraction=0.2)), tmp_path / "model", quiet=True)
    with pytest.warns(CollapseWarning):
        measured = measure_trained(trained)
    found = replace(measured, exact_reconstruction=0.0, validity=0.4)
    few, back, broken = shortcomings(trained, found)
    assert counting_bits(trained.prepared) is None
    assert back.startswith(
        "of little use: none of 12 held-out molecules comes back from the latent space: more --epoch"
    )
    assert "60% of 1,000 samples are no molecules, and 22% after 3 draws: " in broken
    for line in (few, back, broken):
        assert line.endswith(f"or a pretrained model: seqvae finetune drug-smiles {source}")
    # Half of single draws: an eighth of samples, each of which has three.
    assert shortcomings(replace(trained, progress=ENOUGH), replace(found, exact_reconstruction=0.1, validity=0.5)) == []

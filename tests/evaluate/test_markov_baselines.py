"""Counting models: values by hand, distributions that sum to 1, and the reference figures made again."""

import hashlib
import itertools
import math

import numpy as np
import pytest
import torch

from seqvae.artifact.folder import Artifact
from seqvae.config import DataConfig, ModelConfig, RunConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import InputError
from seqvae.evaluate.sequences.markov_baselines import (
    HALF,
    CountingModel,
    bits_per_base,
    counted_bits,
    held_out_bits,
    model_bits,
    models,
)
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.sequences.integer_codes import letters
from seqvae.sequences.tokenizers.letters import AlphabetTokenizer

ALL = [*models(True).values(), *models(True, uniform_start=True).values()]


def name(model):
    return f"{model.name}{', uniform start' if model.uniform_start else ''}"


def bits(model, train, held_out, pseudo=HALF, alphabet="AB"):
    return model.bits(letters(train, alphabet), letters(held_out, alphabet), pseudo).tolist()


def test_unigram_by_hand():
    # 3 of A and 1 of B, a half added to each: p(A) = 3.5 / 5
    assert bits(CountingModel(0), ["AAB", "A"], ["AB"]) == pytest.approx([-math.log2(3.5 / 5) - math.log2(1.5 / 5)])


def test_first_order_by_hand():
    # At the start A twice; after A once A, once B; after B once B.
    train = ["AAB", "ABB"]
    after_a, after_b, first = 2.5 / 4, 2.5 / 3, 2.5 / 3
    train_after = {"AA": 1, "AB": 2, "BB": 1}
    assert sum(train_after.values()) == 4
    wanted = -math.log2(first) - math.log2(after_a) - math.log2(1.5 / 2)
    assert bits(CountingModel(1), train, ["ABB"]) == pytest.approx([wanted])
    uniform = 1 - math.log2(after_a) - math.log2(1.5 / 2)
    assert bits(CountingModel(1, uniform_start=True), train, ["ABB"]) == pytest.approx([uniform])
    assert after_b > after_a


def test_positional_by_hand():
    train = ["AB", "AA", "BB"]
    # First letter: A twice, B once. Second: A once, B twice; after A: A once, B once; after B: B once.
    assert bits(CountingModel(0, positional=True), train, ["AB"]) == pytest.approx([-2 * math.log2(2.5 / 4)])
    assert bits(CountingModel(1, positional=True), train, ["AB", "BA"]) == pytest.approx(
        [-math.log2(2.5 / 4) - math.log2(1.5 / 3), -math.log2(1.5 / 4) - math.log2(0.5 / 2)]
    )


@pytest.mark.parametrize("pseudo", [0.5, 3.0])
@pytest.mark.parametrize("model", ALL, ids=name)
def test_probabilities_sum_to_1_over_all_sequences_of_a_length(model, pseudo):
    rng = np.random.default_rng(0)
    train = ["".join(row) for row in rng.choice(list("ACGT"), (30, 5))]
    every = ["".join(word) for word in itertools.product("ACGT", repeat=5)]
    assert np.exp2(-np.array(bits(model, train, every, pseudo, "ACGT"))).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("model", [m for m in ALL if not m.positional], ids=name)
def test_sequences_of_many_lengths_are_scored_one_by_one(model):
    train = ["ACGTACGTAC", "AC", "GGGTACA", "T"]
    held_out = ["ACG", "T", "GGTACCATTG"]
    together = bits(model, train, held_out, alphabet="ACGT")
    alone = [bits(model, train, [text], alphabet="ACGT")[0] for text in held_out]
    assert together == pytest.approx(alone)


@pytest.mark.parametrize("order", range(8))
def test_a_sequence_shorter_than_the_context_costs_2_bits_a_base_from_a_uniform_start(order):
    model = CountingModel(order, uniform_start=True)
    text = "ACGTACG"[:order] or "A"
    if order:
        assert bits(model, ["ACGTACGTACGT"], [text], alphabet="ACGT") == pytest.approx([2 * order])


def test_positional_models_need_one_length():
    with pytest.raises(InputError, match="one length, got 1 to 2"):
        bits(CountingModel(0, positional=True), ["AB"], ["A"])
    assert not any("position" in name for name in counted_bits(["ACGT", "ACG"] * 5, ["ACGT"]))


@pytest.mark.parametrize(
    ("train", "held_out", "words"),
    [
        ([], ["A"], "at least 2 training"),
        (["A", "C"], [], "at least one in it"),
        (["A", "CN"], ["A"], "'N' at column 2"),
        (["A", "C"], ["X"], "'X' at column 1"),
    ],
)
def test_what_cannot_be_counted_is_refused(train, held_out, words):
    with pytest.raises(InputError, match=words):
        counted_bits(train, held_out)


def test_tuned_pseudo_counts_come_from_the_validation_side():
    rng = np.random.default_rng(0)
    train, valid, test = (["".join(row) for row in rng.choice(list("ACGT"), (n, 12))] for n in (60, 30, 30))
    found = counted_bits(train, test, valid)
    assert list(found) == list(models(True))
    # Random letters teach nothing: the strongest smoothing wins, and nothing gets below two bits by much.
    assert found["Markov order 3"].pseudo_count == 100.0
    assert found["Markov order 3"].tuned_bits < found["Markov order 3"].bits
    assert all(counted.tuned_bits > 1.95 for counted in found.values())
    plain = CountingModel(3, uniform_start=True)
    assert found["Markov order 3"].bits == bits_per_base(plain, letters(train + valid), letters(test), HALF)


def test_the_reference_figure_on_splice_sites_is_made_again():
    texts = list(dict.fromkeys(load_dataset("mpsa-sample").texts))
    held_out = [int(hashlib.md5(text.encode()).hexdigest(), 16) % 10 == 0 for text in texts]
    splits = [[text for text, out in zip(texts, held_out, strict=True) if out == wanted] for wanted in (False, True)]
    model = CountingModel(1, positional=True)
    assert round(bits_per_base(model, letters(splits[0]), letters(splits[1]), HALF), 4) == 1.6653


def codec():
    config = ModelConfig(latent=2, embedding=4, encoder_width=4, decoder_width=4, max_length=6)
    tokenizer = AlphabetTokenizer("dna").fit(["ACGT"])
    model = build_model(config, tokenizer.vocab_size)
    return Codec(Artifact(model, config, tokenizer, RunConfig(data=DataConfig(source="x"), model=config), {}))


def test_a_trained_model_is_held_against_the_best_counting_model():
    rng = np.random.default_rng(0)
    train, test = (["".join(row) for row in rng.choice(list("ACGT"), (n, 6))] for n in (80, 20))
    made = codec()
    found = held_out_bits(made, train, test, samples=4)
    own = model_bits(made, test, samples=4)
    assert own == pytest.approx((-made.iwae(test, 4).double() / math.log(2)).tolist())
    assert (found.sequences, found.iwae_samples) == (20, 4)
    assert found.model == pytest.approx(own.mean() / 6)
    lowest = min(found.counted, key=lambda model: found.counted[model].tuned_bits)
    assert found.best == lowest
    assert found.difference == pytest.approx(found.model - found.counted[lowest].tuned_bits)
    assert found.standard_error > 0
    assert torch.is_grad_enabled()

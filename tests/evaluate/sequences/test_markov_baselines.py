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
from seqvae.evaluate.sequences import counting_mix
from seqvae.evaluate.sequences.markov_baselines import (
    HALF,
    Counted,
    CountingModel,
    bits_per_base,
    compared,
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


def test_positional_second_order_by_hand():
    train = ["ABA", "ABB", "BBA"]
    # A first twice of three; after A twice B; after AB once A, once B, and after BB once A.
    first, second, third = 2.5 / 4, 2.5 / 3, 1.5 / 3
    model = CountingModel(2, positional=True)
    assert model.name == "position-specific second order"
    assert bits(model, train, ["ABA", "BBB"]) == pytest.approx(
        [-math.log2(first * second * third), -math.log2(1.5 / 4 * 1.5 / 2 * 0.5 / 2)]
    )


@pytest.mark.parametrize("pseudo", [0.5, 3.0])
@pytest.mark.parametrize("model", models(True).values(), ids=name)
def test_log_probs_of_the_letters_that_stand_there_add_up_to_the_bits(model, pseudo):
    rng = np.random.default_rng(1)
    train, held_out = (["".join(row) for row in rng.choice(list("ACGT"), (n, 9))] for n in (30, 5))
    parts = model.log_probs(letters(train), letters(held_out), pseudo)
    assert np.exp2(parts).sum(1) == pytest.approx(np.ones(45), abs=1e-5)
    codes = ["ACGT".index(letter) for letter in "".join(held_out)]
    summed = -parts[np.arange(45), codes].reshape(5, 9).sum(1)
    assert summed == pytest.approx(bits(model, train, held_out, pseudo, "ACGT"), rel=1e-5)


def test_a_log_linear_mix_by_hand():
    # One letter of two: the models say 0.8 and 0.5 for A. Weights 1 and 0 give the first model; one half each give
    # sqrt(0.8 * 0.5) : sqrt(0.2 * 0.5) = 2 : 1; weights 2 and 0 give 0.64 : 0.04.
    parts = np.log2([[[0.8, 0.2]], [[0.5, 0.5]]]).astype(np.float32)
    for weights, wanted in (([1, 0], 0.8), ([0.5, 0.5], 2 / 3), ([2, 0], 0.64 / 0.68)):
        assert np.exp2(counting_mix.mixed(np.array(weights, float), parts))[0] == pytest.approx(
            [wanted, 1 - wanted], rel=1e-6
        )


def test_the_weights_of_the_mix_are_those_of_the_fewest_bits():
    # Of ten letters seven are A. The only model says 2 : 1, so weight w says 2^w : 1, and 7 : 3 is w = log2(7 / 3).
    parts = np.log2(np.tile([2 / 3, 1 / 3], (1, 10, 1))).astype(np.float32)
    assert counting_mix.fitted(parts, np.array([0] * 7 + [1] * 3)) == pytest.approx([math.log2(7 / 3)], rel=1e-3)


def test_the_mix_is_scored_in_pieces(monkeypatch):
    rng = np.random.default_rng(2)
    train, valid, test = (["".join(row) for row in rng.choice(list("AC"), (n, 6))] for n in (40, 2, 7))
    parts = [(CountingModel(1), 1.0), (CountingModel(0, positional=True), 0.5)]
    counted = letters(train), letters(train)
    whole = counting_mix.mix_bits(parts, counted, valid, test)
    monkeypatch.setattr(counting_mix, "_AT_ONCE", 12)  # the two that choose the weights, and two at a time
    assert counting_mix.mix_bits(parts, counted, valid, test) == pytest.approx(whole)


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
    assert list(found) == [*models(True), counting_mix.NAME]
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


def test_the_standard_error_of_a_lead_by_hand():
    # Differences -1, 0, 2 and 3 bits a sequence: their mean is 1, their variance 2.5, and each has two bases.
    found = {"some model": (Counted(1.0, 1.0, 0.5), np.full(4, 2.0))}
    made = compared(np.array([1.0, 2.0, 4.0, 5.0]), 1, found, np.full(4, 2))
    assert made.difference == pytest.approx(0.5)
    assert made.standard_error == pytest.approx(math.sqrt(2.5 / 4) / 2)

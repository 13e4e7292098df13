"""A decoder that stands on counts: a distribution, the same in both ways of decoding, and at first just the counts."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from run_cases import small_run

from seqvae import load
from seqvae.config import ModelConfig, ObjectiveConfig
from seqvae.errors import ConfigError
from seqvae.evaluate.sequences.markov_baselines import counted_bits, model_bits
from seqvae.model.build import build_model
from seqvae.model.decoders import DECODERS
from seqvae.model.encoders import BOS, EOS, PAD
from seqvae.train.counts import count
from seqvae.train.fit import train

SIZES = {"latent": 2, "embedding": 4, "encoder_width": 6, "decoder_width": 6, "counts": "added"}
LETTERS = 4
VOCAB = 3 + LETTERS


def decoder_of(kind, lengths, max_length=4, counted=True):
    """Return a decoder with counts of random texts, and a network that says something."""
    config = ModelConfig(decoder=kind, lengths=lengths, max_length=max_length, **SIZES)
    decoder = build_model(config, VOCAB, 0).decoder.eval()
    if counted:
        count(decoder, Store(texts(60, lengths, max_length, 0)))
    with torch.no_grad():
        decoder.inner.output.linear.weight.normal_(generator=torch.Generator().manual_seed(0))
    return decoder


def texts(number, lengths, max_length, seed):
    rng = np.random.default_rng(seed)
    sizes = np.full(number, max_length) if lengths == "fixed" else rng.integers(0, max_length + 1, number)
    return [rng.choice(LETTERS, size, p=[0.1, 0.2, 0.3, 0.4]) + 3 for size in sizes]


class Store:
    """Token ids of texts, as a store gives them."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def ids(self, row):
        return self.rows[row]


def batch(rows):
    width = max(map(len, rows)) + 1
    return torch.tensor([[*row, EOS, *[PAD] * (width - len(row) - 1)] for row in rows])


@pytest.mark.parametrize("lengths", ["fixed", "free"])
@pytest.mark.parametrize("kind", DECODERS)
def test_position_after_position_is_all_positions_at_once(kind, lengths):
    decoder, tokens = decoder_of(kind, lengths), batch(texts(8, lengths, 4, 2))
    z = torch.randn(8, 2, generator=torch.Generator().manual_seed(1))
    state, before, found = decoder.begin(z), torch.full((8,), BOS), []
    for position in range(tokens.shape[1]):
        logits, state = decoder.step(before, state)
        found.append(logits)
        before = tokens[:, position]
    ended = (tokens == EOS).cumsum(1).bool() & (tokens != EOS)  # what comes after an end is not asked for
    once, stepwise = (one.log_softmax(-1)[~ended] for one in (decoder(z, tokens), torch.stack(found, 1)))
    torch.testing.assert_close(once, stepwise)


@pytest.mark.parametrize("kind", ["gru", "position"])
def test_all_sequences_of_one_length_sum_to_one(kind):
    decoder = decoder_of(kind, "fixed", 3)
    every = batch([np.array(row) + 3 for row in itertools.product(range(LETTERS), repeat=3)])
    z = torch.randn(1, 2, generator=torch.Generator().manual_seed(1))
    logs = decoder(z.expand(len(every), -1), every).log_softmax(-1)
    total = logs.gather(-1, every.unsqueeze(-1)).sum((1, 2)).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


def test_tables_are_smoothed_counts():
    """By hand: of the letters A C, A C, A G of texts of length 2, C follows A in 2 of 3."""
    config = ModelConfig(decoder="gru", lengths="fixed", max_length=2, **SIZES)
    decoder = build_model(config, VOCAB, 0).decoder
    count(decoder, Store([np.array(row) for row in ([3, 4], [3, 4], [3, 5])]))
    found = decoder.after_1[3].exp()  # the letter before is A, whose id is 3
    torch.testing.assert_close(found[3:], torch.tensor([0.25, 2.25, 1.25, 0.25]) / 4)
    torch.testing.assert_close(decoder.at_position_0[1, 0].exp()[3:], torch.tensor([0.25, 2.25, 1.25, 0.25]) / 4)
    assert decoder.weights.tolist() == pytest.approx([1 / len(decoder.shapes)] * len(decoder.shapes))


def test_untrained_it_is_the_mix_of_its_tables():
    config = ModelConfig(decoder="gru", lengths="fixed", max_length=4, **SIZES)
    decoder = build_model(config, VOCAB, 0).decoder.eval()
    count(decoder, Store(texts(60, "fixed", 4, 0)))
    row = texts(1, "fixed", 4, 5)[0]
    found = decoder(torch.zeros(1, 2), batch([row])).log_softmax(-1)[0, 2]
    scores = np.zeros(LETTERS)
    for weight, name in zip(decoder.weights.tolist(), decoder.shapes, strict=True):
        order = int(name[-1])
        last = [BOS] * 8 + row[:2].tolist()
        code = sum(last[-k] * VOCAB ** (k - 1) for k in range(1, order + 1))
        table = getattr(decoder, name)
        scores += weight * (table[2, code] if name.startswith("at") else table[code])[3:].numpy()
    expected = scores - np.log(np.exp(scores).sum())
    assert found[3:].tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert found[[PAD, BOS]].tolist() == [-math.inf] * 2
    assert found[EOS].item() < -25


def test_copies_of_a_text_do_not_foretell_each_other():
    """Letters at random, each text twenty times: were copies counted, four letters would tell the fifth for sure."""
    rng = np.random.default_rng(0)
    few, unseen = (rng.integers(0, LETTERS, (number, 12)) + 3 for number in (8, 200))
    config = ModelConfig(decoder="gru", lengths="fixed", max_length=12, **SIZES)
    decoder = build_model(config, VOCAB, 0).decoder.eval()
    count(decoder, Store([row for row in few for _ in range(20)]))
    logs = decoder(torch.zeros(200, 2), batch(list(unseen))).log_softmax(-1)
    nats = -logs[:, :12].gather(-1, torch.tensor(unseen).unsqueeze(-1)).mean().item()
    assert nats / math.log(2) == pytest.approx(2, abs=0.2)


def test_where_nothing_is_to_be_learned_the_counts_stay_as_they_were(tmp_path, one_thread):
    """Letters that depend on their place alone: a network could learn only the few that there are, by heart."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet([1.0] * 4, 9)
    drawn = [["".join(rng.choice(list("ACGT"), p=place) for place in shares) for _ in range(200)] for _ in range(2)]
    seen, unseen = (list(dict.fromkeys(texts)) for texts in drawn)
    (tmp_path / "few.txt").write_text("\n".join(seen) + "\n")
    run = small_run(str(tmp_path / "few.txt"), epochs=3, learning_rate=-1.0)
    run = replace(run, data=replace(run.data, test_fraction=0.0), objective=ObjectiveConfig())
    train(replace(run, training=replace(run.training, patience=2)), tmp_path / "model", quiet=True)
    codec = load(tmp_path / "model", "cpu")
    counted = min(one.tuned_bits for one in counted_bits(seen, unseen).values())
    assert model_bits(codec, unseen, 20).sum() / (9 * len(unseen)) < counted + 0.02
    assert codec.bounds(unseen).rate.mean().item() < 0.05


def test_few_sequences_are_learned_no_worse_than_counts(tmp_path, one_thread):
    """Letters that depend on the one before: 200 of them, and 400 that neither has seen."""
    rng = np.random.default_rng(0)
    chain = rng.dirichlet([0.7] * 4, 4)

    def drawn(number):
        made = []
        for _ in range(number):
            row = [int(rng.integers(4))]
            while len(row) < 12:
                row.append(int(rng.choice(4, p=chain[row[-1]])))
            made.append("".join("ACGT"[one] for one in row))
        return made

    seen, unseen = list(dict.fromkeys(drawn(200))), drawn(400)
    (tmp_path / "few.txt").write_text("\n".join(seen) + "\n")
    run = small_run(str(tmp_path / "few.txt"), learning_rate=-1.0)
    run = replace(run, data=replace(run.data, test_fraction=0.0), objective=ObjectiveConfig())
    train(run, tmp_path / "model", quiet=True)
    codec = load(tmp_path / "model", "cpu")
    assert codec.run.model.counts == "added"
    counted = min(one.tuned_bits for one in counted_bits(seen, unseen).values())
    assert model_bits(codec, unseen, 20).sum() / 4800 < counted + 0.02
    assert {len(text) for text in codec.sample(50)} == {12}


def test_counts_of_molecules_are_refused(tmp_path):
    (tmp_path / "few.smi").write_text("CCO\nCCN\nCCC\nCCCl\n")
    run = small_run(str(tmp_path / "few.smi"))
    with pytest.raises(ConfigError, match=r"model.counts: letters of DNA, RNA or proteins"):
        run = replace(
            run, tokenizer=replace(run.tokenizer, kind="smiles", vocab_size=0), model=replace(run.model, counts="added")
        )
        train(run, tmp_path / "model", quiet=True)

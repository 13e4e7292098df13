"""Retraining: it learns from what it is told to, in the order that it is told to, and goes on where it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES, tiny_codec

from seqvae.artifact.folder import Artifact
from seqvae.config import ModelConfig, RetrainingConfig, RunConfig
from seqvae.errors import UsageError
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.token_cache import Readable
from seqvae.search.optimizers.weighted_retraining import Retraining
from seqvae.search.storage.state import load_state, save_state
from seqvae.sequences.molecules import canonical_smiles
from seqvae.sequences.tokenizers.registry import build_tokenizer

TEXTS = [canonical_smiles(text) for text in MOLECULES]
FIRST, SECOND = TEXTS[:4], TEXTS[4:]


def archive(texts):
    found = Archive()
    found.update(texts, np.linspace(0, 1, len(texts)).tolist())
    return found


def learner(codec=None, begun_with=(), seed=0, **config):
    settings = RetrainingConfig(every=1, steps=3, batch_size=8, learning_rate=1e-2, **config)
    return Retraining(Readable(codec or tiny_codec("smiles")), settings, seed, begun_with)


def weights(one):
    return torch.cat([value.flatten() for value in one.codec.model.state_dict().values()])


def learned(texts, begun_with=(), **config):
    one = learner(None, begun_with, **config)
    one.learn(archive(texts))
    return weights(one)


CHANGES = {"plain": {}, "replay": {"replay": 0.5}, "randomised": {"randomised": 0.5}}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_one_seed_one_result_and_a_stop_changes_nothing(change, tmp_path):
    whole, broken, other = (learner(None, SECOND, seed, **change) for seed in (0, 0, 1))
    for one in (whole, broken, other):
        one.learn(archive(FIRST))
    assert torch.equal(weights(whole), weights(broken))
    assert not torch.equal(weights(whole), weights(other))
    save_state(tmp_path / "state", broken.state_dict())
    again = learner(None, SECOND, **change)
    again.load_state_dict(load_state(tmp_path / "state"))
    for one in (whole, again):
        one.learn(archive(TEXTS))
    assert torch.equal(weights(whole), weights(again))


def test_what_is_replayed_takes_the_place_of_what_was_found():
    assert torch.equal(learned(FIRST, SECOND, replay=1.0), learned(TEXTS[2:6], SECOND, replay=1.0))
    assert not torch.equal(learned(FIRST, SECOND, replay=0.5), learned(FIRST, SECOND))
    assert torch.equal(learned(FIRST, SECOND), learned(FIRST))


def test_what_cannot_be_read_counts_among_the_best_all_the_same(monkeypatch):
    """Ranks 1 and 3: three texts of one score, of which the model reads one, share their mean rank."""
    found, one, given = Archive(), learner(), []
    found.update(["[SiH4]", "[GeH4]", *TEXTS[:2]], [5.0, 5.0, 5.0, 1.0])
    monkeypatch.setattr(
        torch, "multinomial", lambda weights, *_, **__: given.append(weights) or torch.zeros(8, dtype=torch.int)
    )
    one.learn(found)
    first, second = given[0].tolist()
    assert first == pytest.approx(2 * second)


def test_a_random_order_is_another_lesson():
    found = [learned(TEXTS, randomised=share) for share in (0.0, 0.5, 1.0)]
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])


@pytest.mark.parametrize(("place", "precision"), [("cpu", "medium"), ("meta", "highest")])
def test_only_on_the_cpu_it_learns_by_fast_products(monkeypatch, place, precision):
    one, found = learner(), []
    monkeypatch.setattr(one.codec, "device", torch.device(place))
    monkeypatch.setattr(one, "_train", lambda _: found.append(torch.get_float32_matmul_precision()))
    one.learn(archive(FIRST))
    assert found == [precision] * 3


@pytest.mark.parametrize("size", [0, 18])
def test_a_molecule_in_another_order_is_read_as_that_molecule(size):
    tokenizer = build_tokenizer("smiles", vocab_size=size).fit(MOLECULES * 3)
    config = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=24)
    model = build_model(config, tokenizer.vocab_size, 0)
    texts = Readable(Codec(Artifact(model.eval(), config, tokenizer, RunConfig(model=config), {"seed": 0}), "cpu"))
    rng = np.random.default_rng(0)
    several = 0
    for text in TEXTS:
        orders = [texts.shuffled(text, rng) for _ in range(20)]
        assert {tokenizer.decode(ids) for ids in orders} == {text}
        assert max(map(len, orders)) <= config.max_length
        several += len(set(map(tuple, orders))) > 1
    assert several > len(TEXTS) / 2
    assert texts.shuffled("C[Si](C)C", rng) is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: learner(replay=0.1), "retraining.replay: expected texts to begin with that the model can read"),
        (lambda: learner(None, ["[SiH4]"], replay=0.1), "retraining.replay: expected texts to begin with"),
        (lambda: learner(tiny_codec(), randomised=0.1), "since the model reads no SMILES but selfies"),
    ],
)
def test_settings_that_could_do_nothing_are_refused(make, words):
    with pytest.raises(UsageError, match=words):
        make()

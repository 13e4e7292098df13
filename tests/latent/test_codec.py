"""Laws of the codec: what goes in comes out, in any order and any batch, and its figures are the model's."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from bulk_cases import tiny_codec
from run_cases import dna_file, small_run

import seqvae
from seqvae.artifact.folder import load_artifact
from seqvae.config import DecodeConfig
from seqvae.errors import InputError, SeqVAEWarning, TooLongError, UsageError
from seqvae.evaluate.model.reconstruction import (
    reconstruct,
    sampled_reconstruction,
    teacher_forced,
    token_accuracy,
)
from seqvae.evaluate.model.sample_metrics import sample_metrics, seen_in
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.runtime.device import generator
from seqvae.sequences.grammar.valence import valences_of
from seqvae.sequences.molecules import is_valid
from seqvae.train.fit import train

TEXTS = ["ACGTACGTACGT", "AC", "TTTTTTTTTTTT", "GATTACA", "ACGTACGTACG"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codec")
    return train(small_run(dna_file(folder), epochs=20), folder / "model", quiet=True)


@pytest.fixture(scope="module")
def codec(trained):
    return seqvae.load(trained.folder, device="cpu")


def test_shapes(codec):
    z = codec.encode(TEXTS)
    assert z.shape == (5, 4)
    assert z.dtype == torch.float32
    assert not z.requires_grad
    assert codec.posterior(TEXTS).std.shape == (5, 4)
    assert codec.bounds(TEXTS).elbo.shape == (5,)
    assert len(codec.decode(z)) == 5
    probabilities = codec.decode_distribution(z)
    assert probabilities.shape[::2] == (5, codec.tokenizer.vocab_size)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(probabilities.shape[:2]))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (None, "sequence 2 is None: leave empty rows out"),
        (float("nan"), "sequence 2 is NaN: leave empty rows out"),
        (5, "sequence 2 is no text, it is of type int"),
        ("AC!", "sequence 2"),
    ],
)
def test_what_is_no_text_is_named_by_its_row_and_can_be_skipped(codec, bad, words):
    with pytest.raises(InputError, match=words):
        codec.encode(["ACGT", bad, "GGCC"])
    with pytest.warns(SeqVAEWarning, match=f"1 of 3 sequences left out: {words}"):
        found = codec.encode(["ACGT", bad, "GGCC"], on_error="skip")
    assert torch.equal(found, codec.encode(["ACGT", "GGCC"]))


def test_texts_read_once_give_what_texts_give(codec, monkeypatch):
    given = ["acgtacgtacgt", "AC", "TTUUTTTTTTTT", "GATNACA"]
    expected = {
        "encode": codec.encode(given),
        "refined": codec.encode(given, refine=3),
        "std": codec.posterior(given).std,
        "elbo": codec.bounds(given, seed=1).elbo,
        "iwae": codec.iwae(given, samples=3),
    }
    back, forced = reconstruct(codec, given), token_accuracy(codec, given)
    shares = sampled_reconstruction(codec, given, 2, 2)
    read = codec.tokenize(["AC!", given[0], "A" * 13, *given[1:]], on_error="skip")
    assert [one.row for one in read.rejected] == [0, 2]
    monkeypatch.setattr(type(codec.tokenizer), "split", None)
    found = {
        "encode": codec.encode(read),
        "refined": codec.encode(read, refine=3),
        "std": codec.posterior(read).std,
        "elbo": codec.bounds(read, seed=1).elbo,
        "iwae": codec.iwae(read, samples=3),
    }
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert (reconstruct(codec, read), token_accuracy(codec, read)) == (back, forced)
    assert torch.equal(sampled_reconstruction(codec, read, 2, 2), shares)


def test_the_encoder_alone_encodes_if_asked_to(codec, monkeypatch):
    monkeypatch.setattr("seqvae.latent.encodings.refined", None)
    assert codec.encode(TEXTS, refine=0).shape == (5, 4)
    assert codec.encodings(TEXTS, refine=0).lost is None
    assert reconstruct(codec, TEXTS).decoded == codec.decode(codec.encode(TEXTS, refine=0))
    with pytest.raises(TypeError):
        codec.encode(TEXTS, refine=1)


def test_auto_refines_the_texts_alone_that_are_lost(codec, monkeypatch):
    monkeypatch.setattr("seqvae.latent.encodings._LEAST_RIGHT", 0.0)
    amortised, steps = codec.encode(TEXTS, refine=0), codec.encode(TEXTS, refine=20)
    lost = [back != codec.tokenizer.normalize(text) for back, text in zip(codec.decode(amortised), TEXTS, strict=True)]
    found = codec.encodings(TEXTS)
    assert found.refined.tolist() == lost
    assert any(lost)
    expected = torch.where(found.refined.unsqueeze(1), steps, amortised)
    torch.testing.assert_close(found.posterior.mean, expected, atol=1e-6, rtol=0)
    assert found.lost.tolist() == [back != text for back, text in zip(codec.decode(expected), TEXTS, strict=True)]
    assert torch.equal(codec.encode(TEXTS), found.posterior.mean)
    assert torch.equal(codec.posterior(TEXTS).mean, found.posterior.mean)
    with pytest.raises(UsageError, match="refine: expected a number of steps from 0 or \"auto\", got 'all'"):
        codec.encode(TEXTS, refine="all")
    assert codec.encode([]).shape == (0, 4)


def test_auto_leaves_alone_what_comes_back(codec, monkeypatch):
    """Where each text is decoded to itself nothing is refined, as with the encoder alone."""
    back = SimpleNamespace(texts=[codec.tokenizer.normalize(text) for text in TEXTS])
    monkeypatch.setattr(type(codec), "generate", lambda *_, **__: back)
    found = codec.encodings(TEXTS)
    assert not found.refined.any() and not found.lost.any()
    assert torch.equal(found.posterior.mean, codec.encode(TEXTS, refine=0))


def test_auto_spends_no_steps_where_they_are_hopeless(codec, monkeypatch):
    """Each text is judged by itself: by the tokens that are right with the true ones before, and by its rate."""
    plain, steps = codec.posterior(TEXTS, refine=0), codec.encode(TEXTS, refine=20)
    forced = teacher_forced(codec, TEXTS, plain.mean)[0]
    share = forced.right / forced.tokens
    level = share.sort().values[1:3].mean().item()
    monkeypatch.setattr("seqvae.latent.encodings._LEAST_RIGHT", level)
    found = codec.encodings(TEXTS)
    back = torch.tensor([a != b for a, b in zip(codec.decode(plain.mean), TEXTS, strict=True)])
    assert found.refined.tolist() == (back & (share >= level)).tolist()
    assert 0 < found.refined.sum() < back.sum()
    left = back & ~found.refined
    assert found.lost[left].all()
    assert torch.equal(found.posterior.mean[left], plain.mean[left])
    torch.testing.assert_close(found.posterior.mean[found.refined], steps[found.refined], atol=1e-6, rtol=0)
    alone = torch.cat([codec.encode([text]) for text in TEXTS])
    torch.testing.assert_close(alone, found.posterior.mean, atol=1e-6, rtol=0)
    monkeypatch.setattr("seqvae.latent.encodings._LEAST_RATE", 1e6)
    assert not codec.encodings(TEXTS).refined.any()


def test_rows_do_not_depend_on_order_or_batch(codec):
    z = codec.encode(TEXTS)
    for batch_size in (1, 2, 100):
        torch.testing.assert_close(codec.encode(TEXTS, batch_size), z, atol=1e-6, rtol=0)
        assert codec.decode(z, batch_size=batch_size) == codec.decode(z)
        assert codec.sample(7, seed=3, batch_size=batch_size) == codec.sample(7, seed=3)
        torch.testing.assert_close(
            codec.decode_distribution(z, batch_size), codec.decode_distribution(z), atol=1e-6, rtol=0
        )
    torch.testing.assert_close(codec.encode(TEXTS[::-1]), z.flip(0), atol=1e-6, rtol=0)


def test_arrays_and_lists_are_points_too(codec):
    z = codec.encode(TEXTS)
    assert codec.decode(z.numpy()) == codec.decode(z.tolist()) == codec.decode(z.double()) == codec.decode(z)


def test_generated_likelihoods_are_those_of_the_texts(codec):
    z = codec.encode(TEXTS)
    found = codec.generate(z, DecodeConfig("sample", seed=1))
    assert [len(row) for row in found.token_log_probs] == [len(text) + 1 for text in found.texts]
    for point, text, total in zip(z, found.texts, found.log_likelihood, strict=True):
        ((_, tokens),) = codec.batches([text], 1)
        with torch.no_grad():
            expected = codec.model.log_likelihood(point.unsqueeze(0), tokens)[0]
        torch.testing.assert_close(total, expected, atol=1e-4, rtol=1e-5)


def test_the_elbo_is_below_the_importance_weighted_bound(codec):
    elbo = torch.stack([codec.bounds(TEXTS, seed).elbo for seed in range(100)])
    assert (elbo.mean(0) <= codec.iwae(TEXTS, 500) + 4 * elbo.std(0) / 10).all()


def test_bounds_are_those_of_a_posterior_that_is_known(codec):
    texts = ["GATTACA", "ACGT", "TTTT"]
    own, plain = codec.posterior(texts, refine=0), codec.bounds(texts)
    known = codec.bounds(texts, posterior=own)
    assert torch.equal(known.elbo, plain.elbo) and torch.equal(known.rate, plain.rate)
    better = codec.posterior(texts, refine=20)
    rate = (better.mean.square() + better.std.square() - 1).sum(1) / 2 - better.std.log().sum(1)  # to N(0, I)
    assert codec.bounds(texts, posterior=better).rate.tolist() == pytest.approx(rate.tolist(), rel=1e-4)
    with pytest.raises(UsageError, match="posterior: 2 rows for 3 texts"):
        codec.bounds(texts, posterior=own.rows(slice(2)))


def test_draws_and_samples_follow_the_seed(codec):
    assert torch.equal(codec.draw(5, seed=1), codec.draw(5, seed=1))
    assert not torch.equal(codec.draw(5, seed=1), codec.draw(5, seed=2))
    assert codec.sample(20, seed=1) == codec.sample(20, seed=1) != codec.sample(20, seed=2)
    state = torch.get_rng_state()
    codec.sample(5)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_prior_is_chosen_by_name(trained, codec):
    from seqvae.latent.codec import Codec
    from seqvae.model.priors.mixture import GaussianMixture

    mean = torch.full((1, 4), 9.0)
    far = GaussianMixture.from_moments(torch.ones(1), mean, 0.01 * torch.eye(4).unsqueeze(0)).float()
    for default in ("normal", "fitted"):
        both = Codec(replace(load_artifact(trained.folder), fitted=far, default_prior=default), "cpu")
        expected = codec.draw(50, 1) if default == "normal" else far.sample(50, generator(1, 11))
        assert torch.equal(both.draw(50, 1), expected)
        assert both.sample(9, seed=2) == both.sample(9, seed=2, prior=default)
        assert both.draw(50, prior="fitted").mean() > 8
        torch.testing.assert_close(both.log_prior(expected, prior="fitted"), far.log_prob(expected))
        torch.testing.assert_close(both.log_prior(expected, "normal", batch_size=7), codec.log_prior(expected))
    assert torch.equal(codec.draw(5), codec.draw(5, prior="normal"))
    with pytest.raises(UsageError, match="the model has no fitted prior; fit one"):
        codec.sample(5, prior="fitted")
    with pytest.raises(UsageError, match="unknown prior 'normall'; did you mean 'normal'"):
        codec.sample(5, prior="normall")
    with pytest.raises(InputError, match="not finite"):
        codec.log_prior(torch.full((1, 4), 1e30))


@pytest.mark.filterwarnings("ignore:.*comes back as")
def test_a_path_starts_and_ends_at_its_ends(codec):
    for refine in (0, 5):
        path = codec.interpolate(TEXTS[0], TEXTS[2], steps=5, refine=refine)
        assert len(path) == 5
        assert [path[0], path[-1]] == codec.decode(codec.encode([TEXTS[0], TEXTS[2]], refine=refine))


def test_an_ambiguous_base_is_a_set(codec):
    either = codec.encode(["ACGNACGTACGT"])
    assert either.shape == (1, 4)
    codes = codec.bounds(["ACGNACGTACGT"]).distortion
    assert torch.isfinite(codes).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda c: c.encode(["ACGX"]), InputError, "X"),
        (lambda c: c.encode(["A" * 13]), TooLongError, "has 13 tokens, the model takes at most 12"),
        (lambda c: c.encode("ACGT"), UsageError, "expected a list of texts, got one text"),
        (
            lambda c: c.decode(np.zeros((2, 3))),
            UsageError,
            r"expected latent points of shape \(batch, 4\), got \(2, 3\)",
        ),
        (lambda c: c.decode(np.full((1, 4), np.nan)), InputError, "NaN"),
        (lambda c: c.interpolate("A", "C", kind="slurp"), UsageError, "did you mean 'slerp'"),
        (lambda c: c.sample(0), UsageError, "from 1, got 0"),
        (lambda c: c.sample(1, seed=-1), UsageError, "seed: expected a number from 0, got -1"),
        (lambda c: c.draw(1, seed=-1), UsageError, "seed: expected a number from 0, got -1"),
        (lambda c: c.bounds(["A"], seed=-1), UsageError, "seed: expected a number from 0, got -1"),
        (lambda c: c.iwae(["A"], samples=0), UsageError, "samples: expected a number from 1, got 0"),
        (lambda c: c.encode(["A"], batch_size=0), UsageError, "batch_size: expected a number from 1, got 0"),
        (lambda c: c.iwae(["A"], batch_size=-1), UsageError, "batch_size: expected a number from 1, got -1"),
        (lambda c: c.sample(1, batch_size=0), UsageError, "batch_size: expected a number from 1, got 0"),
        (lambda c: c.decode(np.zeros((2, 4)), batch_size=0), UsageError, "batch_size: expected a number from 1, got 0"),
        (lambda c: c.decode_distribution(np.zeros((2, 4)), 0), UsageError, "batch_size: expected a number from 1"),
        (lambda c: c.log_prior(np.zeros((2, 4)), batch_size=0), UsageError, "batch_size: expected a number from 1"),
    ],
)
def test_wrong_input_is_named(codec, call, error, words):
    with pytest.raises(error, match=words):
        call(codec)


def test_summary_figures_hold_together(codec, trained):
    held_out = [*trained.prepared.test_texts, "not DNA"]
    metrics = summarise(codec, held_out, trained.prepared.train, SummarySettings(samples=50))
    assert metrics.texts == len(held_out) - 1
    assert metrics.left_out == 1
    assert metrics.elbo == pytest.approx(-(metrics.rate + metrics.distortion), rel=1e-5)
    assert metrics.nll_bound <= -metrics.elbo + 0.5
    assert metrics.validity == 1.0
    assert 0 < metrics.uniqueness <= 1
    assert 0 <= metrics.novelty <= 1
    tokens = np.mean([len(text) + 1 for text in trained.prepared.test_texts])
    assert metrics.bits_per_token == pytest.approx(metrics.nll_bound / np.log(2) / tokens, rel=1e-5)
    assert metrics.exact_reconstruction == reconstruct(codec, trained.prepared.test_texts).exact
    assert metrics.token_accuracy == token_accuracy(codec, trained.prepared.test_texts) > 0.25


def test_novelty_counts_what_training_has_seen(codec, trained):
    store = trained.prepared.train
    seen = [*codec.tokenizer.decode_batch([store.ids(row).tolist() for row in range(3)]), "AAAAAAAAAAAA"]
    assert seen_in(store, codec.tokenize(seen)) == 3
    metrics = sample_metrics([*seen, seen[0], "", "XX"], codec.tokenizer, store)
    assert metrics.validity == pytest.approx(5 / 7)
    assert metrics.uniqueness == pytest.approx(4 / 5)
    assert metrics.novelty == pytest.approx(1 / 4)


def test_a_collapsed_model_is_said_to_be_one(codec, trained):
    from seqvae.errors import CollapseWarning
    from seqvae.evaluate.model.diagnostics import active_units, collapse_sentence

    assert active_units(torch.zeros(10, 4)) == 0
    assert active_units(torch.randn(100, 4, generator=torch.Generator().manual_seed(0))) == 4
    assert collapse_sentence(5.0, 4, 4) == ""
    assert "has collapsed" in collapse_sentence(0.01, 0, 4)
    blind = seqvae.load(trained.folder, device="cpu")
    with torch.no_grad():
        blind.model.encoder.moments.weight.zero_()
        blind.model.encoder.moments.bias.zero_()
    with pytest.warns(CollapseWarning, match="the decoder ignores z"):
        metrics = summarise(blind, trained.prepared.test_texts, None, SummarySettings(samples=5))
    assert metrics.rate == 0
    assert metrics.active_units == 0
    assert metrics.novelty is None
    assert summarise(blind, trained.prepared.test_texts[:3], None, SummarySettings(samples=5)).collapse == ""


def test_samples_that_are_no_molecule_are_drawn_again():
    codec = tiny_codec("smiles")
    how = DecodeConfig("sample", seed=4)
    first = codec.generate_samples(60, replace(how, tries=1))
    once, twice, often = (codec.generate_samples(60, replace(how, tries=tries)).texts for tries in (1, 2, 30))
    assert first.texts == once
    free = codec.generate_samples(60, replace(how, tries=1, rules="syntax"))
    accepts = valences_of(codec.tokenizer).accepts
    clean = [is_valid(text) and accepts(ids[:-1]) for text, ids in zip(free.texts, free.ids, strict=True)]
    good = [is_valid(text) for text in once]
    assert sum(clean) < sum(good) < 60  # an untrained model
    for again in (once, twice, often):
        assert all(after == before for before, after, fine in zip(free.texts, again, clean, strict=True) if fine)
    assert sum(map(is_valid, often)) > sum(map(is_valid, twice)) > sum(good)
    whole = codec.generate_samples(60, replace(how, tries=30))
    assert whole.texts == often
    assert int(whole.refusals.sum()) < int(first.refusals.sum())  # what comes as a molecule has none
    assert all(count == 1 for count, fine in zip(whole.draws.tolist(), clean, strict=True) if fine)
    assert [float(row.sum()) for row in whole.token_log_probs] == pytest.approx(whole.log_likelihood.tolist())
    for tries, before in ((1, once), (2, twice)):
        after = codec.sample(60, seed=4, tries=tries)
        assert all(new == old for new, old in zip(after, before, strict=True) if is_valid(old))
        assert sum(map(is_valid, after)) > sum(map(is_valid, before))


@pytest.mark.parametrize("method", ["greedy", "sample"])
def test_only_texts_that_are_no_molecule_are_written_under_the_rules_of_chemistry(method):
    """And then as if the rules had been kept from the start: the same latent points, the same random numbers."""
    codec, how = tiny_codec("smiles"), DecodeConfig(method, seed=2)
    z = codec.draw(70, 3)
    made = codec.generate(z, how, batch_size=16)
    texts = {
        rules: codec.tokenizer.decode_batch(codec.generate_ids(z, replace(how, rules=rules), 16).ids)
        for rules in ("syntax", "valence")
    }
    freely = codec.generate_ids(z, replace(how, rules="syntax"), 16).ids
    accepts = valences_of(codec.tokenizer).accepts
    came = [is_valid(text) and accepts(ids[:-1]) for text, ids in zip(texts["syntax"], freely, strict=True)]
    assert any(came)
    assert not all(came)
    assert made.texts == [texts["syntax" if fine else "valence"][row] for row, fine in enumerate(came)]
    rows = [3, 17, 40, 69]
    some = codec.generate_ids(z, how, 16, rows)
    assert codec.tokenizer.decode_batch(some.ids) == [texts["valence"][row] for row in rows]

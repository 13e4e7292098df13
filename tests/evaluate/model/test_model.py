"""The model table: exact values where they exist, independent references elsewhere, and laws over all parts."""

import json
import math
from dataclasses import asdict, fields, replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from codec_cases import LATENT, MOLECULES, dna, untrained
from hypothesis import given
from hypothesis import strategies as st
from run_cases import dna_file, small_run, with_model

import seqvae
from seqvae.config import DecodeConfig
from seqvae.errors import CollapseWarning, InputError
from seqvae.evaluate.metric_names import BRIEF, TELLING
from seqvae.evaluate.model import diagnostics
from seqvae.evaluate.model.diagnostics import mixture_log_prob, mutual_information, other_rows
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.model.reconstruction import Reconstruction, reconstruct, sampled_reconstruction, teacher_forced
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.evaluate.model.summary import SUMMARY_METRICS, Summary, SummarySettings, summarise
from seqvae.evaluate.model.table import TABLE_METRICS, ModelTable, model_table
from seqvae.model.decoders import DECODERS, DenseDecoder
from seqvae.model.encoders import ENCODERS
from seqvae.model.posteriors import DiagonalGaussian, FullGaussian
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.runtime.device import generator
from seqvae.train.fit import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    run = with_model(small_run(dna_file(folder), epochs=8), lengths="free")
    return train(run, folder / "model", quiet=True)


@pytest.fixture(scope="module")
def codec(trained):
    return seqvae.load(trained.folder, device="cpu")


# Teacher forcing.


@pytest.mark.parametrize(("encoder", "decoder"), list(product(ENCODERS, DECODERS)))
def test_all_tokens_right_is_what_greedy_decoding_gives(encoder, decoder):
    """Teacher-forced exact from z is free-running exact from the same z, for any decoder."""
    z = 3 * torch.randn(60, LATENT, generator=generator(0))
    for seed in range(3, 30):  # of some weights nearly all texts are empty or have no end
        codec = untrained(encoder, decoder, seed=seed)
        if isinstance(codec.model.decoder, DenseDecoder):
            torch.nn.init.normal_(codec.model.decoder.bias, std=4.0, generator=generator(seed))
            codec.model.decoder.places.weight.data.mul_(10)
        own = codec.decode(z)
        kept = [i for i, text in enumerate(own) if 0 < len(text) < codec.max_length]  # none cut off at the longest
        if len({own[i] for i in kept}) > 5:
            break
    assert len({own[i] for i in kept}) > 5
    texts = [own[i] for i in kept]
    assert teacher_forced(codec, texts, z[kept])[0].exact == 1.0
    others = dna(len(kept))
    forced = teacher_forced(codec, others, z[kept])[0]
    decoded = codec.decode(z[kept])
    assert (forced.right == forced.tokens).tolist() == [a == b for a, b in zip(others, decoded, strict=True)]


def test_forced_likelihood_is_that_of_generating(codec):
    z = torch.randn(12, 4, generator=generator(1))
    found = codec.generate(z, DecodeConfig("sample", seed=3))
    kept = [i for i, text in enumerate(found.texts) if 0 < len(text) < codec.max_length]
    forced = teacher_forced(codec, [found.texts[i] for i in kept], z[kept], z[kept].flip(0))
    torch.testing.assert_close(forced[0].log_likelihood, found.log_likelihood[kept], atol=1e-4, rtol=1e-5)
    assert forced[0].tokens.tolist() == [len(found.texts[i]) + 1 for i in kept]
    assert not torch.allclose(forced[1].log_likelihood, forced[0].log_likelihood)


def test_an_ambiguous_base_is_right_with_any_that_it_allows():
    codec = untrained()
    z = torch.randn(1, LATENT, generator=generator(0))
    both = teacher_forced(codec, ["ANNNC"], z)[0]
    assert int(both.right) >= 3  # N allows every base, and only an end could be wrong
    assert int(both.tokens) == 6


# The 10 x 10 protocol.


def test_the_protocol_counts_what_a_known_decoder_gives(monkeypatch):
    """A decoder that gives back text i in a share of i / 100 of the decodings, and always from the right z."""
    codec, texts = untrained(), ["A" * n for n in range(1, 26)]
    calls = []

    def decode(z, config):
        assert config.method == "sample"
        assert config.temperature == 1.0
        assert torch.equal(z.view(-1, 10, LATENT), z[::10].unsqueeze(1).expand(-1, 10, -1))  # 10 of each point
        assert len(torch.unique(z, dim=0)) == len(z) // 10
        first = sum(calls) // 100
        calls.append(len(z))
        return [texts[first + row // 100] if row % 100 < first + row // 100 else "C" for row in range(len(z))]

    monkeypatch.setattr(codec, "generate", lambda *given, **_: SimpleNamespace(texts=decode(*given)))
    shares = sampled_reconstruction(codec, texts)
    assert sum(calls) == 100 * len(texts)
    assert shares.tolist() == pytest.approx([i / 100 for i in range(25)])


def test_the_protocol_agrees_with_the_exact_probability():
    """The expected share is the mean of p(x|z) over posterior samples, which teacher forcing gives exactly."""
    codec, texts = untrained(scale=1.5), ["A", "C", "G", "T"]
    shares = sampled_reconstruction(codec, texts, encodings=60, decodings=20)
    points = codec.posterior(texts, refine=0).rsample(100, generator(5))
    exact = torch.stack([forced.log_likelihood.exp() for forced in teacher_forced(codec, texts, *points)]).mean(0)
    assert (exact > 0.04).any()
    # 1,200 decodings of 60 independent points: a standard error below 0.02 for these shares
    assert (shares - exact).abs().max() < 0.05
    assert torch.equal(shares, sampled_reconstruction(codec, texts, encodings=60, decodings=20))


# Information.


def numerical_information(mean: np.ndarray, std: np.ndarray) -> float:
    """I(x; z) of 1-D Gaussian posteriors by the trapezoidal rule."""
    grid = np.linspace(-15, 15, 60_001)
    q = np.exp(-0.5 * ((grid - mean[:, None]) / std[:, None]) ** 2) / (std[:, None] * math.sqrt(2 * math.pi))
    mixture = q.mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(q > 0, q * np.log(q / mixture), 0.0)
    return float(np.trapezoid(parts, grid, axis=1).mean())


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_mutual_information_is_the_integral(spread):
    mean, std = spread * np.linspace(-1.5, 1.5, 6), np.array([0.3, 0.5, 1.0, 0.4, 0.8, 0.6])
    posterior = DiagonalGaussian(torch.tensor(mean[:, None]).float(), torch.tensor(2 * np.log(std)[:, None]).float())
    found = mutual_information(posterior, generator(0), samples=20_000)
    assert found.mutual == pytest.approx(numerical_information(mean, std), abs=0.01)
    assert found.limit == pytest.approx(math.log(6))


def test_mutual_information_of_many_texts_is_that_of_the_gaussian_channel():
    """Means from N(0, s^2) and a posterior variance v: I = 1/2 log(1 + s^2 / v) a dimension; its q(z) is Gaussian."""
    signal, noise = torch.tensor([2.0, 0.5]), torch.tensor([0.5, 0.8])
    mean = torch.randn(4000, 2, generator=generator(0)) * signal.sqrt()
    posterior = DiagonalGaussian(mean, noise.log().expand(4000, 2))
    found = mutual_information(posterior, generator(1))
    exact = 0.5 * (1 + signal / noise).log().sum().item()
    assert found.mutual == pytest.approx(exact, abs=0.04)
    rate = 0.5 * (signal + noise - 1 - noise.log()).sum().item()
    marginal = 0.5 * (signal + noise - 1 - (signal + noise).log()).sum().item()
    assert rate - exact == pytest.approx(marginal)  # what the table calls the marginal KL


def test_information_at_its_ends():
    apart = DiagonalGaussian(torch.arange(50.0).unsqueeze(1) * 100, torch.zeros(50, 1))
    found = mutual_information(apart, generator(0), 3)
    assert found.mutual == pytest.approx(found.limit, abs=1e-9)
    same = DiagonalGaussian(torch.zeros(50, 2), torch.zeros(50, 2))
    assert mutual_information(same, generator(0), 3).mutual == pytest.approx(0, abs=1e-9)


@given(st.integers(1, 30), st.integers(0, 1000), st.integers(1, 200))
def test_the_aggregate_posterior_is_the_mixture(texts, seed, entries):
    rng = generator(seed)
    posterior = DiagonalGaussian(
        torch.randn(texts, LATENT, generator=rng), 4 * torch.randn(texts, LATENT, generator=rng) - 4
    )
    z = posterior.rsample(1, rng)[0]
    components = torch.distributions.Independent(
        torch.distributions.Normal(posterior.mean.double(), posterior.std.double()), 1
    )
    expected = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=torch.zeros(texts).double()), components
    ).log_prob(z.double())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnostics, "_ENTRIES", entries)  # whatever the blocks
        torch.testing.assert_close(mixture_log_prob(z, posterior), expected, atol=1e-5, rtol=1e-6)


def test_the_aggregate_posterior_knows_full_covariances():
    rng = generator(0)
    posterior = FullGaussian(torch.randn(20, LATENT, generator=rng), 0.5 * torch.randn(20, 6, generator=rng))
    z, exact = posterior.rsample(50, rng).flatten(0, 1), posterior.to(torch.float64)
    components = torch.distributions.MultivariateNormal(exact.mean, scale_tril=exact.factor())
    expected = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=torch.zeros(20).double()), components
    ).log_prob(z.double())
    torch.testing.assert_close(mixture_log_prob(z, posterior), expected)


@given(st.integers(2, 60), st.integers(0, 1000))
def test_other_rows_are_other_rows(count, seed):
    partner = other_rows(count, generator(seed))
    assert sorted(partner.tolist()) == list(range(count))
    assert (partner != torch.arange(count)).all()


# The table.


@pytest.mark.parametrize(("table", "metrics"), [(ModelTable, TABLE_METRICS), (Summary, SUMMARY_METRICS)])
def test_each_field_of_a_table_has_a_name(table, metrics):
    assert {field.name for field in fields(table)} == set(metrics) | {"collapse"}
    assert all(metric.title and metric.about for metric in metrics.values())
    assert len({metric.title for metric in metrics.values()}) == len(metrics)
    assert {place for metric in metrics.values() for place in metric.places} == {TELLING, BRIEF}


def test_a_unit_is_what_stands_in_brackets_at_the_end():
    metric = TABLE_METRICS["rate"]
    assert (metric.name, metric.unit) == ("rate, KL(q(z|x) || p(z))", "nats per sequence")
    assert (TABLE_METRICS["active_units"].name, TABLE_METRICS["active_units"].unit) == ("active units", "")


def test_the_table_agrees_with_its_parts(codec, trained):
    texts = trained.prepared.test_texts
    found = model_table(codec, [*texts, "not DNA"], ModelSettings(protocol_texts=5))
    assert json.loads(json.dumps(asdict(found))) == asdict(found)
    assert (found.texts, found.left_out, found.ten_by_ten_texts) == (len(texts), 1, 5)
    bounds = codec.bounds(texts)
    assert found.rate == pytest.approx(bounds.rate.mean().item())
    assert found.elbo == pytest.approx(-(found.rate + found.distortion), rel=1e-5)
    assert found.nll_bound == pytest.approx(-codec.iwae(texts, 10).mean().item())
    assert found.tokens == sum(len(text) + 1 for text in texts) == found.characters + found.texts
    nats = found.texts / math.log(2)
    assert found.bits_per_token * found.tokens == pytest.approx(found.nll_bound * nats)
    assert found.bits_per_character * found.characters == pytest.approx(found.nll_bound * nats)
    assert found.elbo_bits_per_token == pytest.approx(found.rate_bits_per_token + found.distortion_bits_per_token)
    assert found.elbo_bits_per_character * found.characters == pytest.approx(-found.elbo * nats)
    back = reconstruct(codec, texts)
    assert found.exact_reconstruction == back.exact == found.canonical_equal == found.teacher_forced_exact
    assert found.misses == len(back.misses) == round(found.texts * (1 - back.exact))
    assert found.miss_edits_lower_quartile <= found.miss_edits_median <= found.miss_edits_upper_quartile
    assert 0 < found.miss_edits_mean <= 12
    assert (found.refined_texts, found.refine_steps, found.beam) == (len(texts), 20, 8)
    search = DecodeConfig("beam", beam=8)
    for share, refine in ((found.beam_exact, 0), (found.refined_beam_exact, 20)):
        assert share == Reconstruction(texts, codec.decode(codec.encode(texts, refine=refine), search)).exact
    assert found.miss_tanimoto_mean is None
    assert found.miss_stereo_only is None
    assert 0 <= found.mutual_information <= found.mutual_information_limit == pytest.approx(math.log(found.texts))
    assert found.marginal_kl + found.mutual_information == pytest.approx(found.rate)
    assert found.distortion_shuffled > found.distortion
    assert found.nll_bound_fitted is None
    assert found == model_table(codec, [*texts, "not DNA"], ModelSettings(protocol_texts=5))


def test_a_blind_decoder_does_not_miss_its_own_z():
    codec = untrained(scale=1.0)
    with torch.no_grad():
        codec.model.decoder.start.weight.zero_()
        codec.model.decoder.recurrence.gru.weight_ih_l0[:, -LATENT:] = 0
    texts = dna(30)
    z = torch.randn(30, LATENT, generator=generator(0))
    own, other = teacher_forced(codec, texts, z, z.flip(0))
    torch.testing.assert_close(own.log_likelihood, other.log_likelihood)


def test_a_fitted_prior_that_is_the_normal_one_changes_nothing(codec, trained):
    texts = trained.prepared.test_texts
    plain = model_table(codec, texts, ModelSettings(protocol_texts=0))
    fitted = seqvae.load(trained.folder, device="cpu")
    fitted.fitted = GaussianMixture(4)
    found = model_table(fitted, texts, ModelSettings(protocol_texts=0))
    assert found.nll_bound_fitted == pytest.approx(plain.nll_bound, rel=1e-5)
    assert found.bits_per_token_fitted == pytest.approx(plain.bits_per_token, rel=1e-5)
    assert found.bits_per_character_fitted == pytest.approx(plain.bits_per_character, rel=1e-5)
    assert found.rate_fitted == pytest.approx(plain.rate, rel=0.2)  # at a sample, not in closed form
    assert found.marginal_kl_fitted == pytest.approx(found.rate_fitted - found.mutual_information)
    kept = {"rate_fitted", "marginal_kl_fitted", "nll_bound_fitted", "bits_per_token_fitted"}
    kept |= {"bits_per_character_fitted"}
    assert {k: v for k, v in asdict(found).items() if k not in kept} == {
        k: v for k, v in asdict(plain).items() if k not in kept
    }
    assert plain.ten_by_ten is None
    assert plain.ten_by_ten_texts == 0


def test_a_table_of_molecules_and_of_a_single_text():
    codec = untrained(molecules=True)
    found = summarise(codec, MOLECULES, None, SummarySettings(protocol_texts=2, samples=5, iwae_samples=2))
    assert found.misses > 0
    assert 0 <= found.miss_tanimoto_lower_quartile <= found.miss_tanimoto_upper_quartile <= 1
    assert 0 <= found.miss_stereo_only + found.miss_invalid <= 1
    assert found.miss_edits_mean is None
    assert found.teacher_forced_exact <= found.exact_reconstruction <= found.canonical_equal
    single = model_table(codec, MOLECULES[:1], ModelSettings(protocol_texts=1, iwae_samples=1))
    assert single.distortion_shuffled is None
    assert single.ten_by_ten_error is None
    assert single.mutual_information == pytest.approx(0, abs=1e-9)
    assert single.mutual_information_limit == 0


def test_collapse_is_said_by_the_table_too(trained):
    blind = seqvae.load(trained.folder, device="cpu")
    with torch.no_grad():
        blind.model.encoder.moments.weight.zero_()
        blind.model.encoder.moments.bias.zero_()
    with pytest.warns(CollapseWarning, match="the decoder ignores z"):
        found = model_table(blind, trained.prepared.test_texts, ModelSettings(protocol_texts=0))
    assert found.rate == found.active_units == 0
    assert found.mutual_information == pytest.approx(0, abs=1e-9)
    assert found.marginal_kl == pytest.approx(0, abs=1e-9)


def test_a_perfect_model_has_no_misses(codec, monkeypatch):
    texts = dna(12, 8)
    monkeypatch.setattr(codec, "generate", lambda *_, **__: SimpleNamespace(texts=list(texts)))
    found = model_table(codec, texts, replace(ModelSettings(), protocol_texts=0))
    assert found.exact_reconstruction == found.canonical_equal == 1
    assert found.misses == 0
    assert found.miss_invalid is None
    assert found.miss_edits_median is None


def test_what_cannot_be_encoded_is_named(codec):
    read = encodable(codec, ["ACGT", "ACGX", "A" * 13, "acgu"])
    assert (read.rows, read.forms) == ([0, 3], ["ACGT", "ACGT"])
    with pytest.raises(InputError, match=r"none of the 2 sequences can be encoded by this model: .*X"):
        model_table(codec, ["ACGX", "A" * 13])
    with pytest.raises(InputError, match="there are no sequences"):
        model_table(codec, [])

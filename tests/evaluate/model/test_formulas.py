"""The model table against values worked out by hand: codecs whose posterior and whose words are known beforehand."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from codec_cases import LATENT, untrained
from formula_cases import Shifted, adam, rate
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from scipy.special import logsumexp
from scipy.stats import norm

from seqvae.config import DecodeConfig, ObjectiveConfig, RunConfig
from seqvae.data.tokens.store import write_store
from seqvae.errors import CollapseWarning
from seqvae.evaluate.model.diagnostics import (
    active_units,
    collapse_sentence,
    mixture_log_prob,
    mutual_information,
    other_rows,
)
from seqvae.evaluate.model.reconstruction import (
    Forced,
    Reconstruction,
    canonical_equal,
    sampled_reconstruction,
    teacher_forced,
    token_accuracy,
)
from seqvae.evaluate.model.reconstruction_errors import measure_reconstruction_errors
from seqvae.evaluate.model.sample_metrics import sample_metrics
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.model.table import model_table
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.runtime.device import generator

CHANCES = {"A": 0.4, "C": 0.2, "G": 0.1, "T": 0.1, "end": 0.2}
MEAN, LOG_VARIANCE = [1.0, -0.5, 0.0], [0.2, -1.0, 0.0]
TEXTS = ["ACGT", "AAC", "T", "GATTACA", "A" * 30]
QUICK = ModelSettings(protocol_texts=0, refined_texts=0)


def blind(mean=MEAN, log_variance=LOG_VARIANCE):
    """A codec with one posterior for all texts, and one distribution of tokens at every position and point."""
    codec = untrained()
    with torch.no_grad():
        codec.model.encoder.moments.weight.zero_()
        codec.model.encoder.moments.bias.copy_(torch.tensor([*mean, *log_variance]))
        codec.model.decoder.output.linear.weight.zero_()
        chances = [1.0, 1.0, CHANCES["end"], *(CHANCES[letter] for letter in "ACGT")]
        codec.model.decoder.output.linear.bias.copy_(torch.tensor(chances).log())
    return codec


def cost(text):
    """-log p(x) of a text, nats."""
    return -sum(math.log(CHANCES[letter]) for letter in [*text, "end"])


# What coding costs.


def test_bounds_and_bits_of_a_blind_model_are_sums_of_logarithms():
    found = model_table(blind(), TEXTS, QUICK)
    distortion, nats = np.mean([cost(text) for text in TEXTS]), rate(MEAN, LOG_VARIANCE).sum()
    tokens, characters = 4 + 3 + 1 + 7 + 30 + 5, 4 + 3 + 1 + 7 + 30
    assert (found.texts, found.tokens, found.characters, found.latent) == (5, tokens, characters, LATENT)
    assert found.rate == pytest.approx(nats, rel=1e-5)
    assert found.distortion == pytest.approx(distortion, rel=1e-5)
    assert found.elbo == pytest.approx(-distortion - nats, rel=1e-5)
    for name, value in (("elbo", distortion + nats), ("rate", nats), ("distortion", distortion)):
        assert getattr(found, f"{name}_bits_per_token") == pytest.approx(value * 5 / tokens / math.log(2), rel=1e-5)
    assert found.elbo_bits_per_character == pytest.approx((distortion + nats) * 5 / characters / math.log(2), rel=1e-5)
    assert found.distortion_shuffled == pytest.approx(distortion, rel=1e-5)
    # The likeliest token is A everywhere: 1 + 2 + 0 + 3 + 30 of them, no end, and the text of 30 of them comes back.
    assert found.token_accuracy == pytest.approx((1 + 2 + 0 + 3 + 30) / tokens)
    assert found.teacher_forced_exact == 0
    assert found.exact_reconstruction == found.canonical_equal == 0.2
    # 30 letters A for a text: each of its own A stays, so that 29, 28, 30 and 27 edits are needed.
    assert (found.misses, found.miss_invalid, found.miss_edits_mean) == (4, 0, 28.5)
    assert (found.miss_edits_lower_quartile, found.miss_edits_median, found.miss_edits_upper_quartile) == (
        27.75,
        28.5,
        29.25,
    )
    assert token_accuracy(blind(), TEXTS) == found.token_accuracy


def test_where_the_posterior_is_the_prior_the_weighted_bound_is_exact():
    found = model_table(blind([0.0] * 3, [0.0] * 3), TEXTS, QUICK)
    bits = sum(map(cost, TEXTS)) / math.log(2)
    assert found.nll_bound == pytest.approx(np.mean([cost(text) for text in TEXTS]), rel=1e-5)
    assert found.bits_per_token == pytest.approx(bits / 50, rel=1e-5)
    assert found.bits_per_character == pytest.approx(bits / 45, rel=1e-5)
    assert [found.rate, found.marginal_kl] == pytest.approx([0, 0], abs=1e-6)
    assert (found.active_units, found.iwae_samples) == (0, 10)


def test_figures_of_a_fitted_prior_are_weighted_by_it():
    codec = blind([0.0] * 3, [0.0] * 3)
    codec.fitted = Shifted()  # N(1, 4) in place of N(0, 1)
    found = model_table(codec, TEXTS, replace(QUICK, iwae_samples=4))
    noise = torch.randn(4, 5, LATENT, generator=generator(0, 13)).double().numpy()
    ratios = (norm.logpdf(noise, 1, 2) - norm.logpdf(noise)).sum(2)  # of one posterior for all: whatever their order
    distortion = np.mean([cost(text) for text in TEXTS])
    nll = distortion - np.log(np.exp(ratios).mean(0)).mean()
    once = torch.randn(1, 5, LATENT, generator=generator(0, 13)).double().numpy()[0]
    nats = (norm.logpdf(once) - norm.logpdf(once, 1, 2)).sum(1).mean()
    assert found.nll_bound_fitted == pytest.approx(nll, rel=1e-4)
    assert found.bits_per_token_fitted == pytest.approx(nll * 5 / 50 / math.log(2), rel=1e-4)
    assert found.bits_per_character_fitted == pytest.approx(nll * 5 / 45 / math.log(2), rel=1e-4)
    assert found.rate_fitted == pytest.approx(nats, rel=1e-4)
    assert found.marginal_kl_fitted == pytest.approx(nats, rel=1e-4)  # there is no information to take off


def test_points_of_other_texts_cost_what_they_cost():
    """Of two texts the other one is known, and a posterior of no width is its mean."""
    codec, texts = untrained(), ["ACGTAC", "TTT"]
    with torch.no_grad():
        codec.model.encoder.moments.weight[LATENT:] = 0
        codec.model.encoder.moments.bias[LATENT:] = -60.0
        mean = codec.posterior(texts, refine=0).mean
        tokens = codec.padded(codec.tokenize(texts).ids)
        chances = codec.model.decoder(mean.flip(0), tokens).double().softmax(-1)
    found = model_table(codec, texts, QUICK)
    ends = [len(text) + 1 for text in texts]
    exact = [sum(math.log(chances[row, at, tokens[row, at]]) for at in range(ends[row])) for row in range(2)]
    assert found.distortion_shuffled == pytest.approx(-np.mean(exact), rel=1e-5)


def test_forced_shares_are_at_the_mean_and_at_a_sample():
    """A text that comes back from the mean of all posteriors, eight times: from samples not always."""
    codec = untrained(seed=3)
    with torch.no_grad():
        codec.model.encoder.moments.weight.zero_()
        codec.model.encoder.moments.bias.copy_(torch.tensor([-7.1, 0.2, 0.3, -2.0, -2.0, -2.0]))
    texts = codec.decode(torch.tensor([[-7.1, 0.2, 0.3]])) * 8
    found, tokens = model_table(codec, texts, QUICK), codec.padded(codec.tokenize(texts).ids)
    with torch.no_grad():
        z = codec.posterior(texts, refine=0).rsample(1, generator(0, 23))[0]
        right = (codec.model.decoder(z, tokens).argmax(-1) == tokens).all(1)
    assert found.teacher_forced_exact == 1
    assert found.teacher_forced_exact_sampled == right.double().mean().item()
    assert 0 < found.teacher_forced_exact_sampled < 1


# What comes back.


def test_shares_of_decodings_are_those_that_are_right():
    """Of five texts, by method and posterior as many are right as below; of the protocol 10, 20, 30, 40, 90 of 100."""
    codec, texts = untrained(), ["ACGT", "AAC", "T", "GATTACA", "CC"]
    mean, asked = codec.posterior(texts, refine=0).mean, []

    def decode(z, config=None, *_):
        method = config.method if config else "greedy"
        if method == "sample":
            asked.append((len(z), config.temperature))
            return [
                text if row < right else "C"
                for text, right in zip(texts, (10, 20, 30, 40, 90), strict=True)
                for row in range(100)
            ]
        right = {("greedy", True): 2, ("beam", True): 3, ("greedy", False): 1, ("beam", False): 4}
        count = right[method, torch.equal(z, mean)]
        return [*texts[:count], *("" for _ in texts[count:])]

    codec.generate = lambda *given, **_: SimpleNamespace(texts=decode(*given))
    found = model_table(codec, texts)
    assert (found.exact_reconstruction, found.beam_exact) == (0.4, 0.6)
    assert (found.refined_exact, found.refined_beam_exact) == (0.2, 0.8)
    assert (found.misses, found.miss_invalid, found.refine_steps, found.beam) == (3, 1.0, 20, 8)
    assert asked == [(500, 1.0)]
    assert found.ten_by_ten == pytest.approx(0.38)
    # Squares of 28, 18, 8, 2 and 52 are 3,880 together: a quarter of that is the variance.
    assert found.ten_by_ten_error == pytest.approx(math.sqrt(3880 / 4 / 5) / 100)


def test_the_amortisation_gap_is_what_twenty_steps_save():
    codec = blind()
    codec.run = RunConfig(model=codec.run.model, objective=ObjectiveConfig(beta=0.5))
    after = adam(np.array([MEAN, LOG_VARIANCE]), lambda at, step: 0.5 * np.array([at[0], (np.exp(at[1]) - 1) / 2]), 20)
    saved = 0.5 * (rate(MEAN, LOG_VARIANCE).sum() - rate(*after).sum())
    found = model_table(codec, TEXTS, replace(QUICK, refined_texts=9))
    assert found.amortisation_gap == pytest.approx(saved, rel=1e-3)
    # Where the decoder listens, what it says counts too: more likely texts at the same noise.
    codec = untrained(scale=2.0)
    first, better = codec.posterior(TEXTS, refine=0), codec.posterior(TEXTS, refine=20)
    tokens, costs = codec.padded(codec.tokenize(TEXTS).ids), []
    for one in (first, better):
        z = one.rsample(1, generator(0, 25))[0]
        with torch.no_grad():
            spoken = codec.model.log_likelihood(z, tokens)
        costs.append(-spoken.mean().item() + 0.1 * rate(one.mean.numpy(), one.log_variance.numpy()).sum(1).mean())
    found = model_table(codec, TEXTS, replace(QUICK, refined_texts=9))
    assert found.amortisation_gap == pytest.approx(costs[0] - costs[1], rel=1e-3)


def test_shares_of_tokens_and_texts_are_counted():
    forced = Forced(torch.tensor([3, 2, 5]), torch.tensor([3, 4, 5]), torch.zeros(3))
    assert forced.accuracy == pytest.approx(10 / 12)
    assert forced.exact == pytest.approx(2 / 3)
    back = Reconstruction(["A", "C", "G", "T"], ["A", "C", "T", ""])
    assert back.exact == 0.5
    assert back.misses == [("G", "T"), ("T", "")]
    assert canonical_equal(untrained(), Reconstruction(["ACGT", "C"], ["acgu", "G"])) == 0.5  # ACGT, once it is normal


def test_forced_words_of_a_blind_model_are_its_likeliest():
    codec = blind()
    found = teacher_forced(codec, ["AAC", "T"], torch.zeros(2, LATENT))[0]
    assert (found.right.tolist(), found.tokens.tolist()) == ([2, 0], [4, 2])
    assert found.log_likelihood.tolist() == pytest.approx([-cost("AAC"), -cost("T")], rel=1e-5)
    sets = teacher_forced(codec, ["MK"], torch.zeros(1, LATENT))[0]  # M allows A and C, K allows G and T
    assert sets.right.tolist() == [1]
    assert sets.log_likelihood.item() == pytest.approx(math.log(0.6) + math.log(0.2) + math.log(0.2), rel=1e-5)


def test_the_protocol_finds_the_probability_of_a_text():
    shares = sampled_reconstruction(blind(), ["A", "C"], encodings=40, decodings=50)
    # 0.4 x 0.2 and 0.2 x 0.2, of 2,000 decodings: within 4 standard errors.
    assert shares.tolist() == [pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 2000)) for p in (0.08, 0.04)]


# What z carries.


def test_a_unit_is_active_above_a_variance_of_a_hundredth():
    # Of two means a and -a the variance is a squared: 0.0099, 0.0101, 0.0999 and 0.
    means = torch.tensor([[0.0099, 0.0101, 0.0999, 0.0]]).sqrt()
    assert active_units(torch.cat([means, -means])) == 2
    assert active_units(torch.zeros(0, 4)) == 0


def mixture(z, mean, width):
    """Log density of the mixture in equal parts of some normal ones."""
    return logsumexp(norm.logpdf(z[:, None], mean, width).sum(2), axis=1) - math.log(len(mean))


def information(posterior, noise):
    """What points tell of their texts: the log ratio of their own density and the mixture's, mean, nats."""
    mean, width = posterior.mean.double().numpy(), np.exp(posterior.log_variance.double().numpy() / 2)
    drawn = mean + width * noise
    return np.mean([norm.logpdf(one, mean, width).sum(1) - mixture(one, mean, width) for one in drawn])


def test_the_mixture_and_the_information_are_by_the_definition():
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(2, 7, 3)).astype(np.float32)
    posterior = DiagonalGaussian(torch.from_numpy(mean), torch.from_numpy(log_variance))
    z, width = rng.normal(size=(5, 3)), np.exp(log_variance.astype(np.float64) / 2)
    found = mixture_log_prob(torch.from_numpy(z), posterior)
    assert found.tolist() == pytest.approx(mixture(z, mean, width).tolist(), abs=1e-6)
    found = mutual_information(posterior, generator(4), 2)
    noise = torch.randn(2, 7, 3, generator=generator(4)).double().numpy()
    assert found.mutual == pytest.approx(information(posterior, noise), abs=1e-6)
    assert found.limit == pytest.approx(math.log(7))
    assert other_rows(2, generator(0)).tolist() == [1, 0]


def test_what_the_rate_does_not_tell_of_the_texts_is_the_marginal_divergence():
    codec = untrained(scale=1.5)
    codec.fitted = Shifted()
    found, posterior = model_table(codec, TEXTS, QUICK), codec.posterior(TEXTS, refine=0)
    told = information(posterior, torch.randn(1, 5, LATENT, generator=generator(0, 24)).double().numpy())
    assert 0.05 < told < math.log(5)
    assert found.mutual_information == pytest.approx(told, abs=1e-6)
    assert found.mutual_information_limit == pytest.approx(math.log(5))
    nats = rate(posterior.mean.numpy(), posterior.log_variance.numpy()).sum(1).mean()
    assert found.marginal_kl == pytest.approx(nats - told, abs=1e-5)
    assert found.marginal_kl_fitted == pytest.approx(found.rate_fitted - told, abs=1e-6)


def test_collapse_is_below_a_tenth_of_a_nat_or_of_the_units():
    assert "carries 0.099 nats per sequence and 5 of 5 units" in collapse_sentence(0.099, 5, 5)
    assert collapse_sentence(0.1, 5, 5) == ""
    assert "has collapsed" in collapse_sentence(9.0, 0, 5)
    assert "unused: 1 of 11 units" in collapse_sentence(9.0, 1, 11)
    assert collapse_sentence(9.0, 1, 10) == ""


def test_ten_texts_are_enough_to_judge():
    letters = ["A", "C", "G", "T", "AA", "AC", "AG", "AT", "CA", "CC"]
    assert model_table(blind(), letters[:9], QUICK).collapse == ""
    with pytest.warns(CollapseWarning, match="0 of 3 units"):
        assert model_table(blind(), letters, QUICK).collapse


# Misses and samples.


def test_misses_have_their_mean_and_interpolated_quartiles():
    pairs = [("A" * 9, "A" * 8), ("ACGT", "ACAA"), ("ACGT", ""), ("A", "C" * 9)]  # 1, 2, 4 and 9 edits
    found = measure_reconstruction_errors(pairs, molecular=False)
    assert (found.count, found.invalid, found.stereo_only) == (4, 0.25, None)
    assert asdict(found.edits) == {"mean": 4.0, "lower_quartile": 1.75, "median": 3.0, "upper_quartile": 5.25}
    pairs = [("CCO", "CCN"), ("CCO", "C("), ("C[C@H](N)O", "C[C@@H](N)O"), ("CCCO", "CCO"), ("CCO", "")]
    found = measure_reconstruction_errors(pairs, molecular=True)
    prints = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    alike = [0.0, 0.0]
    for pair in (pairs[0], pairs[2], pairs[3]):
        first, second = (set(prints.GetFingerprint(Chem.MolFromSmiles(text)).GetOnBits()) for text in pair)
        alike.append(len(first & second) / len(first | second))
    alike.sort()
    assert (found.count, found.invalid, found.stereo_only) == (5, 0.4, 0.2)
    expected = {"mean": np.mean(alike), "lower_quartile": alike[1], "median": alike[2], "upper_quartile": alike[3]}
    assert asdict(found.tanimoto) == pytest.approx(expected)


def test_samples_are_valid_unique_and_novel_in_turn(tmp_path):
    codec = untrained()
    samples = ["ACGT", "acgt", "AA", "AA", "C", "X", "", "GG"]
    store = write_store(tmp_path / "store", codec.tokenize(["AA", "TT", "GG", "AA"]).ids)
    found = sample_metrics(samples, codec.tokenizer, store)
    # Six are sequences; ACGT, AA, C and GG are distinct; AA and GG were seen.
    assert asdict(found) == {"validity": 6 / 8, "uniqueness": 4 / 6, "novelty": 2 / 4}
    assert sample_metrics(samples, codec.tokenizer, None).novelty is None
    asked = []
    codec.generate_samples = lambda *how: asked.append(how) or SimpleNamespace(texts=samples)
    table = summarise(codec, TEXTS, store, SummarySettings(protocol_texts=0, refined_texts=0, samples=8, seed=5))
    assert asked == [(8, DecodeConfig("sample", seed=5, tries=1))]
    assert (table.samples, table.validity, table.uniqueness, table.novelty) == (8, 6 / 8, 4 / 6, 2 / 4)

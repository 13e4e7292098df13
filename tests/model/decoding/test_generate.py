"""Laws of decoding, over every decoder and method."""

import pytest
import torch
from model_cases import LATENT, LONGEST, every_text, model, padded

from seqvae.config import DecodeConfig
from seqvae.errors import ConfigError
from seqvae.model.decoders import DECODERS
from seqvae.model.decoding.choice import rising
from seqvae.model.decoding.generate import decode, distribution
from seqvae.model.encoders import EOS, PAD
from seqvae.model.objective import token_log_likelihood
from seqvae.runtime.device import generator

all_decoders = pytest.mark.parametrize("decoder", DECODERS)
METHODS = [
    DecodeConfig("greedy"),
    DecodeConfig("sample"),
    DecodeConfig("sample", temperature=0.5, top_p=0.8),
    DecodeConfig("beam", beam=3),
]


def points(count: int = 20) -> torch.Tensor:
    return torch.randn(count, LATENT, generator=generator(4))


def run(decoder, config, z=None, seed=0):
    with torch.no_grad():
        return decode(decoder, points() if z is None else z, config, generator(seed))


@all_decoders
@pytest.mark.parametrize("config", METHODS, ids=str)
def test_reported_log_probabilities_are_the_models_own(decoder, config):
    built = model(decoder=decoder, scale=3.0)
    found = run(built.decoder, config)
    with torch.no_grad():
        expected = token_log_likelihood(built.decoder(points(), found.ids), found.ids)
    torch.testing.assert_close(found.token_log_probs, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.log_likelihood, expected.sum(-1), atol=1e-4, rtol=0)


@all_decoders
@pytest.mark.parametrize("config", METHODS, ids=str)
def test_rows_end_once_and_are_padded_after(decoder, config):
    ids = run(model(decoder=decoder, scale=3.0).decoder, config).ids
    for row in ids.tolist():
        body = row[: row.index(EOS) + 1] if EOS in row else row
        assert PAD not in body
        assert set(row[len(body) :]) <= {PAD}
        assert EOS in row
        assert len(body) <= LONGEST + 1


@all_decoders
@pytest.mark.parametrize("config", METHODS, ids=str)
def test_a_decoder_of_fixed_length_writes_that_length_alone(decoder, config):
    free, fixed = (model(decoder=decoder, scale=3.0, lengths=lengths) for lengths in ("free", "fixed"))
    with torch.no_grad():
        free.decoder.output.linear.bias[EOS] += 4.0
        fixed.decoder.output.linear.bias[EOS] += 4.0
    assert bool(((run(free.decoder, config).ids == EOS).nonzero()[:, 1] < LONGEST).any())
    found = run(fixed.decoder, config)
    assert (found.ids == EOS).nonzero()[:, 1].tolist() == [LONGEST] * len(found.ids)
    with torch.no_grad():  # the probabilities are the model's own, whatever it may write
        expected = token_log_likelihood(free.decoder(points(), found.ids), found.ids)
        probabilities = distribution(fixed.decoder, points())
    torch.testing.assert_close(found.token_log_probs, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(20, LONGEST + 1))
    assert bool((probabilities[:, :-1, EOS] == 0).all())
    assert bool((probabilities[:, -1, EOS] == 1).all())


@all_decoders
@pytest.mark.parametrize("config", METHODS, ids=str)
def test_same_seed_same_tokens_whatever_else_is_in_the_batch(decoder, config):
    built, z = model(decoder=decoder, scale=3.0).decoder, points()
    whole = run(built, config, z)
    assert torch.equal(whole.ids, run(built, config, z).ids)
    first = run(built, config, z[:5])  # the rows before draw their numbers first
    assert torch.equal(first.ids, whole.ids[:5, : first.ids.shape[1]])


@all_decoders
@pytest.mark.parametrize("config", METHODS, ids=str)
def test_some_rows_get_what_they_would_among_all(decoder, config):
    built, z = model(decoder=decoder, scale=3.0).decoder, points()
    whole = run(built, config, z)
    for rows in (torch.arange(len(z)) % 3 == 0, torch.zeros(len(z), dtype=torch.bool)):
        with torch.no_grad():
            some = decode(built, z, config, generator(0), rows=rows)
        assert torch.equal(some.ids, whole.ids[rows][:, : some.ids.shape[1]])
        assert (whole.ids[rows][:, some.ids.shape[1] :] == PAD).all()


@all_decoders
def test_another_seed_samples_other_texts(decoder):
    built = model(decoder=decoder).decoder
    first, other = (run(built, DecodeConfig("sample"), seed=seed).ids for seed in (0, 1))
    assert first.shape != other.shape or not torch.equal(first, other)


@all_decoders
def test_sampling_has_the_models_frequencies(decoder):
    built = model(decoder=decoder, scale=2.0).decoder
    z = points(1)
    found = run(built, DecodeConfig("sample"), z.expand(20_000, -1)).ids[:, 0]
    with torch.no_grad():
        expected = built(z, torch.tensor([[EOS]])).softmax(-1)[0, 0]
    share = torch.bincount(found, minlength=len(expected)) / len(found)
    torch.testing.assert_close(share, expected, atol=0.02, rtol=0)


@all_decoders
def test_temperature_and_nucleus_have_their_frequencies(decoder):
    built = model(decoder=decoder, scale=2.0).decoder
    z = points(1)
    with torch.no_grad():
        logits = built(z, torch.tensor([[EOS]]))[0, 0]
    config = DecodeConfig("sample", temperature=0.7, top_p=0.6)
    found = run(built, config, z.expand(20_000, -1)).ids[:, 0]
    expected = (logits / 0.7).softmax(-1)
    order = expected.argsort(descending=True)
    kept = order[: int((expected[order].cumsum(0) < 0.6).sum()) + 1]
    expected = torch.zeros_like(expected).scatter(0, kept, expected[kept] / expected[kept].sum())
    share = torch.bincount(found, minlength=len(expected)) / len(found)
    torch.testing.assert_close(share, expected, atol=0.02, rtol=0)


def test_no_number_lies_in_the_share_of_an_impossible_token():
    """However the sums of the shares were rounded; sums that rise by themselves stay as they are."""
    rng = generator(0)
    probabilities = torch.randn(500, 40, generator=rng).softmax(-1)
    probabilities = probabilities.masked_fill(torch.rand(500, 40, generator=rng) < 0.5, 0.0)
    sums = probabilities.cumsum(-1)
    assert torch.equal(rising(sums, probabilities), sums)
    rounded = rising(sums + 1e-3 * torch.randn(500, 40, generator=rng), probabilities)
    assert (rounded.diff(dim=-1) >= 0).all()
    numbers = torch.rand(500, 1000, generator=rng) * rounded[:, -1:] * 0.9999
    assert (probabilities.gather(1, torch.searchsorted(rounded, numbers, right=True)) > 0).all()


@all_decoders
def test_greedy_is_a_nucleus_of_one_token_and_a_beam_of_one(decoder):
    built = model(decoder=decoder, scale=3.0).decoder
    greedy = run(built, DecodeConfig("greedy")).ids
    assert torch.equal(greedy, run(built, DecodeConfig("sample", top_p=1e-6)).ids)
    assert torch.equal(greedy, run(built, DecodeConfig("beam", beam=1)).ids)


@all_decoders
def test_a_full_beam_finds_the_likeliest_text(decoder):
    """With a beam as wide as the number of texts the search is exhaustive."""
    built = model(decoder=decoder, latent=2, scale=3.0)
    decoder_ = built.decoder
    decoder_.max_length = 2
    texts = padded(every_text(2, tuple(range(3, 9))), 2)
    for z in torch.randn(5, 2, generator=generator(0)):
        with torch.no_grad():
            scores = built.log_likelihood(z.expand(len(texts), -1), texts)
            found = decode(decoder_, z.unsqueeze(0), DecodeConfig("beam", beam=400), generator(0))
        assert found.log_likelihood.item() == pytest.approx(scores.max().item(), abs=1e-4)


@all_decoders
def test_distributions_are_the_greedy_ones(decoder):
    built = model(decoder=decoder, scale=3.0).decoder
    with torch.no_grad():
        probabilities = distribution(built, points())
    greedy = run(built, DecodeConfig("greedy"))
    assert probabilities.shape[:2] == greedy.ids.shape
    free = slice(0, LONGEST)  # behind the longest text greedy decoding must end, whatever is likeliest
    assert torch.equal(probabilities[:, free].argmax(-1), greedy.ids[:, free])
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(greedy.ids.shape))
    own = probabilities.gather(2, greedy.ids.unsqueeze(2)).squeeze(2).log()
    torch.testing.assert_close(own, greedy.token_log_probs, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "gready"}, "method: unknown value 'gready'; did you mean 'greedy'?"),
        ({"temperature": 0.0}, "temperature: expected a number from 0.001 to 1000, got 0"),
        ({"top_p": 1.5}, "top_p: expected a number from 1e-06 to 1, got 1.5"),
    ],
)
def test_wrong_settings_are_named(settings, words):
    with pytest.raises(ConfigError) as error:
        DecodeConfig(**settings)
    assert str(error.value) == words

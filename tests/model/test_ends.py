"""Decoders of fixed length: all probability is on sequences of that length, unless an older model says otherwise."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from model_cases import LATENT, config

from seqvae.config import DecodeConfig
from seqvae.model.build import build_decoder
from seqvae.model.decoders import DECODERS
from seqvae.model.decoding.generate import decode
from seqvae.model.encoders import EOS
from seqvae.model.objective import log_likelihood

LETTERS, LENGTH = 3, 4
VOCAB = 3 + LETTERS
all_decoders = pytest.mark.parametrize("kind", DECODERS)


def decoder(kind, ends):
    torch.manual_seed(1)
    made = replace(config(decoder=kind), max_length=LENGTH, lengths="fixed", ends=ends, counts="none")
    return build_decoder(made, VOCAB).eval()


def rows(length, width):
    found = torch.zeros(LETTERS**length, width, dtype=torch.long)
    for row, letters in enumerate(product(range(3, VOCAB), repeat=length)):
        found[row, :length] = torch.tensor(letters)
        found[row, length] = EOS
    return found


@torch.no_grad()
def mass(made, length):
    """The probability of all sequences of a length."""
    tokens = rows(length, length + 1)
    z = torch.randn(1, LATENT, generator=torch.Generator().manual_seed(0)).expand(len(tokens), -1)
    return float(log_likelihood(made(z, tokens), tokens).exp().sum())


@all_decoders
def test_all_probability_is_on_the_length(kind):
    made = decoder(kind, "certain")
    assert mass(made, LENGTH) == pytest.approx(1.0, abs=1e-5)
    assert [mass(made, length) for length in range(1, LENGTH)] == [0.0] * (LENGTH - 1)


@all_decoders
def test_an_older_model_keeps_its_early_ends(kind):
    certain, learned, blank = decoder(kind, "certain"), decoder(kind, "learned"), decoder(kind, "auto")
    assert 0.05 < mass(learned, LENGTH) < 0.95
    assert mass(blank, LENGTH) == mass(learned, LENGTH)
    assert learned.state_dict().keys() == certain.state_dict().keys()


@all_decoders
@torch.no_grad()
def test_another_length_has_a_finite_likelihood_and_gradient(kind):
    made = decoder(kind, "certain")
    tokens = rows(2, 3)
    z = torch.zeros(len(tokens), LATENT)
    found = log_likelihood(made(z, tokens), tokens)
    assert torch.isfinite(found).all() and (found < -1000).all()
    with torch.enable_grad():
        z.requires_grad_(True)
        log_likelihood(made(z, rows(LENGTH, LENGTH + 1)[: len(z)]), rows(LENGTH, LENGTH + 1)[: len(z)]).sum().backward()
    assert torch.isfinite(z.grad).all()


@all_decoders
@torch.no_grad()
def test_steps_have_the_same_ends(kind):
    made, tokens = decoder(kind, "certain"), rows(LENGTH, LENGTH + 1)[:5]
    z = torch.randn(5, LATENT, generator=torch.Generator().manual_seed(2))
    whole, state, before = made(z, tokens), made.begin(z), torch.ones(5, dtype=torch.long)
    for place in range(LENGTH + 1):
        logits, state = made.step(before, state)
        torch.testing.assert_close(logits.log_softmax(-1), whole[:, place].log_softmax(-1), atol=1e-5, rtol=1e-5)
        before = tokens[:, place]


@all_decoders
@pytest.mark.parametrize("method", ["sample", "greedy", "beam"])
@torch.no_grad()
def test_every_sample_has_the_length_and_its_own_probability(kind, method):
    made = decoder(kind, "certain")
    z = torch.randn(60, LATENT, generator=torch.Generator().manual_seed(3))
    found = decode(made, z, DecodeConfig(method=method, beam=3), torch.Generator().manual_seed(4))
    assert found.ids.shape == (60, LENGTH + 1) and (found.ids[:, -1] == EOS).all()
    assert (found.ids[:, :-1] > EOS).all()
    expected = log_likelihood(made(z, found.ids), found.ids)
    torch.testing.assert_close(found.log_likelihood, expected, atol=1e-4, rtol=1e-4)

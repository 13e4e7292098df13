"""The recipes that we are compared with: their published sizes, that they learn, and that their bounds are bounds."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from scripts.baselines import ddvae_recipe, moses_recipe
from scripts.benchmarks.speed import matrix_work, tokenizing
from seqvae.config import DecodeConfig, ModelConfig
from seqvae.model.build import build_model
from seqvae.model.decoding.generate import decode
from seqvae.runtime.device import generator

MODELS = [moses_recipe.MosesVAE, ddvae_recipe.DdVAE]
ALPHABET = moses_recipe.Characters("abc")
TEXTS = [ALPHABET.encode(text) for text in ("abcabc", "abc", "", "cc")]


@pytest.mark.parametrize("make", MODELS)
def test_a_recipe_learns_and_samples(make):
    torch.manual_seed(0)
    model = make(len(ALPHABET))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = model.loss(TEXTS).item()
    for _ in range(5):
        moses_recipe.train_step(model, optimizer, TEXTS)
    assert model.loss(TEXTS).item() < before
    texts = model.sample(3, ALPHABET)
    assert len(texts) == 3
    assert set("".join(texts)) <= set("abc")


@pytest.mark.parametrize("make", MODELS)
def test_the_elbo_of_a_recipe_is_the_one_in_closed_form(make):
    torch.manual_seed(0)
    model = make(len(ALPHABET))
    weights = moses_recipe.importance_weights(model, TEXTS, 60)
    with torch.no_grad():
        mean, log_variance = model.posterior(*moses_recipe.together(TEXTS))
        kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
        distortion = -(weights.mean(0) + kl)
        draws = mean + (0.5 * log_variance).exp() * torch.randn(60, *mean.shape)
        expected = torch.stack([model.log_likelihood(moses_recipe.together(TEXTS)[0], z) for z in draws]).mean(0)
    spread = weights.std(0) / 60**0.5
    assert ((distortion + expected).abs() <= 6 * spread + 1e-3).all()
    assert (weights.logsumexp(0) - torch.tensor(60.0).log() >= weights.mean(0)).all()


@pytest.mark.parametrize(("make", "module"), [*zip(MODELS, (moses_recipe, ddvae_recipe), strict=True)])
def test_the_loss_of_a_recipe_adds_the_weighted_kl_to_the_cross_entropy_of_a_token(make, module, monkeypatch):
    monkeypatch.setattr(module, "_KL_WEIGHT", 0.7)
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)  # z is the mean
    model = make(len(ALPHABET)).eval()
    with torch.no_grad():
        model.mean.bias.fill_(0.5)
        padded, lengths = moses_recipe.together(TEXTS)
        mean, log_variance = model.posterior(padded, lengths)
        kl = (0.5 * (log_variance.exp() + mean**2 - 1 - log_variance)).sum().item() / len(TEXTS)
        spoken = model.log_likelihood(padded, mean).sum().item()
        # Of 6, 3, 0 and 2 characters, each with its end mark.
        assert model.loss(TEXTS).item() == pytest.approx(-spoken / (7 + 4 + 1 + 3) + 0.7 * kl, rel=1e-4)
    assert kl > 1


@pytest.mark.parametrize("make", MODELS)
def test_padding_changes_nothing(make):
    model = make(len(ALPHABET)).eval()
    with torch.no_grad():
        padded, lengths = moses_recipe.together(TEXTS)
        mean, _ = model.posterior(padded, lengths)
        together = model.log_likelihood(padded, mean)
        alone = torch.cat([model.log_likelihood(text.unsqueeze(0), mean[i : i + 1]) for i, text in enumerate(TEXTS)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_sampling_work_is_what_torch_counts():
    config = ModelConfig(latent=5, embedding=7, encoder_width=6, decoder_width=9, max_length=4)
    decoder = build_model(config, vocab_size=11).decoder.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        found = decode(decoder, torch.zeros(32, 5), DecodeConfig("sample"), generator(0))
    longest = int((found.ids != 0).any(dim=0).sum())  # rows that have ended are filled up to as many
    assert counter.get_total_flops() == 32 * matrix_work.sampling_flops(longest, config, vocab_size=11)


def test_both_ways_of_tokenising_give_the_same_symbols():
    from seqvae.sequences.molecules import smiles_to_selfies, split_selfies
    from seqvae.sequences.tokenizers.registry import build_tokenizer

    texts = ["CCO", "c1ccccc1O", "CC(=O)O"]
    strings = [smiles_to_selfies(text) for text in texts]
    plain = build_tokenizer("selfies").fit(texts)
    ours = plain.ids_batch(list(map(split_selfies, strings)))
    theirs = tokenizing.library_loop(strings)
    for mine, other in zip(ours, theirs, strict=True):
        assert len({(a, b) for a, b in zip(mine, other, strict=False)}) == len(set(mine))
    found = tokenizing.rounds(texts, plain, 1)
    assert set(tokenizing.ratios(found)) == {f"tokenizing, {name}" for name in found if name.startswith("ours")}

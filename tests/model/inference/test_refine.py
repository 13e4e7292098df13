"""Refined posteriors: never worse for a text than the encoder's, its own affair, and the model stays as it is."""

import math

import pytest
import torch
from bulk_cases import tiny_codec
from model_cases import LATENT, model, tokens

from seqvae.errors import UsageError
from seqvae.model.decoders import DECODERS
from seqvae.model.families import POSTERIORS
from seqvae.model.inference.refine import STEP_SIZE, descended, refined
from seqvae.model.rate import rate
from seqvae.runtime.device import generator

BETA = 0.2


def objective(vae, ids, posterior, samples=200):
    """Return distortion + beta * rate of each text, the mean of many samples."""
    z = posterior.rsample(samples, generator(7))
    distortion = -torch.stack([vae.log_likelihood(point, ids) for point in z]).mean(0)
    return distortion + BETA * rate(posterior, vae.prior, z)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_objective_of_each_text_falls(decoder):
    vae, ids = model(decoder=decoder, scale=2.0), tokens([5, 3, 4, 6, 1, 2])
    weights = {name: value.clone() for name, value in vae.state_dict().items()}
    found = refined(vae, ids, BETA, 60)
    with torch.no_grad():
        before = objective(vae, ids, vae.posterior(ids))
        after = objective(vae, ids, found)
    assert bool((after < before).all())
    assert all(torch.equal(weights[name], value) for name, value in vae.state_dict().items())
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert not found.mean.requires_grad


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_steps_are_those_of_adam(posterior):
    """To the last bit; no optimiser of PyTorch is made, which would import its compiler: a second of a command line."""

    def distance(found, step):
        return sum((part - 0.3 * step).square().flatten(1).sum(1) for part in found.numbers)

    vae = model(scale=2.0, posterior=posterior)
    with torch.no_grad():
        start = vae.posterior(tokens([5, 3, 4]))
    free, posterior_of = start.free_parameters()
    optimizer = torch.optim.Adam(free)
    for step in range(7):
        optimizer.param_groups[0]["lr"] = STEP_SIZE * 0.5 * (1 + math.cos(math.pi * step / 7))
        optimizer.zero_grad()
        distance(posterior_of(free), step).sum().backward()
        optimizer.step()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(torch.optim.Optimizer, "__init__")
        patch.delattr(torch.optim, "Adam")
        found = descended(start, distance, 7)
    for ours, theirs in zip(found.numbers, posterior_of(free).numbers, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_steps_are_the_encoder_and_company_does_not_matter(decoder):
    vae, ids = model(decoder=decoder, scale=2.0), tokens([5, 3, 4, 6, 1, 2])
    with torch.no_grad():
        plain = vae.posterior(ids)
    assert torch.equal(refined(vae, ids, BETA, 0).mean, plain.mean)
    together, alone = refined(vae, ids, BETA, 15), refined(vae, ids[2:3], BETA, 15)
    torch.testing.assert_close(together.mean[2:3], alone.mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(together.log_variance[2:3], alone.log_variance, atol=1e-4, rtol=0)
    assert together.mean.shape == (6, LATENT)


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_every_posterior_is_refined_each_text_by_itself(posterior):
    vae, ids = model(scale=2.0, posterior=posterior), tokens([5, 3, 4])
    together, alone = refined(vae, ids, BETA, 40), refined(vae, ids[2:3], BETA, 40)
    torch.testing.assert_close(together.mean[2:3], alone.mean, atol=1e-3, rtol=0)
    with torch.no_grad():
        before, after = (objective(vae, ids, q) for q in (vae.posterior(ids), together))
    assert after.sum() < before.sum() - 0.1
    assert not any(part.requires_grad for part in together.numbers)


def test_a_codec_refines_texts_in_any_order():
    codec = tiny_codec("smiles")
    texts = ["CCO", "c1ccccc1", "CC(=O)N", "CCCCN"]
    forward, backward = codec.encode(texts, refine=5), codec.encode(texts[::-1], batch_size=2, refine=5)
    torch.testing.assert_close(forward, backward.flip(0), atol=1e-4, rtol=0)
    assert not torch.allclose(forward, codec.encode(texts), atol=1e-3)
    with pytest.raises(UsageError, match='refine: expected a number of steps from 0 or "auto", got -1'):
        codec.encode(texts, refine=-1)

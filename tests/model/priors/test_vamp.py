"""The prior of pseudo-inputs: what it is of one and of two, where it begins, and that it stays what it was."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from model_cases import LATENT, LONGEST, VOCAB, config, model, tokens

from seqvae.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError
from seqvae.model.adapt.extend_vocabulary import extended_model
from seqvae.model.encoders import BOS, EOS, PAD
from seqvae.model.families import POSTERIORS
from seqvae.model.rate import rate
from seqvae.runtime.device import generator

all_posteriors = pytest.mark.parametrize("posterior", POSTERIORS)
TINY = {"posterior_width": 8, "posterior_groups": 3}


def built(components: int = 3, posterior: str = "diagonal", encoder: str = "gru", **more: object) -> torch.nn.Module:
    sizes = {"prior_components": components, "posterior": posterior, **TINY, **more}
    return model(encoder, scale=2.0, prior="vamp", **sizes)


@all_posteriors
def test_of_one_pseudo_input_it_is_its_posterior(posterior):
    vae = built(1, posterior)
    q = vae.encoder(vae.prior.pseudo_inputs())
    z = torch.randn(7, LATENT, generator=generator(0))
    torch.testing.assert_close(vae.prior.log_prob(z), q.log_prob(z.unsqueeze(1)).squeeze(1))
    found = q.rsample(1, generator(1)).clone()
    torch.testing.assert_close(rate(q, vae.prior, found), torch.zeros(1), atol=1e-5, rtol=0)
    drawn = vae.prior.sample(4000, generator(2))
    torch.testing.assert_close(drawn.mean(0), q.moments()[0].float(), atol=0.1, rtol=0.1)


def test_of_two_pseudo_inputs_it_is_the_mean_of_their_densities():
    vae = built(2)
    q = vae.encoder(vae.prior.pseudo_inputs())
    z = torch.randn(5, 4, LATENT, generator=generator(0))
    parts = [torch.distributions.Normal(mean, std).log_prob(z).sum(-1) for mean, std in zip(q.mean, q.std, strict=True)]
    torch.testing.assert_close(vae.prior.log_prob(z), ((parts[0].exp() + parts[1].exp()) / 2).log())


def test_a_pseudo_input_is_a_soft_one_hot():
    prior = built().prior
    found = prior.pseudo_inputs()
    assert found.shape == (3, LONGEST + 1, VOCAB)
    torch.testing.assert_close(found.sum(-1), torch.ones(3, LONGEST + 1))
    assert found[..., [PAD, BOS]].eq(0).all()


@pytest.mark.parametrize("encoder", ["gru", "conv"])
def test_it_begins_at_texts_and_then_stays(encoder):
    vae, ids = built(3, encoder=encoder), tokens([2, 5])
    rest = vae.prior.logits[2].clone()
    vae.prior.begin_at(ids)
    found = vae.prior.pseudo_inputs()
    assert vae.prior.lengths.tolist() == [3, 6, LONGEST + 1]
    assert torch.equal(found[:2, :6].argmax(-1), ids)
    assert found[0, :3].amax(-1).tolist() == pytest.approx([0.9 + 0.1 / (VOCAB - EOS)] * 3)
    assert torch.equal(vae.prior.logits[2], rest)
    vae.prior.begin_at(tokens([4, 4], seed=3))
    assert torch.equal(vae.prior.pseudo_inputs(), found)
    # Soft texts are taken as they are.
    other = built(3, encoder=encoder)
    other.prior.begin_at(torch.nn.functional.one_hot(ids, VOCAB).float())
    assert torch.equal(other.prior.pseudo_inputs()[:2], found[:2])


def test_its_encoder_is_the_models_own_wherever_it_goes():
    vae = built()
    assert not any(name.startswith("prior.") and "encoder" in name for name in vae.state_dict())
    assert [name for name, _ in vae.prior.named_parameters()] == ["logits"]
    z, before = torch.randn(4, LATENT, generator=generator(0)), copy.deepcopy(vae)
    vae.double()
    assert vae.prior.log_prob(z.double()).dtype == torch.float64
    alone = copy.deepcopy(before.prior).double()
    torch.testing.assert_close(alone.log_prob(z.double()), vae.prior.log_prob(z.double()))
    assert before.prior.log_prob(z).dtype == torch.float32  # what is done to a copy leaves the other as it was
    with torch.no_grad():
        before.encoder.moments.bias.add_(1.0)
    torch.testing.assert_close(alone.log_prob(z.double()), vae.prior.log_prob(z.double()))
    assert not torch.allclose(before.prior.log_prob(z).double(), alone.log_prob(z.double()))


def test_state_and_steps_are_the_same_after_loading():
    """Two steps, saved and loaded between them or not, end with the same numbers."""

    def step(vae, number):
        optimizer = torch.optim.SGD(vae.parameters(), lr=0.05)
        vae.losses(Batch.of(tokens([2, 6, 4])), 1.0, ObjectiveConfig(), generator(0, number)).loss.backward()
        optimizer.step()
        vae.zero_grad()

    through, stopped = built(), built()
    for vae in (through, stopped):
        vae.prior.begin_at(tokens([3, 4]))
        step(vae, 0)
    again = built(seed=5)
    again.load_state_dict(stopped.state_dict())
    for vae in (through, again):
        step(vae, 1)
    assert torch.equal(again.prior.logits, through.prior.logits)
    z = torch.randn(4, LATENT, generator=generator(0))
    assert torch.equal(again.prior.log_prob(z), through.prior.log_prob(z))


def test_in_a_larger_alphabet_it_is_the_same_density():
    vae = built(3)
    vae.prior.begin_at(tokens([2, 5]))
    kept = [0, 1, 2, 4, 5, 3, 7, 8, 9]
    sizes = replace(config(prior="vamp", prior_components=3, **TINY), max_length=LONGEST + 2)
    larger = extended_model(vae, sizes, kept, VOCAB + 2)
    z = torch.randn(6, LATENT, generator=generator(0))
    torch.testing.assert_close(larger.prior.log_prob(z), vae.prior.log_prob(z), atol=1e-5, rtol=1e-5)
    assert larger.prior.pseudo_inputs()[..., [6, 10]].max() < 1e-8


def test_learned_alone_it_comes_to_where_the_texts_are():
    """The encoder fixed, pseudo-inputs find the aggregate posterior of two groups of texts better than at first."""
    vae = built(4, encoder="gru", latent=2)
    q = vae.posterior(tokens([6] * 40, seed=4))
    q = q.with_numbers([part.detach() for part in q.numbers])
    optimizer = torch.optim.Adam(vae.prior.parameters(), lr=0.1)
    first = None
    for number in range(60):
        loss = rate(q, vae.prior, q.rsample(1, generator(0, number))).mean()
        first = first or loss.item()
        (vae.prior.logits.grad,) = torch.autograd.grad(loss, [vae.prior.logits])
        optimizer.step()
    assert loss.item() < first - 0.05
    assert math.isfinite(loss.item())


def test_what_does_not_go_together_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"model\.prior: vamp's pseudo-inputs are of merged tokens"):
        ModelConfig(prior="vamp", encoder_tokens="base")
    for prior in ("mixture", "vamp", "flow"):
        with pytest.raises(ConfigError, match=f"a Gaussian; leave out model.prior {prior}"):
            RunConfig(data=DataConfig(conditions="a"), model=ModelConfig(prior=prior))
    with pytest.raises(ConfigError, match=r"model\.posterior_groups: expected a number from 2"):
        ModelConfig(posterior="iaf", posterior_groups=1)
    with pytest.raises(ConfigError, match=r"model\.prior_layers: expected a number from 1"):
        ModelConfig(prior="flow", prior_layers=0)


def test_settings_without_effect_are_named():
    plain = RunConfig().idle()
    assert plain["posterior_width"] == "with posterior diagonal, only with iaf"
    assert plain["model_prior_groups"] == "with model prior normal, only with flow"
    found = RunConfig(model=ModelConfig(posterior="iaf", prior="flow")).idle()
    assert not {"posterior_width", "model_prior_groups", "posterior_layers"} & set(found)

"""Every posterior and every prior that a model may be trained with, from a TOML file to an evaluation."""

import json
import shutil
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from run_cases import dna_file

import seqvae
from seqvae.artifact.folder import load_artifact, save_artifact
from seqvae.cli.main import main
from seqvae.config import LatentMovesConfig, ModelConfig
from seqvae.config.toml import read_run, run_from_dict
from seqvae.errors import ConfigError, UsageError
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.evaluate.model.table import model_table
from seqvae.model.build import build_model
from seqvae.model.families import POSTERIORS
from seqvae.model.priors.registry import PRIORS
from seqvae.model.priors.vamp import VampPrior
from seqvae.model.rate import rate
from seqvae.runtime.device import generator
from seqvae.search.memory.token_cache import Readable
from seqvae.search.optimizers.latent_operators import PosteriorCrossover, PosteriorNoise
from seqvae.train.finetune import finetune
from seqvae.train.fit import train
from seqvae.train.prior.fit import PriorReport

TOML = """
[data]
source = "{source}"
{more}
split = "random"

[tokenizer]
kind = "dna"

[model]
posterior = "{posterior}"
prior = "{prior}"
posterior_width = 8
posterior_groups = 2
prior_components = 3
prior_layers = 2
prior_width = 8
prior_groups = 2
latent = 4
embedding = 8
encoder_width = 16
decoder_width = 16

[objective]
beta = 0.1
free_bits = 0.05

[training]
epochs = 4
batch_size = 16
learning_rate = 0.01
device = "cpu"

[prior]
prior = "mixture"
prior_components = 2
"""
TEXTS = ["ACGTATAACGTA", "TATAACGT", "GGGG", "TTTTATACCGAT", "CATATACCGTGA", "A"]


WHOLE = [text for text in TEXTS if len(text) == 12]  # what a model of this length can write


def with_shares(source):
    """A table of the same sequences with their shares of GC and of A, the second one of every other row."""
    lines = ["sequence,gc,a"]
    for number, text in enumerate(line for line in source.read_text().split("\n") if line and line[0] != ">"):
        shares = [sum(letter in letters for letter in text) / len(text) for letters in ("GC", "A")]
        lines.append(f"{text},{shares[0]:.3f},{shares[1] if number % 2 else ''}")
    table = source.with_suffix(".csv")
    table.write_text("\n".join(lines) + "\n")
    return table


@pytest.fixture(scope="module", params=product(POSTERIORS, PRIORS), ids="-".join)
def folder(request, tmp_path_factory):
    """A model trained from a TOML file, its prior fitted too."""
    here = tmp_path_factory.mktemp("families")
    posterior, prior = request.param
    source, more = dna_file(here), ""
    if prior == "conditional":
        source, more = with_shares(source), 'column = "sequence"\nconditions = "gc,a"'
    text = TOML.format(source=source, more=more, posterior=posterior, prior=prior)
    (here / "run.toml").write_text(text)
    run = run_from_dict(read_run(here / "run.toml"))
    return train(run, here / "model", quiet=True).folder


@pytest.fixture
def codec(folder):
    return seqvae.load(folder, "cpu")


def test_a_model_is_saved_as_it_was_trained(folder, tmp_path):
    first = load_artifact(folder)
    assert first.run.model == first.config
    assert type(first.model.prior).kind == first.config.prior
    save_artifact(tmp_path / "again", first)
    again = load_artifact(tmp_path / "again")
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    fitted = ("prior.json", "prior.safetensors") if first.fitted is not None else ()
    for name in ("config.json", "weights.safetensors", "run.toml", *fitted):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (folder / "prior.json").exists() == bool(fitted)
    start = build_model(first.config, first.tokenizer.vocab_size).state_dict()
    learned = [name for name in start if name.startswith("prior.")]
    assert bool(learned) == (first.config.prior != "normal")
    assert not all(torch.equal(start[name], first.model.state_dict()[name]) for name in learned) or not learned


def test_texts_are_encoded_each_by_itself(codec):
    together = codec.posterior(TEXTS, batch_size=2, refine=0)
    for row, text in enumerate(TEXTS):
        alone = codec.posterior([text], refine=0)
        for part, other in zip(together.numbers, alone.numbers, strict=True):
            torch.testing.assert_close(part[row : row + 1], other, atol=1e-5, rtol=1e-5)
    assert torch.equal(codec.encode(TEXTS, batch_size=2, refine=0), together.mean)
    assert together.std.shape == (6, 4)
    assert codec.posterior([]).mean.shape == (0, 4)
    assert codec.posterior([]).std.shape == (0, 4)


def test_refined_posteriors_fit_better(codec):
    posteriors = [codec.posterior(WHOLE, refine=steps) for steps in (0, 30)]

    def objective(posterior):
        z = posterior.rsample(200, generator(3))
        ((rows, tokens),) = codec.batches(WHOLE, 100)
        points, again = z[:, rows].flatten(0, 1), tokens.repeat(len(z), 1)  # of every draw at once
        distortion = -codec.model.log_likelihood(points, again).unflatten(0, (len(z), -1)).mean(0)
        return (distortion + codec.run.objective.beta * rate(posterior, codec.prior(), z)[rows]).mean()

    with torch.no_grad():
        before, after = map(objective, posteriors)
    assert after < before + 0.05  # of 200 draws


def test_priors_are_drawn_by_their_names(codec):
    own = codec.run.model.prior
    z = codec.draw(4000, 1, own)
    expected = codec.model.prior.sample(4000, generator(5))
    torch.testing.assert_close(z.mean(0), expected.mean(0), atol=0.15, rtol=0)
    torch.testing.assert_close(z.std(0), expected.std(0), atol=0.15, rtol=0.1)
    torch.testing.assert_close(codec.log_prior(z[:9], own), codec.model.prior.log_prob(z[:9]).detach())
    assert codec.default_prior in (own, "fitted")
    assert len(codec.sample(3, prior=own)) == len(codec.sample(3)) == 3
    if codec.fitted is not None:
        assert len(codec.sample(3, prior="fitted")) == 3
    else:
        with pytest.raises(UsageError, match="the model has no fitted prior"):
            codec.sample(3, prior="fitted")
    known = ", ".join(sorted(["auto", "fitted", own]))
    for other in set(PRIORS) - {own}:
        with pytest.raises(UsageError, match=f"unknown prior '{other}'; known: {known}"):
            codec.sample(3, prior=other)
    assert torch.equal(codec.bounds(TEXTS).rate, codec.bounds(TEXTS, prior=own).rate)
    assert torch.equal(codec.iwae(TEXTS, 2), codec.iwae(TEXTS, 2, prior=own))


def test_a_fitted_prior_is_kept_if_it_beats_what_the_model_has_learned(folder):
    report = json.loads((folder / "provenance.json").read_text())["prior"]
    artifact = load_artifact(folder)
    own = artifact.config.prior
    assert set(report["nats"]) == {own, report["chosen"]}
    better = report["nats"][report["chosen"]] > report["nats"][own]
    assert report["default"] == ("fitted" if better else own)
    assert (artifact.fitted is not None) == (better or own == "normal")
    assert artifact.default_prior == report["default"]
    line = PriorReport(**report).verdict
    assert f"fitted prior {report['chosen']}: {'kept' if better or own == 'normal' else 'not kept'}; " in line
    assert line.endswith(f"against {report['nats'][own]:.2f} by the model's own prior {own}")


def test_pseudo_inputs_begin_at_training_texts_once(folder, tmp_path):
    prior = load_artifact(folder).model.prior
    if not isinstance(prior, VampPrior):
        return
    assert bool(prior.begun)
    assert prior.pseudo_inputs()[0, : prior.lengths[0]].amax(-1).min() > 0.5  # where they began, nearly
    before = prior.pseudo_inputs()
    prior.begin_at(torch.full((3, 2), 3))
    assert torch.equal(prior.pseudo_inputs(), before)


def test_a_model_without_a_fitted_prior_prefers_its_own(folder, tmp_path):
    save_artifact(tmp_path / "bare", replace(load_artifact(folder), fitted=None, default_prior=""))
    codec = seqvae.load(tmp_path / "bare", "cpu")
    assert codec.default_prior == codec.run.model.prior
    assert torch.equal(codec.draw(5), codec.draw(5, prior=codec.run.model.prior))


def test_a_model_is_evaluated(codec):
    texts = WHOLE * 3
    found = model_table(codec, texts, ModelSettings(protocol_texts=1, refined_texts=6))
    assert found.rate + found.distortion == pytest.approx(-found.elbo, abs=1e-4)
    assert -found.nll_bound >= found.elbo - 0.5
    assert 0 <= found.mutual_information <= found.mutual_information_limit + 1e-6
    assert np.isfinite(found.amortisation_gap)


def test_searches_breed_around_posteriors(codec):
    for operator in (PosteriorNoise, PosteriorCrossover):
        made = operator(Readable(codec), LatentMovesConfig())(TEXTS, 3, np.random.default_rng(0))
        assert len(made) == 3
        still = operator(Readable(codec), LatentMovesConfig(spread=0.0))(TEXTS[:1] * 2, 1, np.random.default_rng(0))
        torch.testing.assert_close(
            torch.from_numpy(still[0].z), codec.encode(TEXTS[:1], refine=0)[0], atol=1e-5, rtol=1e-5
        )


def test_training_goes_on_with_the_same_family(folder, tmp_path):
    from seqvae.config import DataConfig, FinetuneConfig, PriorConfig, TrainingConfig

    config = FinetuneConfig(DataConfig(split="random"), TrainingConfig(epochs=1, device="cpu"), PriorConfig("none"))
    found = finetune(folder, str(dna_file(tmp_path, seed=4)), tmp_path / "tuned", config, quiet=True)
    assert load_artifact(found.trained.folder).config == load_artifact(folder).config


def test_a_resumed_training_is_the_unbroken_one(folder, tmp_path):
    """The fitted prior is asked for anew: the model itself comes from the checkpoint, bit for bit."""
    copy = shutil.copytree(folder, tmp_path / "model")
    (copy / "weights.safetensors").unlink()
    train(run_from_dict({}), copy, resume=True, quiet=True)
    assert (copy / "weights.safetensors").read_bytes() == (folder / "weights.safetensors").read_bytes()


def test_flags_name_the_models_own_prior_apart_from_the_fitted_one(tmp_path):
    words = ["--posterior", "iaf", "--model-prior", "vamp", "--model-prior-components", "2", "--prior", "none"]
    words += ["--posterior-layers", "1", "--posterior-width", "4", "--posterior-groups", "2"]
    sizes = ["--latent", "3", "--embedding", "4", "--encoder-width", "8", "--decoder-width", "8", "--epochs", "1"]
    source, out = str(dna_file(tmp_path)), str(tmp_path / "run")
    assert main(["train", source, "--out", out, "--device", "cpu", "--quiet", *words, *sizes]) == 0
    run = load_artifact(tmp_path / "run").run
    assert (run.model.posterior, run.model.prior, run.model.prior_components) == ("iaf", "vamp", 2)
    assert (run.model.posterior_layers, run.model.posterior_width, run.model.posterior_groups) == (1, 4, 2)
    assert run.prior.prior == "none"
    assert main(["train", source, "--out", str(tmp_path / "other"), "--quiet", "--model-prior-width", "8"]) == 2


def test_whether_the_fitted_prior_is_kept_is_said_in_one_line(tmp_path):
    text = TOML.format(source=dna_file(tmp_path), more="", posterior="diagonal", prior="flow")
    (tmp_path / "run.toml").write_text(text)
    said = []
    train(run_from_dict(read_run(tmp_path / "run.toml")), tmp_path / "model", quiet=True, say=said.append)
    assert len([line for line in said if line.startswith("fitted prior ")]) == 1


def test_wrong_words_are_named():
    with pytest.raises(ConfigError, match=r"model\.posterior: unknown value 'ful'; did you mean 'full'"):
        ModelConfig(posterior="ful")
    with pytest.raises(ConfigError, match=r"model\.prior: unknown value 'mixtures'; did you mean 'mixture'"):
        ModelConfig(prior="mixtures")
    with pytest.raises(ConfigError, match=r"model\.prior_components: expected a number from 1"):
        ModelConfig(prior_components=0)


def test_every_word_of_the_settings_has_its_row():
    for name in POSTERIORS:
        for prior in PRIORS:
            given = "a" if prior == "conditional" else ""
            built = build_model(ModelConfig(posterior=name, prior=prior, max_length=3, latent=2, conditions=given), 5)
            assert built.prior.kind == prior

"""Fitting a prior: it beats N(0, I) where it should, follows the seed, and a stopped run fits it again."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from run_cases import HASTY, dna_file, small_run

import seqvae
from seqvae.artifact.folder import load_artifact
from seqvae.cli.main import main
from seqvae.config import PriorConfig, RunConfig, TrainingConfig
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.errors import InputError, NonFiniteLossError, UsageError
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.model.priors.flow import FlowPrior
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.runtime.device import fast_matmul, generator
from seqvae.train import fit as fit_module
from seqvae.train.fit import train
from seqvae.train.prior.fit import fit_mixture, fit_prior
from seqvae.train.prior.flow import fit_flow
from seqvae.train.prior.posteriors import draw, encode_store, held_out_nats

SMALL = PriorConfig(prior_layers=2, prior_width=16, prior_steps=40, prior_components=4)
CPU = torch.device("cpu")


def ring(count, seed=0, latent=2):
    """Posteriors whose aggregate is a ring with a hole: no Gaussian, and not N(0, I)."""
    rng = generator(seed)
    angle = 2 * torch.pi * torch.rand(count, generator=rng)
    mean = torch.zeros(count, latent)
    mean[:, 0], mean[:, 1] = 2 * angle.cos(), 2 * angle.sin()
    return DiagonalGaussian(mean, torch.full((count, latent), -3.0))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prior")
    run = replace(small_run(dna_file(folder, count=300), epochs=8, **HASTY), prior=SMALL)
    return train(run, folder / "model", quiet=True)


def test_the_aggregate_has_the_moments_of_its_samples():
    latents = ring(20_000)
    points = draw(latents, generator(1))
    mean, covariance = latents.moments()
    torch.testing.assert_close(mean.float(), points.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(covariance.float(), torch.cov(points.T), atol=0.05, rtol=0)
    alone = ring(1).moments()[1]
    torch.testing.assert_close(alone, torch.eye(2).double() * torch.tensor(-3.0).double().exp())


def test_each_candidate_beats_the_simpler_one():
    fitted, held_out = ring(2000), draw(ring(1000, seed=1), generator(2))
    gaussian = fit_mixture(fitted, 1, 0)
    mixture = fit_mixture(fitted, 16, 0)
    config = PriorConfig(prior_layers=2, prior_width=32, prior_groups=2, prior_steps=200, prior_minutes=0)
    flow = fit_flow(fitted, held_out, config, 0, CPU, quiet=True)
    priors = (StandardNormal(2), gaussian, mixture, flow.prior)
    normal, one, many, flowing = (held_out_nats(prior, held_out) for prior in priors)
    assert normal < one < many
    assert flowing > one + 0.1
    assert gaussian.components == 1
    assert mixture.components in (4, 8, 16)


def test_of_gaussian_points_the_criterion_makes_one_gaussian():
    latents = DiagonalGaussian(torch.randn(2000, 3, generator=generator(0)), torch.zeros(2000, 3))
    assert fit_mixture(latents, 8, 0).components == 1


def test_a_fit_follows_the_seed():
    fitted, held_out = ring(500), draw(ring(200, seed=1), generator(2))
    torch.manual_seed(1)
    state = torch.get_rng_state()

    def tensors(seed):
        flow = fit_flow(fitted, held_out, replace(SMALL, prior_minutes=0), seed, CPU, quiet=True)
        return flow.prior.tensors() | {f"mixture.{k}": v for k, v in fit_mixture(fitted, 4, seed).tensors().items()}

    first, again, other = tensors(1), tensors(1), tensors(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_flow_stops_when_held_out_points_gain_no_more(monkeypatch):
    """Few texts are soon learned by heart; the weights kept are those of the best look."""
    few = DiagonalGaussian(torch.randn(30, 4, generator=generator(0)), torch.full((30, 4), -6.0))
    held_out = torch.randn(200, 4, generator=generator(1))
    config, looks = PriorConfig(prior_width=64, prior_steps=4000, prior_minutes=0), []

    def watched(prior, points):
        looks.append(held_out_nats(prior, points))
        return looks[-1]

    monkeypatch.setattr("seqvae.train.prior.flow.held_out_nats", watched)
    found = fit_flow(few, held_out, config, 0, CPU, quiet=True)
    assert found.planned <= 40  # a hundred passes over 30 texts are few steps
    assert found.steps < found.planned
    assert looks[-1] < max(looks)
    with fast_matmul():  # as in the fit, to the last digit
        assert held_out_nats(found.prior, held_out) == max(looks)
    assert max(looks) >= held_out_nats(fit_mixture(few, 1, 0), held_out) - 1e-2


def test_a_time_limit_cuts_the_steps():
    fitted = ring(5000)
    config = PriorConfig(prior_layers=1, prior_width=8, prior_steps=900, prior_minutes=0.2 / 60)
    found = fit_flow(fitted, draw(fitted, generator(0))[:50], config, 0, CPU, quiet=True)
    assert found.planned < 900


def test_a_loss_that_is_no_number_says_what_to_do():
    fitted = ring(100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlowPrior, "whiten", lambda flow, mean, covariance: flow.mean.fill_(math.inf))
        with pytest.raises(NonFiniteLossError, match=r"became .* at step 1; the model itself is complete"):
            fit_flow(fitted, fitted.mean, replace(SMALL, prior_minutes=0), 0, CPU, quiet=True)


def test_encoding_a_store_is_encoding_its_texts(trained):
    artifact = load_artifact(trained.folder)
    codec = seqvae.load(trained.folder, "cpu")
    store, table = trained.prepared.train, torch.from_numpy(codec.tokenizer.id_table())
    found = encode_store(artifact.model, store, table, 10**6, 0)
    order = [row for batch in BatchStream(store, BatchPlan(512, shuffle=False)).plan_epoch(0) for row in batch]
    texts = codec.tokenizer.decode_batch([store.ids(row).tolist() for row in order])
    posterior = codec.posterior(texts, refine=0)
    torch.testing.assert_close(found.mean, posterior.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.log_variance, posterior.log_variance, atol=1e-5, rtol=0)
    assert len(encode_store(artifact.model, store, table, 50, 0)) == 50


def test_training_ends_with_a_prior(trained):
    provenance = json.loads((trained.folder / "provenance.json").read_text())
    report = provenance["prior"]
    assert set(report["nats"]) >= {"normal", "flow"}
    assert report["chosen"] == max(set(report["nats"]) - {"normal"}, key=report["nats"].get)
    better = report["nats"][report["chosen"]] > report["nats"]["normal"]
    assert report["default"] == ("fitted" if better else "normal")
    codec = seqvae.load(trained.folder, "cpu")
    assert codec.default_prior == report["default"]
    z = codec.draw(500, seed=1, prior="fitted")
    assert not torch.equal(z, codec.draw(500, seed=1, prior="normal"))
    assert codec.log_prior(z, "fitted").mean() > codec.log_prior(z, "normal").mean()


def test_the_fitted_prior_tightens_the_bounds(trained):
    codec = seqvae.load(trained.folder, "cpu")
    store = trained.prepared.train
    texts = codec.tokenizer.decode_batch([store.ids(row).tolist() for row in range(100)])
    normal, fitted = codec.bounds(texts), codec.bounds(texts, prior="fitted")
    assert torch.equal(normal.distortion, fitted.distortion)
    assert fitted.rate.mean() < normal.rate.mean()
    iwae = codec.iwae(texts, 20, prior="fitted")
    assert iwae.mean() > codec.iwae(texts, 20).mean()
    assert fitted.elbo.mean() < iwae.mean()


@pytest.mark.parametrize("kind", ["mixture", "flow"])
def test_a_finished_model_gets_another_prior_and_keeps_its_weights(trained, tmp_path, kind):
    import shutil

    folder = Path(shutil.copytree(trained.folder, tmp_path / "model"))
    weights = (folder / "weights.safetensors").read_bytes()
    train(replace(RunConfig(), prior=PriorConfig(prior=kind)), folder, resume=True, quiet=True)
    found = load_artifact(folder)
    assert (folder / "weights.safetensors").read_bytes() == weights
    assert found.run.prior == replace(SMALL, prior=kind)
    assert found.fitted.kind == kind


def test_the_advice_of_a_model_without_a_fitted_prior_helps(tmp_path, capsys):
    """A setting that is asked for counts where it is the default, too."""
    out = tmp_path / "run"
    train(replace(small_run(dna_file(tmp_path)), prior=replace(SMALL, prior="none")), out, quiet=True)
    with pytest.raises(UsageError, match=r"fit one \(seqvae train --resume --prior auto\)"):
        seqvae.load(out, "cpu").draw(2, prior="fitted")
    assert main(["train", "--resume", "--prior", "auto", "--out", str(out), "--quiet"]) == 0
    assert load_artifact(out).run.prior == SMALL
    assert len(seqvae.load(out, "cpu").draw(2, prior="fitted")) == 2


@pytest.mark.parametrize("minutes", [TrainingConfig().checkpoint_minutes, 3.0])
def test_a_prior_that_is_right_is_kept(trained, monkeypatch, minutes):
    monkeypatch.setattr(fit_module, "fit_prior", lambda *_, **__: pytest.fail("fitted again"))
    before = {name: (trained.folder / name).read_bytes() for name in ("prior.json", "prior.safetensors")}
    asked = replace(RunConfig(), training=TrainingConfig(checkpoint_minutes=minutes))
    train(asked, trained.folder, resume=True, quiet=True)
    assert before == {name: (trained.folder / name).read_bytes() for name in before}
    assert load_artifact(trained.folder).provenance["prior"]["nats"]


def test_a_finished_model_loads_until_another_prior_is_written(trained, tmp_path, monkeypatch):
    import shutil

    folder = Path(shutil.copytree(trained.folder, tmp_path / "model"))

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit_module, "save_trained", killed)
    with pytest.raises(KeyboardInterrupt):
        train(replace(RunConfig(), prior=PriorConfig(prior="mixture")), folder, resume=True, quiet=True)
    assert load_artifact(folder).fitted is not None


def test_stopped_while_the_prior_is_fitted_the_model_is_whole(tmp_path, monkeypatch):
    run = replace(small_run(dna_file(tmp_path)), prior=SMALL)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seqvae.train.prior.fit.fit_flow", interrupted)
        with pytest.raises(KeyboardInterrupt, match="the model is complete, fit its prior with --resume --out"):
            train(run, tmp_path / "run", quiet=True)
    assert load_artifact(tmp_path / "run").fitted is None
    train(RunConfig(), tmp_path / "run", resume=True, quiet=True)
    whole = train(run, tmp_path / "unbroken", quiet=True).folder
    for name in ("weights.safetensors", "prior.json", "prior.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()


def test_texts_too_few_for_a_prior_are_told_before_the_training(tmp_path, monkeypatch):
    run = small_run(dna_file(tmp_path, count=1))
    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "_fit", lambda *_: pytest.fail("trained"))
        with pytest.raises(InputError, match=r"expected at least two training texts .* got 1; take --prior none"):
            train(replace(run, prior=SMALL), tmp_path / "run", quiet=True)
    assert load_artifact(train(run, tmp_path / "run", quiet=True).folder).fitted is None


def test_without_validation_texts_some_training_texts_judge(trained, tmp_path):
    import shutil

    folder = Path(shutil.copytree(trained.folder, tmp_path / "model"))
    report = fit_prior(folder, trained.prepared.train, None, replace(SMALL, prior="mixture"), device="cpu", quiet=True)
    texts = len(trained.prepared.train)
    assert report.texts + 2 * report.held_out == pytest.approx(texts, abs=1)
    assert load_artifact(folder).provenance["prior"]["texts"] == report.texts


def test_a_model_that_cannot_be_used_is_named(trained):
    artifact = load_artifact(trained.folder)
    with torch.no_grad():
        artifact.model.encoder.moments.bias.fill_(float("nan"))
    table = torch.from_numpy(artifact.tokenizer.id_table())
    with pytest.raises(InputError, match="encoder's output is NaN or infinite"):
        encode_store(artifact.model, trained.prepared.train, table, 100, 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_flow_fitted_on_a_gpu_is_used_on_the_cpu():
    fitted, held_out = ring(2000), draw(ring(500, seed=1), generator(2))
    found = fit_flow(fitted, held_out, SMALL, 0, torch.device("cuda"), quiet=True)
    assert found.prior.sample(5, generator(0)).device == CPU

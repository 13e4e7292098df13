"""Remedies against collapse: free bits of the whole, an autoencoder first, and steps of the encoder alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from run_cases import dna_file, small_run

from seqvae.artifact.folder import load_artifact
from seqvae.config import ModelConfig, ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError
from seqvae.model.build import build_decoder, build_model
from seqvae.model.objective import beta_at
from seqvae.runtime.device import generator
from seqvae.runtime.streams import ANEW
from seqvae.train.fit import train
from seqvae.train.lightning_module import TrainingShell

TOKENS = torch.tensor([[4, 5, 6, 2], [5, 4, 4, 2], [6, 6, 5, 2]])


def losses(**objective):
    config = ModelConfig(latent=3, embedding=4, encoder_width=8, decoder_width=8, max_length=4)
    model = build_model(config, 8)
    return model, model.losses(Batch.of(TOKENS), 0.5, ObjectiveConfig(**objective), generator(0))


def test_free_bits_of_the_whole_are_those_of_the_sum():
    """Above them the whole rate is charged, below them so many nats, which no gradient can save."""
    _, plain = losses()
    rate = plain.rate.item()
    _, above = losses(free_bits_total=0.5 * rate)
    assert above.loss.item() == pytest.approx(plain.loss.item())
    model, below = losses(free_bits_total=2 * rate)
    assert below.loss.item() == pytest.approx(plain.distortion.item() + 0.5 * 2 * rate)
    assert below.rate.item() == pytest.approx(rate)
    other, more = losses(free_bits_total=9 * rate)
    gradients = [torch.autograd.grad(one.loss, of.encoder.parameters()) for of, one in ((model, below), (other, more))]
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))  # the same, however many are free


def test_parts_of_free_bits_and_the_whole_exclude_each_other():
    with pytest.raises(ConfigError, match="free_bits_total: one of them at most"):
        ObjectiveConfig(free_bits=0.1, free_bits_total=1.0)
    with pytest.raises(ConfigError, match=r"objective.pretraining: without beta, which objective.target_rate moves"):
        ObjectiveConfig(pretraining=0.2, target_rate=3.0)


@pytest.mark.parametrize(
    ("progress", "beta"), [(0.0, 0.0), (0.19, 0.0), (0.2, 0.0), (0.4, 0.5), (0.6, 1.0), (1.0, 1.0)]
)
def test_beta_rises_after_the_autoencoder(progress, beta):
    config = ObjectiveConfig(beta=1.0, pretraining=0.2, warmup=0.5)  # 0.2 to 1; half of it is 0.2 to 0.6
    assert beta_at(progress, config) == pytest.approx(beta)


def weights(folder, part):
    return dict(getattr(load_artifact(folder).model, part).state_dict())


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_decoder_rests_while_the_encoder_may_lag(tmp_path):
    run = small_run(dna_file(tmp_path, 60), epochs=1)
    run = replace(run, objective=ObjectiveConfig(beta=0.1, lagging=1.0, encoder_steps=100))
    trained = train(run, tmp_path / "model", quiet=True)
    made = build_model(trained.prepared.run.model, trained.prepared.tokenizer.vocab_size, run.training.seed)
    assert same(weights(tmp_path / "model", "decoder"), made.decoder.state_dict())
    assert not same(weights(tmp_path / "model", "encoder"), made.encoder.state_dict())
    run = replace(run, objective=replace(run.objective, encoder_steps=1))
    train(run, tmp_path / "all", quiet=True)
    assert not same(weights(tmp_path / "all", "decoder"), made.decoder.state_dict())


@pytest.mark.parametrize("counts", ["none", "added"])
def test_the_autoencoder_s_decoder_is_given_up(tmp_path, counts):
    run = small_run(dna_file(tmp_path, 60), epochs=2, learning_rate=0.0)
    run = replace(run, objective=ObjectiveConfig(beta=0.1, pretraining=0.5), model=replace(run.model, counts=counts))
    trained = train(run, tmp_path / "model", quiet=True)
    sizes, vocab = trained.prepared.run.model, trained.prepared.tokenizer.vocab_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ANEW.seed(run.training.seed))
        fresh = build_decoder(sizes, vocab)
    found, wanted = weights(tmp_path / "model", "decoder"), fresh.state_dict()
    if counts == "added":  # the counts stay
        assert found["after_0"].abs().sum() > 0
        found, wanted = ({k: v for k, v in one.items() if k.startswith("inner")} for one in (found, wanted))
    assert same(found, wanted)


def test_a_training_that_stops_before_the_new_decoder_resumes_to_the_same_weights(tmp_path, monkeypatch):
    run = small_run(dna_file(tmp_path, 60), epochs=2)
    run = replace(run, objective=ObjectiveConfig(beta=0.1, pretraining=0.5, lagging=0.9, encoder_steps=2))
    train(run, tmp_path / "whole", quiet=True)
    step = TrainingShell.training_step

    def stopping(self, batch, batch_idx):
        if self.progress.step == self.plan.steps_per_epoch:
            raise ValueError("killed")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(TrainingShell, "training_step", stopping)
    with pytest.raises(ValueError, match="killed"):
        train(run, tmp_path / "stopped", quiet=True)
    monkeypatch.setattr(TrainingShell, "training_step", step)
    train(run, tmp_path / "stopped", resume=True, quiet=True)
    for part in ("encoder", "decoder"):
        assert same(weights(tmp_path / "whole", part), weights(tmp_path / "stopped", part))

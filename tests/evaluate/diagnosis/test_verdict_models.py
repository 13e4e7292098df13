"""Verdicts on real models: toys that are trained in seconds to be one kind each."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from seqvae.artifact.folder import Artifact
from seqvae.config import DiagnosisConfig, ModelConfig, ObjectiveConfig, RunConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens.batch import Batch
from seqvae.evaluate.diagnosing import diagnose_texts
from seqvae.evaluate.diagnosis.decoder_use import decoder_use
from seqvae.evaluate.diagnosis.generalisation import generalisation, side
from seqvae.evaluate.diagnosis.information import information
from seqvae.evaluate.diagnosis.likelihood import likelihood, weigh
from seqvae.evaluate.diagnosis.verdict import ENCODER, HEALTHY, NOTHING, OBJECTIVE, PARTLY, PRIOR, UNDERTRAINED, judged
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.runtime.device import generator
from seqvae.sequences.tokenizers.registry import build_tokenizer

LENGTH, TRAIN, HELD_OUT = 16, 600, 200


def classes(count, seed=0):
    """Eight templates, a third of whose letters are lost: z can carry the template, counts see little of it."""
    templates = np.random.default_rng(77).integers(0, 4, (8, LENGTH))
    rng = np.random.default_rng(seed)
    letters = templates[rng.integers(0, 8, count)]
    letters = np.where(rng.random(letters.shape) < 0.3, rng.integers(0, 4, letters.shape), letters)
    return ["".join("ACGT"[i] for i in row) for row in letters]


def independent(count, seed=0):
    """One sequence with independent mutations: nothing for z to carry."""
    rng = np.random.default_rng(seed)
    letters = np.where(rng.random((count, LENGTH)) < 0.2, rng.integers(0, 4, (count, LENGTH)), np.arange(LENGTH) % 4)
    return ["".join("ACGT"[i] for i in row) for row in letters]


def fitted(texts, steps=200, beta=0.5, latent=3, model=None, part=None, kind="dna", **sizes):
    """A codec trained by plain Adam on batches of 64; `part`: the only part that is trained."""
    tokenizer = build_tokenizer(kind).fit(texts)
    widths = {"embedding": 8, "encoder_width": 24, "decoder_width": 24, "max_length": LENGTH, **sizes}
    config = ModelConfig(**{"encoder": "conv", "decoder": "position", "latent": latent, **widths})
    model = model or build_model(config, tokenizer.vocab_size, 0)
    run = RunConfig(model=config, objective=ObjectiveConfig(beta=beta))
    codec = Codec(Artifact(model, config, tokenizer, run, {}), "cpu")
    ids = codec.padded(codec.tokenize(texts).ids)
    optimizer = torch.optim.Adam((part or model).parameters(), lr=1e-2)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    rng = generator(1)
    for _ in range(steps):
        rows = torch.randint(len(ids), (64,), generator=rng)
        optimizer.zero_grad()
        model.losses(Batch.of(ids[rows]), beta, run.objective, rng).loss.backward()
        optimizer.step()
        slower.step()
    return codec


def verdict_on(codec, make=classes):
    train, held_out = codec.tokenize(make(TRAIN)), codec.tokenize(make(HELD_OUT, seed=9))
    return diagnose_texts(codec, held_out, train, DiagnosisConfig(samples=8, quick=True)).verdict


@pytest.fixture(scope="module")
def healthy():
    return fitted(classes(TRAIN))


def test_a_healthy_model(healthy):
    found = verdict_on(healthy)
    assert found.kind == HEALTHY, found.paragraph


@pytest.mark.parametrize("steps", [0, 5])
def test_a_model_that_was_hardly_trained(steps):
    found = verdict_on(fitted(classes(TRAIN), steps))
    assert found.kind == UNDERTRAINED, found.paragraph


def test_a_model_of_270_molecules_and_ten_steps():
    texts = load_dataset("moses-sample").texts[:300]
    codec = fitted(texts[:270], 10, 0.1, 16, kind="smiles", encoder="gru", decoder="gru", max_length=60)
    held_out, train = codec.tokenize(texts[270:], on_error="skip"), codec.tokenize(texts[:270])
    found = diagnose_texts(codec, held_out, train, DiagnosisConfig(samples=3, quick=True)).verdict
    assert found.kind == UNDERTRAINED, found.paragraph
    assert "of tokens, which only counts" in found.paragraph
    assert "more --epochs" in found.paragraph


def test_a_model_that_knows_its_few_sequences_by_heart():
    """More than 2 bits per base of unseen ones, which is worse than knowing nothing."""
    few = independent(40)
    codec = fitted(few, 200, 0.1, 8, decoder="gru", decoder_width=48)
    found = diagnose_texts(
        codec, codec.tokenize(independent(60, seed=9)), codec.tokenize(few), DiagnosisConfig(samples=3, quick=True)
    )
    assert found.verdict.kind == UNDERTRAINED, found.verdict.paragraph
    assert "known by heart" in found.verdict.paragraph


def test_a_beta_that_drives_z_out():
    found = verdict_on(fitted(classes(TRAIN), beta=30.0))
    assert found.kind == OBJECTIVE, found.paragraph


def test_data_in_which_positions_are_independent():
    found = verdict_on(fitted(independent(TRAIN), beta=1.0), independent)
    assert found.kind == NOTHING, found.paragraph


def test_a_latent_space_far_too_large(healthy):
    """The healthy model in 64 dimensions, of which all but its own are the prior's, and never read."""
    config, own = replace(healthy.run.model, latent=64), dict(healthy.model.named_parameters())
    model = build_model(config, healthy.tokenizer.vocab_size, 0)
    small = healthy.latent
    with torch.no_grad():
        for name, wide in model.named_parameters():
            if wide.shape == own[name].shape:
                wide.copy_(own[name])
                continue
            wide.zero_()
            if name.startswith("encoder.moments"):  # means, then log-variances
                wide[:small], wide[64 : 64 + small] = own[name][:small], own[name][small:]
            else:
                wide[:, :small] = own[name]
    found = verdict_on(Codec(Artifact(model, config, healthy.tokenizer, healthy.run, {}), "cpu"))
    assert found.kind == PARTLY, found.paragraph


def test_a_beta_that_leaves_the_prior_alone():
    found = verdict_on(fitted(classes(TRAIN), 400, beta=1e-4, latent=2))
    assert PRIOR in (found.kind, *found.also), found.paragraph


def test_an_encoder_that_knows_thirty_sequences_by_heart(healthy):
    """The decoder of the healthy model, and an encoder of its own trained on next to nothing."""
    codec = healthy
    few = classes(30, seed=5)
    fresh = build_model(codec.run.model, codec.tokenizer.vocab_size, 3)
    fresh.decoder.load_state_dict(codec.model.decoder.state_dict())
    lazy = fitted(few, 200, model=fresh, part=fresh.encoder)
    held_out, train = lazy.tokenize(classes(100, seed=9)), lazy.tokenize(few)
    weighed, seen = weigh(lazy, held_out, 4), weigh(lazy, train, 4)
    figures = {
        "likelihood": asdict(likelihood(weighed, held_out)),
        "decoder_use": asdict(decoder_use(lazy, held_out, weighed.posterior)),
        "information": asdict(information(weighed, lazy.prior())),
    }
    sides = side(lazy, held_out, weighed, 100), side(lazy, train, seen, 100)
    figures["generalisation"] = asdict(generalisation(*sides, lazy.run.objective.beta))
    found = judged(figures, "sequence")
    assert found.kind == ENCODER, found.paragraph
    # a quick diagnosis sees it too, since held-out sequences fare worse; it refines none where they do not
    quick = DiagnosisConfig(texts=100, samples=4, quick=True)
    found = diagnose_texts(lazy, held_out, train, quick)
    assert ENCODER in (found.verdict.kind, *found.verdict.also), found.verdict.paragraph
    assert found.metrics["generalisation"]["refine_steps"] > 0
    same = diagnose_texts(lazy, held_out, held_out, quick).metrics["generalisation"]
    assert (same["refine_steps"], same["exact_gap"]) == (0, 0.0)
    none = diagnose_texts(lazy, held_out, train, replace(quick, refined=0)).metrics["generalisation"]
    assert none["refine_steps"] == 0

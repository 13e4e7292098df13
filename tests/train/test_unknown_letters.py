"""N and the other IUPAC codes from the file to the loss: a set of letters, whose likelihood is their sum."""

from __future__ import annotations

import pytest
import torch

from seqvae.config import ModelConfig, ObjectiveConfig, RunConfig, TrainingConfig
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.pack import pack
from seqvae.model.build import build_model
from seqvae.model.objective import log_likelihood
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.train.lightning_module import Splits

TEXTS = ["ACNT", "RCGT", "ACGT"]


def model(decoder):
    sizes = {"latent": 2, "embedding": 5, "encoder_width": 8, "decoder_width": 8, "max_length": 4}
    config = ModelConfig(encoder="conv", decoder=decoder, lengths="fixed", ends="certain", **sizes)
    return build_model(config, build_tokenizer("dna").vocab_size, 1).eval()


def batch(tmp_path):
    packed = pack(TEXTS, build_tokenizer("dna"), cache_dir=tmp_path, workers=1, progress=False)
    run = RunConfig(training=TrainingConfig(batch_size=3))
    splits = Splits(packed.store, None, packed.tokenizer.id_table())
    stream = splits.stream(run, train=False, rank=0, world_size=1)
    assert isinstance(stream, BatchStream) and stream.plan == BatchPlan(3, 0, False)
    return next(iter(stream)), packed.tokenizer


@pytest.mark.parametrize("decoder", ["position", "dense"])
def test_an_unknown_letter_adds_nothing_and_a_code_adds_the_sum(tmp_path, decoder):
    made, (found, tokenizer) = model(decoder), batch(tmp_path)
    z = torch.randn(1, 2, generator=torch.Generator().manual_seed(0)).expand(3, -1)
    logs = made.decoder(z, found.targets).log_softmax(-1)[0]
    place_of = {letter: tokenizer.tokens.index(letter) for letter in "ACGT"}
    one = {letter: logs[:, place] for letter, place in place_of.items()}
    known = one["A"][0] + one["C"][1] + one["T"][3]  # the term of N is left out: some letter stands there for certain
    either = torch.logaddexp(one["A"][0], one["G"][0]) + one["C"][1] + one["G"][2] + one["T"][3]
    whole = known + one["G"][2]
    torch.testing.assert_close(
        log_likelihood(logs.expand(3, -1, -1), found.targets), torch.stack([known, either, whole])
    )


@pytest.mark.parametrize("decoder", ["position", "dense"])
def test_an_unknown_letter_has_no_gradient(tmp_path, decoder):
    made, (found, _) = model(decoder), batch(tmp_path)
    logits = made.decoder(torch.zeros(3, 2), found.targets).detach().requires_grad_(True)
    log_likelihood(logits, found.targets).sum().backward()
    assert float(logits.grad[0, 2].abs().max()) < 1e-6 < float(logits.grad[0, 1].abs().max())


@pytest.mark.parametrize("strands", ["one", "both"])
def test_the_loss_takes_codes_under_either_kind_of_strands(tmp_path, strands):
    found, tokenizer = batch(tmp_path)
    config = ModelConfig(decoder="position", max_length=4, lengths="fixed", ends="certain", strands=strands, latent=2)
    made = build_model(config, tokenizer.vocab_size, 1, complements=tokenizer.complements())
    losses = made.losses(Batch.of(found.targets), 1.0, ObjectiveConfig(), torch.Generator().manual_seed(0))
    losses.loss.backward()
    assert torch.isfinite(losses.loss)
    assert all(torch.isfinite(part.grad).all() for part in made.parameters() if part.grad is not None)

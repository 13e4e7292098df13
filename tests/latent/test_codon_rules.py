"""Models of codons write nothing after a stop, whatever the way of decoding, the decoder, the length and the tokens."""

import numpy as np
import pytest
import torch

from seqvae.artifact.folder import Artifact
from seqvae.config import DecodeConfig, ModelConfig, RunConfig, TokenizerConfig
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.sequences.codons import CODONS, STOP, genetic_code, split_codons
from seqvae.sequences.grammar.codon_syntax import rules_of
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import EOS, SPECIALS

STOPS = [codon for codon in CODONS if genetic_code()[codon] == STOP]
WAYS = [DecodeConfig("greedy"), DecodeConfig("sample", 2.0), DecodeConfig("beam", beam=3)]


def codec_of(decoder, lengths, vocab_size):
    """An untrained model, which writes a stop one codon in twenty."""
    tokenizer = build_tokenizer("codon", vocab_size)
    rng = np.random.default_rng(0)
    sense = [codon for codon in CODONS if codon not in STOPS]
    texts = ["".join([*rng.choice(sense[:6], 7), rng.choice(STOPS)]) for _ in range(60)]
    tokenizer = tokenizer.fit(texts)
    config = ModelConfig(
        encoder="gru", decoder=decoder, latent=3, embedding=4, encoder_width=8, decoder_width=16, max_length=8,
        lengths=lengths,
    )  # fmt: skip
    vae = build_model(config, tokenizer.vocab_size, 0).eval()
    run = RunConfig(model=config, tokenizer=TokenizerConfig("codon", vocab_size))
    return Codec(Artifact(vae, config, tokenizer, run, {"seed": 0}), device="cpu")


def with_stops_inside(texts):
    return [text for text in texts if any(codon in STOPS for codon in split_codons(text)[:-1])]


@pytest.mark.parametrize("config", WAYS, ids=lambda way: way.method)
@pytest.mark.parametrize("vocab_size", [0, 90], ids=["codons", "merged"])
@pytest.mark.parametrize("lengths", ["free", "fixed"])
@pytest.mark.parametrize("decoder", ["gru", "position"])
def test_nothing_follows_a_stop(decoder, lengths, vocab_size, config):
    codec = codec_of(decoder, lengths, vocab_size)
    z = 3 * torch.randn(150, 3, generator=torch.Generator().manual_seed(0))
    freely = codec.decode(z, DecodeConfig(config.method, config.temperature, beam=config.beam, rules="none"))
    texts = codec.decode(z, config)
    assert with_stops_inside(texts) == []
    if config.method == "sample":
        assert len(with_stops_inside(freely)) > 20
    if lengths == "fixed" and not vocab_size:
        assert {len(text) for text in texts} == {24}
    again = codec.generate(z, config)
    assert again.texts == texts
    assert (again.log_likelihood < 0).all()


def test_rules_of_codons_by_hand():
    tokenizer = build_tokenizer("codon")
    rules = rules_of(tokenizer)
    stops = [tokenizer.tokens.index(codon) for codon in STOPS]
    assert len(stops) == 3
    assert rules.follows[:, EOS].all()
    assert not rules.follows[rules.kind[stops]][:, len(SPECIALS) :].any()
    others = [token for token in range(len(SPECIALS), tokenizer.vocab_size) if token not in stops]
    assert rules.follows[rules.kind[others]][:, len(SPECIALS) :].all()
    assert rules.follows[0, len(SPECIALS) :].all()
    assert rules_of(build_tokenizer("dna")) is None

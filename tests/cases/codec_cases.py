"""Codecs that were never trained, of every combination of parts, and texts for them."""

from __future__ import annotations

import numpy as np
import torch

from seqvae.artifact.folder import Artifact
from seqvae.config import ModelConfig, RunConfig
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.model.encoders import EOS
from seqvae.sequences.tokenizers.registry import build_tokenizer

LATENT = 3


MOLECULES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "C[C@H](N)C(=O)O", "CCN(CC)CC", "OC1CCCCC1", "CC#N", "NCCS"]


def untrained(
    encoder: str = "gru", decoder: str = "gru", scale: float = 3.0, molecules: bool = False, seed: int = 0
) -> Codec:
    """A codec with random weights; a `scale` above 1 makes its distributions far from uniform, and texts end early."""
    tokenizer = build_tokenizer("selfies" if molecules else "dna")
    if molecules:
        tokenizer.fit(MOLECULES)
    sizes = {"latent": LATENT, "embedding": 5, "encoder_width": 8, "decoder_width": 8, "max_length": 30}
    config = ModelConfig(encoder=encoder, decoder=decoder, **sizes)
    model = build_model(config, tokenizer.vocab_size, seed).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
        model.decoder.output.linear.bias[EOS] += 1.5
    return Codec(Artifact(model, config, tokenizer, RunConfig(model=config), {}), "cpu")


def dna(count: int, length: int = 8, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), rng.integers(1, length + 1))) for _ in range(count)]

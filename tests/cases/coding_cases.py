"""Models whose weights are the same on every machine, and programs that run as other processors would."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import model_cases
import numpy as np
import torch

from seqvae.artifact.folder import Artifact
from seqvae.config import ModelConfig, RunConfig
from seqvae.infer.coding import CompressSettings, compress
from seqvae.infer.coding.network import ExactModel
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.model.encoders import EOS
from seqvae.sequences.tokenizers.registry import build_tokenizer

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [[3], [4, 5, 6], [8, 7, 6, 5, 4, 3], [3, 3, 3, 8, 8], [7, 4]]


def with_plain_numbers(model, seed=0, scale=0.5):
    """Give a model weights that are the same on every machine; torch's own draws differ by processor."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(rng.uniform(-scale, scale, tuple(parameter.shape))))
    return model


def exact_model(encoder, decoder, posterior="diagonal", **more):
    config = model_cases.config(encoder, decoder, posterior=posterior, **more)
    model = with_plain_numbers(model_cases.model(encoder, decoder, posterior=posterior, **more))
    pieces = [(i,) for i in range(model_cases.VOCAB)]
    codec = SimpleNamespace(
        model=model,
        latent=config.latent,
        max_length=config.max_length,
        run=SimpleNamespace(model=config),
        tokenizer=SimpleNamespace(pieces=lambda: pieces),
    )
    return model, ExactModel(codec)


# Kernels of old processors are chosen by the environment: each adds in an order of its own.
SETTINGS = [
    {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Prescott"},
    {
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "OPENBLAS_CORETYPE": "Haswell",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "ATEN_CPU_CAPABILITY": "default",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
    },
]


def output_of(program, arguments, setting):
    """What a Python program prints in a process of its own, under such settings of the environment."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "cases")))
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths, **setting},
    )
    return run.stdout.strip()


MOLECULES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "C[C@H](N)C(=O)O", "CCN(CC)CC", "OC1CCCCC1", "CC#N", "NCCS"]
SIZES = {"latent": 3, "embedding": 5, "encoder_width": 8, "decoder_width": 8, "max_length": 24}


def artifact(kind="dna", seed=0, **parts):
    tokenizer = build_tokenizer(kind, vocab_size=20 if kind == "smiles" else 0)
    tokenizer.fit(MOLECULES if kind in ("smiles", "selfies") else ["ACGT"])
    config = ModelConfig(**{**SIZES, **parts})
    model = with_plain_numbers(build_model(config, tokenizer.vocab_size, pieces=tokenizer.pieces()), seed)
    with torch.no_grad():
        getattr(model.decoder, "inner", model.decoder).output.linear.bias[EOS] -= 0.5
    return Artifact(model.eval(), config, tokenizer, RunConfig(model=config), {})


def codec(kind="dna", seed=0, **parts):
    return Codec(artifact(kind, seed, **parts), "cpu")


def dna(count, longest=20, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), rng.integers(1, longest + 1))) for _ in range(count)]


def pinned(model, folder, **settings):
    (folder / "p.txt").write_bytes("".join(f"{text}\n" for text in dna(70)).encode())
    compress(model, folder / "p.txt", folder / "p.svz", CompressSettings(block=16, **settings))
    return folder / "p.svz"

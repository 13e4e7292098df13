"""Damage folders of models, their checksums put right again, and load them: what a stranger's folder may hold.

    python -m scripts.attack.model_folders

Each input is a copy of a small model in which one thing is damaged: a field of JSON, a setting of the run, a tensor, a
whole file; `encode` and `sample` then have to end well or to refuse in one line.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from scripts.attack.harness import Counts, command, damaged_file, outcome, run_main, totals, within
from seqvae.artifact.folder import (
    CONFIG,
    PRIOR,
    PRIOR_NUMBERS,
    PROVENANCE,
    RUN,
    TOKENIZER,
    WEIGHTS,
    Artifact,
    save_artifact,
    save_prior,
)
from seqvae.artifact.seen import seen_of
from seqvae.config import ModelConfig, RunConfig, TokenizerConfig
from seqvae.model.build import build_model
from seqvae.model.priors.flow import FlowPrior
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.sequences.tokenizers.registry import build_tokenizer

NAME = "attack_model_folders"
TEXTS = ["ACGT", "TTGCA", "GGGTTT"]
_TOML = ("", "0", "-1", "1e400", "nan", '""', '"x"', "true", "[]", "{}", "[" * 50_000, "9" * 5_000, "{ x = 1 }", "0.5")


@dataclass(frozen=True)
class Settings:
    """How much is tried.

    Attributes:
        inputs: damaged folders of each model.
        models: kinds of models: tokenizer, encoder, decoder, posterior, prior, fitted prior.
        seed: of all damages.
        minutes: after which no more is tried; 0: no limit.
    """

    inputs: int = 2000
    models: tuple[str, ...] = (
        "dna gru gru diagonal normal mixture",
        "smiles gru causal_conv full mixture flow",
        "dna conv position iaf flow none",
        "dna gru gru diagonal vamp none",
    )
    seed: int = 0
    minutes: float = 0.0


SMALL = Settings(inputs=40, models=("dna gru gru diagonal normal mixture",))


def made(folder: Path, kinds: str) -> Path:
    """Write a model that was never trained; return its folder."""
    kind, encoder, decoder, posterior, prior, fitted = kinds.split()
    texts = ["CCO", "c1ccccc1", "CC(=O)N"] if kind == "smiles" else TEXTS
    tokenizer = build_tokenizer(kind, 20 if kind == "smiles" else 0).fit(texts)
    config = ModelConfig(
        encoder, decoder, posterior, prior, latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=16
    )
    vae = build_model(config, tokenizer.vocab_size, 0, tokenizer.pieces()).eval()
    run = RunConfig(tokenizer=TokenizerConfig(kind), model=config)
    save_artifact(folder, Artifact(vae, config, tokenizer, run, {"seed": 0}, seen=seen_of(texts, tokenizer)))
    if fitted != "none":
        density = GaussianMixture(4, 2) if fitted == "mixture" else FlowPrior(4, 1, 8, 2)
        save_prior(folder, density, "fitted", {})
    return folder


def damage(folder: Path, rng: random.Random) -> str:
    """Damage one thing in a folder, and put its checksums right; return what was done."""
    kind = rng.random()
    numbers = [name for name in (WEIGHTS, PRIOR_NUMBERS) if (folder / name).exists()]
    records = [name for name in (CONFIG, TOKENIZER, PRIOR, PROVENANCE) if (folder / name).exists()]
    if kind < 0.5:
        what = damaged_file(folder / rng.choice(records), rng)
    elif kind < 0.7:
        what = _damaged_run(folder / RUN, rng)
    elif kind < 0.9:
        what = _damaged_numbers(folder / rng.choice(numbers), rng)
    else:
        path = folder / rng.choice([one.name for one in sorted(folder.iterdir())])
        what = f"{path.name} is a pipe"
        if rng.random() < 0.3:
            path.unlink()
            os.mkfifo(path)
            return what
        what = damaged_file(path, rng)
    if rng.random() < 0.95:
        _seal(folder)
    return what


def _damaged_run(path: Path, rng: random.Random) -> str:
    lines = path.read_text().splitlines()
    row = rng.randrange(len(lines))
    name, _, _ = lines[row].partition(" = ")
    value = rng.choice(_TOML)
    lines[row] = f"{name} = {value}" if "=" in lines[row] and rng.random() < 0.9 else value
    path.write_text("\n".join(lines) if rng.random() < 0.97 else "")
    return f"{path.name}: {lines[row][:60]}"


def _damaged_numbers(path: Path, rng: random.Random) -> str:
    tensors = load_file(path)
    name, kind = rng.choice(sorted(tensors)), rng.randrange(5)
    tensor = tensors[name]
    if kind == 0:
        del tensors[name]
    elif kind == 1:
        tensors[name] = tensor.flatten()[:-1].clone()
    elif kind == 2:
        tensors[name] = tensor.to(rng.choice([torch.int64, torch.float16, torch.bool, torch.float64]))
    elif kind == 3 and tensor.is_floating_point() and tensor.numel():
        tensor.view(-1)[rng.randrange(tensor.numel())] = rng.choice([float("nan"), float("inf"), 1e38])
    else:
        tensors["more"] = torch.zeros(3)
    save_file(tensors, path)
    return f"{path.name}: {name}, {('removed', 'shorter', 'other type', 'not finite', 'one more')[kind]}"


def _seal(folder: Path) -> None:
    with suppress(ValueError, AttributeError, KeyError, RecursionError, TypeError):
        path = folder / PROVENANCE
        values = json.loads(path.read_text())
        for name in values["sha256"]:
            with suppress(OSError):
                values["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        path.write_text(json.dumps(values))


def attack(settings: Settings) -> dict[str, Any]:
    """Damage and load; return the counts by model."""
    parts = {name: Counts() for name in settings.models}
    with TemporaryDirectory() as place:
        for kinds, counts in parts.items():
            folder = made(Path(place) / kinds.replace(" ", "-"), kinds)
            texts = Path(place) / "texts.txt"
            texts.write_text("CCO\n" if kinds.startswith("smiles") else "\n".join(TEXTS) + "\n")
            for number in within(settings.inputs, settings.minutes / len(parts)):
                rng = random.Random(f"{settings.seed} {kinds} {number}")
                one = Path(shutil.copytree(folder, Path(place) / "damaged"))
                what = f"{kinds} {number}: {damage(one, rng)}"
                out = Path(place) / "out.csv"
                for words in (
                    ["encode", str(one), str(texts), "--out", str(out)],
                    ["sample", str(one), "-n", "2", "--out", str(out)],
                ):
                    found, said = outcome(command(words))
                    counts.add(found, f"{what}: {words[0]}", said)
                shutil.rmtree(one)
    return totals(parts)


if __name__ == "__main__":
    run_main(NAME, __doc__ or "", attack, Settings(), SMALL)

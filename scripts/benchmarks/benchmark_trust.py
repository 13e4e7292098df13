"""Check the theory on models of which the truth is known, and the curve of rate and distortion on splice sites.

    python -m scripts.benchmarks.benchmark_trust [--only PART] [--threads 1]

Linear VAE against probabilistic PCA; all 8-mers enumerated; families of posteriors on a toy with a bent posterior;
independent mutations of one sequence, in which nothing is there to encode; dD/dR against -beta on MPSA, and a target's
multiplier; remedies against collapse; posteriors, priors and remedies on ZINC250k, which `--only zinc` resumes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scripts.benchmarks.trust.remedies import remedies
from scripts.benchmarks.trust.toys import families, linear_vae
from scripts.benchmarks.trust.zinc import zinc
from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae.config import (
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    PriorConfig,
    RateDistortionConfig,
    RunConfig,
    TokenizerConfig,
    TrainingConfig,
)
from seqvae.evaluate import rate_distortion
from seqvae.evaluate.trained import diagnose_trained
from seqvae.latent.codec import Codec, load
from seqvae.model.objective import token_log_likelihood
from seqvae.runtime.device import evaluating, generator
from seqvae.train.fit import train

NAME = "trust"
LETTERS = "ACGT"
TINY = ModelConfig(latent=4, embedding=8, encoder_width=24, decoder_width=24)


def _run(source: Path | str, model: ModelConfig, beta: float, **training: Any) -> RunConfig:  # noqa: ANN401
    return RunConfig(
        data=DataConfig(source=str(source), split="random", valid_fraction=0.05, test_fraction=0.05),
        tokenizer=TokenizerConfig(kind="dna"),
        model=model,
        objective=ObjectiveConfig(beta=beta),
        training=TrainingConfig(**{"device": "cpu", "precision": "32", "patience": 0, **training}),
        prior=PriorConfig(prior="none"),
    )


def _written(folder: Path, rows: NDArray[np.int64]) -> Path:
    path = folder / "sequences.txt"
    path.write_text("".join("".join(LETTERS[i] for i in row) + "\n" for row in rows))
    return path


def enumerated(small: bool) -> dict[str, Any]:
    """Train on k-mers, and sum an unbiased estimate of p over all that can be written: 1 within its interval.

    That is every sequence of fewer letters, and every beginning of so many. z is drawn from the encoder's posterior or
    from the prior, half and half: from the posterior alone the estimate is unbiased too, but where that is too narrow,
    some draws in thousands carry the sum, and no interval knows of them (defensive mixtures: Hesterberg 1995,
    doi:10.1080/00401706.1995.10484303).
    """
    length, samples = (4, 8) if small else (8, 10)
    rng = np.random.default_rng(0)
    rows = np.where(rng.random((400 if small else 4000, length)) < 0.5, rng.integers(0, 4, length), 0)
    rows = np.where(rng.random(rows.shape) < 0.4, rng.integers(0, 4, rows.shape), rows)
    with TemporaryDirectory() as made:
        folder = Path(made)
        run = _run(_written(folder, rows), TINY, 1.0, epochs=1 if small else 8, batch_size=64, learning_rate=5e-3)
        codec = load(train(run, folder / "model", quiet=True).folder)
    letters = [ids[0] for ids in codec.tokenize(list(LETTERS)).ids]
    totals, whole = np.zeros(samples), np.zeros(samples)
    for letters_there in range(length + 1):
        every = [list(ids) for ids in product(letters, repeat=letters_there)]
        for start in range(0, len(every), 512):
            tokens, draws = codec.padded(every[start : start + 512]), generator(0, letters_there, start)
            for number in range(samples):
                ended, begun = _estimates(codec, tokens, draws)
                whole[number] += ended.sum().item() if letters_there == length else 0.0
                totals[number] += (begun if letters_there == length else ended).sum().item()
    return {
        "states": 4**length,
        "samples": samples,
        "of_this_length": float(whole.mean()),
        "sum": float(totals.mean()),
        "error": float(totals.std(ddof=1) / math.sqrt(samples)),
    }


def _estimates(codec: Codec, tokens: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return an unbiased estimate of p(x) of each sequence, and of all that begins with it."""
    with evaluating(codec.model):
        posterior, prior = codec.model.posterior(tokens), codec.prior()
        z, other = posterior.rsample(1, draws)[0], prior.sample(len(tokens), draws)
        z = torch.where(torch.rand(len(tokens), 1, generator=draws) < 0.5, z, other)
        each = token_log_likelihood(codec.model.decoder(z, tokens), tokens).double()
        at_prior = prior.log_prob(z).double()
        proposed = torch.logaddexp(posterior.log_prob(z.unsqueeze(0))[0].double(), at_prior) - math.log(2)
    weight = at_prior - proposed
    return (each.sum(1) + weight).exp(), (each[:, :-1].sum(1) + weight).exp()


def mutations(small: bool) -> dict[str, Any]:
    """Train at beta 1 on independent mutations of one 75-mer: the rate, and the verdict at the end of the training."""
    rng = np.random.default_rng(0)
    count, length = (300, 75) if small else (50_000, 75)
    parent = rng.integers(0, 4, length)
    rows = np.where(rng.random((count, length)) < 0.1, (parent + rng.integers(1, 4, (count, length))) % 4, parent)
    model = replace(TINY, encoder="conv", decoder="position", latent=8, encoder_width=32, decoder_width=64)
    with TemporaryDirectory() as made:
        folder = Path(made)
        run = _run(_written(folder, rows), model, 1.0, epochs=2 if small else 3, batch_size=128, learning_rate=3e-3)
        diagnosis = diagnose_trained(train(run, folder / "model", quiet=True))
    if diagnosis is None:
        raise RuntimeError("expected held-out sequences, got none")
    counted, costs = diagnosis.metrics["baselines"], diagnosis.metrics["likelihood"]
    return {
        "rows": count,
        "rate_bits": costs["rate"] / math.log(2),
        "bits_per_base": costs["bits_per_character"],
        "best_counting": counted["baseline"],
        "counting_bits_per_base": counted["baseline_nll"] / length / math.log(2),
        "verdict": diagnosis.verdict.kind,
        "paragraph": diagnosis.verdict.paragraph,
    }


def curve(small: bool) -> dict[str, Any]:
    """Trace the curve on splice sites: dD/dR beside -beta, the target's multiplier, and H - D <= I <= R."""
    model = ModelConfig(
        encoder="conv", decoder="position", latent=6, embedding=8, encoder_width=32, decoder_width=64, encoder_layers=2
    )
    run = _run("mpsa-sample", model, 0.37, epochs=1 if small else 120, batch_size=128, learning_rate=3e-3)
    run = replace(run, data=replace(run.data, limit=300 if small else 6_000))
    config = RateDistortionConfig(
        betas="0.3,0.5,0.7" if small else "0.37,0.45,0.5,0.55,0.61,0.67,0.73,0.79,0.85,0.91,0.97",
        epochs=1 if small else 60,
        multipliers=not small,
        texts=100 if small else 5_000,
        samples=2 if small else 4,
        annealed=0,
    )
    with TemporaryDirectory() as made:
        found = rate_distortion(run, Path(made) / "curve", config=config)
    return {"settings": asdict(config), "sequences": run.data.limit, "points": found.to_dict()["points"]}


PARTS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "linear": linear_vae,
    "enumerated": enumerated,
    "families": families,
    "mutations": mutations,
    "curve": curve,
    "remedies": remedies,
}
ZINC = "zinc"  # the only part that keeps what it has found, and goes on


def main(argv: Sequence[str] | None = None) -> None:
    """Run the parts, and write the result after each."""
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--only", default="", choices=["", *PARTS, ZINC], help="run one part, and keep the others' results"
    )
    given = parser.parse_args(argv)
    names = [given.only] if given.only else [*PARTS, ZINC]
    out = result_path(given, NAME)
    found: dict[str, Any] = {}
    if out is not None and out.is_file():
        found = json.loads(out.read_text("utf-8"))["figures"]
    with torch_threads(given.threads) as threads:

        def keep(name: str, part: dict[str, Any]) -> None:
            """Write the result with what has been found of a part."""
            found[name] = part
            settings = {"seed": 0, "threads": threads, "small": given.small}
            write_result(out, NAME, settings, {one: found[one] for one in (*PARTS, ZINC) if one in found})

        for name in names:
            began = time.perf_counter()
            if name == ZINC:
                zinc(given.small, found.get(ZINC, {}).get("models", {}), partial(keep, ZINC))
                continue
            part = PARTS[name](given.small)
            keep(name, {**part, "seconds": round(time.perf_counter() - began, 1)})


if __name__ == "__main__":
    main()

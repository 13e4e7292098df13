"""The likelihood that each model reaches in equal wall time: ours, the MOSES VAE recipe and the DD-VAE baseline.

    python -m scripts.benchmarks.speed.benchmark_equal_time [--minutes 60]

Each is trained from scratch for the same time on the same molecules, one after the other on the same cores, with the
fastest float32 matrix products for all. Then the same held-out molecules are measured in the same way: the ELBO, and
the importance-weighted bound on log p(x) from draws of q(z|x), in nats per molecule. The notations differ (characters
of SMILES, merged SELFIES tokens), the molecules do not: each value bounds the probability of the one string that stands
for the molecule. Ours is trained twice: with its defaults, and with beta 1, the objective that the bound measures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from scripts.baselines import ddvae_recipe, moses_recipe
from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae.artifact.folder import Artifact
from seqvae.artifact.weights import parameters
from seqvae.config import FOR_MANY, OBJECTIVE_FOR_MANY, ModelConfig, ObjectiveConfig, RunConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.pack import PackedData, pack
from seqvae.errors import InputError
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.model.objective import beta_at
from seqvae.runtime.device import fast_matmul, generator
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.train.schedule import learning_rate

NAME = "equal_time"
_MEASURED_AT_ONCE = 250


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: one with a published split: its training split is trained on, its test split is measured.
        molecules: training molecules, the first ones; 0: all.
        held_out: measured molecules, the first ones that all models can write.
        samples: draws of q(z|x) per molecule.
        minutes: training time of each model.
        vocab_size: vocabulary of our tokenizer.
        seed: seed of all draws.
    """

    dataset: str = "zinc250k"
    molecules: int = 0
    held_out: int = 1000
    samples: int = 50
    minutes: float = 60.0  # in minutes the recipes take a few dozen steps, which compares nothing
    vocab_size: int = 512
    seed: int = 0


SMALL = Settings("moses-sample", molecules=50, held_out=10, samples=3, minutes=0.002, vocab_size=64)
SMALL_MODEL = ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16)
RECIPES = {
    "MOSES VAE recipe": (moses_recipe.MosesVAE, moses_recipe.LEARNING_RATE, moses_recipe.BATCH),
    "DD-VAE baseline recipe": (ddvae_recipe.DdVAE, ddvae_recipe.LEARNING_RATE, ddvae_recipe.BATCH),
}
BETAS = {"ours, default model": OBJECTIVE_FOR_MANY.beta, "ours, beta 1": 1.0}


def splits(settings: Settings) -> tuple[list[str], list[str]]:
    """Return training and held-out molecules."""
    data = load_dataset(settings.dataset)
    if not data.card.published:
        texts = data.texts[: settings.molecules + settings.held_out]
        return texts[: settings.molecules], texts[settings.molecules :]
    train = [data.texts[int(row)] for row in data.split.train[: settings.molecules or None]]
    return train, [data.texts[int(row)] for row in data.split.test]


def train_recipe(name: str, texts: Sequence[str], alphabet: moses_recipe.Characters, settings: Settings) -> Any:  # noqa: ANN401
    """Train a recipe's model for its minutes; return it, with the number of molecules that it saw."""
    make, rate, size = RECIPES[name]
    torch.manual_seed(settings.seed)
    model = make(len(alphabet))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    ids, rng = [alphabet.encode(text) for text in texts], np.random.default_rng(settings.seed)
    started, seen = time.perf_counter(), 0
    while time.perf_counter() - started < 60 * settings.minutes:
        batch = rng.integers(0, len(ids), min(size, len(ids))).tolist()
        moses_recipe.train_step(model, optimizer, [ids[row] for row in batch])
        seen += len(batch)
    return model.eval(), seen


def recipe_bounds(model: moses_recipe.RecipeModel, ids: list[torch.Tensor], samples: int) -> tuple[float, float]:
    """Return the mean ELBO and importance-weighted bound of texts, in nats."""
    parts = [
        moses_recipe.importance_weights(model, ids[start : start + _MEASURED_AT_ONCE], samples)
        for start in range(0, len(ids), _MEASURED_AT_ONCE)
    ]
    return bounds(torch.cat(parts, dim=1))


def bounds(weights: torch.Tensor) -> tuple[float, float]:
    """Return the mean ELBO and importance-weighted bound from log weights, `(samples, texts)`."""
    best = weights.logsumexp(0) - np.log(len(weights))
    return float(weights.mean()), float(best.mean())


def train_ours(packed: PackedData, model: ModelConfig, beta: float, settings: Settings) -> tuple[Codec, int]:
    """Train our model for its minutes, with its own schedules; return it, with the number of molecules that it saw."""
    objective, training = ObjectiveConfig(beta=beta), replace(FOR_MANY, seed=settings.seed)
    sized = replace(model, max_length=packed.store.max_length)
    vae = build_model(sized, packed.tokenizer.vocab_size, settings.seed)
    optimizer = torch.optim.Adam(vae.parameters(), lr=training.learning_rate, fused=True)
    stream, rng = BatchStream(packed.store, BatchPlan(training.batch_size, settings.seed)), generator(settings.seed)
    started, seen, done = time.perf_counter(), 0, 0.0
    while done < 1:
        for batch in stream:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(done, training)
            losses = vae.losses(batch, beta_at(done, objective), objective, rng)
            optimizer.zero_grad()
            losses.loss.backward()
            torch.nn.utils.clip_grad_norm_(vae.parameters(), training.clip)
            optimizer.step()
            seen, done = seen + len(batch), (time.perf_counter() - started) / (60 * settings.minutes)
            if done >= 1:
                break
    run = RunConfig(model=sized, objective=objective, training=training)
    return Codec(Artifact(vae.eval(), sized, packed.tokenizer, run, {}), "cpu"), seen


def our_bounds(codec: Codec, texts: Sequence[str], samples: int) -> tuple[float, float]:
    """Return the mean ELBO and importance-weighted bound of texts, in nats, as `recipe_bounds`."""
    rng, parts = generator(0), []
    with torch.no_grad():
        for _, tokens in codec.batches(texts, _MEASURED_AT_ONCE):
            posterior = codec.model.posterior(tokens)
            parts.append(
                torch.stack(
                    [
                        codec.model.log_likelihood(z, tokens) + codec.model.prior.log_prob(z) - posterior.log_prob(z)
                        for z in posterior.rsample(samples, rng)
                    ]
                )
            )
    return bounds(torch.cat(parts, dim=1))


def writable(texts: Sequence[str], packed: PackedData, alphabet: moses_recipe.Characters, count: int) -> list[str]:
    """Return the first molecules that every model can write: known symbols, and short enough."""
    found = []
    for text in texts:
        try:
            fits = len(packed.tokenizer.encode(text)) <= packed.store.max_length
        except InputError:
            fits = False
        if fits and set(text) <= set(alphabet.characters):
            found.append(text)
        if len(found) == count:
            break
    return found


def metrics_of(model: torch.nn.Module, seen: int, elbo: float, iwae: float) -> dict[str, float]:
    """Return a row of the result."""
    return {"parameters": parameters(model), "molecules_seen": seen, "elbo": elbo, "bound": iwae}


def measure(settings: Settings, model: ModelConfig) -> dict[str, Any]:
    """Train and measure everything, and return the metrics."""
    train, rest = splits(settings)
    alphabet = moses_recipe.Characters.of(train)
    found: dict[str, Any] = {}
    with TemporaryDirectory() as folder, fast_matmul():
        packed = pack(train, build_tokenizer("selfies", settings.vocab_size), folder, on_error="skip")
        held_out = writable(rest, packed, alphabet, settings.held_out)
        ids = [alphabet.encode(text) for text in held_out]
        for name in RECIPES:
            recipe, seen = train_recipe(name, train, alphabet, settings)
            found[name] = metrics_of(recipe, seen, *recipe_bounds(recipe, ids, settings.samples))
        for name, beta in BETAS.items():
            codec, seen = train_ours(packed, model, beta, settings)
            found[name] = metrics_of(codec.model, seen, *our_bounds(codec, held_out, settings.samples))
    return {"models": found, "molecules": len(train), "held_out": len(held_out)}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="training time of each model")
    given = parser.parse_args(argv)
    settings, model = (SMALL, SMALL_MODEL) if given.small else (Settings(minutes=given.minutes), ModelConfig())
    with torch_threads(given.threads) as threads, torch.random.fork_rng(devices=[]):
        metrics = measure(settings, model)
    shown = {**asdict(settings), "model": asdict(model), "betas": BETAS, "threads": threads}
    write_result(result_path(given, NAME), NAME, shown, metrics)


if __name__ == "__main__":
    main()

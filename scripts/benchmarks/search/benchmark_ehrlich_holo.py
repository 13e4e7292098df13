"""Ehrlich functions of `pytorch-holo`: the package's own genetic algorithm and ours, on the same functions.

    pip install --no-deps pytorch-holo==0.0.5 && pip install pandas pooch
    python -m scripts.benchmarks.search.benchmark_ehrlich_holo [--budget 30000] [--seeds 100,101,102,103,104]

The package (Stanton et al. 2024, arXiv:2407.00236) draws the functions and the first sequences, and ours gets its
matrix, motifs and spacings. No setting was chosen on these seeds. The package's algorithm, `DiscreteEvolution`, runs as
it comes, and once more with the settings of a small grid that do best on other seeds (0 to 2, of the same sizes), since
its defaults mutate a fifth of each sequence. `--no-deps`, because the package asks for an older NumPy and for programs
that its functions do not need. `--small` needs no package: functions of ours, without the other algorithm.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae import search
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig
from seqvae.properties.benchmarks.ehrlich import Ehrlich

NAME = "ehrlich_holo"
SIZES = ((32, 32, 4, 4, 4), (32, 128, 4, 4, 4), (32, 128, 8, 8, 8))
SMALL_SIZES, SMALL_BUDGET, SMALL_BATCH = ((32, 8, 2, 2, 2),), 40, 10
BATCH = 100
CHOSEN_ON = (0, 1, 2)
AS_IT_COMES: dict[str, float] = {}
# Expected mutations of a sequence and share that survives; 1,000 particles, so that 30 generations fit into the budget.
GRID = tuple(itertools.product((0.5, 1.0, 3.0), (0.1, 0.5)))
PARTICLES = 1000


def holo() -> Any:  # noqa: ANN401 - a package that need not be there
    """Return the package's function class and optimiser class."""
    try:
        function = import_module("holo.test_functions.closed_form").Ehrlich
        return function, import_module("holo.optim").DiscreteEvolution
    except ImportError as error:
        raise SystemExit(
            f"pytorch-holo cannot be imported ({error}): pip install --no-deps pytorch-holo==0.0.5, then pandas and "
            "pooch; or take --small, which does without"
        ) from None


def ours_of(function: Any, sizes: Sequence[int]) -> Ehrlich:  # noqa: ANN401
    """Return a function of the package as one of ours, after comparing their values of 100 sequences."""
    parts = (function.transition_matrix, torch.stack(list(function.motifs)), torch.stack(function.spacings))
    matrix, motifs, spacings = (part.numpy() for part in parts)
    made = Ehrlich(matrix, motifs, spacings, sizes[1], sizes[4])
    states = torch.cat([function.initial_solution(99), function.optimal_solution()[None]])
    if not np.allclose(made.score(states.numpy()), function.evaluate_true(states).numpy(), atol=1e-6):
        raise SystemExit("the package's values differ from ours: nothing can be compared")
    return made


def theirs(function: Any, evolution: Any, seed: int, budget: int, chosen: dict[str, float]) -> float:  # noqa: ANN401
    """Return the best value that the package's algorithm finds; every evaluation is a call."""
    torch.manual_seed(seed)
    first = torch.nn.Parameter(function.initial_solution(1).float(), requires_grad=False)
    settings = dict(chosen)
    if "mutations" in settings:
        settings["mutation_prob"] = settings.pop("mutations") / function.dim
        settings["num_particles"] = PARTICLES
    settings["num_particles"] = min(int(settings.get("num_particles", 128)), budget)
    optimizer = evolution([first], list(range(function.num_states)), **settings)
    best = 0.0
    for _ in range(budget // settings["num_particles"]):
        loss = optimizer.step(lambda particles: -function.evaluate_true(particles[0].long()))
        best = max(best, -float(loss))
    return best


def ours(function: Ehrlich, start: Sequence[str], seed: int, budget: int, batch: int) -> float:
    """Return the best value that our genetic algorithm finds; every distinct sequence is a call."""
    config = SearchConfig(
        "", "ga", "cpu", OracleConfig(budget=budget, failures=budget), CampaignConfig(batch=batch, seed=seed)
    )
    with TemporaryDirectory() as folder:
        found = search.run(lambda text: float(function.values([text])[0]), f"{folder}/run", config, tuple(start))
    return found.best


def tuned(sizes: Sequence[int], budget: int) -> dict[str, float]:
    """Return the settings of the grid that do best on the seeds for choosing settings."""
    made, evolution = holo()
    functions = {seed: made(*sizes[:4], quantization=sizes[4], random_seed=seed) for seed in CHOSEN_ON}
    trials = [{"mutations": count, "survival_quantile": share} for count, share in GRID]
    return max(trials, key=lambda one: mean(theirs(of, evolution, seed, budget, one) for seed, of in functions.items()))


def compared(sizes: Sequence[int], seeds: Sequence[int], budget: int) -> dict[str, Any]:
    """Return the best values of all algorithms on the package's functions of one size."""
    made, evolution = holo()
    chosen = tuned(sizes, budget)
    found: dict[str, Any] = {"chosen": chosen, "holo": {}, "holo, tuned": {}, "ours": {}}
    for seed in seeds:
        function = made(*sizes[:4], quantization=sizes[4], random_seed=seed)
        same = ours_of(function, sizes)
        start = same.write(function.initial_solution(BATCH).numpy())
        for who, settings in (("holo", AS_IT_COMES), ("holo, tuned", chosen)):
            found[who][str(seed)] = {"best": theirs(function, evolution, seed, budget, settings)}
        found["ours"][str(seed)] = {"best": ours(same, start, seed, budget, BATCH)}
        print(sizes, seed, {who: of[str(seed)] for who, of in found.items() if who != "chosen"}, flush=True)
    return found


def alone(sizes: Sequence[int], seed: int) -> dict[str, Any]:
    """Return the best value of ours on a function of ours."""
    function = Ehrlich.draw(*sizes, seed=seed)
    start = function.write(function.initial_solution(SMALL_BATCH, seed))
    return {"ours": {str(seed): {"best": ours(function, start, seed, SMALL_BUDGET, SMALL_BATCH)}}}


def main(argv: Sequence[str] | None = None) -> None:
    """Run everything, and write the result after each size."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--budget", type=int, default=30_000, help="calls of each run")
    parser.add_argument("--seeds", default="100,101,102,103,104", help="by comma: of the functions and the searches")
    given = parser.parse_args(argv)
    seeds = [100] if given.small else [int(seed) for seed in given.seeds.split(",")]
    if clash := set(seeds) & set(CHOSEN_ON):
        raise SystemExit(f"--seeds: expected none of {CHOSEN_ON}, which settings were chosen on; got {sorted(clash)}")
    budget = SMALL_BUDGET if given.small else given.budget
    settings = {"budget": budget, "seeds": seeds, "chosen_on": list(CHOSEN_ON), "particles": PARTICLES}
    settings |= {"holo": None if given.small else version("pytorch-holo")}
    found: dict[str, Any] = {}
    with torch_threads(given.threads), torch.random.fork_rng(devices=[]):
        for sizes in SMALL_SIZES if given.small else SIZES:
            name = ",".join(map(str, sizes))
            found[name] = alone(sizes, seeds[0]) if given.small else compared(sizes, seeds, budget)
            write_result(result_path(given, NAME), NAME, settings, {"functions": found})


if __name__ == "__main__":
    main()

"""Ehrlich functions of `pytorch-holo`: the package's own genetic algorithm and ours, on the same functions.

    pip install --no-deps pytorch-holo==0.0.5 && pip install pandas pooch
    python -m scripts.benchmarks.search.benchmark_ehrlich_holo [--seeds 100,101,102] [--budgets 96,384,1000,30000]

The package (Stanton et al. 2024, arXiv:2407.00236) draws the functions and the first sequences, and ours gets its
matrix, motifs and spacings. No setting was chosen on these seeds. The package's algorithm, `DiscreteEvolution`, runs as
it comes, and once more with the settings of a small grid that do best at the same budget on other seeds (0 to 2, of the
same sizes). Up to 1,000 calls ours is `auto`, in rounds of 24; for more calls `ga`, in rounds of 100. What is measured
already is kept. `--no-deps`, because the package asks for an older NumPy and for programs that its functions do not
need. `--small` needs no package: functions of ours, without the other algorithm.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from scripts.benchmarks.search.search_runs import calls_of, course
from scripts.record import arguments, metrics_of, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig
from seqvae.properties.benchmarks.ehrlich import Ehrlich

NAME = "ehrlich_holo"
SIZES = ((32, 32, 4, 4, 4), (32, 128, 4, 4, 4), (32, 128, 8, 8, 8))
BUDGETS = (96, 384, 1_000, 30_000)
SMALL_SIZES, SMALL_BUDGETS = ((32, 8, 2, 2, 2),), (24, 48)
FEW = 1_000  # calls up to which a surrogate chooses
BATCH, SMALL_BATCH = 100, 24
CHOSEN_ON = (0, 1, 2)
AS_IT_COMES: dict[str, float] = {}
# Expected mutations of a sequence, share that survives, and generations that the budget is divided into.
GRID = tuple(itertools.product((0.5, 1.0, 3.0), (0.1, 0.5), (10, 30)))


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
        least = math.ceil(2 / settings["survival_quantile"])  # two must survive
        settings["num_particles"] = max(least, budget // int(settings.pop("generations")))
    settings["num_particles"] = min(int(settings.get("num_particles", 128)), budget)
    optimizer = evolution([first], list(range(function.num_states)), **settings)
    best = 0.0
    for _ in range(budget // settings["num_particles"]):
        loss = optimizer.step(lambda particles: -function.evaluate_true(particles[0].long()))
        best = max(best, -float(loss))
    return best


def ours(function: Ehrlich, start: Sequence[str], seed: int, budgets: Sequence[int]) -> dict[int, float]:
    """Return the best value that ours finds within each budget; every distinct sequence is a call."""
    few = [budget for budget in budgets if budget <= FEW]
    found: dict[int, float] = {}
    for name, batch, some in (("auto", SMALL_BATCH, few), *(("ga", BATCH, [one]) for one in budgets if one > FEW)):
        if some:
            oracle = OracleConfig(budget=max(some), failures=max(some))
            config = SearchConfig("", name, "cpu", oracle, CampaignConfig(batch=batch, initial=batch, seed=seed))
            with TemporaryDirectory() as folder:
                calls = calls_of(lambda text: float(function.values([text])[0]), config, start, Path(folder) / "run")
            best = course(list(calls.values()), some)["best"]
            found |= {budget: best[str(budget)] for budget in some}
    return found


def tuned(sizes: Sequence[int], budget: int) -> dict[str, float]:
    """Return the settings of the grid that do best on the seeds for choosing settings."""
    made, evolution = holo()
    functions = {seed: made(*sizes[:4], quantization=sizes[4], random_seed=seed) for seed in CHOSEN_ON}
    trials = [dict(zip(("mutations", "survival_quantile", "generations"), one, strict=True)) for one in GRID]
    return max(trials, key=lambda one: mean(theirs(of, evolution, seed, budget, one) for seed, of in functions.items()))


def compared(sizes: Sequence[int], seeds: Sequence[int], budget: int, known: dict[str, Any]) -> Iterator[Any]:
    """Yield the best values of all algorithms on the package's functions of one size, by budget, after each function.

    Args:
        sizes: of the functions.
        seeds: of the functions.
        budget: of the calls.
        known: what an earlier run has measured.
    """
    made, evolution = holo()
    found = known or {"chosen": tuned(sizes, budget), "holo": {}, "holo, tuned": {}, "ours": {}}
    for seed in map(str, seeds):
        if seed in found["ours"]:
            continue
        function = made(*sizes[:4], quantization=sizes[4], random_seed=int(seed))
        same = ours_of(function, sizes)
        start = same.write(function.initial_solution(BATCH).numpy())
        found["holo"][seed] = theirs(function, evolution, int(seed), budget, AS_IT_COMES)
        found["holo, tuned"][seed] = theirs(function, evolution, int(seed), budget, found["chosen"])
        found["ours"][seed] = ours(same, start, int(seed), [budget])[budget]
        yield found


def alone(sizes: Sequence[int], seed: int) -> dict[str, Any]:
    """Return the best values of ours on a function of ours."""
    function = Ehrlich.draw(*sizes, seed=seed)
    found = ours(function, function.write(function.initial_solution(SMALL_BATCH, seed)), seed, SMALL_BUDGETS)
    return {str(budget): {"ours": {str(seed): best}} for budget, best in found.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Run everything, and write the result after each function."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--budgets", default=",".join(map(str, BUDGETS)), help="calls of each run, by comma")
    parser.add_argument("--seeds", default=",".join(map(str, range(100, 110))), help="by comma: of functions, searches")
    given = parser.parse_args(argv)
    seeds = [100] if given.small else [int(seed) for seed in given.seeds.split(",")]
    if clash := set(seeds) & set(CHOSEN_ON):
        raise SystemExit(f"--seeds: expected none of {CHOSEN_ON}, which settings were chosen on; got {sorted(clash)}")
    settings = {"chosen_on": list(CHOSEN_ON), "few": FEW, "batches": [SMALL_BATCH, BATCH]}
    settings |= {"holo": None if given.small else version("pytorch-holo")}
    path = result_path(given, NAME)
    found: dict[str, Any] = metrics_of(path, settings).get("functions", {})
    with torch_threads(given.threads), torch.random.fork_rng(devices=[]):
        if given.small:
            found = {",".join(map(str, sizes)): alone(sizes, seeds[0]) for sizes in SMALL_SIZES}
            write_result(path, NAME, settings, {"functions": found})
            return
        for budget, sizes in itertools.product(map(int, given.budgets.split(",")), SIZES):
            of = found.setdefault(",".join(map(str, sizes)), {})
            for made in compared(sizes, seeds, budget, of.get(str(budget), {})):
                of[str(budget)] = made
                write_result(path, NAME, settings, {"functions": found})


if __name__ == "__main__":
    main()

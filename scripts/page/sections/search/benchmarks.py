"""The sections of BENCHMARKS.md on searches: PMO, the ablation of the default optimiser, Ehrlich, TF-Bind-8."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np

from scripts.page.tables import Values, beside, interval, table

_BASELINES = {
    "sampling": "draws from the model",
    "screening": "molecules of ZINC250k in random order",
    "string-ga": "a genetic algorithm over SELFIES",
    "ga": "a genetic algorithm over molecules as graphs",
}
_OLD_NAMES = {"prior": "sampling"}  # of results that were made before the name was changed
_PHOSPHORUS = "isomers_c9h10n2o2pf2cl"
_LATENT, _BEST = "NF-BO", "InVirtuoGen without prescreen"


def pmo(result: Values, published: Values) -> str:
    """Return the table of PMO, task by task, published methods first."""
    settings, tasks = result["settings"], result["figures"]["tasks"]
    methods, chosen = published["pmo"]["rows"], settings["chosen_on"]
    names = list(methods[0]["tasks"])
    rows = [
        [
            f"{name}{' *' if name in chosen else ''}",
            *(f"{one['tasks'][name]:.3f}" for one in methods),
            _cell(tasks, name),
        ]
        for name in names
    ]
    sums = [sum(one["tasks"].values()) for one in methods]
    ours = sum(_auc(tasks, name) for name in names if name in tasks)
    rows.append([f"**sum of {len(names)}**", *(f"**{value:.2f}**" for value in sums), f"**{ours:.2f}**"])
    titles = ["task", *(one["method"] for one in methods), f"**seqvae, {settings['optimizer']}**"]
    runs = [run for of in tasks.values() for run in of.values()]
    seconds = mean(run["optimizer_seconds"] for run in runs)
    oracle = mean(run["oracle_seconds"] for run in runs)
    missing = [name for name in names if name not in tasks]
    return (
        f"Area under the curve of the mean of the best ten over {settings['budget']:,} calls, mean (standard "
        f"deviation) over seeds {', '.join(map(str, settings['seeds']))}; every distinct valid molecule that is scored "
        "counts, those of the start too. The generator has seen ZINC250k without properties. Settings were chosen on "
        f"the tasks with a star alone. {published['pmo']['note']}\n\n"
        + table(titles, rows)
        + "\n"
        + (f"Still to run: {', '.join(missing)}.\n\n" if missing else "")
        + f"One run takes {seconds:,.0f} s in the optimiser and {oracle:,.0f} s in the oracle, on "
        f"{settings['threads']} thread(s).\n\n"
        + _against(tasks, methods, names)
        + "\n"
        + "".join(f"* {one['method']}: {one['paper']}\n" for one in methods)
        + _baselines(result, names)
    )


def pmo_few(result: Values, published: Values) -> str:
    """Return the table of PMO's tasks at a tenth of the calls."""
    settings, tasks, other = result["settings"], result["figures"]["tasks"], published["pmo_few"]
    names = list(other["tasks"])
    rows = [
        [f"{name}{' *' if name in settings['chosen_on'] else ''}", f"{other['tasks'][name]:.3f}", _cell(tasks, name)]
        for name in names
    ]
    there = [name for name in names if name in tasks]
    seeds = [
        sum(tasks[name][str(seed)]["auc_top10"] for name in there)
        for seed in settings["seeds"]
        if all(str(seed) in tasks[name] for name in there)
    ]
    total = sum(other["tasks"][name] for name in there)
    rows.append([f"**sum of {len(there)}**", f"**{total:.2f}**", f"**{sum(_auc(tasks, name) for name in there):.2f}**"])
    return (
        f"The same with {settings['budget']:,} calls, mean (standard deviation) over seeds "
        f"{', '.join(map(str, settings['seeds']))}; beside it the sum is of the figures that the authors of "
        f"{other['method']} print for their method, without an interval.\n\n"
        + table(["task", other["method"], f"**seqvae, {settings['optimizer']}**"], rows)
        + (f"\n* {beside(seeds, total, '{:.2f}'.format)}, {other['method']}\n" if seeds else "")
    )


def _against(tasks: Values, methods: Sequence[Values], names: Sequence[str]) -> str:
    """Return the sums of the seeds with their intervals, over all tasks and without two of them, beside published sums.

    The tasks left out are the one on which the seeds differ most, which can move a sum more than methods do, and the
    one whose molecules have phosphorus, which the moves of graphs draw far oftener than molecules of ZINC have it.
    """
    run = [name for name in names if name in tasks]
    spread = {name: [one["auc_top10"] for one in tasks[name].values()] for name in run}
    widest = max(run, key=lambda name: max(spread[name]) - min(spread[name]))
    without = {f"the sum without `{widest}`, on which the seeds differ most": {widest}}
    without[f"the sum without `{_PHOSPHORUS}`, whose molecules have phosphorus"] = {_PHOSPHORUS}
    whole = [seed for seed in tasks[run[0]] if all(seed in tasks[name] for name in run)]
    lines = []
    for title, dropped in {f"the sum of {len(run)}": set[str](), **without}.items():
        kept = [name for name in run if name not in dropped]
        if not kept:
            continue
        seeds = [sum(tasks[name][seed]["auc_top10"] for name in kept) for seed in whole]
        lines.append(f"* {title}, seeds {', '.join(whole)}: {', '.join(f'{value:.2f}' for value in seeds)}\n")
        for one in methods:
            if one["method"] in (_LATENT, _BEST):
                other = sum(one["tasks"][name] for name in kept)
                lines.append(f"    * {beside(seeds, other, '{:.2f}'.format)}, {one['method']}\n")
    return (
        "The interval is of the mean over our seeds (Student's t). Published sums are of the figures that the papers "
        "print, without an interval; one of them counts as passed only if the whole interval lies above it.\n\n"
        + "".join(lines)
    )


def _baselines(result: Values, names: Sequence[str]) -> str:
    """Return the results of the baselines under the same oracle; nothing where none was run."""
    settings = result["settings"]
    found = {_OLD_NAMES.get(name, name): of for name, of in result["figures"].get("baselines", {}).items()}
    if not found:
        return ""
    ours, seed = result["figures"]["tasks"], str(settings["baseline_seed"])
    columns = [*found.values(), {name: {seed: runs[seed]} for name, runs in ours.items() if seed in runs}]
    rows = [[name, *(_cell(of, name) for of in columns)] for name in names]
    sums = [sum(_auc(of, name) for name in names if name in of) for of in columns]
    rows.append([f"**sum of {len(names)}**", *(f"**{value:.2f}**" for value in sums)])
    return (
        f"\nSearches that it must beat, by the same oracle, seed {seed}: "
        + "; ".join(f"`{name}`, {_BASELINES.get(name, name)}" for name in found)
        + ".\n\n"
        + table(["task", *(f"`{name}`" for name in found), f"**`{settings['optimizer']}`**"], rows)
    )


def _auc(tasks: Values, name: str) -> float:
    return mean(run["auc_top10"] for run in tasks[name].values())


def _cell(tasks: Values, name: str) -> str:
    if name not in tasks:
        return ""
    values = [run["auc_top10"] for run in tasks[name].values()]
    return f"{mean(values):.3f}" + (f" ({stdev(values):.3f})" if len(values) > 1 else "")


def ablation(result: Values, _: Values) -> str:
    """Return the ablation of the default optimiser on the tasks for choosing settings."""
    variants = result["figures"]["variants"]
    seeds = dict.fromkeys(seed for of in variants.values() for runs in of.values() for seed in runs)
    names = list(dict.fromkeys(task for of in variants.values() for task in of))
    rows = []
    for variant, of in variants.items():
        values = [_auc(of, name) if name in of else None for name in names]
        whole = sum(value for value in values if value is not None) if None not in values else None
        cells = ["" if value is None else f"{value:.3f}" for value in values]
        runs = [run for runs in of.values() for run in runs.values()]
        seconds = mean(run["seconds"]["optimiser"] for run in runs)
        rows.append([variant, *cells, "" if whole is None else f"{whole:.3f}", f"{seconds:,.0f}"])
    return (
        f"Area under the curve of the best ten over {result['settings']['budget']:,} calls, seeds {', '.join(seeds)}; "
        "each variant is the default but for what its name says, on the five tasks that all settings were chosen on. "
        "`graph` is breeding by moves of graphs, `latent` by moves of latent points; `guided` is the choice among what "
        "was bred by a Gaussian process, `retrained` the model's learning from the best.\n\n"
        + table(["variant", *names, "sum", "s in the optimiser, one core"], rows)
    )


def ehrlich(result: Values, published: Values) -> str:
    """Return the best values of Ehrlich functions."""
    settings, metrics, other = result["settings"], result["figures"], published["ehrlich"]
    measured = other["measured"]
    rows = [
        [name, f"{measured[name]:.3f}" if name in measured else "", f"{value:.3f}", _each(metrics["functions"][name])]
        for name, value in metrics["mean_best"].items()
    ]
    return (
        f"The best value of {settings['budget']:,} calls by `{settings['optimizer']}`, mean over the functions of the "
        f"seeds {', '.join(map(str, settings['seeds']))}; the optimum is 1. {other['note']} Our functions are drawn by "
        "the same recipe as the package's, by other generators of random numbers, so that these are other functions "
        "of the same sizes. Both on the same functions, which no setting was chosen on: the next section.\n\n"
        + table(["V, L, c, k, q", other["method"], "**seqvae**", "each"], rows)
    )


_WHO = {"holo": "`pytorch-holo`, as it comes", "holo, tuned": "`pytorch-holo`, tuned", "ours": "**seqvae**"}


def ehrlich_holo(result: Values, _: Values) -> str:
    """Return the genetic algorithm of `pytorch-holo` and ours on the functions of that package."""
    settings, found = result["settings"], result["figures"]["functions"]
    rows = []
    for name, budgets in found.items():
        for budget, of in budgets.items():
            for who in filter(of.__contains__, _WHO):
                values = list(of[who].values())
                bounds = interval(values)
                spread = "" if bounds is None else f"{max(bounds[0], 0):.3f} to {min(bounds[1], 1):.3f}"
                ten, fifty, ninety = np.quantile(values, (0.1, 0.5, 0.9))
                among = f"{ten:.3f}, {fifty:.3f}, {ninety:.3f}"
                titled = (name, f"{int(budget):,}", _WHO[who])
                rows.append([*titled, str(len(values)), among, f"{mean(values):.3f}", spread])
    return (
        f"The best value of some numbers of calls on functions that `pytorch-holo` {settings['holo']} draws with seeds "
        "from 100 on, on which no setting was chosen; the optimum is 1. Both begin with sequences that the package "
        "draws for the function. Its genetic algorithm is `DiscreteEvolution`, with its own settings, and with those "
        "that do best at the same number of calls in a small grid (mutations a sequence, share that survives, "
        f"generations) on the functions of the seeds {', '.join(map(str, settings['chosen_on']))}. Ours is `auto` "
        f"without a model in rounds of {settings['batches'][0]} up to {settings['few']:,} calls, and `ga` in rounds of "
        f"{settings['batches'][1]} beyond. Every evaluation is a call there; ours never proposes a sequence twice. "
        "Quantiles are over the functions; the interval is that of the mean (95 %, Student's t).\n\n"
        + table(
            ["V, L, c, k, q", "calls", "search", "functions", "10, 50, 90 % quantile", "mean", "95 % interval"], rows
        )
    )


def _each(runs: Values) -> str:
    return ", ".join(f"{run['best']:.3f}" for run in runs.values())


def small_budgets(result: Values, published: Values) -> str:
    """Return the best of a few hundred calls, by optimiser."""
    settings, tasks, other = result["settings"], result["figures"]["tasks"], published["small_budgets"]
    beside = result["figures"].get("references")
    parts = [f"In rounds of {settings['batch']}.\n"]
    for name, of in tasks.items():
        task = settings["tasks"][name]
        limit = f", at most {task['longest']} heavy atoms" if task["longest"] else ""
        note = f" {other[name]['note']}" if name in other else ""
        rows = [[method, f"{value:.3f}", ""] for method, value in other.get(name, {}).get("best", {}).items()]
        rows += [] if beside is None else _without_search(task, beside)
        rows += [
            [f"**{_OLD_NAMES.get(optimizer, optimizer)}**", f"{found['mean_best']:.3f}", _each(found["runs"])]
            for optimizer, found in of.items()
        ]
        parts.append(
            f"\n`{task['objective']}`, {task['budget']} calls, {task['initial']} of them before the search{limit}; "
            f"mean of {task['seeds']} seeds.{note}\n\n" + table(["method", "best", "each"], rows)
        )
    return "".join(parts)


def _without_search(task: Values, beside: Values) -> list[list[str]]:
    """Return the rows of what needs no search: random molecules for one task, a straight chain for the others."""
    random, alkanes = beside["random"], beside["alkanes"]
    if str(task["longest"]) in alkanes:
        return [
            [f"straight alkane of {task['longest']} carbons, no search", f"{alkanes[str(task['longest'])]:.3f}", ""]
        ]
    title = f"best of {random['molecules']} molecules of ZINC250k drawn at random, no search"
    return [[title, f"{random['mean_best']:.3f}", _each(random["runs"])]]

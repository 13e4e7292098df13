"""The sections of BENCHMARKS.md on searches of sequences in few rounds: TF-Bind-8, capsids of AAV, promoters."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from scripts.page.tables import Values, interval, reached, table

_OURS, _PLAIN = "auto", "plain genetic algorithm"


def tfbind8(result: Values, published: Values) -> str:
    """Return the best binding after so many calls, and the calls to the best of all, by factor and method."""
    settings, figures, other = result["settings"], result["figures"], published["tfbind8"]
    found, at = figures["factors"], [str(calls) for calls in settings["at"]]
    rows, goals = [], ""
    for factor, methods in found.items():
        for name, of in methods.items():
            best = (f"{of['mean_best'][calls]:.4f}" for calls in at)
            rows.append(
                [
                    factor,
                    _titled(name),
                    *best,
                    f"{of['found']} of {len(of['runs'])}",
                    f"{of['mean_calls']:,.0f}",
                ]
            )
    text = (
        f"Rounds of {settings['batch']}, {settings['budget']:,} calls in all, from {settings['starts']} starts: the "
        "best after some calls, mean over the starts (1 is the sequence that binds best of 65,536); from how many "
        f"starts that one was found; and the call that found it, mean over the starts, {settings['budget']:,} where "
        "none did.\n\n"
    )
    text += table(["factor", "method", *(f"{calls} calls" for calls in at), "found", "calls"], rows) + "\n"
    for factor, methods in found.items():
        if _OURS in methods and _PLAIN in methods:
            goals += reached(f"{factor}, {at[-1]} calls", methods[_OURS]["mean_best"][at[-1]], 0.999, "{:.4f}".format)
            share = methods[_OURS]["mean_calls"] / methods[_PLAIN]["mean_calls"]
            named = f"{factor}, calls to the best, of those of the genetic algorithm"
            goals += reached(named, share, 0.5, "{:.2f}".format, most=True)
    rows = [
        [name, f"{other['best'][name]:.4f}", f"{next(iter(of['mean_best'].values())):.4f}"]
        for name, of in figures["published"].items()
        if name in other["best"]
    ]
    if rows:
        goals += (
            f"\nIn ten rounds of {other['batch']}, the published protocol, {other['method']} ({other['paper']}):\n\n"
            + table(["factor", "published", "**seqvae, auto**"], rows)
        )
    return text + goals


def aav(result: Values, _: Values) -> str:
    """Return the mean of the best ten after each plate."""
    settings, figures = result["settings"], result["figures"]
    plates = _plates(settings)
    rows = [[*_by_plate(name, runs, plates), _best(runs, plates[-1])] for name, runs in figures["runs"].items()]
    seeds = len(figures["runs"].get(_OURS, {}))
    text = (
        f"{settings['plates']} plates of {settings['plate']} after a first one of poor variants, {seeds} seeds. The "
        f"oracle is made of the {settings['variants']:,} measured variants, the best of which has "
        f"{figures['highest']:.2f}; by nine tenths of them it ranks the others with a correlation of "
        f"{figures['spearman']:.2f}. The mean fitness of the best ten after each plate, in the end with a 95 % "
        "interval over the seeds, and the best one.\n\n"
    )
    text += table(["method", *(f"{calls} calls" for calls in plates), "interval", "best"], rows) + "\n"
    if _OURS in figures["runs"] and _PLAIN in figures["runs"]:
        ours, plain = figures["runs"][_OURS], figures["runs"][_PLAIN]
        leads = [run["top10"][plates[-1]] - plain[seed]["top10"][plates[-1]] for seed, run in ours.items()]
        bounds = interval(leads)
        shown = "" if bounds is None else f" (95 % interval {bounds[0]:+.2f} to {bounds[1]:+.2f})"
        text += f"* Ours less the genetic algorithm, from the same starts: {mean(leads):+.2f}{shown}\n"
    return text


def promoters(result: Values, _: Values) -> str:
    """Return the noiseless value of the ten designs measured highest after each plate, and their log p(x)."""
    settings, figures = result["settings"], result["figures"]
    plates = _plates(settings)
    rows = [
        [*_by_plate(name, runs, plates), f"{mean(run['log_p'] for run in runs.values()):.2f}"]
        for name, runs in figures["runs"].items()
    ]
    judge, seeds = figures["judge"], len(next(iter(figures["runs"].values()), {}))
    return (
        f"{settings['plates']} plates of {settings['plate']} after a first one of weak promoters, {seeds} seeds. What "
        f"is measured is a predictor that no search sees, with noise of {settings['noise']:.2f}; on promoters that "
        f"nobody saw its rank correlation is {judge['spearman']:.2f} and its error {judge['deviation']:.2f}, and it "
        f"predicts {judge['highest_predicted']:.2f} at most. The value without noise of the "
        f"{settings['top']} designs measured highest after each plate, mean over the seeds, in the end with a 95 % "
        "interval; last, log p(x) of these under the generative model, bits a base, where promoters have "
        f"{figures['log_p_of_promoters']:.2f}: far above it are repeats, which the predictor never saw and no "
        "laboratory should trust it on.\n\n"
        + table(["method", *(f"{calls} calls" for calls in plates), "interval", "log p(x)"], rows)
    )


def _titled(name: str) -> str:
    return f"**seqvae, {name}**" if name.startswith(_OURS) else name


def _plates(settings: Values) -> list[str]:
    return [str(settings["plate"] * number) for number in range(1, settings["plates"] + 2)]


def _by_plate(name: str, runs: Values, plates: Sequence[str]) -> list[str]:
    """Return the title, the mean of the best ten after each plate, and its interval in the end."""
    means = [f"{mean(run['top10'][calls] for run in runs.values()):.2f}" for calls in plates]
    bounds = interval([run["top10"][plates[-1]] for run in runs.values()])
    return [_titled(name), *means, "" if bounds is None else f"{bounds[0]:.2f} to {bounds[1]:.2f}"]


def _best(runs: Values, calls: str) -> str:
    return f"{mean(run['best'][calls] for run in runs.values()):.2f}"

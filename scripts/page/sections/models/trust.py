"""The section of BENCHMARKS.md on models of which the truth is known, and on the curve of rate and distortion."""

from __future__ import annotations

from scipy.stats import t as student

from scripts.page.tables import Values, reached, share, table

_GAP, _CLOSED, _BITS, _SLOPE = 1e-3, 0.8, 0.05, 0.1


def section(result: Values, _: Values) -> str:
    """Return what was asked for and what was found, part by part; parts that have not been run are named."""
    metrics, parts = result["figures"], []
    for name, write in _PARTS.items():
        if name in metrics:
            parts.append(write(metrics[name]))
    missing = [name for name in _PARTS if name not in metrics]
    if missing:
        parts.append(f"Not run yet: {', '.join(f'`--only {name}`' for name in missing)}.\n")
    return "\n".join(parts)


def _linear(found: Values) -> str:
    return (
        "Linear VAE, 8 dimensions by 3, trained by samples, then by exact expectations: bound "
        f"{found['elbo']:.5f} nats, maximum of the likelihood (probabilistic PCA) {found['closed_form']:.5f}.\n\n"
        + reached("nats below the maximum", found["gap"], _GAP, lambda value: f"{value:.1e}", most=True)
    )


def _enumerated(found: Values) -> str:
    half = float(student.ppf(0.975, found["samples"] - 1)) * found["error"]
    low, high = found["sum"] - half, found["sum"] + half
    good = "✓" if low <= 1 <= high else "✗"
    return (
        f"* Sum of p(x) over all {found['states']:,} sequences of one length, all that go on from these, and all "
        f"shorter ones, by {found['samples']} draws of z for each: {found['sum']:.5f} (95 % interval {low:.5f} to "
        f"{high:.5f}; asked for: 1 within it) {good}; {found['of_this_length']:.4f} are of this length\n"
    )


def _families(found: Values) -> str:
    rows = []
    for name in ("diagonal", "full", "iaf"):
        for kind, one in found[name].items():
            closed = share(found["closed"][name]) if kind == "refined" else ""
            rows.append([f"`{name}`, {kind}", f"{one['gap']:.4f}", f"{one['kl']:.4f}", closed])
    titles = ["posterior", "log p(x) - ELBO (nats)", "KL to the true posterior, by grid (nats)", "of the gap closed"]
    return (
        "A toy of two dimensions with correlated and bent posteriors, log p(x) by grid; the gap is that of the "
        f"diagonal encoder, {found['texts']} unseen points.\n\n"
        + table(titles, rows)
        + "\n"
        + reached("full covariance, refined, closes", found["closed"]["full"], _CLOSED, share)
        + reached("the flow closes more", found["closed"]["iaf"], found["closed"]["full"], share)
    )


def _mutations(found: Values) -> str:
    return (
        f"{found['rows']:,} independent mutations of one 75-mer at beta 1: {found['bits_per_base']:.4f} bits per base, "
        f"{found['best_counting']} {found['counting_bits_per_base']:.4f}. The verdict that the training ended with: "
        f'"{found["paragraph"]}"\n\n'
        + reached("rate (bits per sequence)", found["rate_bits"], _BITS, lambda value: f"{value:.3f}", most=True)
    )


def _curve(found: Values) -> str:
    rows, slopes, multipliers = [], [], []
    for one in found["points"]:
        cells = [f"{one['beta']:g}", f"{one['rate']:.3f}", f"{one['distortion']:.3f}"]
        for value, of in ((one["slope"], slopes), (one["multiplier"], multipliers)):
            cells.append("" if value is None else f"{value:.4f}")
            if value is not None:
                of.append(abs(abs(value) - one["beta"]) / one["beta"])
        cells += [f"{one['entropy_minus_distortion']:.3f}", f"{one['information']:.3f}", f"{one['rate']:.3f}"]
        rows.append(cells)
    titles = ["beta", "rate", "distortion", "dD/dR", "target's beta", "H - D", "I", "R"]
    good, met = (sum(value < _SLOPE for value in of) for of in (slopes, multipliers))
    return (
        f"The curve on {found['sequences']:,} splice sites (MPSA), `seqvae rate-distortion`, nats per sequence.\n\n"
        + table(titles, rows)
        + f"\n* dD/dR within {_SLOPE:.0%} of -beta at {good} of {len(slopes)} betas that have two neighbours"
        + f" (asked for: 6) {'✓' if good >= 6 else '✗'}\n"
        + f"* beta where a target of the same distortion ends, within {_SLOPE:.0%} at {met} of {len(multipliers)}"
        + f" (asked for: all) {'✓' if multipliers and met == len(multipliers) else '✗'}\n"
    )


def _remedies(found: Values) -> str:
    rows = [
        [
            f"`{name}`" if name.startswith("--") else name,
            f"{one['nll']:.2f} ± {one['nll_error']:.2f}",
            f"{one['rate']:.2f}",
            f"{one['information']:.2f}",
            str(one["active_units"]),
            f"{one['gain_over_shuffled']:.2f}",
            one["verdict"],
        ]
        for name, one in found["remedies"].items()
    ]
    titles = ["remedy", "bound (nats)", "rate", "I(x;z)", "active units", "own z over another's", "verdict"]
    return (
        f"Remedies against collapse, each alone, at beta 1 with an autoregressive decoder: {found['sequences']:,} "
        f"sequences, z could say which of the templates one came from ({found['fact']:.2f} nats).\n\n"
        + table(titles, rows)
    )


def _zinc(found: Values) -> str:
    rows = [
        [
            f"`{name}`" if name.startswith("--") else name,
            f"{one['molecules']:,}",
            f"{one['nll_bound']:.2f}",
            f"{one['rate']:.2f}",
            str(one["active_units"]),
            f"{one['mutual_information']:.2f}",
            share(one["exact_reconstruction"]),
            share(one["validity"]),
            "-" if one["fcd"] is None else f"{one['fcd']:.2f}",
        ]
        for name, one in found["models"].items()
    ]
    titles = ["differs in", "molecules seen", "bound (nats)", "rate", "active units", "I(x;z)", "exact", "valid", "FCD"]
    return (
        "ZINC250k, networks half as wide as usual, beta 1 unless said: each model has "
        f"{found['seconds_each']:.0f} s of one processor, in which it sees so many molecules. Metrics are of "
        f"{found['held_out']:,} held-out molecules, and of as many samples of the model's own prior at "
        "temperature 1, under the rules: valid in one draw, FCD of what "
        "three give. Trainings so short compare what is learned first, not what would be learned in the end.\n\n"
        + table(titles, rows)
    )


_PARTS = {
    "linear": _linear,
    "enumerated": _enumerated,
    "families": _families,
    "mutations": _mutations,
    "curve": _curve,
    "remedies": _remedies,
    "zinc": _zinc,
}

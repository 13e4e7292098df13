"""The section of BENCHMARKS.md on the properties of molecules: agreement with GuacaMol's own values, and time."""

from __future__ import annotations

from scripts.page.tables import Values, reached, table

# What this project set itself to reach: all but the two tasks with pharmacophores, milliseconds a molecule.
_ONE, _ALL, _APART = 2.0, 30.0, 1e-6
_PHARMACOPHORES = ("pmo:deco_hop", "pmo:scaffold_hop")
_TOGETHER = "all 20 tasks together"


def section(result: Values, published: Values) -> str:
    """Return the section."""
    settings, metrics = result["settings"], result["figures"]
    times = {name: figure["median"] for name, figure in metrics["milliseconds"].items()}
    apart = metrics["differences"]
    slowest = max((name for name in apart if name not in _PHARMACOPHORES), key=times.__getitem__)
    rows = [
        [f"`{name}`" if name != _TOGETHER else name, f"{value:.3f}", _shown(name, apart)]
        for name, value in times.items()
    ]
    return (
        f"{settings['molecules']:,} molecules of {settings['dataset']}, processor time of one core, median of "
        f"{settings['rounds']}; each property alone, from the text on. The 20 tasks of PMO that need RDKit alone are "
        "compared with the values of GuacaMol's own program on 30 molecules.\n\n"
        + table(["property", "ms per molecule", "largest difference from GuacaMol"], rows)
        + "\n"
        + reached(f"slowest task without pharmacophores (`{slowest}`)", times[slowest], _ONE, _milliseconds, most=True)
        + reached(_TOGETHER, times[_TOGETHER], _ALL, _milliseconds, most=True)
        + reached("largest difference", max(apart.values()), _APART, "{:.1e}".format, most=True)
    )


def _shown(name: str, apart: Values) -> str:
    return f"{apart[name]:.1e}" if name in apart else ""


def _milliseconds(value: float) -> str:
    return f"{value:.2f} ms"

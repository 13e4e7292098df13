"""The section of BENCHMARKS.md on latent points as features."""

from __future__ import annotations

from scripts.page.tables import Values, table


def section(result: Values, _: Values) -> str:
    """Return the errors of each kind of features, averaged over the sets."""
    settings, figures = result["settings"], result["figures"]
    sets = figures["sets"].values()
    rows = [
        [f"**{name}**" if name.startswith("z") else name, f"{of['all']:.3f}", f"{of['cliffs']:.3f}"]
        for name, of in figures["means"].items()
    ]
    better = sum(one["errors"]["z beside ECFP4"]["all"] < one["errors"]["ECFP4"]["all"] for one in sets)
    return (
        f"A support-vector regression on {len(sets)} sets of measured affinities, with their published split; z are "
        f"the posterior means of `{settings['model']}`, and {sum(one['left_out'] for one in sets)} molecules that it "
        "cannot read are left out for all. Root mean square errors of the logarithm of the affinity, averaged over the "
        "sets; lower is better.\n\n"
        + table(["features", "all test molecules", "at activity cliffs"], rows)
        + f"\nz beside ECFP4 is better than ECFP4 alone on {better} of {len(sets)} sets.\n"
    )

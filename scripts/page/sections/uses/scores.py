"""The section of BENCHMARKS.md on what a probability model is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.page.tables import reached, share, table

_SCORES = {
    "p": "all of these together (the smallest p)",
    "p_log_p": "log p(x)",
    "p_unfamiliarity": "reconstruction loss (unfamiliarity)",
    "p_unfamiliarity_refined": "the same, refined",
    "p_regret": "likelihood regret",
    "p_complexity_corrected": "log p(x), corrected for complexity",
    "p_simplicity": "complexity alone, without a model",
    "p_mahalanobis": "Mahalanobis distance",
    "p_typicality": "typicality",
    "nearest_neighbour": "Tanimoto similarity to the nearest of the calibrating molecules, without a model",
}


def section(result: Mapping[str, Any], published: Mapping[str, Any]) -> str:
    """Return the Markdown of a result of `benchmark_uses.py`; there is nothing published to compare with."""
    found = result["figures"]
    parts = {
        "score": _scores,
        "promoter_scores": _promoter_scores,
        "impute": _splice_sites,
        "promoters": _promoters,
        "lac": _lac,
        "molecules": _molecules,
        "scaffolds": _scaffolds,
        "attributes": _attributes,
    }
    return "\n".join(write(found[name]) for name, write in parts.items() if name in found)


def _scores(found: Mapping[str, Any]) -> str:
    names = list(found["others"])
    rows = [
        (
            about,
            *(f"{found['others'][name]['auroc'][score]:.3f}" for name in names),
            share(found["p_below_one_in_a_hundred"][score]) if score in found["p_below_one_in_a_hundred"] else "",
        )
        for score, about in _SCORES.items()
        if all(score in found["others"][name]["auroc"] for name in names)
    ]
    kinds = "; ".join(
        f"{name}: {one['molecules']:,}, {one['unread']:,} of them unreadable, {share(one['in_domain'])} *in domain*"
        for name, one in found["others"].items()
    )
    correlations = found["correlation_with_length"]
    text = (
        "### Scores\n\n`seqvae score zinc-smiles`: area under the ROC curve by which each score, for its length, "
        f"tells held-out molecules of ZINC250k from others ({kinds}); last, what share of {found['held_out']:,} "
        f"held-out molecules that calibrated nothing with p < .01. {share(found['in_domain'])} of those are "
        f"*in domain*. Rank correlation with the length: log p(x) {correlations['log_p']:.2f}, "
        f"p {correlations['p']:.2f}.\n\n"
    )
    rare = found["p_below_one_in_a_hundred"]["p"]
    goals = reached("held-out molecules with p < .01, off .01 by", abs(rare - 0.01), 0.003, "{:.4f}".format, most=True)
    repeated = f"single symbols repeated that are in domain, of {found['repeats']}"
    goals += reached(repeated, found["repeats_in_domain"], 0, "{:.0f}".format, most=True)
    return text + table(("score", *names, "p < .01, held out"), rows) + "\n" + goals


def _promoter_scores(found: Mapping[str, Any]) -> str:
    others, rare = found["others"], found["p_below_one_in_a_hundred"]
    areas = [one["auroc"] for one in others.values()]
    counted = [name for name in areas[0] if name not in _SCORES]
    rows = [
        (
            _SCORES.get(score, f"counted: {score}"),
            *(f"{one[score]:.3f}" for one in areas),
            share(rare[score]) if score in rare else "",
        )
        for score in (*(name for name in _SCORES if name in areas[0]), *counted)
    ]
    kinds = "; ".join(f"{name}: {share(one['in_domain'])} of {one['sequences']}" for name, one in others.items())
    text = (
        "### Scores of promoters\n\n`seqvae score ecoli-promoters`: area under the ROC curve by which each score tells "
        f"{found['held_out']:,} promoters that neither trained nor calibrated the model from other DNA as long (*in "
        f"domain* are {share(found['in_domain'])} of the promoters; {kinds}). Coding sequence is of long open reading "
        "frames of E. coli; dinucleotides are shuffled so that each pair of neighbours is as frequent as before. Last, "
        "what share of the promoters has p < .01. Below, what the negative log-likelihood of models that count tells, "
        "without a p-value.\n\n"
    )
    repeated = f"repeats of one to three letters that are in domain, of {found['repeats']}"
    goals = reached("promoters with p < .01, off .01 by", abs(rare["p"] - 0.01), 0.003, "{:.4f}".format, most=True)
    goals += reached(repeated, found["repeats_in_domain"], 0, "{:.0f}".format, most=True)
    return text + table(("score", *others, "p < .01, promoters"), rows) + "\n" + goals


def _attributes(found: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{name} ({what})",
            *(number.format(value) for value in of[what]),
            f"{of['rank_correlation']:.2f}",
            share(of["rising"]),
        )
        for name, of in found["rows"].items()
        for what, number in (("mean", "{:.3g}"), ("similarity", "{:.2f}"))
    ]
    text = (
        f"### Edits along an attribute\n\n`seqvae edit drug-smiles`, {found['molecules']} held-out molecules of "
        f"ZINC250k moved along the direction from the lowest to the highest fifth of {found['known']} others, by a "
        "strength: the mean of the property and of the Tanimoto similarity (ECFP4) to the start; two molecules at "
        f"random have {found['random_pairs']:.2f}. Last, the rank correlation of strength and property within a "
        "molecule, the mean over molecules, and for what share of them it is above 0.\n\n"
    )
    strengths = (f"{one:g}" for one in found["strengths"])
    return text + table(("along", *strengths, "rank correlation", "rising"), rows) + "\n"


def _lac(found: Mapping[str, Any]) -> str:
    return _imputation("ecoli-promoters", "lac promoters", found)


def _splice_sites(found: Mapping[str, Any]) -> str:
    return _imputation("splice-dna", "5' splice sites", found)


def _promoters(found: Mapping[str, Any]) -> str:
    return _imputation("ecoli-promoters", "promoters", found)


def _imputation(model: str, noun: str, found: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{one['bits']:.3f} ± {one['error']:.3f}", share(one["right"])) for name, one in found["models"].items()
    ]
    text = (
        f"### Imputation of {noun}\n\n`seqvae impute {model}`: {found['hidden']} of {found['length']} letters of "
        f"{found['sequences']:,} {noun}, held out, are hidden. Bits per hidden base (± standard error over sequences), "
        "and how often the likeliest letter is right. Counting models by the forward-backward algorithm: their "
        "conditional distributions are exact.\n\n"
    )
    return text + table(("model", "bits per hidden base", "right"), rows)


def _molecules(found: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{one['bits']:.3f} ± {one['error']:.3f}", share(one["right"]), share(one["valid"]))
        for name, one in found["models"].items()
    ]
    text = (
        f"### Imputation of molecules\n\n`seqvae impute zinc-smiles`: of {found['molecules']:,} held-out molecules of "
        f"ZINC250k {found['hidden']:,} of {found['tokens']:,} tokens are hidden (15 % of each, at least one). Bits per "
        "hidden token (± standard error over molecules), how often the likeliest token is right, and what share of the "
        f"fillings drawn are molecules. The n-grams are counted in {found['counted']:,} training molecules: the token "
        "between its two neighbours, with pairs and single tokens where these are rare, weighed on the validation "
        "split.\n\n"
    )
    return text + table(("model", "bits per hidden token", "right", "valid"), rows)


def _scaffolds(found: Mapping[str, Any]) -> str:
    count, asked = found["scaffolds"], found["scaffolds"] * found["asked"]
    rows = [
        ("`seqvae impute`", f"{found['kept']:,} of {asked:,}", f"{found['with_any']} of {count}"),
        (f"draws, {found['drawn']:,} each", f"{found['drawn_kept']:,}", f"{found['drawn_with_any']} of {count}"),
    ]
    text = (
        f"### Scaffolds\n\n`seqvae impute zinc-smiles` on {count} scaffolds of held-out molecules (Bemis & Murcko, one "
        f"to three attachment points), {found['asked']} completions each, {found['seconds']:.1f} s a scaffold; beside "
        "as many draws of the model as took that time, of which those that hold the scaffold are kept. Distinct "
        "molecules that keep the scaffold, and scaffolds with at least one. The molecule that a scaffold was cut out "
        f"of is among its completions for {found['original']} of {count}; {found['refused']} have none.\n\n"
    )
    return text + table(("method", "molecules that keep the scaffold", "scaffolds with one"), rows)

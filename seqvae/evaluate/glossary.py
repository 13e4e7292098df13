"""What each metric and column of tables and pages means, in a line: pages, the terminal and the README show these."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from seqvae.evaluate.metric_names import Metric

Terms = list[tuple[str, str]]  # names, each with its meaning

_STEREO = re.compile(r" with(?:out)? stereo$")
# By key: those of MOSES (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644), of GuacaMol (Brown et al. 2019,
# doi:10.1021/acs.jcim.8b00839) and of sequences, whose letters are bases or residues; `{unit}` is such a letter.
_SAMPLES: tuple[tuple[str, Metric], ...] = (
    (
        "valid",
        Metric("valid", "share of samples that are valid SMILES (RDKit reads them) or sequences of the alphabet"),
    ),
    ("unique", Metric("unique", "share of the valid samples that are distinct")),
    (r"unique@1000", Metric("unique of 1,000", "share of the first 1,000 valid samples that are distinct")),
    (r"unique@10000", Metric("unique of 10,000", "share of the first 10,000 valid samples that are distinct")),
    ("[Nn]ovelty", Metric("novel", "share of the distinct valid samples that are not in the training data")),
    (
        r"(FCD/.*)",
        Metric(
            r"\1",
            "Fréchet ChemNet distance to the test molecules, of Gaussians fitted to a network's activations; it "
            "grows as samples get fewer, also for real molecules",
        ),
    ),
    (r"(SNN/.*)", Metric(r"\1", "Tanimoto similarity to the nearest test molecule (ECFP4), mean over the samples")),
    (r"(Frag/.*)", Metric(r"\1", "cosine similarity of how often BRICS fragments occur in samples and test molecules")),
    (r"(Scaf/.*)", Metric(r"\1", "the same of Bemis-Murcko scaffolds")),
    ("IntDiv", Metric("internal diversity", "1 - mean Tanimoto similarity of all pairs of samples")),
    ("IntDiv2", Metric("internal diversity 2", "1 - root of the mean squared Tanimoto similarity of all pairs")),
    ("Filters", Metric("pass the MCF and PAINS filters", "share of samples without MOSES' structural alerts")),
    ("logP", Metric("logP distance", "Wasserstein distance between the octanol-water partition coefficients, log10")),
    ("SA", Metric("SA distance", "Wasserstein distance between the synthetic accessibilities, 1 (easy) to 10")),
    ("QED", Metric("QED distance", "Wasserstein distance between the drug-likenesses, 0 to 1")),
    ("weight", Metric("weight distance (g/mol)", "Wasserstein distance between the molecular weights")),
    (r"radicals.*", Metric("radicals", "share of samples with an unpaired electron")),
    (r"(rings above.*)", Metric(r"\1", "share of samples with a ring so large")),
    (r"(anti-Bredt.*)", Metric(r"\1", "share of samples with a double bond at a bridgehead, which cannot be planar")),
    (r"(four-membered.*)", Metric(r"\1", "share of samples with a ring of four atoms, not all of them carbon")),
    (r"(unseen ring systems)", Metric(r"\1", "share of samples with a ring system that no training molecule has")),
    (r"guacamol/(.*)", Metric(r"GuacaMol \1", "GuacaMol's score of the same name, 0 to 1")),
    ("length_mean", Metric("length, mean ({unit}s)", "of the samples")),
    ("length_wasserstein", Metric("length distance ({unit}s)", "Wasserstein distance between the lengths")),
    ("gc_mean", Metric("GC content, mean", "share of G and C")),
    ("gc_wasserstein", Metric("GC content distance", "Wasserstein distance between the GC contents")),
    ("longest_run_mean", Metric("longest homopolymer, mean ({unit}s)", "longest run of one {unit} in a sequence")),
    ("longest_run_wasserstein", Metric("longest homopolymer distance ({unit}s)", "Wasserstein distance between these")),
    (
        r"kmer_js_(\d+)",
        Metric(
            r"\1-mers, Jensen-Shannon divergence (bits)",
            r"between the shares of all \1-mers; 0 for equal shares, at most 1",
        ),
    ),
    (
        r"motif_(.*)_per_kb",
        Metric(r"motif \1, hits per 1,000 windows", "places above the motif's threshold"),
    ),
    (
        "discriminability",
        Metric(
            "classifier AUROC",
            "area under the ROC curve of a classifier on k-mers that tells samples from real sequences: 0.5 where it "
            "cannot, 1 where it always can",
        ),
    ),
    (
        "nearest_edits_mean",
        Metric("edit distance to the nearest training sequence, mean", "fewest letters inserted, deleted or exchanged"),
    ),
    ("nearest_edits_median", Metric("edit distance to the nearest training sequence, median", "the same, the median")),
    (
        "near_copies",
        Metric("near copies of training sequences", "share of samples with at most 0.05 edits per {unit} to one"),
    ),
)
INTERVAL, REAL = "95 % interval", "real"  # columns beside the value, where they were computed
BESIDE: Terms = [
    (INTERVAL, "of 1,000 bootstrap resamplings of the samples"),
    (REAL, "the same metric of as many real molecules or sequences in the samples' place: the baseline of a distance"),
    ("↑ ↓", "higher is better, lower is better"),
]
PREDICTED: Terms = [
    ("ridge", "ridge regression of a property on z, linear, fitted to other molecules or sequences"),
    ("GP", "the same by a Gaussian process on z"),
    ("R²", "1 for perfect predictions, 0 for predicting the mean"),
    ("rank", "Spearman's rank correlation of predictions and values, -1 to 1"),
]
BITS: Terms = [
    ("bits per base, residue or letter", "-log2 p(x) over the length: what it takes to store a held-out sequence"),
    ("plain", "counting models with pseudo-counts of one half"),
    ("tuned", "the same, with the pseudo-counts that suit validation sequences"),
]
SEARCH = {
    "unique": Metric("unique oracle calls", "distinct valid designs scored; each costs one call of the budget"),
    "proposals": Metric("all proposals", "the same with repeats and invalid ones"),
    "best": Metric("best", "the highest score"),
    "top_mean": Metric("mean of the top 10", "of the ten highest scores"),
    "auc_top": Metric(
        "AUC of the top-10 mean", "area under the curve of that mean over the calls, divided by the budget, as in PMO"
    ),
}
SEARCH_COLUMNS: Terms = [
    ("proposed by", "the operator or model that made the design; observed: it was told, and never asked for"),
    ("round", "batch of proposals in which it came; what was measured before the search is round 0"),
    ("Pareto front", "designs that no other one equals or beats in every score and beats in one"),
    (
        "ok, cached, invalid, failed, timeout",
        "scored; known; invalid SMILES or sequence; no score; none in time",
    ),
    ("given", "measured before, or never asked for: it cost no call"),
    ("over_budget", "proposed after the last call"),
    ("screened_out", "stopped by the cheap score, others of its round being better: it cost no call of the objective"),
    (
        "nearest before",
        "the most similar design that had been scored in an earlier round; most designs are bred from it",
    ),
    ("gain", "of the design's score on that of the nearest before"),
    ("cheap", "the cheap score, by which each round is screened before the objective is called"),
    (
        "hypervolume",
        "what the designs so far dominate in two or three scores, above a point a tenth of the front's width below it",
    ),
    (
        "in domain, unfamiliar, outlier",
        "a design beside what the model was trained on: p at least .05; below it, or longer than all held-out ones; "
        "below .01, or unreadable by the model",
    ),
    ("p", "share of held-out molecules or sequences that are no more familiar to the model than the design"),
    ("in the training data", "of the model; one unseen design in 15,000 is taken for one of these"),
]
MOLECULE_COLUMNS: Terms = [
    ("QED", "quantitative estimate of drug-likeness, 0 to 1"),
    ("logP", "octanol-water partition coefficient (Crippen), log10"),
    ("SA score", "synthetic accessibility, 1 (easy) to 10"),
    ("log p(x|z)", "log-probability of the molecule at its latent point, nats"),
    ("reconstructed exactly", "decoded to the same canonical SMILES"),
]
AUDIT: Terms = [
    ("invalid", "records that are no molecule or sequence, by reason"),
    ("duplicates", "records whose canonical form stands in an earlier one"),
    ("stereo-isomers of an earlier one", "equal to an earlier one but for stereo"),
    ("reverse-complement duplicates", "the other strand of an earlier sequence"),
    ("salts and mixtures", "molecules of several fragments"),
    (
        "metals, charged, isotopes, radicals",
        "with a metal, a net charge, a label, an unpaired electron",
    ),
    ("undefined stereo", "with a stereo centre or double bond that is left open"),
    ("unseen tokens", "symbols of held-out records, or of these, that the training data or the model lack"),
    ("length in characters, in tokens", "percentiles of the canonical forms"),
]
_README = (
    "valid",
    "unique@1000",
    "Novelty",
    "FCD/Test",
    "SNN/Test",
    "kmer_js_3",
    "discriminability",
    "longest_run_mean",
)


def sample_metric(key: str, unit: str = "base") -> Metric:
    """Return the name and the meaning of a metric of samples; an unknown key is shown as it is, with spaces.

    >>> sample_metric("kmer_js_3").title, sample_metric("Novelty").title
    ('3-mers, Jensen-Shannon divergence (bits)', 'novel')
    """
    stereo = _STEREO.search(key)
    bare = _STEREO.sub("", key)
    for pattern, metric in _SAMPLES:
        if found := re.fullmatch(pattern, bare):
            title, about = (found.expand(text).format(unit=unit) for text in (metric.title, metric.about))
            return Metric(f"{title}{stereo[0]}", f"{about},{stereo[0]}") if stereo else Metric(title, about)
    return Metric(key.replace("_", " "), "")


def sample_terms(keys: Iterable[str], unit: str = "base") -> Terms:
    """Return the metrics of samples of these keys, each with its meaning."""
    found = (sample_metric(key, unit) for key in keys)
    return [(one.title, one.about) for one in found if one.about]


def search_terms() -> Terms:
    """Return the metrics and columns of a search, each with its meaning."""
    return [*((one.title, one.about) for one in SEARCH.values()), *SEARCH_COLUMNS]


def lines_of(terms: Sequence[tuple[str, str]]) -> list[str]:
    """Return one line per term, for a terminal."""
    return [f"{name}: {about}" for name, about in terms]


def readme_lines() -> list[str]:
    """Return the terms that the README explains, as Markdown."""
    terms = [*sample_terms(_README), *((one.title, one.about) for one in SEARCH.values()), SEARCH_COLUMNS[2]]
    found = [f"* **{name}**: {about}." for name, about in terms]
    return [line for item in found for line in textwrap.wrap(item, 118, subsequent_indent="  ")]

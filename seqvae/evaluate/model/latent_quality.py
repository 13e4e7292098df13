"""Quality of the latent space: how well z predicts properties, and how smooth paths are."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts, first_texts
from seqvae.errors import InputError, UsageError
from seqvae.evaluate.metric_names import BY_PROPERTY, Metric
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.model.smoothness import PathSettings, path_quality
from seqvae.latent.codec import Codec
from seqvae.properties.dna.composition import gc_content
from seqvae.properties.registry import score
from seqvae.runtime.streams import FOLDS
from seqvae.sequences.alphabet import GAP
from seqvae.sequences.integer_codes import letters

Points = Float[np.ndarray, "texts latent"]
Values = Float[np.ndarray, " texts"]
Others = Float[np.ndarray, "others latent"]
Predictions = Float[np.ndarray, " others"]
Predict = Callable[[Points, Values, Others], Predictions]

# From hardly any shrinkage of standardised coordinates to nearly complete shrinkage, half a decade apart.
_ALPHAS = np.logspace(-2, 5, 15)
_MOLECULAR = ("logp", "qed", "sa")


@dataclass(frozen=True)
class LatentSettings:
    """How much work the latent quality is.

    Attributes:
        texts: number of texts, at most; the first ones.
        folds: of the cross-validation.
        gp_texts: texts of the Gaussian process, at most, evenly spaced. Time grows with the cube.
        gp_tune: texts of each training fold, at most, on which the three hyperparameters of the process are fitted.
        pairs: number of paths; each costs `steps` decodings.
        steps: points along a path, both ends included.
        path: `slerp` or `linear`.
        seed: of the folds and of the pairs.
    """

    texts: int = 2000
    folds: int = 5
    gp_texts: int = 1000
    gp_tune: int = 300
    pairs: int = 100
    steps: int = 11
    path: str = "slerp"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or self.gp_texts < 2 * self.folds or self.gp_tune < 2:
            given = f"{self.folds}, {self.gp_texts} and {self.gp_tune}"
            raise UsageError(f"expected folds from 2, gp_texts from twice that and gp_tune from 2, got {given}")


@dataclass(frozen=True)
class LatentQuality:
    """How well the latent space predicts properties, and how smooth it is.

    R2 and Spearman's rank correlation are of held-out predictions: every text is predicted once, by a model fitted to
    the other folds. By property; None if it is the same for all texts, or known for too few of them.

    `LATENT_METRICS` has the meaning and unit of each field.
    """

    texts: int
    left_out: int
    latent: int
    folds: int
    gp_texts: int
    ridge_r2: dict[str, float | None]
    ridge_rank: dict[str, float | None]
    gp_r2: dict[str, float | None]
    gp_rank: dict[str, float | None]
    path_pairs: int
    path_steps: int
    path_validity: float
    path_distinct: float
    path_similarity: float
    path_similarity_moved: float | None
    path_worst_step: float
    path_ends_similarity: float
    path_monotone: float
    path_forward_steps: float


# A metric of the latent space is a field above, a title here and a value below. `{noun}` is what one text is called.
LATENT_METRICS = {
    "texts": Metric("distinct {noun}s", "{noun}s the model has not been trained on"),
    "left_out": Metric("{noun}s left out", "not encodable, or repeated"),
    "latent": Metric("latent dimensions", "of z"),
    "folds": Metric("folds", "each {noun} is predicted by a model fitted to the other folds"),
    "gp_texts": Metric("{noun}s of the Gaussian process", "evenly spaced among these; time grows with the cube"),
    "ridge_r2": Metric("ridge, R²", "linear in the posterior mean, held out", BY_PROPERTY),
    "ridge_rank": Metric("ridge, rank", "Spearman's, held out", BY_PROPERTY),
    "gp_r2": Metric("GP, R²", "smooth in the posterior mean, held out", BY_PROPERTY),
    "gp_rank": Metric("GP, rank", "Spearman's, held out", BY_PROPERTY),
    "path_pairs": Metric("paths", "between the posterior means of two random {noun}s"),
    "path_steps": Metric("points along a path", "both ends included, decoded greedily"),
    "path_validity": Metric("validity along paths (share of points)", "a molecule, or a sequence that is not empty"),
    "path_distinct": Metric("distinct {noun}s along a path (mean)", "among the points along it"),
    "path_similarity": Metric(
        "similarity of neighbouring points (0 to 1)",
        "Tanimoto for molecules, 1 - edit distance / length for sequences; 0 if one is invalid",
    ),
    "path_similarity_moved": Metric("the same where the {noun} changes (0 to 1)", "without steps to the same {noun}"),
    "path_worst_step": Metric("similarity across the largest jump of a path (0 to 1)", "mean over the paths"),
    "path_ends_similarity": Metric("similarity of a path's ends (0 to 1)", "that of a single jump"),
    "path_monotone": Metric(
        "monotone paths (share of paths)", "no step comes closer to the start or moves away from the end"
    ),
    "path_forward_steps": Metric("forward steps (share of steps)", "they do neither"),
}


def latent_quality(
    codec: Codec,
    texts: AnyTexts,
    columns: Mapping[str, Sequence[float]] | None = None,
    settings: LatentSettings | None = None,
) -> LatentQuality:
    """Predict properties from the latent points of texts, and interpolate between these.

    Properties are logP, QED and SA score of molecules, the GC content of DNA and RNA, and the given columns.

    Args:
        codec: the model.
        texts: texts it has not been trained on. Equal ones count once, so that none is both held out and fitted.
        columns: more properties by name, one value per text; NaN if it is not known.
        settings: how much work to do.

    Raises:
        InputError: fewer than twice as many distinct texts as folds can be encoded.
        UsageError: a column does not have one value per text.
    """
    settings = settings or LatentSettings()
    given = texts.given if isinstance(texts, TokenizedTexts) else len(texts)
    for name, values in (columns or {}).items():
        if len(values) != given:
            raise UsageError(f"column {name!r}: expected a value for each of {given} texts, got {len(values)}")
    read = encodable(codec, first_texts(texts, settings.texts))
    distinct = read.take(sorted(np.unique(read.forms, return_index=True)[1].tolist()))  # the first of each form
    count = len(distinct)
    if count < 2 * settings.folds:
        noun = codec.tokenizer.domain.noun
        raise InputError(f"expected at least {2 * settings.folds} distinct {noun}s to predict from, got {count}")
    z = codec.encode(distinct, refine=0).double().numpy()
    known: dict[str, list[float]] = {}
    alphabet = codec.tokenizer.domain.alphabet
    if codec.tokenizer.molecular:
        known = {name: values.tolist() for name, values in score(_MOLECULAR, distinct.forms).items()}
    elif alphabet is not None and alphabet.complements:  # only bases pair
        found = letters(distinct.forms, alphabet.letters, "".join(alphabet.codes) + GAP)
        known = {"gc": gc_content(found).tolist()}
    known |= {name: [values[row] for row in distinct.rows] for name, values in (columns or {}).items()}
    ridge = {name: _fit(predict_ridge, z, values, settings) for name, values in known.items()}
    few, process = _at_most(settings.gp_texts, count), gaussian_process(settings.gp_tune)
    gp = {name: _fit(process, z[few], [values[i] for i in few], settings) for name, values in known.items()}
    paths = path_quality(codec, distinct, PathSettings(settings.pairs, settings.steps, settings.path, settings.seed))
    return LatentQuality(
        texts=count,
        left_out=read.given - count,
        latent=codec.latent,
        folds=settings.folds,
        gp_texts=len(few),
        ridge_r2={name: fit[0] for name, fit in ridge.items()},
        ridge_rank={name: fit[1] for name, fit in ridge.items()},
        gp_r2={name: fit[0] for name, fit in gp.items()},
        gp_rank={name: fit[1] for name, fit in gp.items()},
        **{f"path_{name}": value for name, value in asdict(paths).items()},
    )


def _at_most(most: int, count: int) -> list[int]:
    """Return at most `most` rows, evenly spaced, since a file may be sorted."""
    return np.linspace(0, count - 1, min(most, count)).astype(int).tolist()


def _fit(
    predict: Predict, z: Points, values: Sequence[float], settings: LatentSettings
) -> tuple[float | None, float | None]:
    """Return R2 and rank correlation of held-out predictions over the texts whose value is known."""
    y = np.asarray(values, float)
    known = np.isfinite(y)
    y = y[known]
    if len(y) < 2 * settings.folds or np.ptp(y) == 0:
        return None, None
    found = held_out(predict, z[known], y, settings.folds, settings.seed)
    return float(r2_score(y, found)), rank_correlation(y, found)


def held_out(predict: Predict, z: Points, y: Values, folds: int, seed: int) -> Values:
    """Return a prediction for every text, by a model fitted to the other folds only."""
    found = np.empty_like(y)
    for fitted, left in KFold(folds, shuffle=True, random_state=FOLDS.seed(seed) % 2**32).split(z):
        found[left] = predict(z[fitted], y[fitted], z[left])
    return found


def rank_correlation(left: Values, right: Values) -> float:
    """Return Spearman's rank correlation; 0 if either is constant, and so orders nothing."""
    return 0.0 if np.ptp(left) == 0 or np.ptp(right) == 0 else float(spearmanr(left, right).statistic)


def predict_ridge(z: Points, y: Values, others: Others) -> Predictions:
    """Predict by ridge regression on standardised coordinates, the penalty chosen by leave-one-out error."""
    model = make_pipeline(StandardScaler(), RidgeCV(_ALPHAS)).fit(z, y)
    return np.asarray(model.predict(others), float)


def gaussian_process(tune: int) -> Predict:
    """Return a Gaussian process on standardised coordinates: squared-exponential kernel with one length, and noise.

    The three hyperparameters maximise the marginal likelihood of at most `tune` of the texts; the process is then
    conditioned on all of them.
    """

    def predict(z: Points, y: Values, others: Others) -> Predictions:
        """Fit to some texts, and predict others."""
        scaler = StandardScaler().fit(z)
        z, others, centre, spread = scaler.transform(z), scaler.transform(others), y.mean(), y.std() or 1.0
        y = (y - centre) / spread
        kernel = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(math.sqrt(z.shape[1]), (1e-1, 1e3)) + WhiteKernel(
            0.5, (1e-4, 1e1)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # reaching a bound is an answer too
            few = _at_most(tune, len(z))
            tuned = GaussianProcessRegressor(kernel).fit(z[few], y[few]).kernel_
        model = GaussianProcessRegressor(tuned, optimizer=None).fit(z, y)
        return np.asarray(model.predict(others), float) * spread + centre

    return predict

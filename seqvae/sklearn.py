"""Latent points as features for scikit-learn.

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

model = make_pipeline(LatentFeatures("drug-smiles"), Ridge()).fit(smiles, values)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from seqvae.latent.codec import Codec

_RADIUS, _BITS = 2, 1_024  # of the fingerprint beside z


class LatentFeatures(TransformerMixin, BaseEstimator):
    """Molecules or sequences to the means of their posteriors, for a scikit-learn pipeline.

    Nothing is learned from the data: `fit` loads the model. It is pickled by the model's name, which is loaded again
    where it is needed.

    Args:
        model: name of a pretrained model, or folder of a trained one.
        refine: gradient steps on each posterior, as in `Codec.encode`; 0: the encoder alone, the quickest.
        fingerprint: put the ECFP4 bits of each molecule, 1,024, beside z.
        batch_size: texts at a time.
        device: `auto`, `cpu` or `cuda`.
    """

    def __init__(
        self,
        model: str = "drug-smiles",
        refine: int | str = 0,
        fingerprint: bool = False,
        batch_size: int = 256,
        device: str = "auto",
    ) -> None:
        self.model = model
        self.refine = refine
        self.fingerprint = fingerprint
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Iterable[Any], y: object = None) -> Self:
        """Load the model; `X` and `y` are not read.

        Raises:
            ArtifactError: there is no such model.
        """
        self.codec_ = self._load()
        self.n_features_out_ = self.codec_.latent + _BITS * self.fingerprint
        return self

    def transform(self, X: Iterable[Any]) -> NDArray[np.float64]:
        """Return the features, `(rows, features)`.

        Args:
            X: SMILES, `Mol` of RDKit, or sequences: a list, an array, a pandas Series, or a table of one column.

        Raises:
            NotFittedError: before `fit`.
            InputError: the model cannot read a row.
            ValueError: a table of several columns.
        """
        check_is_fitted(self, "n_features_out_")
        rows = X.to_numpy() if hasattr(X, "to_numpy") else X
        if isinstance(rows, np.ndarray) and rows.ndim == 2:
            if rows.shape[1] != 1:
                raise ValueError(f"expected one column of molecules or sequences, got {rows.shape[1]}")
            rows = rows[:, 0]
        read = self.codec.tokenize(list(rows))
        found = self.codec.encode(read, self.batch_size, self.refine).double().numpy()
        if not self.fingerprint:
            return found
        from rdkit import Chem
        from rdkit.Chem import rdFingerprintGenerator

        made = rdFingerprintGenerator.GetMorganGenerator(_RADIUS, fpSize=_BITS)
        bits = [made.GetFingerprintAsNumPy(Chem.MolFromSmiles(form)) for form in read.forms]
        return np.hstack([found, np.array(bits, np.float64)])

    @property
    def codec(self) -> Codec:
        """The model; after unpickling it is loaded when it is first needed."""
        if not hasattr(self, "codec_"):
            self.codec_ = self._load()
        return self.codec_

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the titles of the features: `z0`, `z1`, ..., and `ecfp4_0`, ..."""
        check_is_fitted(self, "n_features_out_")
        latent = self.n_features_out_ - _BITS * self.fingerprint
        names = [f"z{row}" for row in range(latent)] + [f"ecfp4_{row}" for row in range(_BITS * self.fingerprint)]
        return np.array(names, dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: settings and sizes, not the weights."""
        return {name: value for name, value in super().__getstate__().items() if name != "codec_"}

    def __sklearn_tags__(self) -> Tags:
        """Say that the input is text, row by row."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False, True
        tags.requires_fit = True
        return tags

    def _load(self) -> Codec:
        from seqvae.latent.codec import load

        return load(self.model, self.device)

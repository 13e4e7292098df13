"""The latent space of a search: points that decode to proposals, and texts that encode to points.

The text that a point decodes to need not encode to the same point. A surrogate learns from the point that re-encodes
the text, since that is the point which its score belongs to (Maus et al. 2022, arXiv:2201.11872, and Chu et
al. 2024, arXiv:2411.05330, for what the mismatch costs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from seqvae.config import INFERENCE_BATCH, REFINE_STEPS, DecodeConfig
from seqvae.latent.codec import Codec
from seqvae.runtime.device import derived_seed, evaluating
from seqvae.search.proposals import Candidate, Canonical
from seqvae.search.storage.state import State

Points = NDArray[np.float64]  # (batch, latent)
_REMEMBERED = 50_000  # texts whose points are kept: 26 MB at 64 dimensions, more than most budgets


@final
class Space:
    """A codec for searches: float64 points and canonical texts; an unreadable text is NaN rather than an error.

    Args:
        codec: the trained model.
        decoding: how the first text of a point is decoded; by default greedily.
        refine: gradient steps on the posterior of a text that its posterior mean does not decode to.
        canonical: returns the canonical form of a text, None for an invalid one; None: that of the codec.
        free: the same without the rules of the search, of texts that were measured; None: there are no rules.
        projected: the same with the letters of the reference at the positions that a search keeps; None: as `free`.
    """

    def __init__(
        self,
        codec: Codec,
        decoding: DecodeConfig | None = None,
        refine: int = REFINE_STEPS,
        canonical: Canonical | None = None,
        free: Canonical | None = None,
        projected: Canonical | None = None,
    ) -> None:
        self.codec, self.decoding, self.refine = codec, decoding or DecodeConfig(), refine
        self.canonical: Canonical = canonical or codec.tokenizer.normalize_or_none
        self.free = free or self.canonical
        self.projected = projected or self.free
        self._points: dict[str, Points] = {}

    @property
    def latent(self) -> int:
        """Dimensions of a point."""
        return self.codec.latent

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.codec.device

    def decode(self, points: NDArray[np.floating[Any]], seed: int, proposer: str, attempt: int = 0) -> list[Candidate]:
        """Return the text of each point, with the point and the seed of its sampling; some texts may be invalid.

        Args:
            points: `(batch, latent)`.
            seed: of the sampling.
            proposer: of the candidates.
            attempt: 0 for the text that `decoding` gives, greedily the likeliest; from 1 on samples of p(x|z).

        Raises:
            UsageError: the points have another shape.
            InputError: they are not finite.
        """
        return self.written(points, seed, proposer, attempt)[0]

    def written(
        self, points: NDArray[np.floating[Any]], seed: int, proposer: str, attempt: int = 0
    ) -> tuple[list[Candidate], NDArray[np.float64]]:
        """Return the same as `decode`, and the decoder's confidence: log p(x|z) in nats per token, `(batch,)`.

        Where that is low the text seldom resembles its neighbours or encodes back to the point (Notin et al. 2021,
        arXiv:2107.00096; Griffiths & Hernandez-Lobato 2020, arXiv:1709.05501, on searches that go astray there).
        """
        if not len(points):
            return [], np.empty(0)
        config = replace(self.decoding, seed=derived_seed(seed, attempt))
        config = replace(config, method="sample") if attempt else config
        rows = np.asarray(points, np.float32)
        drawn = config.seed if config.method == "sample" else None
        made = self.codec.generate(rows, config)
        found = [Candidate(text, proposer, z, drawn) for text, z in zip(made.texts, rows, strict=True)]
        return found, made.log_likelihood.double().numpy() / [len(ids) for ids in made.ids]

    def draw(self, count: int, seed: int, prior: str = "auto") -> Points:
        """Return points drawn from a prior, `(count, latent)`; `prior` is a name as in `Codec.draw`."""
        return self.codec.draw(count, seed, prior).double().numpy()

    def encode(self, texts: Sequence[str]) -> tuple[Points, NDArray[np.bool_]]:
        """Return the point that re-encodes each text, `(batch, latent)`, and which texts the model can read.

        The point is the posterior mean where that decodes greedily to the text, else the mean after gradient steps on
        the text's own posterior, from which most of the others are reconstructed. Points are remembered, so that a text
        has one point; rows of texts that the model cannot read (empty, an unknown token, too long) are NaN.
        """
        forms = [self._readable(text) for text in texts]
        missing = [form for form in dict.fromkeys(forms) if form is not None and form not in self._points]
        found = {form: self._points[form] for form in forms if form is not None and form in self._points}
        if missing:
            inverted = self.codec.encode(missing, refine=0)
            back = self.codec.generate(inverted, replace(self.decoding, method="greedy")).texts
            lost = [
                row
                for row, form in enumerate(missing)
                if self.projected(back[row]) != form and self.free(back[row]) != form
            ]
            if lost and self.refine:
                inverted[lost] = self.codec.encode([missing[row] for row in lost], refine=self.refine)
            found.update(zip(missing, inverted.double().numpy(), strict=True))
        self._points.update((form, found[form]) for form in missing)
        for form in list(self._points)[: max(len(self._points) - _REMEMBERED, 0)]:  # the oldest
            del self._points[form]
        nowhere = np.full(self.latent, np.nan)
        rows = [nowhere if form is None else found[form] for form in forms]
        points = np.array(rows, np.float64).reshape(len(rows), self.latent)
        return points, np.array([form is not None for form in forms], bool)

    def log_likelihood(self, points: NDArray[np.floating[Any]], texts: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(x|z) of each text at its point in nats, `(batch,)`; NaN where the model cannot read it."""
        found = np.full(len(texts), np.nan)
        rows = np.array([row for row, text in enumerate(texts) if self._readable(text) is not None], int)
        z = torch.from_numpy(np.asarray(points, np.float32))
        with evaluating(self.codec.model):
            for part, tokens in self.codec.batches([texts[row] for row in rows], INFERENCE_BATCH):
                here = rows[part.numpy()]
                values = self.codec.model.log_likelihood(z[here].to(self.device), tokens)
                found[here] = values.double().cpu().numpy()
        return found

    def state_dict(self) -> State:
        """Return the remembered points.

        Needed only where several optimisers share the space: each keeps the points of its own texts, but the last bits
        of a point depend on the texts that it was computed with.
        """
        rows = np.array(list(self._points.values()), np.float64).reshape(len(self._points), self.latent)
        return {"texts": list(self._points), "points": rows}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self._points = dict(zip(state["texts"], np.asarray(state["points"], np.float64), strict=True))

    def _readable(self, text: str) -> str | None:
        """Return the canonical form of a text; None where the model cannot read it."""
        form = self.free(text)
        if form is None or form in self._points:
            return form
        return form if len(self.codec.tokenize([form], on_error="skip")) else None

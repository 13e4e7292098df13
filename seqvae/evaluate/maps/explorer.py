"""What a map answers: what lies at a place, on a path, near a text, between two groups, and where a list belongs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, final

import numpy as np
import torch

from seqvae.config import AnalogConfig
from seqvae.errors import InputError, UsageError
from seqvae.evaluate.diagnosis.space import outside
from seqvae.evaluate.maps.chart import LatentMap
from seqvae.evaluate.maps.selection import SMARTS, found_by
from seqvae.evaluate.maps.shading import CELLS, Shade
from seqvae.evaluate.model.latent_quality import predict_ridge
from seqvae.latent.codec import Codec
from seqvae.latent.edit import edit
from seqvae.latent.interpolate import slerp
from seqvae.latent.neighbours import nearest
from seqvae.properties.columns import Columns
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.registry import get, is_own_code, score
from seqvae.properties.similarity import similarities
from seqvae.runtime.streams import MAP_DARK
from seqvae.search.lead_analogs import analogs

NEAR = 5  # known rows that are shown beside a place
_FITTED = 5000  # rows of which the surrogate of an objective is fitted, at most
Answer = dict[str, Any]  # in JSON types


@final
class Explorer:
    """A map with the model behind it.

    Args:
        codec: the model.
        found: a map of it.
        objectives: names of the user's own functions that may be called; others are refused.
    """

    def __init__(self, codec: Codec, found: LatentMap, objectives: Sequence[str] = ()) -> None:
        self.codec, self.map, self.objectives = codec, found, tuple(objectives)
        self._sheets = Sheets() if codec.tokenizer.molecular else None
        self._z = torch.from_numpy(found.z)
        own = [column.title for column in found.columns.values() if column.numeric and column.about]
        self._named = [title for title in own if title not in ("log_p", "unfamiliarity", "distance_from_plane")]

    def at(self, x: float, y: float) -> Answer:
        """Return what lies at a place: the text decoded there, how likely it is, where it is encoded, known ones near.

        Decoding is greedy under the rules of chemistry; where they lead to no molecule, the place is dark, and said to
        be.
        """
        z = torch.from_numpy(self.map.projection.back(np.array([[x, y]])))
        made = self.codec.generate(z)
        (text,) = made.texts
        answer = self._about(text) | {"x": x, "y": y, "log_likelihood": float(made.log_likelihood[0])}
        if not self.map.molecular:
            # one for each letter: a token of several letters has one probability
            letters = [len("".join(self.codec.tokenizer.written([number]))) for number in made.ids[0].tolist()]
            answer["certainty"] = np.repeat(np.exp(made.token_log_probs[0]), letters).round(3).tolist()
        read = self.codec.tokenize([text], "skip")
        answer["returns"] = False
        if answer["valid"] and len(read):
            posterior = self.codec.posterior(read, refine=0)
            answer["returns"] = not bool(outside(posterior, z, MAP_DARK.generator(0))[0])
            answer["again"] = self.map.projection.place(posterior.mean)[0].tolist()
            answer["log_p"] = float(self.codec.bounds(read, posterior=posterior).elbo[0])
        answer["near"] = self._near(z, text if answer["valid"] else None)
        return answer

    def _about(self, text: str) -> Answer:
        """Return a text with its properties; of one that is no molecule, none."""
        valid = bool(text) and (self._sheets is None or self._sheets.of(text) is not None)
        values = score(self._named, [text], self._sheets) if valid else {}
        return {"text": text, "valid": valid, "properties": _plain({name: row[0] for name, row in values.items()})}

    def near(self, row: int) -> list[Answer]:
        """Return the rows nearest to a row in latent space, with its similarity to each."""
        return self._near(self._z[row : row + 1], self.map.forms[row], row)

    def _near(self, z: torch.Tensor, text: str | None, but: int = -1) -> list[Answer]:
        """Return the rows nearest to a point, without row `but`."""
        found = nearest(z, self._z, min(NEAR + 1, len(self.map)))
        pairs = zip(found.indices[0].tolist(), found.distances[0].tolist(), strict=True)
        kept = [(row, distance) for row, distance in pairs if row != but][:NEAR]
        forms = [self.map.forms[row] for row, _ in kept]
        like = similarities(forms, [text], self._sheets) if text else [[math.nan]] * len(kept)
        return [
            _plain({"row": row, "distance": distance, "similarity": near[0]})
            for (row, distance), near in zip(kept, like, strict=True)
        ]

    def path(self, first: Sequence[float], last: Sequence[float], steps: int) -> list[Answer]:
        """Return what a path decodes to, equal neighbours merged, with the similarity of each step to both ends.

        Args:
            first: a place, or the number of a row alone.
            last: the same.
            steps: points on the path, both ends included.
        """
        ends = []
        for end in (first, last):
            if len(end) == 1:
                ends.append(self._z[int(end[0])])
            else:
                ends.append(torch.from_numpy(self.map.projection.back(np.array([end])))[0])
        path = slerp(ends[0], ends[1], steps)
        texts = self.codec.decode(path)
        places = self.map.projection.place(path).tolist()
        merged: list[Answer] = []
        for step, text in enumerate(texts):
            if merged and merged[-1]["text"] == text:
                merged[-1]["steps"][1] = step + 1
                continue
            merged.append(self._about(text) | {"steps": [step + 1, step + 1], "place": places[step]})
        merged[-1]["place"] = places[-1]  # a drawn path ends at its end
        known = (merged[0], merged[-1])
        for one in merged:
            both = one["valid"] and all(end["valid"] for end in known)
            like = similarities([one["text"]], [end["text"] for end in known], self._sheets)[0] if both else []
            one["similarity"] = [round(float(value), 3) for value in like]
        return merged

    def analogs(self, text: str, number: int) -> Answer:
        """Return distinct valid analogs of a text, the likeliest first, with properties, alerts and places."""
        found = analogs(self.codec, text, AnalogConfig(number=number))
        texts = [one.text for one in found.found]
        names = list(dict.fromkeys([*self._named, *(["sa", "structural_alerts"] if self.map.molecular else [])]))
        values = score(names, texts, self._sheets)
        places = self.map.projection.place(self.codec.encode(texts, refine=0)).tolist()
        rows = [
            _plain({**asdict(one), **{name: values[name][row] for name in names}}) | {"place": places[row]}
            for row, one in enumerate(found.found)
        ]
        return {"lead": found.lead, "said": found.described, "rows": rows, "properties": names}

    def place(self, texts: Sequence[str], names: Sequence[str]) -> Answer:
        """Return the places of a list, and the reason of each text that the model cannot read."""
        read = self.codec.tokenize(list(texts), "skip")
        rejected = [{"text": texts[one.row], "reason": one.reason} for one in read.rejected]
        if not len(read):
            return {"rows": [], "rejected": rejected}
        places = self.map.projection.place(self.codec.encode(read, refine=0)).tolist()
        rows = [
            self._about(form) | {"name": names[row], "place": place}
            for form, row, place in zip(read.forms, read.rows, places, strict=True)
        ]
        return {"rows": rows, "rejected": rejected}

    def between(
        self, with_: Sequence[int], without: Sequence[int], text: str, strengths: Sequence[float]
    ) -> list[Answer]:
        """Return a text moved along the direction that sets two groups of rows apart, by each strength."""
        groups = ([self.map.forms[row] for row in with_], [self.map.forms[row] for row in without])
        rows = edit(self.codec, [text], groups, list(strengths))
        return [
            self._about(one.text) | {"strength": one.strength, "similarity": round(one.similarity, 3)} for one in rows
        ]

    def objective(self, name: str) -> Shade:
        """Return an objective over the plane: ridge regression on z, fitted to the rows, at the points of the plane.

        Raises:
            UsageError: there is no such property, or it is a function that the command line did not name.
        """
        if is_own_code(name) and name not in self.objectives:
            raise UsageError(f"{name}: only functions that --objective named are called: start again with it")
        column = self.map.columns.get(name)
        if column is not None and isinstance(column.values, np.ndarray):
            values = column.values
        else:
            values = Columns([get(name).name])(self.map.forms)[name]
        known = np.flatnonzero(np.isfinite(values))
        if len(known) < 10 or np.ptp(values[known]) == 0:
            raise InputError(f"{name}: has the same value for all rows, or none for most: nothing to colour")
        rows = known[np.linspace(0, len(known) - 1, min(_FITTED, len(known))).astype(int)]
        points = self.map.projection.back(self.map.extent.cells(CELLS))
        found = predict_ridge(self.map.z[rows].astype(float), values[rows], points.astype(float))
        low, high = float(values[rows].min()), float(values[rows].max())
        shown = np.clip(found, low, high)
        about = f"{name} as ridge regression on z predicts it from {len(rows):,} rows, at the points of the plane"
        return Shade(shown.reshape(CELLS, CELLS), float(shown.min()), float(shown.max()), about)

    def find(self, query: str) -> list[int]:
        """Return the rows that match a SMARTS, `smarts:PATTERN`, or are the molecule or sequence given."""
        if query.startswith(SMARTS):
            return np.flatnonzero(found_by(query, [], self.map.forms)).tolist()
        form = self.codec.tokenizer.domain.canonical(query)
        return [row for row, known in enumerate(self.map.forms) if form is not None and known == form]


def _plain(values: dict[str, Any]) -> Answer:
    """Return values as JSON has them: numbers with five digits, None where one is not finite."""
    made: Answer = {}
    for name, value in values.items():
        if isinstance(value, (float, np.floating)):
            made[name] = float(f"{value:.5g}") if math.isfinite(value) else None
        else:
            made[name] = value
    return made

"""Text to latent space and back: what `seqvae.load` returns."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from seqvae.artifact.folder import NO_FITTED_PRIOR, Artifact, load_artifact
from seqvae.artifact.pretrained import resolve
from seqvae.config import INFERENCE_BATCH, DecodeConfig, RunConfig, suggestion
from seqvae.config.checks import door
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.onehot import padded
from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts, tokenize
from seqvae.errors import InputError, SeqVAEWarning, UsageError, quoted
from seqvae.latent.checks import Points, points_of
from seqvae.latent.chunks import at_least_one, chunk_seed, chunk_sizes, split
from seqvae.latent.conditions import Asked, Known, PriorChoice, asked, condition_rows
from seqvae.latent.decoding.generated import Generated
from seqvae.latent.decoding.points import PointDecoder
from seqvae.latent.encodings import AUTO, Encodings, encodings_of, refined_where_lost
from seqvae.latent.interpolate import PATHS
from seqvae.model.objective import Bounds
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import FittedPrior, Prior
from seqvae.runtime.device import evaluating, resolve_device
from seqvae.runtime.streams import BOUNDS_NOISE, PRIOR_POINTS
from seqvae.sequences.molecules import canonical_or_none
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


@door
def load(name: str | Path, device: str = "auto", canonical: Callable[[str], str | None] = canonical_or_none) -> Codec:
    """Load a trained model.

    Args:
        name: its folder, or the name of a pretrained model (`seqvae models list`).
        device: `auto`, `cpu` or `cuda`.
        canonical: as of `Codec`.

    Raises:
        ArtifactError: there is no such model, or a file of it is missing or damaged.
        UsageError: the device does not exist here, or the name is that of a pretrained model and of a folder here.
    """
    return Codec(load_artifact(resolve(name)), device, canonical)


@final
class Codec(PointDecoder):
    """A trained model with its tokenizer: encodes texts, decodes latent points, samples and interpolates.

    The model computes in float32, never in training mode; every draw follows from the seed given.

    Args:
        artifact: the model and all that it needs.
        device: `auto`, `cpu` or `cuda`.
        canonical: returns the canonical form of a SMILES that the model writes, None if it is no molecule. A caller
            that needs the molecules as well may keep them here, so that none is parsed twice.
    """

    def __init__(
        self, artifact: Artifact, device: str = "auto", canonical: Callable[[str], str | None] = canonical_or_none
    ) -> None:
        self.device, self.canonical = resolve_device(device), canonical
        self.seen, self.calibration = artifact.seen, artifact.calibration
        self.model = artifact.model.to(self.device).eval()
        self.tokenizer: Tokenizer = artifact.tokenizer
        self.run: RunConfig = artifact.run
        self.provenance: dict[str, Any] = artifact.provenance
        self.latent: int = artifact.config.latent
        self.max_length: int = artifact.config.max_length
        self.fitted: FittedPrior | None = artifact.fitted  # stays on the CPU: one seed gives one point on any device
        self.default_prior: str = artifact.default_prior or self.model.prior.kind

    @door
    def encode(
        self,
        texts: AnyTexts,
        batch_size: int = INFERENCE_BATCH,
        refine: int | str = AUTO,
        on_error: str = "stop",
        conditions: Known = None,
    ) -> Float[Tensor, "batch latent"]:
        """Return the posterior mean of each text, float32 on the CPU.

        Args:
            texts: what is encoded; texts that `tokenize` has read are not read again.
            batch_size: texts at a time.
            refine: "auto": decode each mean, and where that is another text, take `REFINE_STEPS` gradient steps on the
                text's own posterior, some tens of milliseconds each; most then come back, and `encodings` tells which
                were refined, lost, or left as hopeless. 0: the encoder's own posterior. Another number: so many steps.
            on_error: "stop" raises at a text that cannot be encoded; "skip" leaves such texts out, and warns which.
            conditions: as in `tokenize`, of a model that was trained with conditions.

        Raises:
            InputError: a text is no molecule or sequence, has an unknown token, or is too long; the message names it.
            UsageError: a negative number of steps, another word than "auto" or "skip", a batch size below 1, or as
                `tokenize` of conditions.
        """
        read = self.tokenize(texts, on_error, conditions)
        if read.rejected and not isinstance(texts, TokenizedTexts):
            warnings.warn(read.left_out(), SeqVAEWarning, stacklevel=2)
        return self.encodings(read, batch_size, refine).posterior.mean

    @door
    def posterior(self, texts: AnyTexts, batch_size: int = INFERENCE_BATCH, refine: int | str = AUTO) -> Posterior:
        """Return q(z|x) of each text, on the CPU; arguments and errors as `encode`."""
        return self.encodings(texts, batch_size, refine).posterior

    @door
    def encodings(self, texts: AnyTexts, batch_size: int = INFERENCE_BATCH, refine: int | str = AUTO) -> Encodings:
        """Return q(z|x) of each text, which were refined, and which are lost; arguments and errors as `encode`."""
        read, beta = self.tokenize(texts), self.run.objective.weight
        batches = partial(self.told_batches, batch_size=batch_size)
        if refine != AUTO:
            return encodings_of(self.model, batches(read), beta, refine)

        def decoded(z: Tensor, known: NDArray[np.float32] | None) -> list[str]:
            """Return the texts of latent points under their conditions."""
            return self.generate(z, None, batch_size, conditions=known).texts

        return refined_where_lost(self.model, read, batches, decoded, beta)

    @door
    def predict(self, z: Points) -> dict[str, Float[Tensor, "batch ..."]]:
        """Return each label at latent points: the expected number, in the label's own units, or p(y|z) of its classes.

        Classes are in the order of `classes`: `(batch,)` for a number, `(batch, classes)` for these.

        Raises:
            UsageError: the model was trained without labels.
            InputError: the points do not fit.
        """
        if self.model.head is None:
            raise UsageError("this model predicts no labels: train one with --labels COLUMN")
        with evaluating(self.model):
            points = points_of(z, self.latent).to(self.device)
            numbers, classes = self.model.head(points).cpu(), self.model.head.class_log_probs(points)
        found = dict(zip(self.model.head.numbers, numbers.unbind(1), strict=True))
        found |= {place: part.exp().cpu() for place, part in classes.items()}
        return {name: found[place] for place, name in enumerate(self.run.model.label_names)}

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """The classes of each label or condition that has some, in the order of `predict` and `classify`."""
        return self.run.model.class_table

    @door
    def classify(self, texts: AnyTexts, batch_size: int = INFERENCE_BATCH) -> Float[Tensor, "batch classes"]:
        """Return q(y|x), the probabilities of the class that the model infers, in the order of `classes`.

        Raises:
            UsageError: the model was trained without such a class.
            InputError: as `encode`.
        """
        if self.model.classes is None:
            raise UsageError("this model infers no class: train one with --inferred COLUMN")
        found = torch.empty(len(texts), self.model.classes.classes)
        with evaluating(self.model):
            for rows, tokens in self.batches(texts, batch_size):
                found[rows] = self.model.classes(self.model.posterior(tokens).mean).exp().cpu()
        return found

    @door
    def bounds(
        self,
        texts: AnyTexts,
        seed: int = 0,
        batch_size: int = INFERENCE_BATCH,
        prior: str | None = None,
        posterior: Posterior | None = None,
    ) -> Bounds:
        """Return distortion and rate of each text in nats per sequence, from one posterior sample; raises as `encode`.

        Their negative sum, `.elbo`, is a lower bound on log p(x) under the prior named (as in `draw`; None: the own);
        on log p(x|c) for texts that `tokenize` has read with conditions c.
        The rate is in closed form, or, where there is none, log q(z|x) - log p(z) at the sample. `posterior` is that of
        the texts where it is known, as `encodings` has it, refined or not; None: they are encoded.
        """
        if posterior is not None and len(posterior) != len(texts):
            raise UsageError(f"posterior: {len(posterior)} rows for {len(texts)} texts; give one for each")
        rng = BOUNDS_NOISE.generator(seed, device=self.device)
        density = self._other_prior(prior)
        distortion, rate = torch.empty(len(texts)), torch.empty(len(texts))
        with evaluating(self.model):
            for rows, tokens, known in self.told_batches(texts, batch_size):
                own = None if posterior is None else posterior.rows(rows).to(self.device)
                found = self.model.bounds(Batch(tokens, tokens, conditions=known), rng, density, own)
                distortion[rows], rate[rows] = found.distortion.cpu(), found.rate.cpu()
        return Bounds(distortion, rate)

    @door
    def iwae(
        self,
        texts: AnyTexts,
        samples: int = 100,
        seed: int = 0,
        batch_size: int = INFERENCE_BATCH,
        prior: str | None = None,
    ) -> Float[Tensor, " batch"]:
        """Return the importance-weighted lower bound on log p(x) of each text in nats; raises as `encode`.

        Burda et al. 2016 (arXiv:1509.00519); tighter with more samples, from 1, each of which takes one pass. `prior`
        and conditions as in `bounds`.
        """
        at_least_one("samples", samples)
        rng = BOUNDS_NOISE.generator(seed, device=self.device)
        density = self._other_prior(prior)
        bound = torch.empty(len(texts))
        with evaluating(self.model):
            for rows, tokens, known in self.told_batches(texts, batch_size):
                bound[rows] = self.model.iwae(tokens, samples, rng, density, known).cpu()
        return bound

    def _other_prior(self, name: str | None) -> Prior | None:
        """Return the prior of that name on the model's device if it is not the model's own, else None."""
        density = self.prior(name)
        return copy.deepcopy(density).to(self.device) if density is self.fitted else None

    @door
    def draw(self, count: int, seed: int = 0, prior: PriorChoice = "auto") -> Float[Tensor, "count latent"]:
        """Return points drawn from a prior, on the CPU.

        Args:
            count: how many.
            seed: one seed, one result.
            prior: the model's own by its name, `normal`, N(0, I), `mixture`, Gaussians that it was trained with, or
                `conditional`, with no condition known; `fitted`, the density fitted to the aggregate posterior; `auto`,
                the model's `default_prior`; or conditions, as `{"logP": 3.5}`, for the model's own prior given these.

        Raises:
            UsageError: an unknown prior or condition, `fitted` where there is none, or a count below 1.
        """
        return _drawn(self.prior(prior), count, seed)

    @door
    def log_prior(
        self, z: Points, prior: PriorChoice = "auto", batch_size: int = INFERENCE_BATCH
    ) -> Float[Tensor, " batch"]:
        """Return log p(z) of latent points in nats; `prior` and its errors as in `draw`, those of z as in `decode`.

        Raises:
            InputError: a point lies so far out that its density is not finite.
        """
        density = self.prior(prior)
        with torch.no_grad():
            found = torch.cat([density.log_prob(part) for part in split(points_of(z, self.latent), batch_size)])
        if not bool(torch.isfinite(found).all()):
            raise InputError("the prior density at a latent point is not finite: the point lies too far out")
        return found

    def prior(self, name: PriorChoice | None = None) -> Prior:
        """Return the prior of that name, as in `draw`; None: the model's own. It computes on the CPU."""
        own = self.model.prior if self.device.type == "cpu" else copy.deepcopy(self.model.prior).cpu()
        if isinstance(name, Mapping):
            return own.given(condition_rows(name, own, self.run.model, 1))
        chosen = self.default_prior if name == "auto" else own.kind if name is None else name
        if chosen == own.kind:
            return own
        if chosen != "fitted":
            raise UsageError(f"unknown prior {chosen!r}{suggestion(chosen, ('auto', own.kind, 'fitted'))}")
        if self.fitted is None:
            raise UsageError(NO_FITTED_PRIOR)
        return self.fitted

    @door
    def sample(
        self,
        count: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seed: int = 0,
        batch_size: int = INFERENCE_BATCH,
        prior: PriorChoice = "auto",
        tries: int = DecodeConfig.tries,
        rules: str = DecodeConfig.rules,
        conditions: Asked | None = None,
        guidance: float = DecodeConfig.guidance,
    ) -> list[str]:
        """Draw z from a prior and a text from p(x|z) for each; `prior` and errors as in `draw`.

        SMILES of no molecule are drawn again, `tries` draws in all, at last under the `rules` (see `DecodeConfig`).
        With `conditions`, as `{"logP": 3.5}`, z is drawn from the model's own prior given these and x from p(x|z, c),
        if the decoder reads them; `guidance` drives samples beyond (see `DecodeConfig`).
        """
        config = DecodeConfig("sample", temperature, top_p, rules=rules, tries=tries, seed=seed, guidance=guidance)
        return self.generate_samples(count, config, asked(prior, conditions), batch_size, insist=True).texts

    @door
    def generate_samples(
        self,
        count: int,
        config: DecodeConfig,
        prior: PriorChoice = "auto",
        batch_size: int = INFERENCE_BATCH,
        insist: bool = False,
    ) -> Generated:
        """Draw texts with log p(x|z) at the z of each; `prior` and errors as in `draw`, `insist` as in `generate`."""
        chunks, known = [], None if isinstance(prior, str) else self.known(prior, 1)
        density = self.prior(prior) if known is None else self.prior().given(known)

        def draw(count: int, seed: int) -> Tensor:
            """Return points of the prior as the decoder takes them, with the conditions behind z."""
            return self.under(_drawn(density, count, seed), known)

        for number, size in enumerate(chunk_sizes(count)):
            seeded = replace(config, seed=chunk_seed(config.seed, number))
            if self.may_be_invalid:
                chunks.append(self._writer(seeded, batch_size, insist).drawn(size, seeded, draw))
            else:
                chunks.append(self._generated(draw(size, seeded.seed), seeded, batch_size, insist=False))
        return Generated.joined(chunks)

    @door
    def interpolate(
        self, first: str, last: str, steps: int = 8, kind: str = "slerp", refine: int | str = AUTO
    ) -> list[str]:
        """Return the texts decoded along the path between the posterior means of two texts, both ends included.

        Warns where an end is not reconstructed: its path then begins or ends with another text.

        Args:
            first: text to start from.
            last: text to end at.
            steps: texts in all.
            kind: `slerp` or `linear`.
            refine: gradient steps on the posteriors of the ends, as in `encode`.

        Raises:
            UsageError: an unknown kind of path (`slerp`, `linear`), or fewer than two steps.
            InputError: as `encode`.
        """
        if kind not in PATHS:
            raise UsageError(f"unknown kind of path {kind!r}{suggestion(kind, PATHS)}")
        z = self.encode([first, last], refine=refine)
        path = self.decode(PATHS[kind](z[0], z[1], steps))
        for end, back in ((first, path[0]), (last, path[-1])):
            if back != self.tokenizer.normalize(end):
                said = f"{quoted(end)} comes back as {quoted(back)}: the path does not reach it"
                warnings.warn(said, SeqVAEWarning, stacklevel=2)
        return path

    @door
    def tokenize(self, texts: AnyTexts, on_error: str = "stop", conditions: Known = None) -> TokenizedTexts:
        """Read texts once, for every method that takes texts; of texts already read only the length is checked.

        Args:
            texts: in any form.
            on_error: "stop" raises at a text that the model cannot read; "skip" lists such texts.
            conditions: of a model that was trained with conditions: values by name, as `{"logP": [3.5, None, 2]}`, one
                for each text or one for all, None or NaN for what is not known; other columns have no place here. Every
                method that takes texts then works with p(x|z, c), q(z|x, c) and p(z|c). None: nothing is known, or what
                texts already read have with them.

        Raises:
            InputError: as `encode`, with "stop".
            UsageError: one text in place of a list, another `on_error`, another tokenizer has read the texts, a model
                without conditions, an unknown condition or class, a value that is no number, or another number of them.
        """
        if isinstance(texts, str):
            raise UsageError("expected a list of texts, got one text: put it in a list")
        read = tokenize(texts, self.tokenizer, self.max_length, on_error)
        known = self.known(conditions, read.given)
        return read if known is None else read.told(known.expand(read.given, -1).numpy())

    def batches(self, texts: AnyTexts, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield row numbers and padded tokens on the model's device, similar lengths together; raises as `encode`."""
        ids = self.tokenize(texts).ids
        order = torch.as_tensor(np.argsort([len(row) for row in ids], kind="stable"), dtype=torch.long)
        for rows in split(order, batch_size) if len(order) else ():
            yield rows, self.padded([ids[i] for i in rows.tolist()])

    def told_batches(self, texts: AnyTexts, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield the same as `batches`, and the conditions of the rows on the model's device, None if none are known."""
        read = self.tokenize(texts)
        for rows, tokens in self.batches(read, batch_size):
            known = None if read.conditions is None else torch.from_numpy(read.conditions)[rows].to(self.device)
            yield rows, tokens, known

    def padded(self, ids: Sequence[list[int]]) -> Tensor:
        """Return rows of token ids, ended and padded, on the model's device."""
        return padded(ids, self.tokenizer).to(self.device)


def _drawn(density: Prior, count: int, seed: int) -> Float[Tensor, "count latent"]:
    draws = (density.sample(n, PRIOR_POINTS.generator(chunk_seed(seed, i))) for i, n in enumerate(chunk_sizes(count)))
    return torch.cat(list(draws)).detach().float()

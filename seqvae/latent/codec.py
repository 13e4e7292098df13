"""Text to latent space and back: what `seqvae.load` returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seqvae.artifact import Artifact, load_artifact
from seqvae.config import INFERENCE_BATCH, DecodeConfig, RunConfig, suggestion
from seqvae.data.onehot import soft_one_hot
from seqvae.device import evaluating, generator, resolve_device
from seqvae.errors import InputError, TooLongError, UsageError
from seqvae.latent.interpolate import linear, slerp
from seqvae.model.encoders import EOS, PAD
from seqvae.model.generate import Decoded, decode, distribution
from seqvae.model.objective import Bounds
from seqvae.model.posterior import DiagonalGaussian
from seqvae.text.tokenizer import Tokenizer

_PATHS = {"slerp": slerp, "linear": linear}
_DRAW, _DECODE, _BOUND = 11, 12, 13  # streams of random numbers


@dataclass(frozen=True)
class Generated:
    """Decoded texts and what the model thinks of them.

    Attributes:
        texts: one a latent point; molecules as canonical SMILES where RDKit can read them.
        token_log_probs: log p of each token (the end included) given z and the tokens before it, nats.
        log_likelihood: `(batch,)`, log p(x|z) in nats: the sum of these.
    """

    texts: list[str]
    token_log_probs: list[NDArray[np.float32]]
    log_likelihood: Float[Tensor, " batch"]


def load(name: str | Path, device: str = "auto") -> Codec:
    """Load a trained model from its folder.

    Args:
        name: the folder.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        ArtifactError: the folder is not a model, or a file of it is missing or damaged.
        UsageError: the device does not exist here.
    """
    return Codec(load_artifact(Path(name)), device)


@final
class Codec:
    """A trained model with its tokenizer: encodes texts, decodes latent points, samples and interpolates.

    The model computes in float32, never in training mode; every draw follows from the seed given.

    Args:
        artifact: the model and all that it needs.
        device: `auto`, `cpu` or `cuda`.
    """

    def __init__(self, artifact: Artifact, device: str = "auto") -> None:
        self.device = resolve_device(device)
        self.model = artifact.model.to(self.device).eval()
        self.tokenizer: Tokenizer = artifact.tokenizer
        self.run: RunConfig = artifact.run
        self.provenance: dict[str, Any] = artifact.provenance
        self.latent: int = artifact.config.latent
        self.max_length: int = artifact.config.max_length

    def encode(self, texts: Sequence[str], batch_size: int = INFERENCE_BATCH) -> Float[Tensor, "batch latent"]:
        """Return the posterior mean of each text, float32 on the CPU.

        Raises:
            InputError: a text is no molecule or sequence, has an unknown token, or is longer than the model; the
                message names it.
        """
        return self.posterior(texts, batch_size).mean

    def posterior(self, texts: Sequence[str], batch_size: int = INFERENCE_BATCH) -> DiagonalGaussian:
        """Return q(z|x) of each text, on the CPU; raises as `encode`."""
        mean = torch.empty(len(texts), self.latent)
        log_variance = torch.empty(len(texts), self.latent)
        with evaluating(self.model):
            for rows, tokens in self.batches(texts, batch_size):
                posterior = self.model.posterior(tokens)
                if not isinstance(posterior, DiagonalGaussian):
                    raise TypeError(f"expected a diagonal Gaussian posterior, got {type(posterior).__name__}")
                mean[rows], log_variance[rows] = posterior.mean.cpu(), posterior.log_variance.cpu()
        return DiagonalGaussian(mean, log_variance)

    def bounds(self, texts: Sequence[str], seed: int = 0, batch_size: int = INFERENCE_BATCH) -> Bounds:
        """Return distortion and rate of each text in nats per sequence, from one posterior sample; raises as `encode`.

        Their negative sum, `bounds(...).elbo`, is a lower bound on log p(x).
        """
        rng = generator(seed, _BOUND, device=self.device)
        distortion, rate = torch.empty(len(texts)), torch.empty(len(texts))
        with evaluating(self.model):
            for rows, tokens in self.batches(texts, batch_size):
                found = self.model.bounds(tokens, rng)
                distortion[rows], rate[rows] = found.distortion.cpu(), found.rate.cpu()
        return Bounds(distortion, rate)

    def iwae(
        self, texts: Sequence[str], samples: int = 100, seed: int = 0, batch_size: int = INFERENCE_BATCH
    ) -> Float[Tensor, " batch"]:
        """Return the importance-weighted lower bound on log p(x) of each text in nats; raises as `encode`.

        Burda et al. 2016 (arXiv:1509.00519); tighter with more samples, each of which costs one pass.
        """
        rng = generator(seed, _BOUND, device=self.device)
        bound = torch.empty(len(texts))
        with evaluating(self.model):
            for rows, tokens in self.batches(texts, batch_size):
                bound[rows] = self.model.iwae(tokens, samples, rng).cpu()
        return bound

    def decode(
        self, z: ArrayLike | Tensor, config: DecodeConfig | None = None, batch_size: int = INFERENCE_BATCH
    ) -> list[str]:
        """Return the text of each latent point: the likeliest token at each position, or as the config says.

        Raises:
            UsageError: z has another shape than `(batch, latent)`.
        """
        return self.generate(z, config, batch_size).texts

    def generate(
        self, z: ArrayLike | Tensor, config: DecodeConfig | None = None, batch_size: int = INFERENCE_BATCH
    ) -> Generated:
        """Decode latent points and return texts, token log-probabilities and log p(x|z); raises as `decode`."""
        config = config or DecodeConfig()
        points = self._points(z)
        rng = generator(config.seed, _DECODE, device=self.device)
        texts: list[str] = []
        scores: list[NDArray[np.float32]] = []
        with evaluating(self.model):
            for part in points.split(batch_size):
                decoded = decode(self.model.decoder, part.to(self.device), config, rng)
                texts += self._texts(decoded.ids)
                scores += _unpadded(decoded)
        total = torch.tensor([float(row.sum()) for row in scores])
        return Generated(texts, scores, total)

    def decode_distribution(
        self, z: ArrayLike | Tensor, batch_size: int = INFERENCE_BATCH
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the categorical distribution at each position, free-running along the likeliest tokens.

        The order of the last axis is `tokenizer.tokens`. Behind the end of a text all probability is on padding; the
        length is that of the longest text, its end included. Raises as `decode`.
        """
        points = self._points(z)
        with evaluating(self.model):
            parts = [distribution(self.model.decoder, part.to(self.device)).cpu() for part in points.split(batch_size)]
        whole = torch.zeros(len(points), max(part.shape[1] for part in parts), self.tokenizer.vocab_size)
        whole[:, :, PAD] = 1.0
        start = 0
        for part in parts:
            whole[start : start + len(part), : part.shape[1]] = part
            start += len(part)
        return whole

    def draw(self, count: int, seed: int = 0) -> Float[Tensor, "count latent"]:
        """Return points drawn from the prior, on the CPU."""
        if count < 1:
            raise UsageError(f"expected a number of samples from 1, got {count}")
        return self.model.prior.sample(count, generator(seed, _DRAW))

    def sample(
        self, count: int, temperature: float = 1.0, top_p: float = 1.0, seed: int = 0, batch_size: int = INFERENCE_BATCH
    ) -> list[str]:
        """Draw z from the prior and a text from p(x|z) for each; `generate(draw(...))` has likelihoods."""
        config = DecodeConfig("sample", temperature=temperature, top_p=top_p, seed=seed)
        return self.generate(self.draw(count, seed), config, batch_size).texts

    def interpolate(self, first: str, last: str, steps: int = 8, kind: str = "slerp") -> list[str]:
        """Return the texts decoded along the path between the posterior means of two texts, both ends included.

        Raises:
            UsageError: an unknown kind of path (`slerp`, `linear`), or fewer than two steps.
            InputError: as `encode`.
        """
        if kind not in _PATHS:
            raise UsageError(f"unknown kind of path {kind!r}{suggestion(kind, _PATHS)}")
        z = self.encode([first, last])
        return self.decode(_PATHS[kind](z[0], z[1], steps))

    def normalize(self, text: str) -> str:
        """Return a text in the canonical form that decoding returns; raises as `encode`."""
        return self.tokenizer.normalize(text)

    def batches(self, texts: Sequence[str], batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield row numbers and padded tokens on the model's device, like lengths together; raises as `encode`."""
        if isinstance(texts, str):
            raise UsageError("expected a list of texts, got one text: put it in a list")
        ids = self.tokenizer.encode_batch(texts)
        for text, row in zip(texts, ids, strict=True):
            self._check_length(text, row)
        order = torch.as_tensor(np.argsort([len(row) for row in ids], kind="stable"), dtype=torch.long)
        for rows in order.split(batch_size) if len(order) else ():
            yield rows, self._padded([ids[i] for i in rows.tolist()])

    def _points(self, z: ArrayLike | Tensor) -> Tensor:
        points = torch.as_tensor(z if isinstance(z, Tensor) else np.asarray(z), dtype=torch.float32).cpu()
        if points.dim() != 2 or points.shape[1] != self.latent or len(points) == 0:
            raise UsageError(f"expected latent points of shape (batch, {self.latent}), got {tuple(points.shape)}")
        if not bool(torch.isfinite(points).all()):
            raise InputError("the latent points hold NaN or infinite numbers")
        return points

    def check(self, text: str) -> None:
        """Raise the `InputError` that encoding this text would raise, if any."""
        self._check_length(text, self.tokenizer.encode(text))

    def _check_length(self, text: str, ids: list[int]) -> None:
        if len(ids) > self.max_length:
            raise TooLongError(
                f"{text!r} has {len(ids)} tokens, the model takes at most {self.max_length}: leave it out, or train a "
                "model with a larger max_length"
            )

    def _padded(self, ids: list[list[int]]) -> Tensor:
        width = max(len(row) for row in ids) + 1
        tokens = torch.tensor([[*row, EOS] + [PAD] * (width - len(row) - 1) for row in ids])
        if int(tokens.max()) >= self.tokenizer.vocab_size:  # an ambiguity code: a set of allowed symbols
            return soft_one_hot(tokens, self._id_table).to(self.device)
        return tokens.to(self.device)

    @cached_property
    def _id_table(self) -> Tensor:
        return torch.from_numpy(self.tokenizer.id_table())

    def _texts(self, ids: Tensor) -> list[str]:
        return self.tokenizer.decode_batch(ids.tolist())


def _unpadded(decoded: Decoded) -> list[NDArray[np.float32]]:
    lengths = (decoded.ids != PAD).sum(1).tolist()
    return [row[:length] for row, length in zip(decoded.token_log_probs.cpu().numpy(), lengths, strict=True)]

"""Encode, decode and sample more than fits in memory: chunk by chunk, on any executor, resumable after a kill.

The results of a chunk follow from the model, the chunk and its number alone: the draws of chunk `k` come from
`chunk_seed(seed, k)`. So neither the executor, the number of workers nor a stop between chunks changes them. Other
chunk sizes would give the same seed other results; the size is therefore fixed (`CHUNK`).
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import selfies
import torch
from numpy.typing import NDArray

from seqvae.artifact.weights import weights_hash
from seqvae.config import CHUNK, INFERENCE_BATCH, DecodeConfig, ExecutorConfig
from seqvae.data.files.chunks import Parts, Results
from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts
from seqvae.errors import SeqVAEWarning, UsageError
from seqvae.latent.chunks import chunk_seed, chunk_sizes
from seqvae.latent.codec import Codec
from seqvae.latent.conditions import PriorChoice
from seqvae.latent.encodings import AUTO
from seqvae.runtime.device import one_thread
from seqvae.runtime.executor import Job, Work, run_chunks
from seqvae.sequences.tokenizers.codons import of_codons
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

LIKELIHOOD, VALID = "log_likelihood", "valid"
_Written = tuple[list[NDArray[np.int64]], list[float]]  # token ids and log p(x|z) of each row


@dataclass(frozen=True)
class BulkSettings:
    """How chunks are processed.

    Attributes:
        executor: where the chunks are processed.
        batch_size: rows per pass through the model.
        parts: folder in which finished chunks are kept until `finish`; None: none are kept.
        insist: as in `Codec.generate`.
    """

    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    batch_size: int = INFERENCE_BATCH
    parts: Path | None = None
    insist: bool = True


@dataclass(frozen=True)
class ToldTexts:
    """Texts with their conditions.

    Attributes:
        texts: as given.
        conditions: float32 `(texts, conditions)`, in the model's order, NaN for what is not known.
    """

    texts: list[str]
    conditions: NDArray[np.float32]


@dataclass(frozen=True)
class ToldPoints:
    """Latent points with the conditions that they are decoded under.

    Attributes:
        z: `(points, latent)`.
        conditions: float32 `(points, conditions)`, in the model's order, NaN for what is not known.
    """

    z: NDArray[np.float32]
    conditions: NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """The results of a chunk of texts.

    Attributes:
        z: `(kept, latent)`, posterior means of the texts that the model can encode, in their order.
        rejected: reason by position in the chunk, for the others.
        dropped: tokens that the tokenizer left out, with counts.
        refined: how many of the texts took gradient steps on their own posterior.
        lost: how many of these are not reconstructed even so.
        left: how many others are not reconstructed either, and were left as the encoder has them.
    """

    z: NDArray[np.float32]
    rejected: Mapping[int, str]
    dropped: Mapping[str, int]
    refined: int
    lost: int = 0
    left: int = 0


class Bulk:
    """Chunk by chunk through one model.

    Args:
        codec: the model.
        settings: how the chunks are processed.
    """

    def __init__(self, codec: Codec, settings: BulkSettings | None = None) -> None:
        self.codec, self.settings = codec, settings or BulkSettings()
        self._parts: Parts | None = None

    def sample(self, count: int, how: DecodeConfig, prior: PriorChoice = "auto") -> Iterator[Results]:
        """Draw texts from a prior, as `Codec.sample` does.

        Args:
            count: how many.
            how: temperature, top-p, seed.
            prior: as in `Codec.draw`.

        Yields:
            Texts with the columns `log_likelihood`, log p(x|z) in nats, and `valid`, false where a SMILES is no
            molecule; all chunks but the last have `CHUNK` rows.

        Raises:
            UsageError: as `Codec.draw`; and as `data.parts.Parts` and `executor.run_chunks`.
        """
        sizes = chunk_sizes(count)
        self.codec.draw(1, how.seed, prior)  # an unknown prior is reported here, not by a worker
        chosen = (
            prior
            if isinstance(prior, str)
            else {name: value if isinstance(value, str) else float(value) for name, value in prior.items()}
        )
        work = {"verb": "sample", "count": count, "prior": chosen, **_record(how)}
        yield from self._generated(sizes, how, prior, work)

    def decode(self, points: Iterable[NDArray[np.float32] | ToldPoints], how: DecodeConfig) -> Iterator[Results]:
        """Decode latent points, as `Codec.decode` does.

        Args:
            points: arrays of `(CHUNK, latent)`, the last one may be shorter; with conditions or without.
            how: how a text is chosen.

        Yields:
            One chunk of texts per array, with the columns of `sample`.

        Raises:
            UsageError: as `data.parts.Parts` and `executor.run_chunks`; and as `Codec.decode`.
        """
        yield from self._generated(points, how, "", {"verb": "decode", **_record(how)})

    def _generated(
        self, chunks: Iterable[Any], how: DecodeConfig, prior: PriorChoice, work: Mapping[str, Any]
    ) -> Iterator[Results]:
        given = (self.codec, self.settings.batch_size, how, prior)
        # Where invalid texts are drawn or written again, the worker that draws the tokens makes the texts as well.
        judged = self.codec.may_be_invalid or of_codons(self.codec.tokenizer)
        if self.codec.device.type == "cpu" or judged:
            yield from self._run(_job(_generate, *given, self.settings.insist), chunks, work, executor=self._of_model())
        else:  # this process drives the GPU, the workers make texts, for which they need none
            yield from self._run(_job(_spell, self.codec.tokenizer), chunks, work, _decode(*given))

    def _of_model(self) -> ExecutorConfig:
        """Return where the model computes: on a GPU in this process alone, since others would load the model anew."""
        config = self.settings.executor
        return config if self.codec.device.type == "cpu" else replace(config, executor="local", workers=0)

    def encode(self, texts: Iterable[AnyTexts | ToldTexts], refine: int | str = AUTO) -> Iterator[Encoded]:
        """Encode texts; those that the model cannot encode are listed, without an error.

        Args:
            texts: chunks of texts, with conditions or without; the size of the chunks changes at most the last digit of
                the vectors.
            refine: as in `Codec.encode`.

        Yields:
            The results of each chunk.

        Raises:
            UsageError: as `data.parts.Parts` and `executor.run_chunks`.
        """
        job = _job(_encode, self.codec, self.settings.batch_size, refine)
        for results in self._run(job, texts, {"verb": "encode", "refine": refine}, executor=self._of_model()):
            rejected = {int(place): reason for place, reason in results.notes["rejected"].items()}
            z = np.zeros((0, self.codec.latent), np.float32) if results.z is None else results.z
            counts = (results.notes.get(what, 0) for what in ("refined", "lost", "left"))
            yield Encoded(z, rejected, results.notes["dropped"], *counts)

    def finish(self) -> None:
        """Delete the parts, once the results are safe."""
        if self._parts is not None:
            self._parts.remove()

    def _run(
        self,
        job: Job,
        chunks: Iterable[Any],
        work: Mapping[str, Any],
        first: Work | None = None,
        executor: ExecutorConfig | None = None,
    ) -> Iterator[Results]:
        """Yield the saved parts, then the results of the other chunks, each saved before it is yielded.

        Args:
            job: what workers do with a numbered chunk.
            chunks: the chunks.
            work: the settings that the results follow from, besides the model and the chunks.
            first: what this process does with a numbered chunk before it goes to a worker.
            executor: where the chunks are processed; None: as the settings say.
        """
        executor = executor or self.settings.executor
        numbered: Iterator[tuple[int, Any]] = enumerate(chunks)
        if self.settings.parts is None:
            fed = map(first, numbered) if first else numbered
            yield from run_chunks(job, fed, executor)
            return
        codec = self.codec
        tokenizer = json.dumps(codec.tokenizer.to_dict(), sort_keys=True).encode()
        fitted = () if codec.fitted is None else (codec.fitted,)
        identity = weights_hash(codec.model, *fitted, before=tokenizer)
        self._parts = parts = Parts(self.settings.parts, {**work, "model": identity, "chunk": CHUNK})
        yield from _saved(parts, numbered)
        digests: deque[str] = deque()  # of the chunks that are with the workers

        def numbered_missing() -> Iterator[tuple[int, Any]]:
            """Yield the chunks that are not stored yet, and note what they hold."""
            for number, chunk in numbered:
                digests.append(_digest(chunk))
                yield number, chunk

        missing = numbered_missing()
        for made in run_chunks(job, map(first, missing) if first else missing, executor):
            results = replace(made, notes={**made.notes, "input": digests.popleft()})
            parts.save(results)
            yield results


def _saved(parts: Parts, chunks: Iterator[tuple[int, Any]]) -> Iterator[Results]:
    """Yield the saved parts; raise UsageError where they were not made from these chunks."""
    found = 0
    for number, chunk in islice(chunks, parts.count):
        results = parts.load(number)
        if results.notes["input"] != _digest(chunk):
            break
        found += 1
        yield results
    if found < parts.count:
        raise UsageError(
            f"{parts.folder}: its parts were made from other input: give the same file as before, or delete the folder"
        )


def _record(how: DecodeConfig) -> dict[str, Any]:
    """Return the settings of decoding as parts remember them; without guidance as before there was any."""
    return {name: value for name, value in asdict(how).items() if name != "guidance" or value}


def _digest(chunk: Any) -> str:  # noqa: ANN401 - a number, texts or points
    if isinstance(chunk, (ToldTexts, ToldPoints)):
        parts = (chunk.texts,) if isinstance(chunk, ToldTexts) else (chunk.z.tolist(),)
        chunk = [*parts, np.nan_to_num(chunk.conditions, nan=1e38).tolist()]
    if isinstance(chunk, TokenizedTexts):
        chunk = [chunk.forms, [asdict(one) for one in chunk.rejected]]
    data = chunk.tobytes() if isinstance(chunk, np.ndarray) else json.dumps(chunk).encode()
    return hashlib.sha256(data).hexdigest()


def _job(factory: Callable[..., Work], *arguments: object) -> Job:
    """Return a job whose workers write SELFIES under the constraints in force here."""
    return Job(_constrained, (selfies.get_semantic_constraints(), factory, *arguments), factory(*arguments))


def _constrained(constraints: dict[str, int], factory: Callable[..., Work], *arguments: object) -> Work:
    selfies.set_semantic_constraints(constraints)
    return factory(*arguments)


def _decode(codec: Codec, batch_size: int, how: DecodeConfig, prior: PriorChoice) -> Work:
    """Return a function from a numbered chunk, a number of samples or latent points, to token ids and log p(x|z)."""

    def decode(chunk: tuple[int, int | NDArray[np.float32] | ToldPoints]) -> _Written:
        """Return the token ids and log p(x|z) of a chunk."""
        number, (given, known) = chunk[0], _apart(chunk[1])
        seed = chunk_seed(how.seed, number)
        with one_thread(codec.device):
            points = codec.draw(given, seed, prior) if isinstance(given, int) else given
            asked = known if isinstance(prior, str) else prior
            rows = codec.generate_ids(codec.under(points, asked), replace(how, seed=seed), batch_size)
        return rows.ids, [float(row.sum()) for row in rows.token_log_probs]

    return decode


def _apart(
    given: int | NDArray[np.float32] | ToldPoints,
) -> tuple[int | NDArray[np.float32], NDArray[np.float32] | None]:
    """Return a number of samples, or points, and the conditions of these."""
    return (given.z, given.conditions) if isinstance(given, ToldPoints) else (given, None)


def _spell(tokenizer: Tokenizer) -> Work:
    """Return a function from token ids to texts."""

    def spell(written: _Written) -> Results:
        """Return the texts of what was decoded."""
        ids, likelihoods = written
        return Results(tokenizer.decode_batch(ids), {LIKELIHOOD: likelihoods, VALID: [True] * len(ids)})

    return spell


def _generate(codec: Codec, batch_size: int, how: DecodeConfig, prior: PriorChoice, insist: bool) -> Work:
    """Return a function from a numbered chunk, a number of samples or latent points, to texts."""

    def generate(chunk: tuple[int, int | NDArray[np.float32] | ToldPoints]) -> Results:
        """Return the texts of a chunk."""
        number, (given, known) = chunk[0], _apart(chunk[1])
        seeded = replace(how, seed=chunk_seed(how.seed, number))
        with one_thread(codec.device):
            if isinstance(given, int):
                with warnings.catch_warnings():  # `sample` has said which conditions are out of range, once for all
                    warnings.simplefilter("ignore", SeqVAEWarning)
                    made = codec.generate_samples(given, seeded, prior, batch_size, insist)
            else:
                made = codec.generate(given, seeded, batch_size, insist, known)
        return Results(made.texts, {LIKELIHOOD: made.log_likelihood.tolist(), VALID: made.valid})

    return generate


def _encode(codec: Codec, batch_size: int, refine: int | str) -> Work:
    """Return a function from a numbered chunk of texts to posterior means."""

    def encode(chunk: tuple[int, AnyTexts | ToldTexts]) -> Results:
        """Return the posterior means of a chunk, and which texts were rejected."""
        before = codec.tokenizer.dropped.copy()
        with warnings.catch_warnings(), one_thread(codec.device):
            # a tokenizer that drops unseen tokens warns at every call; here they are counted
            warnings.simplefilter("ignore", SeqVAEWarning)
            given = chunk[1]
            if isinstance(given, ToldTexts):
                texts = codec.tokenize(given.texts, "skip", given.conditions)
            else:
                texts = codec.tokenize(given, on_error="skip")
            found = codec.encodings(texts, batch_size, refine)
        rejected = {str(one.row): one.reason for one in texts.rejected}
        lost = torch.zeros_like(found.refined) if found.lost is None else found.lost
        counts = {"refined": found.refined, "lost": lost & found.refined, "left": lost & ~found.refined}
        dropped = codec.tokenizer.dropped - before
        notes = {"rejected": rejected, "dropped": dropped, **{name: int(rows.sum()) for name, rows in counts.items()}}
        z = found.posterior.mean
        return Results([""] * len(z), {}, z.numpy() if len(z) else None, notes)

    return encode

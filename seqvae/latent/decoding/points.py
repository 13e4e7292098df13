"""From latent points to texts: the half of a codec that decodes."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config import CHUNK, INFERENCE_BATCH, DecodeConfig, RunConfig
from seqvae.config.checks import door
from seqvae.errors import UsageError
from seqvae.latent.checks import Points, points_of
from seqvae.latent.chunks import chunk_seed, split
from seqvae.latent.conditions import Known, condition_rows
from seqvae.latent.decoding.generated import Generated, TokenRows
from seqvae.latent.decoding.valid import Writer
from seqvae.model.decoding.constraint import Constraint
from seqvae.model.decoding.generate import ATTEMPTS, decode, distribution, joined
from seqvae.model.decoding.guidance import Guided
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import evaluating
from seqvae.runtime.streams import DECODING
from seqvae.sequences.grammar.codon_syntax import rules_of
from seqvae.sequences.grammar.smiles_syntax import of_smiles
from seqvae.sequences.grammar.valence import Valences, valences_of
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


class PointDecoder(ABC):
    """What decodes latent points, under conditions where the model reads such; `Codec` is the only one.

    Attributes:
        model: in evaluation mode, on `device`.
        tokenizer: of the model.
        run: the settings that it was trained with.
        canonical: returns the canonical form of a SMILES that the model writes, None if it is no molecule.
        latent: dimensions of z.
    """

    model: SequenceVAE
    tokenizer: Tokenizer
    run: RunConfig
    device: torch.device
    canonical: Callable[[str], str | None]
    latent: int

    @property
    def may_be_invalid(self) -> bool:
        """Whether a decoded text may be invalid, as SMILES that is no molecule."""
        return of_smiles(self.tokenizer)

    @property
    def has_rules(self) -> bool:
        """Whether texts are decoded under rules: SMILES, and coding sequences, which end at a stop."""
        return bool(self._constraints)

    @door
    def decode(
        self,
        z: Points,
        config: DecodeConfig | None = None,
        batch_size: int = INFERENCE_BATCH,
        conditions: Known = None,
    ) -> list[str]:
        """Return the text of each latent point: the likeliest token at each position, or as the config says.

        Args:
            z: latent points.
            config: how tokens are chosen.
            batch_size: points at a time.
            conditions: what the texts are to have, as in `tokenize`, one value of each condition for all points or one
                for each point; those left out may have any.

        Raises:
            UsageError: z has another shape than `(batch, latent)`, the batch size is below 1, guidance without
                conditions, or as `tokenize` of these.
        """
        return self.generate(z, config, batch_size, insist=True, conditions=conditions).texts

    @door
    def generate(
        self,
        z: Points,
        config: DecodeConfig | None = None,
        batch_size: int = INFERENCE_BATCH,
        insist: bool = False,
        conditions: Known = None,
    ) -> Generated:
        """Decode latent points and return texts, token log-probabilities and log p(x|z); raises as `decode`.

        With `insist`, as in `decode`, what ends against the rules is decoded again; metrics and searches go without.
        With guidance, log-probabilities are the guided ones.
        """
        config, points = config or DecodeConfig(), points_of(z, self.latent)
        return self._generated(self.under(points, conditions), config, batch_size, insist)

    def _generated(self, points: Tensor, config: DecodeConfig, batch_size: int, insist: bool) -> Generated:
        if self.may_be_invalid:
            return self._writer(config, batch_size, insist).written(points, config)
        return Generated.of(self.generate_ids(points, config, batch_size), self.tokenizer, self.canonical)

    def under(self, z: Points, conditions: Known) -> Float[Tensor, "batch numbers"]:
        """Return latent points as the decoder takes them under conditions, which stand behind z if it reads any.

        `generate_ids` takes such points, too; raises as `decode`.
        """
        points = points_of(z, self.latent)
        known = self.known(conditions, len(points))
        if known is None:
            return points
        return self.model.points(points.to(self.device), known.to(self.device)).detach().cpu()

    def generate_ids(
        self,
        z: Points,
        config: DecodeConfig | None = None,
        batch_size: int = INFERENCE_BATCH,
        rows: Sequence[int] | None = None,
        insist: bool = False,
    ) -> TokenRows:
        """Decode latent points, or what `under` returns, to token ids only, under all rules; raises as `decode`.

        With `rows`, these alone are decoded, each as it would be among all; `insist` as in `generate`.
        """
        config, decoder, reads = config or DecodeConfig(), self.model.decoder, self.model.decoder.reads
        told = isinstance(z, Tensor) and z.dim() == 2 and z.shape[1] == reads > self.latent
        points = points_of(z, reads if told else self.latent)
        if config.guidance:
            if not told:
                raise UsageError(
                    "guidance: expected conditions to be guided by, got none"
                    if reads > self.latent
                    else "guidance: expected a model whose decoder reads conditions: train one with --conditions COLUMN"
                )
            decoder = Guided(decoder, self.latent, config.guidance)
        made, rules, start = TokenRows([], [], []), self._constraints.get(config.rules), 0
        wanted = None if rows is None else torch.zeros(len(points)).index_fill(0, torch.tensor(rows), 1.0).bool()
        with evaluating(self.model):
            for number, chunk in enumerate(points.split(CHUNK)):
                rng = DECODING.generator(chunk_seed(config.seed, number))  # of the CPU: one result on every device
                for part in split(chunk, batch_size):
                    kept = None if wanted is None else wanted[start : start + len(part)]
                    made.add(decode(decoder, part.to(self.device), config, rng, rules, kept, ATTEMPTS * insist))
                    start += len(part)
        return made

    @door
    def decode_distribution(self, z: Points, batch_size: int = INFERENCE_BATCH) -> Float[Tensor, "batch length vocab"]:
        """Return the categorical distribution at each position, free-running along the likeliest tokens.

        The last axis is ordered as `tokenizer.tokens`; after the end of a text all probability is on padding. The
        length is that of the longest text, its end included. Raises as `decode`.
        """
        parts = split(points_of(z, self.latent), batch_size)
        with evaluating(self.model):
            return joined([distribution(self.model.decoder, part.to(self.device)).cpu() for part in parts])

    def known(self, conditions: Known, count: int) -> Float[Tensor, "rows conditions"] | None:
        """Return conditions in the model's order, on the CPU, in one row or `count`; None where none are given.

        Raises:
            UsageError: as `tokenize`.
        """
        if conditions is None:
            return None
        if not isinstance(conditions, Mapping):
            return torch.as_tensor(conditions)
        return condition_rows(conditions, self.model.prior, self.run.model, count)

    def _writer(self, config: DecodeConfig, batch_size: int, insist: bool) -> Writer:
        def write(points: Tensor, how: DecodeConfig, rows: Sequence[int] | None, last: bool) -> Generated:
            """Decode points to texts; `insist` counts the last time alone, after which nothing else mends them."""
            made = self.generate_ids(points, how, batch_size, rows, insist and last)
            return Generated.of(made, self.tokenizer, self.canonical)

        return Writer(write, self._valences.accepts if self._valences and config.rules == "valence" else None)

    @cached_property
    def _constraints(self) -> dict[str, Constraint]:
        """The rules of decoding by name; none where the model writes neither SMILES nor codons."""
        if (syntax := rules_of(self.tokenizer)) is None:
            return {}
        free, strict = (Constraint(syntax, self.device, chemistry) for chemistry in (None, self._valences))
        return {"syntax": free, "valence": strict}

    @cached_property
    def _valences(self) -> Valences | None:
        """The rules of chemistry; None where the model does not write SMILES."""
        return valences_of(self.tokenizer)

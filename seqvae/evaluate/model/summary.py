"""Metrics of a trained model: the model table, and how many samples are valid, unique and novel."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config import DecodeConfig
from seqvae.data.tokens.store import TokenStore
from seqvae.data.tokens.tokenized import AnyTexts
from seqvae.evaluate.metric_names import BRIEF, Metric
from seqvae.evaluate.model.sample_metrics import sample_metrics
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.evaluate.model.table import TABLE_METRICS, ModelTable, model_table
from seqvae.latent.codec import Codec


@dataclass(frozen=True)
class Summary(ModelTable):
    """The model table, and metrics of texts sampled from the model's default prior; see `SUMMARY_METRICS`."""

    samples: int
    validity: float
    uniqueness: float
    novelty: float | None


SUMMARY_METRICS = {
    **TABLE_METRICS,
    "samples": Metric("{noun}s sampled", "from the model's default prior", BRIEF),
    "validity": Metric(
        "validity (share of samples)", "a molecule that RDKit reads, or a sequence that is not empty", BRIEF
    ),
    "uniqueness": Metric("uniqueness (share of valid samples)", "distinct ones", BRIEF),
    "novelty": Metric("novelty (share of distinct samples)", "not among the training {noun}s", BRIEF),
}


@dataclass(frozen=True)
class SummarySettings(ModelSettings):
    """How much work a summary is.

    Attributes:
        samples: texts sampled from the prior.
    """

    samples: int = 1000


def summarise(
    codec: Codec, held_out: AnyTexts, training: TokenStore | None, settings: SummarySettings | None = None
) -> Summary:
    """Compute the held-out metrics of a model; warns and raises as `model_table`.

    Args:
        codec: the model.
        held_out: texts it has not been trained on; those that `Codec.tokenize` returned are not tokenized again.
        training: texts it has been trained on, packed, for novelty; None if they are not available.
        settings: how much work to do.
    """
    settings = settings or SummarySettings()
    found = model_table(codec, held_out, settings)
    once = DecodeConfig("sample", tries=1, seed=settings.seed)
    drawn = codec.generate_samples(settings.samples, once).texts
    sampled = sample_metrics(drawn, codec.tokenizer, training)
    return Summary(**vars(found), samples=settings.samples, **vars(sampled))

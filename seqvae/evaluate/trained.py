"""Metrics of a trained model on the texts held out from training, recorded in the model's folder."""

from __future__ import annotations

from dataclasses import asdict

from seqvae.artifact.folder import record_metrics
from seqvae.evaluate.model.summary import Summary, SummarySettings, summarise
from seqvae.latent.codec import Codec, load
from seqvae.train.finetune import Finetuned
from seqvae.train.fit import Trained


def measure_trained(trained: Trained) -> Summary | None:
    """Measure a model that `train` returned, and record the metrics in the folder's provenance.

    Returns:
        The metrics; None, and nothing is recorded, if no texts were held out.

    Raises:
        InputError: the model can encode none of the held-out texts.
    """
    if not trained.prepared.test_texts:
        return None
    found = _summary(load(trained.folder), trained)
    record_metrics(trained.folder, asdict(found))
    return found


def measure_finetuned(found: Finetuned) -> tuple[Summary, Summary] | None:
    """Measure a model that `finetune` returned, before and after, and record both; otherwise as `measure_trained`."""
    trained = found.trained
    if not trained.prepared.test_texts:
        return None
    before, after = (_summary(codec, trained) for codec in (Codec(found.start), load(trained.folder)))
    record_metrics(trained.folder, {**asdict(after), "before": asdict(before)})
    return before, after


def _summary(codec: Codec, trained: Trained) -> Summary:
    prepared = trained.prepared
    settings = SummarySettings(seed=prepared.run.training.seed)
    return summarise(codec, prepared.held_out, prepared.train, settings)

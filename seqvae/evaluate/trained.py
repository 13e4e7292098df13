"""A model that was just trained: its metrics on the texts held out, and the verdict of a quick diagnosis.

Both are recorded in the model's folder.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

from seqvae.artifact.folder import record_metrics
from seqvae.config import DecodeConfig, DiagnosisConfig, steps_of
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.errors import CollapseWarning
from seqvae.evaluate.diagnosing import COUNTED, FEWEST
from seqvae.evaluate.diagnosis.measure import measure
from seqvae.evaluate.diagnosis.record import Diagnosis
from seqvae.evaluate.diagnosis.verdict import judged
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.model.summary import Summary, SummarySettings, summarise
from seqvae.evaluate.records import Watch
from seqvae.latent.codec import Codec, load
from seqvae.sequences.grammar.smiles_syntax import of_smiles
from seqvae.train.finetune import Finetuned
from seqvae.train.fit import Trained
from seqvae.train.prepare import Prepared
from seqvae.train.suited import advice, too_few_steps

# A few seconds for a small model: the cheap metrics alone, of fewer texts and samples than `seqvae diagnose --quick`.
ENDING = DiagnosisConfig(texts=300, samples=5, quick=True)
_COUNTED_LETTERS = 2_000_000  # of the training sequences; counts of more are hardly better, and take minutes
_FEWEST_COUNTED = 20  # training texts that are counted, however long they are


def measure_trained(trained: Trained) -> Summary | None:
    """Measure a model that `train` returned, and record the metrics in the folder's provenance.

    A collapse is no warning here, since the verdict of `diagnose_trained` says it.

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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        return summarise(codec, prepared.held_out, prepared.train, settings)


def diagnose_trained(
    trained: Trained | Finetuned,
    found: Summary | None = None,
    config: DiagnosisConfig = ENDING,
    watch: Watch | None = None,
) -> Diagnosis | None:
    """Come to a verdict on a model that `train` or `finetune` returned, and record it in the folder's provenance.

    It rests on the cheap metrics of `diagnose_texts`, and on what is known at the end of a training alone: the
    optimiser steps, and the validity of the samples in `found`.

    Args:
        trained: what `train` or `finetune` returned.
        found: its metrics, as `measure_trained` returns them.
        config: how much work it is; the seed is that of the training.
        watch: is told what is being done; None: nobody is.

    Returns:
        The metrics and the verdict; None, and nothing is recorded, if fewer than ten texts were held out that the model
        can read: a verdict on fewer is chance.
    """
    finetuned = isinstance(trained, Finetuned)
    trained = trained.trained if isinstance(trained, Finetuned) else trained
    prepared = trained.prepared
    if len(prepared.test_texts) < FEWEST:
        return None
    codec = load(trained.folder)
    held_out = encodable(codec, prepared.held_out)
    if len(held_out) < FEWEST:
        return None
    config = replace(config, seed=prepared.run.training.seed)
    metrics: dict[str, dict[str, Any]] = measure(codec, held_out, trained_on(prepared, config.texts), config, watch)
    metrics["training"] = _training(trained, found, finetuned)
    domain, source = prepared.tokenizer.domain, prepared.run.data.source
    verdict = judged(metrics, domain.noun, domain.unit if domain.alphabet else "")
    record_metrics(trained.folder, asdict(verdict), "verdict")
    return Diagnosis(str(trained.folder), source, source, domain.name, metrics, verdict, vars(config))


def _training(trained: Trained, found: Summary | None, finetuned: bool) -> dict[str, Any]:
    """Return what is known of the training alone, for the verdict.

    `few_steps` is empty where training began with a trained model, which needs few steps, or was stopped by validation:
    it has then had the steps that it could use.
    """
    prepared, steps = trained.prepared, trained.progress.step
    domain, source = prepared.tokenizer.domain, prepared.run.data.source
    stopped = steps < steps_of(prepared.run.training, len(prepared.train))
    known: dict[str, Any] = {
        "steps": steps,
        "few_steps": "" if finetuned or stopped else too_few_steps(steps, domain, source),
        "advice": "more --epochs, or a higher --learning-rate" if finetuned else advice(domain, source),
    }
    if found is not None:
        draws = DecodeConfig.tries if prepared.tokenizer.molecular else 1
        known |= {"samples_drawn": found.samples, "validity": found.validity, "draws": draws}
    return known


def trained_on(prepared: Prepared, decoded: int) -> TokenizedTexts:
    """Return the first texts that the model was trained on, as they were packed.

    Args:
        prepared: the data of the training.
        decoded: how many have canonical forms; of SELFIES, the others have none.
    """
    tokenizer, store = prepared.tokenizer, prepared.train
    most = COUNTED
    if tokenizer.domain.alphabet is not None:
        most = min(most, max(_FEWEST_COUNTED, _COUNTED_LETTERS // max(1, prepared.run.model.max_length)))
    ids = [store.ids(row).tolist() for row in range(min(most, len(store)))]
    if of_smiles(tokenizer) or not tokenizer.molecular:
        forms = list(islice(prepared.trained_on(), len(ids)))
    else:  # the SMILES of SELFIES take RDKit a while, and only what is decoded is compared with them
        forms = [tokenizer.decode(one) for one in ids[:decoded]] + [""] * max(0, len(ids) - decoded)
    return TokenizedTexts(tokenizer, forms, ids, list(range(len(ids))))

"""All metrics of a diagnosis, section by section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from seqvae.config import INFERENCE_BATCH, DiagnosisConfig
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.diagnosis.baselines import baselines
from seqvae.evaluate.diagnosis.decoder_use import decoder_use
from seqvae.evaluate.diagnosis.generalisation import Generalisation, fares_worse, generalisation, side
from seqvae.evaluate.diagnosis.geometry import geometry
from seqvae.evaluate.diagnosis.inference_gap import inference_gap
from seqvae.evaluate.diagnosis.information import information
from seqvae.evaluate.diagnosis.likelihood import Weighed, likelihood, weigh
from seqvae.evaluate.diagnosis.space import space
from seqvae.evaluate.records import Unwatched, Watch
from seqvae.latent.codec import Codec

Sections = dict[str, dict[str, Any]]
_TRAINING_SAMPLES = 10  # posterior samples of training texts, of which rate and distortion alone are asked
_QUICKLY_REFINED = 50  # texts of each split, which show a gap of a third, as usual encoders with one have


def measure(
    codec: Codec,
    held_out: TokenizedTexts,
    training: TokenizedTexts | None,
    config: DiagnosisConfig,
    watch: Watch | None = None,
    batch_size: int = INFERENCE_BATCH,
) -> Sections:
    """Return the metrics by section, as in `DIAGNOSIS_METRICS`.

    Args:
        codec: the model.
        held_out: texts that it was not trained on, read by it; the first `config.texts` are measured.
        training: texts that it was trained on, read by it; None: none are known, and what compares with them is left
            out. All of them are counted by the baselines.
        config: how much work it is.
        watch: is told what is being done; None: nobody is.
        batch_size: texts at a time.
    """
    watch, noun = watch or Unwatched(), codec.tokenizer.domain.noun
    # of a conditional model it is p(x), no condition known, that is diagnosed
    texts = replace(held_out.take(range(len(held_out))[: config.texts]), rejected=held_out.rejected, conditions=None)

    def told(what: str) -> Callable[[int, int], object]:
        """Say what is done now, and return what shows its progress."""
        watch.note(what)
        return partial(watch, what)

    weighed = weigh(
        codec, texts, config.samples, config.seed, batch_size, told(f"weighing {len(texts):,} held-out {noun}s")
    )
    found: Sections = {"likelihood": asdict(likelihood(weighed, texts))}
    found["decoder_use"] = asdict(decoder_use(codec, texts, weighed.posterior, config.seed))
    told(f"information of {len(texts):,} latent points")
    found["information"] = asdict(information(weighed, codec.prior(), config.seed))
    found["information"]["default_prior"] = codec.default_prior
    found["generalisation"] = _generalisation(codec, texts, weighed, training, config, told)
    if not config.quick:
        progress = told(f"inference gap of held-out {noun}s")
        found["inference_gap"] = asdict(inference_gap(codec, texts, config.seed, progress))
        progress = told("the decoder's geometry")
        found["geometry"] = asdict(geometry(codec, texts, weighed.posterior.mean, progress))
        told("dark areas, spellings and paths")
        found["space"] = asdict(space(codec, texts, weighed.posterior, config.seed))
    told(f"counting {'tokens' if codec.tokenizer.domain.alphabet is None else 'letters'} for baselines")
    if (counted := baselines(codec, texts, weighed, training)) is not None:
        found["baselines"] = asdict(counted)
    return found


def _generalisation(
    codec: Codec,
    texts: TokenizedTexts,
    weighed: Weighed,
    training: TokenizedTexts | None,
    config: DiagnosisConfig,
    told: Callable[[str], Callable[[int, int], object]],
) -> dict[str, Any]:
    """Return rates, distortions and reconstructions of held-out texts, and of as many training ones.

    A quick diagnosis refines posteriors only where held-out texts fare worse, and few: they tell whose fault that is.
    """
    noun, beta = codec.tokenizer.domain.noun, codec.run.objective.weight
    first = own = None
    if training is not None and len(training):
        first = training.take(range(len(training))[: len(texts)])
        samples = min(config.samples, _TRAINING_SAMPLES)
        own = weigh(codec, first, samples, config.seed, progress=told(f"weighing {len(first):,} training {noun}s"))

    def both(refined: int) -> Generalisation:
        """Return the metrics of both splits, with refined posteriors of some texts."""
        doing = "refining" if refined else "decoding"
        held_out = side(codec, texts, weighed, refined, config.seed, told(f"{doing} held-out {noun}s"))
        if first is None or own is None:
            return generalisation(held_out, None, beta)
        progress = told(f"{doing} training {noun}s")
        return generalisation(held_out, side(codec, first, own, refined, config.seed, progress), beta)

    found = both(0 if config.quick else config.refined)
    if config.quick and own is not None and config.refined and fares_worse(found, weighed, own):
        found = both(min(config.refined, _QUICKLY_REFINED))
    return asdict(found)

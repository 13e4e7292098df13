"""`seqvae quickstart`: the main job of the package in one command, on a small dataset that ships with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.config import DataConfig, DecodeConfig, ModelConfig, RunConfig, TrainingConfig

if TYPE_CHECKING:
    from seqvae.evaluate.reconstruction import Reconstruction
    from seqvae.latent.codec import Codec
    from seqvae.report import quickstart as report
    from seqvae.report.plots import Series
    from seqvae.search.climb import Climb, Generation
    from seqvae.train.fit import Trained

app = App(
    name="quickstart",
    help_epilogue="""
Examples:

    seqvae quickstart
    seqvae quickstart --out try --minutes 10 --seed 1

It trains on 20,000 molecules of MOSES that ship with the package, and leaves a folder with the model, its molecules as
.csv and .smi files, and report.html. Run again on the same folder, it goes on where it stopped.
""",
)

# Smaller parts and more steps than the default: on 18,000 molecules, two minutes of the default reconstruct none of the
# held-out ones, two minutes of this a third.
RUN = RunConfig(
    data=DataConfig(source="moses-sample"),
    model=ModelConfig(encoder_width=128, decoder_width=256),
    training=TrainingConfig(batch_size=64, learning_rate=2e-3),
)
_SAMPLES = 1000
_CLIMB = {"generations": 40, "population": 32}
_RECONSTRUCTED = 100  # held-out molecules written down beside what came back
# Well-known drugs of the size and the elements of the training set, of which the first three that the model can encode
# are taken: the climb starts at the first, and the path leads from the second to the third.
_DRUGS = {
    "atenolol": "CC(C)NCC(O)COc1ccc(CC(N)=O)cc1",
    "sulfamethoxazole": "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",
    "moclobemide": "O=C(NCCN1CCOCC1)c1ccc(Cl)cc1",
    "lidocaine": "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "leflunomide": "Cc1oncc1C(=O)Nc1ccc(C(F)(F)F)cc1",
    "sulfadiazine": "Nc1ccc(S(=O)(=O)Nc2ncccn2)cc1",
}
_FILES = (
    ("model/", "the trained model, its settings (run.toml), figures (provenance.json) and training logs"),
    ("samples.smi", "1,000 molecules drawn from the prior, one SMILES a line"),
    ("samples.csv", "the same with log p(x|z) in nats, QED, logP and molecular weight (g/mol)"),
    ("reconstructions.csv", "held-out molecules and what came back"),
    ("interpolation.csv", "the molecules on the path between two drugs"),
    ("climb.csv", "every molecule scored on the climb, in order, with its QED"),
    ("report.html", "this page"),
)


@app.default
def quickstart(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("quickstart"),
    minutes: float = 2.0,
    seed: int = 0,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Train on a shipped sample, then reconstruct, sample, interpolate and climb drug-likeness.

    Args:
        out: folder for the results; it is made.
        minutes: time for training, about.
        seed: every random draw comes from it.
        device: `auto`, `cpu` or `cuda`.
        quiet: show no progress.
    """
    from seqvae import load
    from seqvae.artifact import record_metrics
    from seqvae.cli.figures import print_figures
    from seqvae.cli.outputs import write_text
    from seqvae.evaluate.summary import SummarySettings, summarise
    from seqvae.report import quickstart as report

    say = _Steps(quiet)
    say(f"training on {RUN.data.source}, about {minutes:g} minutes")
    trained = _train(out / "model", minutes, replace(RUN.training, seed=seed, device=device), quiet)
    codec = load(out / "model", device=device)
    say("measuring on held-out molecules")
    prepared = trained.prepared
    summary = summarise(codec, prepared.test_texts, prepared.train, SummarySettings(seed=seed))
    record_metrics(out / "model", asdict(summary))
    reconstruction = _reconstruct(codec, prepared.test_texts, out)
    say(f"sampling {_SAMPLES:,} molecules")
    samples, qed = _sample(codec, seed, out)
    start, *ends = _encodable_drugs(codec)[:3]
    say(f"interpolating between {ends[0][0]} and {ends[1][0]}")
    path = _interpolate(codec, ends, out)
    say(f"climbing drug-likeness in latent space from {start[0]}")
    climb = _climb(codec, start[1], seed, out, quiet)
    facts, curves = _facts(trained), _curves(out / "model")
    found = report.Quickstart(facts, curves, summary, reconstruction, samples, qed, path, climb, start[0], _FILES)
    write_text(out / "report.html", report.quickstart_page(found))
    print_figures(asdict(summary))
    best = climb.best
    print(f"climb from {start[0]}: QED {climb.generations[0].best.score:.3f} to {best.score:.3f}, {best.text}")
    print(f"open {out / 'report.html'}")


class _Steps:
    """Numbers the steps of the work on standard error."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.number = quiet, 0

    def __call__(self, what: str) -> None:
        self.number += 1
        if not self.quiet:
            print(f"[{self.number}/5] {what}", file=sys.stderr)


def _train(folder: Path, minutes: float, training: TrainingConfig, quiet: bool) -> Trained:
    """Train for about so many minutes, or go on with what is there."""
    from seqvae.artifact import RUN as SETTINGS
    from seqvae.train.budget import epochs_in
    from seqvae.train.fit import train
    from seqvae.train.prepare import prepare

    run, started = replace(RUN, training=training), (folder / SETTINGS).is_file()
    if not started:
        prepared = prepare(run, folder / "rejected.csv", progress=not quiet)
        run = replace(run, training=replace(training, epochs=epochs_in(prepared, minutes)))
    return train(run, folder, resume=started, quiet=quiet)


def _reconstruct(codec: Codec, held_out: Sequence[str], out: Path) -> Reconstruction:
    from seqvae.cli.outputs import Results, write
    from seqvae.evaluate.reconstruction import reconstruct
    from seqvae.evaluate.summary import encodable

    texts, _ = encodable(codec, held_out[:_RECONSTRUCTED])
    found = reconstruct(codec, texts)
    same = [a == b for a, b in zip(found.texts, found.decoded, strict=True)]
    write(str(out / "reconstructions.csv"), Results(found.texts, {"decoded": found.decoded, "exact": same}))
    return found


def _sample(codec: Codec, seed: int, out: Path) -> tuple[list[str], list[float]]:
    from seqvae.cli.outputs import Results, write
    from seqvae.properties.molecules import PROPERTIES, scores

    drawn = codec.generate(codec.draw(_SAMPLES, seed), DecodeConfig("sample", seed=seed))
    columns = {name: scores(name, drawn.texts) for name in PROPERTIES}
    table = {"log_likelihood": drawn.log_likelihood.tolist(), **columns}
    write(str(out / "samples.csv"), Results(drawn.texts, table))
    write(str(out / "samples.smi"), Results(drawn.texts))
    return drawn.texts, columns["qed"]


def _interpolate(codec: Codec, ends: Sequence[tuple[str, str]], out: Path) -> report.Path:
    from seqvae.cli.outputs import Results, write
    from seqvae.report.quickstart import Path as Walk

    (first, start), (last, end) = ends
    decoded = codec.interpolate(start, end)
    write(str(out / "interpolation.csv"), Results(decoded, {"step": range(len(decoded))}))
    return Walk((first, last), (start, end), decoded)


def _encodable_drugs(codec: Codec) -> list[tuple[str, str]]:
    from seqvae.evaluate.summary import encodable

    known = set(encodable(codec, list(_DRUGS.values()))[0])
    return [(name, smiles) for name, smiles in _DRUGS.items() if codec.normalize(smiles) in known]


def _climb(codec: Codec, start: str, seed: int, out: Path, quiet: bool) -> Climb:
    from tqdm import tqdm

    from seqvae.cli.outputs import Results, write
    from seqvae.properties.molecules import scores
    from seqvae.search.climb import ClimbConfig, climb

    config = ClimbConfig(**_CLIMB, seed=seed)
    with tqdm(total=config.generations, desc="climb", disable=quiet) as bar:

        def show(generation: Generation) -> None:
            bar.set_postfix(qed=f"{generation.best_so_far.score:.3f}", calls=generation.calls)
            bar.update()

        z = codec.encode([start])[0].numpy()
        found = climb(z, codec.decode, lambda texts: scores("qed", texts), config, show)
    visits = list(found.scored.values())
    columns: dict[str, list[object]] = {"qed": [visit.score for visit in visits]}
    columns["generation"] = [visit.generation for visit in visits]
    write(str(out / "climb.csv"), Results([visit.text for visit in visits], columns))
    return found


def _facts(trained: Trained) -> list[tuple[str, str]]:
    run, prepared = trained.prepared.run, trained.prepared
    return [
        ("dataset", f"{run.data.source}: {len(prepared.train):,} molecules for training"),
        ("tokenizer", f"{run.tokenizer.kind}, {prepared.tokenizer.vocab_size} tokens with learned merges"),
        ("encoder, decoder", f"{run.model.encoder}, {run.model.decoder}"),
        ("latent dimensions", str(run.model.latent)),
        ("beta", str(run.objective.beta)),
        ("epochs", str(run.training.epochs)),
        ("time", f"{trained.progress.seconds:.0f} s"),
        ("seed", str(run.training.seed)),
    ]


def _curves(folder: Path) -> list[Series]:
    from seqvae.cli.inputs import read_curve
    from seqvae.report.plots import Series

    # of the validation molecules: those of single batches swing with the length of their molecules
    titles = {"valid/distortion": "distortion: what z does not tell", "valid/rate": "rate: what z tells"}
    return [Series(name, *read_curve(folder, title)) for title, name in titles.items()]

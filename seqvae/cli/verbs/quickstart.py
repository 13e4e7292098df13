"""`seqvae quickstart`: what the package does in one command, with a model that ships with it."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.config import DEFAULT_MODEL, REFINE_STEPS, DecodeConfig
from seqvae.errors import UsageError

if TYPE_CHECKING:
    from seqvae.latent.codec import Codec
    from seqvae.report.quickstart_page import Drug, Walk
    from seqvae.search.storage.ledger import Entry

app = App(
    name="quickstart",
    help_epilogue="""
Examples:

    seqvae quickstart
    seqvae quickstart --model runs/zinc --out try --seed 1

It loads a model of molecules that ships with the package, and leaves a folder with its molecules as .csv and .smi
files, and report.html.
""",
)

_SAMPLES = 1000
_PROPERTIES = ("qed", "logp", "molecular_weight", "sa")  # columns of the table of samples
_TEMPERATURE = 0.5  # closer to real molecules than the model's own distribution: see BENCHMARKS.md
_CALLS, _BATCH = 400, 16  # of the climb: some seconds, and two dozen generations or more
# Well-known drugs that carry no charge in water, as most molecules of the training sets do not. The climb starts at the
# first that the model can encode, and the path leads from the second to the third.
DRUGS = {
    "nifedipine": "COC(=O)C1=C(C)NC(C)=C(C(=O)OC)C1c1ccccc1[N+](=O)[O-]",
    "sulfamethoxazole": "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1",
    "moclobemide": "O=C(NCCN1CCOCC1)c1ccc(Cl)cc1",
    "celecoxib": "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "diazepam": "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21",
    "carbamazepine": "NC(=O)N1c2ccccc2C=Cc2ccccc21",
    "leflunomide": "Cc1oncc1C(=O)Nc1ccc(C(F)(F)F)cc1",
    "zolpidem": "Cc1ccc(-c2nc3ccc(C)cn3c2CC(=O)N(C)C)cc1",
    "metronidazole": "Cc1ncc([N+](=O)[O-])n1CCO",
    "nevirapine": "Cc1ccnc2c1NC(=O)c1cccnc1N2C1CC1",
    "modafinil": "NC(=O)CS(=O)C(c1ccccc1)c1ccccc1",
    "levetiracetam": "CC[C@@H](C(N)=O)N1CCCC1=O",
    "flutamide": "CC(C)C(=O)Nc1ccc([N+](=O)[O-])c(C(F)(F)F)c1",
    "linezolid": "CC(=O)NC[C@H]1CN(c2ccc(N3CCOCC3)c(F)c2)C(=O)O1",
    "rufinamide": "NC(=O)c1cn(Cc2c(F)cccc2F)nn1",
    "phenytoin": "O=C1NC(=O)C(c2ccccc2)(c2ccccc2)N1",
    "thalidomide": "O=C1CCC(N2C(=O)c3ccccc3C2=O)C(=O)N1",
    "tolbutamide": "CCCCNC(=O)NS(=O)(=O)c1ccc(C)cc1",
    "lacosamide": "COC[C@@H](NC(C)=O)C(=O)NCc1ccccc1",
    "letrozole": "N#Cc1ccc(C(c2ccc(C#N)cc2)n2cncn2)cc1",
    "fluconazole": "OC(Cn1cncn1)(Cn1cncn1)c1ccc(F)cc1F",
    "bicalutamide": "CC(O)(CS(=O)(=O)c1ccc(F)cc1)C(=O)Nc1ccc(C#N)c(C(F)(F)F)c1",
}
_FILES = (
    ("samples.smi", "the molecules drawn from the prior, one SMILES a line"),
    (
        "samples.csv",
        "every draw with log p(x|z) in nats, QED, logP and molecular weight (g/mol); empty for no molecule",
    ),
    ("reconstructions.csv", "known drugs and what came back"),
    ("interpolation.csv", "the molecules on the path between two drugs"),
    ("climb.csv", "every molecule scored on the climb, in order, with its QED"),
    ("report.html", "this page"),
)


@app.default
def quickstart(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("quickstart"),
    model: str = DEFAULT_MODEL,
    seed: int = 0,
    device: str = "auto",
    quiet: bool = False,
) -> None:
    """Reconstruct known drugs, draw new molecules, walk from one drug to another, and climb drug-likeness.

    Args:
        out: folder for the results; it is made.
        model: name of a shipped model of molecules, or folder of a trained one.
        seed: every random draw comes from it.
        device: `auto`, `cpu` or `cuda`.
        quiet: show no progress.
    """
    from seqvae import load
    from seqvae.data.files.writers import write_text
    from seqvae.report.quickstart_page import Quickstart, quickstart_page
    from seqvae.runtime.files import check_folder

    if seed < 0:
        raise UsageError(f"seed: expected a number from 0, got {seed}")
    check_folder(out)
    say = _Steps(quiet)
    say(f"loading {model}")
    codec = load(model, device=device)
    known = _encodable_drugs(codec, model)
    say(f"reconstructing {len(known)} known drugs")
    drugs = _reconstruct(codec, known, out)
    say(f"sampling {_SAMPLES:,} molecules")
    samples, qed = _sample(codec, seed, out)
    start, *ends = known[:3]
    say(f"interpolating between {ends[0][0]} and {ends[1][0]}")
    walk = _interpolate(codec, ends, out)
    say(f"climbing drug-likeness in latent space from {start[0]}")
    climb = _climb(codec, start[1], seed, out, quiet)
    facts, metrics = _described(codec, model)
    found = Quickstart(model, facts, metrics, drugs, samples, qed, walk, climb, start[0], _FILES)
    write_text(out / "report.html", quickstart_page(found))
    print(f"known drugs that come back exactly: {sum(drug.exact for drug in drugs)} of {len(drugs)}")
    print(f"new molecules: {sum(not math.isnan(value) for value in qed):,} of {len(samples):,} draws")
    best = max(climb, key=lambda entry: entry.scores[0])
    print(f"climb from {start[0]}: QED {climb[0].scores[0]:.3f} to {best.scores[0]:.3f}, {best.text}")
    print(f"open {out / 'report.html'}")


class _Steps:
    """Numbers the steps of the work on standard error."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.number = quiet, 0

    def __call__(self, what: str) -> None:
        self.number += 1
        if not self.quiet:
            print(f"[{self.number}/5] {what}", file=sys.stderr)


def _encodable_drugs(codec: Codec, model: str) -> list[tuple[str, str]]:
    """Return name and canonical SMILES of the drugs that the model can encode."""
    from seqvae.evaluate.model.held_out import encodable

    if not codec.tokenizer.molecular:
        raise UsageError(f"{model}: expected a model of molecules, got one of {codec.tokenizer.kind} texts")
    known = set(encodable(codec, list(DRUGS.values()))[0])
    forms = [(name, codec.normalize(smiles)) for name, smiles in DRUGS.items()]
    found = [(name, form) for name, form in forms if form in known]
    if len(found) < 3:
        raise UsageError(f"{model}: the model can encode {len(found)} of the {len(DRUGS)} drugs, and 3 are needed")
    return found


def _reconstruct(codec: Codec, known: Sequence[tuple[str, str]], out: Path) -> list[Drug]:
    from seqvae.data.files.writers import Results, write
    from seqvae.evaluate.model.reconstruction import reconstruct
    from seqvae.report.quickstart_page import Drug

    found = reconstruct(codec, [smiles for _, smiles in known], refine=REFINE_STEPS)
    rows = zip(known, found.decoded, _are_molecules(found.decoded), strict=True)
    drugs = [Drug(name, smiles, decoded, valid) for (name, smiles), decoded, valid in rows]
    columns = {name: [getattr(drug, name) for drug in drugs] for name in ("name", "decoded", "exact")}
    write(str(out / "reconstructions.csv"), Results(found.texts, columns))
    return drugs


def _are_molecules(texts: Sequence[str]) -> list[bool]:
    from seqvae.sequences.molecules import is_valid

    return [is_valid(text) for text in texts]


def _sample(codec: Codec, seed: int, out: Path) -> tuple[list[str], list[float]]:
    from seqvae.data.files.writers import Results, write
    from seqvae.properties import score

    drawn = codec.generate_samples(_SAMPLES, DecodeConfig("sample", temperature=_TEMPERATURE, seed=seed))
    columns = {name: values.tolist() for name, values in score(_PROPERTIES, drawn.texts).items()}
    table = {"log_likelihood": drawn.log_likelihood.tolist(), **columns}
    write(str(out / "samples.csv"), Results(drawn.texts, table))
    valid = [text for text, value in zip(drawn.texts, columns["qed"], strict=True) if not math.isnan(value)]
    write(str(out / "samples.smi"), Results(valid))
    return drawn.texts, columns["qed"]


def _interpolate(codec: Codec, ends: Sequence[tuple[str, str]], out: Path) -> Walk:
    from seqvae.data.files.writers import Results, write
    from seqvae.report.quickstart_page import Walk

    (first, start), (last, end) = ends
    decoded = codec.interpolate(start, end)
    valid = _are_molecules(decoded)
    write(str(out / "interpolation.csv"), Results(decoded, {"step": range(len(decoded)), "valid": valid}))
    return Walk((first, last), (start, end), decoded, valid)


def _climb(codec: Codec, start: str, seed: int, out: Path, quiet: bool) -> list[Entry]:
    """Climb from a molecule; return every molecule that was scored, in order, the start first."""
    from tqdm import tqdm

    from seqvae import search
    from seqvae.config import CampaignConfig, CmaConfig, OracleConfig, SearchConfig
    from seqvae.data.files.writers import Results, write
    from seqvae.properties import score
    from seqvae.search.domain.domain import MOLECULES
    from seqvae.search.memory.initial_design import FromTexts
    from seqvae.search.memory.latent_space import Space
    from seqvae.search.optimizers.cma_es import CmaEs
    from seqvae.search.storage.ledger import GIVEN, OK, Ledger
    from seqvae.search.storage.run_folder import LEDGER

    # Where it finds nothing new any more it has no other texts to begin with: draws from the prior would be no climb.
    space, begin = Space(codec, canonical=MOLECULES.canonical), (FromTexts((start,)),)
    optimizer = CmaEs(space, CmaConfig(start=1, population=_BATCH), seed, begin)
    # The model is the optimiser's, so that the search need not load it again; the start is known, and one call.
    campaign = CampaignConfig(batch=_BATCH, seed=seed)
    config = SearchConfig("none", oracle=OracleConfig(budget=_CALLS - 1), campaign=campaign)
    known = [search.Measurement(start, (float(score(["qed"], [start])["qed"][0]),))]
    with TemporaryDirectory() as place, tqdm(total=_CALLS, desc="climb", unit=" calls", disable=quiet or None) as bar:
        folder = Path(place) / "climb"
        search.run(
            "qed",
            folder,
            config,
            on_round=lambda now: bar.update(1 + now.calls - bar.n),
            known=known,
            optimizer=optimizer,
        )
        ledger = Ledger(folder / LEDGER)
        # The start was scored like the others, though before the search.
        scored = [replace(one, status=OK) if one.status == GIVEN else one for one in ledger.entries()]
        ledger.close()
    columns: dict[str, list[object]] = {"qed": [entry.scores[0] for entry in scored]}
    columns["round"] = [entry.round for entry in scored]
    write(str(out / "climb.csv"), Results([entry.text for entry in scored], columns))
    return scored


def _described(codec: Codec, model: str) -> tuple[list[tuple[str, str]], list[tuple[str, object, str]]]:
    """Return facts about the model, and its figures on held-out texts, as its folder has them."""
    from seqvae.artifact.folder import parameters
    from seqvae.report.tables import labelled_rows

    run, made = codec.run, codec.provenance
    facts = [
        ("model", model),
        ("trained on", f"{run.data.source}, {made['data']['texts']:,} molecules"),
        ("tokenizer", f"{run.tokenizer.kind}, {codec.tokenizer.vocab_size} tokens"),
        ("encoder, decoder", f"{run.model.encoder}, {run.model.decoder}"),
        ("parameters", f"{parameters(codec.model):,}"),
        ("latent dimensions", str(codec.latent)),
        ("beta", str(run.objective.beta)),
        ("training", f"{run.training.epochs} epochs, {made['training']['seconds'] / 60:.1f} minutes"),
        ("prior that samples are drawn from", codec.default_prior),
    ]
    return facts, list(labelled_rows(made.get("metrics", {})))

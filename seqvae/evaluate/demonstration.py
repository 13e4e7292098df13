"""What a model of molecules can do, in less than a minute: known drugs, new molecules, a path, and a climb."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from seqvae import search
from seqvae.artifact.weights import parameters
from seqvae.config import (
    DEFAULT_MODEL,
    REFINE_STEPS,
    CampaignConfig,
    CmaConfig,
    ConstraintConfig,
    DecodeConfig,
    OracleConfig,
    SearchConfig,
)
from seqvae.config.checks import door
from seqvae.data.files.chunks import Results
from seqvae.errors import UsageError
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.model.reconstruction import reconstruct
from seqvae.evaluate.records import Unwatched, Watch
from seqvae.latent.codec import Codec, load
from seqvae.latent.interpolate import slerp
from seqvae.properties import score
from seqvae.properties.scoring import Scoring, Term
from seqvae.search.domain.domain import molecules
from seqvae.search.loop import Progress
from seqvae.search.memory.initial_design import FromTexts
from seqvae.search.memory.latent_space import Space
from seqvae.search.optimizers.cma_es import CmaEs
from seqvae.search.storage.ledger import GIVEN, OK, Ledger
from seqvae.search.storage.run_folder import LEDGER
from seqvae.sequences.molecules import is_valid

_SAMPLES = 1000
_PROPERTIES = ("qed", "logp", "molecular_weight", "sa")  # columns of the table of samples
_TEMPERATURE = 0.5  # closer to real molecules than the model's own distribution: see BENCHMARKS.md
_STEPS = 8  # of the path, both ends included
_CALLS, _BATCH = 400, 16  # of the climb: a few seconds, and two dozen generations or more
# What is climbed: drug-likeness of molecules that can be made. QED alone ends at molecules that nobody would keep.
CLIMBED = Scoring((Term("qed"), Term("sa", transform="reverse_sigmoid", low=2.5, high=4.5)))
_RULES = ConstraintConfig(alerts=("unstable", "mcf", "pains"))
# Well-known drugs without charge in water, like most molecules of the training sets. The climb starts at the first that
# the model can encode, and the path leads from the second to the third.
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


@dataclass(frozen=True)
class Drug:
    """A known molecule and its reconstruction.

    Attributes:
        name: of the drug.
        smiles: in canonical form.
        decoded: what the model decodes from the drug's latent point.
        valid: whether that is a molecule.
    """

    name: str
    smiles: str
    decoded: str
    valid: bool

    @property
    def exact(self) -> bool:
        """Whether the reconstruction has the same canonical form."""
        return self.smiles == self.decoded


@dataclass(frozen=True)
class Walk:
    """Molecules decoded along the path from one to another.

    Attributes:
        ends: names of the first and the last.
        smiles: SMILES of these two.
        decoded: what the model decodes along the path, ends included.
        valid: whether each of these is a molecule.
    """

    ends: tuple[str, str]
    smiles: tuple[str, str]
    decoded: Sequence[str]
    valid: Sequence[bool]


@dataclass(frozen=True)
class Climbed:
    """A molecule that was scored on the climb.

    Attributes:
        text: its SMILES.
        score: geometric mean of QED and of the desirability of its SA score, 0 to 1.
        qed: drug-likeness.
        sa: synthetic accessibility, 1 (easy) to 10.
        round: of the search; 0: the start.
    """

    text: str
    score: float
    qed: float
    sa: float
    round: int


@dataclass(frozen=True)
class Quickstart:
    """Everything that the page shows.

    Attributes:
        model: the name or folder that was given.
        facts: what the model is and how it was trained: name and value, in order.
        metrics: its metrics on held-out molecules, from its folder; empty if none are known.
        drugs: known molecules and their reconstructions.
        samples: SMILES drawn from the prior, some of which may be invalid, with the columns `log_likelihood`
            (log p(x|z), nats), `qed` (drug-likeness; NaN for an invalid one), `logp`, `molecular_weight` (g/mol) and
            `sa`.
        walk: an interpolation.
        climb: the molecules scored on the climb, in order, the start first, with the score that was climbed and `qed`
            and `sa`.
        start: name of the molecule that the climb starts at.
    """

    model: str
    facts: Sequence[tuple[str, str]]
    metrics: Mapping[str, Any]
    drugs: Sequence[Drug]
    samples: Results
    walk: Walk
    climb: Sequence[Climbed]
    start: str

    @property
    def molecules(self) -> list[tuple[str, float]]:
        """Each valid sample with its drug-likeness."""
        pairs = zip(self.samples.texts, cast("Sequence[float]", self.samples.columns["qed"]), strict=True)
        return [(text, value) for text, value in pairs if not math.isnan(value)]

    @property
    def best(self) -> Climbed:
        """The best molecule of the climb."""
        return max(self.climb, key=lambda one: one.score)


@door
def quickstart(
    model: str = DEFAULT_MODEL, seed: int = 0, device: str = "auto", watch: Watch | None = None
) -> Quickstart:
    """Reconstruct known drugs, draw new molecules, walk from one drug to another, and climb drug-likeness.

    Args:
        model: name of a pretrained model of molecules, or folder of a trained one.
        seed: of every random draw.
        device: `auto`, `cpu` or `cuda`.
        watch: is told what is being done, one note per step; None: nobody is.

    Raises:
        UsageError: the seed is negative, or the model is not one of molecules or can encode too few of the drugs.
        ArtifactError: there is no such model.
    """
    if seed < 0:
        raise UsageError(f"seed: expected a number from 0, got {seed}")
    watch = watch or Unwatched()
    watch.note(f"loading {model}")
    codec = load(model, device=device)
    if not codec.tokenizer.molecular:
        raise UsageError(f"{model}: expected a model of molecules, got one of {codec.tokenizer.domain.title}")
    read, names = encodable(codec, list(DRUGS.values())), list(DRUGS)
    known = [(names[row], form) for row, form in zip(read.rows, read.forms, strict=True)]
    if len(known) < 3:
        raise UsageError(
            f"{model}: expected a model that can encode 3 of the {len(DRUGS)} drugs, and it can encode {len(known)}"
        )
    watch.note(f"reconstructing {len(known)} known drugs")
    decoded = reconstruct(codec, [smiles for _, smiles in known], refine=REFINE_STEPS).decoded
    drugs = [Drug(name, smiles, text, is_valid(text)) for (name, smiles), text in zip(known, decoded, strict=True)]
    watch.note(f"sampling {_SAMPLES:,} molecules")
    how = DecodeConfig("sample", temperature=_TEMPERATURE, seed=seed)
    drawn = codec.generate_samples(_SAMPLES, how, insist=True)  # as `seqvae sample` writes them
    columns = {name: values.tolist() for name, values in score(_PROPERTIES, drawn.texts).items()}
    (start, top), (first, one), (last, other) = known[:3]
    watch.note(f"interpolating between {first} and {last}")
    z = codec.encode([one, other])
    path = codec.generate(slerp(z[0], z[1], _STEPS)).texts  # the page says which end it misses
    watch.note(f"climbing drug-likeness and synthetic accessibility in latent space from {start}")
    climb = _climb(codec, top, seed, watch)
    return Quickstart(
        model=model,
        facts=_facts(codec, model),
        metrics=codec.provenance.get("metrics", {}),
        drugs=drugs,
        samples=Results(drawn.texts, {"log_likelihood": drawn.log_likelihood.tolist(), **columns}),
        walk=Walk((first, last), (one, other), path, [is_valid(text) for text in path]),
        climb=climb,
        start=start,
    )


def _climb(codec: Codec, start: str, seed: int, watch: Watch) -> list[Climbed]:
    """Climb from a molecule; return every molecule that was scored, in order, the start first."""
    # The start is the only text to begin with, also when nothing new is found: a draw from the prior is not a climb.
    space, begin = Space(codec, canonical=molecules().canonical), (FromTexts((start,)),)
    optimizer = CmaEs(space, CmaConfig(start=1, population=_BATCH), seed, begin)
    # The optimiser has the model, so the search need not load it again; the start is known, and counts as one call.
    campaign = CampaignConfig(batch=_BATCH, seed=seed)
    config = SearchConfig("none", oracle=OracleConfig(budget=_CALLS - 1), campaign=campaign, constraints=_RULES)
    known = [search.Measurement(start, (float(CLIMBED([start])[0]),))]

    def told(now: Progress) -> None:
        """Report the calls so far, the start included."""
        watch("climb", 1 + now.calls, _CALLS)

    with TemporaryDirectory() as place:
        folder = Path(place) / "climb"
        search.run(CLIMBED, folder, config, on_round=told, known=known, optimizer=optimizer)
        ledger = Ledger(folder / LEDGER)
        scored = [one for one in ledger.entries() if one.status in (GIVEN, OK)]
        ledger.close()
    columns = score(("qed", "sa"), [one.text for one in scored])
    return [
        Climbed(one.text, one.scores[0], float(qed), float(sa), one.round)
        for one, qed, sa in zip(scored, columns["qed"], columns["sa"], strict=True)
    ]


def _facts(codec: Codec, model: str) -> list[tuple[str, str]]:
    run, made = codec.run, codec.provenance
    return [
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

"""How samples and models are measured, diagnosed, traced over the KL weight, and drawn as a map."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import between, one_of, typed
from seqvae.config.decoding import DecodeConfig
from seqvae.errors import ConfigError


@dataclass(frozen=True)
@typed
class EvaluationConfig:
    """How a model is sampled and measured.

    Attributes:
        number: samples drawn from a model.
        prior: `normal`, `fitted`, or `auto` for the one of these that the model card prefers.
        tries: for models of SMILES: most draws for each sample, as in `seqvae sample`; with 1, every draw that is no
            molecule counts against the model.
        seed: every random draw comes from it.
        motifs: DNA: file of motifs whose hits are counted (JASPAR or minimal MEME), or `promoter-boxes` for the -10 and
            -35 boxes of E. coli.
        quick: leave out confidence intervals, what real data reach, the 10 x 10 protocol, refined posteriors and the
            metrics of the latent space.
    """

    number: int = 10_000
    prior: str = "auto"
    tries: int = DecodeConfig.tries
    seed: int = DecodeConfig.seed
    motifs: str = ""
    quick: bool = False


@dataclass(frozen=True)
@typed
class DiagnosisConfig:
    """How much work a diagnosis is.

    Attributes:
        texts: held-out molecules or sequences, at most, and as many training ones; the first ones.
        samples: k of the importance-weighted bound: posterior samples of each, from 1; more make it tighter.
        refined: molecules or sequences, at most, whose posteriors are refined; each costs some tens of training steps.
        seed: every random draw comes from it.
        quick: leave out whatever takes gradient steps or decodes paths and prior draws: the inference gap, dark areas,
            smoothness and the decoder's geometry; and refined posteriors, but for fifty where held-out molecules or
            sequences fare worse than training ones, since they tell whether that is the encoder's fault.
    """

    texts: int = 1000
    samples: int = 30
    refined: int = 200
    seed: int = 0
    quick: bool = False

    def __post_init__(self) -> None:
        between("texts", self.texts, 1, 1_000_000)
        between("samples", self.samples, 1, 100_000)
        between("refined", self.refined, 0, 1_000_000)
        between("seed", self.seed, 0, 2**63 - 1)


@dataclass(frozen=True)
@typed
class RateDistortionConfig:
    """How a rate-distortion curve is traced.

    Attributes:
        betas: KL weights to train at, separated by commas; empty: none, for the curve of one fixed model alone.
        epochs: passes of each training that begins with the weights of its neighbour; 0: a third of those of the model
            that the first begins with, or of the first itself.
        chains: sequences of neighbours, each traced by a process of its own; the first training of each begins with the
            given model, or from scratch. The result depends on it.
        multipliers: train once more at each beta, towards its distortion and from one and a half of it, to see whether
            a target's multiplier comes back to that beta; twice the work.
        texts: training and held-out molecules or sequences, at most, that the points are measured on; the first ones.
        samples: posterior samples of each.
        annealed: held-out molecules or sequences of which the curve of a given model's decoder is annealed; 0: none.
        annealing_chains: of each of them.
        annealing_steps: temperatures of a chain; each takes five gradients of the decoder.
        seed: every random draw of the measurements comes from it.
    """

    betas: str = "0.05,0.1,0.2,0.4,0.7,1,2"
    epochs: int = 0
    chains: int = 1
    multipliers: bool = True
    texts: int = 1000
    samples: int = 10
    annealed: int = 16
    annealing_chains: int = 8
    annealing_steps: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for beta in self.values:
            between("betas", beta, 1e-4, 1000.0)
        between("epochs", self.epochs, 0, 1_000_000)
        between("chains", self.chains, 1, max(1, len(self.values)))
        for name in ("texts", "samples"):
            between(name, getattr(self, name), 2 if name == "texts" else 1, 1_000_000)
        between("annealed", self.annealed, 0, 10_000)
        between("annealing_chains", self.annealing_chains, 1, 10_000)
        between("annealing_steps", self.annealing_steps, 2, 1_000_000)
        between("seed", self.seed, 0, 2**63 - 1)

    @property
    def values(self) -> tuple[float, ...]:
        """The KL weights, ascending, each once."""
        try:
            return tuple(sorted({float(word) for word in self.betas.split(",") if word.strip()}))
        except ValueError as error:
            raise ConfigError(f"betas: expected numbers separated by commas, got {self.betas!r}") from error


MAP_SHADES = ("density", "dark", "magnification", "none")


@dataclass(frozen=True)
@typed
class MapConfig:
    """How a map of latent space is made.

    Attributes:
        projection: `pca`, `tsne` or `umap` (both: pip install 'seqvae[map]'), or folder of a stored projection;
            `--through` and `--around` ask for a slice in its place.
        through: three molecules or sequences, one flag each: the plane through them.
        around: a molecule or sequence: the plane around it along the two directions of `--along`.
        along: two columns or properties, one flag each; the direction of each leads from the third of the rows with the
            lowest values to that with the highest.
        property: property of each row by name, as in `seqvae properties list`, one flag each; by default qed, logp and
            molecular_weight of molecules, GC content of DNA and RNA. `smarts:PATTERN` makes a substructure searchable.
        samples: latent points that log p(x) of each row is estimated from, from 2; 0: leave likelihood and
            unfamiliarity out, which is several times quicker.
        clusters: groups of k-means in latent space; 0: none.
        grid: decoded points along each side of the map; 0: none, and no magnification.
        draws: from the prior, of which the density and, unless the map is a slice, the dark areas are made; 0: neither.
        perplexity: of t-SNE.
        neighbours: of UMAP: fewer show small groups, more the whole.
        limit: rows that are taken, the first ones.
        seed: every random draw comes from it.
    """

    projection: str = "pca"
    through: tuple[str, ...] = ()
    around: str = ""
    along: tuple[str, ...] = ()
    property: tuple[str, ...] = ()
    samples: int = 2
    clusters: int = 10
    grid: int = 20
    draws: int = 1000
    perplexity: float = 30.0
    neighbours: int = 15
    limit: int = 250_000
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.through) not in (0, 3):
            raise ConfigError(f"through: expected three molecules or sequences, got {len(self.through)}")
        if (len(self.along) == 2) != bool(self.around) or len(self.along) not in (0, 2):
            raise ConfigError("around: expected one molecule or sequence with two columns or properties as along")
        if self.through and self.around:
            raise ConfigError("through, around: two different slices: leave one of them out")
        between("samples", self.samples, 0, 100_000)
        if self.samples == 1:
            between("samples", self.samples, 2, 100_000)
        between("clusters", self.clusters, 0, 100)
        between("grid", self.grid, 0, 100)
        between("draws", self.draws, 0, 1_000_000)
        between("perplexity", self.perplexity, 1.0, 1000.0)
        between("neighbours", self.neighbours, 2, 1000)
        between("limit", self.limit, 3, 250_000)
        between("seed", self.seed, 0, 2**63 - 1)


@dataclass(frozen=True)
@typed
class ViewConfig:
    """What a map shows first, and which rows are selected. The page writes these flags for what it shows.

    Attributes:
        color: column that colours the points.
        shade: `density` of the prior, `dark` areas, `magnification` of the decoder, or `none`.
        view: centre and width of what is shown, in the map's own units: `x,y,width`.
        lasso: corners of a polygon, `x,y x,y x,y`; the rows inside it are selected; one flag each.
        find: rows whose molecule or sequence, name or another cell has this text are selected, whatever its case, or
            those that match a SMARTS, `smarts:PATTERN`; one flag each.
        pick: numbers of rows that are selected, from 1: `1-5,9`.
    """

    color: str = ""
    shade: str = "density"
    view: str = ""
    lasso: tuple[str, ...] = ()
    find: tuple[str, ...] = ()
    pick: str = ""

    def __post_init__(self) -> None:
        one_of("shade", self.shade, MAP_SHADES)

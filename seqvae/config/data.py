"""The settings of the data of a run, and of how they become tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqvae.config.checks import HUGE, between, one_of, typed
from seqvae.errors import ConfigError

# A chain of 20,000 atoms ends the process within RDKit, whose search is recursive; one of 10,000 takes seconds.
LONGEST_MOLECULE = 10_000  # characters of a SMILES
LONGEST_SELFIES = 10 * LONGEST_MOLECULE  # characters: a symbol of one atom has some
MOST_ATOMS = 5000  # of a record of an SD file
LONGEST_SEQUENCE = 1 << 30  # letters of a sequence: longer than any chromosome of man, mouse or maize


def names_of(listed: str) -> tuple[str, ...]:
    """Return the names in a list separated by commas."""
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def told_by(kinds: Sequence[int]) -> int:
    """Return how many numbers say what is known of conditions, of so many classes each, 0 for a number."""
    return sum(max(kind, 1) + 1 for kind in kinds)


@dataclass(frozen=True)
@typed
class DataConfig:
    """What to train on and how to split it.

    Attributes:
        source: name of a dataset (`seqvae data list`) or path of a file.
        column: column that holds the molecules or sequences, for tables, its title or number; empty: the one obvious
            column.
        format: what a file is, where neither its content nor its ending tells: `csv`, `tsv`, `smi`, `txt`, `sdf`,
            `fasta`, `fastq`, `gb`, `a2m` (aligned sequences: A2M, A3M, FASTA), `sto`, `parquet`, `xlsx`.
        standardize: read molecules in their standard form: largest fragment, neutral, no isotopes, metals cut off, one
            spelling of each group; as `seqvae data standardize` writes them.
        labels: columns of numbers that the model learns to predict from z, separated by commas; a cell may be empty.
        weights: column of the weight of each row in the objective, from 0; empty: all weigh the same.
        identity: of aligned sequences (`a2m`, `sto`): rows with the same letter at more than this share of their
            positions are neighbours, and a row's weight is the inverse of their number; 1: all weigh the same.
        conditions: columns that samples can be asked for, separated by commas: the model learns p(x) given these; a
            cell may be empty.
        condition: the columns of `labels` are conditions, too, in place of being predicted.
        classes: those of `labels` and `conditions` that hold classes, `active` or `kinase`, and no numbers.
        inferred: the one of `classes` among the conditions that is inferred where it is missing: the objective sums
            over its classes, and the model learns q(y|x) (M2, Kingma et al. 2014, arXiv:1406.5298).
        split: `random`, `scaffold` (Bemis-Murcko), `dedup` (equal molecules or sequences, and reverse complements, stay
            in one split), `connectivity` (the same, and stereo-isomers too), `published` (the dataset's own), or
            `auto`: published where there is one, else dedup for DNA, RNA and proteins, and random otherwise unless a
            text stands twice: then connectivity for molecules and dedup for other texts.
        valid_fraction: share kept for validation, where the split is not published.
        test_fraction: share kept for the final, held-out metrics, where the split is not published.
        limit: use only the first so many texts; 0: all.
        shares: of a dataset that is made of others, the share of the training molecules of each, such as
            `chembl=1,moses=0.1`; one that is not named has the share on the dataset's card.
        spellings: SMILES only: other spellings of each training molecule, random SMILES, for the encoder to read.
        spelling_share: how often the encoder reads one of these in place of the canonical SMILES.
        on_error: `stop` at the first bad record, or `skip` it (counted, and written to a reject file).
        max_characters: longest SMILES or sequence that is read, a longer one is a bad record; 0: 10,000 for molecules
            (RDKit is given none that is longer), 2^30 for others.
    """

    source: str = ""
    column: str = ""
    format: str = ""
    standardize: bool = False
    labels: str = ""
    weights: str = ""
    identity: float = 0.8
    conditions: str = ""
    condition: bool = False
    classes: str = ""
    inferred: str = ""
    split: str = "auto"
    valid_fraction: float = 0.05
    test_fraction: float = 0.05
    limit: int = 0
    shares: str = ""
    spellings: int = 0
    spelling_share: float = 0.5
    on_error: str = "stop"
    max_characters: int = 0

    def __post_init__(self) -> None:
        one_of("data.split", self.split, ("auto", "random", "scaffold", "dedup", "connectivity", "published"))
        one_of("data.on_error", self.on_error, ("stop", "skip"))
        between("data.valid_fraction", self.valid_fraction, 0.0, 0.9)
        between("data.test_fraction", self.test_fraction, 0.0, 0.9)
        between("data.identity", self.identity, 0.0, 1.0)
        between("data.limit", self.limit, 0, HUGE)
        between("data.max_characters", self.max_characters, 0, LONGEST_SEQUENCE)
        between("data.spellings", self.spellings, 0, 1000)
        between("data.spelling_share", self.spelling_share, 0.0, 1.0)
        for name in ("labels", "conditions"):
            names = names_of(getattr(self, name))
            if len({*names}) < len(names):
                raise ConfigError(f"data.{name}: expected each column once, got {getattr(self, name)!r}")
        if self.condition and not self.labels:
            raise ConfigError("data.condition: expected the columns to condition on in data.labels, got none")
        known = (*names_of(self.labels), *names_of(self.conditions))
        for name in self.class_names:
            if name not in known:
                raise ConfigError(f"data.classes: {name!r} is none of data.labels and data.conditions: add it there")
        if self.inferred and not (self.inferred in self.class_names and self.inferred in self.condition_names):
            raise ConfigError(
                f"data.inferred: expected a column of data.classes among the conditions, got {self.inferred!r}"
            )
        _ = self.share_of

    @property
    def label_names(self) -> tuple[str, ...]:
        """The columns that are predicted."""
        return () if self.condition else names_of(self.labels)

    @property
    def condition_names(self) -> tuple[str, ...]:
        """The columns that samples can be asked for."""
        own = names_of(self.conditions)
        return tuple(dict.fromkeys([*names_of(self.labels), *own])) if self.condition else own

    @property
    def class_names(self) -> tuple[str, ...]:
        """The columns of classes."""
        return names_of(self.classes)

    @property
    def share_of(self) -> dict[str, float]:
        """The shares of `shares`, by dataset."""
        found: dict[str, float] = {}
        for item in names_of(self.shares):
            name, _, share = item.partition("=")
            try:
                found[name.strip()] = float(share)
            except ValueError:
                raise ConfigError(f"data.shares: expected DATASET=SHARE, got {item!r}") from None
            between(f"data.shares: {name.strip()}", found[name.strip()], 0.0, 1.0)
        return found


@dataclass(frozen=True)
@typed
class TokenizerConfig:
    """How texts become tokens.

    Attributes:
        kind: `smiles`, `selfies`, `dna`, `codon` (coding sequences, codon by codon), `rna`, `protein`, `char` (letters
            of any other kind), or `auto`: by the dataset's card, the file's extension or its content; SMILES for
            molecules.
        vocab_size: size of the vocabulary learned by merging symbols; 0: no merges; -1: 512 for molecules (which cuts
            ZINC from 37 to 12 tokens per molecule), none otherwise.
        allow_gap: DNA, RNA and proteins only: accept `-` as a symbol.
        on_unknown: `error` or `drop`, for tokens that are not in the training data.
    """

    kind: str = "auto"
    vocab_size: int = -1
    allow_gap: bool = False
    on_unknown: str = "error"

    def __post_init__(self) -> None:
        one_of("tokenizer.on_unknown", self.on_unknown, ("error", "drop"))
        # ids are packed in 16 bits
        between("tokenizer.vocab_size", self.vocab_size, -1, 65_000)

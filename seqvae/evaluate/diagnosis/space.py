"""The latent space as one who draws, encodes and walks in it sees it: dark areas, spellings, and paths."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqvae.config import DecodeConfig
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.model.diagnostics import other_rows
from seqvae.evaluate.model.smoothness import PathSettings, path_quality
from seqvae.latent.codec import Codec
from seqvae.model.posteriors import Posterior
from seqvae.runtime.device import evaluating
from seqvae.runtime.streams import DIAGNOSIS_DARK, DIAGNOSIS_PAIRS, DIAGNOSIS_SPELLINGS
from seqvae.sequences.grammar.smiles_syntax import of_smiles

_PATHS = 30  # each decodes some ten points
_DRAWS = 500  # from the prior: the share of dark ones is then right to 4 %
_OWN = 99  # samples of a posterior: a point below all of them lies outside what 99 % of it covers
_SPELT = 200  # molecules of which another spelling is encoded
_LARGEST_SEED = 2**31 - 1  # that RDKit takes


@dataclass(frozen=True)
class Space:
    """Metrics of the latent space. `DIAGNOSIS_METRICS` has their titles.

    None: not a model that reads SMILES (`spelling_distance`).
    """

    draws: int
    dark: float
    dark_invalid: float
    dark_elsewhere: float
    spelling_distance: float | None
    paths: int
    path_distinct: float
    path_largest_jump: float
    path_validity: float


def space(codec: Codec, texts: TokenizedTexts, posterior: Posterior, seed: int = 0) -> Space:
    """Return the metrics of a model.

    Args:
        codec: the model.
        texts: held-out texts, read by it, at least two.
        posterior: q(z|x) of these texts, on the CPU.
        seed: of the draws.
    """
    invalid, elsewhere = dark_areas(codec, _DRAWS, seed)
    paths = path_quality(codec, texts, PathSettings(_PATHS, seed=seed))
    return Space(
        draws=_DRAWS,
        dark=(invalid | elsewhere).float().mean().item(),
        dark_invalid=invalid.float().mean().item(),
        dark_elsewhere=elsewhere.float().mean().item(),
        spelling_distance=spelling_distance(codec, texts, posterior, seed) if of_smiles(codec.tokenizer) else None,
        paths=paths.pairs,
        path_distinct=paths.distinct,
        path_largest_jump=1 - paths.worst_step,
        path_validity=paths.validity,
    )


def dark_areas(codec: Codec, draws: int, seed: int = 0) -> tuple[Bool[Tensor, " draws"], Bool[Tensor, " draws"]]:
    """Return which draws from the default prior decode to nothing valid, and which to a text that encodes elsewhere.

    Elsewhere: the point is less likely under the posterior of the text that it decodes to than 99 samples of that
    posterior are. Of a model whose posteriors are exact, one draw in a hundred lies there.
    """
    z = codec.draw(draws, seed)
    return dark_points(codec, z, codec.decode(z, judged(codec, seed)), seed)


def judged(codec: Codec, seed: int) -> DecodeConfig:
    """Return how draws are decoded for a judgement: the first attempt under no rules.

    Sequences are drawn from p(x|z): z is then a draw from the posterior of x, whereas the likeliest sequence may be
    none that the model would write, a single letter repeated. Molecules are decoded greedily, as they are designed:
    where p(x|z) is all but certain, the draws that are no molecules tell of the decoder, not of z.
    """
    return DecodeConfig(rules="none") if codec.may_be_invalid else DecodeConfig("sample", seed=seed)


def dark_points(
    codec: Codec, z: Float[Tensor, "points latent"], decoded: list[str], seed: int = 0
) -> tuple[Bool[Tensor, " points"], Bool[Tensor, " points"]]:
    """Return which points decode to nothing valid, and which to a text that encodes elsewhere; as `dark_areas`.

    Args:
        codec: the model.
        z: latent points.
        decoded: the text of each.
        seed: of the samples of the posteriors.
    """
    read = codec.tokenize(decoded, on_error="skip")
    invalid, elsewhere = torch.ones(len(z), dtype=torch.bool), torch.zeros(len(z), dtype=torch.bool)
    if len(read):
        rows = torch.tensor(read.rows)
        invalid[rows] = False
        elsewhere[rows] = outside(codec.posterior(read, refine=0), z[rows], DIAGNOSIS_DARK.generator(seed))
    return invalid, elsewhere


def outside(posterior: Posterior, z: Float[Tensor, "batch latent"], rng: torch.Generator) -> Bool[Tensor, " batch"]:
    """Return which points have a lower density under their posterior than all of 99 samples of it."""
    return posterior.log_prob(z) < posterior.log_prob(posterior.rsample(_OWN, rng)).amin(0)


def spelling_distance(codec: Codec, texts: TokenizedTexts, posterior: Posterior, seed: int = 0) -> float | None:
    """Return how far another spelling of a molecule is encoded from it, by how far other molecules are.

    Distances are of posterior means, averaged over molecules whose other spelling has known tokens only; None where
    there are fewer than two. 0: the encoder sees the molecule behind the SMILES; 1: it takes it for another molecule.
    """
    from rdkit import Chem

    spelt, kept = [], []
    for row, form in enumerate(texts.forms[:_SPELT]):
        draw = DIAGNOSIS_SPELLINGS.seed(seed, row) % _LARGEST_SEED + 1
        (text,) = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(form), 1, randomSeed=draw)
        symbols = codec.tokenizer.split(text)
        ids = [] if codec.tokenizer.unseen(symbols) else codec.tokenizer.ids(symbols)
        if text != form and 0 < len(ids) <= codec.max_length:
            spelt.append(ids)
            kept.append(row)
    if len(kept) < 2:
        return None
    with evaluating(codec.model):
        means = codec.model.posterior(codec.padded(spelt)).mean.cpu()
    own = posterior.mean[kept]
    others = own[other_rows(len(own), DIAGNOSIS_PAIRS.generator(seed))]
    return ((means - own).norm(dim=1).mean() / (own - others).norm(dim=1).mean()).item()

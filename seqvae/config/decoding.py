"""How a categorical distribution at each position becomes a text."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import between, one_of, typed


@dataclass(frozen=True)
@typed
class DecodeConfig:
    """How a categorical distribution at each position becomes a text.

    Attributes:
        method: `greedy`, `sample` or `beam`.
        temperature: divides the logits before sampling.
        top_p: sample from the smallest set of tokens that holds this share of the probability (Holtzman et al. 2020,
            arXiv:1904.09751).
        beam: hypotheses that beam search keeps.
        rules: which tokens a model of SMILES may not write: `syntax`, those after which no readable SMILES can come (a
            branch closed that was not opened, an end with an open ring); `valence`, the same, and where the SMILES is
            no molecule or a radical, also those after which no other can come (one bond too many or too few, an
            aromatic ring that cannot have its double bonds); or `none`. Of codons none may follow a stop, except with
            `none`. No effect on other models.
        tries: for models of SMILES: most draws for each sample, z included, until it is a molecule; no effect on given
            latent points, nor on other models.
        guidance: of samples with conditions: how far they are driven beyond what the model has learned of these,
            logits (1 + w) given the conditions - w given none (Ho & Salimans 2022, arXiv:2207.12598); 0: not at all.
        seed: seed of the sampling.
    """

    method: str = "greedy"
    temperature: float = 1.0
    top_p: float = 1.0
    beam: int = 8
    rules: str = "valence"
    tries: int = 3
    seed: int = 0
    guidance: float = 0.0

    def __post_init__(self) -> None:
        one_of("method", self.method, ("greedy", "sample", "beam"))
        one_of("rules", self.rules, ("none", "syntax", "valence"))
        between("temperature", self.temperature, 1e-3, 1e3)
        between("top_p", self.top_p, 1e-6, 1.0)
        between("beam", self.beam, 1, 1000)
        between("tries", self.tries, 1, 1000)
        between("guidance", self.guidance, 0.0, 100.0)

    def idle(self) -> dict[str, str]:
        """Return the settings that have no effect beside the others, each with the reason."""
        found = {} if self.method == "beam" else {"beam": f"with method {self.method}, only with beam"}
        if self.method != "sample":
            found |= dict.fromkeys(("temperature", "top_p", "seed"), f"with method {self.method}, only with sample")
        return found

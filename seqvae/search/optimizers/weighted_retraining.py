"""Rank-weighted retraining: the generative model keeps learning, mostly from the best texts that a search has found.

Tripp, Daxberger & Hernandez-Lobato 2020 (arXiv:2006.09191): a text is drawn with a weight of 1 / (greed * N + rank), so
that the latent space comes to hold what scores well, and its surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import final

import numpy as np
import torch

from seqvae.config import ObjectiveConfig, RetrainingConfig
from seqvae.config.toml import checked
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError, UsageError
from seqvae.runtime.device import fast_matmul, preserved_rng
from seqvae.runtime.streams import (
    RETRAINING_DROPOUT,
    RETRAINING_NOISE,
    RETRAINING_REPLAY,
    RETRAINING_SPELLING,
    RETRAINING_TEXTS,
)
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.token_cache import Readable
from seqvae.search.storage.state import State
from seqvae.sequences.grammar.smiles_syntax import of_smiles

_CLIP = 50.0  # largest gradient norm: as in training, far above the usual


@final
class Retraining:
    """Trains a model in place.

    Args:
        texts: the model, which changes, and the texts that it can read.
        config: how often and how much.
        seed: of all draws.
        replay: texts to replay; those that the model cannot read are left out.

    Raises:
        UsageError: the settings ask for replay and there are no such texts, or for randomised SMILES and the model
            reads none.
    """

    def __init__(
        self, texts: Readable, config: RetrainingConfig | None = None, seed: int = 0, replay: Sequence[str] = ()
    ) -> None:
        self.texts, self.codec = texts, texts.codec
        self.config, self.seed = config or RetrainingConfig(), seed
        self._step = 0
        self._learned = 0  # texts that the archive had at the last training
        self._replay = [form for text in replay if (form := texts.form(text)) is not None and form in texts]
        if self.config.replay and not self._replay:
            raise UsageError("retraining.replay: expected texts to begin with that the model can read, there are none")
        if self.config.randomised and not of_smiles(self.codec.tokenizer):
            kind = self.codec.tokenizer.kind
            raise UsageError(f"retraining.randomised: expected 0, since the model reads no SMILES but {kind}")

    @cached_property
    def _optimizer(self) -> torch.optim.Adam:
        """Made when it is needed: that imports PyTorch's compiler, which takes a second."""
        return torch.optim.Adam(self.codec.model.parameters(), lr=self.config.learning_rate, fused=True)

    def learn(self, archive: Archive) -> None:
        """Train, if enough texts are new since the last time."""
        if len(archive) - self._learned < self.config.every:
            return
        self._learned = len(archive)
        best = [text for text in archive.best(self.config.population) if text in self.texts]
        if len(best) < 2:
            return
        weights = archive.weights_of(best, self.config.greed)
        self.codec.model.train()
        with fast_matmul(self.codec.device.type == "cpu"), preserved_rng(self.codec.device):
            for _ in range(self.config.steps):
                rng = RETRAINING_TEXTS.generator(self.seed, self._step)
                drawn = torch.multinomial(
                    torch.from_numpy(weights), self.config.batch_size, replacement=True, generator=rng
                )
                self._train([best[row] for row in drawn.tolist()])
        self.codec.model.eval()

    def state_dict(self) -> State:
        """Return the weights, Adam's moments, and how far the training has come."""
        moments = self._optimizer.state_dict()["state"] if self._step else {}
        return {
            "step": self._step,
            "learned": self._learned,
            "weights": dict(self.codec.model.state_dict()),
            "moments": {str(index): dict(parts) for index, parts in moments.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Go back to a state; the codec's model takes its weights."""
        self._step, self._learned = (checked(name, state[name], int) for name in ("step", "learned"))
        self.codec.model.load_state_dict({name: torch.tensor(value) for name, value in state["weights"].items()})
        moments = {
            int(index): {name: torch.tensor(value) for name, value in parts.items()}
            for index, parts in state["moments"].items()
        }
        for index, weight in enumerate(self.codec.model.parameters()):
            for name, value in moments.get(index, {}).items():
                if value.shape not in ((), weight.shape) or not bool(torch.isfinite(value).all()):
                    raise ConfigError(f"moments of weight {index}: expected the shape {tuple(weight.shape)} of {name}")
        if not moments and "_optimizer" not in vars(self):
            return
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})

    def _train(self, texts: list[str]) -> None:
        """Take one step; some of the texts are replaced by replayed ones, and some written in a random order."""
        model, config = self.codec.model, self.config
        remembered = round(config.replay * len(texts))
        if remembered:
            rng = RETRAINING_REPLAY.generator(self.seed, self._step)
            rows = torch.randint(len(self._replay), (remembered,), generator=rng).tolist()
            texts = [*texts[remembered:], *(self._replay[row] for row in rows)]
        ids, order = self.texts.rows(texts), np.random.default_rng(RETRAINING_SPELLING.seed(self.seed, self._step))
        for row in order.permutation(len(texts))[: round(config.randomised * len(texts))].tolist():
            ids[row] = self.texts.shuffled(texts[row], order) or ids[row]
        tokens = self.codec.padded(ids)
        noise = RETRAINING_NOISE.generator(self.seed, self._step, device=self.codec.device)
        torch.manual_seed(RETRAINING_DROPOUT.seed(self.seed, self._step))  # dropout draws from the global generator
        objective = ObjectiveConfig(beta=config.beta)
        losses = model.losses(Batch.of(tokens), config.beta, objective, noise)
        self._optimizer.zero_grad()
        losses.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        self._optimizer.step()
        self._step += 1

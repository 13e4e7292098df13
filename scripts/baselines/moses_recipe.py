"""The VAE of the MOSES benchmark in plain torch: the baseline of `benchmark_throughput.py`.

Written from the description of Polykovskiy et al. 2020 (doi:10.3389/fphar.2020.565644) and the published settings:
characters through an embedding that starts as one-hots, a GRU of 256 units, z of 128 dimensions, a decoder of three GRU
layers of 512 units that gets z with every character and as its initial state; Adam at 3e-4, batches of 512,
cross-entropy per token plus a small weight times the KL divergence. It samples by multinomial draws at temperature 1,
and always takes all its steps, whether texts have ended or not.

The published code packs its sequences. Here they are padded, with the same loss: that trains faster on a CPU, and the
baseline should be the recipe at its best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

BATCH = 512
LEARNING_RATE = 3e-4
CLIP = 50.0
SAMPLED_AT_ONCE = 32  # as published
STEPS = 100  # length of a sample with its begin mark
_ENCODER, _LATENT, _DECODER, _LAYERS = 256, 128, 512, 3
_KL_WEIGHT = 0.0005  # after the first of 100 epochs on the way from 0 to 0.05; it does not change the speed
_BOS, _EOS, _PAD, _UNK = range(4)
_SPECIALS = 4


@dataclass(frozen=True)
class Characters:
    """The alphabet: four special tokens, then the characters in order.

    Attributes:
        characters: all of them, as one string.
    """

    characters: str

    @staticmethod
    def of(texts: Sequence[str]) -> Characters:
        """Return the alphabet of some texts."""
        return Characters("".join(sorted(set("".join(texts)))))

    def __len__(self) -> int:
        return _SPECIALS + len(self.characters)

    def encode(self, text: str) -> Tensor:
        """Return the ids of a text between begin and end tokens, `(length + 2,)`."""
        places = {c: i for i, c in enumerate(self.characters, _SPECIALS)}
        return torch.tensor([_BOS, *(places.get(c, _UNK) for c in text), _EOS])

    def decode(self, ids: Tensor) -> str:
        """Return the text of ids, without the special tokens."""
        return "".join(self.characters[i - _SPECIALS] for i in ids.tolist() if i >= _SPECIALS)


class MosesVAE(nn.Module):
    """The published model.

    Args:
        symbols: size of the alphabet, special tokens included.
    """

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, symbols, padding_idx=_PAD)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.eye(symbols))
        self.encoder = nn.GRU(symbols, _ENCODER, batch_first=True)
        self.mean = nn.Linear(_ENCODER, _LATENT)
        self.log_variance = nn.Linear(_ENCODER, _LATENT)
        self.start = nn.Linear(_LATENT, _DECODER)
        self.decoder = nn.GRU(symbols + _LATENT, _DECODER, num_layers=_LAYERS, batch_first=True)
        self.output = nn.Linear(_DECODER, symbols)

    def loss(self, texts: list[Tensor]) -> Tensor:
        """Return the loss of a batch of id sequences."""
        padded, lengths = together(texts)
        mean, log_variance = self.posterior(padded, lengths)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1).mean()
        tokens = (lengths - 1).sum()
        return -self.log_likelihood(padded, z).sum() / tokens + _KL_WEIGHT * kl

    def posterior(self, padded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x) for padded ids and their lengths."""
        states, _ = self.encoder(self.embedding(padded))
        last = states[torch.arange(len(padded)), lengths - 1]
        return self.mean(last), self.log_variance(last)

    def log_likelihood(self, padded: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) of each text in nats."""
        inputs = torch.cat([self.embedding(padded), z.unsqueeze(1).expand(-1, padded.shape[1], -1)], dim=-1)
        states, _ = self.decoder(inputs, self._first_state(z))
        return token_log_likelihood(self.output(states), padded)

    def _first_state(self, z: Tensor) -> Tensor:
        return self.start(z).unsqueeze(0).repeat(_LAYERS, 1, 1)

    @torch.no_grad()
    def sample(self, count: int, alphabet: Characters) -> list[str]:
        """Draw texts from the prior, always taking all steps."""
        z = torch.randn(count, _LATENT)

        def step(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            inputs = torch.cat([self.embedding(tokens), z], dim=-1).unsqueeze(1)
            states, state = self.decoder(inputs, state)
            return self.output(states[:, 0]), state

        return sampled(step, self._first_state(z), alphabet)


def sampled(step: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], state: Tensor, alphabet: Characters) -> list[str]:
    """Draw texts token by token, always taking all steps.

    Args:
        step: maps the last tokens and the state to logits and the next state.
        state: the initial one, `(layers, count, width)`.
        alphabet: alphabet of the texts.
    """
    count = state.shape[1]
    tokens = torch.full((count,), _BOS)
    ids = torch.full((count, STEPS), _PAD)
    ended = torch.zeros(count, dtype=torch.bool)
    for place in range(1, STEPS):
        logits, state = step(tokens, state)
        tokens = torch.multinomial(logits.softmax(-1), 1)[:, 0]
        ids[~ended, place] = tokens[~ended]
        ended |= tokens == _EOS
    return [alphabet.decode(row) for row in ids]


def together(texts: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return id sequences as one padded array, and their lengths."""
    padded = pad_sequence(texts, batch_first=True, padding_value=_PAD)
    return padded, torch.tensor([len(text) for text in texts])


def token_log_likelihood(logits: Tensor, padded: Tensor) -> Tensor:
    """Return the sum over the tokens of each text of log p(token | tokens before it, z), in nats."""
    scores = F.cross_entropy(logits[:, :-1].transpose(1, 2), padded[:, 1:], ignore_index=_PAD, reduction="none")
    return -scores.sum(1)


class RecipeModel(Protocol):
    """What the models of both recipes have in common."""

    def posterior(self, padded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x)."""

    def log_likelihood(self, padded: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z)."""


@torch.no_grad()
def importance_weights(model: RecipeModel, texts: list[Tensor], samples: int) -> Tensor:
    """Return log p(x, z) - log q(z|x) for draws from q, `(samples, texts)`, in nats.

    Their mean over the draws estimates the ELBO; the log of the mean of their exponentials is the importance-weighted
    bound (Burda et al. 2016, arXiv:1509.00519).
    """
    padded, lengths = together(texts)
    mean, log_variance = model.posterior(padded, lengths)
    weights = []
    for _ in range(samples):
        noise = torch.randn_like(mean)
        z = mean + (0.5 * log_variance).exp() * noise
        # the constants of both Gaussians cancel
        ratio = -0.5 * z.square().sum(1) + 0.5 * (log_variance + noise.square()).sum(1)
        weights.append(model.log_likelihood(padded, z) + ratio)
    return torch.stack(weights)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, texts: list[Tensor]) -> None:
    """Take one optimiser step on a batch, whose order does not matter."""
    loss = model.loss(texts)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()

"""The VAE baseline of the DD-VAE repository in plain torch: another baseline of `benchmark_throughput.py`.

Written from the settings published with Polykovskiy & Vetrov 2020 (arXiv:2002.11027): characters through an embedding
of 64, two GRU layers of 512 units in encoder and decoder, z of 64 dimensions that only sets the decoder's initial
states, Adam at 5e-4, batches of 512, a KL weight from 5e-4 up to 0.01. Alphabet, padding and multinomial sampling
are those of `moses_recipe.py`: a comparison of models, not of their input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scripts.baselines.moses_recipe import Characters, sampled, together, token_log_likelihood

BATCH = 512
LEARNING_RATE = 5e-4
_EMBEDDING, _LATENT, _WIDTH, _LAYERS = 64, 64, 512, 2
_KL_WEIGHT = 5e-4  # where its way up to 0.01 begins; it does not change the speed


class DdVAE(nn.Module):
    """The published baseline.

    Args:
        symbols: size of the alphabet, special tokens included.
    """

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, _EMBEDDING)
        self.encoder = nn.GRU(_EMBEDDING, _WIDTH, num_layers=_LAYERS, batch_first=True)
        self.mean = nn.Linear(_WIDTH, _LATENT)
        self.log_variance = nn.Linear(_WIDTH, _LATENT)
        self.start = nn.Linear(_LATENT, _LAYERS * _WIDTH)
        self.decoder = nn.GRU(_EMBEDDING, _WIDTH, num_layers=_LAYERS, batch_first=True)
        self.output = nn.Linear(_WIDTH, symbols)

    def loss(self, texts: list[Tensor]) -> Tensor:
        """Return the loss of a batch of id sequences: cross-entropy per token plus the weighted KL per text."""
        padded, lengths = together(texts)
        mean, log_variance = self.posterior(padded, lengths)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1).mean()
        return -self.log_likelihood(padded, z).sum() / (lengths - 1).sum() + _KL_WEIGHT * kl

    def posterior(self, padded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x) for padded ids and their lengths."""
        states, _ = self.encoder(self.embedding(padded))
        last = states[torch.arange(len(padded)), lengths - 1]
        return self.mean(last), self.log_variance(last)

    def log_likelihood(self, padded: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) of each text in nats."""
        states, _ = self.decoder(self.embedding(padded), self._first_state(z))
        return token_log_likelihood(self.output(states), padded)

    def _first_state(self, z: Tensor) -> Tensor:
        return self.start(z).unflatten(1, (_LAYERS, _WIDTH)).transpose(0, 1).contiguous()

    @torch.no_grad()
    def sample(self, count: int, alphabet: Characters) -> list[str]:
        """Draw texts from the prior, always taking all steps."""

        def step(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            states, state = self.decoder(self.embedding(tokens).unsqueeze(1), state)
            return self.output(states[:, 0]), state

        return sampled(step, self._first_state(torch.randn(count, _LATENT)), alphabet)

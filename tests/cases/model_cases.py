"""Small models of every combination of parts, for the law tests."""

from itertools import product

import torch

from seqvae.config import ModelConfig
from seqvae.model.build import build_model
from seqvae.model.decoders import DECODERS
from seqvae.model.encoders import ENCODERS, EOS, PAD
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import generator

VOCAB, LATENT, LONGEST = 9, 3, 6
VARIANTS = [*ENCODERS, "gru:attention"]  # an encoder by its name, and, after a colon, how it pools
# Parts for aligned sequences stand with each other, and with one other part on either side.
PARTS = [
    pair
    for pair in product(VARIANTS, DECODERS)
    if "dense" not in pair or pair in (("dense", "dense"), ("dense", "gru"), ("gru", "dense"))
]


def config(encoder: str = "gru", decoder: str = "gru", **more: object) -> ModelConfig:
    sizes = {"latent": LATENT, "embedding": 5, "encoder_layers": 2, "decoder_layers": 2}
    widths: dict[str, object] = {"encoder_width": 8, "decoder_width": 8}
    encoder, _, pooling = encoder.partition(":")
    widths |= {"encoder_pooling": pooling} if pooling else {}
    return ModelConfig(encoder=encoder, decoder=decoder, max_length=LONGEST, **{**sizes, **widths, **more})


def model(encoder: str = "gru", decoder: str = "gru", seed: int = 0, scale: float = 1.0, **more: object) -> SequenceVAE:
    """A model in evaluation mode; `scale` above 1 makes its distributions far from uniform."""
    built = build_model(config(encoder, decoder, **more), VOCAB, seed).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.mul_(scale)
    return built


def tokens(lengths: list[int], seed: int = 0, width: int | None = None) -> torch.Tensor:
    """Random ids `(batch, width)`: content, EOS, PAD."""
    width = width or max(lengths) + 1
    ids = torch.randint(3, VOCAB, (len(lengths), width), generator=generator(seed, 99))
    for row, length in enumerate(lengths):
        ids[row, length] = EOS
        ids[row, length + 1 :] = PAD
    return ids


def every_text(longest: int, letters: tuple[int, ...]) -> list[list[int]]:
    texts: list[list[int]] = [[]]
    for _ in range(longest):
        texts += [[*text, letter] for text in texts if len(text) == len(texts[-1]) for letter in letters]
    return texts


def padded(texts: list[list[int]], longest: int) -> torch.Tensor:
    return torch.tensor([[*text, EOS] + [PAD] * (longest - len(text)) for text in texts])

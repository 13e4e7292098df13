"""A small model that was never trained, and molecules for it."""

from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.config import ModelConfig, RunConfig
from seqvae.latent.codec import Codec
from seqvae.model.build import build_model
from seqvae.sequences.tokenizers.registry import build_tokenizer

MOLECULES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "C1CCCCC1", "CC(C)Cl", "N#CC", "O=C1CCCO1"]


def tiny_artifact(kind="selfies"):
    tokenizer = build_tokenizer(kind).fit(MOLECULES)
    config = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=20)
    vae = build_model(config, tokenizer.vocab_size, seed=0)
    return Artifact(vae.eval(), config, tokenizer, RunConfig(model=config), {"seed": 0})


def tiny_codec(kind="selfies"):
    return Codec(tiny_artifact(kind), "cpu")


def save_tiny(folder):
    save_artifact(folder, tiny_artifact())
    return folder

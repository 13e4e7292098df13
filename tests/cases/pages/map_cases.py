"""Small maps: of molecules and of DNA, by models that were never trained."""

from __future__ import annotations

from pathlib import Path

from codec_cases import dna, untrained

from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.config import MapConfig
from seqvae.data.files.records import Record
from seqvae.evaluate.maps.chart import LatentMap, chart
from seqvae.latent.codec import Codec

HOSTILE = "<script>window.broken=1</script><img src=x onerror=window.broken=1>"
SMILES = ["CCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "CC(N)C(=O)O", "CCN(CC)CC", "OC1CCCCC1", "CC#N", "NCCS"]
SMILES += ["CCCO", "CCCCO", "c1ccccc1", "CC(=O)O", "NCCO", "CCS", "Oc1ccc(O)cc1", "CCNCC"]


def records(texts: list[str] | None = None) -> list[Record]:
    """Rows with names, numbers, groups and texts; the fourth name is hostile, and one number is missing."""
    texts = texts or SMILES
    found = []
    for row, text in enumerate(texts):
        fields = {"pIC50": "" if row == 5 else f"{5 + row / 10}", "series": ("amide", "</script>")[row % 2]}
        found.append(Record(text, HOSTILE if row == 3 else f"row {row}", row + 1, fields | {"note": f"={row}+1"}))
    return found


def small_map(
    codec: Codec | None = None, texts: list[str] | None = None, **settings: object
) -> tuple[Codec, LatentMap]:
    codec = codec or untrained(molecules=True)
    config = MapConfig(**{"grid": 4, "draws": 20, "clusters": 2, "samples": 2, **settings})
    return codec, chart(codec, records(texts), config, name="small")


def save_small(folder: Path) -> Path:
    """Write the model of `small_map` to a folder."""
    codec = untrained(molecules=True)
    save_artifact(folder, Artifact(codec.model, codec.run.model, codec.tokenizer, codec.run, {}))
    return folder


def dna_map(**settings: object) -> tuple[Codec, LatentMap]:
    return small_map(untrained(), dna(20), **settings)

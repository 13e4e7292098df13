"""Files come back byte for byte, whole and row by row, or with an error that says where."""

import hashlib

import numpy as np
import pytest
import torch
from coding_cases import MOLECULES, SETTINGS, artifact, codec, dna, output_of, pinned
from hypothesis import given
from hypothesis import strategies as st

from seqvae.artifact.folder import save_artifact
from seqvae.errors import ArtifactError, InputError, UsageError
from seqvae.infer.coding import CompressSettings, Container, compress, decompress
from seqvae.infer.coding.api import identity
from seqvae.infer.coding.blocks import cost
from seqvae.infer.coding.network import ExactModel
from seqvae.infer.coding.scheme import Scheme, chosen, grid_of
from seqvae.sequences.tokenizers.smiles import SmilesTokenizer

DNA, SMILES = codec(), codec("smiles")


def there_and_back(model, content, folder, name="a.smi", **settings):
    source, packed, back = folder / name, folder / "a.svz", folder / "back"
    source.write_bytes(content)
    found = compress(model, source, packed, CompressSettings(**settings))
    decompress(packed, back, model)
    assert back.read_bytes() == content
    assert found.before == len(content)
    assert found.after == packed.stat().st_size
    return found


@pytest.mark.parametrize("encoder", ["gru", "conv"])
@pytest.mark.parametrize("decoder", ["gru", "causal_conv", "position"])
@pytest.mark.parametrize("posterior", ["diagonal", "full", "iaf"])
def test_every_kind_of_model_codes_without_loss(encoder, decoder, posterior, tmp_path):
    model = codec(encoder=encoder, decoder=decoder, posterior=posterior)
    content = "".join(f"{text}\n" for text in dna(40)).encode()
    assert there_and_back(model, content, tmp_path, block=16).outside == 0


@pytest.mark.parametrize("decoder", ["gru", "causal_conv", "position"])
@pytest.mark.parametrize("lengths", ["fixed", "free"])
def test_a_decoder_that_stands_on_counts_codes_without_loss(decoder, lengths, tmp_path):
    model = codec(decoder=decoder, counts="added", lengths=lengths)
    counted, rng = model.model.decoder, torch.Generator().manual_seed(0)
    tables = {name: torch.randn(shape, generator=rng).log_softmax(-1) for name, shape in counted.shapes.items()}
    counted.set_tables(tables, torch.rand(len(tables), generator=rng))
    texts = dna(40)
    content = "".join(f"{text}\n" for text in texts).encode()
    assert there_and_back(model, content, tmp_path, block=16).outside == 0
    tokens, exact = model.padded(model.tokenize(texts).ids), ExactModel(model)
    z = model.encode(texts, refine=0)
    with torch.no_grad():
        logs = counted(z, tokens).log_softmax(-1).numpy()
    for row, weights in enumerate(exact.weights(z.double().numpy(), model.tokenize(texts).ids)):
        shares = weights[:, 2:] / weights.sum(1, keepdims=True)
        likely = logs[row, : len(shares), 2:] > -6
        np.testing.assert_allclose(np.log(shares)[likely], logs[row, : len(shares), 2:][likely], atol=1e-2)


@pytest.mark.parametrize("prior", ["mixture", "vamp", "flow"])
def test_every_kind_of_prior_codes_without_loss(prior, tmp_path):
    content = "".join(f"{text}\n" for text in dna(30)).encode()
    assert there_and_back(codec(prior=prior, prior_components=4), content, tmp_path).outside == 0


def test_selfies_and_encoders_of_base_symbols(tmp_path):
    content = "".join(f"{text}\n" for text in MOLECULES).encode()
    there_and_back(codec("selfies"), content, tmp_path)
    assert there_and_back(codec("smiles", encoder_tokens="base"), content, tmp_path).outside == 0


CONTENTS = {
    "names.smi": b"CCO ethanol\nCC#N\tacetonitrile\n\nNCCS\n",
    "spellings.smi": b"OCC\nC(O)C\nC1=CC=CC=C1O\nCCO",
    "windows.smi": b"CCO\r\nCCN(CC)CC\r\nlower c1ccccc1O\r\n",
    "not_text.txt": bytes(range(256)) + b"\nCCO\n",
    "unknown.txt": b"CCO\n[Zn+2]\nCCBr\n" + b"C" * 100 + b"\n",
    "table.csv": b'id,smiles,y\n1,CCO,0.5\n2,"CC#N",1\n3\n"a,b",NCCS,7\n',
    "blank.tsv": b"smiles\tname\nCCO\tethanol\n\tnothing\n",
}


@pytest.mark.parametrize("name", CONTENTS)
def test_files_of_molecules_come_back_with_all_that_is_in_them(name, tmp_path):
    there_and_back(SMILES, CONTENTS[name], tmp_path, name)


FASTA = {
    "plain": b">a\nACGT\n>b second\nGGCA\n",
    "wrapped": b">a\nACGTA\nACG\n>b\nACGTA\nACGTA\n>c\nAC\n",
    "uneven": b"; comment\n>a\nACGTA\nA\nACG\n>b\nACG\n>c\nACGTA\nACG",
    "soft": b">a\nacgtNN\n>b\nACGRYT\n\n>empty\n>c\nACG \n",
    "windows": b">a\r\nACGTA\r\nACG\r\n>b\r\nAC\r\n",
}


@pytest.mark.parametrize("name", FASTA)
def test_fasta_comes_back_with_comments_and_line_breaks(name, tmp_path):
    there_and_back(DNA, FASTA[name], tmp_path, "a.fasta")


@given(
    st.lists(st.one_of(st.sampled_from([b"CCO", b"c1ccccc1O", b"CC#N a", b"", b"X"]), st.binary(max_size=12))),
    st.booleans(),
)
def test_any_bytes_come_back(tmp_path_factory, lines, ended):
    content = b"\n".join([b"CCO", *lines]) + b"\n" * ended
    there_and_back(SMILES, content, tmp_path_factory.mktemp("any"), "a.txt", block=4)


def test_what_the_model_does_not_write_is_counted(tmp_path):
    found = there_and_back(DNA, b"ACGT\nacgt\nACNT\nGGG\n" + b"A" * 99 + b"\n", tmp_path, "a.txt")
    assert (found.rows, found.outside) == (5, 3)


# Of the container below. Bytes that change make containers unreadable that exist: then `FORMAT` must change too.
PINNED = "4a84281a3d51c2a96a9a608cb2a2e9596c5c4f6b1fc5fb4c6cff8c74e6d49981"


@pytest.mark.parametrize("batch_size", [1, 2, 3, 512])
def test_the_bytes_are_these_whatever_the_batch_size(batch_size, tmp_path):
    path = pinned(DNA, tmp_path, batch_size=batch_size)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == PINNED
    decompress(path, tmp_path / "back", DNA, batch_size=batch_size)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "p.txt").read_bytes()


PROGRAM = """
import hashlib, sys
from pathlib import Path
from coding_cases import TEXTS, codec, exact_model, pinned
from seqvae.infer.coding import decompress
folder = Path(sys.argv[1])
decompress(folder / "p.svz", folder / "other", codec())
(folder / "again").mkdir(exist_ok=True)
print(hashlib.sha256(pinned(codec(), folder / "again").read_bytes()).hexdigest())
digest = hashlib.sha256()
for encoder, decoder in (("gru", "gru"), ("conv", "causal_conv"), ("gru:attention", "position")):
    _, model = exact_model(encoder, decoder)
    mean, std = model.posterior(TEXTS)
    for part in (mean, std, *model.weights(mean, TEXTS)):
        digest.update(part.tobytes())
print(digest.hexdigest())
"""
# What the second half of the program prints.
NETWORKS = "7f93c1af65a36f3fc9b6370b63601964dbfaa4fb473db9eb390ef71d749b6520"


@pytest.mark.parametrize("setting", SETTINGS)
def test_another_processor_reads_and_writes_the_same_container(setting, tmp_path):
    pinned(DNA, tmp_path)
    assert output_of(PROGRAM, [tmp_path], setting).split() == [PINNED, NETWORKS]
    assert (tmp_path / "other").read_bytes() == (tmp_path / "p.txt").read_bytes()


def test_versions_of_libraries_do_not_make_another_model(monkeypatch):
    before = identity(codec("smiles"))
    monkeypatch.setattr(SmilesTokenizer, "versions", {"rdkit": "another"})
    assert identity(codec("smiles")) == before
    assert identity(codec("smiles", seed=1)) != before


def test_any_row_by_its_number(tmp_path):
    rows = [">a\nACGTA\nACG", ">b\nACGTA\nACGTA", ">c\nacg"]
    (tmp_path / "a.fasta").write_text("".join(f"{row}\n" for row in rows))
    compress(DNA, tmp_path / "a.fasta", tmp_path / "a.svz", CompressSettings(block=2))
    with Container(tmp_path / "a.svz", DNA) as container:
        assert [container[place] for place in (2, 0, 1, -1)] == [rows[2], rows[0], rows[1], rows[2]]
        assert list(container) == rows
        assert len(container) == 3
        with pytest.raises(IndexError, match="rows 0 to 2, not 3"):
            container[3]


def test_no_damaged_byte_goes_unseen(tmp_path):
    content = "".join(f"{text} n{row}\n" for row, text in enumerate(dna(12))).encode()
    there_and_back(DNA, content, tmp_path, block=4)
    whole = (tmp_path / "a.svz").read_bytes()
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        (tmp_path / "d.svz").write_bytes(damaged)
        with pytest.raises(InputError, match=r"d\.svz"):
            decompress(tmp_path / "d.svz", tmp_path / "out", DNA)
    for length in (0, 5, 40, len(whole) // 2, len(whole) - 1):
        (tmp_path / "d.svz").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"d\.svz"):
            decompress(tmp_path / "d.svz", tmp_path / "out", DNA)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_damage_is_told_by_block_and_rows_and_spares_the_others(tmp_path):
    path = pinned(DNA, tmp_path)
    with Container(path, DNA) as container:
        place, length, _ = container.index.places[2]
    data = bytearray(path.read_bytes())
    data[place + length // 2] ^= 4
    path.write_bytes(data)
    with Container(path, DNA) as container:
        assert container[0] == dna(1)[0]
        with pytest.raises(InputError, match=r"p\.svz: block 2 \(rows 32 to 47\): damaged: the checksum does not fit"):
            container[40]


def test_a_failure_leaves_an_older_file_as_it_was(tmp_path):
    path = pinned(DNA, tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(InputError, match="truncated"):
        decompress(path, tmp_path / "old", DNA)
    assert (tmp_path / "old").read_bytes() == b"old"


def test_the_model_is_found_by_its_name_and_checked(tmp_path):
    save_artifact(tmp_path / "model", artifact())
    save_artifact(tmp_path / "other", artifact(seed=1))
    (tmp_path / "a.txt").write_bytes(b"ACGT\n")
    compress(tmp_path / "model", tmp_path / "a.txt", tmp_path / "a.svz")
    with Container(tmp_path / "a.svz") as container:
        assert container[0] == "ACGT"
    with pytest.raises(InputError, match="coded by another model than the model given"):
        Container(tmp_path / "a.svz", tmp_path / "other")
    (tmp_path / "model").rename(tmp_path / "moved")
    with pytest.raises(ArtifactError, match="its model is not here; say where, --model MODEL"):
        Container(tmp_path / "a.svz")
    with Container(tmp_path / "a.svz", tmp_path / "moved") as container:
        assert container[0] == "ACGT"


def test_what_is_no_container_or_no_file_of_lines_is_said(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"ACGT\n" * 9)
    with pytest.raises(InputError, match="not a file of `seqvae compress`"):
        Container(tmp_path / "a.txt", DNA)
    with pytest.raises(UsageError, match=r"only lines of text are coded \(.smi"):
        compress(DNA, tmp_path / "a.txt", tmp_path / "a.svz", CompressSettings(format="sdf"))
    with pytest.raises(UsageError, match="block: expected a number of rows"):
        CompressSettings(block=0)


def test_a_text_costs_its_elbo():
    model, texts = DNA, dna(400, seed=3)
    exact = ExactModel(model)
    ids = model.tokenize(texts).ids
    grid = grid_of(*exact.posterior(ids), 0.5, 1.0, normal=True)
    found = cost(exact, Scheme(grid, (1, 1, 1)), ids) * np.log(2) / len(ids)
    elbo = float(model.bounds(texts).elbo.mean())
    assert found == pytest.approx(-elbo, rel=0.02)
    assert chosen(exact, ids, 64, normal=True).bits * np.log(2) <= -1.02 * elbo


def test_blocks_take_the_bits_that_their_texts_cost(tmp_path):
    texts = dna(1000, seed=3)
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in texts))
    found = compress(DNA, tmp_path / "a.txt", tmp_path / "a.svz", CompressSettings(block=250))
    with Container(tmp_path / "a.svz", DNA) as container:
        bits = cost(ExactModel(DNA), container.scheme, DNA.tokenize(texts).ids)
    assert 8 * found.model_bytes == pytest.approx(bits, rel=0.02)

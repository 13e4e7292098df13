"""Laws of fine-tuning: what a model knew it still knows, what is frozen stays, and a stopped run goes on."""

import dataclasses
import json
import shutil
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import LONGEST, PARTS, VOCAB, config, model, tokens
from run_cases import dna_file, small_run, with_model
from safetensors.torch import load_file

import seqvae
from seqvae.artifact.folder import load_artifact
from seqvae.config import AdaptConfig, DataConfig, DecodeConfig, FinetuneConfig, PriorConfig, RunConfig, TokenizerConfig
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ArtifactError, ConfigError, InputError, SeqVAEWarning, TooLongError, UsageError
from seqvae.latent.codec import Codec
from seqvae.model.adapt.extend_vocabulary import extended_model, vocabulary_names
from seqvae.model.adapt.lora import adapt, merged
from seqvae.model.build import build_model
from seqvae.model.decoding.generate import decode
from seqvae.runtime.device import generator
from seqvae.sequences.tokenizers.extend import extended, kept_ids
from seqvae.sequences.tokenizers.registry import build_tokenizer, tokenizer_from_dict
from seqvae.train.finetune import finetune
from seqvae.train.fit import train

WORDS = ["banana", "bandana", "cabana", "nab", "cab", "ananas"]
CASES = {
    "char": ("char", 0, WORDS, list("xyz")),
    "char subwords": ("char", 12, WORDS, list("xyz")),
    "smiles": ("smiles", 0, ["CCO", "c1ccccc1O", "CC(=O)O"], ["B", "[nH]", "Cl"]),
    "smiles subwords": ("smiles", 14, ["CCO", "c1ccccc1O", "CC(=O)O"], ["B", "[nH]", "Cl"]),
    "selfies subwords": ("selfies", 14, ["CCO", "c1ccccc1O", "CC(=O)O"], ["[B]", "[Cl]"]),
    "dna subwords": ("dna", 14, ["ACGTACGT", "ACNGT", "ACGACG"], []),
}


@pytest.fixture(params=CASES, scope="module")
def case(request):
    kind, size, texts, new = CASES[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)  # few texts repeat too little for all merges asked for
        return build_tokenizer(kind, size).fit(texts), texts, new


def test_old_texts_keep_their_tokens_and_come_back(case):
    tokenizer, texts, new = case
    longer = extended(tokenizer, [*new, *new])
    kept = kept_ids(tokenizer, longer)
    assert [longer.tokens[i] for i in kept] == list(tokenizer.tokens)
    added = sorted(set(range(longer.vocab_size)) - set(kept))
    assert [longer.tokens[i] for i in added] == new
    codes = {tokenizer.vocab_size + i: longer.vocab_size + i for i in range(len(tokenizer.code_sets))}
    moved = dict(enumerate(kept)) | codes
    for text in texts:
        assert longer.encode(text) == [moved[i] for i in tokenizer.encode(text)]
        assert longer.decode(longer.encode(text)) == tokenizer.normalize(text)
    assert tokenizer_from_dict(longer.to_dict()).to_dict() == longer.to_dict()


@given(st.lists(st.text("abn", min_size=1, max_size=9), min_size=1), st.text("xyzab", min_size=1, max_size=12))
def test_any_text_over_the_longer_alphabet_can_be_written(texts, wanted):
    tokenizer = build_tokenizer("char").fit(["abn", *texts])
    longer = extended(tokenizer, list(wanted))
    assert longer.decode(longer.encode(wanted)) == wanted
    assert kept_ids(tokenizer, longer) == list(range(tokenizer.vocab_size))


def test_a_fixed_alphabet_says_so():
    with pytest.raises(UsageError, match="vocabulary of a dna tokenizer is fixed: 'X' cannot be added"):
        extended(build_tokenizer("dna"), ["X"])


def larger(old, parts, kept=None, size=VOCAB + 2, **more):
    kept = kept or [*range(5), *range(7, VOCAB + 2)]  # two new symbols in the middle, as under merged tokens
    return extended_model(old, dataclasses.replace(config(*parts), **more), kept, size), kept


@pytest.mark.parametrize("parts", PARTS)
def test_an_extended_model_computes_what_it_did(parts):
    old = model(*parts, scale=2.0)
    new, kept = larger(old, parts)
    ids = tokens([6, 3, 1, 5])
    moved = torch.tensor(kept)[ids]
    with torch.no_grad():
        before, after = old.posterior(ids), new.posterior(moved)
        torch.testing.assert_close(after.mean, before.mean)
        torch.testing.assert_close(after.log_variance, before.log_variance)
        z = torch.randn(4, old.prior.latent, generator=generator(1))
        logits = new.decoder(z, moved)
        torch.testing.assert_close(logits[..., kept], old.decoder(z, ids))
        # a new symbol's logit is the mean of those of the old content symbols
        mean = old.decoder(z, ids)[..., 3:].mean(-1)
        torch.testing.assert_close(logits[..., [5, 6]], mean.unsqueeze(-1).expand(-1, -1, 2))
        greedy = [decode(m.decoder, z, DecodeConfig(), generator(0)).ids for m in (old, new)]
    assert torch.equal(torch.tensor(kept)[greedy[0]], greedy[1])


@pytest.mark.parametrize("parts", PARTS)
def test_longer_texts_are_for_models_without_a_table_of_positions(parts):
    old = model(*parts)
    if not (old.encoder.positional or old.decoder.positional):
        new, _ = larger(old, parts, max_length=LONGEST + 4)
        assert new.decoder.max_length == LONGEST + 4
        new.bounds(Batch.of(tokens([LONGEST + 4])), generator(0))
    else:
        with pytest.raises(ConfigError, match="max_length stays where a part has a table of positions"):
            larger(old, parts, max_length=LONGEST + 4)


def steps(learner, count=5, rate=0.1):
    optimizer = torch.optim.Adam(learner.parameters(), lr=rate, fused=True)
    ids = torch.tensor([[5, 6, 7, 2], [3, 5, 2, 0]])
    from seqvae.config import ObjectiveConfig

    for step in range(count):
        optimizer.zero_grad()
        learner.losses(Batch.of(ids), 1.0, ObjectiveConfig(), generator(step)).loss.backward()
        optimizer.step()


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize(
    "choice", [AdaptConfig(lora=2), AdaptConfig(lora=2, freeze_encoder=True), AdaptConfig(lora=2, freeze_decoder=True)]
)
def test_adapters_start_at_the_model_train_and_merge(parts, choice):
    start, _ = larger(model(*parts), parts)
    start.eval()
    learner, _ = larger(model(*parts), parts)
    learner.eval()
    adapt(learner, [] if choice.freeze_decoder else [5, 6], choice, generator(0))
    ids = torch.tensor([[3, 4, 7, 8, 2], [9, 10, 2, 0, 0]])  # old symbols only
    z = torch.randn(2, 3, generator=generator(2))

    def outputs(of):
        with torch.no_grad():
            step, _ = of.decoder.step(torch.full((2,), 1), of.decoder.begin(z))
            return of.posterior(ids).mean, of.decoder(z, ids), step

    for before, after in zip(outputs(start), outputs(learner), strict=True):
        torch.testing.assert_close(before, after)
    steps(learner)
    plain = merged(learner, build_model(config(*parts), VOCAB + 2)).eval()
    moved = [not torch.allclose(a, b, atol=1e-3) for a, b in zip(outputs(start), outputs(plain), strict=True)]
    assert moved == [not choice.freeze_encoder, not choice.freeze_decoder, not choice.freeze_decoder]
    # the adapted model and the merged one are the same function, whole and step by step
    for before, after in zip(outputs(learner), outputs(plain), strict=True):
        torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("parts", PARTS)
def test_adapted_weights_keep_their_type_in_bf16(parts):
    learner = model(*parts)
    adapt(learner, [], AdaptConfig(lora=2), generator(0))
    with torch.autocast("cpu", torch.bfloat16):
        steps(learner, count=1)
        weights = [
            getattr(module, name) for module in learner.modules() for name in getattr(module, "parametrizations", ())
        ]
        layers = [layer._flat_weights for layer in learner.modules() if isinstance(layer, torch.nn.GRU)]
    assert weights
    assert {weight.dtype for weight in [*weights, *(one for layer in layers for one in layer)]} == {torch.float32}


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize(("frozen", "free"), [("encoder", "decoder"), ("decoder", "encoder")])
def test_a_frozen_part_learns_new_symbols_alone(parts, frozen, free):
    start, _ = larger(model(*parts), parts)
    learner, _ = larger(model(*parts), parts)
    adapt(learner, [5, 6], AdaptConfig(**{f"freeze_{frozen}": True}), generator(0))
    steps(learner)
    old, new = start.state_dict(), learner.state_dict()
    rows = torch.tensor([5, 6])
    others = [i for i in range(VOCAB + 2) if i not in (5, 6)]
    grown = set(vocabulary_names(learner))
    assert any(name.startswith(frozen) for name in grown)
    for name in old:
        if name in grown and name.startswith(frozen):
            assert torch.equal(old[name][others], new[name][others])
            assert not torch.equal(old[name][rows], new[name][rows]), name
        elif name.startswith(frozen):
            assert torch.equal(old[name], new[name]), name
    moved = [name for name in old if name.startswith(free) and not torch.equal(old[name], new[name])]
    assert len(moved) == sum(name.startswith(free) for name in old)


def test_one_part_at_least_learns():
    with pytest.raises(ConfigError, match="with both nothing is left to learn"):
        AdaptConfig(freeze_encoder=True, freeze_decoder=True)


def test_without_choices_everything_learns():
    learner = model()
    adapt(learner, [], AdaptConfig(), generator(0))
    assert all(parameter.requires_grad for parameter in learner.parameters())


# whole runs


SETTINGS = dataclasses.replace(small_run(dna_file).training, epochs=2)


def text_file(folder, texts, name="texts.txt"):
    path = folder / name
    path.write_text("\n".join(texts) + "\n")
    return str(path)


def words(alphabet, count, longest=8, seed=0):
    rows = torch.randint(len(alphabet), (count, longest), generator=generator(seed))
    lengths = torch.randint(3, longest + 1, (count,), generator=generator(seed + 1))
    return ["".join(alphabet[i] for i in row[:n]) for row, n in zip(rows.tolist(), lengths.tolist(), strict=True)]


def settings(**adapt):
    data = DataConfig(split="random", valid_fraction=0.1, test_fraction=0.1)
    return FinetuneConfig(data, dataclasses.replace(SETTINGS, patience=3), PriorConfig("none"), AdaptConfig(**adapt))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    run = small_run(text_file(folder, words("abcd", 120)))
    run = dataclasses.replace(run, tokenizer=TokenizerConfig("char", vocab_size=20))
    train(run, folder / "model", quiet=True)
    return folder / "model"


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Texts with symbols that the model does not know, some longer than it takes."""
    return text_file(tmp_path_factory.mktemp("mine"), words("abcdxy", 80, longest=14))


@pytest.mark.parametrize(
    "choice",
    [{}, {"freeze_encoder": True}, {"freeze_decoder": True}, {"lora": 2}, {"lora": 2, "freeze_encoder": True}],
)
def test_a_fine_tuned_model_is_a_model(base, mine, tmp_path, choice):
    found = finetune(base, mine, tmp_path / "out", settings(**choice), quiet=True)
    codec = seqvae.load(tmp_path / "out", device="cpu")
    assert found.new_tokens == ("x", "y")
    assert codec.max_length == found.trained.prepared.run.model.max_length > seqvae.load(base).max_length
    codec.encode(["abcdxy"])
    old = seqvae.load(base, device="cpu")
    texts = ["abcd", "dcba", "aabb"]
    same = torch.allclose(codec.encode(texts, refine=0), old.encode(texts, refine=0), atol=1e-6)
    assert same == choice.get("freeze_encoder", False)
    start = Codec(found.start, "cpu")
    torch.testing.assert_close(start.encode(texts, refine=0), old.encode(texts, refine=0))
    assert start.decode(old.encode(texts, refine=0)) == old.decode(old.encode(texts, refine=0))
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert provenance["finetune"]["new_tokens"] == ["x", "y"]
    assert provenance["finetune"]["base"]["data"]["texts"] > 0
    assert load_artifact(tmp_path / "out").run.objective.schedule == "constant"


def test_it_lowers_the_loss_on_the_new_texts(base, mine, tmp_path):
    longer = dataclasses.replace(settings(), training=dataclasses.replace(SETTINGS, epochs=15))
    found = finetune(base, mine, tmp_path / "out", longer, quiet=True)
    texts = found.trained.prepared.test_texts
    before = Codec(found.start, "cpu").bounds(texts).elbo.mean()
    assert seqvae.load(tmp_path / "out", device="cpu").bounds(texts).elbo.mean() > before + 1


@pytest.mark.parametrize("choice", [{}, {"lora": 2, "freeze_encoder": True}])
def test_stopped_and_resumed_is_unbroken_bit_for_bit(base, mine, tmp_path, choice):
    from seqvae.train.lightning_module import TrainingShell

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = settings(**choice)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, checkpoint_minutes=1e-9))
    step, calls = TrainingShell.training_step, []

    def stopping(self, *args):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return step(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingShell, "training_step", stopping)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            finetune(base, mine, tmp_path / "broken", config, quiet=True)
    assert not (tmp_path / "broken" / "weights.safetensors").exists()
    finetune("", "", tmp_path / "broken", resume=True, quiet=True)
    finetune(base, mine, tmp_path / "whole", config, quiet=True)
    torch.set_num_threads(threads)
    first, other = (load_file(tmp_path / name / "weights.safetensors") for name in ("broken", "whole"))
    assert all(torch.equal(first[name], other[name]) for name in other)


def test_early_stopping_ends_it_and_resuming_changes_nothing(base, mine, tmp_path):
    config = settings()
    training = dataclasses.replace(config.training, epochs=200, learning_rate=0.1, rate_schedule="constant", patience=2)
    finetune(base, mine, tmp_path / "out", dataclasses.replace(config, training=training), quiet=True)
    before = (tmp_path / "out" / "weights.safetensors").read_bytes()
    done = finetune("", "", tmp_path / "out", resume=True, quiet=True)
    assert done.trained.progress.step < 200 * 5
    assert (tmp_path / "out" / "weights.safetensors").read_bytes() == before


def test_the_folder_says_how_to_go_on(base, mine, tmp_path):
    finetune(base, mine, tmp_path / "out", settings(), quiet=True)
    with pytest.raises(UsageError, match=r"holds a fine-tuning; resume it by seqvae finetune --resume"):
        train(RunConfig(), tmp_path / "out", resume=True, quiet=True)
    with pytest.raises(UsageError, match="holds a run already"):
        finetune(base, mine, tmp_path / "out", settings(), quiet=True)
    with pytest.raises(UsageError, match="no fine-tuning to resume"):
        finetune(base, mine, tmp_path / "other", resume=True, quiet=True)
    with pytest.raises(UsageError, match="takes its settings from the folder"):
        finetune(base, mine, tmp_path / "out", settings(), resume=True, quiet=True)
    other = shutil.copytree(tmp_path / "out", tmp_path / "changed")
    with pytest.raises(ArtifactError, match="not the weights that this fine-tuning started from"):
        finetune(other, "", tmp_path / "out", resume=True, quiet=True)
    (tmp_path / "out" / "finetune.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"finetune.json: damaged"):
        finetune("", "", tmp_path / "out", resume=True, quiet=True)


def test_several_devices_are_for_whole_models(base, mine, tmp_path):
    config = settings(lora=2)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, devices=2))
    with pytest.raises(ConfigError, match="expected 1 with adapters or a frozen part, got 2"):
        finetune(base, mine, tmp_path / "out", config, quiet=True)


def test_positions_end_where_the_model_s_end(tmp_path):
    run = with_model(small_run(dna_file(tmp_path)), encoder="conv", decoder="causal_conv")
    train(run, tmp_path / "model", quiet=True)
    longer = text_file(tmp_path, ["ACGTACGTACGTACG"] * 30, "longer.txt")
    with pytest.raises(TooLongError, match="longest text has 15 tokens, and this model takes at most 12"):
        finetune(tmp_path / "model", longer, tmp_path / "out", settings(), quiet=True)
    finetune(tmp_path / "model", text_file(tmp_path, ["ACGTACG"] * 30), tmp_path / "shorter", settings(), quiet=True)
    assert seqvae.load(tmp_path / "shorter").max_length == 12


def test_texts_of_another_kind_are_refused(tmp_path):
    train(small_run(dna_file(tmp_path)), tmp_path / "model", quiet=True)
    molecules = text_file(tmp_path, ["CCO", "c1ccccc1"] * 20)
    with pytest.raises(InputError, match="expected DNA"):
        finetune(tmp_path / "model", molecules, tmp_path / "out", settings(), quiet=True)


def test_tiny_data_still_trains(base, tmp_path):
    """Too few texts for a validation part: no early stopping, and nothing to measure on."""
    few = text_file(tmp_path, ["abcx", "xbcd"])
    found = finetune(base, few, tmp_path / "out", settings(), quiet=True)
    assert found.new_tokens == ("x",)
    assert found.trained.prepared.valid is None

"""Checkpoints in every form they come in, and each way they can be wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.checkpoint import CODEC_FOLDER, WAV2VEC2_FOLDER, codec_fingerprint, open_checkpoint
from sparktts_onnx.export.checkpoint.weights import PICKLE_NAME, SAFETENSORS_NAME, TensorFiles
from sparktts_onnx.export.modules.weight_norm import WeightNormed

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy", ignore=shutil.ignore_patterns("onnx")))


def change_codec(folder: Path, change: Callable[[Tensors], Tensors]) -> None:
    path = folder / CODEC_FOLDER / SAFETENSORS_NAME
    tensors = change(load_file(path))
    path.unlink()
    save_file(tensors, path)


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def test_a_missing_tensor_is_named(folder: Path) -> None:
    change_codec(folder, without("quantizer.codebook.weight"))
    with pytest.raises(CheckpointError, match=r"missing: quantizer\.codebook\.weight"):
        open_checkpoint(folder).load_codec()


def test_an_extra_tensor_is_named(folder: Path) -> None:
    change_codec(folder, lambda tensors: {**tensors, "decoder.model.9.alpha": torch.ones(1)})
    with pytest.raises(CheckpointError, match=r"not expected: decoder\.model\.9\.alpha"):
        open_checkpoint(folder).load_codec()


def test_a_misshapen_tensor_is_named_with_both_shapes(folder: Path) -> None:
    change_codec(folder, lambda tensors: {**tensors, "encoder.project.bias": torch.zeros(31)})
    with pytest.raises(CheckpointError, match=r"encoder\.project\.bias \(found \[31\], expected \[32\]\)"):
        open_checkpoint(folder).load_codec()


def test_many_faults_are_counted(folder: Path) -> None:
    change_codec(folder, lambda tensors: {})
    with pytest.raises(CheckpointError, match=r"and 5\d\d more"):
        open_checkpoint(folder).load_codec()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_smaller_types_are_computed_in_float32(folder: Path, dtype: torch.dtype) -> None:
    before = open_checkpoint(folder).load_codec()
    change_codec(folder, lambda tensors: {k: v.to(dtype) if v.is_floating_point() else v for k, v in tensors.items()})
    after = open_checkpoint(folder).load_codec()
    for (name, old), new in zip(before.state_dict().items(), after.state_dict().values(), strict=True):
        assert new.dtype == old.dtype, name
        expected = old.to(dtype).to(torch.float32) if old.is_floating_point() else old
        assert torch.equal(new, expected), name


def test_shards_are_one_checkpoint(folder: Path) -> None:
    before = codec_fingerprint(open_checkpoint(folder).load_codec())
    path = folder / CODEC_FOLDER / SAFETENSORS_NAME
    tensors = load_file(path)
    path.unlink()
    places = {}
    for index in range(3):
        shard = f"model-{index + 1:05}-of-00003.safetensors"
        names = sorted(tensors)[index::3]
        save_file({name: tensors[name] for name in names}, path.parent / shard)
        places |= dict.fromkeys(names, shard)
    (path.parent / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert codec_fingerprint(open_checkpoint(folder).load_codec()) == before
    (path.parent / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(CheckpointError, match="model-00002-of-00003"):
        open_checkpoint(folder).load_codec()


def test_newer_names_of_weight_norm_are_the_same_checkpoint(folder: Path) -> None:
    before = codec_fingerprint(open_checkpoint(folder).load_codec())

    def rename(tensors: Tensors) -> Tensors:
        ends = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
        return {
            key.rsplit(".", 1)[0] + "." + ends[key.rsplit(".", 1)[1]] if key.rsplit(".", 1)[1] in ends else key: value
            for key, value in tensors.items()
        }

    change_codec(folder, rename)
    assert any("original0" in name for name in load_file(folder / CODEC_FOLDER / SAFETENSORS_NAME))
    assert codec_fingerprint(open_checkpoint(folder).load_codec()) == before


def test_wav2vec2_is_read_from_either_file_and_its_heads_do_not_matter(folder: Path) -> None:
    path = folder / WAV2VEC2_FOLDER / PICKLE_NAME
    tensors = torch.load(path, weights_only=True)
    from_pickle = open_checkpoint(folder).load_wav2vec2().state_dict()
    path.unlink()
    save_file(
        {**tensors, "quantizer.codevectors": torch.ones(2), "project_q.bias": torch.ones(2)},
        path.parent / SAFETENSORS_NAME,
    )
    from_safetensors = open_checkpoint(folder).load_wav2vec2().state_dict()
    assert from_pickle.keys() == from_safetensors.keys()
    assert all(torch.equal(from_pickle[name], from_safetensors[name]) for name in from_pickle)
    assert not any(name.startswith("encoder.layers.16") for name in from_pickle)


def test_a_missing_wav2vec2_tensor_is_named(folder: Path) -> None:
    path = folder / WAV2VEC2_FOLDER / PICKLE_NAME
    name = "wav2vec2.encoder.layers.3.attention.k_proj.bias"
    torch.save(without(name)(torch.load(path, weights_only=True)), path)
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
        open_checkpoint(folder).load_wav2vec2()


def test_a_folder_that_is_no_checkpoint_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be read: No such file or directory$"):
        open_checkpoint(tmp_path)


def test_a_pickle_cannot_run_code(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return (Path(folder / "sprung").mkdir, ())  # type: ignore[return-value]

    torch.save({"wav2vec2.masked_spec_embed": Trap()}, folder / WAV2VEC2_FOLDER / PICKLE_NAME)
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_checkpoint(folder).load_wav2vec2()
    assert not (folder / "sprung").exists()


def test_too_few_wav2vec2_layers_are_refused(folder: Path) -> None:
    path = folder / WAV2VEC2_FOLDER / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_hidden_layers": 12}))
    with pytest.raises(CheckpointError, match="12 layers; the codec reads hidden state 16"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("speaker_encoder", "fsq_num_quantizers", 2, "fsq_num_quantizers is 2"),
        ("decoder", "kernel_sizes", [16, 11], "decoder.kernel_sizes 2"),
        ("prenet", "condition_dim", 7, "prenet.condition_dim is 7 but speaker_encoder.out_dim is 32"),
        ("encoder", "vocos_dim", None, "missing key encoder.vocos_dim"),
        ("quantizer", "codebook_size", 600, "512 semantic tokens, the codec makes 600"),
        ("speaker_encoder", "fsq_levels", [8, 8, 8, 8, 8], "4096 global tokens, the codec makes 32768"),
        ("encoder", "input_channels", 40, "wav2vec2 is 32 wide, the codec's encoder expects 40"),
    ],
)
def test_configs_that_disagree_are_refused(folder: Path, section: str, key: str, value: object, message: str) -> None:
    path = folder / CODEC_FOLDER / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["audio_tokenizer"][section][key] = value
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(CheckpointError) as error:
        open_checkpoint(folder)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "name", ["config.yaml", "BiCodec/config.yaml", "LLM/tokenizer.json", "wav2vec2-large-xlsr-53/config.json"]
)
@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"[1, 2"])
def test_missing_and_unreadable_configs_are_named(folder: Path, name: str, content: bytes | None) -> None:
    path = folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        open_checkpoint(folder)
    assert str(path) in str(error.value)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there are no weights in"):
        TensorFiles(tmp_path)


def test_the_fingerprint_is_of_the_weights_alone(folder: Path, tiny_folder: Path) -> None:
    first = codec_fingerprint(open_checkpoint(tiny_folder).load_codec())
    assert codec_fingerprint(open_checkpoint(folder).load_codec()) == first
    change_codec(folder, lambda tensors: {**tensors, "encoder.project.bias": tensors["encoder.project.bias"] + 1})
    assert codec_fingerprint(open_checkpoint(folder).load_codec()) != first


@pytest.mark.parametrize("before", ["model.", "generator.", "module.audio_tokenizer.", "_orig_mod."])
def test_what_a_trainer_put_before_all_names_does_not_matter(folder: Path, tiny_folder: Path, before: str) -> None:
    change_codec(folder, lambda tensors: {before + name: values for name, values in tensors.items()})
    path = folder / WAV2VEC2_FOLDER / PICKLE_NAME
    torch.save({before + name: values for name, values in torch.load(path, weights_only=True).items()}, path)
    found, expected = open_checkpoint(folder), open_checkpoint(tiny_folder)
    assert codec_fingerprint(found.load_codec()) == codec_fingerprint(expected.load_codec())
    theirs = expected.load_wav2vec2().state_dict()
    assert all(torch.equal(values, theirs[name]) for name, values in found.load_wav2vec2().state_dict().items())


def test_a_prefix_that_not_all_names_have_is_none(folder: Path) -> None:
    change_codec(folder, lambda tensors: {"model." + name: each.clone() for name, each in tensors.items()} | tensors)
    with pytest.raises(CheckpointError, match=r"not expected: model\.decoder"):
        open_checkpoint(folder).load_codec()


def test_a_codec_saved_as_the_original_holds_it_is_the_same(folder: Path, tiny_folder: Path) -> None:
    """It folds weight norm when it has loaded, and keeps the spectrogram's filters as buffers."""
    codec = open_checkpoint(tiny_folder).load_codec()
    expected = codec.state_dict()

    def fold(tensors: Tensors) -> Tensors:
        plain = {name.removesuffix("_g"): values for name, values in tensors.items() if name.endswith("weight_g")}
        for name, length in plain.items():
            direction = tensors[f"{name}_v"]
            norm = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
            plain[name] = direction * (length / norm)
        kept = {name: values for name, values in tensors.items() if not name.endswith(("weight_g", "weight_v"))}
        filters = {"mel_transformer.spectrogram.window": torch.ones(640), "mel_transformer.mel_scale.fb": torch.ones(5)}
        return {**kept, **plain, **filters}

    change_codec(folder, fold)
    found = open_checkpoint(folder).load_codec()
    assert found.state_dict().keys() == expected.keys()
    for name, module in found.named_modules():
        if isinstance(module, WeightNormed):
            torch.testing.assert_close(module.weight(), codec.get_submodule(name).weight(), rtol=1e-6, atol=1e-7)


def test_tensors_that_only_training_reads_may_be_missing(folder: Path, tiny_folder: Path) -> None:
    counts = ("cluster_size", "num_batches_tracked")
    change_codec(folder, lambda tensors: {name: each for name, each in tensors.items() if not name.endswith(counts)})
    path = folder / WAV2VEC2_FOLDER / PICKLE_NAME
    torch.save(without("wav2vec2.masked_spec_embed")(torch.load(path, weights_only=True)), path)
    opened = open_checkpoint(folder)
    z, wav = torch.randn(1, 32, 9), torch.randn(1, 2000)
    with torch.no_grad():
        ids = opened.load_codec().quantizer.tokenize(z)
        features = opened.load_wav2vec2()(wav).last_hidden_state
        assert torch.equal(ids, open_checkpoint(tiny_folder).load_codec().quantizer.tokenize(z))
        assert torch.equal(features, open_checkpoint(tiny_folder).load_wav2vec2()(wav).last_hidden_state)


def test_a_wav2vec2_with_adapters_in_its_layers_is_refused(folder: Path) -> None:
    path = folder / WAV2VEC2_FOLDER / PICKLE_NAME
    tensors = torch.load(path, weights_only=True)
    unread = {f"wav2vec2.{name}": torch.ones(3) for name in ("adapter.layers.0.bias", "encoder.layers.16.adapter.bias")}
    torch.save({**tensors, **unread}, path)
    open_checkpoint(folder).load_wav2vec2()
    name = "wav2vec2.encoder.layers.3.adapter_layer.linear_1.bias"
    torch.save({**tensors, name: torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match=f"a tensor too many, {name}"):
        open_checkpoint(folder).load_wav2vec2()


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (
            ("mel_params", "sample_rate"),
            24000,
            "config.yaml says 16000 samples a second, BiCodec/config.yaml says 24000",
        ),
        (("decoder", "rates"), [8, 5, 4, 4], "read from 320 samples of a recording and spoken as 640"),
        (("encoder", "sample_ratios"), [2], "read from 640 samples of a recording and spoken as 320"),
    ],
)
def test_rates_that_do_not_go_together_are_told(
    folder: Path, caplog: pytest.LogCaptureFixture, place: tuple[str, str], value: object, said: str
) -> None:
    open_checkpoint(folder)
    assert not caplog.messages
    path = folder / CODEC_FOLDER / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["audio_tokenizer"][place[0]][place[1]] = value
    path.write_text(yaml.safe_dump(config))
    open_checkpoint(folder)
    assert any(said in message for message in caplog.messages)

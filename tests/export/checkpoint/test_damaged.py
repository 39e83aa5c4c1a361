"""Checkpoints as people have them, and as nobody should: each is one message, before anything is built."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.checkpoint import (
    CODEC_FOLDER,
    LANGUAGE_MODEL_FOLDER,
    PUBLISHED,
    codec_fingerprint,
    licenses_of,
    open_checkpoint,
)
from sparktts_onnx.export.checkpoint.weights import PICKLE_NAME, SAFETENSORS_NAME, TensorFiles, weight_files
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.graph import write_language_model
from sparktts_onnx.export.language.weights import EMBEDDING, HEAD, DecoderWeights, read_reference

Tensors = dict[str, torch.Tensor]
TOP, CODEC = "config.yaml", "BiCodec/config.yaml"
WAV2VEC2, TOKENIZER = "wav2vec2-large-xlsr-53/config.json", "LLM/tokenizer.json"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy", ignore=shutil.ignore_patterns("onnx")))


def change_weights(path: Path, change: Callable[[Tensors], Tensors]) -> None:
    tensors = change(load_file(path))
    path.unlink()
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path)


def refused(read: Callable[[], object], value: object) -> str:
    """The one message."""
    with pytest.raises(CheckpointError) as error:
        read()
        raise AssertionError(f"{value!r} was taken")
    assert str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 600, value
    return str(error.value)


@pytest.mark.parametrize(
    ("file", "place", "values"),
    [
        (TOP, "sample_rate", (0, -1, 10**9, "16000", None, 1.5)),
        (TOP, "ref_segment_duration", (0, -6, 10**9, float("nan"), float("inf"), 1e-9)),
        (TOP, "latent_hop_length", (0, -320, 2**31, 10**400)),
        (CODEC, "audio_tokenizer.mel_params.n_fft", (0, -1, 2**31, 1e3)),
        (CODEC, "audio_tokenizer.mel_params.hop_length", (0, 1, 2**31)),
        (CODEC, "audio_tokenizer.mel_params.win_length", (0, 4096)),
        (CODEC, "audio_tokenizer.mel_params.mel_fmin", (-1, 9000, 10**9, "low")),
        (CODEC, "audio_tokenizer.mel_params.mel_fmax", (0, 5, 9000, float("nan"))),
        (CODEC, "audio_tokenizer.encoder.vocos_num_layers", (-1, 10**8, [1])),
        (CODEC, "audio_tokenizer.encoder.sample_ratios", ([0], [10**6], 2, ["a"], [1] * 99)),
        (CODEC, "audio_tokenizer.decoder.rates", ([], [0] * 4, [8, 5, 4], [64] * 4)),
        (CODEC, "audio_tokenizer.decoder.kernel_sizes", ([4] * 4, [15, 11, 8, 4], None)),
        (CODEC, "audio_tokenizer.decoder.channels", (0, 15, 2**40)),
        (CODEC, "audio_tokenizer.quantizer.codebook_size", (0, 1, -5, 2**40, True)),
        (CODEC, "audio_tokenizer.quantizer", (None, [], 5, "text")),
        (CODEC, "audio_tokenizer.speaker_encoder.fsq_levels", ([1], [], [0, 4], [10**9])),
        (CODEC, "audio_tokenizer.speaker_encoder.token_num", (0, 10**9)),
        (CODEC, "audio_tokenizer.postnet.condition_dim", (32,)),
        (WAV2VEC2, "hidden_size", (0, 33, 10**9, "x", None)),
        (WAV2VEC2, "num_hidden_layers", (0, 10**8)),
        (WAV2VEC2, "num_attention_heads", (0, 5, 2**31)),
        (WAV2VEC2, "conv_stride", ([5, 2], [0] * 7, [64] * 7, "5")),
        (WAV2VEC2, "hidden_act", ("nothing", 3, None)),
        (WAV2VEC2, "feat_extract_norm", ("batch",)),
        (WAV2VEC2, "layer_norm_eps", (0, -1, float("inf"))),
        (TOKENIZER, "added_tokens", ({}, [3], [{"content": "<|im_end|>"}], [{"id": 1}], "x")),
        (TOKENIZER, "model", (None, [], 5)),
    ],
)
def test_values_that_cannot_be_are_named(folder: Path, file: str, place: str, values: tuple[object, ...]) -> None:
    path = folder / file
    text = path.read_text()
    for value in values:
        data = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        *outer, key = place.split(".")
        table = data
        for step in outer:
            table = table[step]
        table[key] = value
        path.write_text(json.dumps(data) if path.suffix == ".json" else yaml.safe_dump(data))
        refused(lambda: open_checkpoint(folder), value)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("num_hidden_layers", (0, -1, 10**8, "2", None, 2.0)),
        ("hidden_size", (0, 10**9)),
        ("intermediate_size", (0, 2**40)),
        ("num_attention_heads", (0, 3, 64, 10**6)),
        ("num_key_value_heads", (3, 10**6, "2")),
        ("head_dim", (1, 15, 10**6)),
        ("vocab_size", (0, 10**12)),
        ("rms_norm_eps", (-1, float("nan"), "small", 10**400)),
        ("rope_theta", (-5, float("inf"), "large")),
        ("max_position_embeddings", (-1, 3, 10**12)),
        ("tie_word_embeddings", ("yes", 3)),
        ("rope_scaling", ({"type": "yarn"}, {"type": [5]})),
        ("quantization_config", ({"quant_method": "bitsandbytes"},)),
    ],
)
def test_sizes_of_the_language_model_that_cannot_be_are_named(
    folder: Path, key: str, values: tuple[object, ...]
) -> None:
    llm = folder / LANGUAGE_MODEL_FOLDER
    config = json.loads((llm / "config.json").read_text())
    for value in values:
        (llm / "config.json").write_text(json.dumps({**config, key: value}))
        assert "config.json" in refused(lambda: read_decoder_config(llm), value)


@pytest.mark.parametrize("name", [TOP, CODEC, TOKENIZER, WAV2VEC2])
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"a: " + b"9" * 5000,
        b"a: 2001-99-99",
        b"? [a]\n: b",
        b"{" + b" " * (1 << 21),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
        b"a: &a [" + b"*a, " * 50 + b"*a]",
    ],
    ids=["lists", "objects", "digits", "date", "key", "large", "pointer", "itself"],
)
def test_files_that_break_their_readers_are_named(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        open_checkpoint(folder)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "base_model.model.", "_orig_mod.module."])
def test_prefixes_of_wrappers_do_not_matter(folder: Path, prefix: str) -> None:
    before = codec_fingerprint(open_checkpoint(folder).load_codec())
    change_weights(
        folder / CODEC_FOLDER / SAFETENSORS_NAME, lambda tensors: {prefix + k: v for k, v in tensors.items()}
    )
    assert codec_fingerprint(open_checkpoint(folder).load_codec()) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder.lora_A.weight": torch.ones(2)}, "holds a LoRA adapter"),
        ({"base_model.model.decoder.base_layer.weight": torch.ones(2)}, "holds a LoRA adapter"),
        ({"encoder.weight.absmax": torch.ones(2)}, "quantized by another tool"),
        ({"encoder.weight.quant_state.bitsandbytes__nf4": torch.ones(2)}, "quantized by another tool"),
        ({"encoder.SCB": torch.ones(2)}, "quantized by another tool"),
        ({"encoder.qweight": torch.ones(2)}, "quantized by another tool"),
        ({"encoder.project.bias": torch.ones(32, dtype=torch.int8)}, "of another type: encoder.project.bias"),
        ({"module.encoder.project.bias": torch.ones(32)}, "two tensors that are read as encoder.project.bias"),
    ],
)
def test_weights_that_are_not_the_models_own_are_recognized(folder: Path, change: Tensors, message: str) -> None:
    change_weights(folder / CODEC_FOLDER / SAFETENSORS_NAME, lambda tensors: {**tensors, **change})
    assert message in refused(lambda: open_checkpoint(folder).load_codec(), change)


@pytest.mark.parametrize("name", [SAFETENSORS_NAME, PICKLE_NAME])
def test_a_git_lfs_pointer_is_recognized(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    with pytest.raises(CheckpointError, match="git lfs pull"):
        TensorFiles(tmp_path)


def test_a_folder_with_an_adapter_alone_is_recognized(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="holds a LoRA adapter"):
        TensorFiles(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"weight_map": {"a": "../outside.safetensors"}}, "which is not a file in its folder"),
        ({"weight_map": {"a": "/etc/hostname.bin"}}, "not a file in its folder"),
        ({"weight_map": {"a": ".."}}, "not a file in its folder"),
        ({"weight_map": {"a": ""}}, "not a file in its folder"),
        ({"weight_map": {"a": "a\0.bin"}}, "not a file in its folder"),
        ({"weight_map": {"a": 5}}, "weight_map"),
        ({"weight_map": {}}, "weight_map"),
        ({"weight_map": []}, "weight_map"),
        ({}, "weight_map"),
    ],
)
def test_an_index_names_files_of_its_folder(tmp_path: Path, index: object, message: str) -> None:
    (tmp_path / "outside.safetensors").write_bytes(b"")
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / f"{SAFETENSORS_NAME}.index.json").write_text(json.dumps(index))
    assert message in refused(lambda: TensorFiles(folder), index)


@pytest.mark.parametrize("name", [SAFETENSORS_NAME, PICKLE_NAME])
def test_an_empty_file_has_a_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert re.search(rf"{name} cannot be read: \w", refused(lambda: TensorFiles(tmp_path), name))


@pytest.mark.parametrize("name", [SAFETENSORS_NAME, PICKLE_NAME])
def test_the_files_are_chosen_as_transformers_chooses_them(tmp_path: Path, name: str) -> None:
    """A whole file before the index of an older state, and safetensors before pickles."""
    (tmp_path / f"{name}.index.json").write_text('{"weight_map": {"a": "gone.bin"}}')
    assert "names gone.bin, which is not there" in refused(lambda: weight_files(tmp_path), name)
    for file in (name, PICKLE_NAME):
        (tmp_path / file).write_bytes(b"")
    assert weight_files(tmp_path) == [tmp_path / name]


def with_head(factor: float) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, HEAD: factor * tensors[EMBEDDING]}


@pytest.mark.parametrize(
    ("tied", "change", "message"),
    [
        (False, lambda tensors: tensors, "lacks lm_head.weight, and config.json does not say that it is the embedding"),
        (True, with_head(2), "lm_head.weight of its own, but config.json says that it is the embedding"),
        (True, lambda tensors: {**tensors, "model.norm.weight": torch.ones(3)}, "has shape [3], config.json says"),
        (True, with_head(1), None),
        (False, with_head(2), None),
    ],
)
def test_an_output_head_is_as_the_config_says(
    folder: Path, tied: bool, change: Callable[[Tensors], Tensors], message: str | None
) -> None:
    llm = folder / LANGUAGE_MODEL_FOLDER
    data = json.loads((llm / "config.json").read_text())
    (llm / "config.json").write_text(json.dumps({**data, "tie_word_embeddings": tied}))
    change_weights(llm / SAFETENSORS_NAME, change)
    config = read_decoder_config(llm)
    if message is not None:
        assert message in refused(lambda: DecoderWeights(config, TensorFiles(llm)), tied)
        return
    DecoderWeights(config, TensorFiles(llm))
    model = read_reference(llm)
    assert model.lm_head.weight.shape == (config.vocab_size, config.hidden_size)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_are_no_numbers_are_named(folder: Path, value: float, dtype: torch.dtype) -> None:
    def damage(tensors: Tensors) -> Tensors:
        return {**tensors, name: tensors[name].to(dtype).index_fill(0, torch.tensor([3]), value)}

    name = "encoder.project.bias"
    change_weights(folder / CODEC_FOLDER / SAFETENSORS_NAME, damage)
    assert f"{name} in {folder / CODEC_FOLDER} holds" in refused(lambda: open_checkpoint(folder).load_codec(), value)
    llm, name = folder / LANGUAGE_MODEL_FOLDER, "model.layers.1.mlp.up_proj.weight"
    change_weights(llm / SAFETENSORS_NAME, damage)
    assert f"{name} in {llm} holds" in refused(lambda: write_language_model(llm, folder), value)


@pytest.mark.parametrize(
    ("card", "license_"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("\ufeff---\nlicense: mit\n---\n", "mit"),
        ("---\nlicense: mit # as before\n---\n", "mit"),
        ("---\nlicense:\n- mit\n- 'isc'\n---\n", "mit, isc"),
        ("---\nlicense:\ntags: [speech]\n---\n", PUBLISHED),
        ("---\ntags: [speech]\n---\nlicense: mit\n---\n", PUBLISHED),
        ("---\nlicense: {\n---\n", PUBLISHED),
        ("---\n- license\n---\n", PUBLISHED),
        ("license: mit\n", PUBLISHED),
    ],
)
def test_the_license_is_what_the_card_gives(tmp_path: Path, card: str, license_: str) -> None:
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert licenses_of([tmp_path]) == license_


@pytest.mark.parametrize("name", [TOP, CODEC, TOKENIZER, WAV2VEC2, "LLM/config.json"])
def test_a_mark_of_windows_editors_does_not_matter(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())
    open_checkpoint(folder)
    read_decoder_config(folder / LANGUAGE_MODEL_FOLDER)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ({"state_dict": {"a": torch.ones(1)}}, "'state_dict' with a dict"),
        ({"a": torch.ones(1), "step": 5}, "'step' with a int"),
        ([torch.ones(1)], "found a list"),
        ({3: torch.ones(1)}, "found 3 with a Tensor"),
    ],
)
def test_a_trainer_s_state_is_told_with_what_it_holds(tmp_path: Path, state: object, found: str) -> None:
    torch.save(state, tmp_path / PICKLE_NAME)
    assert found in refused(lambda: TensorFiles(tmp_path), state)

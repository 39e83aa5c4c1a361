"""The language model's graph against transformers, for sizes and files that finetunes come with, in every precision."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from device_session import DeviceSession
from safetensors.torch import load_file, save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from sparktts_onnx.bundle.contract import Precision
from sparktts_onnx.bundle.manifest import Alignment, AlignmentHead
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.tokenizer import read_token_ids
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.graph import write_language_model
from sparktts_onnx.export.language.queries import add_queries
from sparktts_onnx.export.verify.graphs import open_session
from sparktts_onnx.runtime.language import key_value_cache
from sparktts_onnx.runtime.language.attention import TextAttention
from sparktts_onnx.runtime.language.key_value_cache import DeviceBuffer
from sparktts_onnx.runtime.language.language_model import LanguageModel

VOCABULARY = 6144
"""The tiny tokenizer has 6 135 ids; rows beyond them are padding, as in the published model."""


@dataclass(frozen=True)
class Shape:
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int = 128
    tied: bool = True
    dtype: torch.dtype = torch.float32
    shard: str = "5GB"
    rope_theta: float = 1e6


SHAPES = {
    "untied bfloat16 shards": Shape(4, 4, 48, tied=False, dtype=torch.bfloat16, shard="1MB", rope_theta=1e4),
    "odd heads of 20": Shape(6, 3, 20, intermediate=136),
    "three heads of 10, float16": Shape(3, 1, 10, dtype=torch.float16, rope_theta=5e5),
    "heads of 64": Shape(2, 1, 64, intermediate=192),
    "seven heads of 20 a key head": Shape(14, 2, 20),
}


def save_model(shape: Shape, folder: Path, tokenizer: Path) -> Qwen2ForCausalLM:
    """A model with weights of ordinary size, saved and loaded by transformers."""
    config = Qwen2Config(
        hidden_size=shape.heads * shape.head_dim,
        intermediate_size=shape.intermediate,
        num_hidden_layers=3,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        vocab_size=VOCABULARY,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=2048,
        rope_theta=shape.rope_theta,
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config).eval()
    for name, values in model.named_parameters():
        noise = torch.randn_like(values)
        values.data = noise / values.shape[1] ** 0.5 if values.ndim == 2 else (0.1 * noise + ("norm" in name))
    model.to(shape.dtype).save_pretrained(folder, max_shard_size=shape.shard)
    shutil.copy(tokenizer, folder)
    loaded: Qwen2ForCausalLM = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return loaded.eval()


def open_model(folder: Path, target: Path, precision: Precision = "fp32", *, head: Any = "full") -> LanguageModel:
    target.mkdir(exist_ok=True)
    layout = write_language_model(folder, target, precision=precision, head=head)
    return LanguageModel(open_session(target / "language_model.onnx"), layout)


def expected_logits(model: Qwen2ForCausalLM, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        logits: np.ndarray = model(torch.tensor([ids])).logits[0].numpy()
    return logits


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - expected) ** 2)) / expected.std())


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> Path:
    return tiny_folder / "LLM" / "tokenizer.json"


@pytest.mark.parametrize("name", SHAPES)
def test_any_sizes_and_files_give_the_model_s_logits(name: str, tmp_path: Path, tokenizer: Path) -> None:
    reference = save_model(SHAPES[name], tmp_path / "LLM", tokenizer)
    model = open_model(tmp_path / "LLM", tmp_path / "graph")
    ids = np.random.default_rng(0).integers(0, VOCABULARY, 60).tolist()
    expected = expected_logits(reference, ids)
    found = [model.prefill(3, ids[:41]), *(model.step([3], [token])[0] for token in ids[41:50])]
    found.append(model.extend(3, ids[50:]))
    np.testing.assert_allclose(
        np.stack(found), expected[[*range(40, 50), 59]], rtol=0, atol=2e-5 * np.abs(expected).max()
    )


@pytest.mark.parametrize(("precision", "limit"), [("fp16", 3e-3), ("int8", 0.05), ("int4", 0.5)])
@pytest.mark.parametrize("name", ["heads of 64", "odd heads of 20"])
def test_fewer_bits_stay_near_float32(
    precision: Precision, limit: float, name: str, tmp_path: Path, tokenizer: Path
) -> None:
    reference = save_model(SHAPES[name], tmp_path / "LLM", tokenizer)
    model = open_model(tmp_path / "LLM", tmp_path / "graph", precision)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, 40).tolist()
    assert 0 < deviation(model.prefill(0, ids), expected_logits(reference, ids)[-1]) < limit


@pytest.mark.parametrize(
    ("name", "precision", "heads"),
    [
        ("seven heads of 20 a key head", "fp16", 16),
        ("three heads of 10, float16", "fp16", 4),
        ("heads of 64", "fp16", 2),
        ("seven heads of 20 a key head", "int8", 14),
    ],
)
def test_heads_of_zeros_fill_the_groups_of_an_accelerator(
    name: str, precision: Precision, heads: int, tmp_path: Path, tokenizer: Path
) -> None:
    """And change nothing: with them, too, the logits are those of the model."""
    reference = save_model(SHAPES[name], tmp_path / "LLM", tokenizer)
    model = open_model(tmp_path / "LLM", tmp_path / "graph", precision)
    graph = onnx.load(tmp_path / "graph" / "language_model.onnx", load_external_data=False).graph
    found = [node.attribute for node in graph.node if node.op_type == "GroupQueryAttention"]
    assert [a.i for attributes in found for a in attributes if a.name == "num_heads"] == [heads] * 3
    ids = np.random.default_rng(0).integers(0, VOCABULARY, 40).tolist()
    limit = 3e-3 if precision == "fp16" else 0.1
    assert 0 < deviation(model.prefill(0, ids), expected_logits(reference, ids)[-1]) < limit


@pytest.mark.parametrize(("precision", "limit"), [("int8", 0.08), ("int4", 0.5)])
def test_text_and_speech_ids_stay_near_float32(
    precision: Precision, limit: float, tmp_path: Path, tiny_folder: Path
) -> None:
    ids = read_token_ids(tiny_folder / "LLM")
    reference = open_model(tiny_folder / "LLM", tmp_path / "fp32", head="speech")
    model = open_model(tiny_folder / "LLM", tmp_path / precision, precision, head="speech")
    prompt = [*range(40, 70), ids.task_tts, ids.start_content, ids.semantic_tokens.first, ids.end_semantic, 45]
    assert min(prompt) < model.layout.head_first_id <= max(prompt)
    assert 0 < deviation(model.prefill(0, prompt), reference.prefill(0, prompt)) < limit


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_rows_are_the_same_bits_alone_and_among_eight(precision: Precision, tmp_path: Path, tokenizer: Path) -> None:
    save_model(SHAPES["heads of 64"], tmp_path / "LLM", tokenizer)
    model = open_model(tmp_path / "LLM", tmp_path / "graph", precision)
    rng = np.random.default_rng(1)
    prompts = [rng.integers(0, VOCABULARY, length).tolist() for length in (3, 50, 7, 130, 20, 64, 1, 33)]
    tokens = rng.integers(0, VOCABULARY, (6, 8))
    alone = []
    for row, prompt in enumerate(prompts):
        model.prefill(0, prompt)
        alone.append([model.step([0], [int(step[row])])[0] for step in tokens])
    for row, prompt in enumerate(prompts):
        model.prefill(row, prompt)
    for index, step in enumerate(tokens):
        beside = model.step(range(8), step.tolist())
        for row in range(8):
            assert np.array_equal(beside[row], alone[row][index]), (index, row)


def test_fewer_bits_take_fewer_bytes(tmp_path: Path, tokenizer: Path) -> None:
    save_model(SHAPES["heads of 64"], tmp_path / "LLM", tokenizer)
    sizes = {}
    each: Precision
    for each in ("fp32", "fp16", "int8", "int4"):
        (tmp_path / each).mkdir()
        write_language_model(tmp_path / "LLM", tmp_path / each, precision=each)
        sizes[each] = (tmp_path / each / "language_model.onnx.data").stat().st_size
    assert sorted(sizes.values(), reverse=True) == list(sizes.values())


def test_the_cut_head_is_the_full_head_s_rows(tiny_folder: Path, tmp_path: Path) -> None:
    ids = read_token_ids(tiny_folder / "LLM")
    full = open_model(tiny_folder / "LLM", tmp_path / "full")
    cut = open_model(tiny_folder / "LLM", tmp_path / "cut", head="speech")
    first, rows = cut.layout.head_first_id, cut.layout.head_rows
    prompt = [5, 6, 7, ids.task_tts]
    np.testing.assert_allclose(cut.prefill(0, prompt), full.prefill(0, prompt)[first : first + rows], rtol=0, atol=1e-5)
    assert rows < full.layout.head_rows
    for needed in (ids.end_of_text, ids.start_global, ids.end_semantic, ids.semantic_tokens.stop - 1):
        assert first <= needed < first + rows


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"model.{name}",
        lambda name: f"policy._orig_mod.{name}",
        lambda name: f"_forward_module.{name}",
        lambda name: name.removeprefix("model."),
        lambda name: name.replace("layers.1.", "layers.1._fsdp_wrapped_module."),
        lambda name: name.replace(".mlp.", "._checkpoint_wrapped_module.mlp."),
    ],
    ids=["a trainer's model", "a compiled policy", "a strategy", "the part below the head", "FSDP", "checkpointing"],
)
def test_what_trainers_do_to_names_does_not_matter(
    tiny_folder: Path, tmp_path: Path, rename: Callable[[str], str]
) -> None:
    folder = Path(shutil.copytree(tiny_folder / "LLM", tmp_path / "LLM"))
    tensors = load_file(folder / "model.safetensors")
    save_file({rename(name): values for name, values in tensors.items()}, folder / "model.safetensors")
    ids = list(range(300, 320))
    expected = open_model(tiny_folder / "LLM", tmp_path / "expected").prefill(0, ids)
    np.testing.assert_array_equal(open_model(folder, tmp_path / "found").prefill(0, ids), expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}, "rope_scaling": {"rope_theta": 1e4}},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4}, "rope_scaling": None},
        {"rope_parameters": {"rope_type": "yarn", "factor": 4.0}, "rope_scaling": {"rope_type": "default"}},
    ],
)
def test_of_two_rotary_settings_transformers_one_is_taken(
    tiny_folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = Path(shutil.copytree(tiny_folder / "LLM", tmp_path / "LLM"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **settings}))
    expected = Qwen2ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = list(range(300, 320))
    found = open_model(folder, tmp_path / "found").prefill(0, ids)
    assert deviation(found, expected_logits(expected, ids)[-1]) < 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"model_type": "llama"}, "model_type"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4}}, "rope_type"),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "rope_type is 'yarn'"),
        (
            {"rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}},
            "rotary settings of sliding_attention are .*10000.* those of full_attention are .*one rotation for all",
        ),
        ({"rope_scaling": {"type": "yarn"}, "rope_parameters": {"rope_type": "default"}}, "rope_type"),
        ({"rope_scaling": "yarn"}, "expected a table"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"vocab_size": 5000}, "the tokenizer has ids up to|embed_tokens"),
        ({"num_hidden_layers": None}, "num_hidden_layers should be of type int"),
        ({"num_hidden_layers": 3}, r"lacks the tensor model\.layers\.2\."),
        ({"num_hidden_layers": 1}, r"a tensor too many: model\.layers\.1\."),
        ({"intermediate_size": 100}, r"mlp\.\w+_proj\.weight in .* has shape"),
    ],
)
def test_what_the_graph_would_not_compute_is_refused(
    change: dict[str, object], message: str, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_folder / "LLM", tmp_path / "LLM"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **change}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        write_language_model(folder, tmp_path)


@pytest.mark.parametrize("types", [["full_attention"], ["full_attention", "sliding_attention"]])
def test_a_rotation_that_stands_there_for_each_type_of_layer_is_read(
    types: list[str], tiny_folder: Path, tmp_path: Path
) -> None:
    data = json.loads((tiny_folder / "LLM" / "config.json").read_text("utf-8"))
    rope = {"rope_type": "default", "rope_theta": 12345.0}
    data.pop("rope_theta", None)
    read = []
    for found in (rope, dict.fromkeys(types, rope)):
        (tmp_path / "config.json").write_text(json.dumps({**data, "rope_parameters": found}), encoding="utf-8")
        read.append(read_decoder_config(tmp_path))
    assert read[0] == read[1] and read[1].rope_theta == 12345.0


def test_a_missing_tensor_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder / "LLM", tmp_path / "LLM"))
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    (folder / "model.safetensors").unlink()
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lacks the tensor model\.layers\.1\.mlp\.up_proj\.weight"):
        write_language_model(folder, tmp_path)


ALIGNED = Alignment(
    heads=(AlignmentHead(0, 1, 0), AlignmentHead(0, 13, 1), AlignmentHead(2, 8, 1)), rope_theta=1e6, rope_dim=20
)
"""Heads of "seven heads of 20 a key head", where a head is padded to 32 elements and, in fp16, a group to eight."""


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_queries_leave_every_other_output_as_it_is(precision: Precision, tmp_path: Path, tokenizer: Path) -> None:
    save_model(SHAPES["seven heads of 20 a key head"], tmp_path / "LLM", tokenizer)
    plain = open_model(tmp_path / "LLM", tmp_path / "plain", precision)
    layout = write_language_model(tmp_path / "LLM", tmp_path, precision=precision, head="full")
    add_queries(tmp_path / "language_model.onnx", ALIGNED.heads, group=7)
    asking = LanguageModel(open_session(tmp_path / "language_model.onnx"), layout, alignment=ALIGNED)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, 40).tolist()
    for row, length in enumerate((30, 3, 17)):
        assert np.array_equal(plain.prefill(row, ids[:length]), asking.prefill(row, ids[:length]))
    for token in ids[30:]:
        assert np.array_equal(plain.step([2, 0, 1], [token] * 3), asking.step([2, 0, 1], [token] * 3))


@pytest.mark.parametrize(("precision", "limit"), [("fp32", 1e-4), ("fp16", 0.02), ("int8", 0.1)])
def test_the_recorded_attention_is_the_model_s(
    precision: Precision, limit: float, tmp_path: Path, tokenizer: Path
) -> None:
    """Three rows of different lengths together, one of them moved: each the softmax that transformers computes."""
    reference = save_model(SHAPES["seven heads of 20 a key head"], tmp_path / "LLM", tokenizer)
    reference.set_attn_implementation("eager")
    layout = write_language_model(tmp_path / "LLM", tmp_path, precision=precision, head="full")
    add_queries(tmp_path / "language_model.onnx", ALIGNED.heads, group=7)
    model = LanguageModel(open_session(tmp_path / "language_model.onnx"), layout, slots=4, alignment=ALIGNED)
    rng = np.random.default_rng(0)
    texts = {row: rng.integers(0, VOCABULARY, length).tolist() for row, length in ((3, 30), (1, 12), (2, 21))}
    prompts = {row: list(ids) for row, ids in texts.items()}
    watched = {row: TextAttention(ALIGNED, range(3, 9)) for row in texts}
    for row, ids in texts.items():
        model.prefill(row, ids[:8])
        model.extend(row, ids[8:])
        watched[row].begin(model.keys(row, watched[row].columns), len(ids) - 1)
        watched[row].record(model.queries(row))
    for rows in ([3, 1, 2], [1, 3, 2], [2, 3, 1]):
        model.step(rows, [100 + row for row in rows])
        for row in rows:
            watched[row].record(model.queries(row))
            texts[row].append(100 + row)
    for row, ids in texts.items():
        with torch.no_grad():
            attentions = reference(torch.tensor([ids]), output_attentions=True).attentions
        seen = np.stack([attentions[head.layer][0, head.head].numpy() for head in ALIGNED.heads])[:, :, 3:9]
        expected = (seen / np.maximum(seen.sum(axis=2, keepdims=True), 1e-30)).mean(axis=0)
        for step in range(4):
            position = len(prompts[row]) - 1 + step
            np.testing.assert_allclose(watched[row].masses(step), expected[position], rtol=0, atol=limit)


def test_queries_and_keys_come_from_a_device_as_from_the_processor(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(SHAPES["seven heads of 20 a key head"], tmp_path / "LLM", tokenizer)
    layout = write_language_model(tmp_path / "LLM", tmp_path, head="full")
    add_queries(tmp_path / "language_model.onnx", ALIGNED.heads, group=7)
    session = open_session(tmp_path / "language_model.onnx")
    monkeypatch.setattr(key_value_cache, "_DEVICES", {"CUDAExecutionProvider": "cpu"})
    monkeypatch.setattr(key_value_cache, "allocate", lambda shape, dtype, _: DeviceBuffer(shape, dtype, "cpu"))
    device = LanguageModel(DeviceSession(session), layout, slots=3, alignment=ALIGNED)
    monkeypatch.setattr(device, "_on_device", True)
    processor = LanguageModel(session, layout, slots=3, alignment=ALIGNED)
    for model in (device, processor):
        model.prefill(2, [5, 6, 7, 8])
        model.prefill(0, [9, 10, 11])
        model.step([2], [12])
        model.step([2, 0], [13, 14])
    for row in (0, 2):
        assert np.array_equal(device.queries(row), processor.queries(row))
        assert np.array_equal(device.keys(row, range(1, 3)), processor.keys(row, range(1, 3)))
    assert not np.array_equal(device.queries(0), device.queries(2))

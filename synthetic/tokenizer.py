"""A byte-level tokenizer with Spark-TTS's added tokens, their ids in the published order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GLOBAL_CODES = 4096
FIRST_KNOWN_END = 165150
"""Id of `<|start_global_token|>` in the published tokenizer."""
NUMBERED_ATTRIBUTES = {
    "pitch_label": 5,
    "pitch_var_value": 11,
    "pitch_var_label": 5,
    "loudness_value": 31,
    "loudness_label": 5,
    "speed_value": 11,
    "speed_label": 5,
    "gender": 2,
    "age": 5,
    "emotion": 25,
}
TASKS = ("vc", "tts", "asr", "s2s", "t2s", "understand", "cap", "controllable_tts", "prompt_tts", "edit")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ENDS = (
    "<|start_global_token|>",
    "<|start_semantic_token|>",
    "<|end_content|>",
    "<|end_style_label|>",
    "[reserved_a]",
    "[reserved_b]",
    "<|end_global_token|>",
    "<|end_semantic_token|>",
)


def write_tokenizer(folder: Path, *, text_ids: int, semantic_codes: int, published_ends: bool) -> dict[str, int]:
    """Write the tokenizer's files; returns the ids of the added tokens."""
    added = added_tokens(text_ids, semantic_codes, published_ends=published_ends)
    ids = {content: text_ids + index for index, content in enumerate(added)}
    vocab = {character: index for index, character in enumerate(byte_alphabet())}
    vocab |= {f"[unused{index}]": index for index in range(len(vocab), text_ids)}
    (folder / "tokenizer.json").write_text(json.dumps(_spec(vocab, ids), ensure_ascii=False), encoding="utf-8")
    (folder / "added_tokens.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 131072,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return ids


def added_tokens(text_ids: int, semantic_codes: int, *, published_ends: bool) -> list[str]:
    """Every added token in the order of the ids."""
    tokens = [*SPECIAL, *(f"[reserved{i}]" for i in range(19))]
    tokens += [f"<|bicodec_global_{i}|>" for i in range(GLOBAL_CODES)]
    tokens += [f"<|bicodec_semantic_{i}|>" for i in range(semantic_codes)]
    tokens += [f"<|pitch_value_{i}|>" for i in range(1001)]
    tokens += [f"<|{kind}_{i}|>" for kind, count in NUMBERED_ATTRIBUTES.items() for i in range(count)]
    tokens += [f"[reserved{i}]" for i in range(19, 97)]
    tokens += [f"<|task_{task}|>" for task in TASKS]
    tokens += ["<|start_content|>", "<|start_style_label|>", "<|start_acoustic_token|>"]
    if published_ends:
        tokens += [f"[reserved_tail{i}]" for i in range(len(tokens), FIRST_KNOWN_END - text_ids)]
    return [*tokens, *ENDS]


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in its order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = 256 - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(hidden)]


def _spec(vocab: dict[str, int], ids: dict[str, int]) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": index, "content": content, "special": content in SPECIAL, **flags} for content, index in ids.items()
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {**byte_level, "use_regex": True},
        "post_processor": {**byte_level, "use_regex": False},
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [],
        },
    }

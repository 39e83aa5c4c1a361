"""The tokenizer of the small model: bytes, and Spark-TTS's added tokens in the published order."""

import json
from pathlib import Path
from typing import Any

from training.codec import CODES as CODES

FIRST_ADDED = 300
GLOBAL_CODES = 4096
_LABELS = (
    ("pitch_label", 5), ("pitch_var_value", 11), ("pitch_var_label", 5), ("loudness_value", 31),
    ("loudness_label", 5), ("speed_value", 11), ("speed_label", 5), ("gender", 2), ("age", 5), ("emotion", 25),
)  # fmt: skip
_TASKS = ("vc", "tts", "asr", "s2s", "t2s", "understand", "cap", "controllable_tts", "prompt_tts", "edit")
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TAIL = (
    "<|start_global_token|>", "<|start_semantic_token|>", "<|end_content|>", "<|end_style_label|>",
    "[reserved_a]", "[reserved_b]", "<|end_global_token|>", "<|end_semantic_token|>",
)  # fmt: skip


def added_tokens() -> list[str]:
    """Every added token, in the order of their ids."""
    names = [*_SPECIAL, *(f"[reserved{i}]" for i in range(19))]
    names += [f"<|bicodec_global_{i}|>" for i in range(GLOBAL_CODES)]
    names += [f"<|bicodec_semantic_{i}|>" for i in range(CODES)]
    names += [f"<|pitch_value_{i}|>" for i in range(1001)]
    names += [f"<|{label}_{i}|>" for label, count in _LABELS for i in range(count)]
    names += [f"[reserved{i}]" for i in range(19, 97)]
    names += [f"<|task_{task}|>" for task in _TASKS]
    return [*names, "<|start_content|>", "<|start_style_label|>", "<|start_acoustic_token|>", *_TAIL]


def ids() -> dict[str, int]:
    """{added token: id}."""
    return {name: FIRST_ADDED + i for i, name in enumerate(added_tokens())}


def size() -> int:
    """Rows of the embedding: a multiple of 64."""
    return (FIRST_ADDED + len(added_tokens()) + 63) // 64 * 64


def byte_symbols() -> list[str]:
    """The printable character that byte-level tokenizers use for each byte, in the order of their ids."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def byte_ids() -> list[int]:
    """The id of each byte value 0 to 255."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    order = printable + [b for b in range(256) if b not in printable]
    return [order.index(b) for b in range(256)]


def text_ids(text: str) -> list[int]:
    """A text without added tokens as ids."""
    table = byte_ids()
    return [table[b] for b in text.encode()]


def write(folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json and added_tokens.json."""
    known = ids()
    vocabulary = {symbol: i for i, symbol in enumerate(byte_symbols())}
    vocabulary |= {f"[unused{i}]": i for i in range(256, FIRST_ADDED)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    model: dict[str, Any] = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
        "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
        "vocab": vocabulary, "merges": [],
    }  # fmt: skip
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": n, **flags, "special": n in _SPECIAL} for n, i in known.items()],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": level | {"use_regex": True},
        "post_processor": level | {"use_regex": False},
        "decoder": level | {"use_regex": False},
        "model": model,
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")))
    (folder / "added_tokens.json").write_text(json.dumps(known, ensure_ascii=False, separators=(",", ":")))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False, "model_max_length": MAX_POSITIONS,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


MAX_POSITIONS = 8192
"""Longest sequence the model is said to take; training sees up to a tenth of it."""

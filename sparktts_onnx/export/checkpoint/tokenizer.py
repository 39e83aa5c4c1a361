"""The checkpoint's tokenizer: token ids by role, and the tokenizer that a bundle carries.

The bundle's tokenizer knows no control tokens. Prompts are joined from ids by role, so text that spells
`<|im_end|>` is text, in every runtime that reads the bundle.
"""

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from sparktts_onnx.bundle.contract import TOKENIZER_NAME
from sparktts_onnx.bundle.manifest import MOST_IDS, IdRange, TokenIds
from sparktts_onnx.bundle.values import shown
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.files import TABLE_BYTES, read_json

_SINGLE_ROLES = {
    "end_of_text": "<|im_end|>",
    "task_tts": "<|task_tts|>",
    "task_controllable_tts": "<|task_controllable_tts|>",
    "start_content": "<|start_content|>",
    "end_content": "<|end_content|>",
    "start_global": "<|start_global_token|>",
    "end_global": "<|end_global_token|>",
    "start_semantic": "<|start_semantic_token|>",
    "end_semantic": "<|end_semantic_token|>",
    "start_style": "<|start_style_label|>",
    "end_style": "<|end_style_label|>",
}
_NUMBERED_ROLES = {
    "global_tokens": "bicodec_global",
    "semantic_tokens": "bicodec_semantic",
    "gender": "gender",
    "pitch_label": "pitch_label",
    "speed_label": "speed_label",
}
OTHER_MODEL = "the tokenizer has ids up to {}, the language model has {} rows; they belong to different models"
_CONTROL = re.compile(r"<\|.*\|>")
_WITHOUT_SPEECH = re.compile(r"</?(?:tool_call|tool_response|think)>|\[reserved\w*\]")
"""Tokens that every Qwen and every Spark-TTS adds, and that no text to be spoken has."""
_NUMBERED = re.compile(r"<\|(\w+)_([0-9]{1,8})\|>")


def read_token_ids(llm_folder: Path) -> TokenIds:
    """Token ids by role, from the added tokens of `LLM/tokenizer.json`.

    Raises:
        CheckpointError: the file cannot be read, a role is missing, or a numbered kind has gaps.
    """
    spec = _read_spec(llm_folder)
    vocab = spec["model"].get("vocab")
    ids: dict[str, int] = dict(vocab) if isinstance(vocab, dict) else {}
    ids |= {token["content"]: token["id"] for token in spec["added_tokens"]}
    roles: dict[str, Any] = {role: _single(ids, content, llm_folder) for role, content in _SINGLE_ROLES.items()}
    kinds = _numbered_kinds(ids, llm_folder)
    if missing := sorted(set(_NUMBERED_ROLES.values()) - kinds.keys()):
        raise CheckpointError(f"the tokenizer in {llm_folder} has no tokens <|{missing[0]}_0|>, …")
    roles |= {role: kinds[kind] for role, kind in _NUMBERED_ROLES.items()}
    attributes = tuple(span for kind, span in sorted(kinds.items()) if not kind.startswith("bicodec_"))
    try:
        return TokenIds(**roles, attributes=attributes)
    except ValueError as error:
        raise CheckpointError(f"the tokenizer in {llm_folder} is not that of a Spark-TTS: {error}") from error


def agreed_tokenizer(folders: Sequence[Path]) -> tuple[Path, TokenIds]:
    """The last folder that has a tokenizer, and its token ids; by role they are those of every other tokenizer.

    Raises:
        CheckpointError: no tokenizer, one that cannot be read, or two with different ids for a role.
    """
    having = [folder for folder in dict.fromkeys(folders) if (folder / TOKENIZER_NAME).is_file()] or [folders[-1]]
    known = [read_token_ids(folder) for folder in having]
    roles = [field.name for field in dataclasses.fields(TokenIds) if field.name != "attributes"]
    for folder, ids in zip(having, known, strict=True):
        if differing := next((role for role in roles if getattr(ids, role) != getattr(known[0], role)), None):
            first, found = (vars(each)[differing] for each in (known[0], ids))
            raise CheckpointError(
                f"the tokenizers in {having[0]} and {folder} do not agree on {differing}: {_shown(first)} and "
                f"{_shown(found)}; convert a finetune with the model that it was trained from"
            )
    return having[-1], known[-1]


def _shown(ids: int | IdRange) -> str:
    return str(ids) if isinstance(ids, int) else f"{ids.first} to {ids.stop - 1}"


def write_text_tokenizer(llm_folder: Path, target: Path, *, vocab_size: int) -> None:
    """Write the checkpoint's `tokenizer.json` without its control tokens, so that all text is text.

    What a trainer's batches left in it goes too: it would cut a text, or fill it up.

    Raises:
        CheckpointError: it is no tokenizer, or gives ids beyond the `vocab_size` rows of the language model.
    """
    spec = {**_read_spec(llm_folder), "truncation": None, "padding": None, "added_tokens": []}
    vocab = spec["model"].get("vocab")
    if isinstance(vocab, dict):
        spec["model"]["vocab"] = {piece: i for piece, i in vocab.items() if not _CONTROL.fullmatch(piece)}
    text = json.dumps(spec, ensure_ascii=False)
    try:
        ids = Tokenizer.from_str(text).get_vocab().values()
    except Exception as error:  # tokenizers raises plain Exception
        raise CheckpointError(f"{llm_folder / TOKENIZER_NAME} is not a tokenizer: {error}") from error
    if (largest := max(ids, default=0)) >= vocab_size:
        raise CheckpointError(OTHER_MODEL.format(largest, vocab_size))
    target.write_text(text, encoding="utf-8")


def tokens_read_as_text(folder: Path, published: Path) -> list[str]:
    """Tokens of a finetune's own, such as `<laugh>`, that a bundle reads as plain text, as it does control tokens.

    Where `published` is another folder that has a tokenizer, these are the tokens that `folder` adds to it; else those
    that are not written as control tokens are.
    """
    spec = _read_spec(folder)
    vocab = spec["model"].get("vocab")
    known = set(vocab) if isinstance(vocab, dict) else set()
    control = _CONTROL
    if folder != published and (published / TOKENIZER_NAME).is_file():
        known |= {token["content"] for token in _read_spec(published)["added_tokens"]}
        control = _NUMBERED
    own = [token["content"] for token in spec["added_tokens"] if token["content"] not in known]
    return [content for content in own if not (_WITHOUT_SPEECH.fullmatch(content) or control.fullmatch(content))]


def _read_spec(llm_folder: Path) -> dict[str, Any]:
    path = llm_folder / TOKENIZER_NAME
    if not path.is_file() and (llm_folder / "vocab.json").is_file():
        raise CheckpointError(
            f"the tokenizer in {llm_folder} has no {TOKENIZER_NAME}, only its older files: make it with "
            "transformers, AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    spec = read_json(path, limit=TABLE_BYTES)
    if not isinstance(spec.get("model"), dict):
        raise CheckpointError(f"{path} is not a tokenizer: expected an object with the key `model`")
    added = spec.setdefault("added_tokens", [])
    if not isinstance(added, list) or not all(_is_token(token) for token in added):
        raise CheckpointError(f"{path} has added_tokens that are not a list of contents with ids")
    known = {token["content"] for token in added}
    added += [token for token in _added_beside(llm_folder) if token["content"] not in known]
    return spec


def _added_beside(folder: Path) -> list[dict[str, Any]]:
    """Added tokens that stand in the files beside `tokenizer.json`, where transformers looks for them too."""
    tables = [
        read_json(folder / name, limit=TABLE_BYTES) if (folder / name).is_file() else {}
        for name in ("added_tokens.json", "tokenizer_config.json")
    ]
    decoder = tables[1].get("added_tokens_decoder")
    listed = [{"content": content, "id": token_id} for content, token_id in tables[0].items()]
    if isinstance(decoder, dict) and decoder:  # what transformers has written since 4.34; it then reads no other
        listed = [
            {**token, "id": int(token_id)}
            for token_id, token in decoder.items()
            if isinstance(token, dict) and re.fullmatch("[0-9]{1,8}", token_id)
        ]
    return [token for token in listed if _is_token(token)]


def _is_token(token: object) -> bool:
    return isinstance(token, dict) and isinstance(token.get("content"), str) and _is_id(token.get("id"))


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST_IDS


def _single(ids: dict[str, int], content: str, folder: Path) -> int:
    if content not in ids:
        raise CheckpointError(
            f"the tokenizer in {folder} has no token {content}: not a Spark-TTS language model, or files of "
            "another model in its folder"
        )
    if not _is_id(ids[content]):
        raise CheckpointError(f"the tokenizer in {folder} gives {content} the id {shown(ids[content])}")
    return ids[content]


def _numbered_kinds(ids: dict[str, int], folder: Path) -> dict[str, IdRange]:
    """Every numbered kind `<|kind_0|>` … with consecutive ids."""
    members: dict[str, dict[int, int]] = {}
    for content, token_id in ids.items():
        if match := _NUMBERED.fullmatch(content):
            members.setdefault(match[1], {})[int(match[2])] = token_id if _is_id(token_id) else -1
    spans = {}
    for kind, numbers in members.items():
        first = numbers.get(0)
        if first is None or first < 0 or any(numbers.get(i) != first + i for i in range(len(numbers))):
            raise CheckpointError(f"the tokens <|{kind}_0|>, … of the tokenizer in {folder} are not consecutive")
        spans[kind] = IdRange(first, len(numbers))
    return spans

"""The tokenizer that a bundle carries, from those that trainers save."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from sparktts_onnx.bundle.contract import TOKENIZER_NAME
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.tokenizer import read_token_ids, write_text_tokenizer
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.graph import language_model_layout

ROWS = 6144
TEXT = "Hello there, <|im_end|> is text. " * 100


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A language model's folder that a test may change."""
    return Path(shutil.copytree(tiny_folder / "LLM", tmp_path / "LLM"))


def change(folder: Path, edit: Callable[[Any], object]) -> None:
    spec = json.loads((folder / TOKENIZER_NAME).read_text(encoding="utf-8"))
    edit(spec)
    (folder / TOKENIZER_NAME).write_text(json.dumps(spec), encoding="utf-8")


def text_ids(folder: Path) -> list[int]:
    target = folder / "written.json"
    write_text_tokenizer(folder, target, vocab_size=ROWS)
    found: list[int] = Tokenizer.from_file(str(target)).encode(TEXT, add_special_tokens=False).ids
    return found


def test_batches_of_the_training_neither_cut_nor_fill_up_a_text(folder: Path) -> None:
    before = text_ids(folder)
    trained = Tokenizer.from_file(str(folder / TOKENIZER_NAME))
    trained.enable_truncation(16)
    trained.enable_padding(length=5000)
    trained.save(str(folder / TOKENIZER_NAME))
    assert len(before) == len(TEXT) and text_ids(folder) == before


def test_a_piece_of_text_that_is_also_an_added_token_stays(folder: Path) -> None:
    def add(spec: Any) -> None:
        pieces = [piece for piece, number in spec["model"]["vocab"].items() if number != 299]
        spec["model"] |= {"vocab": {**{piece: i for i, piece in enumerate(pieces)}, "He": 299}, "merges": [["H", "e"]]}
        spec["added_tokens"].append({**spec["added_tokens"][-1], "content": "He", "id": 299, "special": False})

    change(folder, add)
    assert text_ids(folder).count(299) == TEXT.count("He")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda spec: spec["model"].update(merges=[["H", "ello"]]), "is not a tokenizer: .*ello"),
        (lambda spec: spec.update(decoder={"type": "None"}), "is not a tokenizer: "),
        (lambda spec: spec["model"]["vocab"].update(zzz=7000), "ids up to 7000, the language model has 6144 rows"),
    ],
)
def test_a_tokenizer_that_no_runtime_could_use_is_one_message(
    folder: Path, edit: Callable[[Any], object], message: str
) -> None:
    change(folder, edit)
    with pytest.raises(CheckpointError, match=message) as error:
        text_ids(folder)
    assert "\n" not in str(error.value) and not (folder / "written.json").exists()


@pytest.mark.parametrize("content", ["<|task_tts|>", "<|start_content|>", "<|end_style_label|>"])
def test_an_id_beyond_the_rows_of_the_language_model_is_one_message(folder: Path, content: str) -> None:
    def move(spec: Any) -> None:
        next(token for token in spec["added_tokens"] if token["content"] == content)["id"] = 6200

    change(folder, move)
    with pytest.raises(CheckpointError, match="ids up to 6200, the language model has 6137 rows"):
        language_model_layout(read_decoder_config(folder), read_token_ids(folder), precision="int8", head="speech")


def test_the_files_of_an_older_tokenizer_alone_are_recognized(folder: Path) -> None:
    (folder / TOKENIZER_NAME).rename(folder / "vocab.json")
    with pytest.raises(CheckpointError, match=r"only its older files: .* AutoTokenizer\.from_pretrained"):
        read_token_ids(folder)


def test_added_tokens_may_stand_in_the_files_beside(folder: Path) -> None:
    """As transformers reads them: those of `tokenizer_config.json`, where it has any, before `added_tokens.json`."""
    before, added = read_token_ids(folder), []
    change(folder, lambda spec: (added.extend(spec["added_tokens"]), spec.update(added_tokens=[])))
    assert read_token_ids(folder) == before
    (folder / "added_tokens.json").write_text('{"<|im_end|>": 5}', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"has no token <\|task_tts\|>"):
        read_token_ids(folder)
    decoder = {str(token.pop("id")): token for token in added} | {"9" * 5000: {}, "x": {"content": "y"}, "7": None}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": decoder}), encoding="utf-8")
    assert read_token_ids(folder) == before
    assert len(text_ids(folder)) == len(TEXT)


@pytest.mark.parametrize(
    ("content", "said"), [("<|gender_1|>", "gender has 1 ids, expected 2"), ("<|speed_label_4|>", "speed_label has 4")]
)
def test_a_style_that_would_name_another_token_is_refused(folder: Path, content: str, said: str) -> None:
    (folder / "added_tokens.json").unlink()
    change(
        folder,
        lambda spec: spec["added_tokens"].remove(next(t for t in spec["added_tokens"] if t["content"] == content)),
    )
    with pytest.raises(CheckpointError, match=said):
        read_token_ids(folder)

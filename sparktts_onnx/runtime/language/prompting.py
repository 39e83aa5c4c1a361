"""Prompts: the ids that the language model continues with speech.

The parts are the published model's. Text is tokenized by a tokenizer that has no control tokens, and control ids
are put around it by role, so no text can act as a control token.
"""

from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from sparktts_onnx.bundle.manifest import IdRange, TokenIds
from sparktts_onnx.errors import BundleError
from sparktts_onnx.runtime.language.alignment import TextColumns
from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice

CONTENT_START = 2
"""Position of a prompt's first content id: behind the task and the start of the content."""


class Prompter:
    """Writes prompts for one bundle."""

    def __init__(self, tokenizer_path: Path, ids: TokenIds) -> None:
        """`tokenizer_path`: the bundle's `tokenizer.json`, which is loaded when it is first used."""
        self._path = tokenizer_path
        self._ids = ids

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        try:
            return Tokenizer.from_file(str(self._path))
        except Exception as error:  # tokenizers raises plain Exception
            raise BundleError(f"{self._path} is not a tokenizer: {error}") from error

    def load(self) -> None:
        """Load the tokenizer now."""
        _ = self._tokenizer

    def text_ids(self, text: str) -> list[int]:
        """Ids of plain text."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def clone(self, text: str, voice: Voice) -> tuple[int, ...]:
        """Prompt for speaking `text` with a voice; with the voice's transcript and semantic ids where it has them."""
        ids = self._ids
        content = (voice.transcript or "") + text
        head = (ids.task_tts, ids.start_content, *self.text_ids(content), ids.end_content)
        speaker = (ids.start_global, *_numbered(ids.global_tokens, voice.global_ids), ids.end_global)
        if voice.semantic_ids is None:
            return head + speaker
        return (
            *head,
            *speaker,
            ids.start_semantic,
            *_numbered(ids.semantic_tokens, voice.semantic_ids),
        )

    def locate(self, text: str, transcript: str = "") -> TextColumns:
        """`text` as it stands in the prompts of `clone` and `create`."""
        offsets = self._tokenizer.encode(transcript + text, add_special_tokens=False).offsets
        before = len(transcript)
        first = next((i for i, (_, stop) in enumerate(offsets) if stop > before), len(offsets))
        spans = tuple((max(start - before, 0), stop - before) for start, stop in offsets[first:])
        return TextColumns(text, spans, range(CONTENT_START + first, CONTENT_START + len(offsets)))

    def create(self, text: str, style: VoiceStyle) -> tuple[int, ...]:
        """Prompt for speaking `text` with a voice that the model makes up from a style."""
        ids = self._ids
        gender, pitch, speed = style.levels
        labels = (ids.gender.first + gender, ids.pitch_label.first + pitch, ids.speed_label.first + speed)
        content = (ids.start_content, *self.text_ids(text), ids.end_content)
        return (ids.task_controllable_tts, *content, ids.start_style, *labels, ids.end_style)


def _numbered(kind: IdRange, numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(kind.first + number for number in numbers)

"""What the language model may write next: the phases of an answer.

    created voice:   attributes ─▶ global ids ─▶ speech
    cloned voice:                                speech

Speech is an optional start token, semantic ids, and an end. An answer without a single semantic id is not legal.
"""

from sparktts_onnx.bundle.manifest import CodecLayout, TokenIds

Spans = tuple[tuple[int, int], ...]
"""Half-open ranges of token ids."""

MAX_ATTRIBUTES = 64
"""Attribute tokens after which the global ids must begin; the published model writes fewer than ten."""


class SpeechGrammar:
    """An answer to a prompt that ends with a speaker: semantic ids up to an end token."""

    def __init__(self, ids: TokenIds, codec: CodecLayout, *, continues: bool = False) -> None:
        """`continues`: the prompt already holds the start token and semantic ids."""
        codes = min(ids.semantic_tokens.count, codec.semantic_codes)
        self._ids = ids
        self._semantic = (ids.semantic_tokens.first, ids.semantic_tokens.first + codes)
        self._started = continues
        self.before_speech = 0 if continues else 1
        """Most tokens in front of the first semantic id."""
        self.semantic_ids: list[int] = []
        """Content codes of the answer so far."""
        self.ended = False
        """Whether the model ended the answer by itself."""

    def legal(self) -> Spans:
        """Ranges that the next token is taken from."""
        if not self.semantic_ids:
            start = () if self._started else (_one(self._ids.start_semantic),)
            return (self._semantic, *start)
        return (self._semantic, _one(self._ids.end_semantic), _one(self._ids.end_of_text))

    def accept(self, token_id: int) -> bool:
        """Take the next token; True when the answer is over."""
        if token_id == self._ids.start_semantic:
            self._started = True
        elif token_id in (self._ids.end_semantic, self._ids.end_of_text):
            self.ended = True
        else:
            self.semantic_ids.append(token_id - self._semantic[0])
        return self.ended


class CreationGrammar:
    """An answer to a prompt that ends with a style: attributes, a speaker, then speech."""

    def __init__(self, ids: TokenIds, codec: CodecLayout, *, speaker: tuple[int, ...] | None = None) -> None:
        """`speaker`: global ids that the answer must have; the model chooses them where none are given."""
        codes = min(ids.global_tokens.count, codec.global_codes)
        self._ids = ids
        self._codec = codec
        self._global = (ids.global_tokens.first, ids.global_tokens.first + codes)
        self._attributes = tuple((span.first, span.stop) for span in ids.attributes)
        self._attribute_count = 0
        self._started = False
        self._speaker_is_over = False
        self._speaker = speaker
        self._speech = SpeechGrammar(ids, codec)
        self.before_speech = MAX_ATTRIBUTES + codec.global_tokens + 2 + self._speech.before_speech
        """Most tokens in front of the first semantic id; two of them begin and end the speaker."""
        self.global_ids: list[int] = []
        """Speaker codes so far."""

    @property
    def ended(self) -> bool:
        """Whether the model ended the answer by itself."""
        return self._speech.ended

    def legal(self) -> Spans:
        """Ranges that the next token is taken from."""
        if len(self.global_ids) == self._codec.global_tokens:
            end = () if self._speaker_is_over else (_one(self._ids.end_global),)
            return (*self._speech.legal(), *end)
        if self.global_ids or self._started:
            return (self._next_global(),)
        start = _one(self._ids.start_global)
        if self._attribute_count >= MAX_ATTRIBUTES:
            return (start,)
        return (*self._attributes, start, self._next_global())

    def accept(self, token_id: int) -> bool:
        """Take the next token; True when the answer is over."""
        if len(self.global_ids) == self._codec.global_tokens:
            self._speaker_is_over = True
            return token_id != self._ids.end_global and self._speech.accept(token_id)
        if self._global[0] <= token_id < self._global[1]:
            self.global_ids.append(token_id - self._global[0])
        elif token_id == self._ids.start_global:
            self._started = True
        else:
            self._attribute_count += 1
        return False

    def _next_global(self) -> tuple[int, int]:
        if self._speaker is None:
            return self._global
        return _one(self._global[0] + self._speaker[len(self.global_ids)])


def _one(token_id: int) -> tuple[int, int]:
    return (token_id, token_id + 1)

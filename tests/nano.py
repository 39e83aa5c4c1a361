"""What the nano bundles answer, in plain Python: sizes, token ids, sound, and the language model's next token.

`tests/tools/make_nano_bundle.py` writes the graphs from the constants here; tests predict with the functions.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.bundle.manifest import IdRange, TokenIds

BUNDLE = Path(__file__).parent / "data" / "nano_bundle"
FIXED_BUNDLE = Path(__file__).parent / "data" / "nano_bundle_fixed"

SAMPLE_RATE = 16_000
HOP = 320
BORDER = 80
"""Samples that a window of the recording side needs beyond whole hops, as the published model."""
REFERENCE = 6400
"""Samples of the reference clip: 0.4 s."""
FIXED_FRAMES = 40
"""Frames of the bundle with fixed shapes."""

SEMANTIC_CODES = 64
SILENT = 63
"""The semantic id that sounds like nothing at all."""
GLOBAL_TOKENS, GLOBAL_CODES = 4, 8
PRENET_CONTEXT, DECODER_CONTEXT = 3, 1

LOW = range(0, 8)
"""Channels of a semantic id's low octal digit, of which one is on."""
HIGH = range(8, 16)
SPEAKER = range(16, 16 + GLOBAL_TOKENS * GLOBAL_CODES)
ECHOES = range(SPEAKER.stop, SPEAKER.stop + 4)
"""Channels of the low digits of the tokens 3 before, 3 after, 1 before and 1 after, these with their own echoes."""
ECHO_OF_ECHO = 0.5
CHANNELS = ECHOES.stop
AMPLITUDES = (*[0.14] * 16, *[0.08] * len(SPEAKER), *[0.007] * 4)

TOKEN_IDS = TokenIds(
    end_of_text=256,
    start_global=257,
    end_global=258,
    start_semantic=259,
    end_semantic=260,
    gender=IdRange(265, 2),
    pitch_label=IdRange(267, 5),
    speed_label=IdRange(272, 5),
    global_tokens=IdRange(277, GLOBAL_CODES),
    semantic_tokens=IdRange(285, SEMANTIC_CODES),
    task_tts=349,
    task_controllable_tts=350,
    start_content=351,
    end_content=352,
    start_style=353,
    end_style=354,
    attributes=(IdRange(261, 4), IdRange(265, 2), IdRange(267, 5), IdRange(272, 5)),
)
"""Text is a byte a token, 0 to 255."""
PITCH_VALUES = TOKEN_IDS.attributes[0]
HEAD_FIRST, HEAD_STOP, VOCABULARY = 256, 349, 355
MAX_POSITIONS = 2048

WALK = 61
"""The walk of semantic ids stays below this."""
TOKENS_PER_BYTE = 3
"""An answer ends when there are this many semantic ids for each byte of content, those of the prompt counted."""
SOFT, SHARP = 0.5, 50.0
"""Logits fall with the square of the distance to the next id: gently for codes, steeply for all else."""
ROTATION = (2.0, 0.9, 0.41, 0.19, 0.087, 0.04, 0.018, 0.008)
"""Radians that each pair of the attention head turns by a position."""
_FOCUS = 4.0


def look_back() -> list[float]:
    """Two queries and a key, the same for every token: one sees all alike, one the position before."""
    uniform = [0.0] * 16
    previous = [_FOCUS * math.cos(a) for a in ROTATION] + [-_FOCUS * math.sin(a) for a in ROTATION]
    key = [_FOCUS] * 8 + [0.0] * 8
    return uniform + previous + key


def byte_letters() -> dict[str, int]:
    """The letter that byte-level tokenizers write for each byte, and the byte as its id."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {byte: chr(byte) for byte in shown} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}
    return {letters[byte]: byte for byte in range(256)}


def next_id(ids: Sequence[int]) -> int:
    """The likeliest token after a prompt and what was written so far."""
    kind = TOKEN_IDS
    texts = [i for i in ids if i < 256]
    codes = [number for i in ids if (number := _number(i, kind.global_tokens)) is not None]
    pair = sum(_value(i) for i in ids[-2:])
    labels = sum(
        number
        for i in ids
        for span in (kind.gender, kind.pitch_label, kind.speed_label)
        if (number := _number(i, span)) is not None
    )
    text_sum = sum(i % 16 for i in texts)
    if ids[-1] == kind.end_style:
        return PITCH_VALUES.first + labels % PITCH_VALUES.count
    if _number(ids[-1], PITCH_VALUES) is not None:
        return kind.start_global
    if ids[-1] == kind.start_global or _number(ids[-1], kind.global_tokens) is not None:
        timbre = (text_sum + labels + pair + len(codes)) % GLOBAL_CODES
        return kind.global_tokens.first + timbre if len(codes) < GLOBAL_TOKENS else kind.end_global
    if ids[-1] == kind.end_global:
        return kind.start_semantic
    spoken = sum(_number(i, kind.semantic_tokens) is not None for i in ids)
    if spoken >= TOKENS_PER_BYTE * len(texts):
        return kind.end_semantic
    return kind.semantic_tokens.first + (pair + 1 + (text_sum + sum(codes)) % (WALK - 1)) % WALK


def answer(prompt: Sequence[int], speaker: Sequence[int] | None = None) -> list[int]:
    """Every token that the model writes after a prompt when the likeliest is always taken.

    `speaker`: global ids that a created voice must have.
    """
    ids, written = list(prompt), 0
    while ids[-1] != TOKEN_IDS.end_semantic:
        token = next_id(ids)
        if speaker is not None and _number(token, TOKEN_IDS.global_tokens) is not None:
            token, written = TOKEN_IDS.global_tokens.first + speaker[written], written + 1
        ids.append(token)
    return ids[len(prompt) :]


def semantic_numbers(tokens: Sequence[int]) -> tuple[int, ...]:
    """The semantic ids among token ids."""
    return tuple(n for i in tokens if (n := _number(i, TOKEN_IDS.semantic_tokens)) is not None)


def global_numbers(tokens: Sequence[int]) -> tuple[int, ...]:
    """The global ids among token ids."""
    return tuple(n for i in tokens if (n := _number(i, TOKEN_IDS.global_tokens)) is not None)


def clone_prompt(
    text: str, global_ids: Sequence[int], transcript: str = "", semantic_ids: Sequence[int] | None = None
) -> list[int]:
    """The prompt for a text and a voice."""
    kind = TOKEN_IDS
    content = [kind.task_tts, kind.start_content, *(transcript + text).encode(), kind.end_content]
    speaker = [kind.start_global, *(kind.global_tokens.first + i for i in global_ids), kind.end_global]
    if semantic_ids is None:
        return content + speaker
    return [*content, *speaker, kind.start_semantic, *(kind.semantic_tokens.first + i for i in semantic_ids)]


def create_prompt(text: str, gender: int = 0, pitch: int = 2, speed: int = 2) -> list[int]:
    """The prompt for a text and a style."""
    kind = TOKEN_IDS
    labels = [kind.gender.first + gender, kind.pitch_label.first + pitch, kind.speed_label.first + speed]
    content = [kind.task_controllable_tts, kind.start_content, *text.encode(), kind.end_content]
    return [*content, kind.start_style, *labels, kind.end_style]


def spoken(text: str, global_ids: Sequence[int]) -> tuple[int, ...]:
    """Semantic ids of a text spoken greedily by a voice."""
    return semantic_numbers(answer(clone_prompt(text, global_ids)))


def sound(semantic_ids: Sequence[int], global_ids: Sequence[int]) -> NDArray[np.float32]:
    """The waveform of an answer, float32 [N]."""
    ids = np.asarray(semantic_ids)
    frames = np.zeros((len(ids), CHANNELS))
    frames[np.arange(len(ids)), ids % 8] = 1
    frames[np.arange(len(ids)), HIGH.start + ids // 8] = 1
    for group, code in enumerate(global_ids):
        frames[:, SPEAKER.start + group * GLOBAL_CODES + code] = 1
    level = ids % 8.0
    far = _shifted(level, PRENET_CONTEXT), _shifted(level, -PRENET_CONTEXT)
    level = level + ECHO_OF_ECHO * (far[0] + far[1])
    near = _shifted(level, DECODER_CONTEXT), _shifted(level, -DECODER_CONTEXT)
    frames[:, ECHOES.start : ECHOES.stop] = np.stack([*far, *near], axis=1)
    frames[ids == SILENT] = 0
    return ((frames * AMPLITUDES) @ _waves()).reshape(-1).astype(np.float32)


def heard(wav: NDArray[np.float32]) -> tuple[int, ...]:
    """Semantic ids read back from samples whose first is the first of a token."""
    loudness = _loudness(wav)
    low, high = loudness[:, LOW].argmax(1), loudness[:, HIGH].argmax(1)
    return tuple(int(i) for i in np.where(loudness.max(1) < 1e-4, SILENT, low + 8 * high))


def heard_speaker(wav: NDArray[np.float32]) -> tuple[int, ...]:
    """Global ids read back from samples whose first is the first of a token."""
    groups = _loudness(wav).mean(0)[SPEAKER].reshape(GLOBAL_TOKENS, GLOBAL_CODES)
    return tuple(int(i) for i in groups.argmax(1))


def walks(start: int = 0) -> Iterator[int]:
    """Semantic ids without a cycle that a guard would call a loop."""
    value = start
    for step in iter(int, 1):
        yield value
        value = (value * 7 + 11 + step) % WALK


def _loudness(wav: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64 [T, channels]: how strong each channel's sine is in each whole hop."""
    hops = wav[: len(wav) // HOP * HOP].reshape(-1, HOP).astype(np.float64)
    return np.abs(hops @ _waves().T) * 2 / HOP


def _shifted(values: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    """The value `by` places before; 0 past the ends."""
    padded = np.pad(values, abs(by))
    return padded[abs(by) - by : abs(by) - by + len(values)]


def _waves() -> NDArray[np.float64]:
    cycles = np.arange(1, CHANNELS + 1)[:, None]
    return np.sin(2 * np.pi * cycles * np.arange(HOP) / HOP)


def _value(token_id: int) -> int:
    return _number(token_id, TOKEN_IDS.global_tokens) or _number(token_id, TOKEN_IDS.semantic_tokens) or 0


def _number(token_id: int, kind: IdRange) -> int | None:
    return token_id - kind.first if kind.first <= token_id < kind.stop else None

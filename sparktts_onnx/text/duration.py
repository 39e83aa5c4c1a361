"""How long a text takes to speak, predicted from its syllables, signs and pauses.

The constants were fitted to espeak-ng at its usual rate (tests/text/espeak_seconds.json), but for Chinese, which
it speaks about a third slower than people do: there a value between the two. The bounds allow for both.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from sparktts_onnx.errors import OptionError
from sparktts_onnx.text.characters import HAN, HANGUL, KANA

TOKENS_PER_SECOND = 50.0

_EDGES = 0.15
_SYLLABLE = 0.19
_SIGN = 0.38
_PAUSES = {"stop": 0.33, "pause": 0.2}

_PIECE = re.compile(
    rf"(?P<word>[A-Za-z\u00c0-\u024f]+(?:['’][A-Za-z]+)?)|(?P<han>[{HAN}]+)|(?P<digits>\d+(?:[.,:]\d+)*)|(?P<kana>[{KANA}]+)"
    rf"|(?P<hangul>[{HANGUL}]+)|(?P<letters>[^\W_]+)|(?P<stop>[.!?。！？…\n]+)|(?P<pause>[,;:，；：、—–]+)"
    r"|(?P<signs>[%$€£¥₹+=&@#°/×÷<>≤≥*^~-]+)"
)
_PER_CHARACTER = {"han": 0.27, "digits": 0.36, "kana": 0.14, "hangul": 0.2, "letters": 0.09}
_VOWELS = re.compile("[aeiouy\u00c0-\u024f]+")
_SILENT_END = re.compile("(?<![aeiouyl])(?:e|es|ed)$|(?<=[aeiouy]l)es?$")
_LONGEST_INITIALS = 5
_LONGEST_SYLLABLE = 7

_SHORTEST_SHARE = 0.42
"""A voice at 1.7 times the speed takes 0.59 of the time; a prediction may be a quarter too long."""
_SHORTEST_TOKENS = 3
"""The least that counts as speech of anything: a fast "A." of 0.06 s."""
_LOST_SECONDS = 0.3
"""What a fast speaker may leave out of any text: pauses, and nearly all of a lone vowel."""
_LONGEST_SHARE = 2.5
"""A voice at 0.6 times the speed takes 1.67 of the time; a prediction may be a third too short."""
_EXTRA_SECONDS = 1.0
"""What a speaker may add to any text, however short: breath, hesitation, a long pause."""


@dataclass(frozen=True)
class TokenBounds:
    """How many semantic ids the speech of a text may have."""

    shortest: int
    """Fewer means that the speech ended too early."""
    longest: int
    """More means that it did not stop where the text did."""


@lru_cache(maxsize=4096)
def _word_syllables(word: str) -> int:
    """Syllables of an English word: its vowel groups; capitals without vowels or in a short row are spelled."""
    if word.isupper() and 1 < len(word) <= _LONGEST_INITIALS:
        return len(word) + 2 * word.count("W")
    lower = word.lower()
    groups = len(_VOWELS.findall(lower))
    if not groups:
        return len(word)
    silent = groups > 1 and _SILENT_END.search(lower) is not None
    return max(groups - silent, len(word) // _LONGEST_SYLLABLE)


def _piece_seconds(kind: str, piece: str) -> float:
    if kind == "word":
        return _SYLLABLE * _word_syllables(piece)
    if kind in _PAUSES:
        return _PAUSES[kind]
    if kind == "signs":
        return _SIGN * min(len(piece), 3)
    silent = piece.count(",") + piece.count(":") if kind == "digits" else 0
    return _PER_CHARACTER[kind] * (len(piece) - silent)


def expected_seconds(text: str, speed: float = 1.0) -> float:
    """Seconds that an average voice takes, at `speed` times the usual rate; 0 where there is nothing to say."""
    if not (speed > 0 and math.isfinite(speed)):
        raise OptionError(f"speed is {speed!r}; it must be a number above 0, with 1 the usual rate")
    beside, spoken = 0.0, 0.0
    for match in _PIECE.finditer(text):
        kind = match.lastgroup or ""
        seconds = _piece_seconds(kind, match.group())
        if kind in ("stop", "pause", "signs"):
            beside += seconds
        else:
            spoken += seconds
    return (_EDGES + spoken + beside) / speed if spoken else 0.0


def is_speakable(text: str) -> bool:
    """Whether there is anything to say in a text: a letter or a digit. A sign alone (#, $, •) is not."""
    return expected_seconds(text) > 0


def expected_tokens(text: str, speed: float = 1.0, *, tokens_per_second: float = TOKENS_PER_SECOND) -> int:
    """Semantic ids that the speech of a text is expected to have, rounded up: the cost of a segment."""
    return math.ceil(expected_seconds(text, speed) * tokens_per_second)


def token_bounds(text: str, speed: float = 1.0, *, tokens_per_second: float = TOKENS_PER_SECOND) -> TokenBounds:
    """Bounds that good speech keeps, slow or fast voice alike, and that speech cut off or run on does not."""
    seconds = expected_seconds(text, speed)
    shortest = (seconds * _SHORTEST_SHARE - _LOST_SECONDS) * tokens_per_second
    longest = (seconds * _LONGEST_SHARE + _EXTRA_SECONDS) * tokens_per_second
    return TokenBounds(max(_SHORTEST_TOKENS if seconds else 0, int(shortest)), math.ceil(longest))

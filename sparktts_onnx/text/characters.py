"""Kinds of characters: which script a letter is in, and where one visible character ends.

The classes are strings for the inside of a regular expression's square brackets.
"""

import re
import unicodedata

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
# CJK punctuation and full-width signs, without the full-width digits and letters, which are parts of words.
CJK_SIGNS = "\u3000-\u3006\u3008-\u3020\u3030-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffe6"
UNSPACED = HAN + KANA + CJK_SIGNS
"""Characters written without spaces between words: each may begin a new unit of text."""
LETTER_OR_DIGIT = rf"[^\W{HAN}{KANA}_]"
"""One character of a word written with spaces around it. `\\w` alone holds Chinese characters too."""
_EMOJI_PARTS = (
    "\U0001f000-\U0001faff\u2600-\u27bf\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u231a\u231b\u23e9-\u23fa\u25fd\u25fe"
)
EMOJI = rf"(?:[0-9#*]\ufe0f?\u20e3|[{_EMOJI_PARTS}][\ufe0e\ufe0f\u20e3\u200d\U000e0020-\U000e007f{_EMOJI_PARTS}]*)"
"""One emoji or several in a row, with their modifiers; also a keycap such as 1\ufe0f\u20e3."""
_UNSPOKEN = re.compile(
    f"[\u0400-\u10ff\u1200-\u1cff\u2d00-\u2ddf\ua4d0-\ua6ff\ua800-\uab2f\uab70-\uabff\ufb13-\ufdff\ufe70-\ufefc{HANGUL}]"
    "|[\u0370-\u03ff]{2}"
)
"""Letters of scripts that are neither Latin nor Chinese nor kana; a single Greek one is a sign of mathematics."""
_UNSPACED_LETTER = re.compile(f"[{HAN}{KANA}]")
_ZERO_WIDTH_JOINER = "\u200d"


def is_unspaced(char: str) -> bool:
    """Whether this is a Chinese character or Japanese kana."""
    return _UNSPACED_LETTER.match(char) is not None


def unspoken_scripts(text: str) -> tuple[str, ...]:
    """The scripts in a text that the model, which speaks English and Chinese, does not: ("Cyrillic", "Thai")."""
    letters = {found[0] for found in _UNSPOKEN.findall(text) if found[0].isalpha()}
    return tuple(sorted({unicodedata.name(letter).split()[0].capitalize() for letter in letters}))


def joins_previous(char: str) -> bool:
    """Whether a character is drawn together with the one before it, so that no cut may come between."""
    if char < "\u0300":
        return False
    is_skin_tone = "\U0001f3fb" <= char <= "\U0001f3ff"
    is_mark = unicodedata.category(char) in ("Mn", "Mc", "Me")
    return is_mark or is_skin_tone or char in "\u200c\u200d"


def may_cut(text: str, position: int) -> bool:
    """Whether a text may be cut before `position` without tearing a visible character apart."""
    if position <= 0 or position >= len(text):
        return True
    before, after = text[position - 1], text[position]
    return not (joins_previous(after) or before == _ZERO_WIDTH_JOINER or before + after == "\r\n")

"""Web and e-mail addresses: the host and the path are read out, scheme and query are not."""

import re
from collections.abc import Mapping

from sparktts_onnx.text.characters import HAN, LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import START, Found, Rule

_ADDRESS_CHAR = rf"[^\s<>\"'“”‘’，。；：！？、（）《》【】{HAN}]"
_LAST_CHAR = rf"[^\s<>\"'“”‘’，。；：！？、（）《》【】{HAN}.,;:!?)\]}}…]"
_TOP_LEVEL = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|dev|app|cn|uk|de|fr|jp|eu|us|ca|au|in|ru|ch|nl|se|tv|me|co|xyz|tech"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_BARE_HOST = rf"(?:{_LABEL}\.){{1,8}}(?:{_TOP_LEVEL})(?!{LETTER_OR_DIGIT}|[.-][A-Za-z])"
_EMAIL = rf"[A-Za-z0-9](?:[A-Za-z0-9._%+-]{{0,62}}[A-Za-z0-9_])?@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}"
_SCHEME = r"(?:[Hh]ttps?://|HTTPS?://|ftp://|(?<![A-Za-z])www\.)"

_ENGLISH_SIGNS = {
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    "@": "at",
    ":": "colon",
    "+": "plus",
    "~": "tilde",
    "%": "percent",
}
_CHINESE_SIGNS = {
    ".": "点",
    "/": "斜杠",
    "-": "横杠",
    "_": "下划线",
    "@": "艾特",
    ":": "冒号",
    "+": "加",
    "~": "波浪线",
    "%": "百分号",
}
_PIECE = re.compile(r"[A-Za-z]+|\d+|.", re.DOTALL)


def _spell(address: str, signs: Mapping[str, str], *, is_chinese: bool) -> str | None:
    """The parts of an address as words; None if it holds a character with no name here."""
    words = []
    for piece in _PIECE.findall(address):
        if piece.isascii() and piece.isalpha():
            words.append(piece)
        elif piece.isascii() and piece.isdigit():
            words.append(chinese.digits(piece) if is_chinese else english.digits(piece))
        elif piece in signs:
            words.append(signs[piece])
        else:
            return None
    return " ".join(words)


def _spoken_part(url: str) -> str:
    """What a person would read out of a URL: no scheme, no www, no query, no closing slash."""
    address = re.sub(r"^[A-Za-z]+://", "", url)
    address = re.sub(r"^www\.", "", address, flags=re.IGNORECASE)
    return re.split(r"[?#]", address, maxsplit=1)[0].rstrip("/")


def _english(found: Found) -> str | None:
    return _spell(_spoken_part(found.text), _ENGLISH_SIGNS, is_chinese=False) or None


def _chinese(found: Found) -> str | None:
    return _spell(_spoken_part(found.text), _CHINESE_SIGNS, is_chinese=True) or None


RULES = (
    Rule("web", rf"{_SCHEME}{_ADDRESS_CHAR}*{_LAST_CHAR}", _english, _chinese),
    Rule("web", rf"(?<![A-Za-z0-9._%+-]){_EMAIL}", _english, _chinese),
    Rule("web", rf"{START}(?<![@-]){_BARE_HOST}(?:/{_ADDRESS_CHAR}*{_LAST_CHAR})?/?", _english, _chinese),
)

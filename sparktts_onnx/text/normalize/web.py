"""Web and e-mail addresses: the host and the path are read out, scheme and query are not."""

import re
from urllib.parse import unquote

from sparktts_onnx.text.characters import HAN, LETTER_OR_DIGIT
from sparktts_onnx.text.normalize.rule import START, Found, Rule
from sparktts_onnx.text.normalize.tables import one_of, rows, words

_ADDRESS_CHAR = rf"[^\s<>\"'“”‘’，。；：！？、（）《》【】{HAN}]"
_LAST_CHAR = rf"[^\s<>\"'“”‘’，。；：！？、（）《》【】{HAN}.,;:!?)\]}}…]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = rf"[A-Za-z0-9](?:[A-Za-z0-9._%+-]{{0,62}}[A-Za-z0-9_])?@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}"
_SCHEME = r"(?:[Hh]ttps?://|HTTPS?://|ftp://|(?<![A-Za-z])www\.)"
_BRACKETED = r"\([\w.,%'-]{1,60}\)(?![\w/])"
"""As in the addresses of Wikipedia: wiki/Foo_(bar)."""
ADDRESS = (
    rf"{_SCHEME}{_ADDRESS_CHAR}*(?:{_BRACKETED})|{_SCHEME}{_ADDRESS_CHAR}*{_LAST_CHAR}|(?<![A-Za-z0-9._%+-]){_EMAIL}"
)
_PIECE = re.compile(r"[^\W\d_]+|\d+|.", re.DOTALL)
_UNNAMED = "()[]{},;!*'’$&+|"
"""Signs that may stand in an address and are no more than a pause there, as is a space."""
_LEFT_OUT = re.compile(r"^(?:[A-Za-z]+://)?(?:www\.)?|/*(?:[?#].*)?$", re.IGNORECASE | re.DOTALL)


def _address(found: Found) -> str | None:
    """The parts of an address in words: no scheme, no www, no query, no closing slash; as it is if it holds a
    character with no name here."""
    signs = {row[0]: found.pick(row[5], row[6]) for row in rows("signs") if row[5]}
    spoken = []
    written = _LEFT_OUT.sub("", found.text)
    decoded = unquote(written)
    for piece in _PIECE.findall(written if "\ufffd" in decoded else decoded):
        if piece in signs:
            spoken.append(signs[piece])
        elif piece.isalnum():
            spoken.append(found.digits(piece) if piece.isdigit() else piece)
        elif piece.isascii() and not piece.isspace() and piece not in _UNNAMED:
            return found.text
    return " ".join(spoken) or found.text


def rules() -> tuple[Rule, ...]:
    """Tried first: an address has numbers and signs in it."""
    bare_host = rf"(?:{_LABEL}\.){{1,8}}{one_of(words('lists', 'domain'))}(?!{LETTER_OR_DIGIT}|[.-][A-Za-z])"
    return (
        Rule(ADDRESS, _address),
        Rule(rf"{START}(?<![@-]){bare_host}(?:/{_ADDRESS_CHAR}*{_LAST_CHAR})?/?", _address),
    )

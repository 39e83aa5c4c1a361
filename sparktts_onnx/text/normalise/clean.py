"""Characters before words: full-width forms, invisible characters, emoji and white space."""

import re

from sparktts_onnx.text.characters import EMOJI, UNSPACED
from sparktts_onnx.text.normalise.options import NormaliseOptions

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_KEPT_WIDE = "，！？：；（）～"
_NARROW = {code: plain for code, plain in _WIDE.items() if chr(code) not in _KEPT_WIDE} | {0xFFE5: "¥", 0xFFE1: "£"}
_WIDE_COLON = re.compile(r"(?<=\d)：(?=\d)")
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]")
_DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NEW_LINE = re.compile("\r\n?|[\u0085\u2028\u000b\u000c]")
_SPACES = re.compile(r"[^\S\n]+")
_LINE_EDGES = re.compile(r" ?\n ?")
_PARAGRAPHS = re.compile(r"\n{2,}")
_EMOJI = re.compile(rf"(\s*){EMOJI}(?:\s*{EMOJI})*[\ufe0e\ufe0f\u200d]*(\s*)(.?)", re.DOTALL)
_SCENE_BREAK = re.compile(r"(?m)^ *(?:(?:[-–—*_~=#•·] *){3,}|⁂) *$")
_TIMESTAMP = re.compile(r"\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(Z)?(?![\w+:-])")
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\(https?://[^()\s]{1,500}\)")
_MARKDOWN = re.compile(
    r"(?m)^ {0,3}(?:#{1,6} +|[-*•‣◦▪●] +)|`{1,3}|\*{2,3}(?!\d)"
    r"|(?<!\w)[*_]{1,3}(?=\w)|(?<=[\w.!?。！？])[*_]{1,3}(?!\w)"
)
_NO_SPACE_BEFORE = re.compile(rf"[{UNSPACED}.,;:!?)\]}}…]")


def narrow(text: str) -> str:
    """Full-width letters, digits and signs as plain ones; Chinese punctuation stays, but for the colon of a time."""
    return _WIDE_COLON.sub(":", text.translate(_NARROW))


def drop_emoji(text: str) -> str:
    """Leave emoji out; a keycap such as 1\ufe0f\u20e3 keeps its digit."""
    return _EMOJI.sub(_without_emoji, text)


def _without_emoji(match: re.Match[str]) -> str:
    before, after, following = match.groups()
    kept = "".join(char for char in match.group() if char.isascii() and char in "0123456789#")
    gap = "\n" * min(2, (before + after).count("\n")) or " "
    if following and not kept and gap == " " and _NO_SPACE_BEFORE.match(following):
        gap = ""
    keycaps = " ".join(kept) if "\u20e3" in match.group() else ""
    return f"{before}{keycaps}{after or gap}{following}" if keycaps else gap + following


def drop_markup(text: str) -> str:
    """Leave out scene breaks, list bullets, heading marks, link targets, and the stars and backticks of markup."""
    return _MARKDOWN.sub("", _LINK.sub(r"\1", _SCENE_BREAK.sub("", text)))


def part_timestamps(text: str) -> str:
    """A date and a time for the timestamp of a machine, such as 2024-05-01T10:30:00Z."""
    return _TIMESTAMP.sub(lambda match: f"{match[1]} {match[2]}{' UTC' if match[3] else ''}", text)


def tidy_space(text: str) -> str:
    """One space for many, at most one empty line, nothing at the edges, no invisible characters."""
    text = _NEW_LINE.sub("\n", text).replace("\u2029", "\n\n")
    text = _DIRECTION_MARKS.sub("", _INVISIBLE.sub("", text))
    text = _LINE_EDGES.sub("\n", _SPACES.sub(" ", text))
    return _PARAGRAPHS.sub("\n\n", text).strip()


def clean(text: str, options: NormaliseOptions) -> str:
    """All of the above that the options ask for; white space is always made tidy."""
    text = tidy_space(text)
    if "width" not in options.skip:
        text = narrow(text)
    if "emoji" not in options.skip:
        text = drop_emoji(text)
    if "dates" not in options.skip:
        text = part_timestamps(text)
    if "symbols" not in options.skip:
        text = drop_markup(text)
    return tidy_space(text)

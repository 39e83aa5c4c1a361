"""What marks a text up and is no text: entities, tags, Markdown, tables, TeX, frames, marks of notes."""

import html
import re
from functools import cache

from sparktts_onnx.text.characters import HAN
from sparktts_onnx.text.normalize.tables import one_of, rows, words

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_COMMENT = re.compile(r"<!--[^>]{0,500}-->|<!DOCTYPE[^>]{0,500}>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(script|style)\b[^<>]{0,500}>[^<]{0,5000}</\1>", re.IGNORECASE)
_SCENE_BREAK = re.compile(r"(?m)^ *(?:(?:[-–—*_~=#•·] *){3,}|⁂) *$")
_ADDRESS_IN_BRACKETS = re.compile(
    r" ?<((?:https?://|mailto:)[^\s<>]{1,500}|[^\s<>@]{1,64}@[^\s<>@]{1,255})>(?:(`__?(?!\w))|_(?!\w))?"
)
_FENCE = re.compile(r"(?m)^ *(?:```|~~~)[\w+#.-]* *$")
_TABLE_RULE = re.compile(r"(?m)^ *\|?(?: *:?-{2,}:? *\|)+(?: *:?-{2,}:? *)?$\n?")
_TABLE_ROW = re.compile(r"(?m)^ *\| *(\S[^\n]*?) *\| *$")
_CELL_END = re.compile(r" *\| *")
_TARGET = r"(?:[^()\s]|\([^()\s]{0,100}\)){1,500}(?: \"[^\"\n]{0,200}\")?"
_LINK = re.compile(
    rf"!\[([^\[\]\n]{{0,200}})\](?:\({_TARGET}\)|\[[\w .-]{{0,60}}\])|\[([^\[\]\n]{{1,200}})\]\(https?://{_TARGET}\)"
    rf"|(?<![\w\])])\[([^\[\]\n]{{0,200}}[A-Za-z][^\[\]\n]{{0,200}})\](?:\({_TARGET}\)|\[[\w .-]{{0,60}}\](?!\[))"
)
"""An image, a link to an address of the web, a link to somewhere else: not the call of a[i](x)."""
_NOTE = re.compile(
    r"\[\^[\w-]{1,40}\]:?"
    r"|(?<=[.,;:!?”’。，；：！？])(?:\[(?:[1-9]\d{0,2}|citation needed|note \d{1,3})\])+(?=[\s.,;:)。，]|$)"
    r"|(?<=[.!?。])\[[a-z]\](?=\s|$)"
    r"|(?:(?<=[a-z]{4})|(?<=\w[.,;:!?”])|(?<=\w[.,!?][”)])|(?<=[a-z]{2}\))|(?<=[a-z]{3}\s))[⁰¹²³⁴-⁹]+(?!\w)"
)
_NOTE_BEHIND_A_WORD = re.compile(r"(?<=[a-z]{4})(?:\[[1-9]\d{0,2}\])+(?=\s[a-z]|[.,;:)]|\s?$)")
_CODE = re.compile(r"[=;{}_<>#]|\w\(|\[0\]")
_MARK_IN_CELL = re.compile("(\\| *)(?:([✅✔☑✓])|[❌✗✘✖])\ufe0f?(?= *\\|)")
_STARS = re.compile("(?<=\\d) ?(?:★|⭐\ufe0f?)(?![★☆⭐])|(?<![★☆⭐])([★⭐]{1,5})(☆{0,4})(?![★☆⭐])")
"""Of a review."""
_HAN = re.compile(f"[{HAN}]")
_CUE_TIME = r"(?:\d\d:)?\d\d:\d\d[.,]\d{3}"
_CUE = re.compile(rf"(?m)^(?:\d{{1,5}} *\n)? *{_CUE_TIME} +--> +{_CUE_TIME}[^\n]*\n?|\AWEBVTT[^\n]*\n")
_DEFINED_LINK = re.compile(r"(?m)^ {0,3}\[[^\[\]\n]{1,60}\]: *<?https?://\S{1,500}(?: +[\"'(][^\n]{0,200})? *$\n?")
_FRAME = re.compile(r"[\u2500-\u259f\u25a0-\u25b2\u25b4-\u25ca\u25cc-\u25fc]+")
_LEADING = re.compile(
    r"(?m)^ {0,3}(?:(?:> ?)+(?=[^\W\d]|[\"“‘'*_(\[#-])|#{1,6} +|[-–—*•·‣◦▪●] +(?:\[[ xX]\] +)?|\+ +(?=[A-Za-z]))+"
)
_MARKS = re.compile(
    r"`{1,3}|\*{2,3}(?!\d)"
    r"|(?<!\w)[*_]{1,3}(?=\w)|(?<=[\w.!?。！？:：,;])[*_]{1,3}(?!\w)"
)
_STARS_FOR_POWER = re.compile(r"(?<=\b[A-Za-z])\*\*(?=\d+\b(?!\*))|(?<=\w)\s\*\*\s(?=\w)")
_STRUCK = re.compile(r"~~(?=\S)([^~\n]{1,200})(?<=\S)~~")
_STARRED = re.compile(r"(?m)^ *\* +([^\n*]{1,200}?) +\*$")
_ESCAPED = re.compile(r"\\([%$&#_*])")
_TEX_NOTHING = re.compile(
    r"\\(?:left|right|displaystyle|q?quad|(?:begin|end)\{\w{1,20}\*?\}|[,;:! ]|\\(?=\s))(?![A-Za-z])"
)
_TEX_BOUNDS = re.compile(r"\\(int|sum|prod)(?:\\limits)?_(\{[^{}\n]{1,30}\}|\w)\^(\{[^{}\n]{1,30}\}|\\infty|\w)")
_TEX_LIMIT = re.compile(r"\\lim(?:\\limits)?_\{(\w) ?\\(?:to|rightarrow) ?([^{}\n]{1,30})\}")
_TEX_ACCENT = re.compile(r"\\(vec|hat|bar|tilde|dot|overline)(?:\{(\w{1,3})\}|\s(\w)\b)")
_TEX_ACCENTS = {"vec": "vector {}", "overline": "{} bar"}
_TEX_DEGREE = re.compile(r"\^(?:\\circ|\{\\circ\})(?![A-Za-z])")
_TEX_GROUP = re.compile(
    r"\\[dt]?frac\{([^{}\n]{1,60})\}\{([^{}\n]{1,60})\}|\\sqrt\{([^{}\n]{1,60})\}"
    r"|\\(?:text|math(?:rm|bf|it|bb|cal|sf|tt|frak)|operatorname|boxed)\{([^{}\n]{0,100})\}|(?<=[\^_])\{([-−\w]{1,20})\}"
)
_TEX = re.compile(r"\\\(([^|\u3000-\u9fff]{1,200}?)\\\)|\\\[([^\u3000-\u9fff]{1,400}?)\\\]|\$\$([^$]{1,400})\$\$")
_TEX_IN_DOLLARS = re.compile(r"(?<![\w$])\$(?=\S)([^$\n\\]{0,100}\\[A-Za-z%{][^$\n]{0,150})(?<=\S)\$(?!\w)")
"""With a command in it: nobody's money."""
_DEEPEST = 4
"""Groups of TeX within one another, as a root in a fraction."""
_OPEN_ENDED = ("br", "hr", "img", "input", "link", "meta", "wbr", "break")
"""Tags that need no other one to end them."""


def drop_cues(text: str) -> str:
    """Subtitles without their numbers and times."""
    return _CUE.sub("", text) if "-->" in text else text


def name_marks(text: str) -> str:
    """Yes or no for a mark that is alone in the cell of a table; four stars for ★★★★☆."""

    def is_chinese(mark: re.Match[str]) -> bool:
        before, after = text[max(0, mark.start() - 200) : mark.start()], text[mark.end() : mark.end() + 200]
        return _HAN.search(before.rpartition("\n")[2] + after.partition("\n")[0]) is not None

    def named(mark: re.Match[str]) -> str:
        of_english, of_chinese = ("yes", "是") if mark[2] else ("no", "否")
        return mark[1] + (of_chinese if is_chinese(mark) else of_english)

    def counted(mark: re.Match[str]) -> str:
        full, empty = mark[1] or "", mark[2] or ""
        if full and len(full + empty) != 5:
            return mark[0]
        return f"{len(full) or ''}{'星' if is_chinese(mark) else ' star' if len(full) == 1 else ' stars'}"

    text = _MARK_IN_CELL.sub(named, text) if "|" in text else text
    return _STARS.sub(counted, text)


def decode_entities(text: str) -> str:
    """&amp; and &#39; as the characters they stand for; twice, for those that were encoded twice."""
    for _ in range(2):
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text


@cache
def _tag() -> re.Pattern[str]:
    attribute = r"\s+[\w:@.-]+(?:\s*=\s*(?:\"[^\"<>]{0,500}\"|'[^'<>]{0,500}'|[^\s\"'<>=]{1,200}))?"
    return re.compile(rf"<(/?)({one_of(words('tags'))})((?:{attribute}){{0,30}})\s*/?>", re.IGNORECASE)


def drop_tags(text: str) -> str:
    """Leave out the tags of HTML; those that part lines become the end of one. One that a text only speaks of, as the
    <table> element, stays."""
    if "<" not in text:
        return text
    text = _ADDRESS_IN_BRACKETS.sub(_address, _HIDDEN.sub("\n", _COMMENT.sub("", text)))
    ended = {name.lower() for name in re.findall(r"</([A-Za-z][\w-]*)", text)}
    begun = {name.lower() for name in re.findall(r"<([A-Za-z][\w-]*)", text)}

    def dropped(tag: re.Match[str]) -> str:
        name = tag[2].lower()
        is_pair = name in begun and name in ended
        before, after = text[tag.start() - 1 : tag.start()], text[tag.end() : tag.end() + 1]
        touches = (before if tag[1] else after).isalnum() and (tag[1] or not (before.isalnum() or before == "="))
        if not (is_pair or tag[3] or name in _OPEN_ENDED or touches):
            return tag[0]
        return "\n" if name in words("tags", "block") else ""

    return _tag().sub(dropped, text)


def _address(match: re.Match[str]) -> str:
    """The address itself; nothing behind the words of a link: `the guide <https://a.com>`_"""
    if match[2]:
        return ""
    before = match.string[: match.start()][-1:]
    return match[1] if before in ("", *'([{"“‘') else f" {match[1]}"


def read_tex(text: str) -> str:
    r"""\times as ×, \frac{a}{b} as a / b; formulas in \( \) or $$ as ones in $."""
    if "\\" not in text and "$$" not in text:
        return text
    text = _TEX_LIMIT.sub(r"\\lim as \1 goes to \2 of ", _TEX_BOUNDS.sub(_tex_bounds, text))
    text = _TEX_DEGREE.sub("°", _TEX_IN_DOLLARS.sub(r"\\(\1\\)", text))
    text = _TEX_ACCENT.sub(
        lambda match: _TEX_ACCENTS.get(match[1], "{} " + match[1]).format(match[2] or match[3]), text
    )
    for _ in range(_DEEPEST):
        text = _TEX_GROUP.sub(_tex_group, text)
    return _ESCAPED.sub(r"\1", _name_commands(_TEX.sub(_tex_formula, text)))


def _name_commands(text: str) -> str:
    commands = {row[0]: row[1] for row in rows("latex")}
    return re.sub(
        rf"\\({one_of(commands)})(?![A-Za-z])(?=([\w\\]?))",
        lambda match: f" {commands[match[1]]}" + (" " if match[2] else ""),
        text,
    )


def _tex_bounds(match: re.Match[str]) -> str:
    first, last = (bound.strip("{}") for bound in match.groups()[1:])
    return rf"\{match[1]} from {first} to {last} of "


def _tex_group(match: re.Match[str]) -> str:
    top, bottom, root, text, exponent = match.groups()
    if top:
        return f"{top}/{bottom}" if top.isdigit() and bottom.isdigit() else f"{top} / {bottom}"
    return f"square root of {root}" if root else text or exponent or ""


def _tex_formula(match: re.Match[str]) -> str:
    """Between dollar signs, which ask for signs and names one by one; without them if there are words in it."""
    inside = next(group for group in match.groups() if group)
    inside = _TEX_NOTHING.sub(" ", inside.replace("&", ""))
    plain = re.sub(r"\\[A-Za-z]+|square root of", "", inside)
    inside = " ".join(_name_commands(inside).split())
    is_spelled = re.match(r"[^\d{]", inside) and not re.search(r"[A-Za-z]{4}|[$\"]", plain)
    return f"${inside}$" if is_spelled else inside


def drop_markup(text: str) -> str:
    """The text without what marks it up: rules of tables, bullets, link targets, stars, frames and marks of notes."""
    text = _DEFINED_LINK.sub("", _FENCE.sub("", _SCENE_BREAK.sub("", text)))
    if "|" in text:
        text = _TABLE_ROW.sub(lambda row: ", ".join(filter(None, _CELL_END.split(row[1]))), _TABLE_RULE.sub("", text))
    if "](" in text or "][" in text:
        text = _LINK.sub(_link_text, _LINK.sub(_link_text, text))  # a link may hold an image
    text = _STARS_FOR_POWER.sub("^", _NOTE.sub("", text))
    if not _CODE.search(text):
        text = _NOTE_BEHIND_A_WORD.sub("", text)
    text = _STRUCK.sub(r"\1", _STARRED.sub(r"\1", text))
    return _MARKS.sub("", _LEADING.sub("", _FRAME.sub(" ", text)))


def _link_text(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")

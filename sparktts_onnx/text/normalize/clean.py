"""Characters before words: full-width forms, invisible characters, emoji, decimal commas and white space."""

import re
import unicodedata
from functools import cache

from sparktts_onnx.text.characters import EMOJI, HAN, UNSPACED
from sparktts_onnx.text.normalize.currency import sign_behind
from sparktts_onnx.text.normalize.markup import decode_entities, drop_cues, drop_markup, drop_tags, name_marks, read_tex
from sparktts_onnx.text.normalize.quantities import unit_pattern
from sparktts_onnx.text.normalize.rule import DASH, START
from sparktts_onnx.text.normalize.tables import words

# Full width but for ，！？：；（）～, small digits, ligatures, ㎏, 𝐀
_COMPATIBLE = re.compile(
    "[\uff02-\uff07\uff0a\uff0b\uff0d-\uff19\uff1c-\uff1e\uff20-\uff5d\uffe0\uffe1\uffe5"
    "\u2080-\u2089\u2102\u210d\u2115\u2119-\u211d\u2124\u24b6-\u24e9\ufb00-\ufb06\u3380-\u33a0\u33a2-\u33df\U0001d400-\U0001d7ff]+"
)
_EXPONENT = re.compile(r"(?<=\d)(?:⁻[¹²³⁴-⁹]|[⁰⁴-⁹]|[¹²³][⁰¹²³⁴-⁹])[⁰¹²³⁴-⁹]*")
_SMALL_POWER_OF_UNIT = re.compile(r"(?<=\d)(\s{0,2}(?:[A-Za-z]{1,3}/)?(?:[kcdm]?m|s|ft|in))\^([23])(?![\w.^])")
_PER = re.compile(
    r"(?<=[\w²³])[ ·⋅]?\b(s|ms|m|cm|kg|mol|L|mL|h|min|d|K)(?:(?:\^[-−]|\^\{[-−])([12])\}?|⁻([¹²]))(?![\w⁰-⁹])"
)
_POWER_OF_TEN = re.compile(r"(?<=10)[²³](?=/)")
_MIXED_FRACTION = re.compile(r"(?<![\w.,/-])(\d{1,2})-(?=(?:1/2|[12]/3|[13]/4|[1-7]/8)(?![\d/]))")
_FRACTION_SLASH = re.compile(r"(?<=\d)\u2044(?=\d)")
_GROUPED_BY_APOSTROPHES = re.compile(r"(?<![\w.,'’])\d{1,3}(?:['’]\d{3})+(?![\d'’])")
_DEGREE = re.compile(r"(?<=\d)(\s?)[º˚](?=\s?[CF]?\b)")
_WIDE_COLON = re.compile(r"(?<=\d)：(?=\d)")
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]")
_DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NEW_LINE = re.compile("\r\n?|[\u0085\u2028\u000b\u000c]")
_SPACES = re.compile(r"[^\S\n]+")
_LINE_EDGES = re.compile(r" ?\n ?")
_PARAGRAPHS = re.compile(r"\n{2,}")
_EMOJI = re.compile(rf"(\s*){EMOJI}(?:\s*{EMOJI})*[\ufe0e\ufe0f\u200d]*(\s*)(.?)", re.DOTALL)
_NO_WORD_BEFORE, _NO_WORD_BEHIND = rf"(?<![^\s.!?~{UNSPACED}])", rf"(?![^\s.,!?~{UNSPACED}])"
_EMOTICON = re.compile(
    rf"[^\S\n]*(?:(?:{_NO_WORD_BEFORE}|(?<=[a-z]))[:;]['’]?-?[()]+"
    rf"|{_NO_WORD_BEFORE}(?:[:;]-?[DPpoO/\\]|=\)|[xX]D+|\^_*\^|T_T|-_+-|>_<|>\.<|[oO]_[oO])){_NO_WORD_BEHIND}"
    r"|¯\\_\(ツ\)_/¯"
)
_END_BY_EMOJI = re.compile(rf"[^\S\n]*(?![\d#*]){EMOJI}(?:[^\S\n]*{EMOJI})*[\ufe0e\ufe0f\u200d]*")
_BEGUN = re.compile(r"\s+([A-Z][a-z]*)\b")
_TIMESTAMP = re.compile(
    r"(?<![A-Za-z\d_])(\d{4}-\d\d-\d\d)(?:(T)| )(\d\d:\d\d(?::(?!00)\d\d)?)(?::00)?(?:[.,]\d+)?"
    r"(?:(Z)|((?:\+|(?(2)[−-]|(?!)))\d\d(?::?\d\d)?))?(?![A-Za-z\d_+:-])"
)
_ITEM = re.compile(rf"(?<![^\s{UNSPACED}:])(\d{{1,2}})[.)](?=\s+\S|[{HAN}])")
_BEFORE_A_LIST = re.compile(r"(?:^|\n|[:：])\s*$")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s|[。！？]|\n")
_BEHIND_A_SENTENCE = re.compile(r"(?:[.!?…。！？][\"'”’)\]]*\s*|\n\s*)$")
_LAST_WORD = re.compile(r"([A-Za-z]*)\s*$")
_LONGEST_ITEM = 200
"""Characters, of an item of a list that stands within one sentence."""
_COMMA_AMOUNT = r"(?:\d{1,3}(?:[. ]\d{3})+|\d+),\d{1,2}"
_SURE_COMMA = r"\d{1,3}(?:\.\d{3}){2,},\d{1,2}|\d{1,3}(?: \d{3}){2,},\d{1,2}|\d{1,3}\.\d{3},\d\d"
_MILLIONS_BY_POINTS = re.compile(
    rf"{START}(?<!ersion )(?<!elease )(?<!uild )[1-9]\d{{0,2}}\.\d{{3}}\.\d{{3}}(?![\w.,:/-]*\d|-)"
)
_BEHIND_EURO = rf"(?:(?<=€)|(?<=€\s)|(?<=\bEUR\s)){_COMMA_AMOUNT}(?![\d,.]*\d)"
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_NO_SPACE_BEFORE = re.compile(rf"[{UNSPACED}.,;:!?)\]}}…]")


def narrow(text: str) -> str:
    """Other forms of letters, digits and signs as the plain ones: ＡＢＣ, ﬂame, 𝐛𝐨𝐥𝐝, CO₂, 10⁶ as 10^6, a letter and
    its accent as one.

    Chinese punctuation stays, but for the colon of a time.
    """
    text = unicodedata.normalize("NFC", text)
    text = _COMPATIBLE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _EXPONENT.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]).replace("−", "-"), text)
    text = _FRACTION_SLASH.sub("/", _WIDE_COLON.sub(":", text))
    return _MIXED_FRACTION.sub(r"\1 ", _DEGREE.sub(r"\1°", text))


def raise_units(text: str) -> str:
    """9.8 m/s^2 as 9.8 m/s², 5 m s⁻² as 5 m/s², 10³/L as 10^3/L."""
    text = _PER.sub(lambda unit: f"/{unit[1]}" + ("²" if "2" in unit[0] or "²" in unit[0] else ""), text)
    text = _POWER_OF_TEN.sub(lambda power: "^" + "23"[power[0] == "³"], text)
    return _SMALL_POWER_OF_UNIT.sub(lambda power: power[1] + "²³"[power[2] == "3"], text)


def drop_emoji(text: str) -> str:
    """Leave emoji out, and faces of signs such as :-); a keycap such as 1\ufe0f\u20e3 keeps its digit."""
    text = _EMOTICON.sub(_without_emoticon, _END_BY_EMOJI.sub(_without_emoticon, text))
    return _EMOJI.sub(_without_emoji, text)


def _without_emoticon(match: re.Match[str]) -> str:
    """A full stop in its place, where a usual first word of a sentence follows; an emoji stays for now."""
    begun = _BEGUN.match(match.string, match.end())
    is_behind_word = match.string[max(0, match.start() - 1) : match.start()].islower()
    if begun and is_behind_word and begun[1].lower() in {"i", *words("lists", "starter")}:
        return "."
    return "" if match.re is _EMOTICON else match[0]


def _without_emoji(match: re.Match[str]) -> str:
    before, after, following = match.groups()
    kept = "".join(char for char in match.group() if char.isascii() and char in "0123456789#")
    gap = "\n" * min(2, (before + after).count("\n")) or " "
    if following and not kept and gap == " " and _NO_SPACE_BEFORE.match(following):
        gap = ""
    keycaps = " ".join(kept) if "\u20e3" in match.group() else ""
    return f"{before}{keycaps}{after or gap}{following}" if keycaps else gap + following


def part_timestamps(text: str) -> str:
    """A date and a time for the timestamp of a machine, such as 2024-05-01T10:30:00Z.

    After a space, 10:30-11:30 is no offset but a span.
    """
    return _TIMESTAMP.sub(_parted, text)


def _parted(match: re.Match[str]) -> str:
    date, _, time, zulu, offset = match.groups()
    return f"{date} {time}{' UTC' if zulu or offset else ''}{offset or ''}"


def name_items(text: str) -> str:
    """A comma for the stop in "1. apples 2. pears", where it ends no sentence, and for the bracket in "1) apples"."""
    lists: list[list[re.Match[str]]] = [[]]
    within_sentence = False
    for item in _ITEM.finditer(text):
        items = lists[-1]
        if item[1] == "1" and _BEFORE_A_LIST.search(text, max(0, item.start() - 4), item.start()):
            lists.append([item])
        elif items and int(item[1]) == len(items) + 1:
            if len(items) == 1:
                within_sentence = not _is_behind_a_sentence(item)
            if _goes_on_within_sentence(items[-1], item) if within_sentence else _is_behind_a_sentence(item):
                items.append(item)
    named = {item.start() for items in lists if len(items) > 1 for item in items}
    return _ITEM.sub(lambda item: _with_comma(item) if item.start() in named else item[0], text)


def _is_behind_a_sentence(item: re.Match[str]) -> bool:
    return _BEHIND_A_SENTENCE.search(item.string, max(0, item.start() - 8), item.start()) is not None


def _goes_on_within_sentence(previous: re.Match[str], item: re.Match[str]) -> bool:
    """Whether a sentence with one item goes on with another, as in "1. apples 2. pears"."""
    start, end = previous.end() + 1, item.start()
    if end - start > _LONGEST_ITEM or _SENTENCE_END.search(item.string, start, end):
        return False
    word = _LAST_WORD.search(item.string, max(start, end - 12), end)
    return word is None or word[1].lower() not in words("lists", "before amounts")


def _with_comma(item: re.Match[str]) -> str:
    return item[1] + ("," if item.string[item.end()].isspace() else "，")


def tidy_space(text: str) -> str:
    """One space for many, at most one empty line, nothing at the edges, no invisible characters."""
    text = _NEW_LINE.sub("\n", text).replace("\u2029", "\n\n")
    text = _DIRECTION_MARKS.sub("", _INVISIBLE.sub("", text))
    text = _LINE_EDGES.sub("\n", _SPACES.sub(" ", text))
    return _PARAGRAPHS.sub("\n\n", text).strip()


def point_decimals(text: str) -> str:
    """A decimal comma, as most of Europe writes it, as a point: 10.5 € for 10,5 €, 1234.56 € for 1.234,56 €; 1,234 €
    stays. So are the groups of 1'234 and 1.234.567."""
    text = _GROUPED_BY_APOSTROPHES.sub(lambda number: re.sub("['’]", ",", number[0]), text)
    text = _MILLIONS_BY_POINTS.sub(lambda number: number[0].replace(".", ","), text)
    return _decimal_comma().sub(_pointed, text) if _COMMA_IN_NUMBER.search(text) else text


@cache
def _decimal_comma() -> re.Pattern[str]:
    """By what stands behind an amount: without it, 1,5 may as well be two numbers."""
    words_behind = r"\s(?:euros?|percent|per\scent|million|billion|trillion)\b"
    behind = rf"(?:\s?{sign_behind()}|\s?[%‰]|{unit_pattern()}|{words_behind})"
    sure = rf"{START}(?:{_SURE_COMMA})(?![\d,]*\d)"
    return re.compile(rf"{START}(?<![/=?&]){_COMMA_AMOUNT}(?=(?:{DASH}\d[\d.,]*)?{behind})|{_BEHIND_EURO}|{sure}")


def _pointed(match: re.Match[str]) -> str:
    whole, _, part = match[0].partition(",")
    return re.sub(r"\D", "", whole) + "." + part


def clean(text: str) -> str:
    """All of the above."""
    text = narrow(drop_tags(decode_entities(drop_cues(tidy_space(text)))))
    text = name_items(part_timestamps(drop_emoji(name_marks(text))))
    return point_decimals(tidy_space(drop_markup(raise_units(read_tex(text)))))

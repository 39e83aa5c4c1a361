"""How good a place in a text is to stop speaking: the end of a paragraph best, the inside of a number worst.

Each question is asked about the place after one piece of text (a word with its signs, or a row of Chinese
characters) and answered from what comes before and a little of what follows. Where that little has not arrived yet,
the answer is None; once given, it is the same whatever follows.
"""

import re
from functools import cache

from sparktts_onnx.text.characters import CJK_SIGNS, HAN, KANA, UNSPACED, is_unspaced, joins_previous, may_cut
from sparktts_onnx.text.normalize.dates import months
from sparktts_onnx.text.normalize.tables import words
from sparktts_onnx.text.quotations import (
    CLOSERS,
    EMPTY_LINE,
    LINE_ENDS,
    OPENERS,
    PAIRED_OPENERS,
    Strength,
    Surroundings,
)

_QUOTED = {
    Strength.SPACE: Strength.QUOTED_SPACE,
    Strength.CONJUNCTION: Strength.QUOTED_SPACE,
    Strength.COMMA: Strength.QUOTED_COMMA,
    Strength.CLAUSE: Strength.QUOTED_SENTENCE,
    Strength.SENTENCE: Strength.QUOTED_SENTENCE,
}

_STOPS = ".!?…。！？｡"
_CLAUSE_ENDS = ";:；：—–"
_COMMAS = ",，、､"
_CHINESE_DIGITS = "零〇一二两三四五六七八九十百千万亿点"
_WRAPPED_COLUMNS = 45
"""A line at least this wide (a Chinese character counts 2) that ends without a stop goes on in the next line."""
_PIECE = re.compile(rf"\s*+(?:[{HAN}{KANA}]{{1,200}}|[{CJK_SIGNS}]|[^\s{UNSPACED}]{{1,200}})")
_NOT_SPACE = re.compile(r"\S")
_LINE_END = re.compile(f"[{LINE_ENDS}]")
_TAIL = re.compile(rf"([{re.escape(_STOPS)}]*)([{re.escape(CLOSERS)}]*)$")
_LAST_WORD = re.compile(rf"[^\s{UNSPACED}]*$")
_NEXT_WORD = re.compile(rf"[{re.escape(OPENERS)}]*+([^\W{HAN}]+)")
_NEXT_LETTER = re.compile(rf"[{re.escape(OPENERS)}]*+(.)", re.DOTALL)
_INITIALS = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?|[A-Z]")
_JOINING = (
    "and but or so because which when while if although though where who whose unless until since than whereas however"
)
_CONJUNCTIONS = frozenset(_JOINING.split())
_JOINING_CHINESE = "但是 因为 所以 而且 如果 并且 或者 以及 然后 于是 不过 虽然 可是 同时 由于 因此 只要 只有 即使 尽管"
_CHINESE_CONJUNCTIONS = frozenset(_JOINING_CHINESE.split())


def next_piece(text: str, start: int, *, is_final: bool) -> int | None:
    """Where the piece of text that begins at `start` ends, or None if it may go on in text to come."""
    match = _PIECE.match(text, start)
    if match is None or (match.end() == len(text) and not is_final):
        return None
    return match.end()


def strength_after(text: str, end: int, around: Surroundings, *, is_final: bool) -> Strength | None:
    """How good a cut after text[:end] is; None if that depends on text to come."""
    following = _NOT_SPACE.search(text, end)
    if following is None:
        return Strength.PARAGRAPH if is_final else None
    start = following.start()
    if joins_previous(text[start]) or not may_cut(text, end):
        return Strength.FORBIDDEN
    gap = text[end:start]
    if EMPTY_LINE.search(gap):
        return Strength.PARAGRAPH
    if start == end:
        strength = _without_space(text, end, around, is_final=is_final)
    else:
        strength = _at_space(text, end, start, around, is_final=is_final)
    if strength is None or not around.closers:
        return strength
    return _QUOTED.get(strength, strength)


def _at_space(text: str, end: int, start: int, around: Surroundings, *, is_final: bool) -> Strength | None:
    strength = _by_sign(text, end, start, around, is_final=is_final)
    if strength is None:
        return None
    is_line_end = _LINE_END.search(text, end, start) is not None
    is_new_line = is_line_end and around.column < _WRAPPED_COLUMNS
    if is_new_line and strength is not Strength.GLUED:
        return Strength.SENTENCE
    if strength is not Strength.SPACE:
        return strength
    if text[end - 1].isdigit() and text[start].isdigit():
        return Strength.GLUED
    word = _whole_next_word(text, start, is_final=is_final)
    if word is None:
        return None
    return Strength.CONJUNCTION if word in _CONJUNCTIONS else Strength.SPACE


def _without_space(text: str, end: int, around: Surroundings, *, is_final: bool) -> Strength | None:
    before, after = text[end - 1], text[end]
    if after in _STOPS + _CLAUSE_ENDS + _COMMAS + CLOSERS or before in PAIRED_OPENERS:
        return Strength.NONE
    if not is_unspaced(after) and not is_unspaced(before) and before not in "。！？，；：、":
        return Strength.NONE if after not in OPENERS else Strength.RUN
    strength = _by_sign(text, end, end, around, is_final=is_final)
    if strength is not Strength.SPACE:
        return strength
    return strength_inside(text, end) if end + 2 <= len(text) or is_final else None


def strength_inside(text: str, end: int) -> Strength:
    """How good a cut after text[:end] is where one of the characters around it is written without spaces."""
    before, after = text[end - 1], text[end]
    if not may_cut(text, end):
        return Strength.FORBIDDEN
    is_number = before in _CHINESE_DIGITS or before.isdigit(), after in _CHINESE_DIGITS or after.isdigit()
    if all(is_number) or ((before + after).isalnum() and (before.isdigit() or after.isdigit())):
        return Strength.GLUED
    return Strength.CONJUNCTION if text[end : end + 2] in _CHINESE_CONJUNCTIONS else Strength.RUN


def _by_sign(text: str, end: int, start: int, around: Surroundings, *, is_final: bool) -> Strength | None:
    """By the signs that end text[:end]; SPACE where they say nothing."""
    tail = _TAIL.search(text, max(0, end - 12), end)
    stops = tail.group(1) if tail else ""
    if not stops:
        return _by_weaker_sign(text[end - 1])
    if stops[-1] in "。！？｡":
        return Strength.SENTENCE
    letter = _NEXT_LETTER.match(text, start)
    if letter is None:
        return Strength.SENTENCE if is_final else None
    if stops == ".":
        return _after_full_stop(text, end, start, around, is_final=is_final)
    if letter.group(1).islower():
        return Strength.CLAUSE if stops[-1] in ".…" else Strength.COMMA
    return Strength.SENTENCE


def _by_weaker_sign(char: str) -> Strength:
    if char in _CLAUSE_ENDS:
        return Strength.CLAUSE
    if char in _COMMAS:
        return Strength.COMMA
    return Strength.SPACE


def _after_full_stop(text: str, end: int, start: int, around: Surroundings, *, is_final: bool) -> Strength | None:
    """A full stop ends a sentence, or an abbreviation, or both."""
    last = _LAST_WORD.search(text, max(0, end - 40), end)
    word = (last.group() if last else "").strip(OPENERS + CLOSERS).rstrip(".")
    letter = _NEXT_LETTER.match(text, start)
    following = letter.group(1) if letter else ""
    if word in words("abbreviations", "title", "inside") or word.lower() in ("e.g", "i.e"):
        return Strength.GLUED
    if word.isdecimal() and int(word) == around.item:
        return Strength.GLUED
    if word in _numbered() and following.isdigit():
        return Strength.GLUED
    if following.islower():
        return Strength.SPACE
    seldom_last = word in words("abbreviations", "end") and word != "etc"
    if not seldom_last and (not _INITIALS.fullmatch(word) or word == "I"):
        return Strength.SENTENCE
    next_word = _whole_next_word(text, start, is_final=is_final)
    if next_word is None:
        return None
    is_new = next_word.lower() in words("lists", "starter") or is_unspaced(text[start])
    return Strength.SENTENCE if is_new else Strength.GLUED  # only a usual first word begins a sentence there


@cache
def _numbered() -> frozenset[str]:
    """Words with a full stop that numbers follow in the same sentence."""
    short_months = {name for names in months() for name in names[1:]}
    return words("abbreviations", "number") | short_months | {"No", "Nos"}


def _whole_next_word(text: str, start: int, *, is_final: bool) -> str | None:
    """The word at `start`, "" for none; None if it may go on in text to come."""
    match = _NEXT_WORD.match(text, start)
    end = match.end() if match else start if text[start : start + 40].strip(OPENERS) else len(text)
    if end >= len(text) and not is_final:
        return None
    return match.group(1) if match else ""


def pause_after(text: str, strength: Strength, *, is_last: bool) -> float:
    """Seconds of silence after a segment that ends in this text."""
    if is_last:
        return 0.0
    if strength is Strength.PARAGRAPH:
        return 0.8
    sign = text.rstrip(CLOSERS)[-1:] or " "
    if sign in _STOPS or strength is Strength.SENTENCE:
        return 0.4
    if sign in _CLAUSE_ENDS:
        return 0.25
    return 0.15 if sign in _COMMAS else 0.0

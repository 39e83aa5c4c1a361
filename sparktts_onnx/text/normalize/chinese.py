"""Numbers in Chinese characters."""

from decimal import Decimal, localcontext

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_SCALES = ("", "万", "亿", "万亿")
_LARGEST = 10000 ** len(_SCALES)


def cardinal(value: int) -> str:
    """1234 → 一千二百三十四, 10 → 十, 2000 → 两千. From 10**16 on, digit by digit."""
    if value < 0:
        return "负" + cardinal(-value)
    if value >= _LARGEST:
        return digits(str(value))
    if value == 0:
        return _DIGITS[0]
    words = _groups(value)
    return words[1:] if words.startswith("一十") else words


def _groups(value: int) -> str:
    """Groups of four digits, each with its scale; a gap between two groups is read 零."""
    words = ""
    gap = False
    for scale in reversed(range(len(_SCALES))):
        group = value // 10000**scale % 10000
        if not group:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += _DIGITS[0]
        words += _below_ten_thousand(group, has_scale=scale > 0) + _SCALES[scale]
        gap = False
    return words


def _below_ten_thousand(value: int, *, has_scale: bool) -> str:
    if value == 2 and has_scale:
        return "两"
    words = ""
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit == 0:
            words += _DIGITS[0] if words and not words.endswith(_DIGITS[0]) else ""
            continue
        words += ("两" if digit == 2 and place == 3 else _DIGITS[digit]) + _PLACES[place]
    return words.rstrip(_DIGITS[0])


def digits(text: str, *, one: str = "一") -> str:
    """1998 → 一九九八; `one` is 幺 in telephone numbers. Other characters are left out."""
    return "".join(one if char == "1" else _DIGITS[int(char)] for char in text if char.isdecimal())


def number(text: str) -> str:
    """A number as written: 1,234 or -3.50 or .5 or 007."""
    text = text.replace(",", "").replace(" ", "")
    if text[0] in "-−–":
        return "负" + number(text[1:])
    whole, point, fraction = text.partition(".")
    is_code = len(whole) > len(str(_LARGEST)) or (len(whole) > 1 and whole.startswith("0"))
    words = digits(whole) if is_code else cardinal(int(whole or "0"))
    return f"{words}点{digits(fraction)}" if point else words


def of_money(text: str) -> str:
    """1,688.00 → 1,688 and 86.50 → 86.5; 1.0850, a rate, stays."""
    whole, point, cents = text.partition(".")
    return whole + (point + cents.rstrip("0")).rstrip(".") if len(cents) == 2 else text


def counted(text: str) -> str:
    """The same before what is counted: 两 for 2."""
    return "两" if text == "2" else number(text)


def scaled(text: str, zeros: int) -> str:
    """1.5 with 6 zeros → 一百五十万"""
    with localcontext(prec=len(text) + 16):
        value = f"{Decimal(text.replace(',', '')).scaleb(zeros):f}"
    return number(value.rstrip("0").rstrip(".") if "." in value else value)

"""Numbers in English words."""

_UP_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_ROUND_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = _UP_TO_NINETEEN.split()
_TENS = _ROUND_TENS.split()
_SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion")
_LARGEST = 1000 ** len(_SCALES)
_ORDINAL_ENDS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(value: int) -> str:
    """1234 → one thousand two hundred thirty-four. From 10**18 on, digit by digit."""
    if value < 0:
        return "minus " + cardinal(-value)
    if value >= _LARGEST:
        return digits(str(value))
    groups = []
    scale = 0
    while value:
        value, group = divmod(value, 1000)
        if group:
            groups.append(f"{_below_thousand(group)} {_SCALES[scale]}".strip())
        scale += 1
    return " ".join(reversed(groups)) or "zero"


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest:
        words.append(_below_hundred(rest))
    return " ".join(words)


def _below_hundred(value: int) -> str:
    if value < 20:
        return _ONES[value]
    tens, ones = divmod(value, 10)
    return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]


def ordinal(value: int) -> str:
    """21 → twenty-first."""
    words = cardinal(value)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    start, last = words[:cut], words[cut:]
    if last in _ORDINAL_ENDS:
        return start + _ORDINAL_ENDS[last]
    return start + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def digits(text: str) -> str:
    """0451 → zero four five one; other characters are left out."""
    return " ".join(_ONES[int(char)] for char in text if char.isdecimal())


def year(value: int) -> str:
    """1905 → nineteen oh five, 2000 → two thousand, 2024 → twenty twenty-four, 1066 → ten sixty-six."""
    century, rest = divmod(value, 100)
    if not 1010 <= value <= 2099 or 2000 <= value <= 2009:
        return cardinal(value)
    if not rest:
        return f"{_below_hundred(century)} hundred"
    return f"{_below_hundred(century)} {two_digits(rest)}"


def two_digits(value: int) -> str:
    """5 → oh five, 45 → forty-five: the second half of a year or of a time."""
    return f"oh {_ONES[value]}" if value < 10 else _below_hundred(value)


def decade(value: int) -> str:
    """1990 → nineteen nineties, 80 → eighties, 2000 → two thousands."""
    words = year(value) if value > 99 else cardinal(value)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def number(text: str) -> str:
    """A number as written: 1,234 or -3.50 or .5 or 007."""
    text = text.replace(",", "").replace(" ", "")
    if text[0] in "-−–":
        return "minus " + number(text[1:])
    whole, point, fraction = text.partition(".")
    is_code = len(whole) > len(str(_LARGEST)) or (len(whole) > 1 and whole.startswith("0"))
    words = digits(whole) if is_code else cardinal(int(whole)) if whole else ""
    return f"{words} point {digits(fraction)}".strip() if point else words

"""English numbers in words."""

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINAL = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
DIGITS = _SMALL[:10]


def cardinal(value: int) -> str:
    """0 to 999,999,999 in words: 'three hundred and twenty-one'."""
    for size, name in ((1_000_000, "million"), (1000, "thousand")):
        if value >= size:
            rest = value % size
            joint = " and " if 0 < rest < 100 else " "
            return f"{cardinal(value // size)} {name}" + (joint + cardinal(rest) if rest else "")
    if value >= 100:
        rest = value % 100
        return f"{_SMALL[value // 100]} hundred" + (f" and {cardinal(rest)}" if rest else "")
    if value < 20:
        return _SMALL[value]
    return _TENS[value // 10] + (f"-{_SMALL[value % 10]}" if value % 10 else "")


def ordinal(value: int) -> str:
    """1 to 999,999,999 in words: 'twenty-first'."""
    head, sep, last = cardinal(value).rpartition("-")
    if not sep:
        head, sep, last = last.rpartition(" ")
    regular = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return head + sep + _ORDINAL.get(last, regular)

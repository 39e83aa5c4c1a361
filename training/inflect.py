"""Regular English endings, for words from a list."""

_VOWELS = "aeiou"
_STRESSED_END = {"prefer", "admit", "regret", "permit", "omit", "occur", "refer", "commit", "control"}


def _sibilant(word: str) -> bool:
    return word.endswith(("s", "x", "z", "ch", "sh"))


def _doubles(word: str) -> bool:
    if word in _STRESSED_END:
        return True
    short = sum(c in _VOWELS for c in word) == 1 and len(word) >= 3
    return short and word[-1] not in "aeiouwxy" and word[-2] in _VOWELS


def with_s(word: str) -> str:
    """Plural of a noun, third person of a verb."""
    if _sibilant(word):
        return word + "es"
    if word.endswith("y") and word[-2] not in _VOWELS:
        return word[:-1] + "ies"
    return word + "s"


def with_ed(word: str) -> str:
    """Past of a regular verb."""
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2] not in _VOWELS:
        return word[:-1] + "ied"
    return word + word[-1] + "ed" if _doubles(word) else word + "ed"


def with_ing(word: str) -> str:
    """Present participle of a regular verb."""
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word.endswith("e") and not word.endswith("ee"):
        return word[:-1] + "ing"
    return word + word[-1] + "ing" if _doubles(word) else word + "ing"

"""A user's own words: how each is to be spoken.

JSON, one object:  {"Nguyen": "win", "kubectl": "cube control", "重庆": "崇庆"}
CSV, two columns:  word,spoken    (this heading line may be left out)

Whole words only: "cat" is not replaced in "concatenate"; Chinese words are found anywhere. A word written in small
letters stands for any case ("gif": GIF, Gif, gif); one with a capital only for itself ("US" is not "us").
Where two entries match at one place the longer one is taken. What an entry gives is not looked up again.
A straight apostrophe and a curved one are the same: "don't" is also "don’t".
"""

import csv
import io
import json
import re
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from sparktts_onnx.errors import TextError
from sparktts_onnx.text.characters import LETTER_OR_DIGIT

_LONGEST_WORD = 100
_GOES_ON = re.compile(rf"(?<={LETTER_OR_DIGIT}){LETTER_OR_DIGIT}")
"""Where a letter or digit of a spaced script follows another."""
_APOSTROPHES = str.maketrans("’ʼ", "''")
_HEADINGS = (["word", "spoken"], ["written", "spoken"])


class Lexicon:
    """Words and how they are spoken; `apply` puts the one for the other."""

    def __init__(self, entries: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        """Raises `TextError` for an entry that is empty, too long, or given twice with different spoken forms."""
        pairs = entries.items() if isinstance(entries, Mapping) else entries
        self._fill((f"lexicon entry {number}", word, spoken) for number, (word, spoken) in enumerate(pairs, 1))

    @classmethod
    def load(cls, path: str | Path) -> "Lexicon":
        """Read a .json or .csv file.

        Raises:
            TextError: the file cannot be read, or does not hold words and their spoken forms.
        """
        path = Path(path)
        readers = {".json": _read_json, ".csv": _read_csv}
        if path.suffix.lower() not in readers:
            raise TextError(f"lexicon {path} ends in {path.suffix!r}; it must be a .json or a .csv file")
        try:
            content = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise TextError(f"lexicon {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise TextError(f"lexicon {path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
        lexicon = cls()
        lexicon._fill(readers[path.suffix.lower()](content, path))
        return lexicon

    def with_entries(self, entries: Mapping[str, str]) -> "Lexicon":
        """This lexicon with further entries, which go before its own; raises `TextError` as the constructor."""
        further = Lexicon(entries)
        return Lexicon({**self._spoken, **further._spoken})

    def __len__(self) -> int:
        return len(self._spoken)

    def apply(self, text: str) -> str:
        """The text with every word of the lexicon as it is spoken."""
        if not self._spoken:
            return text
        folded = text.translate(_APOSTROPHES)
        parts, kept, at = [], 0, 0
        while at < len(text):
            word = self._word_at(folded, at)
            if word:
                parts += [text[kept:at], self._lookup(word) or ""]
                at += len(word)
                kept = at
            else:
                at += 1
        return "".join([*parts, text[kept:]])

    def _fill(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Rows are (where it is written, word, spoken form)."""
        self._spoken: dict[str, str] = {}
        for where, word, spoken in rows:
            self._add(word, spoken, where=where)
        self._lengths = sorted({len(word) for word in self._spoken}, reverse=True)

    def _add(self, word: str, spoken: str, *, where: str) -> None:
        for name, value in (("word", word), ("spoken form", spoken)):
            if not isinstance(value, str) or not value.strip():
                found = reprlib.repr(value)
                raise TextError(f"{where}: the {name} is {found}; it must be a text that is not empty")
        word = word.strip().translate(_APOSTROPHES)
        if len(word) > _LONGEST_WORD:
            raise TextError(f"{where}: the word has {len(word)} characters; at most {_LONGEST_WORD} are allowed")
        spoken = spoken.strip()
        if self._spoken.get(word, spoken) != spoken:
            raise TextError(f"{where}: {word!r} is given twice, as {self._spoken[word]!r} and {spoken!r}; keep one")
        self._spoken[word] = spoken

    def _word_at(self, text: str, at: int) -> str | None:
        """The longest word of the lexicon that stands at this place as a whole word."""
        for length in self._lengths:
            word = text[at : at + length]
            is_known = len(word) == length and self._lookup(word) is not None
            if is_known and not (_GOES_ON.match(text, at) or _GOES_ON.match(text, at + length)):
                return word
        return None

    def _lookup(self, word: str) -> str | None:
        return self._spoken.get(word) or self._spoken.get(word.lower())


def _read_json(content: str, path: Path) -> Iterable[tuple[str, str, str]]:
    try:
        pairs = json.loads(content, object_pairs_hook=list)
    except json.JSONDecodeError as error:
        raise TextError(f"lexicon {path} is not JSON: {error.msg} in line {error.lineno}") from error
    except (ValueError, RecursionError) as error:  # a number of 5000 digits, a list within 1000 others
        raise TextError(f"lexicon {path} must hold words and their spoken forms; found: {error}") from error
    is_object = isinstance(pairs, list) and all(isinstance(pair, tuple) for pair in pairs)
    if not is_object or not content.lstrip().startswith("{"):
        raise TextError(f'lexicon {path} must hold one JSON object, as in {{"word": "spoken"}}')
    return [(f"lexicon {path}, entry {number}", word, spoken) for number, (word, spoken) in enumerate(pairs, 1)]


def _read_csv(content: str, path: Path) -> Iterable[tuple[str, str, str]]:
    entries: list[tuple[str, str, str]] = []
    rows = csv.reader(io.StringIO(content), strict=True)
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            is_heading = not entries and [cell.lower() for cell in cells] in _HEADINGS
            if not any(cells) or is_heading:
                continue
            where = f"lexicon {path}, line {rows.line_num}"
            if len(cells) != 2:
                raise TextError(f"{where}: {len(cells)} columns found; expected two: word,spoken")
            entries.append((where, cells[0], cells[1]))
    except csv.Error as error:
        raise TextError(f"lexicon {path}, line {rows.line_num}: {error}") from error
    return entries

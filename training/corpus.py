"""Training texts from our own word lists: sentences of one to twelve words, numbers in words, names.

python -m training.corpus --count 20 --seed 1        # print some
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from training import inflect
from training.numerals import DIGITS, cardinal, ordinal

_HERE = Path(__file__).parent
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_FORMS = ("base", "third", "past", "participle", "ing")
_IRREGULAR_PLURAL = {
    "man": "men", "woman": "women", "child": "children", "foot": "feet", "tooth": "teeth", "goose": "geese",
    "mouse": "mice", "person": "people", "people": "people", "sheep": "sheep", "fish": "fish", "deer": "deer",
    "knife": "knives", "wife": "wives", "leaf": "leaves", "wolf": "wolves", "shelf": "shelves", "half": "halves",
    "loaf": "loaves", "thief": "thieves", "potato": "potatoes", "tomato": "tomatoes",
}  # fmt: skip
_CHOICES = {
    "subj": "I you he she it we they the_boy the_girl my_friend our_teacher the_man the_woman",
    "will": "will would should could may might must can",
    "can": "can could will must",
    "was": "was is",
    "det": "a the my your his her our their this that some every",
    "det2": "a one no another",
    "poss": "my your his her our their",
    "prep": "in on under behind near over beside from with without across through around into after before for"
    " between above below against along inside outside",
    "when": "today tomorrow yesterday now soon again later tonight this_morning last_night next_week last_year"
    " in_the_evening after_lunch before_noon every_day all_day at_night at_home once_more",
    "isn": "is was",
    "are": "are were",
    "be": "is was seems looks became are were am",
    "bes": "is was are were am",
    "haves": "has have had",
    "part": "out up down off away back over on in through together around",
    "day": " ".join(_DAYS),
    "month": " ".join(_MONTHS),
}


def lines(name: str) -> list[str]:
    """The lines of one of our lists, comments left out: words, whole phrases, or templates."""
    found = (_HERE / "words" / f"{name}.txt").read_text().splitlines()
    return [line for line in found if line and not line.startswith("#")]


def word_list(name: str) -> list[str]:
    """The words of one of our lists, comments left out, each once and in order."""
    return list(dict.fromkeys(word for line in lines(name) for word in line.split()))


def verb_forms() -> dict[str, list[str]]:
    """{form: words}: five forms of every verb, irregular ones as listed, the rest by rule."""
    rows = [line.split() for line in lines("verbs")]
    irregular = [row for row in rows if len(row) == len(_FORMS)]
    known = {row[0] for row in irregular}
    for base in dict.fromkeys(w for row in rows if len(row) > len(_FORMS) for w in row):
        if base not in known:
            past = inflect.with_ed(base)
            irregular.append([base, inflect.with_s(base), past, past, inflect.with_ing(base)])
    return {form: [row[i] for row in irregular] for i, form in enumerate(_FORMS)}


def held_out() -> set[str]:
    """Plain forms of every text that training must not see."""
    listed = json.loads((_HERE / "evaluation.json").read_text())
    parts = [s for t in listed["long"] for s in re.split(r"(?<=\.) ", t)]
    return {plain(t) for t in listed["sentences"] + listed["more"] + listed["prompts"] + parts}


def plain(text: str) -> str:
    """Small letters and single spaces: for comparing."""
    return " ".join(re.sub(r"[^a-z ]", " ", text.lower()).split())


class Deck:
    """Deals a list in random order again and again, so that rare words come as often as any."""

    def __init__(self, items: list[str], rng: random.Random) -> None:
        self._items, self._rng, self._left = items, rng, list[str]()

    def deal(self) -> str:
        """The next item."""
        if not self._left:
            self._left = self._rng.sample(self._items, len(self._items))
        return self._left.pop()


class TextGenerator:
    """Sentences from templates and decks of words; the same seed gives the same sentences."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._held_out = held_out()
        self._decks = {k: Deck(v.split(), self._rng) for k, v in _CHOICES.items()}
        lists = {"noun": word_list("nouns"), "adj": word_list("adjectives"), "adv": word_list("adverbs")}
        lists |= verb_forms()
        lists["name"], lists["place"] = word_list("names"), word_list("places")
        lists["nouns"] = [_IRREGULAR_PLURAL.get(w) or inflect.with_s(w) for w in lists["noun"]]
        everything = [w for words in lists.values() for w in words]
        lists["word"] = list(dict.fromkeys(everything + 3 * word_list("more")))
        lists["phrase"] = lines("phrases")
        self._decks |= {k: Deck(v, self._rng) for k, v in lists.items()}
        # Every third word comes from the list that no template names, or it would be dealt too rarely.
        more = Deck([w for w in word_list("more") if w not in set(everything)], self._rng)
        self._more = more
        self._templates = Deck(lines("templates"), self._rng)
        self._made: dict[str, Callable[[], str]] = {
            "number": self._number, "big": self._big, "digits": self._digits, "time": self._time,
            "year": self._year, "ordinal": lambda: ordinal(self._rng.randint(1, 31)), "word": self._word,
        }  # fmt: skip

    def __iter__(self) -> Iterator[str]:
        while True:
            text = self._sentence()
            if plain(text) not in self._held_out and len(text.split()) <= 13 and len(text) < 90:
                yield text

    def _sentence(self) -> str:
        template = self._templates.deal()
        if self._rng.random() < 0.12:
            template = " ".join(["{word}"] * self._rng.randint(1, 7))
        words = re.sub(r"\{(\w+)\}", lambda m: self._slot(m[1]), template).replace("_", " ")
        words = re.sub(r"\ba (?=[aeiou])", "an ", words)
        return self._finish(words)

    def _slot(self, name: str) -> str:
        if name in self._made:
            return self._made[name]()
        return self._decks[name].deal()

    def _finish(self, words: str) -> str:
        question = re.match(r"(why|where|who|what|when|how|do|can|could|are) ", words) is not None
        end = self._rng.choices([".", "!", ""], [0.8, 0.08, 0.12])[0]
        end = "?" if question and end == "." else end
        if self._rng.random() < 0.06:
            return words.lower() + end
        return words[0].upper() + words[1:] + end

    def _word(self) -> str:
        return self._more.deal() if self._rng.random() < 0.6 else self._decks["word"].deal()

    def _number(self) -> str:
        below = (self._rng.randint(0, 20), self._rng.randint(0, 99), self._rng.randint(0, 999))
        text = cardinal(self._rng.choice(below))
        return text.replace("-", " ") if self._rng.random() < 0.4 else text

    def _big(self) -> str:
        return cardinal(
            self._rng.choice(
                (self._rng.randint(1000, 9999), self._rng.randint(1, 99) * 1000, self._rng.randint(1, 12) * 10**6)
            )
        )

    def _digits(self) -> str:
        return " ".join(self._rng.choice(DIGITS) for _ in range(self._rng.randint(1, 6)))

    def _time(self) -> str:
        hour = cardinal(self._rng.randint(1, 12))
        minute = self._rng.choice(["o'clock", "thirty", "fifteen", cardinal(self._rng.randint(11, 59))])
        forms = [f"{hour} {minute}", f"half past {hour}", f"a quarter to {hour}", f"{hour} in the morning"]
        return self._rng.choice(forms)

    def _year(self) -> str:
        return f"{self._rng.choice(['eighteen', 'nineteen', 'twenty'])} {cardinal(self._rng.randint(11, 99))}"


def texts(count: int, *, seed: int) -> list[str]:
    """`count` different texts."""
    found: dict[str, None] = {}
    for text in TextGenerator(seed):
        found.setdefault(text)
        if len(found) == count:
            break
    return list(found)


def passages(count: int, *, seed: int) -> list[str]:
    """`count` passages of one to five sentences."""
    rng = random.Random(seed)
    lengths = rng.choices(range(1, 6), (0.25, 0.25, 0.2, 0.15, 0.15), k=count)
    deck = iter(texts(sum(lengths), seed=seed))
    return [" ".join(next(deck) for _ in range(length)) for length in lengths]


def main() -> None:
    """Print some texts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.stdout.write("\n".join(texts(options.count, seed=options.seed)) + "\n")


if __name__ == "__main__":
    main()

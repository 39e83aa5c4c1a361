"""Long text into segments that are spoken one at a time.

A segment ends where a sentence does, unless it is still so short that the next sentence joins it; a sentence over
the budget is cut at its best weaker boundary. Joined end to end, with the space between them, the segments are
the text. Text may arrive in pieces of any size: the segments are the same as for the whole.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from sparktts_onnx.errors import OptionError
from sparktts_onnx.text.boundaries import next_piece, pause_after, strength_after, strength_inside
from sparktts_onnx.text.characters import is_unspaced, may_cut
from sparktts_onnx.text.duration import TOKENS_PER_SECOND, expected_tokens
from sparktts_onnx.text.quotations import Strength, Surroundings

SEGMENT_SECONDS = 12.0
"""Longest speech that a segment is planned for; the model was trained on utterances of this order."""
DEFAULT_BUDGET = int(SEGMENT_SECONDS * TOKENS_PER_SECOND)
"""The same in semantic ids."""
DEFAULT_JOIN_BELOW = 125
"""Semantic ids: below 2.5 s of speech the model is at its least reliable, so short sentences are joined."""
EARLY_JOIN_BELOW = 50
"""The same for a first segment that may end with a clause: 1 s."""
_FIRST_CHECK = 64
"""Characters after which a sentence without an end is first compared with the budget; then at each doubling."""
_NOT_SPACE = re.compile(r"\S")
_SPOKEN = re.compile(r"\w")

Cost = Callable[[str], int]
"""The semantic ids that the speech of a text is expected to have."""


@dataclass(frozen=True)
class TextSegment:
    """A stretch of text that is spoken in one go."""

    text: str
    """The text, as written, without space at its edges."""
    pause_seconds: float
    """Silence that fits after it: by its last sign, longer at the end of a paragraph, none after the last."""
    start: int
    """Where it begins in the whole text, in characters."""


@dataclass(frozen=True, order=True)
class _Cut:
    """A place where a segment could end; ordered by how good it is, then by how late."""

    strength: Strength
    end: int
    start: int
    """Where the piece of text before it begins."""


class Segmenter:
    """Takes text in pieces and gives each segment as soon as it can no longer change."""

    def __init__(
        self,
        budget: int = DEFAULT_BUDGET,
        cost: Cost = expected_tokens,
        *,
        join_below: int = DEFAULT_JOIN_BELOW,
        early: bool = False,
    ) -> None:
        """A segment costs at most `budget`, unless one visible character alone costs more.

        Args:
            budget: semantic ids.
            cost: of a text.
            join_below: a sentence that costs less is joined by the next.
            early: whether the first segment may end with a clause, so that speech begins sooner.

        Raises:
            OptionError: the budget is below 1.
        """
        if budget < 1:
            raise OptionError(f"budget is {budget}; it must be at least 1 semantic id")
        self._budget, self._cost, self._join_below = budget, cost, max(1, min(join_below, budget))
        self.is_early = early
        """Whether the first segment may end with a clause, and is not there yet."""
        self._text = ""  # from the beginning of the open segment, but for what this call has emitted
        self._base = 0  # where that is in the whole text
        self._begin = 0  # where the open segment begins in _text
        self._scanned = 0  # how far _text has been read
        self._around = Surroundings()
        self._cuts: list[_Cut] = []  # where the open segment could end
        self._next_check = _FIRST_CHECK
        self._checked = 0  # how far the cost is known,
        self._known_cost = 0  # and what it is there
        self._silent = 0  # how far nothing is spoken since then

    def feed(self, piece: str, *, ahead: str = "") -> list[TextSegment]:
        """Take more text; the segments that are now certain. `ahead` is text that may be assumed to follow, once."""
        stop = len(self._text) + len(piece)
        self._text += piece + ahead
        segments = list(self._scan(stop, is_final=False))
        self._text = self._text[:stop]
        if segments:
            self._forget_emitted()
        return segments

    def finish(self) -> list[TextSegment]:
        """The text is complete; the segments that are left."""
        return list(self._scan(len(self._text), is_final=True))

    def whole(self, text: str) -> tuple[TextSegment, ...]:
        return (*self.feed(text), *self.finish())

    def _scan(self, stop: int, *, is_final: bool) -> Iterator[TextSegment]:
        """Read on up to `stop`, for as long as what follows leaves no doubt."""
        while (end := next_piece(self._text, self._scanned, is_final=is_final)) is not None and end <= stop:
            around = self._around.after(self._text, self._scanned, end, is_final=is_final)
            if around is None:
                return
            strength = strength_after(self._text, end, around, is_final=is_final)
            if strength is None:
                return
            piece_start = self._scanned
            self._around, self._scanned = around.past(strength), end
            if strength is not Strength.FORBIDDEN:
                yield from self._take(_Cut(strength, end, piece_start))

    def _take(self, cut: _Cut) -> Iterator[TextSegment]:
        """Add one more place where the segment could end; gives what became complete by it."""
        waiting = [cut]
        while waiting:
            cut = waiting.pop(0)
            self._cuts.append(cut)
            is_end = cut.strength >= (Strength.COMMA if self.is_early else Strength.SENTENCE)
            if not self._is_due(cut, is_end=is_end):
                continue
            cost = self._cost_until(cut.end)
            self._next_check = self._begin + 2 * (cut.end - self._begin)
            self._checked, self._known_cost = cut.end, cost
            if cost > self._budget:
                chosen = self._best_cut()
                waiting = [other for other in self._cuts if other.end > chosen.end] + waiting
                self._around = replace(self._around, closers=())  # one was too long, or somebody forgot to close it
                yield self._emit(chosen)
            elif is_end and self._is_complete(cut, cost):
                yield self._emit(cut)

    def _is_due(self, cut: _Cut, *, is_end: bool) -> bool:
        """Whether to ask what the segment costs up to here: each answer takes time that grows with its length."""
        if cut.end >= self._next_check or self._is_last(cut):
            return True
        if cut.strength is Strength.PARAGRAPH and self._known_cost > 0:
            return True
        if not is_end:
            return False
        is_spoken = _SPOKEN.search(self._text, max(self._checked, self._silent), cut.end) is not None
        if not is_spoken:
            self._silent = cut.end
        return is_spoken

    def _is_last(self, cut: _Cut) -> bool:
        return _NOT_SPACE.search(self._text, cut.end) is None

    def _is_complete(self, cut: _Cut, cost: int) -> bool:
        least = min(self._join_below, EARLY_JOIN_BELOW) if self.is_early else self._join_below
        return self._is_last(cut) or cost >= least or (cut.strength is Strength.PARAGRAPH and cost > 0)

    def _cost_until(self, end: int) -> int:
        return self._cost(self._text[self._begin : end].strip())

    def _best_cut(self) -> _Cut:
        """Where to end a segment that has grown over the budget."""
        all_cuts = [inner for cut in self._cuts for inner in self._with_inner(cut)]
        within = bisect_right(all_cuts, self._budget, key=lambda cut: self._cost_until(cut.end))
        candidates = all_cuts[:within]
        if candidates:
            far = self._begin + (candidates[-1].end - self._begin) // 3
            candidates.sort(key=lambda cut: (cut.strength >= Strength.SENTENCE, cut.end >= far, cut), reverse=True)
        fitting = (cut for cut in candidates if self._cost_until(cut.end) <= self._budget)
        return next(fitting, None) or self._cut_inside(all_cuts[0].end)

    def _with_inner(self, cut: _Cut) -> Iterator[_Cut]:
        """A cut, after those inside a row of Chinese characters that it ends."""
        if is_unspaced(self._text[cut.end - 1]):
            first = cut.end - len(self._text[max(self._begin, cut.start) : cut.end].lstrip())
            for end in range(first + 1, cut.end):
                strength = strength_inside(self._text, end)
                if strength is not Strength.FORBIDDEN:
                    yield _Cut(strength, end, end)
        yield cut

    def _cut_inside(self, end: int) -> _Cut:
        """As many visible characters of a text without any other place to cut as fit; at least one."""
        first = end - len(self._text[self._begin : end].lstrip())
        places = [at for at in range(first + 1, end + 1) if may_cut(self._text, at)] or [end]
        within = bisect_right(places, self._budget, key=self._cost_until)
        while within > 1 and self._cost_until(places[within - 1]) > self._budget:
            within -= 1
        return _Cut(Strength.NONE, places[max(within, 1) - 1], self._begin)

    def _emit(self, cut: _Cut) -> TextSegment:
        """The open segment up to a cut; the next begins there."""
        written = self._text[self._begin : cut.end]
        text = written.strip()
        start = self._base + cut.end - len(written.lstrip())
        self.is_early = False
        self._begin, self._cuts, self._next_check = cut.end, [], cut.end + _FIRST_CHECK
        self._checked, self._known_cost, self._silent = cut.end, 0, cut.end
        return TextSegment(text, pause_after(text, cut.strength, is_last=self._is_last(cut)), start)

    def _forget_emitted(self) -> None:
        shift = self._begin
        self._text = self._text[shift:]
        self._base, self._begin = self._base + shift, 0
        self._scanned, self._next_check = self._scanned - shift, self._next_check - shift
        self._checked, self._silent = self._checked - shift, self._silent - shift
        self._cuts = [_Cut(cut.strength, cut.end - shift, cut.start - shift) for cut in self._cuts]


def iter_segments(
    pieces: Iterable[str],
    budget: int = DEFAULT_BUDGET,
    cost: Cost = expected_tokens,
    *,
    join_below: int = DEFAULT_JOIN_BELOW,
) -> Iterator[TextSegment]:
    """Segments of a text that arrives in pieces, each as soon as no further text can change it."""
    segmenter = Segmenter(budget, cost, join_below=join_below)
    for piece in pieces:
        yield from segmenter.feed(piece)
    yield from segmenter.finish()


def split(
    text: str,
    budget: int = DEFAULT_BUDGET,
    cost: Cost = expected_tokens,
    *,
    join_below: int = DEFAULT_JOIN_BELOW,
    early: bool = False,
) -> tuple[TextSegment, ...]:
    """Segments of a whole text; arguments as `Segmenter`."""
    return Segmenter(budget, cost, join_below=join_below, early=early).whole(text)

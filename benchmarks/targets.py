"""What was aimed for, compared with what was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import find, ratio
from benchmarks.settings import PEERS


class Facts:
    """A file of results, asked about one precision; what is not in it is None."""

    def __init__(self, report: Mapping[str, Any], precision: str) -> None:
        self.report = report
        self.precision = precision
        self.ours = f"ours {precision}"
        self.peer = f"llama.cpp {PEERS.get(precision, '')}, cut head"

    def median(self, suite: str, case: str, contender: str, metric: str) -> float | None:
        """A median; `case` is the beginning of the case's name."""
        value: float | None = self._of(suite, case, contender).get("medians", {}).get(metric)
        return value

    def limit(self, suite: str, case: str, contender: str, metric: str) -> float | None:
        """A limit; as `median`."""
        value: float | None = self._of(suite, case, contender).get("limits", {}).get(metric)
        return value

    def disk(self, key: str) -> float | None:
        """Bytes of the precision's bundle."""
        value: float | None = self.report["disk"].get(self.precision, {}).get(key)
        return value

    def _of(self, suite: str, case: str, contender: str) -> Mapping[str, Any]:
        names = [r["case"] for r in self.report["results"] if r["suite"] == suite and r["case"].startswith(case)]
        return (find(self.report["results"], suite, names[0], contender) if names else None) or {}


@dataclass(frozen=True)
class Target:
    """One aim."""

    what: str
    measured: Callable[[Facts], float | None]
    reach: float
    aim: float | None = None
    """What would be better still."""
    at_most: bool = False
    unit: str = "×"

    def met(self, value: float, bound: float) -> bool:
        """Whether a value is on the right side of a bound."""
        return value <= bound if self.at_most else value >= bound


_ORIGINAL = "PyTorch float32"
_LM, _E2E, _BATCH = "language model", "end to end", "texts together"
Measured = Callable[[Facts], float | None]


def _gain(suite: str, case: str, metric: str, *, ours: str = "{ours}", other: str = _ORIGINAL) -> Measured:
    """How many times more; names may hold a precision's."""

    def measured(facts: Facts) -> float | None:
        left, right = (_named(facts, name) for name in (ours, other))
        return ratio(facts.median(suite, case, left, metric), facts.median(suite, case, right, metric))

    return measured


def _faster(suite: str, case: str, *, ours: str = "{ours}", metric: str = "seconds") -> Measured:
    """How many times less time than PyTorch in float32 takes."""
    return _gain(suite, case, metric, ours=_ORIGINAL, other=ours)


def _named(facts: Facts, name: str) -> str:
    return name.format(ours=facts.ours, peer=facts.peer)


def _share_of_limit(facts: Facts) -> float | None:
    return ratio(facts.median(_LM, "300", facts.ours, "decode"), facts.limit(_LM, "300", facts.ours, "decode"))


def _codec_share(facts: Facts) -> float | None:
    return ratio(facts.median("codec", "10 s", "ours", "real_time"), facts.limit("codec", "10 s", "ours", "real_time"))


def _first_audio_share(facts: Facts) -> float | None:
    first = facts.median(_E2E, "middle", f"{facts.ours}, streamed", "first_audio_seconds")
    return ratio(first, facts.median(_E2E, "middle", _ORIGINAL, "seconds"))


def _memory_growth(facts: Facts) -> float | None:
    long, short = (facts.median("process", text, facts.ours, "resident_mb") for text in ("long", "short"))
    return ratio(long, short)


def _gigabytes(key: str) -> Measured:
    return lambda facts: ratio(facts.disk(key), 1e9)


def _peak(facts: Facts) -> float | None:
    return ratio(facts.median("process", "long", facts.ours, "resident_mb"), 1000)


TARGETS = (
    Target("decoding, one answer, against PyTorch float32", _gain(_LM, "300", "decode"), 8),
    Target("decoding against llama.cpp of the same bits and head", _gain(_LM, "300", "decode", other="{peer}"), 1),
    Target("decoding, share of what reading the weights allows", _share_of_limit, 0.65, unit=""),
    Target(
        "decoding, 8 answers together, against one",
        _gain(_LM, "8 answers", "decode", ours="{ours}, 8 at once", other="{ours}, 1 at once"),
        2.5,
        4,
    ),
    Target(
        "prompt of 300 ids against llama.cpp of the same bits and head",
        _gain(_LM, "300", "prefill", other="{peer}"),
        1,
        1.5,
    ),
    Target("codec, 1 s, against PyTorch float32", _faster("codec", "1 s", ours="ours"), 1.3, 3),
    Target("codec, 10 s, against PyTorch float32", _faster("codec", "10 s", ours="ours"), 2, 3),
    Target("codec, 10 s, share of what the matrix-product rate allows", _codec_share, 0.7, unit=""),
    Target("resident memory, long text over short", _memory_growth, 1.2, at_most=True),
    Target("enrollment with a transcript, 6 s", _faster("enrollment", "6 s", ours="ours"), 1.5),
    Target("enrollment without a transcript, 6 s", _faster("enrollment", "6 s", ours="ours, no transcript"), 10),
    Target("text to file, a sentence, against PyTorch float32", _gain(_E2E, "middle", "real_time"), 6, 10),
    Target("text to file, a sentence, times real time", lambda f: f.median(_E2E, "middle", f.ours, "real_time"), 1),
    Target(
        "texts together against one by one",
        _gain(_BATCH, "", "real_time", ours="{ours}, together", other="{ours}, one by one"),
        2.5,
    ),
    Target("first sound of a stream over the whole sentence in PyTorch", _first_audio_share, 0.125, at_most=True),
    Target(
        "process start to first sound against PyTorch float32",
        _faster("process", "short", metric="first_audio_seconds"),
        5,
    ),
    Target("peak resident memory, speaking", _peak, 1.0, 0.7, at_most=True, unit="GB"),
    Target("bundle on disk, with enrollment", _gigabytes("bundle_bytes"), 1.3, at_most=True, unit="GB"),
    Target("bundle on disk, what speaking needs", _gigabytes("speaking_bytes"), 0.7, at_most=True, unit="GB"),
)

CUDA_TARGETS = (
    Target("decoding, one answer, against PyTorch float32", _gain(_LM, "300", "decode"), 2.5),
    Target("decoding, one answer, times real time", lambda f: ratio(f.median(_LM, "300", f.ours, "decode"), 50), 20),
    Target(
        "decoding, 8 answers together, times real time",
        lambda f: ratio(f.median(_LM, "8 answers", f"{f.ours}, 8 at once", "decode"), 50),
        20,
    ),
    Target("codec, 1 s, against PyTorch float32", _faster("codec", "1 s", ours="ours"), 2.5),
    Target("codec, 10 s, against PyTorch float32", _faster("codec", "10 s", ours="ours"), 2.5),
    Target("codec, 10 s, times real time", lambda f: f.median("codec", "10 s", "ours", "real_time"), 20),
    Target("text to file, a sentence, against PyTorch float32", _gain(_E2E, "middle", "real_time"), 2.5),
    Target("text to file, a sentence, times real time", lambda f: f.median(_E2E, "middle", f.ours, "real_time"), 20),
    Target(
        "texts together, times real time",
        lambda f: f.median(_BATCH, "", f"{f.ours}, together", "real_time"),
        20,
    ),
    Target("first sound of a stream over the whole sentence in PyTorch", _first_audio_share, 0.125, at_most=True),
)
"""On an NVIDIA GPU; 50 ids are a second of the published model's speech."""

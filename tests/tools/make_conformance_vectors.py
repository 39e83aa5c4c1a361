"""Makes `tests/data/conformance.json`: what any host has to answer on the nano bundle, from `docs/bundle.md` alone.

Prompts, answers, sound and the recording follow from the arithmetic in `tests/nano.py`; legal ids, sampling, the rule
of volume and the vocoder's windows are written here again, plainly, and share no code with the package; random numbers
are numpy's own. Only `segments`, `lengths` and `joining` are what the Python host answers: rules of a host, which the
JavaScript host follows too, so that long texts are equal.
"""

import argparse
import base64
import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import nano

from sparktts_onnx.audio.joining import Joiner
from sparktts_onnx.text.duration import expected_tokens, token_bounds
from sparktts_onnx.text.segments import split

TARGET = Path(__file__).parent.parent / "data" / "conformance.json"
WORDS = Path(__file__).parents[2] / "web" / "src" / "text" / "words.js"
IDS = nano.TOKEN_IDS
TEXTS = ("Hello there.", "你好，世界。", "A <|im_end|> is text.", "\n  café  €5 👍🏽 ", "x" * 200)
VOICE = (1, 2, 3, 4)
MAX_ATTRIBUTES = 64
PRENET_WINDOW, DECODER_WINDOW = 500, 25


def floats(values: Any) -> str:
    """float32, little-endian, base64."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def prompts() -> list[Any]:
    made: list[Any] = [{"text": text, "global_ids": VOICE, "ids": nano.clone_prompt(text, VOICE)} for text in TEXTS]
    transcribed = {"text": "Two.", "global_ids": VOICE, "transcript": "One. ", "semantic_ids": [5, 63, 0]}
    made.append(transcribed | {"ids": nano.clone_prompt("Two.", VOICE, "One. ", [5, 63, 0])})
    for levels in ((0, 2, 2), (1, 0, 4)):
        made.append({"text": TEXTS[0], "levels": levels, "ids": nano.create_prompt(TEXTS[0], *levels)})
    return made


def legal_ids(kind: str, written: Sequence[int], speaker: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """The table of docs/bundle.md, asked with everything that was written."""
    semantic = (IDS.semantic_tokens.first, IDS.semantic_tokens.first + nano.SEMANTIC_CODES)
    codes = [token for token in written if 277 <= token < 277 + nano.GLOBAL_CODES]
    speech = list(written)
    ends: list[tuple[int, int]] = []
    if kind == "create":
        if len(codes) < nano.GLOBAL_TOKENS:
            due = (277, 285) if speaker is None else (277 + speaker[len(codes)], 278 + speaker[len(codes)])
            if codes or IDS.start_global in written:
                return [due]
            if len(written) >= MAX_ATTRIBUTES:
                return [(IDS.start_global, IDS.start_global + 1)]
            return [*((span.first, span.stop) for span in IDS.attributes), (257, 258), due]
        speech = speech[speech.index(codes[-1], len(written) - 1 - written[::-1].index(codes[-1])) + 1 :]
        ends = [] if speech else [(IDS.end_global, IDS.end_global + 1)]
    if any(semantic[0] <= token < semantic[1] for token in speech):
        return [semantic, (260, 261), (256, 257)]
    started = kind == "continue" or IDS.start_semantic in speech
    return [semantic, *([] if started else [(259, 260)]), *ends]


def legal() -> list[Any]:
    def first(kind: Any, number: int) -> int:
        return int(kind.first) + number

    voice = [first(IDS.global_tokens, i) for i in (1, 7, 7, 0)]
    semantic = first(IDS.semantic_tokens, 9)
    stories: dict[str, list[tuple[list[int], list[int] | None]]] = {
        "clone": [([], None), ([IDS.start_semantic], None), ([semantic], None), ([IDS.start_semantic, semantic], None)],
        "continue": [([], None), ([semantic], None)],
        "create": [
            ([], None),
            ([], [1, 7, 7, 0]),
            ([261, 265], None),
            ([261] * 63, None),
            ([261] * 64, None),
            ([261, IDS.start_global], None),
            (voice[:1], None),
            (voice[:3], [1, 7, 7, 0]),
            ([IDS.start_global, *voice], None),
            ([IDS.start_global, *voice, IDS.end_global], None),
            ([IDS.start_global, *voice, IDS.start_semantic], None),
            ([*voice, semantic], None),
            ([*voice, IDS.end_global, IDS.start_semantic, semantic], None),
        ],
    }
    return [
        {"kind": kind, "written": written, "speaker": speaker, "legal": legal_ids(kind, written, speaker)}
        for kind, cases in stories.items()
        for written, speaker in cases
    ]


def randomness() -> list[Any]:
    made = []
    for entropy in ([0], [1], [7, 0, 0], [7, 0, 1], [2**63 - 1, 3, 2], [2**32, 0, 0], [1, 2, 3, 4, 5, 6]):
        seed = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
        drawn = np.random.default_rng(seed).random(4)
        words = [str(n) for n in entropy]
        made.append({"entropy": words, "seed": str(seed), "drawn": [float(n) for n in drawn]})
    return made


def chosen(logits: Sequence[float], options: dict[str, Any], draw: Callable[[], float]) -> int:
    """One choice, in plain Python, step by step as docs/bundle.md has it."""
    best = max(range(len(logits)), key=lambda i: (logits[i], -i))
    if options["temperature"] == 0:
        return best
    k = options["top_k"]
    least = sorted(logits, reverse=True)[k - 1] if 0 < k < len(logits) else -math.inf
    weights = {
        i: math.exp(float(np.float32(value) - np.float32(logits[best])) / options["temperature"])
        for i, value in enumerate(logits)
        if value >= least
    }
    order = sorted(weights, key=lambda i: (-weights[i], i))
    sums: list[float] = []
    for i in order:
        sums.append((sums[-1] if sums else 0.0) + weights[i])
    count = 1 + next(i for i, value in enumerate(sums) if value >= options["top_p"] * sums[-1])
    at = draw() * sums[count - 1]
    return order[next((i for i, value in enumerate(sums[:count]) if value > at), count - 1)]


def sampling() -> list[Any]:
    rng = np.random.default_rng(11)
    flat, ties = np.zeros(12, np.float32), np.array([1, 3, 3, 2, 3, 1, 2, 2], np.float32)
    rows = [flat, ties, *(rng.standard_normal(n).astype(np.float32) * 3 for n in (1, 2, 40, 300))]
    settings = [
        {"temperature": temperature, "top_k": k, "top_p": p}
        for temperature, k, p in (
            (0.8, 50, 0.95),
            (0, 50, 0.95),
            (1.0, 3, 1.0),
            (1.5, 0, 0.5),
            (0.1, 5, 1e-9),
            (1, 1, 1),
        )
    ]
    made = []
    for logits in rows:
        for options in settings:
            draws = np.random.default_rng(5)
            picks = [chosen(logits.tolist(), options, draws.random) for _ in range(8)]
            made.append({"logits": floats(logits), **options, "seed": 5, "chosen": picks})
    return made


def answer(kind: str, prompt: list[int], options: dict[str, Any], seed: Sequence[int]) -> list[int]:
    """Every token of an answer, from the plain rules above and the nano model's own arithmetic."""
    draws = np.random.default_rng(int(np.random.SeedSequence(list(seed)).generate_state(1, np.uint64)[0]))
    written: list[int] = []
    while len(written) < options["max_new_tokens"] and not {256, 260} & set(written[-1:]):
        target = nano.next_id([*prompt, *written])
        codes = IDS.semantic_tokens.first <= target < IDS.semantic_tokens.stop or 277 <= target < 285
        slope = nano.SOFT if codes else nano.SHARP
        ids = [i for start, stop in legal_ids(kind, written) for i in range(start, stop)]
        written.append(ids[chosen([-slope * (i - target) ** 2 for i in ids], options, draws.random)])
    return written


def answers() -> list[Any]:
    usual = {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "max_new_tokens": 3000}
    greedy, wild = usual | {"temperature": 0}, usual | {"temperature": 9.0, "top_k": 7, "max_new_tokens": 60}
    long = "What a long text this is, read in more than one piece of a hundred and twenty-eight ids. " * 2
    made = []
    for text, kind in (("Hello there.", "clone"), ("Good morning!", "create"), (long, "clone")):
        prompt = nano.clone_prompt(text, VOICE) if kind == "clone" else nano.create_prompt(text, 1, 0, 4)
        for options, seed in ((greedy, [0, 0, 0]), (usual, [1, 0, 0]), (wild, [1, 2, 1])):
            tokens = answer(kind, prompt, options, seed)
            made.append({"text": text, "kind": kind, **options, "seed": seed, "tokens": tokens})
    return made


def windows() -> list[Any]:
    """Calls of the vocoder's graphs on one thread: prenet and tokens; decoder, frames and what is kept of them."""
    made = []
    for count in (1, 2, 25, 26, 60, 503):
        calls: list[Any] = []
        reach, context = nano.DECODER_CONTEXT, nano.PRENET_CONTEXT
        for a in range(0, count, PRENET_WINDOW):
            b = min(a + PRENET_WINDOW, count)
            low, high = max(0, a - reach), min(count, b + reach)
            calls.append(["prenet", min(count, high + context) - max(0, low - context)])
            width = math.ceil((b - a) / math.ceil((b - a) / DECODER_WINDOW))
            for start in range(a, b, width):
                stop = min(start + width, b)
                first, last = max(low, start - reach), min(high, stop + reach)
                calls.append(["decoder", last - first, start - first, stop - first])
        made.append({"tokens": count, "calls": calls})
    return made


def loudness(values: Sequence[float]) -> list[float]:
    """The rule of volume, in plain Python."""
    peak = max(abs(v) for v in values)
    if peak < 0.1:
        values = [v / max(peak, 1e-3) * 0.1 for v in values]
    loud = sorted(abs(v) for v in values if abs(v) > 0.01)
    if len(loud) > 10:
        part = loud[int(0.9 * len(loud)) : int(0.99 * len(loud))]
        factor = min(max(0.2 / (sum(part) / len(part)), 0.1), 10)
        values = [v * factor for v in values]
        peak = max(abs(v) for v in values)
        values = [v / peak for v in values] if peak > 1 else values
    return list(values)


def volume() -> list[Any]:
    waves = [np.sin(np.arange(40) * 0.7) * level for level in (0.0005, 0.02, 0.09, 0.4, 0.99, 30.0)]
    peaky = np.sin(np.arange(200) * 0.7) * 0.03
    peaky[3] = 0.9
    waves += [peaky, np.array([0.5, -0.5, 0.001])]
    return [{"wav": [float(v) for v in wav], "expected": loudness([float(v) for v in wav])} for wav in waves]


def recording() -> Any:
    semantic, speaker = [3, 17, 40, 60, 8, 22, 51], (6, 0, 3, 5)
    wav = nano.sound(semantic, speaker)
    return {
        "wav": floats(np.concatenate([wav, np.zeros(nano.BORDER, np.float32)])),
        "global_ids": speaker,
        "semantic_ids": semantic,
    }


ENGLISH = (
    "Dr. Smith paid $5.50 at 3.30 p.m. on Fig. 3. \"Really?\" she asked. 'Yes,' he said, and left... "
    "It was, as ever, e.g. a test: one; two - three. The U.S. Army came. I am No. 5. J. R. R. Tolkien wrote it.\n\n"
    "1. apples 2. pears (and more, of course) 3. plums. See p. 12 etc. The end of the '90s wasn't far, 'cause "
    "everyone knew that when you write a sentence without any sign that could end it you get a very long segment "
    "which has to be cut somewhere because nobody can say so much in one breath although many try again and again"
)
CHINESE = (
    "今天天气很好，我们去公园吧！他说：“你真的要去吗？”我回答说，当然要去，因为明天会下雨。二零二五年三月五日，"
    "一共有一百二十三个人参加了这次会议而且他们都非常高兴地讨论了很多问题但是最后没有得出任何结论所以下次还要继续"
)
MIXED = "He said “one. Two! (Three?)” and 你好 world。\n第二行 continues here\nA short line\n\n\n" + "word " * 90


def stops() -> list[str]:
    """Texts in which each word that the JavaScript host knows stands before a full stop and after one."""
    lists = re.findall(r'"([^"]+\|[^"]+)"', WORDS.read_text(encoding="utf-8"))
    words = sorted({word for entries in lists for word in entries.split("|")})
    frames = ("We saw {}. Zed", "We saw {}. 5 of", "It was the U.S. {0} and {0}. 3 men so. {0} 7. {0}")
    return ["\n\n".join(frame.format(word) for word in words) for frame in frames]


def segments() -> list[Any]:
    made = []
    long_word = "a" * 500 + " " + "👍🏽" * 30 + "é" * 40
    for text in (ENGLISH, CHINESE, MIXED, long_word, "  ", "Hi.", ENGLISH * 2 + CHINESE, *stops()):
        for budget in (600, 150, 40):
            found = [[s.text, s.pause_seconds] for s in split(text, budget)]
            made.append({"text": text, "budget": budget, "segments": found})
    return made


def lengths() -> list[Any]:
    words = "The WWW, rhythm and café's tables: NASA said $5, 12:30 or 1,000.5! 你好 こんにちは 안녕 привет # 50% -- e"
    made = []
    for text in [*words.split(" "), words, "...", ""]:
        bounds = token_bounds(text)
        made.append({"text": text, "expected": expected_tokens(text), "bounds": [bounds.shortest, bounds.longest]})
    return made


def joining() -> list[Any]:
    rng = np.random.default_rng(3)

    def speech(seconds: float, level: float) -> Any:
        return (rng.standard_normal(round(seconds * 1000)) * level).astype(np.float32)

    quiet = np.zeros(130, np.float32)
    stories = [
        [([speech(0.3, 0.1)], 0.4)],
        [([speech(0.3, 0.1), quiet], 0.4), ([quiet, speech(0.5, 0.02)], 0.15), ([speech(0.33, 0.2), quiet], 0.0)],
        [
            ([quiet], 0.4),
            ([speech(0.107, 0.1)[:93], speech(0.2, 0.1)], 0.8),
            ([quiet, quiet], 0.2),
            ([speech(0.6, 0.3)], 0.1),
        ],
    ]
    made = []
    for story in stories:
        joiner = Joiner(1000)
        out = []
        for chunks, pause in story:
            out += [joiner.feed(chunk) for chunk in chunks]
            out.append(joiner.end_segment(pause))
        out.append(joiner.finish())
        made.append(
            {
                "segments": [
                    {"chunks": [floats(chunk) for chunk in chunks], "pause": pause} for chunks, pause in story
                ],
                "joined": floats(np.concatenate(out)),
                "spans": [[span.start, span.end] for span in joiner.spans],
            }
        )
    return made


def vectors() -> dict[str, Any]:
    """Everything in the file."""
    spoken = answer(
        "clone", nano.clone_prompt("Hi.", VOICE), {"temperature": 0, "top_k": 0, "top_p": 1, "max_new_tokens": 99}, [0]
    )
    semantic = nano.semantic_numbers(spoken)
    return {
        "prompts": prompts(),
        "legal": legal(),
        "random": randomness(),
        "sampling": sampling(),
        "answers": answers(),
        "windows": windows(),
        "wave": {"semantic_ids": semantic, "global_ids": VOICE, "wav": floats(nano.sound(semantic, VOICE))},
        "volume": volume(),
        "recording": recording(),
        "segments": segments(),
        "lengths": lengths(),
        "joining": joining(),
    }


def main() -> None:
    """Write the file."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--target", type=Path, default=TARGET)
    made = vectors()
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in made.items()]
    options.parse_args().target.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The plot: bars of the three figures that decide how fast speech is, as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _LABELS, _BAR, _GAP, _HEAD = 760, 230, 16, 7, 34
_COLORS = {"ours": "#1f6f8b", "llama.cpp": "#b08968", "PyTorch": "#c0504d"}
_PANELS = (
    ("language model", "300 ids in", "decode", "Decoding after a prompt of 300 ids, ids a second (50 are real time)"),
    ("codec", "10 s", "real_time", "Codec, 10 s of sound, times real time"),
    ("end to end", "middle", "real_time", "Text to wave file, a sentence, times real time"),
)


def plot(report: Mapping[str, Any]) -> str:
    """An SVG picture of a file of results."""
    top, parts = 0, []
    for suite, case, metric, title in _PANELS:
        bars = _bars(report, suite, case, metric)
        if bars:
            parts.append(_panel(title, bars, top))
            top += _HEAD + len(bars) * (_BAR + _GAP) + 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{top}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bars(report: Mapping[str, Any], suite: str, case: str, metric: str) -> list[tuple[str, float]]:
    return [
        (result["contender"], float(result["medians"][metric]))
        for result in report["results"]
        if result["suite"] == suite and result["case"].startswith(case) and result["medians"].get(metric)
    ]


def _panel(title: str, bars: Sequence[tuple[str, float]], top: int) -> str:
    room = _WIDTH - _LABELS - 70
    largest = max(value for _, value in bars)
    lines = [f'<text x="8" y="{top + 22}" font-weight="bold">{escape(title)}</text>']
    for index, (name, value) in enumerate(bars):
        y = top + _HEAD + index * (_BAR + _GAP)
        length = max(1.0, room * value / largest)
        color = next((c for start, c in _COLORS.items() if name.startswith(start)), "#777777")
        lines += [
            f'<text x="{_LABELS - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LABELS}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{color}"/>',
            f'<text x="{_LABELS + length + 6:.1f}" y="{y + 12}">{value:.3g}</text>',
        ]
    return "\n".join(lines)

"""Write docs/cli.md from the parsers: `python scripts/write_cli_reference.py`; a test sees that it is up to date.

Written from the options and not from `--help`, whose layout differs between versions of Python.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from sparktts_onnx.cli.commands import COMMANDS, make_parser

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """# Command line

Written by `scripts/write_cli_reference.py` from the commands' own options. Every option can be spelled with dashes or
underscores. Results go to stdout, everything else to stderr. Exit status: 0 done, 1 something failed, 2 bad usage,
130 interrupted.
"""


def reference() -> str:
    """The whole page."""
    parts = [HEAD]
    for name in COMMANDS:
        parts += _command(make_parser(name))
    return "\n".join(parts)


def _command(parser: argparse.ArgumentParser, level: int = 2) -> Iterator[str]:
    yield f"{'#' * level} `{parser.prog}`\n"
    yield f"{_block(parser.description or '')}\n"
    rows = [action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)]
    yield "| option | meaning |\n|---|---|"
    yield from (_row(action) for action in rows)
    yield ""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _command(inner, level + 1)


def _block(description: str) -> str:
    first, _, rest = description.partition("\n\n")
    return f"{first}\n\n```\n{rest}\n```" if rest else first


def _row(action: argparse.Action) -> str:
    names = [name for name in action.option_strings if "_" not in name] or [str(action.metavar or action.dest)]
    value = "" if action.nargs == 0 or not action.option_strings else f" {_value(action)}"
    meaning = (action.help or "") % {"default": action.default}
    return f"| `{', '.join(names)}{value}` | {meaning}{' (required)' if action.required else ''} |".replace("\n", " ")


def _value(action: argparse.Action) -> str:
    shown = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    return f"[{shown}]" if action.nargs == "?" else str(shown)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")

"""Structured logs: one JSON object a line, with request ids, never with text or audio.

Messages of errors may quote a text, so of an error only its kind and place are logged; the library's messages about
a failing model quote none.
"""

import json
import logging
import os
import sys
import time
import traceback
from typing import Any

FIELDS = "fields"
"""Attribute of a log record that holds the values of its line besides the event."""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line.update(place(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=False, default=str)


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """The `extra` argument that adds these values to a line."""
    return {FIELDS: values}


def place(error: BaseException) -> dict[str, Any]:
    """Kind of an error, and where it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    return {"error": type(error).__name__, "at": [f"{f.filename}:{f.lineno} {f.name}" for f in frames[-12:]]}


def configure(level: int) -> None:
    """Send the log of this process to stderr as JSON, and Python's warnings with it; for a command line.

    The log has a handle of its own, so that it goes on while `quiet_stderr` silences a library.
    """
    handler = logging.StreamHandler(os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", buffering=1))
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)

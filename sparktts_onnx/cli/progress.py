"""A progress bar on stderr, where a person is looking."""

import sys


class Progress:
    """Redraws one line; prints nothing where stderr is not a terminal."""

    def __init__(self, what: str, *, width: int = 24) -> None:
        self._what = what
        self._width = width
        self._shown = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total`."""
        if not self._shown:
            return
        filled = self._width * done // max(1, total)
        bar = "█" * filled + "·" * (self._width - filled)
        end = "\n" if done >= total else ""
        print(f"\r{self._what} {bar} {done}/{total}", end=end, file=sys.stderr, flush=True)

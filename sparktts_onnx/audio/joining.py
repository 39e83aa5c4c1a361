"""Segments of speech into one: pauses as asked for, no clicks, even loudness, in flat memory."""

from dataclasses import dataclass

import numpy as np

from sparktts_onnx.audio.signal import SILENCE_LEVEL, Wave, amplitude, decibels

BLOCK_SECONDS = 0.01
EDGE_SECONDS = 0.05
"""Silence of its own that a segment keeps at a joint, so that soft sounds are not cut."""
FADE_SECONDS = 0.005
"""Fade on each side of a joint, so that it cannot click; nothing touches the outer ends of the speech."""
MOST_GAIN_DB = 6.0
"""How far loudness may be evened between segments."""
MOST_HELD_SECONDS = 2.0
"""Silence held back while it is unknown whether the segment goes on."""
DEAD_ZONE_DB = 0.5
"""Differences that nobody hears are left alone."""
SLEW_DB_PER_SECOND = 12.0
"""How fast the gain moves: fast enough for a short sentence, too slow to be heard as a change."""
SURE_AFTER_SECONDS = 0.5
"""Speech heard before a segment's own loudness is fully believed."""
_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Span:
    """Where one segment lies in the joined speech."""

    start: float
    """Seconds from the beginning."""
    end: float
    """Seconds from the beginning; the pause after it is not part of it."""
    origin: float
    """Where the segment's own first sample lies or would lie, if it was trimmed: seconds from the beginning."""


class Joiner:
    """Takes the chunks of one segment after another and gives the joined speech as soon as it is certain.

    What comes out does not depend on how the segments were cut into chunks, and one segment alone comes out
    as it went in. At a joint, silence is trimmed, `pause_seconds` is put there (the silence that the segment
    before already ends with counts), and both sides fade.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._edge = self._samples(EDGE_SECONDS)
        self._fade = self._samples(FADE_SECONDS)
        self._block = max(1, self._samples(BLOCK_SECONDS))
        self._leveler = Leveler(sample_rate)
        self._spans: list[Span] = []
        self._emitted = 0  # samples given out
        self._start = 0  # where the last segment with sound in it starts
        self._origin = 0  # where its own first sample would lie
        self._taken = 0  # samples of the present segment that were looked at
        self._unplaced = 0  # segments ended and not in spans: one with sound, then silent ones
        self._open = False  # something was fed since the last end of a segment
        self._partial = _NOTHING  # less than a block, not looked at yet
        self._held = _NOTHING  # the last sound, as long as a fade, and the silence after it
        self._silent = 0  # samples of that silence
        self._pause: float | None = None  # seconds due before the next sound; None inside a segment's sound
        self._lead = _NOTHING  # silence that a segment after a joint begins with, as much as it keeps

    @property
    def spans(self) -> tuple[Span, ...]:
        """Where each segment lies, of those whose end is certain: of all after `finish`."""
        return tuple(self._spans)

    @property
    def present(self) -> Span:
        """Where the present segment lies so far; one without sound yet lies where the speech ends so far."""
        silent = self._pause is not None
        start, origin = (self._emitted, self._emitted) if silent else (self._start, self._origin)
        return Span(start / self._rate, self._emitted / self._rate, origin / self._rate)

    @property
    def ends_at(self) -> float:
        """Where the segment that has just ended ends if another follows it: seconds from the beginning."""
        silent = min(self._silent, len(self._held))
        return (self._emitted + len(self._held) - silent + min(silent, self._edge)) / self._rate

    def feed(self, chunk: Wave) -> Wave:
        """float32 [m]: what is certain once `chunk` float32 [n] of the present segment is there."""
        self._open = True
        waiting = np.concatenate([self._partial, np.asarray(chunk, np.float32)])
        whole = len(waiting) // self._block * self._block
        self._partial = waiting[whole:]
        ready = [self._take(block) for block in waiting[:whole].reshape(-1, self._block)]
        return np.concatenate([_NOTHING, *ready])

    def end_segment(self, pause_seconds: float = 0.0) -> Wave:
        """The present segment is complete; `pause_seconds` lie between it and the next one, if one comes."""
        rest = self._take(self._partial) if len(self._partial) else _NOTHING
        self._partial = self._lead = _NOTHING
        self._pause = max(pause_seconds, self._pause or 0.0)
        self._taken = 0
        self._unplaced += 1
        self._open = False
        self._leveler.next_segment()
        return rest

    def begin(self, pause_seconds: float) -> Wave:
        """float32 [m]: silence before the first segment, where there shall be some."""
        self._start = self._origin = self._samples(pause_seconds)
        return self._emit(np.zeros(self._start, np.float32))

    def finish(self, pause_seconds: float = 0.0) -> Wave:
        """float32 [m]: the rest, with this silence behind it. The end of the last segment is as it was."""
        rest = self.end_segment() if self._open else _NOTHING
        tail = self._emit(self._held)
        pause = max(0, self._samples(pause_seconds) - self._silent)
        self._held = _NOTHING
        self._place()
        return np.concatenate([rest, tail, self._emit(np.zeros(pause, np.float32))])

    def _take(self, block: Wave) -> Wave:
        """What `block` float32 [n] makes certain; no end of a segment lies inside it."""
        ready = _NOTHING
        length = len(block)
        sound = _is_sound(block)
        if self._pause is not None:
            if not sound:
                lead = np.concatenate([self._lead, block])
                self._lead = lead[max(0, len(lead) - self._edge) :]
                self._taken += length
                return ready
            ready = self._joint(self._pause)
            self._origin = self._start - self._taken
            block = self._faded(np.concatenate([self._lead, block]), rising=True)
            self._lead, self._pause = _NOTHING, None
        self._taken += length
        return np.concatenate([ready, self._hold(self._leveler.apply(block), sound=sound)])

    def _hold(self, block: Wave, *, sound: bool) -> Wave:
        """Keep back of what is held and `block` what a joint would change, give the rest."""
        self._silent = 0 if sound else self._silent + len(block)
        waiting = np.concatenate([self._held, block])
        most = self._samples(MOST_HELD_SECONDS)
        cut = max(0, len(waiting) - self._fade - min(self._silent, most))
        self._held = waiting[cut:]
        return self._emit(waiting[:cut])

    def _joint(self, pause_seconds: float) -> Wave:
        """The trimmed and faded end of the segment before, and the pause; the next one starts here."""
        silent = min(self._silent, len(self._held))
        kept = min(silent, self._edge)
        end = self._faded(self._held[: len(self._held) - silent + kept], rising=False)
        spoken = self._emitted + len(end) > 0
        ready = self._emit(end)
        self._held, self._silent = _NOTHING, 0
        self._place()
        pause = max(0, self._samples(pause_seconds) - kept) if spoken else 0
        ready = np.concatenate([ready, self._emit(np.zeros(pause, np.float32))])
        self._start = self._emitted + len(self._lead)
        return ready

    def _faded(self, wav: Wave, *, rising: bool) -> Wave:
        """`wav` with its beginning fading in or its end fading out."""
        length = min(self._fade, len(wav))
        ramp = np.linspace(0.0, 1.0, length, endpoint=False, dtype=np.float32)
        faded = wav.copy()
        if rising:
            faded[:length] *= ramp
        else:
            faded[len(wav) - length :] *= ramp[::-1]
        return faded

    def _place(self) -> None:
        """Note where the ended segments lie, now that the last sound of theirs is given out."""
        end = self._emitted / self._rate
        if self._unplaced:
            self._spans.append(Span(self._start / self._rate, end, self._origin / self._rate))
            self._spans += [Span(end, end, end)] * (self._unplaced - 1)
        self._unplaced = 0

    def _emit(self, wav: Wave) -> Wave:
        self._emitted += len(wav)
        return wav

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate)


def _is_sound(block: Wave) -> bool:
    return float(np.sqrt(np.mean(np.square(block, dtype=np.float64)))) >= SILENCE_LEVEL


class Leveler:
    """Brings each segment toward the loudness of those before it, block by block.

    The first segment sets the loudness and is not touched: one segment alone comes out bit for bit.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._target_db: float | None = None
        self._heard = _Energy()
        self._segment = _Energy()
        self._gain_db = 0.0

    def next_segment(self) -> None:
        if self._heard.samples:
            self._target_db = self._heard.level_db
        self._segment = _Energy()
        self._gain_db = 0.0

    def apply(self, block: Wave) -> Wave:
        """float32 [n]: `block` float32 [n] at the loudness of the speech so far."""
        active = _is_sound(block)
        if active:
            self._segment.add(block)
        before, self._gain_db = self._gain_db, self._next_gain_db(block)
        if before or self._gain_db:
            ramp = np.linspace(amplitude(before), amplitude(self._gain_db), len(block), dtype=np.float32)
            block = np.clip(block * ramp, -1.0, 1.0)
        if active:
            self._heard.add(block)
        return block

    def _next_gain_db(self, block: Wave) -> float:
        """The gain at the end of `block`: a short step toward what evens the segment."""
        if self._target_db is None or not self._segment.samples:
            return self._gain_db
        difference = self._target_db - self._segment.level_db
        wanted = np.sign(difference) * max(0.0, abs(difference) - DEAD_ZONE_DB)
        wanted *= min(1.0, self._segment.samples / (SURE_AFTER_SECONDS * self._rate))
        wanted = float(np.clip(wanted, -MOST_GAIN_DB, MOST_GAIN_DB))
        wanted = min(wanted, max(0.0, -decibels(float(np.abs(block).max()))))
        step = SLEW_DB_PER_SECOND * len(block) / self._rate
        return float(np.clip(wanted, self._gain_db - step, self._gain_db + step))


class _Energy:
    """Running loudness of the blocks that hold speech."""

    def __init__(self) -> None:
        self.samples = 0
        self._energy = 0.0

    def add(self, block: Wave) -> None:
        self.samples += len(block)
        self._energy += float(np.sum(np.square(block, dtype=np.float64)))

    @property
    def level_db(self) -> float:
        return decibels(float(np.sqrt(self._energy / self.samples)))

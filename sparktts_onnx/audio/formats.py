"""The formats speech can be written in: one table for files and for streams."""

import os
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import soundfile

from sparktts_onnx.audio.optional import load_av
from sparktts_onnx.errors import OptionError


@dataclass(frozen=True)
class Format:
    """One format of written speech."""

    name: str
    """What people and the HTTP interface call it."""
    suffixes: tuple[str, ...]
    """File endings that mean this format, the usual one first."""
    content_type: str
    streams: bool
    """Bytes leave while speech is still being made; otherwise all at the end."""
    rates: tuple[int, ...] = ()
    """Samples a second it can carry, rising; empty: any."""
    library: str = ""
    """What writes it: libsndfile, PyAV, or this package alone."""
    container: str = ""
    codec: str = ""
    """What the library calls both."""

    def carried_rate(self, rate: int) -> int:
        """`rate` where the format can carry it, else the next one above, else the highest."""
        if not self.rates or rate in self.rates:
            return rate
        return next((able for able in self.rates if able > rate), self.rates[-1])


_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_AAC_RATES = (*_MP3_RATES, 64_000, 88_200, 96_000)

_TABLE = (
    Format("wav", (".wav",), "audio/wav", streams=True),
    # A streamed FLAC of unknown length is refused by libsndfile's readers, so it is whole or nothing.
    Format("flac", (".flac",), "audio/flac", streams=False, library="libsndfile", container="FLAC", codec="PCM_16"),
    Format("mp3", (".mp3",), "audio/mpeg", True, _MP3_RATES, "libsndfile", "MP3", "MPEG_LAYER_III"),
    Format("opus", (".opus", ".ogg"), "audio/ogg; codecs=opus", True, _OPUS_RATES, "libsndfile", "OGG", "OPUS"),
    Format("aac", (".aac",), "audio/aac", True, _AAC_RATES, "PyAV", "adts", "aac"),
    Format("m4a", (".m4a", ".mp4"), "audio/mp4", False, _AAC_RATES, "PyAV", "ipod", "aac"),
    Format("pcm", (".pcm",), "audio/pcm", streams=True),
)

FORMATS = MappingProxyType({entry.name: entry for entry in _TABLE})


def format_named(name: str) -> Format:
    """The format called `name`, in any case; it can be written here.

    Raises:
        OptionError: there is none, or libsndfile was built without it.
        MissingDependencyError: PyAV writes it and is not installed.
    """
    form = FORMATS.get(str(name).lower())
    if form is None:
        raise OptionError(f"unknown audio format {name!r}: expected one of {', '.join(FORMATS)}", field="file_format")
    if form.library == "PyAV":
        load_av(f"writing {form.name}")
    if form.library == "libsndfile" and not soundfile.check_format(form.container, form.codec):
        version = soundfile.__libsndfile_version__
        found = f"libsndfile {version} of this system cannot write {form.name}"
        raise OptionError(f"{found}: use wav, or a newer one", field="file_format")
    return form


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that the ending of `path` means."""
    suffix = Path(path).suffix.lower()
    endings = {ending: entry for entry in _TABLE for ending in entry.suffixes}
    if suffix in endings:
        return endings[suffix]
    known = ", ".join(endings)
    raise OptionError(f"cannot tell the audio format of {os.fspath(path)!r} from its ending: use one of {known}")

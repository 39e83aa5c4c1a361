"""A folder of voices, one JSON file each, that the command line and the server share."""

import dataclasses
import errno
import logging
import os
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from sparktts_onnx.audio.parts import part_beside, see_writable
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.errors import NameTakenError, OptionError, OutputError, VoiceError
from sparktts_onnx.files import MAX_FILE_NAME_BYTES, file_name_key, names_a_file_everywhere
from sparktts_onnx.runtime.values import broken_character
from sparktts_onnx.runtime.voices.built_in import BuiltInVoices
from sparktts_onnx.runtime.voices.voice import Voice, changing, check_voice
from sparktts_onnx.text.ssml import Ssml

_log = logging.getLogger(__name__)

SUFFIX = ".json"
MAX_NAME_CHARACTERS = 64
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@dataclass(frozen=True)
class VoiceEntry:
    """One file of a library."""

    name: str
    voice: Voice | None
    """None where the file cannot be used."""
    problem: str | None
    """Why the file cannot be used."""
    created: float
    """When the file was written, seconds since 1970."""


class VoiceLibrary:
    """Voices by name; every change happens wholly or not at all, and a bad file disturbs no other.

    A name is the name of the voice's file, so it is checked before it comes near the disk: letters and digits of
    any script, spaces, `-`, `_` and dots inside. Names that have the same `key` are one name.
    """

    def __init__(self, folder: str | Path, codec: CodecLayout) -> None:
        """A folder that need not exist yet; `codec` is the one that its voices are spoken with."""
        self.folder = Path(folder)
        self._codec = codec
        self._lock = threading.Lock()
        self._nameless: set[Path] = set()

    @staticmethod
    def key(name: str) -> str:
        """What two spellings of one name share: case, spaces around it and how letters are composed do not count."""
        return file_name_key(_spelled(name))

    def entries(self) -> tuple[VoiceEntry, ...]:
        """Every voice file by name, the unusable ones with their problem.

        Raises:
            VoiceError: the folder cannot be read.
        """
        return tuple(self.iter_entries())

    def iter_entries(self) -> Iterator[VoiceEntry]:
        """As `entries`, one file at a time."""
        return (entry for path in self._files() if (entry := self._entry(path)) is not None)

    def entry(self, name: str) -> VoiceEntry | None:
        """The file of that name, also one that cannot be used; None where there is none. No other file is read.

        Raises:
            VoiceError: the folder cannot be read.
        """
        path = self._find(name)
        return None if path is None else self._entry(path)

    def names(self) -> tuple[str, ...]:
        """Names of all files, without reading them."""
        return tuple(path.stem for path in self._files())

    def get(self, name: str) -> Voice:
        """The voice of that name, as the library knows it.

        Raises:
            VoiceError: no voice of that name, or its file cannot be used.
        """
        path = self._existing(name)
        return Voice.load(path, self._codec).renamed(path.stem)

    def named_in(self, ssml: str) -> dict[str, Voice]:
        """The kept voices that an SSML text names, for the option `voices`; those that are built in are left out.

        Raises:
            TextError, VoiceError: as `Ssml.read`; a voice is neither kept nor built in.
        """
        found: dict[str, Voice] = {}

        def find(name: str) -> None:
            if self._find(name) is not None:
                found[name] = self.get(name)
            elif self.key(name) not in BuiltInVoices.STYLES:
                known = (*self.names(), *BuiltInVoices.STYLES)
                names = ", ".join(get_close_matches(name, known, n=3) or known[:20])
                raise VoiceError(f"no voice {name[:MAX_NAME_CHARACTERS]!r} is kept in {self.folder}; there are {names}")

        Ssml.read(ssml, find)
        return found

    def check_free(self, name: str) -> None:
        """See that a voice could be kept under a name.

        Raises:
            OptionError: the name cannot be used.
            NameTakenError: it is taken.
            OutputError: its file cannot be written.
        """
        name = checked_name(name)
        self._check_free(name)
        see_writable(self.folder / f"{name}{SUFFIX}")

    def add(self, voice: Voice, name: str, *, consent: str | None = None) -> Voice:
        """Keep a voice under a name that is free.

        Args:
            voice: any voice of this library's codec.
            name: see the class.
            consent: what the recorded person agreed to; kept with the time of now.

        Raises:
            OptionError: the name cannot be used.
            NameTakenError: the name is taken.
            VoiceError: the voice belongs to another codec.
            OutputError: the file cannot be written.
        """
        name = checked_name(name)
        check_voice(voice, self._codec)
        dated = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}: {consent.strip()}" if consent else voice.consent
        kept = dataclasses.replace(voice, name=name, consent=dated)
        with self._lock:
            self._check_free(name)
            self._publish(kept, self.folder / f"{name}{SUFFIX}")
        return kept

    def rename(self, name: str, new_name: str) -> Voice:
        """Give a voice another name. Until the new file is complete, the old one stays.

        Raises:
            OptionError, NameTakenError, VoiceError, OutputError: as `get` and `add`.
        """
        new_name = checked_name(new_name)
        with self._lock:
            path = self._existing(name)
            voice = Voice.load(path).renamed(new_name)
            self._check_free(new_name, but=path)
            target = self.folder / f"{new_name}{SUFFIX}"
            if self.key(new_name) == self.key(path.stem):
                voice.save(path)
                with changing(target, "written"):
                    path.replace(target)
            else:
                self._publish(voice, target)
                with changing(path, "deleted"):
                    path.unlink(missing_ok=True)
        return voice

    def remove(self, name: str) -> str:
        """Delete a voice, also one whose file cannot be used; the name that it had.

        Raises:
            VoiceError: no voice of that name.
            OutputError: the file cannot be deleted.
        """
        with self._lock:
            path = self._existing(name)
            with changing(path, "deleted"):
                path.unlink(missing_ok=True)
        return path.stem

    def _files(self) -> list[Path]:
        try:
            found = [path for path in self.folder.iterdir() if _is_voice_file(path)]
        except FileNotFoundError:
            return []
        except OSError as error:
            problem = f"the voice folder cannot be read: {error.strerror or error}"
            raise VoiceError(problem, file=self.folder) from error
        return sorted(filter(self._has_a_name, found), key=lambda path: self.key(path.stem))

    def _has_a_name(self, path: Path) -> bool:
        """Whether the file's name is text; one that is not is left out, and logged once."""
        if not broken_character(path.name):
            return True
        if path not in self._nameless:
            self._nameless.add(path)
            _log.warning(
                "a file in the voice folder is left out: its name %s is not UTF-8; rename it", ascii(path.name)
            )
        return False

    def _entry(self, path: Path) -> VoiceEntry | None:
        """A file's entry; None where it is gone by now."""
        try:
            created = path.stat().st_mtime
            return VoiceEntry(path.stem, Voice.load(path, self._codec).renamed(path.stem), None, created)
        except FileNotFoundError:
            return None
        except VoiceError as error:
            return VoiceEntry(path.stem, None, error.message, 0.0) if path.exists() else None
        except OSError as error:
            return VoiceEntry(path.stem, None, f"the voice file cannot be read: {error.strerror or error}", 0.0)

    def _find(self, name: str, *, but: Path | None = None) -> Path | None:
        wanted = self.key(name)
        return next((path for path in self._files() if self.key(path.stem) == wanted and path != but), None)

    def _check_free(self, name: str, *, but: Path | None = None) -> None:
        if self._find(name, but=but) is not None:
            raise NameTakenError(f"there is a voice {name!r} already: choose another name, or remove that one first")

    def _existing(self, name: str) -> Path:
        path = self._find(name)
        if path is not None:
            return path
        names = self.names()
        near = get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {len(names)} voices in {self.folder.name}"
        raise VoiceError(f"there is no voice {name[:MAX_NAME_CHARACTERS]!r}: {hint}")

    def _publish(self, voice: Voice, path: Path) -> None:
        """Write a file that must not exist yet, whole or not at all."""
        part = part_beside(path)
        try:
            voice.save(part)
        except OutputError as error:
            error.file = path  # nobody has heard of the other name
            raise
        with changing(path, "written"):
            try:
                os.link(part, path)
            except FileExistsError:
                raise NameTakenError(f"there is a voice {voice.name!r} already: choose another name") from None
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)


def checked_name(name: str) -> str:
    """A voice's name in its one spelling.

    Raises:
        OptionError: it cannot be the name of a file everywhere.
    """
    clean = _spelled(name)
    if not 0 < len(clean) <= MAX_NAME_CHARACTERS:
        raise OptionError(f"a voice's name has 1 to {MAX_NAME_CHARACTERS} characters; this one has {len(clean)}")
    if (size := len(clean.encode("utf-8", "replace"))) > MAX_FILE_NAME_BYTES:
        raise OptionError(
            f"a voice's name takes at most {MAX_FILE_NAME_BYTES} bytes in UTF-8, as it names a file; the {len(clean)} "
            f"characters of this one take {size}: shorten it"
        )
    if wrong := [letter for letter in clean if not (_is_letter(letter) or letter in " -_.")]:
        raise OptionError(f"a voice's name cannot contain {wrong[0]!r}: use letters, digits, spaces, - and _")
    if not names_a_file_everywhere(clean):
        raise OptionError(f"{clean!r} cannot be a voice's name: some systems keep such names for themselves")
    return clean


def _spelled(name: str) -> str:
    """A name with its letters composed, no spaces around it, and single ones inside."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _is_letter(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


def _is_voice_file(path: Path) -> bool:
    return path.suffix == SUFFIX and not path.name.startswith(".") and path.is_file()

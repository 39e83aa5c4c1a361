"""Everything that can be set about a server, validated once."""

import ipaddress
import math
import re
from dataclasses import dataclass
from pathlib import Path

from sparktts_onnx import Lexicon
from sparktts_onnx.errors import OptionError

SOCKET_MESSAGE_BYTES = 512 << 10
"""Longest message that a client may send over a WebSocket."""
_SOCKET_BYTES = 8 * SOCKET_MESSAGE_BYTES
"""What a WebSocket holds at most: a message as bytes, as text of four bytes a character, and what is kept of it."""
_WINDOW_BYTES = 48 << 20
"""What an answer that revoices a recording holds of it: 40 s in float64, copies of a window, what is heard in it."""
_PROMPT_SECOND_BYTES = 512 << 10
"""What an answer that enrolls holds for each second of the recording: its samples in float64, and copies of them."""
_HOST_NAME = re.compile(r"[^\s/:@?#\[\]]+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@?#]+")


@dataclass(frozen=True)
class ServerSettings:
    """Where a server listens, what it allows, and how patient it is."""

    voices_dir: Path
    """Folder of the kept voices; need not exist yet."""
    host: str = "127.0.0.1"
    """Address to listen on; any but this machine's own needs `api_key`."""
    port: int = 8000
    """0 takes a free one."""
    api_key: str | None = None
    """What clients have to send as a bearer token; None asks for none."""
    model_name: str = "spark-tts"
    """What the model is called in the interface."""
    default_voice: str = "alloy"
    """Who speaks where a request names nobody."""
    lexicon: Lexicon | None = None
    """Words and how each is spoken, for every request."""
    slots: int = 8
    """Answers made at the same time; the language model decodes them together."""
    queue_size: int = 64
    """Requests that may wait beyond those; more are refused with 429. Answers that are made and not read yet count too,
    where there are more than `slots` of them."""
    request_seconds: float = 600.0
    """Longest time from a request's arrival until its last sound is made."""
    stall_seconds: float = 60.0
    """A client that takes no byte for this long, or sends none of a body that it began, has left."""
    stop_seconds: float = 30.0
    """Time that running requests get to finish when the server is stopped."""
    max_body_bytes: int = 16 << 20
    max_text_characters: int = 20_000
    max_prompt_seconds: float = 60.0
    """Longest recording of a voice."""
    max_voices: int = 1_000
    """Voices that are kept at most."""
    max_buffer_bytes: int = 8 << 20
    """Sound of one answer that waits for a slow reader before the work waits too."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names of this server in the Host header; looked at only where no API key protects it."""
    allowed_origins: tuple[str, ...] = ()
    """Web sites whose pages may use the server, such as https://example.org."""

    def __post_init__(self) -> None:
        """Refuse what cannot work or is not safe; names of hosts and sites are kept as they are compared."""
        object.__setattr__(self, "host", self.host.lower())
        object.__setattr__(self, "allowed_hosts", tuple(_host_name(name) for name in self.allowed_hosts))
        object.__setattr__(self, "allowed_origins", tuple(self._origin(site) for site in self.allowed_origins))
        if not self.api_key and not self.loopback:
            raise OptionError(
                f"listening on {self.host} lets others in: set an API key (SPARK_TTS_API_KEY or --api-key-file), "
                "or listen on 127.0.0.1"
            )
        if self.api_key is not None and (len(self.api_key) < 8 or not self.api_key.isascii()):
            raise OptionError("the API key must have at least 8 characters, all of them ASCII")
        if not 0 <= self.port <= 65535:
            raise OptionError(f"port is {self.port}; expected 0 to 65535")
        if not self.model_name.strip():
            raise OptionError("model_name is empty; give what clients shall call the model")
        for name in ("slots", "max_body_bytes", "max_text_characters", "max_buffer_bytes"):
            _at_least(name, getattr(self, name), 1)
        for name in ("queue_size", "stop_seconds", "max_voices"):
            _at_least(name, getattr(self, name), 0)
        for name in ("request_seconds", "stall_seconds", "max_prompt_seconds"):
            _at_least(name, getattr(self, name), 0.1)

    def _origin(self, site: str) -> str:
        """A site as browsers name it; every site, `*`, only where a key keeps out whom nobody let in."""
        origin = site.lower().removesuffix("/")
        if not _ORIGIN.fullmatch(origin) and not (origin == "*" and self.api_key):
            every = ", or * for every site where an API key is set" if origin == "*" else ""
            raise OptionError(
                f"allowed_origins has {site!r}; expected a site such as https://app.example.org, without a path{every}"
            )
        return origin

    @property
    def memory_bytes(self) -> int:
        """Most that requests hold in memory besides the model: bodies, recordings, and sound that is not read yet.

        A request holds its body (bytearrays grow by an eighth) and two buffers of sound, one filling, one leaving;
        of bodies that are parsed, one at a time is there as text, four bytes a character, and in parts. A WebSocket
        holds a message. An answer in work holds windows of the recording that it revoices, or the one it enrolls.
        """
        each = self.max_body_bytes * 9 // 8 + 2 * self.max_buffer_bytes + _SOCKET_BYTES
        working = max(_WINDOW_BYTES, math.ceil(self.max_prompt_seconds * _PROMPT_SECOND_BYTES))
        return self.most_inside * each + 7 * self.max_body_bytes + self.slots * working

    @property
    def most_inside(self) -> int:
        """Requests whose bodies or sound may be in memory at once; and, besides, WebSockets that may be open."""
        return 2 * self.slots + self.queue_size

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _host_name(name: str) -> str:
    if not _HOST_NAME.fullmatch(name) and _address(name) is None:
        raise OptionError(f"allowed_hosts has {name!r}; expected a name such as mybox.local, without scheme or port")
    return name.lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _at_least(name: str, value: float, least: float) -> None:
    if not least <= value < math.inf:
        raise OptionError(f"{name} is {value}; expected at least {least:g}")

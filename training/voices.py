"""The voices that the training speech is made with: four to clone, ten to create, and their renditions.

A constant token can only drive harmonics of its own rate, 50 a second, so every pitch that the vocoder
learns is a multiple of 50 Hz. Recordings to clone from need not be: those are the natural renditions.
"""

from dataclasses import dataclass

from training.espeak import VoiceFile

RATES = (120, 145, 170, 205, 245)
"""Words a minute of the five speed levels, very_low to very_high."""
MODERATE = 2
"""The level that clones speak at."""
PITCHES = {"male": (50, 100, 150, 200, 250), "female": (100, 150, 200, 250, 300)}
"""Hz of the five pitch levels, very_low to very_high."""


@dataclass(frozen=True)
class Speaker:
    """A voice that the vocoder can produce."""

    name: str
    """Letters only."""
    gender: str
    """'female' or 'male'."""
    pitch: int
    """Hz, a multiple of 50."""
    formants: int
    """Formant frequencies in per cent of espeak-ng's own."""

    def file(self, name: str, *, factor: float = 1.0, spread: float = 0.0) -> VoiceFile:
        """An espeak-ng voice of this speaker with its pitch times `factor` and an intonation `spread` in Hz."""
        return VoiceFile(self.name + name, self.gender, self.pitch * factor, spread, self.formants, 100)


BASE = (
    Speaker("adam", "male", 100, 98),
    Speaker("bruno", "male", 150, 103),
    Speaker("clara", "female", 200, 108),
    Speaker("diana", "female", 250, 111),
)
"""The voices to clone, told apart by their recordings."""
CANONICAL = BASE[0]
"""The voice whose tokens the language model learns to write."""
_FORMANTS = {"male": 98, "female": 108}
_NATURAL = ((0.94, 12), (0.97, 30), (1.0, 20), (1.02, 40), (1.06, 15), (1.08, 30))


def created(gender: str, level: int) -> Speaker:
    """The speaker of a created voice: gender and pitch level 0 to 4."""
    pitch = PITCHES[gender][level]
    for speaker in BASE:
        if (speaker.gender, speaker.pitch, speaker.formants) == (gender, pitch, _FORMANTS[gender]):
            return speaker
    return Speaker(f"{gender}{'abcde'[level]}", gender, pitch, _FORMANTS[gender])


def speakers() -> list[Speaker]:
    """Every speaker once: the base voices, then those only created."""
    found = list(BASE)
    for gender in PITCHES:
        found += [s for level in range(5) if (s := created(gender, level)) not in found]
    return found


def natural_names(speaker: Speaker) -> list[str]:
    """The names of the speaker's renditions with intonation and a pitch of their own."""
    return [f"{speaker.name}natural{i}" for i in range(len(_NATURAL))]


def voice_files() -> list[VoiceFile]:
    """Every voice file of training: each speaker monotone, and with intonation."""
    files = []
    for speaker in speakers():
        files.append(speaker.file(""))
        files += [speaker.file(f"natural{i}", factor=f, spread=s) for i, (f, s) in enumerate(_NATURAL)]
    return files

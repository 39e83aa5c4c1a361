"""A recording in another voice is still understood, and sounds like that voice; both judges can fail."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from pocket import ClosedSet, evaluation_texts, plain

from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.runtime.voices import content

VOICES = Path(__file__).parents[2] / "pretrained_models" / "Spark-TTS-mini" / "voices"
SPEAKERS = (("en-us+m3", "clara"), ("en-us+f2", "adam"), ("en-gb+m1", "diana"), ("en-us+f4", "bruno"))
"""Who speaks in the recordings, as espeak-ng calls them, and who shall."""
TEXTS = evaluation_texts()
Wave = NDArray[np.float32]


@dataclass
class Revoiced:
    source: Voice
    target: Voice
    wav: Wave
    backwards: Wave


@pytest.fixture(scope="module")
def tts(bundle: Callable[[str], Path]) -> SparkTTSONNX:
    return SparkTTSONNX(bundle("int8"))


@pytest.fixture(scope="module")
def revoiced(tts: SparkTTSONNX, tmp_path_factory: pytest.TempPathFactory) -> list[Revoiced]:
    return [_revoiced(tts, tmp_path_factory.mktemp("recording"), index) for index in range(len(TEXTS))]


def _revoiced(tts: SparkTTSONNX, folder: Path, index: int) -> Revoiced:
    speaker, target = SPEAKERS[index % len(SPEAKERS)]
    path = folder / "in.wav"
    subprocess.run(["espeak-ng", "-v", speaker, "-s", "150", "-w", path, TEXTS[index]], check=True)
    voice = Voice.load(VOICES / f"{target}.json", tts.manifest.codec)
    wav, info = tts.revoice(path, voice)
    assert info.duration_seconds == pytest.approx(soundfile.info(path).duration, abs=0.03)
    spoken, rate = soundfile.read(path)
    soundfile.write(folder / "backwards.wav", spoken[::-1], rate)
    return Revoiced(tts.enroll([path]).voice, voice, wav, tts.revoice(folder / "backwards.wav", voice)[0])


def test_the_words_are_understood(revoiced: list[Revoiced]) -> None:
    judge = ClosedSet(TEXTS)
    heard = [judge.recognize(one.wav) == plain(text) for one, text in zip(revoiced, TEXTS, strict=True)]
    backwards = [judge.recognize(one.backwards) == plain(text) for one, text in zip(revoiced, TEXTS, strict=True)]
    assert sum(heard) >= 17 and sum(backwards) <= 2


def test_the_voice_is_nearer_to_the_target(tts: SparkTTSONNX, revoiced: list[Revoiced], tmp_path: Path) -> None:
    """Judged by the codec's own speaker encoder; a sound that kept its speaker is nearer to the source."""

    def nearer(wav: Wave, one: Revoiced) -> bool:
        soundfile.write(tmp_path / "out.wav", wav, tts.sample_rate)
        heard, target, source = (
            tts._engine.vocoder.d_vector(voice.global_ids)[0]
            for voice in (tts.enroll([tmp_path / "out.wav"]).voice, one.target, one.source)
        )
        return bool(_cosine(heard, target) > _cosine(heard, source))

    kept = [tts._engine.vocoder.decode(_ids(tts, one), one.source.global_ids) for one in revoiced]
    assert sum(nearer(one.wav, one) for one in revoiced) >= 18
    assert sum(nearer(wav, one) for wav, one in zip(kept, revoiced, strict=True)) <= 2


def test_a_long_pause_stays_quiet(
    tts: SparkTTSONNX, revoiced: list[Revoiced], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its noise is not spoken, though in a window of its own it would be taken for speech."""
    monkeypatch.setattr(content, "WINDOW", 250)
    rng = np.random.default_rng(0)
    speech = np.concatenate([one.wav for one in revoiced[:3]])
    recording = np.concatenate([speech, 1e-3 * rng.standard_normal(15 * tts.sample_rate), speech])
    soundfile.write(tmp_path / "paused.wav", recording, tts.sample_rate, subtype="FLOAT")

    def level_of_the_pause() -> float:
        wav, _ = tts.revoice(tmp_path / "paused.wav", revoiced[0].target)
        pause = wav[len(speech) + 5 * tts.sample_rate :][: 8 * tts.sample_rate]
        return float(np.sqrt((pause**2).mean()))

    assert level_of_the_pause() < 0.01
    monkeypatch.setattr(content, "QUIET", 0.0)
    assert level_of_the_pause() > 0.02


def _ids(tts: SparkTTSONNX, one: Revoiced) -> list[int]:
    return list(tts._enroller.semantic_ids(one.wav))


def _cosine(a: Wave, b: Wave) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

"""A folder of voices: names stay inside it, changes are whole, bad files are named and disturb nobody."""

import dataclasses
import errno
import os
import threading
import unicodedata
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.errors import OptionError, OutputError, VoiceError
from sparktts_onnx.runtime.voices.library import NameTakenError, VoiceLibrary, checked_name
from sparktts_onnx.runtime.voices.voice import Voice

CODEC = CodecLayout(
    fingerprint="f" * 64,
    sample_rate=16_000,
    hop_length=320,
    reference_samples=96_000,
    reference_hop=320,
    volume_normalize=True,
    feature_dim=8,
    condition_dim=8,
    semantic_codes=16,
    global_codes=16,
    global_tokens=4,
    prenet_context=1,
    decoder_context=1,
)
VOICE = Voice(codec=CODEC.fingerprint, global_ids=(1, 2, 3, 4), origin="a recording")


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    return VoiceLibrary(tmp_path / "voices", CODEC)


def files_of(library: VoiceLibrary) -> list[str]:
    return sorted(path.name for path in library.folder.iterdir())


def test_a_folder_that_is_not_there_is_an_empty_library(library: VoiceLibrary) -> None:
    assert library.entries() == ()
    with pytest.raises(VoiceError, match="no voice 'Anna'"):
        library.get("Anna")


def test_kept_voices_come_back_with_their_name_and_dated_consent(library: VoiceLibrary) -> None:
    kept = library.add(VOICE, "Anna", consent="I am Anna and agree.")
    assert library.get("anna") == kept
    assert kept.name == "Anna" and kept.global_ids == VOICE.global_ids
    assert kept.consent is not None and kept.consent.endswith("Z: I am Anna and agree.")
    assert library.names() == ("Anna",)
    assert files_of(library) == ["Anna.json"]


def test_a_name_is_given_once_whatever_its_case(library: VoiceLibrary) -> None:
    library.add(VOICE, "Anna")
    with pytest.raises(VoiceError, match="already"):
        library.add(VOICE, "ANNA")
    assert library.names() == ("Anna",)


def test_every_spelling_of_a_name_finds_its_voice(library: VoiceLibrary) -> None:
    assert library.add(VOICE, " Anna  Mé ").name == "Anna Mé"
    for name in (" Anna  Mé ", "anna mé", "Anna\tMe\u0301"):
        assert library.get(name).name == "Anna Mé"
        with pytest.raises(NameTakenError):
            library.add(VOICE, name)
    assert library.remove("anna  mé") == "Anna Mé"


def test_adding_never_replaces_what_another_process_wrote_meanwhile(
    library: VoiceLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(VOICE, "Anna")
    monkeypatch.setattr(library, "check_free", lambda name: None)
    with pytest.raises(VoiceError, match="already"):
        library.add(dataclasses.replace(VOICE, global_ids=(9, 9, 9, 9)), "Anna")
    assert library.get("Anna").global_ids == VOICE.global_ids
    assert files_of(library) == ["Anna.json"]


def test_a_file_system_without_hard_links_is_served_too(library: VoiceLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: object, target: object) -> None:
        raise OSError(errno.ENOTSUP, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    library.add(VOICE, "Anna")
    assert library.get("Anna").global_ids == VOICE.global_ids
    assert files_of(library) == ["Anna.json"]


def test_only_one_of_many_threads_gets_a_name(library: VoiceLibrary) -> None:
    outcomes: list[str] = []

    def keep() -> None:
        try:
            library.add(VOICE, "Anna")
            outcomes.append("kept")
        except VoiceError:
            outcomes.append("taken")

    threads = [threading.Thread(target=keep) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept"] + ["taken"] * 15


def test_renaming_keeps_everything_but_the_name(library: VoiceLibrary) -> None:
    kept = library.add(VOICE, "Anna", consent="yes, I agree")
    library.rename("Anna", "Berta")
    assert library.get("Berta") == kept.renamed("Berta")
    library.rename("berta", "BERTA")
    assert library.names() == ("BERTA",)
    assert library.get("berta").consent == kept.consent


def test_renaming_onto_another_voice_is_refused(library: VoiceLibrary) -> None:
    library.add(VOICE, "Anna")
    library.add(VOICE, "Berta")
    with pytest.raises(VoiceError, match="already"):
        library.rename("Anna", "berta")
    assert library.names() == ("Anna", "Berta")


def test_a_name_is_one_name_however_its_letters_are_composed(library: VoiceLibrary) -> None:
    decomposed = unicodedata.normalize("NFD", "André")
    VOICE.save(library.folder / f"{decomposed}.json")
    with pytest.raises(NameTakenError, match="already"):
        library.add(VOICE, "ANDRÉ")
    entry = library.entry("André")
    assert entry is not None and entry.name == decomposed
    library.rename("André", "André")
    assert library.names() == ("André",)


def test_renaming_overwrites_no_second_file_of_the_same_name(library: VoiceLibrary) -> None:
    stems = [unicodedata.normalize(form, "André") for form in ("NFC", "NFD")]
    for stem in stems:
        VOICE.save(library.folder / f"{stem}.json")
    if len(files_of(library)) == 1:
        pytest.skip("this file system takes both names for one")
    with pytest.raises(NameTakenError):
        library.rename("André", "André")
    assert sorted(library.names()) == sorted(stems)


def test_removed_voices_are_gone(library: VoiceLibrary) -> None:
    library.add(VOICE, "Anna")
    library.remove("Anna")
    assert library.names() == ()
    with pytest.raises(VoiceError, match="no voice 'Anna'"):
        library.remove("Anna")


def test_bad_files_are_named_and_do_not_disturb_the_others(library: VoiceLibrary) -> None:
    library.add(VOICE, "Anna")
    (library.folder / "Broken.json").write_text('{"format": ')
    dataclasses.replace(VOICE, codec="0" * 64).save(library.folder / "Foreign.json")
    (library.folder / "notes.txt").write_text("not a voice")
    found = {entry.name: entry for entry in library.entries()}
    assert found["Anna"].voice is not None and found["Anna"].problem is None
    assert found["Broken"].voice is None and "not a voice file" in str(found["Broken"].problem)
    assert found["Foreign"].voice is None and "another codec" in str(found["Foreign"].problem)
    assert set(found) == {"Anna", "Broken", "Foreign"}
    library.remove("Broken")
    assert "Broken" not in library.names()


def test_a_near_name_is_suggested(library: VoiceLibrary) -> None:
    library.add(VOICE, "Johanna")
    with pytest.raises(VoiceError, match="did you mean Johanna"):
        library.get("Johana")


def test_a_voice_of_another_codec_is_not_kept(library: VoiceLibrary) -> None:
    with pytest.raises(VoiceError, match="another codec"):
        library.add(dataclasses.replace(VOICE, codec="0" * 64), "Anna")
    assert library.names() == ()


def test_a_full_disk_leaves_the_library_as_it_was(library: VoiceLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    library.add(VOICE, "Anna")

    def full(path: Path, *args: object, **options: object) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    for name, change in (("Berta", partial(library.add, VOICE)), ("Clara", partial(library.rename, "Anna"))):
        with pytest.raises(OutputError, match=rf"{name}\.json: the voice cannot be written: No space left"):
            change(name)
    monkeypatch.undo()
    assert files_of(library) == ["Anna.json"]
    assert library.get("Anna").global_ids == VOICE.global_ids


OUTSIDE = ("..", ".", "../x", "a/b", "a\\b", ".hidden", "a\0b", "a:b")
BREAKING = ("", " ", "x.", "con", "NUL.old", "x" * 65, "\ud800", "é" * 65)


@pytest.mark.parametrize("name", OUTSIDE + BREAKING)
def test_names_that_could_leave_the_folder_or_break_it_are_refused(library: VoiceLibrary, name: str) -> None:
    with pytest.raises(OptionError):
        library.add(VOICE, name)
    assert not library.folder.exists()


def test_a_name_that_is_too_long_says_what_of_it() -> None:
    for name, said in (
        ("x" * 65, "1 to 64 characters; this one has 65"),
        ("", "1 to 64 characters; this one has 0"),
        ("𠀀" * 60, "at most 200 bytes in UTF-8, as it names a file; the 60 characters of this one take 240"),
    ):
        with pytest.raises(OptionError, match=said):
            checked_name(name)
    assert checked_name("𠀀" * 50) == "𠀀" * 50


@pytest.mark.parametrize("name", ["Anna", "小明", "Jean-Luc 2", "हिन्दी", "v1.2", "José"])
def test_people_of_the_world_can_name_their_voices(library: VoiceLibrary, name: str) -> None:
    library.add(VOICE, name)
    assert library.names() == (name,)


@given(st.text(max_size=80))
def test_an_accepted_name_is_one_plain_part_of_a_path(name: str) -> None:
    try:
        clean = checked_name(name)
    except OptionError:
        return
    path = Path("/voices") / f"{clean}.json"
    assert path.parent == Path("/voices") and path.stem == clean
    assert checked_name(clean) == clean
    assert len(path.name.encode()) <= 255


def test_looking_for_a_path_finds_nothing(library: VoiceLibrary, tmp_path: Path) -> None:
    VOICE.save(tmp_path / "outside.json")
    library.add(VOICE, "Anna")
    for name in ("../outside", str(tmp_path / "outside"), "..\\outside"):
        with pytest.raises(VoiceError, match="no voice"):
            library.get(name)
        with pytest.raises(VoiceError, match="no voice"):
            library.remove(name)
    assert (tmp_path / "outside.json").exists()

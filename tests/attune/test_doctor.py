"""The doctor: every trouble is a finding of its own, and nothing of the user's is changed."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attune import doctor
from attune.doctor import Check, Verdict, examine
from core import paths
from core.errors import AudioDeviceError, BackendMissingError, WeightsError
from models import assets
from models.emotion.personal import PersonalVoice, fit_personal, save_voice
from models.emotion.recogniser import load_recogniser
from realtime.capture import AudioDevice, SourceKind
from realtime.journal import Journal


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own and no devices; returns where the journal would be."""
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")
    monkeypatch.setattr(paths, "voice_file", lambda: tmp_path / "voice.json")
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "log" / "attune.log")
    monkeypatch.setenv("ATTUNE_JOURNAL_PATH", str(tmp_path / "data" / "journal.sqlite3"))
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setattr(doctor, "list_microphones", lambda **_: ())
    monkeypatch.setattr(doctor, "list_system_audio", lambda: ())
    return tmp_path / "data" / "journal.sqlite3"


def checks() -> dict[str, Check]:
    return {check.topic: check for check in examine()}


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Everything in a folder, with the time of its last change; but SQLite's shared memory."""
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith("-shm")
    }


def raising(error: Exception) -> Callable[..., object]:
    def refuse(*_: object, **__: object) -> object:
        raise error

    return refuse


def test_every_topic_comes_and_nothing_is_made(tmp_path: Path) -> None:
    found = checks()
    assert {
        "Python",
        "Settings",
        "Microphones",
        "System audio",
        "Emotion model",
        "Your voice",
        "Journal",
        "Disk",
        "Log",
    } <= set(found)
    assert found["Journal"].verdict is Verdict.GOOD
    assert "none yet" in found["Journal"].finding
    assert found["Log"] == Check("Log", Verdict.GOOD, str(tmp_path / "log" / "attune.log"))
    assert list(tmp_path.iterdir()) == []


def test_sound_journal_is_counted_and_left_as_it_is(journal: Path) -> None:
    Journal(journal, retention_days=0).close()
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute(
            "INSERT INTO sessions (started_at, source_kind, source_name, rate_hz, channels, model, settings, "
            "app_version) VALUES ('2001-01-01T00:00:00Z', 'mic', 'old', 48000, 1, 'm', '{}', '0')"
        )
        connection.commit()
    before = content(journal.parent)
    assert checks()["Journal"] == Check("Journal", Verdict.GOOD, f"1 session in {journal}")
    assert content(journal.parent) == before
    assert list(journal.parent.iterdir()) == [journal]


def test_journal_in_use_keeps_its_log(journal: Path) -> None:
    with Journal(journal, retention_days=0), closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE IF NOT EXISTS filler (x)")
        connection.commit()
        before = content(journal.parent)
        assert len(before) == 2
        assert checks()["Journal"].verdict is Verdict.GOOD
        assert content(journal.parent) == before


def test_log_left_by_a_crash_is_not_folded_in(journal: Path, tmp_path: Path) -> None:
    Journal(journal, retention_days=0).close()
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("CREATE TABLE filler (x)")
        connection.commit()
        shutil.copytree(journal.parent, tmp_path / "crashed")
    shutil.rmtree(journal.parent)
    (tmp_path / "crashed").rename(journal.parent)
    before = content(journal.parent)
    assert f"{journal.name}-wal" in before
    assert checks()["Journal"].verdict is Verdict.GOOD
    assert content(journal.parent) == before


@pytest.mark.parametrize("damage", ["text", "pages"])
def test_corrupt_journal_is_bad_and_stays_where_it_is(journal: Path, damage: str) -> None:
    Journal(journal, retention_days=0).close()
    if damage == "text":
        journal.write_text("I am a poem" * 1000)
    else:
        file = bytearray(journal.read_bytes())
        file[4096:] = b"\xa5" * (len(file) - 4096)
        journal.write_bytes(file)
    before = content(journal.parent)
    check = checks()["Journal"]
    assert check.verdict is Verdict.BAD
    assert check.finding.startswith(f"The journal {journal} is corrupt: restart Attune, which puts it aside")
    assert content(journal.parent) == before


def test_locked_journal_is_bad(journal: Path) -> None:
    Journal(journal, retention_days=0).close()
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        check = checks()["Journal"]
        assert check.verdict is Verdict.BAD
        assert check.finding == f"The journal {journal} is locked by another program: close that program."


def test_read_only_journal_is_bad(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(journal, retention_days=0).close()
    access = os.access
    # Permissions do not bind root, who runs the tests in CI.
    monkeypatch.setattr(os, "access", lambda path, mode: path != journal and access(path, mode))
    check = checks()["Journal"]
    assert check.verdict is Verdict.BAD
    assert (
        check.finding == f"The journal {journal} may not be written, it is read-only: change its permissions."
    )


def test_database_of_another_program_is_bad(journal: Path) -> None:
    journal.parent.mkdir()
    with closing(sqlite3.connect(journal)) as other:
        other.execute("CREATE TABLE recipes (cake)")
    before = content(journal.parent)
    check = checks()["Journal"]
    assert check.verdict is Verdict.BAD
    assert "is a database of another program: choose another journal_path" in check.finding
    assert content(journal.parent) == before


def test_journal_of_a_newer_attune_is_bad(journal: Path) -> None:
    Journal(journal, retention_days=0).close()
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA user_version = 99")
    check = checks()["Journal"]
    assert (check.verdict, "newer Attune" in check.finding) == (Verdict.BAD, True)


def test_empty_file_is_a_journal_to_be(journal: Path) -> None:
    journal.parent.mkdir()
    journal.touch()
    assert checks()["Journal"] == Check("Journal", Verdict.GOOD, f"0 sessions in {journal}")
    assert journal.stat().st_size == 0


def test_settings_under_a_file_are_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("no folder")
    for name in ("settings_file", "music_file"):
        monkeypatch.setattr(paths, name, lambda: tmp_path / "config" / "attune" / "a.toml")
    found = checks()
    for topic in ("Settings", "Music preferences"):
        assert found[topic].verdict is Verdict.BAD
        assert f"{tmp_path / 'config'} is no folder" in found[topic].finding


def test_journal_that_is_a_folder_or_under_a_file_is_bad(journal: Path) -> None:
    journal.mkdir(parents=True)
    check = checks()["Journal"]
    assert (check.verdict, "cannot be opened" in check.finding) == (Verdict.BAD, True)
    journal.rmdir()
    journal.parent.rmdir()
    journal.parent.touch()
    check = checks()["Journal"]
    assert (check.verdict, "may not be written" in check.finding) == (Verdict.BAD, True)


def test_microphones_and_system_audio_are_asked_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "list_microphones", raising(AudioDeviceError("The sound system is silent.")))
    loudspeaker = AudioDevice(SourceKind.SYSTEM, "Speakers", "PulseAudio", "soundcard", 48_000, 2, True)
    monkeypatch.setattr(doctor, "list_system_audio", lambda: (loudspeaker,))
    found = checks()
    assert found["Microphones"].verdict is Verdict.BAD
    assert found["Microphones"].finding == "The sound system is silent."
    assert found["System audio"] == Check("System audio", Verdict.GOOD, "Speakers")


def test_absent_extra_for_system_audio_is_optional_and_a_silent_server_is_bad(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "list_system_audio", raising(BackendMissingError("The extra is missing.")))
    assert checks()["System audio"] == Check("System audio", Verdict.OPTIONAL, "The extra is missing.")
    monkeypatch.setattr(doctor, "list_system_audio", raising(AudioDeviceError("The server is silent.")))
    assert checks()["System audio"] == Check("System audio", Verdict.BAD, "The server is silent.")


def test_missing_weights_are_one_bad_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = (assets.WEIGHTS_DIR / "manifest.toml").read_text(encoding="utf-8")
    (tmp_path / "manifest.toml").write_text(
        manifest.replace('file = "voice-activity.onnx"', 'file = "gone.onnx"'), encoding="utf-8"
    )
    monkeypatch.setattr(assets, "_MANIFEST", tmp_path / "manifest.toml")
    found = checks()
    assert found["Weights voice-activity"].verdict is Verdict.BAD
    assert "gone.onnx is missing: restore it" in found["Weights voice-activity"].finding
    assert found["Weights emotion-compact"].verdict is Verdict.GOOD
    assert found["Disk"].verdict is Verdict.GOOD


def test_unreadable_list_of_weights_is_one_bad_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_MANIFEST", tmp_path / "gone.toml")
    found = checks()
    assert found["Weights"].verdict is Verdict.BAD
    assert "gone.toml cannot be read" in found["Weights"].finding
    assert "Disk" in found


def test_failing_check_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(doctor, "load_recogniser", raising(WeightsError("The weights are gone.")))
    monkeypatch.setattr(shutil, "disk_usage", raising(OSError(5, "Input/output error")))
    with caplog.at_level(logging.ERROR):
        found = checks()
    assert found["Emotion model"] == Check("Emotion model", Verdict.BAD, "The weights are gone.")
    assert found["Disk"].verdict is Verdict.BAD
    assert "Input/output error" in found["Disk"].finding
    assert "Extra train" in found


def recorded(**changes: object) -> PersonalVoice:
    """A voice that was fitted to the shipped model, but for the changes."""
    info = load_recogniser(threads=1).info
    rng = np.random.default_rng(0)
    labels = [0, 0, 0, 3, 3, 3]
    voice = fit_personal(rng.normal(size=(6, 8)), rng.normal(size=(6, 4)), labels, model=info)
    return replace(voice, made_at="2001-02-03T04:05:06+00:00", **changes)  # type: ignore[arg-type]


def test_without_a_voice_the_way_to_one_is_named() -> None:
    check = checks()["Your voice"]
    assert (check.verdict, check.finding) == (Verdict.OPTIONAL, "none kept")
    assert "attune calibrate" in check.remedy


@pytest.mark.parametrize(("enabled", "use"), [(True, "in use"), (False, "switched off")])
def test_kept_voice_is_told_by_its_model_and_date(enabled: bool, use: str, tmp_path: Path) -> None:
    voice = recorded(enabled=enabled)
    save_voice(voice, tmp_path / "voice.json")
    before = content(tmp_path)
    assert checks()["Your voice"] == Check(
        "Your voice",
        Verdict.GOOD,
        f"{use}, from 2001-02-03T04:05:06+00:00, for {voice.model}: {tmp_path / 'voice.json'}",
    )
    assert content(tmp_path) == before


def test_voice_of_another_model_is_bad(tmp_path: Path) -> None:
    save_voice(recorded(model="older 1.0", model_sha256="0"), tmp_path / "voice.json")
    check = checks()["Your voice"]
    assert check.verdict is Verdict.BAD
    assert "recorded for the model older 1.0" in check.finding
    assert "record it again" in check.finding


@pytest.mark.parametrize("damage", [b"", b"I am a poem", b"\xff\xfe", b"[]", b'{"format": 1}'])
def test_damaged_voice_is_bad_and_stays_where_it_is(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "voice.json").write_bytes(damage)
    check = checks()["Your voice"]
    assert check.verdict is Verdict.BAD
    assert f"The file of your voice, {tmp_path / 'voice.json'}," in check.finding
    assert "delete it and record again" in check.finding
    assert (tmp_path / "voice.json").read_bytes() == damage


def test_voice_is_not_blamed_for_a_model_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_voice(recorded(), tmp_path / "voice.json")
    monkeypatch.setattr(doctor, "load_recogniser", raising(WeightsError("The weights are gone.")))
    found = checks()
    assert found["Emotion model"].verdict is Verdict.BAD
    assert found["Your voice"].verdict is Verdict.OPTIONAL
    assert str(tmp_path / "voice.json") in found["Your voice"].finding


def test_full_disk_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_LOW_DISK_BYTES", 10**18)
    assert checks()["Disk"].verdict is Verdict.BAD


def test_journal_that_is_switched_off_is_not_looked_at(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.parent.mkdir()
    journal.write_text("I am a poem")
    monkeypatch.setenv("ATTUNE_JOURNAL", "false")
    assert checks()["Journal"].verdict is Verdict.OPTIONAL


def test_weights_that_can_be_fetched_are_optional_and_looked_at_once_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    said = checks()
    for name, need in (("yamnet", "nothing needs them"), ("whisper", "training alone needs them")):
        found = said[f"Weights {name}"]
        assert (found.verdict, found.finding) == (Verdict.OPTIONAL, "not fetched")
        assert found.remedy == f"`attune models fetch {name}` brings them; {need}."
    record = paths.weights_dir() / "yamnet.toml"
    record.parent.mkdir(parents=True)
    record.write_text(
        '[yamnet]\nfile = "yamnet.onnx"\nsize_bytes = 3\nsha256 = "x"\nlicence = "MIT"\nsource = "s"\n'
    )
    found = checks()["Weights yamnet"]
    assert found.verdict is Verdict.BAD
    assert found.finding.endswith("yamnet.onnx is missing: run `attune models fetch yamnet --force`.")
    teacher = assets.PINNED_FILES["whisper"].path
    teacher.parent.mkdir(parents=True)
    teacher.write_bytes(b"short")
    found = checks()["Weights whisper"]
    assert found.verdict is Verdict.BAD
    assert "has 5 bytes instead of 145217532: run `attune models fetch whisper --force`." in found.finding
    sha256 = hashlib.sha256(b"short").hexdigest()
    pinned = replace(assets.PINNED_FILES["whisper"], size_bytes=5, sha256=sha256)
    monkeypatch.setitem(assets.PINNED_FILES, "whisper", pinned)
    found = checks()["Weights whisper"]
    assert (found.verdict, found.finding) == (Verdict.GOOD, "intact, 5 bytes, MIT, for training alone")

"""Moods in files: written where they can be, and the sound is never touched."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from mutagen import flac, id3, mp3
from tones import av_encoded, encoded, read_all, sine

from core.errors import TagsError
from models.mood import file_tags
from models.mood.file_tags import write_moods

MOODS = ["film", "dark", "épique"]


def song(folder: Path, kind: str) -> Path:
    path = folder / f"song.{kind}"
    sound = sine(rate_hz=48_000, duration_s=2.0, channels=2)
    if kind == "m4a":
        return av_encoded(sound, 48_000, path, "aac")
    subtype = {"ogg": "VORBIS", "opus": "OPUS"}.get(kind)
    name = {"ogg": "OGG", "opus": "OGG"}.get(kind, kind.upper())
    path.write_bytes(encoded(sound, 48_000, format=name, subtype=subtype))
    return path


def moods_in(path: Path) -> list[str]:
    tags: Any = mutagen.File(path).tags
    if isinstance(tags, id3.ID3):
        return [str(text) for frame in tags.getall("TMOO") + tags.getall("TXXX:MOOD") for text in frame.text]
    if "----:com.apple.iTunes:MOOD" in tags:
        return [bytes(value).decode() for value in tags["----:com.apple.iTunes:MOOD"]]
    return list(tags["MOOD"])


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "opus", "m4a"])
def test_moods_are_in_the_file_and_its_sound_is_the_same(tmp_path: Path, kind: str) -> None:
    path = song(tmp_path, kind)
    before = read_all(path)
    path.chmod(0o640)
    assert write_moods(path, ["calm"]) == []
    assert write_moods(path, MOODS) == ["calm"]
    assert moods_in(path) == MOODS
    np.testing.assert_array_equal(read_all(path), before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_bytes_of_the_sound_are_the_same(tmp_path: Path) -> None:
    path = song(tmp_path, "mp3")
    before = path.read_bytes()
    write_moods(path, MOODS)
    assert path.read_bytes().endswith(before)


def test_other_tags_and_the_cover_stay(tmp_path: Path) -> None:
    path = song(tmp_path, "mp3")
    file = mp3.MP3(path)
    file.add_tags()
    file.tags.add(id3.TIT2(encoding=3, text=["Night"]))
    file.tags.add(id3.COMM(encoding=3, lang="eng", desc="", text=["mine"]))
    file.tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=b"picture"))
    file.save()
    write_moods(path, MOODS)
    tags = mp3.MP3(path).tags
    assert (str(tags["TIT2"]), str(tags["COMM::eng"]), tags["APIC:"].data) == ("Night", "mine", b"picture")
    assert tags.version == (2, 4, 0)
    path = song(tmp_path, "flac")
    file = flac.FLAC(path)
    file["TITLE"] = "Night"
    file.save()
    write_moods(path, MOODS)
    assert flac.FLAC(path)["TITLE"] == ["Night"]


def test_id3_stays_in_its_version(tmp_path: Path) -> None:
    path = song(tmp_path, "mp3")
    file = mp3.MP3(path)
    file.add_tags()
    file.tags.add(id3.TIT2(encoding=1, text=["Night"]))
    file.save(v2_version=3)
    write_moods(path, MOODS)
    tags = mp3.MP3(path).tags
    assert tags.version == (2, 3, 0)
    assert str(tags["TIT2"]) == "Night"
    assert "".join(moods_in(path)).replace("/", "") == "".join(MOODS)


def test_a_link_stays_one(tmp_path: Path) -> None:
    path = song(tmp_path, "flac")
    link = tmp_path / "link.flac"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("no links here")
    write_moods(link, MOODS)
    assert link.is_symlink()
    assert moods_in(path) == MOODS


def refused(path: Path, words: str) -> None:
    """One sentence, and nothing has changed."""
    before, names = path.read_bytes(), sorted(path.parent.iterdir())
    with pytest.raises(TagsError) as caught:
        write_moods(path, MOODS)
    assert words in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == names


def test_formats_without_moods_are_refused(tmp_path: Path) -> None:
    refused(song(tmp_path, "wav"), "song.wav cannot hold moods: only MP3, FLAC")


def test_tags_that_are_broken_are_refused(tmp_path: Path) -> None:
    path = song(tmp_path, "flac")
    path.write_bytes(path.read_bytes()[:30])
    refused(path, "song.flac cannot be read or written")


def test_a_file_that_would_sound_different_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = song(tmp_path, "flac"), encoded(np.zeros((9_600, 2)), 48_000, format="FLAC")

    def damage(copy: Path, *_: object) -> None:
        copy.write_bytes(other)

    monkeypatch.setattr(file_tags, "_write", damage)
    refused(path, "would sound different")
    monkeypatch.setattr(file_tags, "_write", lambda copy, *_: copy.write_bytes(b"nothing"))
    refused(path, "would sound different")


def test_a_full_disk_and_a_closed_folder_leave_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song(tmp_path, "flac")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_tags.shutil, "copy2", full)
    refused(path, "(No space left on device), which is as it was")
    monkeypatch.setattr(file_tags.tempfile, "mkstemp", full)
    refused(path, "Nothing can be written beside")
    monkeypatch.setattr(file_tags.os, "access", lambda *_: False)
    refused(path, "may not be changed")


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = song(tmp_path, "flac")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    refused(path, "pip install -e '.[tags]'")

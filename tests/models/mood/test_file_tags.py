"""Moods in files: written where they can be, and the sound is never touched."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from mutagen import flac, id3, mp3

from core.errors import TagsError
from models.mood import file_tags
from models.mood.file_tags import TagField, write_moods, write_tags
from tests.models.tones import av_encoded, encoded, read_all, sine

MOODS = ["film", "dark", "épique"]


def song(folder: Path, kind: str, *, noise: float = 0.0) -> Path:
    path = folder / f"song.{kind}"
    sound = sine(rate_hz=48_000, duration_s=2.0, channels=2)
    sound += noise * np.random.default_rng(0).uniform(-1, 1, sound.shape).astype(np.float32)
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


@pytest.mark.parametrize("kind", ["ogg", "opus", "flac", "mp3"])
def test_chains_and_broken_files_keep_all_that_can_be_heard(tmp_path: Path, kind: str) -> None:
    path = song(tmp_path, kind, noise=0.3)
    whole = path.read_bytes()
    for data in (whole * 3, whole[: len(whole) * 2 // 3], whole[:-900] + bytes(99) + whole[-800:]):
        path.write_bytes(data)
        before = read_all(path)
        write_moods(path, MOODS)
        assert moods_in(path) == MOODS
        np.testing.assert_array_equal(read_all(path), before)


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
    refused(song(tmp_path, "wav"), "song.wav cannot hold tags: only MP3, FLAC")


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
    refused(path, "because the disk is full: free some space and try again")

    def forbidden(*_: object, **__: object) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(file_tags.os, "open", forbidden)
    refused(path, "(Permission denied): change the folder's permissions")
    monkeypatch.setattr(file_tags.os, "access", lambda *_: False)
    refused(path, "may not be changed")


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = song(tmp_path, "flac")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    refused(path, "pip install -e '.[tags]'")


ALL = {
    TagField.BPM: ["120"],
    TagField.KEY: ["C#m"],
    TagField.MOOD: ["film", "dark"],
    TagField.GENRE: ["rock", "pop"],
}


def held(path: Path) -> dict[str, list[str]]:
    """What other programs read, by easy names."""
    tags: Any = mutagen.File(path).tags
    if isinstance(tags, id3.ID3):
        return {name: [str(text) for text in tags[name].text] for name in ("TBPM", "TKEY", "TCON")}
    if "tmpo" in tags:
        key = bytes(tags["----:com.apple.iTunes:initialkey"][0]).decode()
        return {"TBPM": [str(tags["tmpo"][0])], "TKEY": [key], "TCON": list(tags["\xa9gen"])}
    names = {"TBPM": "bpm", "TKEY": "initialkey", "TCON": "genre"}
    return {name: list(tags[field]) for name, field in names.items()}


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "opus", "m4a"])
def test_tempo_key_and_genre_are_where_other_programs_look(tmp_path: Path, kind: str) -> None:
    path = song(tmp_path, kind)
    before = read_all(path)
    assert write_tags(path, ALL, overwrite=False) == {}
    assert held(path) == {"TBPM": ["120"], "TKEY": ["C#m"], "TCON": ["rock", "pop"]}
    assert moods_in(path) == ["film", "dark"]
    np.testing.assert_array_equal(read_all(path), before)


@pytest.mark.parametrize("kind", ["mp3", "flac", "m4a"])
def test_what_the_user_has_written_is_kept_unless_it_is_to_be_replaced(tmp_path: Path, kind: str) -> None:
    path = song(tmp_path, kind)
    own = {TagField.BPM: ["97"], TagField.GENRE: ["Polka"]}
    write_tags(path, own, overwrite=True)
    assert write_tags(path, ALL, overwrite=False) == own
    assert held(path) == {"TBPM": ["97"], "TKEY": ["C#m"], "TCON": ["Polka"]}
    whole = path.read_bytes()
    assert set(write_tags(path, ALL, overwrite=False)) == set(ALL)
    assert path.read_bytes() == whole, "there was nothing to write"
    assert write_tags(path, ALL, overwrite=True)[TagField.BPM] == ["97"]
    assert held(path) == {"TBPM": ["120"], "TKEY": ["C#m"], "TCON": ["rock", "pop"]}


def test_the_older_tags_of_an_mp3_stay_the_older(tmp_path: Path) -> None:
    path = song(tmp_path, "mp3")
    tags = id3.ID3()
    tags.add(id3.TIT2(encoding=1, text=["Blue Sea"]))
    tags.save(path, v2_version=3)
    write_tags(path, ALL, overwrite=False)
    found = mp3.MP3(path).tags
    assert found.version[:2] == (2, 3)
    assert str(found["TKEY"]) == "C#m"
    assert found["TIT2"].text == ["Blue Sea"]
    assert moods_in(path) == ["film/dark"], "so this version writes several"

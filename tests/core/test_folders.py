"""Folders are looked through by one rule: links once and last, nothing hidden, what is left out said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import AnalysisCancelledError
from core.folders import Obstacle, find_files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def names(folder: Path, **options: int) -> list[str]:
    return [str(path.relative_to(folder)) for path in find_files(folder, (".wav",), **options).files]


def test_files_of_the_suffixes_by_name_and_those_of_a_folder_first(tmp_path: Path) -> None:
    put(*(tmp_path / name for name in ("b/c.wav", "b/a/z.WAV", "a.wav", "B.wav", "notes.txt", "wav")))
    put(*(tmp_path / name for name in (".hidden/x.wav", "._a.wav", "b/.x.wav")))
    (tmp_path / "folder.wav").mkdir()
    assert names(tmp_path) == ["B.wav", "a.wav", "b/c.wav", "b/a/z.WAV"]
    assert find_files(tmp_path / ".hidden", (".wav",)).files, "what is named itself may be hidden"


def test_linked_folders_and_files_are_taken_once_and_under_their_own_names(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    put(music / "z" / "a.wav", elsewhere / "album" / "b.wav", elsewhere / "c.wav")
    (music / "A link to z").symlink_to("z")
    (music / "album").symlink_to(elsewhere / "album")
    (music / "album again").symlink_to(elsewhere / "album")
    (music / "c.wav").symlink_to(elsewhere / "c.wav")
    (music / "a again.wav").symlink_to("z/a.wav")
    os.link(music / "z" / "a.wav", music / "z" / "hard.wav")
    found = find_files(music, (".wav",))
    assert [str(path.relative_to(music)) for path in found.files] == ["c.wav", "album/b.wav", "z/a.wav"]
    assert found.notices == ()


def test_loops_end(tmp_path: Path) -> None:
    put(tmp_path / "a" / "x.wav")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to("self")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    found = find_files(tmp_path, (".wav",))
    assert names(tmp_path) == ["a/x.wav"]
    assert set(found.left_out) == {tmp_path / "a" / "self", tmp_path / "one", tmp_path / "two"}
    assert found.notices == (
        f"3 links lead nowhere, so they were left out: connect the disks they lead to, or remove them; "
        f"{tmp_path / 'one'} is one of them.",
    )


def test_dead_links_to_files_and_folders_are_said(tmp_path: Path) -> None:
    put(tmp_path / "a.wav")
    (tmp_path / "album").symlink_to(tmp_path / "unplugged disk")
    found = find_files(tmp_path, (".wav",))
    assert found.left_out == {tmp_path / "album": Obstacle.DEAD_LINK}
    assert found.notices[0].startswith(f"The link {tmp_path / 'album'} leads nowhere, so it was left out")


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("mode", [0, 0o600])
def test_folders_that_may_not_be_read_are_said(tmp_path: Path, mode: int) -> None:
    put(tmp_path / "a.wav", tmp_path / "locked" / "b.wav")
    (tmp_path / "locked").chmod(mode)
    try:
        found = find_files(tmp_path, (".wav",))
    finally:
        (tmp_path / "locked").chmod(0o700)
    assert found.left_out == {tmp_path / "locked": Obstacle.UNREADABLE}


def test_too_deep_and_too_many_are_said(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tmp_path / "b.wav", Path(tmp_path, *"x" * 60, "c.wav"))
    found = find_files(tmp_path, (".wav",))
    assert names(tmp_path) == ["a.wav", "b.wav"]
    assert list(found.left_out.values()) == [Obstacle.TOO_DEEP]
    assert names(tmp_path, most=1) == ["a.wav"]
    assert find_files(tmp_path, (".wav",), most=1).left_out == {tmp_path: Obstacle.TOO_MANY}
    assert names(tmp_path / "x", most=1) == []


def test_a_folder_that_is_none_and_a_search_that_is_stopped(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tmp_path / "b" / "c.wav")
    for nothing in ("gone", "a.wav"):
        with pytest.raises(OSError, match=nothing):
            find_files(tmp_path / nothing, (".wav",))
    with pytest.raises(AnalysisCancelledError):
        find_files(tmp_path, (".wav",), cancelled=lambda: True)

"""Files are written whole or not at all, and a full disk is one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from core.errors import VoiceError
from core.files import named_after, replace_atomically, staged, write_atomic


def break_off(path: Path) -> None:
    with replace_atomically(path) as part:
        part.write_text("half of the n")
        raise RuntimeError


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        break_off(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file.txt"
    write_atomic(path, "old", what="It")
    write_atomic(path, b"new", what="It")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
def test_a_private_file_is_its_owners_from_the_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "secret.json"
    with replace_atomically(path, private=True) as part:
        assert part.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_is_one_sentence_of_the_callers_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VoiceError, match=r"^Your voice cannot be written because the disk is full: free"):
        write_atomic(tmp_path / "voice.json", "{}", what="Your voice", error_type=VoiceError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["n" * 252, "n" * 200 + "." + "s" * 54, "\N{SNOWMAN}" * 85, "n" * 251 + ".csv"]
)
def test_any_legal_name_can_be_written_and_put_aside(tmp_path: Path, name: str) -> None:
    write_atomic(tmp_path / name, "old", what="It")
    write_atomic(tmp_path / name, "new", what="It")
    aside = named_after(tmp_path / name, ".bak")
    (tmp_path / name).rename(aside)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["new"]
    assert aside.name.endswith(".bak")
    with staged(tmp_path / "folder", what="It") as making:
        (making / name).mkdir()
    with staged(tmp_path / "folder", what="It") as making:
        (making / name).mkdir()
        (making / name / "inside").touch()
    assert [len(files) for _, _, files in os.walk(tmp_path / "folder")] == [0, 1]


@pytest.mark.skipif(os.name != "posix", reason="links and devices of POSIX")
def test_a_link_is_written_through_and_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "file")
    write_atomic(link, "new", what="It")
    assert (link.is_symlink(), (tmp_path / "there" / "file").read_text()) == (True, "new")
    (tmp_path / "device").symlink_to(os.devnull)
    for place, says in ((tmp_path / "there", "it is a folder"), (tmp_path / "device", "it is not a file")):
        with pytest.raises(VoiceError, match=rf"^It cannot be written \({says}\)"):
            write_atomic(place, "new", what="It", error_type=VoiceError)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["device", "link", "there"]


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
def test_a_file_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o600)
    write_atomic(path, "new", what="It")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_suffix_is_kept_because_some_writers_go_by_it(tmp_path: Path) -> None:
    with replace_atomically(tmp_path / "arrays.npz") as part:
        assert part.suffix == ".npz"

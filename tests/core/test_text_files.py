"""Files that people edit: what is wrong with one is named, whatever stands in its place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.text_files import parse_toml, read_text_file


def read(path: Path) -> str | None:
    return read_text_file(path, what="The file", error_type=SettingsError)


def test_a_mark_of_utf_8_is_left_out_and_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert read(tmp_path / "marked") == "a = 1\r\n"
    assert read(tmp_path / "none") is None
    (tmp_path / "link").symlink_to(tmp_path / "none")
    assert read(tmp_path / "link") is None
    assert read(tmp_path / "marked" / "below a file") is None


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "The file is a folder: rename or remove it."),
        (lambda path: path.symlink_to("/dev/zero"), "The file is not a file: rename or remove it."),
        (lambda path: path.symlink_to(path), "(Too many levels of symbolic links): rename or remove it."),
        (lambda path: path.write_bytes(b"#" * 1_000_001), "larger than 1,000,000 bytes"),
        (lambda path: path.write_bytes(b"a = 1\nb = '\xe9'"), "not UTF-8 text (line 2): save it as UTF-8."),
        (lambda path: path.write_bytes("a = 1".encode("utf-16")), "is UTF-16 text"),
        (lambda path: path.write_bytes(b"\xfe\xff\x00a"), "is UTF-16 text"),
        (lambda path: path.write_bytes("a = 1".encode("utf-16-le")), "is UTF-16 text"),
        (lambda path: path.write_bytes("a = 1".encode("utf-16-be")), "is UTF-16 text"),
        *([(os.mkfifo, "The file is not a file")] if hasattr(os, "mkfifo") else []),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    make(tmp_path / "file")
    with pytest.raises(SettingsError) as caught:
        read(tmp_path / "file")
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["= 1", "a = " + "[" * 100_000, "a = " + "9" * 5_000, "a\0 = 1"])
def test_what_is_not_toml_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^The file is not TOML \([^\n]*\): correct it\.$"):
        parse_toml(text, what="The file", error_type=SettingsError)

"""The manifest: what is written is read back, and every flaw is one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import files
from core.errors import DataError
from training.data.manifest import COLUMNS, ManifestRow, clip_name, is_label, read_manifest, write_manifest

ROW = ManifestRow("a/b.wav", "crema_d", "1001", "happy")
CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "manifest.csv"
    rows = (
        ManifestRow(
            "ä, b.wav", "emodb", "03", "other:boredom", "male", "high", 'Er sagt: "ja, doch"', "de", "train"
        ),
        ManifestRow("c.wav", "own", "ö", "sad", licence="CC0", dup_of="ä, b.wav", more=(("mood", "grey"),)),
    )
    write_manifest(path, rows)
    assert path.read_text(encoding="utf-8").splitlines()[0] == ",".join(
        (*COLUMNS, "licence", "dup_of", "mood")
    )
    first, second = read_manifest(path)
    assert (first.text, first.more) == (rows[0].text, (("mood", ""),))
    assert second == rows[1]


@given(text=CELL, speaker=CELL.map(str.strip).filter(bool))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str, speaker: str) -> None:
    path = tmp_path_factory.mktemp("text") / "manifest.csv"
    row = ManifestRow("a.wav", "own", speaker, "calm", text=text.strip())
    write_manifest(path, [row])
    assert read_manifest(path) == (row,)


def test_four_columns_are_enough_and_a_byte_order_mark_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("speaker,emotion,path,corpus\n1001,happy,a/b.wav,crema_d\n", encoding="utf-8-sig")
    assert read_manifest(path) == (ROW,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("path,corpus,speaker,emotion\n", "is empty"),
        ("path,corpus\na,b\n", "no column speaker, emotion"),
        ("path,corpus,speaker,emotion\na,b,c,grumpy\n", "clip a .* unknown label 'grumpy'"),
        ("path,corpus,speaker,emotion\na,b,c,other:\n", "unknown label 'other:'"),
        ("path,corpus,speaker,emotion\na,b,,sad\n", "Line 2 .* no speaker"),
        ("path,corpus,speaker,emotion\na,b,c\n", "Line 2 .* not 4 fields"),
        ("path,corpus,speaker,emotion\na,b,c,sad,more\n", "Line 2 .* not 4 fields"),
        ("path,corpus,speaker,emotion\na,b,c,sad\na,b,c,sad\n", "clip a .* more than once"),
        (b"path,corpus,speaker,emotion\n\xff,b,c,sad\n", "no CSV in UTF-8"),
        ('path,corpus,speaker,emotion\na,b,c,"sad\n', "no CSV in UTF-8"),
    ],
)
def test_flawed_manifest_is_refused_with_one_sentence(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=words) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)


def test_missing_manifest_and_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_manifest(path)


def test_labels_are_ours_or_other() -> None:
    assert is_label("surprised")
    assert is_label("other:throat-clearing")
    assert not any(map(is_label, ("Happy", "boredom", "other:", "other:Über uns", "")))


def test_unknown_label_is_never_written_and_the_old_manifest_stays(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    write_manifest(path, [ROW])
    with pytest.raises(DataError, match="'grumpy'"):
        write_manifest(path, [ManifestRow("a", "b", "c", "grumpy")])
    with pytest.raises(DataError, match="would be empty"):
        write_manifest(path, [])
    assert read_manifest(path) == (ROW,)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_full_disk_is_one_sentence() -> None:
    with (
        pytest.raises(DataError, match="The list cannot be written because the disk is full: free"),
        files.writing("The list"),
        Path("/dev/full").open("w") as handle,
    ):
        handle.write("text")


def test_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file.manifest.csv cannot be written"):
        write_manifest(tmp_path / "file" / "manifest.csv", [ROW])
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - names


def test_clip_names_are_those_of_fold_files() -> None:
    assert clip_name("AudioWAV/1001_DFA_ANG_XX.wav") == "1001_DFA_ANG_XX"
    assert clip_name("emodb.tar!/emodb/03/03a01Fa.ogg") == "03a01Fa"
    assert clip_name("ravdess_speech/Actor_01/03-01-01-01-01-01-01") == "03-01-01-01-01-01-01"

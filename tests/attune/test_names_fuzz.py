"""Files of any name go through scan, library, player and terminal: opened as they are, shown as text."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import paths
from core.text import printable_lines
from models.audio import open_stream
from playback.library.scan import TrackMood
from playback.library.tracks import read_library
from playback.local_player.library_view import LibraryView
from playback.local_player.play_queue import PlayQueue
from playback.mapping.styles import Style
from realtime.capture.source import SourceInfo, SourceKind
from realtime.journal.journal import Journal
from tests.playback.own_music import index, moods_of
from tests.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="their names are text")

_FORBIDDEN = bytes.maketrans(b"/\0.", b"___")
NAMES = st.one_of(
    st.binary(min_size=1, max_size=251),
    st.text(
        st.sampled_from("e\u0301\xe9\x1b[2J\n\r\t\x9b\u202e\u2066\u200d\\'\"%?#[]{}:;,= -~"), min_size=1
    ).map(str.encode),
).map(lambda name: name.translate(_FORBIDDEN)[:251])


def tone() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.2 * np.sin(np.arange(1600) / 4.0), 8_000, format="WAV")
    return file.getvalue()


TONE = tone()


def score(path: Path) -> TrackMood:
    with open_stream(path, max_minutes=1.0):
        return TrackMood(moods_of(Style.CHILL), 0.2, 0.1, 0.2)


def check(terminal: Terminal, names: list[bytes]) -> None:
    """Index two folders of files, of which the last is no sound, and look at them in every way."""
    with tempfile.TemporaryDirectory() as place:
        music = os.fsencode(place) + b"/music \xe9"
        for folder in (Path(os.fsdecode(music)), Path(os.fsdecode(music + b"/" + names[0]))):
            folder.mkdir()
            for name in names:
                (folder / os.fsdecode(name + b".wav")).write_bytes(b"x" if name is names[-1] else TONE)
        before = sorted(path for path, _, _ in os.walk(music))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(paths, "data_dir", lambda: Path(os.fsdecode(music + b"/.data")))
            database = paths.library_file()
            done = index(Path(os.fsdecode(music)), database, score=score)
            assert (done.files, done.unreadable) == (2 * len(names), 2)
            library = read_library(database)
            for row in library.rows:
                assert row.path.is_file()
                json.dumps([row.title, row.artist, row.problem], ensure_ascii=False).encode()
            view = LibraryView(database)
            view.read()
            in_folders = [one for one in view.lists.playlists if ":folder:" in one]
            assert len({one.encode() for one in in_folders}) == len(in_folders)
            queue = PlayQueue(lambda _round: library.playable)
            assert queue.row(0) == (library.playable[0] if library.playable else None)
            with Journal(paths.data_dir() / "journal.sqlite3", retention_days=0) as journal:
                source = SourceInfo(SourceKind.FILE, os.fsdecode(names[0]), 8_000, 1)
                session = journal.begin_session(source, model="m", settings={"path": library.rows[0].path})
                journal.record_event(session, 0, "gap", os.fsdecode(names[-1]))
                assert journal.flush(20.0)
                assert journal.events(session)[0].detail.encode()
                assert journal.sessions()[0].source_name.encode()
                csv_file = paths.data_dir() / os.fsdecode(names[0] + b".csv")
                assert journal.export_csv(csv_file) == 1
                assert len(list(csv.reader(io.StringIO(csv_file.read_text("utf-8"), newline="")))) == 2
            for command in ("show", "show --json", "show --csv"):
                code, out, err = terminal(*command.split())
                assert code == 0, err
                assert printable_lines(out + err) == out + err
                (out + err).encode()
        assert sorted(path for path, _, _ in os.walk(music) if b"/.data" not in path) == before


LISTS = st.lists(NAMES, min_size=1, max_size=3, unique=True)
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "library")


@settings(derandomize=True, max_examples=50, deadline=None, suppress_health_check=CHECKS)
@given(LISTS)
def test_files_of_any_name_are_opened_as_they_are_and_shown_as_text(
    terminal: Terminal, names: list[bytes]
) -> None:
    check(terminal, names)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(derandomize=True, max_examples=500, deadline=None, suppress_health_check=CHECKS)
@given(LISTS)
def test_many_files_of_any_name_are_opened_as_they_are_and_shown_as_text(
    terminal: Terminal, names: list[bytes]
) -> None:
    check(terminal, names)

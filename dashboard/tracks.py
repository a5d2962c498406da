"""Owns the Tracks page: where music is dropped, the table of tracks, their rivers, players and exports."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import AttuneError
from dashboard import rivers
from dashboard.desk import Desk
from dashboard.markup import plain
from dashboard.opening import open_page
from dashboard.part import attempt, draw_part, keep_drawing
from dashboard.sign import listening_sign
from models.audio import SUPPORTED_SUFFIXES
from models.mood.groups import MOODS
from models.mood.result import CSV_COLUMNS, MoodResult, csv_rows
from models.mood.result import plain as plain_result
from models.mood.tracks import Shelf, Track

if TYPE_CHECKING:
    from models.mood.store import Study

__all__ = ["as_csv", "obey", "page"]

_LOG = logging.getLogger(__name__)
_ASSETS: Final = Path(__file__).parent / "assets"
_TICK_S: Final = 0.5
_IDLE_TICK_S: Final = 2.0
_MOST_SHOWN: Final = 8
_MOST_FROM_FOLDER: Final = 500
_MOST_PLAYED_BYTES: Final = 200_000_000
_EXPORTED_TAGS: Final = 10
_MIME: Final = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".webm": "audio/webm",
}

# Keys of the session state; each stands for one browser tab
_SHELF: Final = "tracks shelf"
_DROPS: Final = "tracks drops"
_PATHS: Final = "tracks paths"
_CHOSEN: Final = "tracks chosen"
_SORT: Final = "tracks sort"
_PROBLEM: Final = "tracks problem"
_FACE: Final = "tracks face"
_TABLE: Final = "tracks table"

_State = MutableMapping[Any, Any]


def _text(*names: str) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


_LOOK: Final = _text("board.css", "tracks.css")
_show_table = st.components.v2.component("attune_tracks", css=_LOOK, js=_text("tracks.js"))
_show_river = st.components.v2.component("attune_river", css=_LOOK, js=_text("river.js"))
_show_picture = st.components.v2.component("attune_picture", css=_text("picture.css"), js=_text("picture.js"))


def page() -> None:
    """Draw the page."""
    desk = open_page("Tracks", "the mood of music, from moment to moment and as a whole")
    listening_sign(desk)
    desk.engine.tracks.prepare()
    shelf = _shelf(desk)
    _drop(desk, shelf)
    _problems(desk)
    st.session_state[_FACE] = _face(desk, shelf)
    tick_s = _TICK_S if any(track.open for track in shelf.tracks()) else _IDLE_TICK_S
    keep_drawing(lambda: _draw(desk, shelf), tick_s)
    _all_themes(shelf)
    _rivers(shelf)
    _foot(desk)


def _shelf(desk: Desk) -> Shelf:
    """Find the shelf of this tab: it goes when the session does, and its sound with it."""
    if _SHELF not in st.session_state:
        st.session_state[_SHELF] = desk.engine.tracks.open_shelf()
    shelf: Shelf = st.session_state[_SHELF]
    return shelf


def _attempt(command: Callable[[], object]) -> None:
    """Run a command; if it fails, keep one sentence on why."""
    st.session_state[_PROBLEM] = attempt(command)


def _problems(desk: Desk) -> None:
    for problem in (desk.engine.tracks.problem, st.session_state.get(_PROBLEM)):
        if problem:
            st.error(plain(problem), icon=":material/error:")


def _chosen(tracks: Sequence[Track], state: _State) -> list[str]:
    """Keys of the tracks whose rivers are shown; the first one as long as nobody has chosen."""
    done = [track.key for track in tracks if track.study is not None]
    wanted: list[str] | None = state.get(_CHOSEN)
    return done[:1] if wanted is None else [key for key in wanted if key in done]


def _face(desk: Desk, shelf: Shelf) -> tuple[object, ...]:
    """Everything outside the table that the work on tracks can change."""
    tracks = shelf.tracks()
    chosen = _chosen(tracks, st.session_state)
    audible = tuple(track.audible for track in tracks if track.key in chosen)
    busy, done = any(track.open for track in tracks), any(track.study is not None for track in tracks)
    return tuple(chosen), audible, busy, done, desk.engine.tracks.problem, st.session_state.get(_PROBLEM, "")


# What comes in


def _drop(desk: Desk, shelf: Shelf) -> None:
    # A fresh field after each use: a browser that does not know of it yet sends the old one once more, and
    # what comes under an old number is left out.
    drops, paths = (int(st.session_state.setdefault(key, 0)) for key in (_DROPS, _PATHS))
    hindered = bool(desk.engine.tracks.problem)
    with st.container(border=True, key="tracks-drop"):
        left, right = st.columns((3, 2), vertical_alignment="top")
        # Of any type: what a file is shows its content, and every refusal is to be a sentence of ours.
        left.file_uploader(
            "Drop music here, one file or fifty; no sound is kept",
            accept_multiple_files=True,
            key=f"{_DROPS} {drops}",
            on_change=_take,
            args=(shelf, drops),
            disabled=hindered,
        )
        right.text_input(
            "or type the path of a file or folder on this machine",
            key=f"{_PATHS} {paths}",
            placeholder="~/music",
            icon=":material/folder:",
            on_change=_open_path,
            args=(shelf, paths),
            disabled=hindered,
        )


def _take(shelf: Shelf, turn: int) -> None:
    """Take what was dropped out of the uploader, and put a fresh one in its place."""
    given = st.session_state.get(f"{_DROPS} {turn}") or []
    uploads = [upload for upload in given if isinstance(upload, UploadedFile)]  # others were deleted
    if not uploads or turn != st.session_state[_DROPS]:
        return
    st.session_state[_DROPS] = turn + 1

    def command() -> None:
        for upload in uploads:
            name = Path(upload.name).name.replace("%22", '"')  # so browsers send quotation marks
            shelf.add(name or "Unnamed", upload.getvalue())

    _attempt(command)
    context = get_script_run_ctx()
    # Held twice otherwise, until the tab is closed. In tests of the page there is no such manager.
    forget = getattr(getattr(context, "uploaded_file_mgr", None), "remove_file", None)
    for upload in uploads:
        if context is not None and forget is not None:
            forget(session_id=context.session_id, file_id=upload.file_id)


def _open_path(shelf: Shelf, turn: int) -> None:
    typed = str(st.session_state.get(f"{_PATHS} {turn}") or "").strip().strip("\"'")
    if typed and turn == st.session_state[_PATHS]:
        st.session_state[_PATHS] = turn + 1
        _attempt(lambda: _add_path(shelf, Path(typed)))


def _add_path(shelf: Shelf, typed: Path) -> None:
    try:
        path = typed.expanduser()
        folder = path.is_dir()
    except (RuntimeError, OSError, ValueError) as error:
        raise AttuneError(f"{str(typed)!r} cannot be opened ({error}): check the path.") from error
    if not folder:
        shelf.add(_named(path), path)
        return
    files = _sounds_in(path)
    if not files:
        raise AttuneError(f"There is no sound file in the folder {path}: name another.")
    for file in files[:_MOST_FROM_FOLDER]:
        shelf.add(_named(file), file)
    if len(files) > _MOST_FROM_FOLDER:
        raise AttuneError(
            f"{path} holds {len(files)} sound files, and only the first {_MOST_FROM_FOLDER} were taken: "
            "use `attune mood` in the terminal for so many."
        )


def _named(path: Path) -> str:
    """What to call a file: on disks there are names that no text can hold."""
    return os.fsencode(path.name or str(path)).decode("utf-8", "replace")


def _sounds_in(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(place, name)
            for name in sorted(names)
            if Path(name).suffix.lower() in SUPPORTED_SUFFIXES and not name.startswith(".")
        ]
        if len(found) > 10 * _MOST_FROM_FOLDER:
            break
    return found


# The table


def _draw(desk: Desk, shelf: Shelf) -> None:
    """Draw the table; runs twice a second while there is work, apart from the rest of the page."""

    def draw() -> bool:
        desk.engine.heartbeat()
        tracks = shelf.tracks()
        listing = rivers.Listing(
            tracks, _chosen(tracks, st.session_state), str(st.session_state.get(_SORT, ""))
        )
        busy = any(track.open for track in tracks)
        _show_table(
            key=_TABLE,
            data={
                "html": rivers.table(listing),
                "moods": list(MOODS),
                "progress": rivers.progress(tracks),
                "title": f"{rivers.summary(tracks)} · Attune" if busy else "Tracks · Attune",
                "max_bytes": _max_upload_mb() * 2**20,
            },
            on_asked_change=lambda: _asked(shelf),
        )
        return bool(_face(desk, shelf) != st.session_state.get(_FACE))

    draw_part("tracks", draw)


def _max_upload_mb() -> int:
    return int(st.get_option("server.maxUploadSize"))


def _asked(shelf: Shelf) -> None:
    asked = st.session_state[_TABLE].get("asked")
    if isinstance(asked, dict):
        _attempt(lambda: obey(asked, shelf, st.session_state))


def obey(asked: dict[str, Any], shelf: Shelf, state: _State) -> None:
    """Do what a button of the table asks for.

    Parameters
    ----------
    asked
        `what`, with the `key` of a track; or the `files` that were too big.
    shelf
        Of this tab.
    state
        Of this tab's session.

    Raises
    ------
    AudioDecodeError
        There are too many tracks.
    """
    key = str(asked.get("key", ""))
    match asked.get("what"):
        case "show":
            shown = [one for one in _chosen(shelf.tracks(), state) if one != key]
            state[_CHOSEN] = (
                [key, *shown] if asked.get("on") else shown
            )  # the newest where it is seen at once
        case "sort":
            state[_SORT] = key
        case "cancel":
            shelf.cancel(key)
        case "cancel all":
            shelf.cancel()
        case "retry":
            shelf.retry(key)
        case "go on":
            shelf.retry()
        case "remove":
            shelf.remove(key)
        case "remove all":
            shelf.remove()
            state.pop(_CHOSEN, None)
        case "too big":
            for file in asked.get("files", []):
                name, size_bytes = str(file["name"]), int(file["size"])
                shelf.refuse(name, size_bytes, _too_big(name, size_bytes))


def _too_big(name: str, size_bytes: int) -> str:
    size = f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.0f} MB"
    return (
        f"{name} has {size}, more than the {_max_upload_mb()} MB that a page can take: type its path "
        "instead, or convert it to MP3, Opus or FLAC."
    )


def _all_themes(shelf: Shelf) -> None:
    done = [track.study.result for track in shelf.tracks() if track.study is not None]
    if len(done) > 1:
        st.download_button(
            "All themes as CSV",
            lambda: as_csv(done, timeline=False),
            file_name="themes.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


# Rivers


def _rivers(shelf: Shelf) -> None:
    tracks = shelf.tracks()
    by_key = {track.key: track for track in tracks}
    chosen = _chosen(tracks, st.session_state)
    for key in chosen[:_MOST_SHOWN]:
        track = by_key[key]
        if track.study is not None:
            _river(shelf, track, track.study)
    if len(chosen) > _MOST_SHOWN:
        st.caption(f"The first {_MOST_SHOWN} of {len(chosen)} rivers are shown.")
    done = [track for track in tracks if track.study is not None]
    if done and not chosen:
        st.caption("Tick a track in the table to see its river; tick more to compare them.")


def _river(shelf: Shelf, track: Track, study: Study) -> None:
    result = study.result
    stem = Path(track.name).stem or "track"
    with st.container(key=f"river-{track.key}"):
        _show_river(
            key=f"river {track.key}",
            data={
                "html": rivers.card(track, study),
                "key": track.key,
                "duration_s": result.duration_s,
                "moments": rivers.moments(result),
                "png_name": f"{stem}-mood.png",
                **rivers.caption(track, result),
            },
        )
        with st.container(horizontal=True, vertical_alignment="center", key=f"below-{track.key}"):
            with st.container(key=f"player-{track.key}"):
                _player(shelf, track)
            with st.container(horizontal=True, width="content", key=f"exports-{track.key}"):
                _exports(track, result, stem)


def _player(shelf: Shelf, track: Track) -> None:
    sound = shelf.sound(track.key)
    if sound is None:
        st.caption("Its sound is not held any more: bring the file again to hear it.")
        return
    if track.size_bytes > _MOST_PLAYED_BYTES:
        st.caption("The file is too large to be played here.")
        return
    try:
        content = sound if isinstance(sound, bytes) else sound.read_bytes()
    except OSError:
        st.caption("The file is not there any more, so it cannot be played.")
        return
    st.audio(content, format=_MIME.get(Path(track.name).suffix.lower(), "audio/wav"))


def _exports(track: Track, result: MoodResult, stem: str) -> None:
    offers = (
        ("CSV", lambda: as_csv([result]), "text/csv", "a row for each moment and tag"),
        ("JSON", lambda: _as_json(result), "application/json", "all of it: theme, moods, shares, moments"),
    )
    for name, data, mime, what in offers:
        st.download_button(
            name,
            data,
            file_name=f"{stem}-mood.{name.lower()}",
            mime=mime,
            key=f"{name} {track.key}",
            help=f"{what}; the {_EXPORTED_TAGS} likeliest tags of each",
            on_click="ignore",
        )
    _show_picture(
        key=f"png {track.key}",
        data={"key": track.key, "label": "PNG", "help": "the river as a picture"},
        width="content",
    )


def as_csv(results: Sequence[MoodResult], *, timeline: bool = True) -> str:
    """Write results as one table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for result in results:
        writer.writerows(csv_rows(result, _EXPORTED_TAGS, timeline=timeline))
    return text.getvalue()


def _as_json(result: MoodResult) -> str:
    return json.dumps(plain_result(result, _EXPORTED_TAGS), ensure_ascii=False, indent=1)


def _foot(desk: Desk) -> None:
    with st.popover("What is kept", icon=":material/lock:"):
        st.write(
            "Sound stays in memory, on this machine, until you remove a track or close the tab. What was "
            "found is kept on disk under a fingerprint of the sound, without its name, so that the same file "
            "need not be analysed twice."
        )
        st.button("Forget what is kept", key="tracks forget", on_click=_forget, args=(desk,))


def _forget(desk: Desk) -> None:
    removed = desk.engine.tracks.store.clear()
    st.toast(f"{removed} results were forgotten.")

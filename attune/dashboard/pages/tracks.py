"""The Tracks page: where music is dropped, the table of tracks, their mood timelines, players, exports."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from attune.dashboard.components.browser_component import ASSETS, browser_component
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.listening_indicator import listening_indicator
from attune.dashboard.components.page_header import open_page
from attune.dashboard.components.track_explorer import more_like_this, track_explorer
from attune.dashboard.components.track_profile import track_profile
from attune.dashboard.components.track_upload import track_upload
from attune.dashboard.state.commands import command_problem, run_command, show_problem
from attune.dashboard.state.language import resume_language
from attune.dashboard.state.part_requests import requests_done, take_requests
from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import decimal
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.mood_timeline import moments
from attune.dashboard.views.track_card import caption, track_card
from attune.dashboard.views.track_exports import EXPORTED_TAGS, as_csv, as_json, profiles_csv
from attune.dashboard.views.track_table import Listing, progress, summary, track_table
from models.mood.mood_scale import MOODS
from models.mood.track_queue import TrackQueue, TrackSession
from models.mood.uploaded_track import UploadedTrack

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from models.mood.result_store import TrackAnalysis

_TICK_S: Final = 0.5
_IDLE_TICK_S: Final = 2.0
_MAX_SHOWN: Final = 8
_MAX_PLAYED_BYTES: Final = 200_000_000
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

_PLACE: Final = "tracks"
# Keys of the session state; each stands for one browser tab
_SESSION: Final = "tracks session"
_CHOSEN: Final = "tracks chosen"
_SORT: Final = "tracks sort"
_TABLE: Final = "tracks table"
_EXPORTS: Final = "tracks exports"

_State = MutableMapping[Any, Any]

_STYLES: Final = ("live_board.css", "tracks.css")
_show_table = browser_component("tracks", *_STYLES, script=("page_title.js", "requests.js", "tracks.js"))
_show_timeline = browser_component("mood_timeline", *_STYLES, script=("clock.js", "mood_timeline.js"))
_show_image_button = browser_component("image_button", "button.css", script="image_button.js")


def page() -> None:
    """Draw the page."""
    context = open_page(N_("Tracks"), N_("the mood, tempo, key and genre of your music"))
    st.html(ASSETS / "track_explorer.css")
    engine = context.engine
    listening_indicator(context)
    engine.tracks.prepare()
    session = _session(engine.tracks)
    drawn = _shown_state(engine.tracks, session)
    track_upload(session, _PLACE, disabled=bool(engine.tracks.problem))
    if engine.tracks.problem:
        st.error(escape_markdown(engine.tracks.problem), icon=":material/error:")
    show_problem(_PLACE)
    busy = any(track.open for track in session.tracks())
    draw_every(
        _TICK_S if busy else _IDLE_TICK_S,
        "tracks",
        lambda: _draw_table(engine, session),
        out_of_date=lambda: _shown_state(engine.tracks, session) != drawn,
    )
    done = [track for track in session.tracks() if track.analysis is not None]
    _download_all(done)
    _timelines(engine, session, done)
    track_explorer(engine, done)
    _kept(engine.tracks)


def _session(queue: TrackQueue) -> TrackSession:
    """Find this tab's tracks: they go when its session does, and their sound with them."""
    if _SESSION not in st.session_state:
        st.session_state[_SESSION] = queue.open_session()
    session: TrackSession = st.session_state[_SESSION]
    return session


def _chosen(tracks: Sequence[UploadedTrack], state: _State) -> list[str]:
    """Keys of the tracks whose timelines are shown; the first one as long as nobody has chosen."""
    done = [track.key for track in tracks if track.analysis is not None]
    wanted: list[str] | None = state.get(_CHOSEN)
    return done[:1] if wanted is None else [key for key in wanted if key in done]


def _shown_state(queue: TrackQueue, session: TrackSession) -> tuple[object, ...]:
    """Everything outside the table that the work on tracks can change."""
    tracks = session.tracks()
    chosen = _chosen(tracks, st.session_state)
    return (
        chosen,
        [track.has_sound for track in tracks if track.key in chosen],
        any(track.open for track in tracks),
        any(track.analysis is not None for track in tracks),
        queue.problem,
        command_problem(_PLACE),
    )


# The table


def _draw_table(engine: Engine, session: TrackSession) -> None:
    """Draw the table; runs twice a second while there is work, apart from the rest of the page."""
    engine.heartbeat()
    tracks = session.tracks()
    listing = Listing(tracks, _chosen(tracks, st.session_state), str(st.session_state.get(_SORT, "")))
    busy = any(track.open for track in tracks)
    _show_table(
        key=_TABLE,
        data={
            "html": track_table(listing),
            "moods": list(MOODS),
            "progress": progress(tracks),
            "analysing": _("Analysing"),
            "title": f"{summary(tracks) if busy else _('Tracks')} · Attune",
            "max_bytes": _max_upload_mb() * 2**20,
            "done": requests_done(_TABLE),
        },
        on_asked_change=lambda: _on_asked(session),
    )


def _max_upload_mb() -> int:
    return int(st.get_option("server.maxUploadSize"))


def _on_asked(session: TrackSession) -> None:
    for request in take_requests(_TABLE, (st.session_state.get(_TABLE) or {}).get("asked")):
        run_command(_PLACE, partial(handle_request, request, session, st.session_state))


def handle_request(request: dict[str, Any], session: TrackSession, state: _State) -> None:
    """Do what a button of the table asks for.

    Parameters
    ----------
    request
        The `action`, with the `key` of a track; or the `files` that were too big.
    session
        The tracks of this tab.
    state
        Session state of this tab.

    Raises
    ------
    AudioDecodeError
        There are too many tracks.
    """
    key = str(request.get("key", ""))
    match request.get("action"):
        case "show":
            shown = [one for one in _chosen(session.tracks(), state) if one != key]
            # The newest where it is seen at once.
            state[_CHOSEN] = [key, *shown] if request.get("on") else shown
        case "sort":
            state[_SORT] = key
        case "cancel":
            session.cancel(key)
        case "cancel all":
            session.cancel()
        case "retry":
            session.retry(key)
        case "go on":
            session.retry()
        case "remove":
            session.remove(key)
        case "remove all":
            session.remove()
            state.pop(_CHOSEN, None)
        case "too big":
            for file in request.get("files", []):
                name, size_bytes = str(file["name"]), int(file["size"])
                session.refuse(name, size_bytes, _too_big(name, size_bytes))


def _too_big(name: str, size_bytes: int) -> str:
    large = size_bytes >= 1e9
    size = f"{decimal(size_bytes / 1e9)} GB" if large else f"{decimal(size_bytes / 1e6, 0)} MB"
    said = _(
        "{name} has {size}, more than the {most} MB that a page can take: type its path instead, or convert "
        "it to MP3, Opus or FLAC."
    )
    return said.format(name=name, size=size, most=_max_upload_mb())


def _download_all(done: Sequence[UploadedTrack]) -> None:
    if len(done) < 2:
        return
    results = [track.analysis.result for track in done if track.analysis is not None]
    offers = (
        (_("All themes as CSV"), partial(as_csv, results, timeline=False), "themes.csv"),
        (_("All profiles as CSV"), partial(profiles_csv, done), "profiles.csv"),
    )
    with st.container(horizontal=True):
        for label, make, name in offers:
            st.download_button(
                label,
                make(),
                file_name=name,
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
            )


# Moods over time


def _timelines(engine: Engine, session: TrackSession, done: Sequence[UploadedTrack]) -> None:
    by_key = {track.key: track for track in done}
    chosen = _chosen(done, st.session_state)
    made = st.session_state.get(_EXPORTS, {})
    st.session_state[_EXPORTS] = {key: text for key, text in made.items() if key[0] in chosen[:_MAX_SHOWN]}
    for key in chosen[:_MAX_SHOWN]:
        if (analysis := by_key[key].analysis) is not None:
            _timeline(session, by_key[key], analysis, can_compare=bool(engine.library.known.playable))
    if len(chosen) > _MAX_SHOWN:
        said = _("The first {shown} of {count} mood timelines are shown.")
        st.caption(said.format(shown=_MAX_SHOWN, count=len(chosen)))
    if done and not chosen:
        st.caption(_("Tick a track in the table to see its mood timeline; tick more to compare them."))


def _timeline(
    session: TrackSession, track: UploadedTrack, analysis: TrackAnalysis, *, can_compare: bool
) -> None:
    result = analysis.result
    stem = Path(track.name).stem or "track"
    with st.container(key=f"timeline-{track.key}"):
        _show_timeline(
            key=f"timeline {track.key}",
            data={
                "html": track_card(track, analysis),
                "key": track.key,
                "duration_s": result.duration_s,
                "moments": moments(result),
                "hint": _("Point at a moment to read it; click to hear it."),
                "unplayable": _(
                    "This browser cannot play this kind of file; the mood timeline shows it all the same."
                ),
                "png_name": f"{stem}-mood.png",
                **caption(track, result),
            },
        )
        with st.container(horizontal=True, vertical_alignment="center", key=f"below-{track.key}"):
            with st.container(key=f"player-{track.key}"):
                _player(session, track)
            with st.container(horizontal=True, width="content", key=f"exports-{track.key}"):
                if can_compare and result.has_music:
                    st.button(
                        _("More like this"),
                        key=f"like {track.key}",
                        icon=":material/search:",
                        help=_("Find the tracks of your music that sound most like it"),
                        on_click=more_like_this,
                        args=(track.key,),
                    )
                _exports(track, analysis, stem)
        track_profile(track.key, analysis.profile)


def _player(session: TrackSession, track: UploadedTrack) -> None:
    sound = session.sound(track.key)
    if sound is None:
        st.caption(_("Its sound is not held any more: bring the file again to hear it."))
        return
    if track.size_bytes > _MAX_PLAYED_BYTES:
        st.caption(_("The file is too large to be played here."))
        return
    try:
        content = sound if isinstance(sound, bytes) else sound.read_bytes()
    except OSError:
        st.caption(_("The file is not there any more, so it cannot be played."))
        return
    st.audio(content, format=_MIME.get(Path(track.name).suffix.lower(), "audio/wav"))


def _exports(track: UploadedTrack, analysis: TrackAnalysis, stem: str) -> None:
    offers = (
        ("CSV", partial(as_csv, [analysis.result]), "text/csv", _("a row for each moment and tag")),
        (
            "JSON",
            partial(as_json, track),
            "application/json",
            _("all of it: facts, feelings, moods, moments"),
        ),
    )
    for name, data, mime, what in offers:
        # Not as callables: Streamlit forgets what those gave as soon as another part of the page is drawn.
        made = st.session_state[_EXPORTS]
        if (track.key, name) not in made:
            made[track.key, name] = data()
        st.download_button(
            name,
            made[track.key, name],
            file_name=f"{stem}-mood.{name.lower()}",
            mime=mime,
            key=f"{name} {track.key}",
            help=_("{what}; the {count} likeliest tags of each").format(what=what, count=EXPORTED_TAGS),
            on_click="ignore",
        )
    _show_image_button(
        key=f"png {track.key}",
        data={"key": track.key, "label": "PNG", "help": _("the mood timeline as an image")},
        width="content",
    )


# What is kept


def _kept(queue: TrackQueue) -> None:
    with st.popover(_("What is kept"), icon=":material/lock:"):
        st.write(
            _(
                "Sound stays in memory, on this machine, until you remove a track or close the tab. What was "
                "found is kept on disk under a fingerprint of the sound, without its name, so that the same "
                "file need not be analysed twice."
            )
        )
        st.button(_("Forget what is kept"), key="tracks forget", on_click=_forget, args=(queue,))


def _forget(queue: TrackQueue) -> None:
    resume_language()
    count = queue.store.clear()
    said = ngettext("{count} result was forgotten.", "{count} results were forgotten.", count)
    st.toast(said.format(count=count))

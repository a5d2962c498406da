"""The user's music on the plane: filtered, found by likeness, and led along a path that can be played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.track_filters import choose_filter
from attune.dashboard.state.commands import show_problem
from attune.dashboard.state.history_choice import ink
from attune.dashboard.state.language import resume_language
from attune.dashboard.translations import N_, gettext_now, ngettext, pgettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import feeling_name
from attune.dashboard.views.formatting import capitalized
from attune.dashboard.views.found_tracks import found_tracks
from attune.dashboard.views.html import fill
from attune.dashboard.views.plane import voice_place
from attune.dashboard.views.track_plane import HEIGHT, ExploredTrack, plane_of_tracks, thinned
from attune.engine.library_facts import facts_of
from core.emotions import Emotion
from playback.library.m3u import m3u_content
from playback.library.plane_path import PLACES, PlanePath, parse_place, path_between, place_text
from playback.library.playlists import path_address
from playback.library.similar import similar_rows
from playback.library.track_facts import PlanePlace
from playback.library.track_filter import TrackFilter
from playback.library.tracks import TrackRow
from playback.player import PlayerKind

if TYPE_CHECKING:
    from concurrent.futures import Future

    from attune.engine.engine import Engine
    from models.mood.uploaded_track import UploadedTrack
    from playback.player import Outcome

_PLACE: Final = "explore"
# Keys of the session state: what is looked for, what is resembled, ends and length of the path, the plane.
MODE: Final = "explore mode"
LIKE: Final = "explore like"
_START, _END, _LENGTH = "explore start", "explore end", "explore length"
_PLANE: Final = "explore plane"
_PICK: Final = "track"

BROWSE: Final = "browse"
ALIKE: Final = "alike"
PATH: Final = "path"
_MODES: Final = {BROWSE: N_("All"), ALIKE: N_("More like this"), PATH: N_("A path")}

_VOICE: Final = "voice"
_FOUND: Final = 30  # tracks alike
_LENGTHS: Final = (5, 40)
_USUAL_LENGTH: Final = 12

_TITLE: Final = N_("Your music on the plane")
_NO_LIBRARY: Final = N_(
    "Scan your music folder, on the page Playlists or with `attune library scan FOLDER`: then music like a "
    "track is found in it, and playlists lead from one feeling to another."
)
_BEFORE_PROFILES: Final = N_(
    "Your music was scanned before its tempo, key and place were heard: scan it once more, on the page "
    "Playlists."
)
_PLANE_ALT: Final = N_("Tracks on the plane of energy and pleasantness.")
_PLANE_HELP: Final = N_("Each dot is a track, in the colour of its mood. Click on one to find more like it.")
_DROPPED_HELP: Final = N_("Diamonds are the tracks that you dropped.")
_PATH_HELP: Final = N_(
    "The playlist leads in even steps from one place to the other. Played to its end, it stays there."
)

_HEADING: Final = Markup("<h2>{}</h2>")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is listed and drawn."""

    tracks: Sequence[ExploredTrack]  # in the order of the list
    similarities: Sequence[float] | None = None
    path: PlanePath | None = None


def track_explorer(engine: Engine, dropped: Sequence[UploadedTrack]) -> None:
    """Draw the tracks that were dropped, and those of the library.

    Parameters
    ----------
    engine
        Has the library and the player.
    dropped
        Tracks that were analysed; those without music are left out.
    """
    rows = engine.library.known.playable
    dropped = [track for track in dropped if track.analysis is not None and track.analysis.result.has_music]
    if not rows and not dropped:
        return
    tracks = [*(_dropped(track) for track in dropped), *(ExploredTrack(str(row.path), row) for row in rows)]

    with st.container(border=True, key="explore"):
        st.html(fill(_HEADING, _(_TITLE)))
        if not rows:
            st.caption(_(_NO_LIBRARY))
        elif not any(row.facts is not None for row in rows):
            st.caption(_(_BEFORE_PROFILES))
        draw_every(None, "music on the plane", lambda: _draw(engine, tracks, len(rows)))


def more_like_this(key: str) -> None:
    """Ask for music like a track, by its key."""
    st.session_state[MODE], st.session_state[LIKE] = ALIKE, key


def _dropped(track: UploadedTrack) -> ExploredTrack:
    assert track.analysis is not None
    profile = track.analysis.profile
    title = track.title or track.name
    facts, has_music = facts_of(profile), profile.mood.has_music
    embedding = profile.embedding.astype("float16") if has_music else None
    row = TrackRow(Path(track.name), track.size_bytes, 0, title, track.artist, duration_s=profile.duration_s)
    return ExploredTrack(track.key, replace(row, facts=facts, embedding=embedding), dropped=True)


def _draw(engine: Engine, tracks: Sequence[ExploredTrack], of_library: int) -> None:
    # Whatever is looked for, the same places follow each other: nothing of what was there before stays.
    modes, filters, board = st.container(), st.container(), st.container()
    left, right = board.columns((6, 5), gap="medium")
    controls, listing = right.container(), right.container()
    with modes:
        mode = _choose_mode(of_library)
    with filters:
        wanted = TrackFilter() if mode == PATH else choose_filter([track.facts for track in tracks])
    fitting = [track for track in tracks if wanted.fits(track.row.facts)]
    with controls:
        if mode == ALIKE:
            shown = _alike(tracks, fitting)
        elif mode == PATH:
            shown = _path(engine, tracks)
        else:
            shown = _Shown(fitting)
    with listing:
        _list(engine, shown)
    with left:
        _plane(tracks, shown, fitting)


def _choose_mode(of_library: int) -> str:
    modes = list(_MODES) if of_library else [BROWSE]
    if st.session_state.get(MODE) not in modes:
        st.session_state[MODE] = BROWSE
    translate = gettext_now()
    if len(modes) > 1:
        st.segmented_control(
            _("Find"),
            modes,
            key=MODE,
            format_func=lambda mode: translate(_MODES[mode]),
            required=True,
            label_visibility="collapsed",
        )
    return str(st.session_state[MODE])


def _alike(tracks: Sequence[ExploredTrack], fitting: Sequence[ExploredTrack]) -> _Shown:
    by_key = {track.key: track for track in tracks if track.row.embedding is not None}
    if not by_key:
        return _Shown(())
    if st.session_state.get(LIKE) not in by_key:
        st.session_state[LIKE] = next(iter(by_key))
    names = {key: track.name for key, track in by_key.items()}
    st.selectbox(_("Like this track"), list(by_key), key=LIKE, format_func=lambda key: names.get(key, key))
    chosen = by_key[st.session_state[LIKE]]
    others = {id(track.row): track for track in fitting if track.key != chosen.key and not track.dropped}
    assert chosen.row.embedding is not None
    found = similar_rows(chosen.row.embedding, [track.row for track in others.values()], _FOUND)
    return _Shown([others[id(row)] for row, _share in found], [share for _row, share in found])


def _path(engine: Engine, tracks: Sequence[ExploredTrack]) -> _Shown:
    voice = voice_place(engine.snapshot().decision)
    places: dict[str, PlanePlace] = {name.value: place for name, place in PLACES.items()}
    if voice is not None:
        places = {_VOICE: PlanePlace(voice.x, voice.y)} | places
    for key, usual in (
        (_START, next(iter(places)) if voice else Emotion.CALM.value),
        (_END, Emotion.HAPPY.value),
    ):
        if st.session_state.get(key) not in places:
            st.session_state[key] = usual
    now = _("where the voice is now")
    names = {name: now if name == _VOICE else capitalized(feeling_name(Emotion(name))) for name in places}
    one, two = st.columns(2)
    one.selectbox(
        pgettext("path", "From"), list(places), key=_START, format_func=lambda name: names.get(name, name)
    )
    two.selectbox(
        pgettext("path", "To"), list(places), key=_END, format_func=lambda name: names.get(name, name)
    )
    st.session_state.setdefault(_LENGTH, _USUAL_LENGTH)
    length = st.slider(_("Tracks"), *_LENGTHS, key=_LENGTH)
    start, end = (str(st.session_state[key]) for key in (_START, _END))
    written = place_text(places[start]) if start == _VOICE else start
    wanted = PlanePath(written, end, length)
    by_row = {id(track.row): track for track in tracks if not track.dropped}
    rows = path_between(
        [track.row for track in by_row.values()], parse_place(wanted.start), parse_place(wanted.end), length
    )
    st.caption(_(_PATH_HELP))
    return _Shown([by_row[id(row)] for row in rows], path=wanted)


def _list(engine: Engine, shown: _Shown) -> None:
    rows = [track.row for track in shown.tracks if not track.dropped]
    st.html(found_tracks(shown.tracks, shown.similarities))
    if not rows:
        return
    with st.container(horizontal=True):
        if shown.path is not None:
            address = path_address(shown.path)
            command_button(
                _("Play"),
                "explore play",
                _PLACE,
                lambda: _play(engine, address),
                icon="play_arrow",
                type="primary",
            )
        count = len(rows)
        st.download_button(
            _("Save as a playlist"),
            m3u_content(rows),
            file_name="attune.m3u8",
            mime="audio/x-mpegurl",
            icon=":material/download:",
            help=ngettext(
                "An M3U file with {count} track, for any player",
                "An M3U file with {count} tracks, for any player",
                count,
            ).format(count=count),
            key="explore m3u",
            on_click="ignore",
        )
    show_problem(_PLACE)


def _play(engine: Engine, address: str) -> Future[Outcome]:
    """Let the local player play a path, also where another player is in use."""
    if engine.music.kind is not PlayerKind.LOCAL:
        engine.use_player(PlayerKind.LOCAL)
    return engine.music.play(address)


def _plane(tracks: Sequence[ExploredTrack], shown: _Shown, fitting: Sequence[ExploredTrack]) -> None:
    on_path = shown.path is not None
    standing_out = {
        track.key for track in (fitting if shown.similarities is None and not on_path else shown.tracks)
    }
    if shown.similarities is not None:
        standing_out.add(str(st.session_state.get(LIKE)))
    ends = None
    if shown.path is not None:
        ends = parse_place(shown.path.start), parse_place(shown.path.end)
    spec = plane_of_tracks(
        thinned(tracks, standing_out if shown.similarities is not None or on_path else ()),
        standing_out,
        shown.tracks if on_path else (),
        ends,
        pick=_PICK,
        ink=ink(),
    )
    drawn = any(track.facts.place is not None for track in tracks)
    picks: dict[str, Any] = {"on_select": _picked, "selection_mode": _PICK} if drawn else {}
    st.vega_lite_chart(spec=spec, height=HEIGHT, key=_PLANE, alt=_(_PLANE_ALT), **picks)
    help_text = [_(_PLANE_HELP)]
    if any(track.dropped for track in tracks):
        help_text.append(_(_DROPPED_HELP))
    st.caption(" ".join(help_text))


def _picked() -> None:
    """A dot was clicked on."""
    resume_language()
    plane = st.session_state[_PLANE]
    if picked := plane.selection.get(_PICK):
        more_like_this(str(picked[0]["key"]))

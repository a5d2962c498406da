"""Owns the Live page: the source picker, Start and Stop, the threshold, and where the board stands."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from core.errors import AttuneError
from dashboard import charts, playlists
from dashboard.desk import Desk
from dashboard.markup import plain, tag
from dashboard.modelcard import model_card
from dashboard.now_playing import now_playing
from dashboard.opening import open_page
from dashboard.part import attempt, draw_part, keep_drawing
from dashboard.sources import FILE_TYPES, choice_of
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

__all__ = ["ICON", "page"]

_LOG = logging.getLogger(__name__)
_ASSETS: Final = Path(__file__).parent / "assets"
ICON: Final = _ASSETS / "icon.svg"
_TICK_S: Final = 0.25
_IDLE_TICK_S: Final = 1.0

# Keys of the session state, one session being one browser tab
_SOURCE: Final = "source"
_PATH: Final = "path"
_UPLOAD: Final = "upload"
_UPLOAD_TAKEN: Final = "upload taken"
_THRESHOLD: Final = "threshold"
_THRESHOLD_SEEN: Final = "threshold seen"
_PROBLEM: Final = "problem"
_FACE: Final = "face"
_SPEC: Final = "spec"

_show_board = st.components.v2.component(
    "attune_board",
    css=(_ASSETS / "board.css").read_text(encoding="utf-8"),
    js=(_ASSETS / "board.js").read_text(encoding="utf-8"),
)


def page() -> None:
    """Draw the Live page."""
    desk = open_page("Attune", "hears how the voice in the room feels")
    _attempt(desk.greet)
    st.session_state[_FACE] = _face(desk)
    _controls(desk)
    _problems(desk)
    with_plane = _knows_plane(desk)
    tick_s = _TICK_S if desk.engine.snapshot().listening else _IDLE_TICK_S
    keep_drawing(lambda: _board(desk, with_plane=with_plane), tick_s)
    now_playing(desk, set_up=playlists.page)
    _foot(desk)


def _attempt(command: Callable[[], None]) -> None:
    """Run a command; if it fails, keep one sentence on why for `_problems`."""
    if problem := attempt(command):
        st.session_state[_PROBLEM] = problem


def _face(desk: Desk) -> tuple[object, ...]:
    """Everything outside the board that another tab, or the source itself, can change."""
    snapshot = desk.engine.snapshot()
    failure = snapshot.message if snapshot.state is ListenerState.FAILED else ""
    return snapshot.listening, failure, desk.engine.spec, round(100 * desk.engine.threshold)


# Controls


def _controls(desk: Desk) -> None:
    """Draw the picker with its buttons, and the threshold: apart from the board, so no tick resets them."""
    offered = desk.choices
    running = desk.engine.spec
    if _SOURCE not in st.session_state or st.session_state.get(_SPEC) != running:
        st.session_state[_SOURCE] = choice_of(running or desk.suggestion, offered).key
        st.session_state[_SPEC] = running
    by_key = {choice.key: choice for choice in offered}
    if st.session_state[_SOURCE] not in by_key:
        st.session_state[_SOURCE] = choice_of(desk.suggestion, offered).key
    chosen = by_key[st.session_state[_SOURCE]].spec

    with st.container(border=True, key="controls"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox("Listen to", list(by_key), key=_SOURCE, format_func=lambda key: by_key[key].label)
            st.button(
                ":material/refresh:",
                key="refresh",
                help="List the devices again",
                on_click=_refresh,
                args=(desk,),
            )
            _start_and_stop(desk, chosen)
            _threshold(desk)
        if chosen.kind is SourceKind.FILE:
            _recording()
        if desk.suggestion.kind is SourceKind.DEMO and desk.suggestion_reason:
            st.caption(plain(desk.suggestion_reason))
        if desk.devices_problem:
            st.caption(plain(desk.devices_problem))


def _threshold(desk: Desk) -> None:
    field = type(desk.engine.settings).model_fields["threshold"]
    low, high = (round(100 * limit) for limit in _limits(field.metadata))
    # Written only when somebody else has changed it: the slider would jump back under a moving hand.
    percent = round(100 * desk.engine.threshold)
    # Or when another page was open meanwhile: Streamlit forgets what its widgets stood at.
    if _THRESHOLD not in st.session_state or st.session_state.get(_THRESHOLD_SEEN) != percent:
        st.session_state[_THRESHOLD] = st.session_state[_THRESHOLD_SEEN] = percent
    st.slider(
        "Accept from a confidence of",
        low,
        high,
        key=_THRESHOLD,
        format="%d %%",
        on_change=_set_threshold,
        args=(desk,),
        width=230,
    )


def _limits(metadata: list[object]) -> tuple[float, float]:
    low = next(limit.ge for limit in metadata if hasattr(limit, "ge"))
    high = next(limit.le for limit in metadata if hasattr(limit, "le"))
    return float(low), float(high)


def _start_and_stop(desk: Desk, chosen: SourceSpec) -> None:
    listening = desk.engine.snapshot().listening
    if listening and _another(desk, chosen):
        st.button("Switch to this", key="switch", icon=":material/swap_horiz:", on_click=_start, args=(desk,))
    if listening:
        st.button("Stop", key="stop", type="primary", icon=":material/stop:", on_click=_stop, args=(desk,))
    else:
        st.button("Start", key="start", type="primary", icon=":material/mic:", on_click=_start, args=(desk,))


def _recording() -> None:
    left, right = st.columns(2)
    left.text_input(
        "Path of a recording on this machine",
        key=_PATH,
        placeholder="~/recordings/talk.wav",
        icon=":material/folder:",
    )
    right.file_uploader("or drop one here; it is not kept", list(FILE_TYPES), key=_UPLOAD)


def _another(desk: Desk, chosen: SourceSpec) -> bool:
    """Whether something else is chosen than what is listened to."""
    running = desk.engine.spec
    if chosen.kind is not SourceKind.FILE:
        return chosen != running
    upload: UploadedFile | None = st.session_state.get(_UPLOAD)
    if upload is None:
        typed = _typed_recording()
        return typed is not None and typed != running
    # Told by its number, for it is too large to be read at every run.
    if running is None or running.content is None or st.session_state.get(_UPLOAD_TAKEN) != upload.file_id:
        return True
    return (running.path, len(running.content)) != (Path(upload.name), upload.size)


def _typed_recording() -> SourceSpec | None:
    typed = str(st.session_state.get(_PATH) or "").strip().strip("\"'")
    return SourceSpec(SourceKind.FILE, path=Path(typed).expanduser()) if typed else None


def _take_recording() -> SourceSpec | None:
    """Read what was dropped, or else name the path that was typed."""
    upload: UploadedFile | None = st.session_state.get(_UPLOAD)
    if upload is None:
        return _typed_recording()
    st.session_state[_UPLOAD_TAKEN] = upload.file_id
    return SourceSpec(SourceKind.FILE, path=Path(upload.name), content=upload.getvalue())


def _refresh(desk: Desk) -> None:
    _attempt(desk.refresh)


def _start(desk: Desk) -> None:
    st.session_state[_PROBLEM] = ""
    _attempt(lambda: _start_chosen(desk))


def _start_chosen(desk: Desk) -> None:
    by_key = {choice.key: choice.spec for choice in desk.choices}
    spec = by_key.get(st.session_state[_SOURCE])
    if spec is None:
        raise AttuneError("This source is not there any more: choose another, then press Start.")
    running = desk.engine.spec
    if spec.kind is not SourceKind.FILE:
        desk.start(spec)
    elif (recording := _take_recording()) is not None:
        desk.start(recording)
    elif running is not None and running.kind is SourceKind.FILE:
        # Another tab, or this one before it was reloaded, has named it.
        desk.start(running)
    else:
        raise AttuneError("No recording was chosen: type its path or drop a file here, then press Start.")


def _stop(desk: Desk) -> None:
    st.session_state[_PROBLEM] = ""
    _attempt(desk.engine.stop)


def _set_threshold(desk: Desk) -> None:
    st.session_state[_THRESHOLD_SEEN] = st.session_state[_THRESHOLD]
    _attempt(lambda: desk.engine.set_threshold(st.session_state[_THRESHOLD] / 100))


def _problems(desk: Desk) -> None:
    """Say why the last command failed, or why listening broke off."""
    snapshot = desk.engine.snapshot()
    failure = snapshot.message if snapshot.state is ListenerState.FAILED else ""
    problem = st.session_state.get(_PROBLEM) or failure
    if problem:
        st.error(plain(problem), icon=":material/error:")


# The board


def _knows_plane(desk: Desk) -> bool:
    """Whether the model says energy and pleasantness; it is loaded for that, if it is not yet."""
    try:
        return desk.engine.model.plane
    except AttuneError:
        return False  # the foot of the page says why


def _board(desk: Desk, *, with_plane: bool) -> None:
    """Draw the newest snapshot; runs four times a second, apart from the rest of the page."""

    def draw() -> bool:
        engine = desk.engine
        engine.heartbeat()
        snapshot = engine.snapshot()
        threshold = engine.threshold
        gate = charts.GateLine(threshold, max(0.0, threshold - engine.settings.hysteresis))
        _show_board(
            key="board",
            data={
                "html": charts.board(snapshot, gate, engine.settings.hop_s, with_plane=with_plane),
                "title": charts.title(snapshot),
            },
        )
        return bool(_face(desk) != st.session_state.get(_FACE))

    draw_part("board", draw)


def _foot(desk: Desk) -> None:
    """Introduce the model, and promise privacy."""
    try:
        card = model_card(desk.engine.model, voice=desk.engine.calibration.active)
    except AttuneError as error:
        card = tag("p", tag("strong", "Model: "), str(error))
    st.html(
        tag(
            "footer",
            card,
            tag("p", tag("strong", "Private: "), "audio never leaves this machine, and none is stored."),
            class_="at-foot",
        )
    )

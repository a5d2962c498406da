"""What the Live page lets people choose: the source, Start and Stop, and the minimum confidence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.file_field import file_field
from attune.dashboard.components.pause_button import pause_button
from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import command_problem, run_change, show_problem
from attune.dashboard.state.synced_widgets import SyncedWidget, sync_widget
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.setting_words import SET_ELSEWHERE
from attune.dashboard.views.source_choices import FILE_TYPES, SourceChoice, choice_of, without_microphone
from core import paths
from core.errors import AttuneError
from core.settings import SETTINGS
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import ListenerState

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from attune.engine.engine import Engine

PLACE: Final = "live"
"""Where commands of the page are given."""

_DEVICES: Final = "live devices"
_THRESHOLD: Final = "live threshold"
# Keys of the session state, one session being one browser tab
_SOURCE: Final = "source"
_PATH: Final = "path"
_UPLOAD: Final = "upload"
_UPLOAD_TAKEN: Final = "upload taken"

LISTEN_TO: Final = N_("Listen to")
CONFIDENCE: Final = N_("Minimum confidence")
CONFIDENCE_HELP: Final = N_(
    "An emotion is named from this confidence on; the higher it is, the more often the answer is “Unsure”."
)
AGAIN: Final = N_("List the devices again")
RECORDING_PATH: Final = N_("Path of a recording on this machine")
RECORDING_DROP: Final = N_("or drop one here; it is not kept")
NOT_THERE: Final = N_("This source is not there any more: choose another, then press Start.")
NOT_CHOSEN: Final = N_("No recording was chosen: type its path or drop a file here, then press Start.")
DEMO_PLAYS: Final = N_("Until then the built-in demo plays.")


def shown_state(engine: Engine) -> tuple[object, ...]:
    """Everything on the page outside the board that another tab, or the source itself, can change."""
    snapshot = engine.snapshot()
    paused = engine.pause.active
    return snapshot.listening, paused, _failure(engine), engine.spec, round(100 * engine.threshold)


def _failure(engine: Engine) -> str:
    """Why listening broke off; empty where it did not."""
    snapshot = engine.snapshot()
    return _(snapshot.message) if snapshot.state is ListenerState.FAILED else ""


def problems(engine: Engine) -> None:
    """Say why the last command failed, or why listening broke off."""
    failure = _failure(engine)
    if command_problem(PLACE):
        show_problem(PLACE)
    elif failure:
        st.error(escape_markdown(failure), icon=":material/error:")
    show_problem(_DEVICES)
    show_problem(_THRESHOLD)


def reasons(context: AppContext) -> None:
    """Say why there is no microphone and that the demo plays, and what is wrong with the devices."""
    if context.suggestion.kind is SourceKind.DEMO and context.suggestion_reason:
        spec = context.engine.spec
        plays = context.engine.snapshot().listening and spec is not None and spec.kind is SourceKind.DEMO
        meanwhile = _(DEMO_PLAYS) if plays else ""
        st.caption(escape_markdown(f"{without_microphone(context.suggestion_reason)} {meanwhile}"))
    if context.devices_problem:
        st.caption(escape_markdown(_(context.devices_problem)))


def controls(context: AppContext) -> SourceKind | None:
    """Draw the buttons, and return which kind of source is chosen.

    While something is listened to or paused, what can be chosen is folded away behind one of the buttons, a
    recording's fields included: None then.
    """
    engine, offered = context.engine, {choice.key: choice for choice in context.choices}
    now = choice_of(engine.spec or context.suggestion, tuple(offered.values())).key
    widget = sync_widget(_SOURCE, now, options=tuple(offered))
    chosen = offered[widget.value or widget.default].spec
    start = partial(_start_chosen, context, widget)
    if engine.pause.active or engine.snapshot().listening:
        pause_button(engine, PLACE)
        stop = engine.pause.cancel if engine.pause.active else engine.stop
        command_button(_("Stop"), "stop", PLACE, stop, icon="stop")
        with st.popover(_("Source"), icon=":material/tune:", key="live source"):
            _picker(offered, widget)
            if chosen.kind is SourceKind.FILE:
                _recording()
            if _another(context, chosen):
                command_button(_("Switch to this"), "switch", PLACE, start, icon="swap_horiz", type="primary")
            _more(context)
        return None
    _picker(offered, widget)
    command_button(_("Start"), "start", PLACE, start, icon="mic", type="primary")
    with st.popover(_("Options"), icon=":material/tune:", key="live source"):
        _more(context)
    return chosen.kind


def recording_fields(kind: SourceKind | None) -> None:
    """Let a recording be named where `controls` says that one is chosen."""
    if kind is SourceKind.FILE:
        _recording()


def _picker(offered: Mapping[str, SourceChoice], widget: SyncedWidget) -> None:
    # The same in both places, or Streamlit takes it for another one and forgets what was chosen.
    st.selectbox(
        _(LISTEN_TO),
        list(offered),
        list(offered).index(widget.default),
        key=widget.key,
        format_func=lambda key: offered[key].label,
        label_visibility="collapsed",
        width=280,
    )


def _more(context: AppContext) -> None:
    command_button(_(AGAIN), "refresh", _DEVICES, context.refresh, icon="refresh", type="tertiary")
    info = SETTINGS["threshold"]
    low, high = (round(100 * limit) for limit in (info.low or 0.0, info.high or 1.0))
    widget = sync_widget("threshold", round(100 * context.engine.threshold))
    st.slider(
        _(CONFIDENCE),
        low,
        high,
        widget.default,
        key=widget.key,
        format="%d\N{NO-BREAK SPACE}%%",
        help=_set_elsewhere(context) or _(CONFIDENCE_HELP),
        disabled=context.settings.locked("threshold") is not None,
        on_change=run_change,
        args=(_THRESHOLD, widget, lambda percent: context.settings.change("threshold", percent / 100)),
    )


def _set_elsewhere(context: AppContext) -> str:
    """Why the minimum confidence cannot be changed here; empty where it can."""
    words = SET_ELSEWHERE.get(context.settings.state.origins["threshold"], "")
    return _(words).format(variable=SETTINGS["threshold"].variable)


# Recordings


def _recording() -> None:
    st.text_input(_(RECORDING_PATH), key=_PATH, placeholder="~/recordings/talk.wav", icon=":material/folder:")
    file_field(_(RECORDING_DROP), types=FILE_TYPES, key=_UPLOAD)


def _another(context: AppContext, chosen: SourceSpec) -> bool:
    """Whether something else is chosen than what is listened to."""
    running = context.engine.spec
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
    return SourceSpec(SourceKind.FILE, path=paths.with_home(Path(typed))) if typed else None


def _take_recording() -> SourceSpec | None:
    """Read what was dropped, or else name the path that was typed."""
    upload: UploadedFile | None = st.session_state.get(_UPLOAD)
    if upload is None:
        return _typed_recording()
    st.session_state[_UPLOAD_TAKEN] = upload.file_id
    return SourceSpec(SourceKind.FILE, path=Path(upload.name), content=upload.getvalue())


def _start_chosen(context: AppContext, widget: SyncedWidget) -> None:
    by_key = {choice.key: choice.spec for choice in context.choices}
    spec = by_key.get(widget.value)
    if spec is None:
        raise AttuneError(_(NOT_THERE))
    running = context.engine.spec
    if spec.kind is not SourceKind.FILE:
        context.engine.start(spec)
    elif (recording := _take_recording()) is not None:
        context.engine.start(recording)
    elif running is not None and running.kind is SourceKind.FILE:
        # Another tab, or this one before it was reloaded, has named it.
        context.engine.start(running)
    else:
        raise AttuneError(_(NOT_CHOSEN))

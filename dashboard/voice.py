"""Owns the page "Your voice": the prompts, Record, the fit, and the switch of what is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from core.errors import AttuneError
from dashboard.booth import Booth, Thresholds, booth, next_open, scores
from dashboard.desk import Desk
from dashboard.markup import plain
from dashboard.opening import open_page
from dashboard.part import attempt, draw_part, keep_drawing
from dashboard.sign import listening_sign
from dashboard.sources import Choice
from models.emotion.labels import EMOTIONS
from models.emotion.personal import PersonalVoice, Trial, check_clips
from realtime.capture.source import SourceKind, SourceSpec
from realtime.prompts import Prompt, prompts_for
from realtime.recorder import RecordingState

if TYPE_CHECKING:
    from realtime.calibration import Calibration

__all__ = ["page"]

_LOG = logging.getLogger(__name__)
_ASSETS: Final = Path(__file__).parent / "assets"
_TICK_S: Final = 0.25
_IDLE_TICK_S: Final = 1.0
_ALL: Final = "All emotions, about three minutes"
_NEUTRAL: Final = "Only neutral, half a minute"

# Keys of the session state; each stands for one browser tab
_MODE: Final = "voice mode"
_SOURCE: Final = "voice source"
_INDEX: Final = "voice index"
_ASKED: Final = "voice asked"
_LAST: Final = "voice last"
_TAKEN: Final = "voice taken"
_TRIAL: Final = "voice trial"
_PROBLEM: Final = "voice problem"
_FACE: Final = "voice face"
_ENABLED: Final = "voice enabled"

_show_booth = st.components.v2.component(
    "attune_booth",
    css="\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in ("board.css", "booth.css")),
    js=(_ASSETS / "board.js").read_text(encoding="utf-8"),
)


def page() -> None:
    """Draw the page."""
    desk = open_page(
        "Your voice",
        "Everybody sounds different: act some short sentences, and the model learns how you sound. "
        "No sound is kept, only a small file of numbers, and you can switch it off or delete it.",
    )
    listening_sign(desk)
    calibration = desk.engine.calibration
    _take_note(calibration)
    st.session_state[_FACE] = _face(calibration)
    _kept(calibration)
    prompts = _mode()
    _steps(desk, prompts)
    _problems()
    tick_s = _TICK_S if _is_recording(calibration) else _IDLE_TICK_S
    keep_drawing(lambda: _draw(desk, prompts), tick_s)
    _fit(calibration)


def _attempt(command: Callable[[], object]) -> None:
    """Run a command; if it fails, keep one sentence on why."""
    st.session_state[_PROBLEM] = attempt(command)


def _problems() -> None:
    if st.session_state.get(_PROBLEM):
        st.error(plain(st.session_state[_PROBLEM]), icon=":material/error:")


def _is_recording(calibration: Calibration) -> bool:
    recording = calibration.recording()
    return recording is not None and recording.state is RecordingState.RECORDING


def _face(calibration: Calibration) -> tuple[object, ...]:
    """Everything outside the booth that a recording, or another tab, can change."""
    good = sum(heard.check.good for heard in calibration.heard.values())
    return _is_recording(calibration), len(calibration.heard), good


# What is kept


def _kept(calibration: Calibration) -> None:
    try:
        voice = calibration.voice
    except AttuneError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if voice is None and not calibration.problem:
        return
    with st.container(border=True, key="kept"):
        if voice is None:
            st.warning(plain(calibration.problem), icon=":material/warning:")
        with st.container(horizontal=True, vertical_alignment="center"):
            if voice is not None:
                st.session_state[_ENABLED] = voice.enabled
                st.toggle("Use it at the microphone", key=_ENABLED, on_change=_switch, args=(calibration,))
                st.markdown(plain(_summary(voice)))
            with st.popover("Delete", icon=":material/delete:"):
                st.write("The model will read your voice as everybody's again.")
                st.button(
                    "Delete for good",
                    key="voice delete",
                    on_click=_delete,
                    args=(calibration,),
                    type="primary",
                )
        if voice is not None and voice.before is not None and voice.after is not None:
            st.html(scores(voice.before, voice.after))


def _summary(voice: PersonalVoice) -> str:
    day, _, clock = voice.made_at.partition("T")
    count = sum(voice.clips)
    sort = " neutral" if voice.clips[0] == count else ""
    return f"Adapted to {count}{sort} takes of yours, {day} {clock[:5]} UTC."


def _switch(calibration: Calibration) -> None:
    st.session_state.pop(_TRIAL, None)
    _attempt(lambda: calibration.enable(bool(st.session_state[_ENABLED])))


def _delete(calibration: Calibration) -> None:
    st.session_state.pop(_TRIAL, None)
    _attempt(calibration.delete)


# Steps


def _mode() -> tuple[Prompt, ...]:
    st.session_state.setdefault(_MODE, _ALL)
    return prompts_for(neutral_only=st.session_state[_MODE] == _NEUTRAL)


def _index(prompts: tuple[Prompt, ...]) -> int:
    return min(int(st.session_state.get(_INDEX, 0)), len(prompts) - 1)


def _take_note(calibration: Calibration) -> None:
    """When the take that this tab asked for is judged, go on to the next sentence if it was good."""
    asked = st.session_state.get(_ASKED)
    if asked is None or _is_recording(calibration):
        return
    del st.session_state[_ASKED]
    st.session_state[_LAST] = asked
    heard = calibration.heard
    if asked in heard and heard[asked].check.good:
        prompts = _mode()
        st.session_state[_INDEX] = next_open(prompts, heard, _index(prompts))


def _microphones(desk: Desk) -> dict[str, Choice]:
    return {choice.key: choice for choice in desk.choices if choice.spec.kind is SourceKind.MICROPHONE}


def _steps(desk: Desk, prompts: tuple[Prompt, ...]) -> None:
    calibration, busy = desk.engine.calibration, _is_recording(desk.engine.calibration)
    offered = _microphones(desk)
    if st.session_state.get(_SOURCE) not in offered:
        st.session_state[_SOURCE] = next(iter(offered))
    index = _index(prompts)
    with st.container(border=True, key="steps"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                "Sentences", (_ALL, _NEUTRAL), key=_MODE, disabled=busy, on_change=_begin_again, width=290
            )
            st.selectbox(
                "Microphone",
                list(offered),
                key=_SOURCE,
                format_func=lambda key: offered[key].label,
                disabled=busy,
                width=290,
            )
            if busy:
                st.button(
                    "Stop",
                    key="voice stop",
                    type="primary",
                    icon=":material/stop:",
                    on_click=_stop,
                    args=(desk,),
                )
            elif desk.suggestion.kind is SourceKind.DEMO:
                st.button(
                    "Look for microphones",
                    key="voice refresh",
                    icon=":material/refresh:",
                    on_click=_attempt,
                    args=(desk.refresh,),
                )
            else:
                st.button(
                    "Record",
                    key="voice record",
                    type="primary",
                    icon=":material/mic:",
                    on_click=_record,
                    args=(desk, prompts[index]),
                )
            for label, step, icon in (("Back", -1, "arrow_back"), ("Skip", 1, "arrow_forward")):
                st.button(
                    label,
                    key=f"voice {label}",
                    icon=f":material/{icon}:",
                    disabled=busy or not 0 <= index + step < len(prompts),
                    on_click=_go,
                    args=(index + step,),
                )
        if desk.suggestion.kind is SourceKind.DEMO:
            _fallback(calibration, prompts[index])


def _fallback(calibration: Calibration, prompt: Prompt) -> None:
    """Take the browser's microphone where the program finds none of its own."""
    st.caption("This program finds no microphone. If your browser has one, record the sentence with it.")
    sound: Any = st.audio_input("Record in the browser", key=f"voice audio {prompt.key}", sample_rate=None)
    if sound is not None and st.session_state.get(_TAKEN) != sound.file_id:
        st.session_state[_TAKEN] = sound.file_id
        st.session_state[_ASKED] = prompt.key
        _attempt(lambda: calibration.add(prompt.key, prompt.emotion, sound.getvalue()))
        st.rerun()


def _begin_again() -> None:
    st.session_state[_INDEX] = 0


def _go(index: int) -> None:
    st.session_state[_INDEX] = index
    st.session_state.pop(_LAST, None)


def _record(desk: Desk, prompt: Prompt) -> None:
    spec = _microphones(desk)[st.session_state[_SOURCE]].spec
    _attempt(lambda: _begin(desk.engine.calibration, prompt, spec))


def _begin(calibration: Calibration, prompt: Prompt, spec: SourceSpec) -> None:
    st.session_state.pop(_TRIAL, None)
    calibration.record(prompt.key, prompt.emotion, spec)
    st.session_state[_ASKED] = prompt.key


def _stop(desk: Desk) -> None:
    _attempt(desk.engine.calibration.stop_recording)


def _draw(desk: Desk, prompts: tuple[Prompt, ...]) -> None:
    """Draw the booth; runs four times a second while recording, apart from the rest of the page."""

    def draw() -> bool:
        desk.engine.heartbeat()
        calibration = desk.engine.calibration
        view = Booth(
            prompts,
            _index(prompts),
            calibration.heard,
            calibration.recording(),
            st.session_state.get(_LAST),
            Thresholds(
                desk.engine.threshold,
                desk.engine.settings.energy_threshold,
                desk.engine.settings.pleasantness_threshold,
            ),
        )
        _show_booth(key="booth", data={"html": booth(view), "title": view.title})
        return bool(_face(calibration) != st.session_state.get(_FACE))

    draw_part("booth", draw)


# The fit


def _fit(calibration: Calibration) -> None:
    neutral_only = st.session_state[_MODE] == _NEUTRAL
    labels = [
        EMOTIONS.index(heard.emotion)
        for heard in calibration.heard.values()
        if heard.check.good and not (neutral_only and heard.emotion is not EMOTIONS[0])
    ]
    missing = ""
    try:
        check_clips(labels)
    except AttuneError as error:
        missing = str(error)
    with st.container(horizontal=True, vertical_alignment="center", key="fit"):
        st.button(
            "Fit to my voice",
            key="voice fit",
            type="primary",
            icon=":material/tune:",
            disabled=bool(missing) or _is_recording(calibration),
            on_click=_fit_now,
            args=(calibration, neutral_only),
        )
        st.caption(plain(missing or f"{len(labels)} good takes. More takes of more emotions adapt better."))
    trial: Trial | None = st.session_state.get(_TRIAL)
    if trial is None:
        return
    if trial.better:
        st.success("Kept, and used at the microphone from now on.", icon=":material/check:")
        return
    st.warning(
        f"{trial.verdict}, so it was not kept. Clearer acting or more takes may help.",
        icon=":material/warning:",
    )
    st.html(scores(trial.before, trial.after))
    st.button("Keep it anyway", key="voice keep", on_click=_keep, args=(calibration, trial))


def _fit_now(calibration: Calibration, neutral_only: bool) -> None:
    def command() -> None:
        trial = calibration.fit(neutral_only=neutral_only)
        if trial.better:
            calibration.keep(trial.voice)
        st.session_state[_TRIAL] = trial

    _attempt(command)


def _keep(calibration: Calibration, trial: Trial) -> None:
    st.session_state.pop(_TRIAL, None)
    _attempt(lambda: calibration.keep(trial.voice))

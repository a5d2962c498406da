"""The page "Your voice": the sentences to say, Record, the fit, and the switch of what is kept."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from attune.dashboard.components.browser_component import browser_component
from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.fragments import draw_every
from attune.dashboard.components.listening_indicator import listening_indicator
from attune.dashboard.components.page_header import open_page
from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import run_command, show_problem
from attune.dashboard.translations import N_, gettext_now, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.calibration_view import (
    CalibrationView,
    Thresholds,
    calibration_view,
    fit_scores,
    next_open,
)
from attune.dashboard.views.formatting import day_text
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.source_choices import MICROPHONE_GONE, SourceChoice
from core.emotions import EMOTIONS
from core.errors import AttuneError
from models.emotion.personal import (
    PersonalVoice,
    ValidatedFit,
    VoiceClips,
    check_clips,
    usable_corrections,
)
from realtime.calibration.prompts import Prompt, prompts_for
from realtime.calibration.take_recorder import RecordingState
from realtime.capture.source import SourceKind

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from realtime.calibration.calibration import Calibration

_TICK_S: Final = 0.25
_IDLE_TICK_S: Final = 1.0
_ALL: Final = N_("All emotions, about three minutes")
_NEUTRAL: Final = N_("Only neutral, half a minute")

_AGAIN_WITHOUT: Final = N_("Fit again without corrections")
_AGAIN_HELP: Final = N_("Your sentences and what you corrected since are learnt together")

_LOG = logging.getLogger(__name__)
_PLACE: Final = "voice"
# Keys of the session state; each stands for one browser tab
_MODE: Final = "voice mode"
_SOURCE: Final = "voice source"
_INDEX: Final = "voice index"
_RECORDED: Final = "voice recorded"
_LAST: Final = "voice last"
_TAKEN: Final = "voice taken"
_TRIAL: Final = "voice trial"
_ENABLED: Final = "voice enabled"

_show_calibration = browser_component(
    "calibration",
    "live_board.css",
    "calibration.css",
    script=("page_title.js", "keep_alive.js", "calibration.js"),
)


def page() -> None:
    """Draw the page."""
    context = open_page(
        N_("Your voice"),
        N_(
            "Everybody sounds different: act some short sentences, and the model learns how you sound. "
            "No sound is kept, only a small file of numbers, and you can switch it off or delete it."
        ),
    )
    listening_indicator(context)
    calibration = context.engine.calibration
    _follow_recording(calibration)
    drawn = _shown_state(calibration)
    _kept(context.engine)
    prompts = _prompts()
    _steps(context, prompts)
    show_problem(_PLACE)
    draw_every(
        _TICK_S if _is_recording(calibration) else _IDLE_TICK_S,
        "calibration",
        lambda: _draw(context.engine, prompts),
        out_of_date=lambda: _shown_state(calibration) != drawn,
    )
    _fit(context.engine)


def _is_recording(calibration: Calibration) -> bool:
    recording = calibration.recording()
    return recording is not None and recording.state is RecordingState.RECORDING


def _shown_state(calibration: Calibration) -> tuple[object, ...]:
    """Everything outside the calibration view that a recording, or another tab, can change."""
    good = sum(take.check.good for take in calibration.takes.values())
    return _is_recording(calibration), len(calibration.takes), good, _kept_state(calibration)


def _kept_state(calibration: Calibration) -> tuple[object, ...]:
    try:
        voice = calibration.voice
    except AttuneError as error:
        return (str(error),)
    kept = () if voice is None else (voice.made_at, voice.corrections, voice.enabled)
    return calibration.problem, *kept


# What is kept


def _kept(engine: Engine) -> None:
    calibration = engine.calibration
    try:
        voice = calibration.voice
    except AttuneError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return
    if voice is None and not calibration.problem:
        return
    with st.container(border=True, key="kept"):
        if voice is None:
            st.warning(escape_markdown(calibration.problem), icon=":material/warning:")
        with st.container(horizontal=True, vertical_alignment="center"):
            if voice is not None:
                st.session_state[_ENABLED] = voice.enabled
                st.toggle(_("Use it at the microphone"), key=_ENABLED, on_change=_switch, args=(calibration,))
                st.markdown(escape_markdown(_summary(voice)))
            with st.popover(_("Delete"), icon=":material/delete:"):
                st.write(_("The model will read your voice as everybody's again."))
                command_button(
                    _("Delete for good"),
                    "voice delete",
                    _PLACE,
                    partial(_delete, calibration),
                    type="primary",
                )
        if voice is not None and voice.before is not None and voice.after is not None:
            st.html(fit_scores(voice.before, voice.after))
        if voice is not None and voice.takes is not None:
            _offer_another_fit(engine, voice.takes, voice.corrections)


def _offer_another_fit(engine: Engine, takes: VoiceClips, used: int) -> None:
    """Offer to learn from corrections that were made, or taken back, since the voice was kept."""
    count = len(usable_corrections(takes, _corrections(engine)))
    if count != used:
        label = _again(count) if count else _(_AGAIN_WITHOUT)
        again = partial(_fit_again, engine)
        command_button(label, "voice again", _PLACE, again, icon="tune", help=_(_AGAIN_HELP))


def _corrections(engine: Engine) -> VoiceClips | None:
    try:
        return engine.corrections.clips()
    except AttuneError as error:
        _LOG.info("corrections are left out: %s", error)
        return None


def _again(corrections: int) -> str:
    return ngettext(
        "Fit again with your {count} correction", "Fit again with your {count} corrections", corrections
    ).format(count=corrections)


def _summary(voice: PersonalVoice) -> str:
    count = sum(voice.clips)
    if voice.clips[0] == count:
        takes = ngettext("{count} neutral take of yours", "{count} neutral takes of yours", count)
    else:
        takes = ngettext("{count} take of yours", "{count} takes of yours", count)
    corrections = ngettext("{count} correction", "{count} corrections", voice.corrections)
    if voice.corrections:
        said = _("Adapted to {takes} and {corrections}, {moment}.")
    else:
        said = _("Adapted to {takes}, {moment}.")
    return said.format(
        takes=takes.format(count=count),
        corrections=corrections.format(count=voice.corrections),
        moment=_moment(voice),
    )


def _moment(voice: PersonalVoice) -> str:
    made = voice.made
    return voice.made_at if made is None else f"{day_text(made.date())}, {made:%H:%M}"


def _switch(calibration: Calibration) -> None:
    st.session_state.pop(_TRIAL, None)
    run_command(_PLACE, partial(calibration.enable, bool(st.session_state[_ENABLED])))


def _delete(calibration: Calibration) -> None:
    st.session_state.pop(_TRIAL, None)
    calibration.delete()


# Steps


def _prompts() -> tuple[Prompt, ...]:
    st.session_state.setdefault(_MODE, _ALL)
    return prompts_for(neutral_only=st.session_state[_MODE] == _NEUTRAL)


def _index(prompts: tuple[Prompt, ...]) -> int:
    return min(int(st.session_state.get(_INDEX, 0)), len(prompts) - 1)


def _follow_recording(calibration: Calibration) -> None:
    """When what this tab recorded is over, go on to the next sentence if the take was good."""
    recorded = st.session_state.get(_RECORDED)
    if recorded is None or _is_recording(calibration):
        return
    del st.session_state[_RECORDED]
    recording = calibration.recording()
    if recording is not None and recording.state is RecordingState.FAILED:
        # A take of the same sentence from before is still there, and says nothing of this one.
        st.session_state.pop(_LAST, None)
    else:
        _go_on(calibration, recorded)


def _go_on(calibration: Calibration, key: str) -> None:
    """Show how a take was, and go on to the next sentence if it was good."""
    st.session_state[_LAST] = key
    takes = calibration.takes
    if key in takes and takes[key].check.good:
        prompts = _prompts()
        st.session_state[_INDEX] = next_open(prompts, takes, _index(prompts))


def _microphones(context: AppContext) -> dict[str, SourceChoice]:
    return {choice.key: choice for choice in context.choices if choice.spec.kind is SourceKind.MICROPHONE}


def _steps(context: AppContext, prompts: tuple[Prompt, ...]) -> None:
    calibration, busy = context.engine.calibration, _is_recording(context.engine.calibration)
    offered = _microphones(context)
    if st.session_state.get(_SOURCE) not in offered:
        st.session_state[_SOURCE] = next(iter(offered))
    index = _index(prompts)
    without_microphone = context.suggestion.kind is SourceKind.DEMO
    with st.container(border=True, key="steps"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                _("Sentences"),
                (_ALL, _NEUTRAL),
                key=_MODE,
                format_func=gettext_now(),
                disabled=busy,
                on_change=_begin_again,
                width=290,
            )
            st.selectbox(
                _("Microphone"),
                list(offered),
                key=_SOURCE,
                format_func=lambda key: offered[key].label,
                disabled=busy,
                width=290,
            )
            if busy:
                stop = calibration.stop_recording
                command_button(_("Stop"), "voice stop", _PLACE, stop, icon="stop", type="primary")
            elif without_microphone:
                command_button(
                    _("Look for microphones"), "voice refresh", _PLACE, context.refresh, icon="refresh"
                )
            else:
                record = partial(_record, context, prompts[index])
                command_button(_("Record"), "voice record", _PLACE, record, icon="mic", type="primary")
            for label, step, icon in ((N_("Back"), -1, "arrow_back"), (N_("Skip"), 1, "arrow_forward")):
                st.button(
                    _(label),
                    key=f"voice {label}",
                    icon=f":material/{icon}:",
                    disabled=busy or not 0 <= index + step < len(prompts),
                    on_click=_go,
                    args=(index + step,),
                )
        if without_microphone:
            _browser_microphone(calibration, prompts[index])


def _browser_microphone(calibration: Calibration, prompt: Prompt) -> None:
    """Take the browser's microphone where the program finds none of its own."""
    st.caption(_("This program finds no microphone. If your browser has one, record the sentence with it."))
    sound: Any = st.audio_input(_("Record in the browser"), key=f"voice audio {prompt.key}", sample_rate=None)
    if sound is not None and st.session_state.get(_TAKEN) != sound.file_id:
        st.session_state[_TAKEN] = sound.file_id
        run_command(_PLACE, lambda: _add(calibration, prompt, sound.getvalue()))
        st.rerun()


def _add(calibration: Calibration, prompt: Prompt, sound: bytes) -> None:
    calibration.add(prompt.key, prompt.emotion, sound)
    _go_on(calibration, prompt.key)


def _begin_again() -> None:
    st.session_state[_INDEX] = 0


def _go(index: int) -> None:
    st.session_state[_INDEX] = index
    st.session_state.pop(_LAST, None)


def _record(context: AppContext, prompt: Prompt) -> None:
    chosen = _microphones(context).get(st.session_state[_SOURCE])
    if chosen is None:
        raise AttuneError(_(MICROPHONE_GONE))
    st.session_state.pop(_TRIAL, None)
    context.engine.calibration.record(prompt.key, prompt.emotion, chosen.spec)
    st.session_state[_RECORDED] = prompt.key


def _draw(engine: Engine, prompts: tuple[Prompt, ...]) -> None:
    """Draw the sentence and the takes; runs four times a second while recording, apart from the rest."""
    engine.heartbeat()
    settings = engine.settings
    view = CalibrationView(
        prompts,
        _index(prompts),
        engine.calibration.takes,
        engine.calibration.recording(),
        st.session_state.get(_LAST),
        Thresholds(engine.threshold, settings.energy_threshold, settings.pleasantness_threshold),
    )
    _show_calibration(key="calibration", data={"html": calibration_view(view), "title": view.title})


# The fit


def _fit(engine: Engine) -> None:
    calibration = engine.calibration
    neutral_only = st.session_state[_MODE] == _NEUTRAL
    labels = [
        EMOTIONS.index(take.emotion)
        for take in calibration.takes.values()
        if take.check.good and not (neutral_only and take.emotion is not EMOTIONS[0])
    ]
    missing = ""
    try:
        check_clips(labels)
    except AttuneError as error:
        missing = str(error)
    with st.container(horizontal=True, vertical_alignment="center", key="fit"):
        command_button(
            _("Fit to my voice"),
            "voice fit",
            _PLACE,
            partial(_fit_now, engine, neutral_only),
            icon="tune",
            type="primary",
            disabled=bool(missing) or _is_recording(calibration),
        )
        st.caption(escape_markdown(missing or _good_takes(len(labels))))
    trial: ValidatedFit | None = st.session_state.get(_TRIAL)
    if trial is None:
        return
    if trial.better:
        st.success(_("Kept, and used at the microphone from now on."), icon=":material/check:")
        return
    st.warning(
        _("{verdict}, so it was not kept. Clearer acting or more takes may help.").format(
            verdict=trial.verdict
        ),
        icon=":material/warning:",
    )
    st.html(fit_scores(trial.before, trial.after))
    command_button(_("Keep it anyway"), "voice keep", _PLACE, partial(_keep, calibration, trial))


def _good_takes(count: int) -> str:
    return ngettext(
        "{count} good take. More takes of more emotions adapt better.",
        "{count} good takes. More takes of more emotions adapt better.",
        count,
    ).format(count=count)


def _fit_now(engine: Engine, neutral_only: bool) -> None:
    _try(
        engine.calibration,
        engine.calibration.fit(neutral_only=neutral_only, corrections=_corrections(engine)),
    )


def _fit_again(engine: Engine) -> None:
    _try(engine.calibration, engine.calibration.fit_again(_corrections(engine)))


def _try(calibration: Calibration, trial: ValidatedFit) -> None:
    if trial.better:
        calibration.keep(trial.voice)
    st.session_state[_TRIAL] = trial


def _keep(calibration: Calibration, trial: ValidatedFit) -> None:
    st.session_state.pop(_TRIAL, None)
    calibration.keep(trial.voice)

"""Owns the autopilot on its page: how it behaves, what it does now, what happened to the music and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboard.desk import Desk
from dashboard.feelings import background_of
from dashboard.fields import Held, asked, carry_out, hold, tell_problem
from dashboard.markup import Markup, tag
from dashboard.now_playing import MODES
from dashboard.times import as_minutes, as_time, moment
from playback.preferences import Mode
from playback.snapshot import MusicRecord, MusicSnapshot, Phase, RecordKind

if TYPE_CHECKING:
    from engine_music import Music

__all__ = ["autopilot_card", "doing_now", "records_table"]

_PLACE: Final = "autopilot"
_MODE: Final = "autopilot mode"
_CALL: Final = "autopilot call"
_DWELL: Final = "autopilot dwell"
_COOLDOWN: Final = "autopilot cooldown"
_OVERRIDE: Final = "autopilot override"
_FROM: Final = "autopilot from"
_TO: Final = "autopilot to"

_EXPLAINED: Final = {
    Mode.OFF: "The music is left alone.",
    Mode.SUGGEST: "A playlist is proposed, and you press Accept.",
    Mode.AUTO: "The music changes by itself.",
}
_BUSY: Final = (Phase.READY, Phase.HOLDING, Phase.SWITCHING)
_NONE: Final = "\N{EN DASH}"
_KINDS: Final = {
    RecordKind.SWITCHED: "Switched",
    RecordKind.SUGGESTED: "Suggested",
    RecordKind.HELD_BACK: "Held back",
    RecordKind.FAILED: "Failed",
    RecordKind.USER: "You",
    RecordKind.UNDONE: "Undone",
}


def autopilot_card(desk: Desk) -> None:
    """Draw the settings; what it does now is drawn by `doing_now`.

    Parameters
    ----------
    desk
        The engine's.
    """
    music = desk.engine.music
    snapshot = music.snapshot()
    settings = snapshot.preferences.autopilot
    with st.container(horizontal=True, vertical_alignment="center", key="autopilot-mode"):
        mode = hold(_MODE, settings.mode)
        st.segmented_control(
            "Autopilot",
            tuple(MODES),
            default=mode.first,
            key=mode.key,
            required=True,
            format_func=lambda one: MODES[one],
            label_visibility="collapsed",
            on_change=_set_mode,
            args=(music, mode),
        )
        st.html(tag("p", _EXPLAINED[settings.mode], class_="at-lead"), width="content")
        call = hold(_CALL, snapshot.on_call)
        st.toggle("I am on a call", call.first, key=call.key, on_change=_set_call, args=(music, call))
    with st.container(horizontal=True, vertical_alignment="bottom", key="autopilot-numbers"):
        _number(
            music,
            (_DWELL, settings.dwell_s),
            "Hold an emotion for, s",
            120.0,
            step=0.5,
            help_="before the music changes",
        )
        _number(
            music,
            (_COOLDOWN, settings.cooldown_s),
            "Between two changes, s",
            7_200.0,
            low=10.0,
            step=10.0,
            help_="at least so long",
        )
        _number(
            music,
            (_OVERRIDE, settings.override_min),
            "After your own action, min",
            240.0,
            step=5.0,
            help_="it keeps quiet for so long after you have played, paused, skipped or taken something back",
        )
        for name, label, minutes in (
            (_FROM, "Quiet from", settings.quiet_from),
            (_TO, "Quiet to", settings.quiet_to),
        ):
            held = hold(name, as_time(minutes))
            st.time_input(
                label,
                held.first,
                key=held.key,
                help="Between these times nothing is changed; the same time twice: never quiet",
                on_change=_set_setting,
                args=(music, held),
                width=150,
            )
    tell_problem(_PLACE)


def _number(
    music: Music,
    what: tuple[str, float],
    label: str,
    high: float,
    *,
    low: float = 0.0,
    step: float,
    help_: str,
) -> None:
    name, value = what
    held = hold(name, value)
    st.number_input(
        label,
        low,
        high,
        held.first,
        step,
        format="%g",
        key=held.key,
        help=help_.capitalize(),
        on_change=_set_setting,
        args=(music, held),
        width=190,
    )


def _set_mode(music: Music, held: Held) -> None:
    if (mode := asked(held)) is not None:
        carry_out(_PLACE, lambda: music.set_mode(Mode(mode)), held=held)


def _set_call(music: Music, held: Held) -> None:
    if (on := asked(held)) is not None:
        carry_out(_PLACE, lambda: music.set_call(bool(on)))


def _set_setting(music: Music, held: Held) -> None:
    if (value := asked(held)) is not None:
        carry_out(_PLACE, lambda: _change(music, held.name, value), held=held)


def _change(music: Music, name: str, value: Any) -> None:
    preferences = music.snapshot().preferences
    settings = preferences.autopilot
    if name == _DWELL:
        settings = replace(settings, dwell_s=float(value))
    elif name == _COOLDOWN:
        settings = replace(settings, cooldown_s=float(value))
    elif name == _OVERRIDE:
        settings = replace(settings, override_min=float(value))
    elif name == _FROM:
        settings = replace(settings, quiet_from=as_minutes(value))
    else:
        settings = replace(settings, quiet_to=as_minutes(value))
    music.set_preferences(replace(preferences, autopilot=settings))


def doing_now(snapshot: MusicSnapshot, now_s: float) -> Markup:
    """Say what the autopilot does now, and until when.

    Parameters
    ----------
    snapshot
        What to show.
    now_s
        Unix time.
    """
    look = "on" if snapshot.phase in _BUSY else "warn" if snapshot.phase is Phase.UNABLE else "off"
    until = f"until {moment(snapshot.until_s, now_s)}" if snapshot.until_s is not None else ""
    return tag(
        "div",
        tag(
            "p",
            tag("span", class_="dot", aria_hidden="true"),
            tag("strong", snapshot.phase.capitalize(), data_testid="phase"),
            *((tag("span", until, class_="fact", data_testid="until"),) if until else ()),
            class_="head",
        ),
        tag("p", snapshot.says, class_="message", data_testid="says"),
        class_=f"at-connection {look}",
        role="status",
    )


def records_table(records: Sequence[MusicRecord], now_s: float) -> Markup:
    """Draw what happened and why, newest first.

    Parameters
    ----------
    records
        Newest first.
    now_s
        Unix time.
    """
    if not records:
        return tag("p", "Nothing has happened yet.", class_="none-yet")
    heads = ("Time", "What", "Heard", "Playlist", "Why", "Outcome")
    return tag(
        "div",
        tag(
            "table",
            tag("caption", "What happened to the music and why, newest first", class_="hidden"),
            tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
            tag("tbody", *(_record(record, now_s) for record in records)),
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label="What happened and why",
    )


def _record(record: MusicRecord, now_s: float) -> Markup:
    at = dt.datetime.fromtimestamp(record.at_s)
    feeling = record.feeling
    outcome = record.outcome
    return tag(
        "tr",
        tag("td", tag("time", moment(record.at_s, now_s), datetime=f"{at:%Y-%m-%dT%H:%M:%S}"), class_="when"),
        tag("td", _KINDS[record.kind], class_=f"kind {record.kind.replace(' ', '-')}"),
        tag(
            "td",
            tag("span", feeling.capitalize(), class_="chip", style=f"--hue:{background_of(feeling)}")
            if feeling is not None
            else tag("span", _NONE, class_="nothing-of"),
            class_="emotion",
        ),
        tag(
            "td",
            record.playlist.name if record.playlist is not None else tag("span", _NONE, class_="nothing-of"),
            class_="list",
        ),
        tag("td", record.reason, class_="because"),
        tag(
            "td",
            outcome.capitalize() if outcome is not None else tag("span", _NONE, class_="nothing-of"),
            class_="outcome",
        ),
    )

"""Owns what the autopilot remembers, how it hears a feeling out, and what stands in its way. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final, NamedTuple

from models.emotion.plane import Feeling
from playback.attribution import Known
from playback.autopilot_events import Switch, Undo
from playback.autopilot_words import span
from playback.feelings import contains, goes_on
from playback.preferences import AutopilotSettings
from playback.snapshot import Phase

__all__ = [
    "AGAIN_S",
    "GAP_S",
    "AutopilotState",
    "Led",
    "Stretch",
    "Wait",
    "at",
    "goes_on_now",
    "heard",
    "newest",
    "settled",
    "waits",
]

GAP_S: Final = 4.0
"""A feeling lasts over gaps as long as this: people pause between sentences."""

AGAIN_S: Final = 600.0
"""A feeling that was not held for so long counts as a new one; else another must come in between."""

_TIMES: Final = ("settled_s", "changed_s", "acted_s", "offered_s")


class Led(Enum):
    """What the settled feeling has led to."""

    NOTHING = auto()
    SUGGESTION = auto()
    SWITCH = auto()
    """Or there was none to be made."""


class Stretch(NamedTuple):
    """For how long a feeling has been heard: since when, and when last, Unix time."""

    feeling: Feeling
    since_s: float
    heard_s: float

    def lasts(self, at_s: float) -> bool:
        """Whether it was heard just now."""
        return at_s - self.heard_s <= GAP_S

    def is_held(self, at_s: float, settings: AutopilotSettings) -> bool:
        """Whether it was held for the dwell time; silence after it does not count towards that."""
        return self.lasts(at_s) and self.heard_s - self.since_s >= settings.dwell_s


@dataclass(frozen=True, slots=True)
class AutopilotState:
    """What the autopilot remembers between two events.

    Parameters
    ----------
    at_s, minute_of_day
        Time of the last event, and local minute of the last tick; None before.
    listening, on_call
        As last seen.
    stretches
        What is heard now or was a moment ago, the narrowest first; each lies within the next.
    settled, settled_s, led_to
        The feeling that was last held for the dwell time, when last, and what came of it.
    refused
        A person has said not now to it, or to a direction that has turned out to be it.
    served
        The feeling for which the music was last changed.
    told
        What has been recorded as standing in its way.
    able, unable_message, unable_until_s
        Whether the player can play, and why not.
    known
        What the player does.
    under_way
        What it is asked to do at this moment.
    undo
        How the last switch is taken back.
    changed_s, acted_s
        When the music was last changed from here, and when a person last had their way.
    played
        Addresses of what played, the newest last.
    offer, offered_s
        What is suggested, and since when.
    """

    at_s: float = 0.0
    minute_of_day: int | None = None
    listening: bool = False
    on_call: bool = False
    stretches: tuple[Stretch, ...] = ()
    settled: Feeling | None = None
    settled_s: float = 0.0
    led_to: Led = Led.NOTHING
    refused: bool = False
    served: Feeling | None = None
    told: frozenset[str] = frozenset()
    able: bool = False
    unable_message: str = ""
    unable_until_s: float | None = None
    known: Known = field(default_factory=Known)
    under_way: Switch | Undo | None = None
    undo: Undo | None = None
    changed_s: float | None = None
    acted_s: float | None = None
    played: tuple[str, ...] = ()
    offer: Switch | None = None
    offered_s: float = 0.0


class Wait(NamedTuple):
    """What keeps the autopilot from changing the music: for programs, as a clause, and until when."""

    phase: Phase
    clause: str
    until_s: float | None = None


def at(state: AutopilotState, at_s: float) -> AutopilotState:
    """Let time pass; where a clock was set back, what is remembered goes back with it."""
    back_s = state.at_s - at_s
    if back_s <= GAP_S:  # threads hand in their events a moment out of order
        return replace(state, at_s=max(state.at_s, at_s))
    times = {key: time_s - back_s for key in _TIMES if (time_s := getattr(state, key)) is not None}
    known = replace(state.known, settled_s=state.known.settled_s - back_s)
    stretches = tuple(
        one._replace(since_s=one.since_s - back_s, heard_s=one.heard_s - back_s) for one in state.stretches
    )
    return replace(state, at_s=at_s, known=known, stretches=stretches, **times)


def heard(state: AutopilotState, feeling: Feeling | None) -> AutopilotState:
    """Take what is felt; None changes nothing, for a gap is told by the time that it lasts.

    A direction that was heard goes on while what lies within it is heard. A direction says nothing against
    what was heard within it: that is as in a gap. Everything else ends.
    """
    if feeling is None or not state.listening:
        return state
    now_s = state.at_s
    before = [one for one in state.stretches if one.lasts(now_s)]
    since_s = next((one.since_s for one in before if one.feeling is feeling), now_s)
    within = [one for one in before if contains(feeling, one.feeling)]
    around = [one._replace(heard_s=now_s) for one in before if contains(one.feeling, feeling)]
    return replace(state, stretches=(*within, Stretch(feeling, since_s, now_s), *around))


def newest(state: AutopilotState) -> Stretch | None:
    """What was heard last, if just now."""
    lasting = [one for one in state.stretches if one.lasts(state.at_s)]
    return max(lasting, key=lambda one: one.heard_s, default=None)  # the narrowest of those just heard


def goes_on_now(state: AutopilotState, settings: AutopilotSettings) -> bool:
    """Whether the settled feeling holds still, if only as a direction that contains it."""
    held = _held(state, settings)
    return held is not None and state.settled is not None and goes_on(state.settled, held.feeling)


def settled(state: AutopilotState, settings: AutopilotSettings) -> AutopilotState:
    """Settle on the narrowest feeling that was held for the dwell time, afresh where it is a new one."""
    held = _held(state, settings)
    if held is None:
        return state
    same = state.settled is not None and goes_on(state.settled, held.feeling)
    if same and held.since_s - state.settled_s < AGAIN_S:
        return replace(state, settled_s=held.heard_s)
    narrows = state.settled is not None and contains(state.settled, held.feeling)
    return replace(
        state,
        settled=held.feeling,
        settled_s=held.heard_s,
        led_to=Led.NOTHING,
        refused=state.refused and narrows,
        told=frozenset(),
    )


def _held(state: AutopilotState, settings: AutopilotSettings) -> Stretch | None:
    return next((one for one in state.stretches if one.is_held(state.at_s, settings)), None)


def waits(state: AutopilotState, settings: AutopilotSettings) -> Wait | None:  # noqa: PLR0911 - one for each
    """What stands in the way of any change, the weightiest first."""
    if state.under_way is not None:
        return Wait(Phase.SWITCHING, "the music is being changed")
    if not state.listening:
        return Wait(Phase.DEAF, "nothing is listened to")
    if not state.able:
        why = f": {state.unable_message}" if state.unable_message else ""
        clause = f"the player cannot play{why or ' just now'}"
        return Wait(Phase.UNABLE, clause, state.unable_until_s)
    if state.on_call:
        return Wait(Phase.CALL, "a call is on")
    if _is_quiet(state.minute_of_day, settings):
        until = f"{settings.quiet_to // 60:02d}:{settings.quiet_to % 60:02d}"
        return Wait(Phase.QUIET, f"these are quiet hours, until {until}", _quiet_until_s(state, settings))
    override_s = 60 * settings.override_min
    if state.acted_s is not None and state.at_s < state.acted_s + override_s:
        clause = f"the autopilot keeps quiet for {span(override_s)} after something that you did yourself"
        return Wait(Phase.OVERRIDDEN, clause, state.acted_s + override_s)
    if state.changed_s is not None and state.at_s < state.changed_s + settings.cooldown_s:
        clause = f"at least {span(settings.cooldown_s)} lie between two changes"
        return Wait(Phase.COOLING, clause, state.changed_s + settings.cooldown_s)
    return None


def _is_quiet(minute: int | None, settings: AutopilotSettings) -> bool:
    start, end = settings.quiet_from, settings.quiet_to
    if start == end:
        return False
    if minute is None:
        return True  # the time is not known yet: rather too quiet than too loud
    return start <= minute < end if start < end else minute >= start or minute < end


def _quiet_until_s(state: AutopilotState, settings: AutopilotSettings) -> float | None:
    if state.minute_of_day is None:
        return None
    minutes = (settings.quiet_to - state.minute_of_day) % 1440
    return state.at_s - state.at_s % 60 + 60 * minutes

"""What the autopilot remembers, how long feelings last, and what keeps the music from changing. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final, NamedTuple

from core.directions import Feeling
from core.phrases import Phrase
from playback.autopilot.attribution import TrackedState
from playback.autopilot.events import Switch, Undo, Withdraw
from playback.autopilot.wording import duration
from playback.mapping.feelings import contains, continues, overlaps
from playback.player import Playlist
from playback.preferences.preferences import AutopilotSettings, Mode
from playback.snapshot import Phase

GAP_S: Final = 4.0  # a feeling lasts over gaps as long as this: people pause between sentences

AGAIN_S: Final = 600.0
"""A feeling that was not held for so long counts as a new one; else another must come in between."""

_TIMES: Final = ("confirmed_s", "changed_s", "user_acted_s", "suggested_s")


class ResponseStage(Enum):
    """What the confirmed feeling has led to."""

    NOTHING = auto()
    SUGGESTION = auto()
    SWITCH = auto()  # or there was none to be made


class FeelingSpan(NamedTuple):
    """How long a feeling has been heard: since when, and when last, Unix time."""

    feeling: Feeling
    since_s: float
    last_s: float

    def is_current(self, at_s: float) -> bool:
        """Whether it was heard just now."""
        return at_s - self.last_s <= GAP_S

    def is_held(self, at_s: float, settings: AutopilotSettings) -> bool:
        """Whether it was held for the dwell time; silence after it does not count towards that."""
        return self.is_current(at_s) and self.last_s - self.since_s >= settings.dwell_s


@dataclass(frozen=True, slots=True)
class AutopilotState:
    """What the autopilot remembers between two events."""

    # Time of the last event, and local minute of the last tick; None before.
    at_s: float = 0.0
    minute_of_day: int | None = None
    # As last reported.
    listening: bool = False
    on_call: bool = False
    # What is heard now or was a moment ago, the narrowest first; each lies within the next.
    spans: tuple[FeelingSpan, ...] = ()
    # The feeling that was last held for the dwell time, when last, and what came of it.
    confirmed: Feeling | None = None
    confirmed_s: float = 0.0
    response: ResponseStage = ResponseStage.NOTHING
    refused: bool = False  # a person has said not now to it, or to a direction that has turned out to be it
    music_for: Feeling | None = None  # the feeling for which the music was last changed
    reported: frozenset[str] = frozenset()  # what has been recorded as keeping the music from changing for it
    # Whether the player can play, and why not.
    able: bool = False
    unable_message: str = ""
    unable_until_s: float | None = None
    player: TrackedState = field(default_factory=TrackedState)  # what is known of the player
    under_way: Switch | Undo | None = None  # what it is asked to do at this moment
    undo: Undo | None = None  # how the last switch is taken back
    # When the music was last changed from here, and when a person last did something that keeps it quiet.
    changed_s: float | None = None
    user_acted_s: float | None = None
    quiet_ended: bool = False  # a person has ended the quiet hours that it is now
    played: tuple[str, ...] = ()  # addresses of what played, each as often as it did, the newest last
    # The switch that is suggested, and since when.
    suggested: Switch | None = None
    suggested_s: float = 0.0

    @property
    def playing(self) -> Playlist | None:
        """The playlist that plays, as far as is known."""
        now = self.player.current
        return now.playlist if now is not None and now.playing else None


class Blocker(NamedTuple):
    """What keeps the autopilot from changing the music: for programs, as a clause, and until when."""

    phase: Phase
    clause: Phrase
    until_s: float | None = None


def advance_clock(state: AutopilotState, at_s: float) -> AutopilotState:
    """Let time pass; where a clock was set back, what is remembered goes back with it."""
    back_s = state.at_s - at_s
    if back_s <= GAP_S:  # threads hand in their events a moment out of order
        return replace(state, at_s=max(state.at_s, at_s))
    times = {key: time_s - back_s for key in _TIMES if (time_s := getattr(state, key)) is not None}
    player = replace(state.player, command_ended_s=state.player.command_ended_s - back_s)
    spans = tuple(
        span._replace(since_s=span.since_s - back_s, last_s=span.last_s - back_s) for span in state.spans
    )
    return replace(state, at_s=at_s, player=player, spans=spans, **times)


def pass_minute(state: AutopilotState, minute: int, settings: AutopilotSettings) -> AutopilotState:
    """Take the local time; quiet hours that a person has ended are over once they would have been."""
    return replace(state, minute_of_day=minute, quiet_ended=state.quiet_ended and _is_quiet(minute, settings))


def end_waits(state: AutopilotState, settings: AutopilotSettings) -> AutopilotState:
    """End whatever a person can end that keeps the autopilot waiting."""
    quiet = _is_quiet(state.minute_of_day, settings)
    return replace(state, on_call=False, quiet_ended=quiet, user_acted_s=None, changed_s=None)


def change_here(
    state: AutopilotState, settings: AutopilotSettings
) -> tuple[AutopilotState, tuple[Withdraw, ...]]:
    """Take what a person asks of the music here as a change of the autopilot's own: consent, no override."""
    withdrawn = () if state.suggested is None else (Withdraw(),)
    changed_s = state.changed_s if settings.mode is Mode.OFF else state.at_s
    return replace(state, suggested=None, changed_s=changed_s), withdrawn


def hear(state: AutopilotState, feeling: Feeling | None) -> AutopilotState:
    """Take what is felt; None changes nothing, for a gap is told by the time that it lasts.

    A direction that was heard goes on while what lies within it is heard. A direction says nothing against
    what was heard within it: that is as in a gap. Everything else ends.
    """
    if feeling is None or not state.listening:
        return state
    now_s = state.at_s
    before = [span for span in state.spans if span.is_current(now_s)]
    since_s = next((span.since_s for span in before if span.feeling is feeling), now_s)
    within = [span for span in before if contains(feeling, span.feeling)]
    around = [span._replace(last_s=now_s) for span in before if contains(span.feeling, feeling)]
    return replace(state, spans=(*within, FeelingSpan(feeling, since_s, now_s), *around))


def latest_span(state: AutopilotState) -> FeelingSpan | None:
    """What was heard last, if just now."""
    current = [span for span in state.spans if span.is_current(state.at_s)]
    return max(current, key=lambda span: span.last_s, default=None)  # the narrowest of those just heard


def still_held(state: AutopilotState, settings: AutopilotSettings) -> bool:
    """Whether the confirmed feeling holds still, if only as a direction that contains it.

    It does not where something else is heard now, though a direction around both goes on.
    """
    held, latest, confirmed = _held(state, settings), latest_span(state), state.confirmed
    if held is None or latest is None or confirmed is None:
        return False
    return continues(confirmed, held.feeling) and overlaps(confirmed, latest.feeling)


def confirm(state: AutopilotState, settings: AutopilotSettings) -> AutopilotState:
    """Confirm the narrowest feeling that was held for the dwell time, afresh where it is a new one."""
    held = _held(state, settings)
    if held is None:
        return state
    same = state.confirmed is not None and continues(state.confirmed, held.feeling)
    if same and held.since_s - state.confirmed_s < AGAIN_S:
        return replace(state, confirmed_s=held.last_s)
    narrows = state.confirmed is not None and contains(state.confirmed, held.feeling)
    return replace(
        state,
        confirmed=held.feeling,
        confirmed_s=held.last_s,
        response=ResponseStage.NOTHING,
        refused=state.refused and narrows,
        reported=frozenset(),
    )


def _held(state: AutopilotState, settings: AutopilotSettings) -> FeelingSpan | None:
    return next((span for span in state.spans if span.is_held(state.at_s, settings)), None)


def blocker(state: AutopilotState, settings: AutopilotSettings) -> Blocker | None:  # noqa: PLR0911 - one for each
    """What keeps the music from changing at all, the weightiest first."""
    if state.under_way is not None:
        return Blocker(Phase.SWITCHING, Phrase("the music is being changed"))
    if not state.listening:
        return Blocker(Phase.NOT_LISTENING, Phrase("nothing is listened to"))
    if not state.able:
        return Blocker(Phase.UNABLE, _unable(state.unable_message), state.unable_until_s)
    if state.on_call:
        return Blocker(Phase.CALL, Phrase("a call is on"))
    if _is_quiet(state.minute_of_day, settings) and not state.quiet_ended:
        until = f"{settings.quiet_to // 60:02d}:{settings.quiet_to % 60:02d}"
        clause = Phrase("these are quiet hours, until {time}", time=until)
        return Blocker(Phase.QUIET, clause, _quiet_until_s(state, settings))
    override_s = 60 * settings.override_min
    if state.user_acted_s is not None and state.at_s < state.user_acted_s + override_s:
        clause = Phrase(
            "the autopilot keeps quiet for {time} after something that you did yourself",
            time=duration(override_s),
        )
        return Blocker(Phase.OVERRIDDEN, clause, state.user_acted_s + override_s)
    if state.changed_s is not None and state.at_s < state.changed_s + settings.cooldown_s:
        clause = Phrase("at least {time} lie between two changes", time=duration(settings.cooldown_s))
        return Blocker(Phase.COOLING, clause, state.changed_s + settings.cooldown_s)
    return None


def _unable(message: str) -> Phrase:
    if not message:
        return Phrase("the player cannot play just now")
    return Phrase("the player cannot play: {why}", why=Phrase(message))


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

"""The one verdict of the Live page: what is felt, which is what the music follows, in a word and a line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import feeling_name
from attune.dashboard.views.formatting import capitalized, moment, percent
from attune.dashboard.views.source_choices import source_name
from attune.dashboard.views.statements import UNSURE
from core.directions import Feeling
from core.emotions import EMOTIONS, Emotion
from models.resample import SAMPLE_RATE_HZ
from realtime.response import feeling_to_follow
from realtime.snapshot import (
    Decision,
    DecisionKind,
    ListenerState,
    Snapshot,
    SustainedEmotion,
    plane_words,
)

WINDOW_S: Final = 3.0  # that a decision is about

NO_VOICE: Final = N_("No voice")
ONLY_MUSIC: Final = N_("Only music")
SURE: Final = N_("{share} sure")
MOSTLY: Final = N_("Mostly {emotion} over the last 30 s")
NOBODY: Final = N_("Nobody is speaking. {mostly}")
CLOSEST: Final = N_("No single emotion is clear; the closest is {emotion} ({share})")
QUIET_ROOM: Final = N_("Nobody has spoken in the last 3 seconds")
MUSIC_ALONE: Final = N_("No voice stands out from the music")
WAITING: Final = (
    N_("Listening"),
    N_("The first answer comes after 3 seconds of sound: {heard} so far"),
)
ADDS_UP: Final = N_("The newest words alone are not clear, but the last 30 s add up to {emotion} ({share}).")
COUNTS_ON: Final = N_("What was said before counts for a while: it adds up to {emotion} ({share}).")
CLEAR_SIDE: Final = N_("No single emotion is clear enough, but the voice is clearly {direction}.")
NOTHING_YET: Final = N_("No decision has been taken yet.")
NO_SOUND: Final = N_("No sound comes in, so nothing is decided.")
LOST: Final = N_("{source} has stopped delivering sound. It will be opened again as soon as it is back.")
PAUSED_UNTIL: Final = N_("Paused until {time}.")
PAUSED: Final = N_("Paused until you resume.")
WITHOUT_SOUND: Final = {
    ListenerState.STOPPED: (N_("Not listening"), N_("Choose what to listen to and press Start.")),
    ListenerState.PAUSED: (N_("Paused"), ""),
    ListenerState.STARTING: (N_("Starting"), N_("The source is being opened.")),
    ListenerState.DEVICE_LOST: (N_("Device lost"), N_("Trying to open it again by its name.")),
    ListenerState.FINISHED: (N_("Finished"), N_("The recording is over. Press Start to hear it again.")),
    ListenerState.FAILED: (
        N_("Not listening"),
        N_("The sentence above says why; choose a source and press Start."),
    ),
}


@dataclass(frozen=True, slots=True)
class LiveVerdict:
    """What is felt."""

    look: str  # CSS classes: how sure it is
    headline: str  # a word or a few
    detail: str  # a line beside it
    reason: str  # one sentence on why
    feeling: Feeling | None = None  # what the music follows; None where nothing is sure

    @property
    def emotion(self) -> Emotion | None:
        """Whose colour it has; None for a direction, and where nothing is sure."""
        return self.feeling if isinstance(self.feeling, Emotion) else None


def shown_decision(snapshot: Snapshot) -> Decision | None:
    """Take the decision that speaks of the present: none unless sound is being taken in."""
    return snapshot.decision if snapshot.state is ListenerState.LISTENING else None


def verdict_of(snapshot: Snapshot) -> LiveVerdict:
    """Say what the music follows: an accepted emotion, else the sustained one, else a direction.

    Parameters
    ----------
    snapshot
        The listener's.
    """
    decision = shown_decision(snapshot)
    if decision is None:
        return _without_decision(snapshot)
    feeling = feeling_to_follow(decision, snapshot.sustained)
    if decision.emotion is not None:
        return _accepted(decision, decision.emotion, snapshot.sustained)
    if isinstance(feeling, Emotion) and snapshot.sustained is not None:
        return _sustained(decision, feeling, snapshot.sustained)
    if decision.kind is DecisionKind.NO_SPEECH:
        only_music = snapshot.reading is not None and snapshot.reading.only_music
        headline, detail = (ONLY_MUSIC, MUSIC_ALONE) if only_music else (NO_VOICE, QUIET_ROOM)
        return LiveVerdict("quiet hushed", _(headline), _(detail), _(decision.reason))
    closest = _closest(decision)
    if feeling is not None:
        why = _(CLEAR_SIDE).format(direction=feeling_name(feeling))
        return LiveVerdict("leaning", capitalized(feeling_name(feeling)), closest, why, feeling)
    half = capitalized(_(plane_words(decision.energy, decision.pleasantness)))
    return LiveVerdict("unsure", _(UNSURE), f"{half}. {closest}" if half else closest, _(decision.reason))


def _closest(decision: Decision) -> str:
    if decision.leading is None:
        return ""
    share = percent(decision.confidence)
    return _(CLOSEST).format(emotion=feeling_name(decision.leading), share=share)


def _without_decision(snapshot: Snapshot) -> LiveVerdict:
    if snapshot.state is ListenerState.LISTENING:
        heard_s = min(WINDOW_S, snapshot.clock / SAMPLE_RATE_HZ)
        headline, detail = map(_, WAITING)
        return LiveVerdict("empty", headline, detail.format(heard=f"{heard_s:.0f}"), _(NOTHING_YET))
    headline, detail = map(_, WITHOUT_SOUND[snapshot.state])
    return LiveVerdict("empty", headline, state_words(snapshot) or detail, _(NO_SOUND))


def state_words(snapshot: Snapshot) -> str:
    """Say why nothing is listened to; empty where all is as asked, and where the page says it elsewhere."""
    match snapshot.state:
        case ListenerState.FAILED:
            return ""
        case ListenerState.DEVICE_LOST if snapshot.message and snapshot.source is not None:
            return _(LOST).format(source=source_name(snapshot.source))
        case ListenerState.PAUSED if snapshot.resumes_at_s is not None:
            return _(PAUSED_UNTIL).format(time=moment(snapshot.resumes_at_s, time.time()))
    return _(snapshot.message)


def _accepted(decision: Decision, emotion: Emotion, sustained: SustainedEmotion | None) -> LiveVerdict:
    detail = _(SURE).format(share=percent(decision.confidence))
    if sustained is not None and sustained.emotion is not None and sustained.emotion is not emotion:
        detail += f". {_(MOSTLY).format(emotion=feeling_name(sustained.emotion))}"
    return LiveVerdict("accepted", capitalized(feeling_name(emotion)), detail, _(decision.reason), emotion)


def _sustained(decision: Decision, emotion: Emotion, sustained: SustainedEmotion) -> LiveVerdict:
    name = feeling_name(emotion)
    mostly = _(MOSTLY).format(emotion=name)
    silent = decision.kind is DecisionKind.NO_SPEECH
    share = percent(sustained.probabilities[EMOTIONS.index(emotion)])
    return LiveVerdict(
        "sustained hushed" if silent else "sustained",
        capitalized(name),
        _(NOBODY).format(mostly=mostly) if silent else mostly,
        _(COUNTS_ON if silent else ADDS_UP).format(emotion=name, share=share),
        emotion,
    )

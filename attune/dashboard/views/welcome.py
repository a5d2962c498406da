"""The guided start: its steps, what each offers, and what is still missing; without Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import render
from attune.dashboard.views.plane import trail_look
from attune.dashboard.views.source_choices import SourceChoice, is_of_the_server
from attune.dashboard.views.statements import ENERGY, PLEASANTNESS
from playback.player import PlayerKind
from realtime.capture.source import SourceKind, SourceSpec
from realtime.snapshot import DecisionKind, ListenerState, Snapshot

WHERE: Final = N_("Step {step} of {steps}")
LEVEL: Final = N_("Microphone level")
HEARD_NAME: Final = N_("What is heard")
OFF: Final = N_("Off")


class Step(IntEnum):
    """What a person is asked, in this order."""

    MICROPHONE = 1
    SENTENCE = 2
    MUSIC = 3


TITLES: Final = {
    Step.MICROPHONE: N_("Which microphone should Attune listen to?"),
    Step.SENTENCE: N_("Say a sentence"),
    Step.MUSIC: N_("What should play?"),
}
TEXTS: Final = {
    Step.MICROPHONE: N_(
        "Attune hears the emotion in voices, and lets the music follow. All of it happens on this "
        "computer: no sound is stored, and none is sent anywhere."
    ),
    Step.SENTENCE: N_(
        "Anything, for five seconds or more, with some feeling: “I can't believe it, we really "
        "did it!” The dot shows how lively and how pleasant you sound; a word comes when Attune is sure."
    ),
    Step.MUSIC: N_("You can change this at any time on the page Playlists."),
}
NO_MICROPHONE: Final = N_("{reason} Then look again, or try Attune with the demo or a recording.")
THE_DEMO: Final = N_("The demo speaks now, with synthetic voices: watch the word and the dot.")
DEMO_LABEL: Final = N_("The demo: synthetic voices, no microphone")
HEARD: Final = N_("Attune hears you. Go on when you like.")
NOT_HEARD: Final = N_("Nothing was heard yet. Speak up, or go back and choose another microphone.")

OPEN_PLAYER: Final = N_("{player}, which is open now")
PLAYERS: Final = {
    PlayerKind.SYSTEM: N_("A player that is open"),
    PlayerKind.LOCAL: N_("My own music, from a folder"),
    PlayerKind.SPOTIFY: N_("Spotify, with my account"),
    PlayerKind.DRY_RUN: N_("Only a preview"),
}
CAPTIONS: Final = {
    PlayerKind.SYSTEM: N_("Plays the links that you paste. Needs no account here."),
    PlayerKind.LOCAL: N_("Each file is heard once for its mood; that takes a while for many."),
    PlayerKind.SPOTIFY: N_("Needs Premium, and an app of your own at Spotify: about five minutes."),
    PlayerKind.DRY_RUN: N_("No sound: you see what would play, and why."),
}
NEEDS_LINK: Final = N_(
    "There is nothing to play yet: paste a link to a playlist above and press Add, or take the preview."
)
NEEDS_FOLDER: Final = N_(
    "There is no music to play yet: type the folder of your music above and press Scan, or take the preview."
)
NEEDS_SIGN_IN: Final = N_(
    "Spotify is not connected yet: sign in above, or take the preview and connect it later."
)


def step_head(step: Step) -> Markup:
    """Draw where one is, and what the step is about."""
    where = _(WHERE).format(step=int(step), steps=len(Step))
    return render(
        "welcome_step", numbers=list(Step), step=step, where=where, title=_(TITLES[step]), text=_(TEXTS[step])
    )


def meter() -> Markup:
    """Draw the microphone's level without values."""
    return render("welcome_meter", name=_(LEVEL), off=_(OFF))


def heard() -> Markup:
    """Draw what is heard without values: the word, the plane, the level."""
    return render(
        "welcome_heard",
        name=_(HEARD_NAME),
        level=_(LEVEL),
        off=_(OFF),
        energy=ENERGY,
        pleasantness=PLEASANTNESS,
        trail=trail_look(),
    )


def source_lines(offered: Sequence[SourceChoice], suggestion: SourceSpec) -> dict[str, str]:
    """What can be listened to in a guided start: label by key, in the order in which they are shown.

    What sound servers call their default is left out beside the default microphone.

    Parameters
    ----------
    offered
        All that the page Live offers.
    suggestion
        What the program would begin with; the demo where no microphone can be used.
    """
    lines = {}
    usable = suggestion.kind is not SourceKind.DEMO
    for choice in offered:
        kind = choice.spec.kind
        is_default = kind is SourceKind.MICROPHONE and choice.spec.device is None
        other_name = usable and kind is SourceKind.MICROPHONE and is_of_the_server(choice.spec.device or "")
        if kind is SourceKind.SYSTEM or (is_default and not usable) or other_name:
            continue
        lines[choice.key] = _(DEMO_LABEL) if kind is SourceKind.DEMO else choice.label
    recording = lines.pop(SourceKind.FILE.value, "")
    return lines | {SourceKind.FILE.value: recording}


def heard_words(snapshot: Snapshot) -> str:
    """Say whether a voice was heard; empty while it is too early to say."""
    if snapshot.state is not ListenerState.LISTENING or not snapshot.history:
        return ""
    if snapshot.source is not None and snapshot.source.kind is SourceKind.DEMO:
        return _(THE_DEMO)
    voiced = any(decision.kind is not DecisionKind.NO_SPEECH for decision in snapshot.history)
    return _(HEARD if voiced else NOT_HEARD)

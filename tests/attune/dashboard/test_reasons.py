"""Reasons of the gate and of the autopilot, in the language of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product

import pytest

from attune.dashboard.translations import gettext, languages, use_language
from core.directions import DIRECTIONS, Direction
from core.emotions import EMOTIONS, Emotion
from core.phrases import Phrase
from playback.autopilot.events import (
    Action,
    CallChanged,
    ListeningChanged,
    ModeSet,
    PlayerChanged,
    Record,
    Suggest,
)
from playback.autopilot.policy import phase
from playback.autopilot.wording import comes_up, noun
from playback.player import ContentKind
from playback.preferences.opinions import Opinion
from playback.preferences.preferences import Mode
from realtime.gate import GateConfig, GateState, step
from realtime.snapshot import Reading
from scripts.translations import template
from tests.playback.autopilot.autopilot_room import (
    CONTEXT,
    HAPPY,
    LOST,
    OTHER,
    RAIN,
    SAD,
    SUGGESTING,
    Room,
)


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    use_language("en")


@cache
def known() -> frozenset[str]:
    return frozenset(message.id for message in template() if isinstance(message.id, str))


def untranslated(phrase: Phrase) -> set[str]:
    """Templates in a phrase that no catalogue has."""
    inner = (value for value in phrase.values.values() if isinstance(value, Phrase))
    return {phrase.template, *(one for value in inner for one in untranslated(value))} - known()


def reading(clock: int, emotion: Emotion, share: float, energy: float) -> Reading:
    rest = (1.0 - share) / (len(EMOTIONS) - 1)
    shares = tuple(share if one is emotion else rest for one in EMOTIONS)
    return Reading(clock, 0.9, shares, energy=energy, pleasantness=0.5)


def reasons_of_the_gate() -> list[str]:
    found, config = [], GateConfig(smoothing_s=0.0, min_dwell_s=1.5)
    for share, energy in product((0.5, 0.9), (0.1, 0.5, 0.9)):
        state = GateState()
        for number, now in enumerate((share, share, share, 0.6)):
            state, decision = step(state, reading(16_000 * number, HAPPY, now, energy), config)
            found.append(decision.reason)
    for only_music in (True, False):
        silent = replace(reading(0, SAD, 0.9, 0.5), probabilities=None, only_music=only_music)
        found.append(step(GateState(), silent, config)[1].reason)
    return found


def reasons_of_the_autopilot() -> list[str]:
    off = replace(CONTEXT, settings=replace(CONTEXT.settings, mode=Mode.OFF))
    rooms = [Room(), Room(SUGGESTING), Room(off)]
    messages = []
    for room in rooms:
        room.feed(ModeSet(room.now_s, room.context.settings.mode))
        for feeling in (SAD, HAPPY, Direction.LIVELY_UNPLEASANT, Direction.QUIET, Emotion.DISGUST):
            room.hear(feeling, 6.0)
            messages.append(phase(room.state, room.context, room.now_s)[1])
            for opinion in Opinion:
                room.say(opinion)
            room.act(Action.UNDO)
            room.wait(400.0)
        for action in Action:
            room.act(action, outcome=LOST)
        room.act(Action.PLAY, OTHER)
        for kind in (ContentKind.PODCAST, ContentKind.AUDIOBOOK):
            room.see(playing=True, playlist=None, kind=kind)
        room.see(playing=False)
        room.see(playing=True, playlist=RAIN)
        room.resume()
        for blocked in (
            CallChanged(room.now_s, on=True),
            ListeningChanged(room.now_s, on=False),
        ):
            room.hear(SAD)
            room.feed(blocked)
            messages.append(phase(room.state, room.context, room.now_s)[1])
        room.see(able=False)
        room.feed(ListeningChanged(room.now_s, on=True))
        messages.append(phase(room.state, room.context, room.now_s)[1])
    quiet = Room(replace(CONTEXT, settings=replace(CONTEXT.settings, quiet_from=0, quiet_to=1439)))
    quiet.hear(SAD)
    left = Room(ends=None)
    left.hear(SAD)
    left.feed(PlayerChanged(left.now_s))
    left.hear(HAPPY)
    rooms += [quiet, left]
    commands = [one for room in rooms for one in room.commands]
    records = [one.record.reason for one in commands if isinstance(one, Record)]
    return [*records, *messages, *(one.suggestion.reason for one in commands if isinstance(one, Suggest))]


def test_every_reason_can_be_said_in_another_language() -> None:
    found = [*reasons_of_the_gate(), *reasons_of_the_autopilot()]
    assert len(set(found)) > 50
    assert [one for one in found if not isinstance(one, Phrase)] == []
    said_by_players = {LOST.message, "Signed out."}  # invented
    assert set().union(*(untranslated(one) for one in found if isinstance(one, Phrase))) <= said_by_players
    for feeling in (*EMOTIONS, *DIRECTIONS):
        assert untranslated(noun(feeling)) == set()
    for weight, up in product((0.2, 0.5, 1.0, 1.3, 3.0), (True, False)):
        assert untranslated(comes_up(weight, up=up, whom=noun(SAD))) == set()


@pytest.mark.parametrize("language", languages())
def test_reasons_are_said_in_the_language(language: str) -> None:
    found = set(reasons_of_the_gate()) | set(reasons_of_the_autopilot())
    use_language(language)
    said = {one: gettext(one) for one in found}
    assert [one for one, other in said.items() if one == other] == []
    assert all(other.lstrip("„«")[0].isupper() for other in said.values())


def test_german_reasons_read_as_german() -> None:
    config = GateConfig(smoothing_s=0.0, min_dwell_s=1.5)
    state, _ = step(GateState(), reading(0, HAPPY, 0.9, 0.5), config)
    _, decision = step(state, reading(8_000, HAPPY, 0.9, 0.5), config)
    room = Room()
    room.hear(Direction.LIVELY_UNPLEASANT, 4.5)
    (switched,) = (one.record.reason for one in room.commands if isinstance(one, Record))
    assert switched == (
        "A lively, unpleasant voice was heard for 4 s, so music that lifts follows: After the Rain."
    )
    use_language("de")
    assert gettext(decision.reason) == "Fröhlich führt mit 90\xa0%, seit 0,5 s; nach 1,5 s gilt es."
    assert gettext(switched) == (
        "Eine lebhafte, unangenehme Stimme war 4 s lang zu hören, deshalb folgt Musik, die aufheitert: "
        "After the Rain."
    )

"""What home automation is told: few words, held over pauses for breath, and nothing of Spotify."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.engine.home.states import (
    EMOTION_WORDS,
    ENERGY_STATES,
    NO_VOICE,
    NOTHING,
    PLEASANTNESS_STATES,
    UNSURE,
    HeldState,
    HomeState,
    step,
)
from core.emotions import EMOTIONS, Emotion
from playback.player import (
    ConnectionState,
    OutputDevice,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
    Playlist,
)
from playback.preferences.preferences import Preferences
from playback.snapshot import MusicSnapshot
from realtime.snapshot import (
    AxisStatement,
    Decision,
    DecisionKind,
    ListenerState,
    Snapshot,
    SustainedEmotion,
)

QUIET = Decision(0, DecisionKind.NO_SPEECH, None, None, 0.0, None, False, "")
HAPPY = replace(
    QUIET,
    kind=DecisionKind.ACCEPTED,
    emotion=Emotion.HAPPY,
    energy=AxisStatement(True, 0.9),
    pleasantness=AxisStatement(None, 0.6),
)


def listening(decision: Decision | None, sustained: Emotion | None = None) -> Snapshot:
    lasting = SustainedEmotion(0, sustained, (), 5.0)
    return Snapshot(state=ListenerState.LISTENING, decision=decision, sustained=lasting)


def playing(kind: PlayerKind, track: PlayingTrack | None = None, **more: object) -> MusicSnapshot:
    connection = PlayerConnection(ConnectionState.CONNECTED)
    player = PlayerSnapshot(kind, connection, playing=True, track=track, **more)  # type: ignore[arg-type]
    return MusicSnapshot(player, Preferences())


def told(snapshot: Snapshot, music: MusicSnapshot | None = None) -> HomeState:
    return step(HeldState(), snapshot, music, 0.0).state


def test_what_is_accepted_is_told_and_what_is_not_is_unsure() -> None:
    assert told(listening(HAPPY)) == HomeState("happy", "lively", UNSURE, listening=True)


def test_the_emotion_that_lasts_stands_in_for_an_unsure_one() -> None:
    unsure = replace(HAPPY, kind=DecisionKind.UNSURE, emotion=None)
    assert told(listening(unsure, Emotion.SAD)).emotion == "sad"
    assert told(listening(unsure)).emotion == UNSURE


def test_a_pause_for_breath_changes_nothing_but_a_silence_does() -> None:
    held = step(HeldState(), listening(HAPPY), None, 100.0)
    assert step(held, listening(QUIET), None, 109.0).state == held.state
    assert step(held, listening(QUIET), None, 110.0).state == HomeState(listening=True)


@pytest.mark.parametrize("state", [ListenerState.STOPPED, ListenerState.PAUSED, ListenerState.FAILED])
def test_what_is_not_listened_to_has_no_voice(state: ListenerState) -> None:
    held = step(HeldState(), listening(HAPPY), None, 0.0)
    after = step(held, Snapshot(state=state, decision=HAPPY), None, 1.0).state
    assert after == HomeState(paused=state is ListenerState.PAUSED)


@pytest.mark.parametrize(
    ("music", "words"),
    [
        (None, NOTHING),
        (replace(playing(PlayerKind.LOCAL), player=replace(playing(PlayerKind.LOCAL).player)), "music"),
        (playing(PlayerKind.LOCAL, PlayingTrack("Night train", "The Example")), "The Example - Night train"),
        (playing(PlayerKind.SYSTEM, PlayingTrack("Radio\x1b[2J")), "Radio\\x1b[2J"),
        (playing(PlayerKind.LOCAL, playlist=Playlist("local:style:chill", "Chill")), "Chill"),
        (playing(PlayerKind.LOCAL, PlayingTrack("x" * 400)), "x" * 250),
        (playing(PlayerKind.SPOTIFY, PlayingTrack("A title", "An artist")), "Spotify"),
        (
            playing(PlayerKind.SYSTEM, PlayingTrack("A title"), device=OutputDevice("Spotify Premium")),
            "Spotify",
        ),
        (
            playing(
                PlayerKind.SYSTEM,
                PlayingTrack("A title"),
                playlist=Playlist("system:spotify:playlist:1", "Theirs"),
            ),
            "Spotify",
        ),
    ],
)
def test_what_plays_is_named_unless_it_comes_from_spotify(music: MusicSnapshot | None, words: str) -> None:
    assert told(Snapshot(), music).playing == words


axes = st.builds(AxisStatement, st.sampled_from([None, True, False]), st.floats(0, 1)) | st.none()
decisions = st.builds(
    Decision,
    st.integers(0, 10**9),
    st.sampled_from(DecisionKind),
    st.sampled_from(EMOTIONS) | st.none(),
    st.none(),
    st.floats(0, 1),
    st.none(),
    st.booleans(),
    st.text(),
    axes,
    axes,
)
snapshots = st.builds(Snapshot, state=st.sampled_from(ListenerState), decision=decisions | st.none())


@given(st.lists(st.tuples(snapshots, st.floats(0, 20))))
def test_every_state_is_one_that_home_assistant_was_told_of(history: list[tuple[Snapshot, float]]) -> None:
    held, now_s = HeldState(), 0.0
    for snapshot, passed_s in history:
        now_s += passed_s
        held = step(held, snapshot, None, now_s)
        assert held.state.emotion in EMOTION_WORDS
        assert held.state.energy in ENERGY_STATES
        assert held.state.pleasantness in PLEASANTNESS_STATES
        assert snapshot.listening or held.state.emotion == NO_VOICE

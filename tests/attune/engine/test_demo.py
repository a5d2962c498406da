"""The demo through the live path, again and again: each round shows several emotions and moves the music."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

import attune
from core.directions import DIRECTIONS
from core.settings import Settings
from playback.autopilot import events
from playback.autopilot.attribution import PlayerObservation
from playback.autopilot.context import Context, context_for
from playback.autopilot.policy import step
from playback.autopilot.state import AutopilotState
from playback.dry_run import DryRunPlayer
from playback.mapping.styles import Style
from playback.player import Outcome, OutcomeKind, PlayerKind
from playback.preferences.preferences import AutopilotSettings, Mode, Preferences
from realtime.capture.demo import DEMO_FILE
from realtime.response import feeling_to_follow
from realtime.snapshot import WindowResult

ROUNDS = 2


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, tuple[WindowResult, ...]]:
    """How long a round is, and the windows of several in a row."""
    sound, rate_hz = soundfile.read(DEMO_FILE, dtype="float32")
    path = tmp_path_factory.mktemp("demo") / "rounds.wav"
    soundfile.write(path, np.tile(sound, ROUNDS), rate_hz)
    settings = Settings(journal=False, threads=1)
    return len(sound) / rate_hz, attune.recognise(path, settings=settings).windows


def styles_played(windows: tuple[WindowResult, ...], context: Context) -> list[tuple[float, Style | None]]:
    """When the autopilot changed the music, and to what, by the sample clock."""
    state, played = AutopilotState(), []
    waiting: list[events.Event] = [
        events.Tick(0.0, 720),
        events.ListeningChanged(0.0, True),
        events.PlayerObserved(0.0, True, PlayerObservation(0.0)),
    ]
    for window in windows:
        feeling = feeling_to_follow(window.decision, window.sustained)
        waiting.append(events.FeelingDecided(window.decision.clock / 16_000, feeling))
        while waiting:
            state, commands = step(state, waiting.pop(0), context)
            for command in commands:
                if isinstance(command, events.Switch):
                    played.append((state.at_s, command.playlist.style))
                    done = Outcome(OutcomeKind.DONE)
                    waiting.append(events.SwitchEnded(state.at_s, command.playlist.uri, done))
    return played


def test_each_round_shows_several_emotions_and_directions(
    heard: tuple[float, tuple[WindowResult, ...]],
) -> None:
    round_s, windows = heard
    for number in range(ROUNDS):
        decisions = [
            window.decision for window in windows if window.decision.clock / 16_000 // round_s == number
        ]
        assert {"happy", "neutral", "angry", "calm"} <= {decision.emotion for decision in decisions}
        assert len({decision.direction for decision in decisions} & set(DIRECTIONS)) >= 4


def test_each_round_moves_the_music_of_a_preview(heard: tuple[float, tuple[WindowResult, ...]]) -> None:
    round_s, windows = heard
    auto = Preferences(autopilot=AutopilotSettings(mode=Mode.AUTO))
    played = styles_played(windows, context_for(auto, DryRunPlayer().snapshot(), demo=True))
    for number in range(ROUNDS):
        assert [style for at_s, style in played if at_s // round_s == number] == [
            *(Style.UPBEAT, Style.CHILL, Style.ENERGETIC, Style.CHILL),
        ]


def test_only_a_preview_of_the_demo_is_followed_faster() -> None:
    preferences = Preferences(autopilot=AutopilotSettings(cooldown_s=300.0))
    preview = DryRunPlayer().snapshot()
    assert context_for(preferences, preview, demo=True).settings.cooldown_s == 10.0
    assert context_for(preferences, preview).settings == preferences.autopilot
    aloud = replace(preview, kind=PlayerKind.LOCAL)
    assert context_for(preferences, aloud, demo=True).settings == preferences.autopilot

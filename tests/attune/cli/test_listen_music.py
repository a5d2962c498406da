"""What `attune listen` says about the music: what plays, what the autopilot waits for, and until when."""

from __future__ import annotations

import pytest

from attune.cli import listen
from playback.player import (
    ConnectionState,
    ContentKind,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
)
from playback.preferences.preferences import Preferences
from playback.snapshot import MusicSnapshot, Phase


def lines(phase: Phase, kind: ContentKind = ContentKind.MUSIC) -> list[str]:
    track = PlayingTrack("Seven\x1b[2J", "A Show", kind=kind)
    connected = PlayerConnection(ConnectionState.CONNECTED, "Connected to Spotify.")
    player = PlayerSnapshot(PlayerKind.SPOTIFY, connected, playing=True, track=track)
    music = MusicSnapshot(player, Preferences(), phase, "It waits.", until_s=1_000_000.0)
    return [line.plain for line in listen._music_lines(music)]


def test_what_plays_is_called_by_its_kind_and_orders_the_terminal_nothing() -> None:
    assert lines(Phase.READY, ContentKind.PODCAST)[0] == r"spotify: Seven\x1b[2J (podcast)"
    assert lines(Phase.READY)[0] == r"spotify: Seven\x1b[2J"


@pytest.mark.parametrize("phase", Phase)
def test_a_wait_is_said_with_its_end_and_what_ends_it_sooner(phase: Phase) -> None:
    said = [line for line in lines(phase) if line.startswith("It goes on at")]
    waits = (Phase.COOLING, Phase.OVERRIDDEN, Phase.QUIET, Phase.CALL, Phase.UNABLE)
    assert len(said) == (1 if phase in waits else 0)
    ends_anew = any("start this command again" in line for line in said)
    assert ends_anew is (phase in (Phase.COOLING, Phase.OVERRIDDEN))
    assert not any("start this command again" in line for line in lines(phase, ContentKind.PODCAST))

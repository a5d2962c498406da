"""The dry run: it behaves like a player, and says so of everything it does not do."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.emotions import EMOTIONS
from playback.dry_run import DryRunPlayer
from playback.mapping.candidates import candidates
from playback.mapping.styles import Style
from playback.player import ConnectionState, Outcome, OutcomeKind, PlayerKind, PlayingTrack
from playback.preferences.preferences import Preferences
from playback.serial_executor import CLOSED

CHILL = "dry-run:style:chill"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def player(clock: Clock) -> DryRunPlayer:
    return DryRunPlayer(clock=clock)


def test_it_is_connected_and_says_that_nothing_is_really_played(player: DryRunPlayer) -> None:
    seen = player.snapshot()
    assert player.kind is seen.kind is PlayerKind.DRY_RUN
    assert seen.connection.state is ConnectionState.CONNECTED
    assert "Nothing is connected yet" in seen.connection.message
    assert "makes no sound" in seen.connection.message
    assert (seen.playing, seen.track, seen.playlist) == (False, None, None)


def test_it_has_a_playlist_for_every_style_and_so_for_every_emotion(player: DryRunPlayer) -> None:
    playlists = player.snapshot().playlists
    assert [p.style for p in playlists] == list(Style)
    assert [p.uri for p in playlists] == [f"dry-run:style:{style.value}" for style in Style]
    assert playlists[0].name == "Chill (preview)"
    for emotion in EMOTIONS:
        assert candidates(Preferences(), emotion, playlists, PlayerKind.DRY_RUN)


def test_what_it_would_play_shows_as_playing_and_is_said(player: DryRunPlayer, clock: Clock) -> None:
    outcome = player.play(CHILL).result(0)
    assert outcome == Outcome(OutcomeKind.DONE, "I would play Chill (preview) now.")
    clock.now_s += 10.0
    seen = player.snapshot()
    assert seen.playing
    assert seen.playlist is not None
    assert seen.playlist.uri == CHILL
    assert seen.track == PlayingTrack("Track 1", "Chill (preview)", duration_s=180.0, position_s=10.0)
    assert seen.taken_s == clock.now_s


def test_an_unknown_playlist_is_gone_and_what_plays_goes_on(player: DryRunPlayer) -> None:
    player.play(CHILL)
    outcome = player.play("spotify:playlist:1").result(0)
    assert outcome.kind is OutcomeKind.GONE
    assert "'spotify:playlist:1'" in outcome.message
    seen = player.snapshot()
    assert seen.playing
    assert seen.playlist is not None
    assert seen.playlist.uri == CHILL


def test_the_music_rests_and_goes_on_where_it_was(player: DryRunPlayer, clock: Clock) -> None:
    player.play(CHILL)
    clock.now_s += 30.0
    assert player.pause().result(0).kind is OutcomeKind.DONE
    assert player.pause().result(0).kind is OutcomeKind.NOTHING_TO_DO
    clock.now_s += 500.0
    assert not player.snapshot().playing
    assert player.resume().result(0).kind is OutcomeKind.DONE
    assert player.resume().result(0).kind is OutcomeKind.NOTHING_TO_DO
    clock.now_s += 5.0
    track = player.snapshot().track
    assert track is not None
    assert track.position_s == 35.0


def test_tracks_follow_one_another_by_themselves_and_when_asked(player: DryRunPlayer, clock: Clock) -> None:
    player.play(CHILL)
    clock.now_s += 185.0
    assert player.snapshot().track == PlayingTrack("Track 2", "Chill (preview)", 180.0, 5.0)
    player.next()
    assert player.snapshot().track == PlayingTrack("Track 3", "Chill (preview)", 180.0, 0.0)
    player.play(CHILL)
    assert player.snapshot().track == PlayingTrack("Track 1", "Chill (preview)", 180.0, 0.0)


def test_without_music_there_is_nothing_to_rest_or_to_go_on_with(player: DryRunPlayer) -> None:
    assert player.pause().result(0).kind is OutcomeKind.NOTHING_TO_DO
    for outcome in (player.resume().result(0), player.next().result(0)):
        assert outcome.kind is OutcomeKind.FAILED
        assert "choose a playlist" in outcome.message


def test_the_volume_is_kept_within_its_range(player: DryRunPlayer) -> None:
    assert player.set_volume(0.25).result(0).message == "I would set the volume to 25\xa0% now."
    assert player.set_volume(0.25).result(0).kind is OutcomeKind.NOTHING_TO_DO
    for wrong in (-0.1, 1.1, float("nan")):
        outcome = player.set_volume(wrong).result(0)
        assert outcome.kind is OutcomeKind.FAILED
        assert repr(wrong) in outcome.message
    seen = player.snapshot()
    assert seen.device is not None
    assert seen.volume == seen.device.volume == 0.25


def test_nowhere_is_the_only_device(player: DryRunPlayer) -> None:
    seen = player.snapshot()
    assert seen.devices == (seen.device,)
    assert seen.devices[0].name == "Nowhere"
    assert seen.devices[0].active
    assert player.choose_device("Nowhere").result(0).ok
    assert player.choose_device("").result(0).ok
    outcome = player.choose_device("Kitchen").result(0)
    assert outcome.kind is OutcomeKind.GONE
    assert "'Kitchen'" in outcome.message


def test_closed_it_does_nothing_more(player: DryRunPlayer) -> None:
    player.play(CHILL)
    player.close()
    player.close()
    assert player.play(CHILL).result(0) == CLOSED
    assert player.refresh().result(0) == CLOSED
    assert not player.snapshot().playing
    player.mark_viewed()


class AnyHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.player = DryRunPlayer(clock=self.clock)

    @rule(uri=st.sampled_from([CHILL, "dry-run:style:calming", "dry-run:style:none", ""]))
    def play(self, uri: str) -> None:
        if self.player.play(uri).result(0).ok:
            playlist = self.player.snapshot().playlist
            assert playlist is not None
            assert playlist.uri == uri

    @rule(command=st.sampled_from(["pause", "resume", "next", "refresh"]))
    def command(self, command: str) -> None:
        outcome = getattr(self.player, command)().result(0)
        if outcome.ok and command != "refresh":
            assert self.player.snapshot().playing == (command != "pause")

    @rule(volume=st.floats(-0.5, 1.5))
    def set_volume(self, volume: float) -> None:
        assert self.player.set_volume(volume).result(0).ok == (0 <= volume <= 1)

    @rule(seconds=st.floats(-10, 1000))
    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds  # a clock that is put right may go back, too

    @invariant()
    def it_is_one_picture(self) -> None:
        seen = self.player.snapshot()
        assert (seen.track is None) == (seen.playlist is None)
        assert not seen.playing or seen.playlist in seen.playlists
        assert seen.volume is not None
        assert 0 <= seen.volume <= 1
        if seen.track is not None:
            assert seen.track.position_s is not None
            assert 0 <= seen.track.position_s < 180


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=40, stateful_step_count=25)

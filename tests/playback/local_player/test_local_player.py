"""The local player, its mixer and its decoding: heard on a loudspeaker that is turned by hand."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from core.audio_devices.device_list import DeviceList
from core.errors import AudioDecodeError, AudioDeviceError, BackendMissingError, DeviceNotFoundError
from models.audio import open_stream
from playback.library.database import using
from playback.library.playlists import lists_of
from playback.library.track_facts import TrackFacts
from playback.library.tracks import Library, TrackRow, put_rows, read_library
from playback.local_player import audio_output
from playback.local_player import player as local
from playback.local_player.audio_output import PortAudioOutputs
from playback.local_player.decode import stereo_blocks
from playback.local_player.mixer import Deck, Mixer
from playback.local_player.play_queue import PlayQueue, TrackDecoder
from playback.local_player.player import LocalPlayer
from playback.mapping.styles import Style
from playback.player import ConnectionState, Outcome, OutcomeKind, PlayerKind
from playback.serial_executor import CLOSED
from tests.playback.own_music import RATE_HZ, HandOutputs, eventually, index, moods_of, strength, write_tone

SOON_S = 20.0
CHILL_HZ, ENERGETIC_HZ = 400.0, 1_000.0


def deck_of(*values: float, seconds: float = 4.0, rate_hz: int = RATE_HZ) -> Deck:
    deck = Deck(rate_hz, seconds=seconds)
    deck.write(np.repeat(np.array(values, dtype=np.float32)[:, np.newaxis], 2, axis=1))
    return deck


def steady(value: float, seconds: float = 3.0) -> Deck:
    return deck_of(*[value] * round(seconds * RATE_HZ))


def pull(mixer: Mixer, seconds: float, block: int = 500) -> np.ndarray:
    out = np.full((round(seconds * mixer.rate_hz), 2), np.nan, dtype=np.float32)
    for start in range(0, len(out), block):
        mixer.render(out[start : start + block], 0.0)
    return out[:, 0]


# The mixer


def test_a_deck_gives_what_was_put_in_around_its_end() -> None:
    deck = Deck(100, seconds=1.0)
    out = np.empty((30, 2), dtype=np.float32)
    for begin in range(0, 300, 30):
        deck.write(np.repeat(np.arange(begin, begin + 30, dtype=np.float32)[:, np.newaxis], 2, axis=1))
        assert (deck.ready, deck.room) == (30, 70)
        assert deck.take(out) == 30
        np.testing.assert_array_equal(out[:, 1], np.arange(begin, begin + 30))
    assert deck.take(out) == 0
    assert not out.any()


def test_a_switch_is_of_equal_power_and_soon_heard() -> None:
    old, new = Mixer(RATE_HZ), Mixer(RATE_HZ)
    for mixer, first, second in ((old, 0.5, 0.0), (new, 0.0, 0.5)):
        mixer.switch(steady(first), 0.0, first_s=0.0)
        pull(mixer, 0.1)
        mixer.switch(steady(second), 1.5, first_s=0.0)
    leaving, coming = pull(old, 1.6), pull(new, 1.6)
    np.testing.assert_allclose(np.hypot(leaving, coming), 0.5, atol=1e-3)
    assert np.all(np.diff(coming) >= -1e-6)
    assert np.abs(np.diff(leaving)).max() < 1e-3
    assert np.argmax(coming > leaving) / RATE_HZ < 0.5
    assert leaving[-1] == 0.0
    assert coming[-1] == pytest.approx(0.5)


def test_blocks_of_any_size_give_the_same() -> None:
    made = []
    for block in (1, 441, 5_000):
        mixer = Mixer(RATE_HZ)
        mixer.switch(steady(0.5), 0.0, first_s=0.2)
        mixer.set_volume(0.5)
        made.append(pull(mixer, 0.7, block))
    np.testing.assert_allclose(made[0], made[1], atol=1e-5)
    np.testing.assert_allclose(made[0], made[2], atol=1e-5)


def test_switches_in_the_middle_of_a_switch_do_not_jump() -> None:
    mixer = Mixer(RATE_HZ)
    decks = [steady(0.3) for _ in range(6)]
    sound = []
    for deck in decks:
        mixer.switch(deck, 1.5, first_s=0.25)
        sound.append(pull(mixer, 0.3))
    sound.append(pull(mixer, 1.6))
    assert np.abs(np.diff(np.concatenate(sound))).max() < 5e-3
    assert [deck.dropped for deck in decks] == [True] * 5 + [False]


def test_pause_fades_rests_where_it_is_and_goes_on_there() -> None:
    mixer, deck = Mixer(RATE_HZ), steady(0.5)
    mixer.switch(deck, 0.0, first_s=0.0)
    pull(mixer, 0.1)
    mixer.pause(0.25)
    falling = pull(mixer, 0.3)
    assert np.abs(np.diff(falling)).max() < 2e-3
    played = deck.played
    assert not pull(mixer, 1.0).any()
    assert deck.played == played
    mixer.resume(0.25)
    rising = pull(mixer, 0.3)
    assert rising[-1] == pytest.approx(0.5, abs=1e-4)
    assert np.abs(np.diff(rising)).max() < 2e-3


def test_what_was_paused_does_not_come_back_with_a_switch() -> None:
    mixer, before = Mixer(RATE_HZ), steady(0.5)
    mixer.switch(before, 0.0, first_s=0.0)
    mixer.pause(0.0)
    pull(mixer, 0.1)
    mixer.switch(steady(-0.5), 1.5, first_s=0.25)
    sound = pull(mixer, 0.5)
    assert before.dropped
    assert sound.max() <= 0.0
    assert sound[-1] == pytest.approx(-0.5)


def test_volume_changes_without_a_click_and_as_people_hear_it() -> None:
    mixer = Mixer(RATE_HZ, volume=1.0)
    mixer.switch(steady(0.8), 0.0, first_s=0.0)
    pull(mixer, 0.1)
    mixer.set_volume(0.5)
    sound = pull(mixer, 0.2)
    assert np.abs(np.diff(sound)).max() < 5e-3
    assert sound[-1] == pytest.approx(0.8 * 0.25, abs=1e-4)


def test_two_loud_tracks_do_not_go_beyond_full_scale() -> None:
    mixer = Mixer(RATE_HZ)
    for _ in range(2):
        mixer.switch(steady(0.98), 1.0, first_s=0.0)
        assert pull(mixer, 0.3).max() <= 1.0


def test_too_little_sound_is_counted_and_the_end_is_not() -> None:
    mixer, deck = Mixer(RATE_HZ), steady(0.5, seconds=0.1)
    mixer.switch(deck, 0.0, first_s=0.0)
    pull(mixer, 0.2)
    assert mixer.underruns > 0
    mixer, deck = Mixer(RATE_HZ), steady(0.5, seconds=0.1)
    deck.ended = True
    mixer.switch(deck, 0.0, first_s=0.0)
    pull(mixer, 0.2)
    assert mixer.underruns == 0
    assert deck.dropped


def test_what_was_sent_out_is_told_in_mono_with_its_end() -> None:
    mixer = Mixer(RATE_HZ)
    assert mixer.take_played() is None
    mixer.switch(deck_of(*np.linspace(-0.5, 0.5, 4_000)), 0.0, first_s=0.0)
    out = np.empty((400, 2), dtype=np.float32)
    told = []
    for number in range(10):
        mixer.render(out, float(number))
        if number % 3 == 2:
            told.append(mixer.take_played())
    assert [one and one[1] for one in told] == [2.0, 5.0, 8.0]
    played = np.concatenate([one[0] for one in told if one])
    np.testing.assert_allclose(played, np.linspace(-0.5, 0.5, 4_000)[:3_600], atol=1e-5)
    pull(mixer, 60.0)
    last = mixer.take_played()
    assert last is not None
    assert len(last[0]) == 2 * RATE_HZ  # of what is older nothing is known any more


# Decoding


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "opus"])
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 48_000])
def test_every_kind_of_file_comes_in_stereo_at_the_outputs_rate(
    tmp_path: Path, suffix: str, rate_hz: int
) -> None:
    path = tmp_path / f"x.{suffix}"
    options = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000), 16_000, **options)
    with open_stream(path) as stream:
        sound = np.concatenate(list(stereo_blocks(stream, rate_hz, gain=2.0)))
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(rate_hz, rel=0.06)
    np.testing.assert_array_equal(sound[:, 0], sound[:, 1])
    assert strength(sound[rate_hz // 4 : -rate_hz // 4], 440.0, rate_hz) == pytest.approx(0.4, rel=0.05)


def test_left_stays_left_and_surround_goes_to_both(tmp_path: Path) -> None:
    left = np.zeros((8_000, 2))
    left[:, 0] = 0.5
    wide = np.zeros((8_000, 6))
    wide[:, 2] = 0.5
    for name, sound in (("two", left), ("six", wide)):
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE_HZ)
    made = {}
    for name in ("two", "six"):
        with open_stream(tmp_path / f"{name}.wav") as stream:
            made[name] = np.concatenate(list(stereo_blocks(stream, RATE_HZ)))
    assert made["two"][:, 0].min() == pytest.approx(0.5, abs=1e-3)
    assert not made["two"][:, 1].any()
    assert (made["six"][:, 0] > 0.03).all()
    np.testing.assert_array_equal(made["six"][:, 0], made["six"][:, 1])


def test_a_beginning_can_be_left_out(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.linspace(0.0, 0.8, 2 * RATE_HZ), RATE_HZ)
    with open_stream(tmp_path / "x.wav") as stream:
        sound = np.concatenate(list(stereo_blocks(stream, RATE_HZ, skip_s=1.5)))
    assert len(sound) == RATE_HZ // 2
    assert sound[0, 0] == pytest.approx(0.6, abs=1e-3)


def _rows_of(*paths: Path) -> list[TrackRow]:
    return [TrackRow(path, 1, 1, path.stem) for path in paths]


def test_tracks_follow_each_other_and_rounds_too(tmp_path: Path) -> None:
    rows = _rows_of(*(write_tone(tmp_path / f"{n}.wav", 100.0 * n, 0.5) for n in (1, 2)))
    decoder = TrackDecoder(PlayQueue(lambda _: rows), open_stream, pytest.fail)
    deck = Deck(RATE_HZ)
    decoder.fill(deck, 2 * RATE_HZ)
    assert deck.ready >= 2 * RATE_HZ
    assert [(mark, number) for mark, number, _ in deck.marks][:4] == [(n * RATE_HZ // 2, n) for n in range(4)]
    out = np.empty((2 * RATE_HZ, 2), dtype=np.float32)
    deck.take(out)
    for place, hz in enumerate((100.0, 200.0, 100.0, 200.0)):
        part = out[place * RATE_HZ // 2 :][: RATE_HZ // 2]
        assert strength(part, hz, RATE_HZ) == pytest.approx(0.2, rel=0.05)
        assert abs(part[0, 0]) < 1e-3
        assert abs(part[-1, 0]) < 1e-2
    decoder.close()


def test_what_cannot_be_read_is_skipped_with_a_sentence(tmp_path: Path) -> None:
    good = write_tone(tmp_path / "good.wav", seconds=0.5)
    (tmp_path / "text.mp3").write_text("no sound")
    said: list[str] = []
    rows = _rows_of(tmp_path / "gone.wav", tmp_path / "text.mp3", good)
    deck = Deck(RATE_HZ)
    TrackDecoder(PlayQueue(lambda number: rows if number == 0 else []), open_stream, said.append).fill(
        deck, RATE_HZ
    )
    assert deck.ended
    assert deck.ready == RATE_HZ // 2
    assert [mark[1] for mark in deck.marks] == [2]
    assert "There is no file" in said[0]
    assert "text.mp3 is not sound" in said[1]


def test_a_file_that_breaks_off_ends_there_without_a_click(tmp_path: Path) -> None:
    class Broken:
        rate_hz, channels = RATE_HZ, 1

        def blocks(self, frames: int) -> Iterator[np.ndarray]:
            yield np.full((frames, 1), 0.5, dtype=np.float32)
            yield np.full((frames, 1), 0.5, dtype=np.float32)
            raise AudioDecodeError("x.mp3 is damaged from here on.")

        def close(self) -> None: ...

    said: list[str] = []
    queue = PlayQueue(lambda number: _rows_of(tmp_path / "x.mp3") if number == 0 else [])
    deck = Deck(RATE_HZ)
    TrackDecoder(queue, lambda _: Broken(), said.append).fill(deck, RATE_HZ)
    out = np.empty((deck.ready, 2), dtype=np.float32)
    deck.take(out)
    assert len(out) == round(0.2 * RATE_HZ)
    assert np.abs(np.diff(out[:, 0])).max() < 0.05
    assert out[-1, 0] == pytest.approx(0.0, abs=1e-6)
    assert said == ["x.mp3 is damaged from here on."]


def test_a_list_of_nothing_but_damage_comes_to_an_end(tmp_path: Path) -> None:
    said: list[str] = []
    rows = _rows_of(*(tmp_path / f"{n}.wav" for n in range(5)))
    deck = Deck(RATE_HZ)
    TrackDecoder(PlayQueue(lambda _: rows), open_stream, said.append).fill(deck, RATE_HZ)
    assert deck.ended
    assert 5 <= len(said) <= 10


# Playlists


def test_there_is_a_playlist_for_every_style_and_for_folders_of_some_tracks() -> None:
    names = [
        "a",
        "b",
        "one/c",
        "one/d",
        "two/x/e",
        "two/x/f",
        "two/x/g",
        "three/x/h",
        "three/x/i",
        "three/x/j",
    ]
    rows = tuple(
        TrackRow(Path(f"/music/{name}.mp3"), 1, 1, name, moods=moods_of(Style.CHILL)) for name in names
    )
    bad = TrackRow(Path("/music/bad.mp3"), 1, 1, "bad", problem="It is broken.")
    lists = lists_of(Library(Path("/music"), (*rows, bad)))
    uris = list(lists.playlists)
    assert uris[:6] == [f"local:style:{style.value}" for style in Style]
    assert next((one.name, one.style, one.tracks) for one in lists.playlists.values()) == (
        "Chill",
        Style.CHILL,
        3,
    )
    assert [(uri, lists.playlists[uri].name) for uri in uris[6:]] == [
        ("local:folder:three/x", "three/x"),
        ("local:folder:two/x", "two/x"),
    ]
    folder = lists.playlists["local:folder:two/x"]
    assert (folder.tracks, folder.style) == (3, None)
    assert [row.title for row in lists.rows(folder, seed=0)] == ["two/x/e", "two/x/f", "two/x/g"]
    root = lists_of(Library(Path("/music"), rows[:2] + rows[:1]))
    assert root.playlists["local:folder:."].name == "music"
    assert lists_of(Library(Path("/music"), (bad,))).playlists == {}


# The player


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(4):
        write_tone(tmp_path / "music" / "chill" / f"{number}.wav", CHILL_HZ, 1.0 + number / 10)
        write_tone(tmp_path / "music" / "energetic" / f"Ann - {number}.wav", ENERGETIC_HZ, 1.0)
    return tmp_path / "music"


@pytest.fixture
def database(tmp_path: Path, music: Path) -> Path:
    index(music, tmp_path / "library.sqlite3")
    return tmp_path / "library.sqlite3"


@pytest.fixture
def outputs() -> HandOutputs:
    return HandOutputs(Desk=RATE_HZ, Kitchen=11_025)


MakePlayer = Callable[..., LocalPlayer]


@pytest.fixture
def make(tmp_path: Path, outputs: HandOutputs, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePlayer]:
    monkeypatch.setattr(local, "_TICK_S", 0.005)
    monkeypatch.setattr(local, "_READ_S", 0.02)
    monkeypatch.setattr(local, "_RETRY_S", 0.01)
    made: list[LocalPlayer] = []

    def make_player(**options: Any) -> LocalPlayer:
        given = {"open_sound": open_stream, "outputs": outputs, "seed": 1} | options
        made.append(LocalPlayer(tmp_path / "library.sqlite3", **given))
        return made[-1]

    yield make_player
    for player in made:
        player.close()
    eventually(lambda: not [t.name for t in threading.enumerate() if t.name.startswith("attune-local")])


@pytest.fixture
def player(database: Path, make: MakePlayer) -> LocalPlayer:
    assert database.exists()
    player = make()
    assert player.refresh().result(SOON_S).ok
    return player


def listen(player: LocalPlayer, outputs: HandOutputs, seconds: float) -> np.ndarray:
    """What comes next, once it is decoded: nobody waits for time here."""
    assert player._current is not None
    deck = player._current.deck
    eventually(lambda: deck.ended or deck.ready >= 2 * deck.rate_hz)
    return outputs.now.pull(seconds)


def heard(sound: np.ndarray, rate_hz: int = RATE_HZ) -> tuple[float, float]:
    return strength(sound, CHILL_HZ, rate_hz), strength(sound, ENERGETIC_HZ, rate_hz)


def test_it_is_connected_and_lists_what_there_is(player: LocalPlayer) -> None:
    seen = player.snapshot()
    assert player.kind is seen.kind is PlayerKind.LOCAL
    assert seen.connection.state is ConnectionState.CONNECTED
    assert seen.connection.message.startswith("8 tracks of ")
    assert [one.uri for one in seen.playlists][-2:] == ["local:folder:chill", "local:folder:energetic"]
    assert [one.style for one in seen.playlists if one.style] == list(Style)
    assert [(one.name, one.active) for one in seen.devices] == [("Desk", False), ("Kitchen", False)]
    assert (seen.playing, seen.track, seen.playlist, seen.device) == (False, None, None, None)


def test_a_style_is_played_and_switched_within_a_second(player: LocalPlayer, outputs: HandOutputs) -> None:
    outcome = player.play("local:style:chill").result(SOON_S)
    assert outcome == Outcome(OutcomeKind.DONE, "Chill plays now.")
    listen(player, outputs, 0.25)
    chill, energetic = heard(listen(player, outputs, 0.5))
    assert chill > 10 * energetic
    seen = player.snapshot()
    assert seen.playing
    assert seen.playlist is not None
    assert seen.playlist.name == "Chill"
    assert seen.device is not None
    assert (seen.device.name, seen.device.active) == ("Desk", True)
    assert seen.track is not None
    assert seen.track.position_s == pytest.approx(0.75, abs=0.01)
    player.play("local:style:energetic").result(SOON_S)
    sound = listen(player, outputs, 1.0)
    chill, energetic = heard(sound[-RATE_HZ // 4 :])
    assert energetic > chill
    assert np.abs(sound).max(axis=1).reshape(-1, 80).max(axis=1).min() > 0.03  # never silent meanwhile
    eventually(lambda: player.snapshot().track.artist == "Ann")  # type: ignore[union-attr]


def test_a_folder_is_played_in_its_order_on_and_on(player: LocalPlayer, outputs: HandOutputs) -> None:
    player.play("local:folder:chill").result(SOON_S)
    titles = []
    for _ in range(60):
        track = player.snapshot().track
        assert track is not None
        if not titles or titles[-1] != track.title:
            titles.append(track.title)
        listen(player, outputs, 0.1)
    assert titles == ["0", "1", "2", "3", "0", "1"][: len(titles)]
    assert len(titles) >= 5
    assert player._speaker.mixer is not None
    assert player._speaker.mixer.underruns == 0


def test_next_pause_resume(player: LocalPlayer, outputs: HandOutputs) -> None:
    for command in (player.next, player.resume):
        assert command().result(SOON_S).message == "Nothing was played yet: choose a playlist first."
    assert player.pause().result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    player.play("local:folder:chill").result(SOON_S)
    listen(player, outputs, 0.5)
    assert player.next().result(SOON_S).ok
    listen(player, outputs, 0.1)
    assert player.snapshot().track.title == "1"  # type: ignore[union-attr]
    assert player.pause().result(SOON_S).ok
    listen(player, outputs, 0.3)
    assert not listen(player, outputs, 0.5).any()
    seen = player.snapshot()
    assert not seen.playing
    assert seen.track is not None
    assert seen.track.position_s == pytest.approx(0.35, abs=0.1)
    assert player.resume().result(SOON_S).ok
    assert player.resume().result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    listen(player, outputs, 0.3)
    assert heard(listen(player, outputs, 0.25))[0] > 0.05
    assert player.snapshot().playing


def test_volume(player: LocalPlayer, outputs: HandOutputs) -> None:
    assert player.set_volume(0.5).result(SOON_S).ok
    assert player.set_volume(0.5).result(SOON_S).kind is OutcomeKind.NOTHING_TO_DO
    for wrong in (-0.1, 1.5, float("nan")):
        outcome = player.set_volume(wrong).result(SOON_S)
        assert outcome.kind is OutcomeKind.FAILED
        assert "from 0 to 1" in outcome.message
    assert player.snapshot().volume == 0.5
    player.play("local:style:chill").result(SOON_S)
    listen(player, outputs, 0.3)
    quiet = heard(listen(player, outputs, 0.2))[0]
    player.set_volume(1.0).result(SOON_S)
    listen(player, outputs, 0.1)
    assert heard(listen(player, outputs, 0.2))[0] == pytest.approx(4 * quiet, rel=0.05)


def test_another_loudspeaker_takes_over_where_it_was(player: LocalPlayer, outputs: HandOutputs) -> None:
    player.play("local:folder:chill").result(SOON_S)
    listen(player, outputs, 0.6)
    desk = outputs.now
    assert player.choose_device("Kitchen").result(SOON_S).ok
    assert desk.closed
    assert outputs.now.rate_hz == 11_025
    listen(player, outputs, 0.2)
    assert heard(listen(player, outputs, 0.1), 11_025)[0] > 0.05
    seen = player.snapshot()
    assert seen.device is not None
    assert seen.device.name == "Kitchen"
    assert seen.track is not None
    assert (seen.track.title, seen.track.position_s) == ("0", pytest.approx(0.9, abs=0.02))
    outcome = player.choose_device("Cellar").result(SOON_S)
    assert outcome.kind is OutcomeKind.GONE
    assert "There is no loudspeaker 'Cellar': connect it, or choose one of 'Desk'" in outcome.message
    assert player.snapshot().playing
    assert player.choose_device("").result(SOON_S).ok
    assert outputs.now.name == "Desk"


def test_a_lost_loudspeaker_is_said_tried_again_by_name_and_goes_on(
    player: LocalPlayer, outputs: HandOutputs
) -> None:
    player.choose_device("Kitchen").result(SOON_S)
    player.play("local:folder:chill").result(SOON_S)
    first = outputs.now
    listen(player, outputs, 0.5)
    outputs.refusal = AudioDeviceError("There is no loudspeaker 'Kitchen': connect it.")
    first.lost = True
    eventually(lambda: player.snapshot().connection.state is ConnectionState.DEGRADED)
    eventually(lambda: "tried again every second" in player.snapshot().connection.message)
    assert first.closed
    assert not player.snapshot().playing
    outputs.refusal = None
    eventually(lambda: player.snapshot().playing)
    assert outputs.now.name == "Kitchen"
    eventually(lambda: player.snapshot().connection.state is ConnectionState.CONNECTED)
    listen(player, outputs, 0.2)
    track = player.snapshot().track
    assert track is not None
    assert track.position_s == pytest.approx(0.7, abs=0.02)


def test_without_a_loudspeaker_nothing_plays_and_it_is_said(
    player: LocalPlayer, outputs: HandOutputs
) -> None:
    outputs.refusal = AudioDeviceError("The sound system has not answered: restart it.")
    outcome = player.play("local:style:chill").result(SOON_S)
    assert outcome == Outcome(OutcomeKind.NO_DEVICE, "The sound system has not answered: restart it.")
    assert not player.snapshot().playing
    assert player.refresh().result(SOON_S).ok
    outputs.refusal = None
    assert player.play("local:style:chill").result(SOON_S).ok


def test_a_loudspeaker_of_the_settings_that_is_not_there_is_never_replaced(
    database: Path, make: MakePlayer, outputs: HandOutputs
) -> None:
    assert database.exists()
    outcome = make(device="Yeti").play("local:style:chill").result(SOON_S)
    assert outcome.kind is OutcomeKind.GONE
    assert "'Yeti'" in outcome.message
    assert outputs.opened == []


def test_at_rest_it_lets_the_loudspeaker_go_and_resumes_in_a_new_one(
    player: LocalPlayer, outputs: HandOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_IDLE_S", 0.02)
    player.play("local:folder:chill").result(SOON_S)
    listen(player, outputs, 0.5)
    player.pause().result(SOON_S)
    listen(player, outputs, 0.3)
    eventually(lambda: outputs.opened[0].closed)
    assert player.resume().result(SOON_S).ok
    assert len(outputs.opened) == 2
    listen(player, outputs, 0.3)
    assert heard(listen(player, outputs, 0.1))[0] > 0.05


def test_without_a_library_it_says_what_to_do(make: MakePlayer, tmp_path: Path) -> None:
    player = make()
    player.refresh().result(SOON_S)
    seen = player.snapshot()
    assert seen.connection.state is ConnectionState.DISCONNECTED
    assert "`attune library scan FOLDER`" in seen.connection.message
    outcome = player.play("local:style:chill").result(SOON_S)
    assert outcome.kind is OutcomeKind.NOT_CONNECTED
    assert outcome.message == seen.connection.message
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "text.mp3").write_text("no sound")

    def refuse(path: Path) -> Any:
        raise AudioDecodeError(f"{path.name} is not sound.")

    index(tmp_path / "music", tmp_path / "library.sqlite3", score=refuse)
    eventually(lambda: "None of the 1 files" in player.snapshot().connection.message)
    assert player.play("local:style:chill").result(SOON_S).kind is OutcomeKind.EMPTY


@pytest.mark.parametrize("content", ["no database at all", None])
def test_a_library_that_cannot_be_used_is_one_sentence(
    make: MakePlayer, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "library.sqlite3").write_text(content)
    else:
        with contextlib.closing(__import__("sqlite3").connect(tmp_path / "library.sqlite3")) as theirs:
            theirs.execute("CREATE TABLE theirs (one INTEGER)")
    player = make()
    outcome = player.refresh().result(SOON_S)
    seen = player.snapshot().connection
    assert (outcome.kind, seen.state) == (OutcomeKind.FAILED, ConnectionState.DISCONNECTED)
    assert outcome.message == seen.message
    assert ("is corrupt" if content else "of another program") in seen.message


def test_it_follows_a_scan_that_goes_on(player: LocalPlayer, music: Path, database: Path) -> None:
    for number in range(3):
        write_tone(music / "new" / f"{number}.wav", seconds=0.2)
    index(music, database)
    eventually(lambda: player.snapshot().connection.message.startswith("11 tracks"))
    assert "local:folder:new" in [one.uri for one in player.snapshot().playlists]


def test_a_playlist_that_is_gone_leaves_what_plays(player: LocalPlayer) -> None:
    player.play("local:style:chill").result(SOON_S)
    outcome = player.play("local:folder:gone").result(SOON_S)
    assert outcome.kind is OutcomeKind.GONE
    assert "'local:folder:gone'" in outcome.message
    assert player.snapshot().playing


def test_files_that_were_renamed_or_broken_since_are_skipped_with_a_sentence(
    player: LocalPlayer, music: Path, outputs: HandOutputs
) -> None:
    (music / "chill" / "0.wav").rename(music / "chill" / "renamed.wav")
    (music / "chill" / "1.wav").write_text("no sound")
    assert player.play("local:folder:chill").result(SOON_S).ok
    listen(player, outputs, 0.1)
    eventually(lambda: "1.wav is not sound" in player.snapshot().connection.message)  # told with its tick
    seen = player.snapshot()
    assert seen.track is not None
    assert seen.track.title == "2"
    assert seen.connection.state is ConnectionState.CONNECTED


def test_a_music_folder_that_vanishes_is_one_sentence(
    player: LocalPlayer, music: Path, outputs: HandOutputs
) -> None:
    player.play("local:folder:chill").result(SOON_S)
    music.rename(music.with_name("gone"))
    outcome = player.play("local:style:energetic").result(SOON_S)
    assert outcome.kind is OutcomeKind.GONE
    assert outcome.message.startswith(f"The music folder {music} is not there any more: connect its disk")
    seen = player.snapshot().connection
    assert (seen.state, seen.message) == (ConnectionState.DEGRADED, outcome.message)
    for _ in range(100):  # what was decoded plays on, then it is quiet
        listen(player, outputs, 0.1)
    eventually(lambda: not player.snapshot().playing)
    music.with_name("gone").rename(music)
    eventually(lambda: player.snapshot().connection.state is ConnectionState.CONNECTED)
    assert player.resume().result(SOON_S).ok
    assert player.snapshot().playing


def test_playlists_of_styles_are_made_anew_and_alike_with_a_seed(make: MakePlayer, database: Path) -> None:
    assert database.exists()
    firsts = []
    for seed in (1, 1, *range(2, 10)):
        player = make(seed=seed)
        player.play("local:style:chill").result(SOON_S)
        firsts.append(player.snapshot().track.title)  # type: ignore[union-attr]
        player.close()
    assert firsts[0] == firsts[1]
    assert len(set(firsts)) > 1


def test_what_goes_out_is_told_with_its_time(database: Path, make: MakePlayer, outputs: HandOutputs) -> None:
    assert database.exists()
    told: list[tuple[np.ndarray, int, float]] = []
    player = make(on_played=lambda *given: told.append(given))
    player.play("local:style:chill").result(SOON_S)
    sent = [listen(player, outputs, 0.4) for _ in range(2)]
    eventually(lambda: sum(len(block) for block, _, _ in told) == round(0.8 * RATE_HZ))
    np.testing.assert_allclose(
        np.concatenate([block for block, _, _ in told]), np.concatenate(sent).mean(axis=1), atol=1e-6
    )
    assert {rate_hz for _, rate_hz, _ in told} == {RATE_HZ}
    assert told[-1][2] == pytest.approx(0.8)


def test_closed_it_does_nothing_more(player: LocalPlayer, outputs: HandOutputs) -> None:
    player.play("local:style:chill").result(SOON_S)
    player.close()
    player.close()
    assert outputs.now.closed
    assert not player.snapshot().playing
    assert player.play("local:style:chill").result(0) == CLOSED
    player.mark_viewed()


# PortAudio, without a device


class Library_:  # noqa: N801 - beside the music library
    """As much of sounddevice as is used, with devices of its own."""

    class PortAudioError(Exception):
        pass

    class CallbackAbort(Exception):  # noqa: N818 - sounddevice's name
        pass

    def __init__(self, *devices: tuple[str, int, int]) -> None:
        self.devices = [
            {
                "name": name,
                "hostapi": 0,
                "index": number,
                "default_samplerate": float(rate_hz),
                "max_output_channels": channels,
            }
            for number, (name, rate_hz, channels) in enumerate(devices)
        ]
        self.refused_hz: set[int] = set()
        self.streams: list[Any] = []
        self._initialized = 0
        self._initialize = lambda: None

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self, kind: str = "") -> Any:
        if not kind:
            return self.devices
        if not self.devices:
            raise self.PortAudioError("No default device")
        return self.devices[0]

    def OutputStream(self, **given: Any) -> Any:  # noqa: N802 - sounddevice's name
        if given["samplerate"] in self.refused_hz:
            raise self.PortAudioError("Invalid sample rate", -9997)
        stream = SimpleNamespace(**given | {"latency": 0.1, "calls": []})
        for name in ("start", "abort", "close"):
            setattr(stream, name, lambda name=name: stream.calls.append(name))
        self.streams.append(stream)
        return stream


AT = SimpleNamespace(outputBufferDacTime=0.0, currentTime=0.0)


def port_audio(library: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[PortAudioOutputs, DeviceList]:
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    devices = DeviceList()
    monkeypatch.setattr(audio_output, "device_list", devices)
    return PortAudioOutputs(), devices


def test_loudspeakers_are_opened_at_a_rate_they_take_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library_(("Desk", 96_000, 8), ("Mono", 16_000, 1), ("Microphone", 16_000, 0))
    library.refused_hz = {96_000}
    outputs, devices = port_audio(library, monkeypatch)
    assert outputs.names() == ("Desk", "Mono")
    rates: list[int] = []

    def connect(rate_hz: int) -> Any:
        rates.append(rate_hz)
        return lambda out, _end_s: out.fill(0.25)

    desk = outputs.open("", connect)
    assert (desk.name, rates, devices._streams) == ("Desk", [96_000, 48_000], 1)
    assert (library.streams[0].channels, library.streams[0].calls) == (2, ["start"])
    out = np.zeros((64, 2), dtype=np.float32)
    library.streams[0].callback(out, 64, AT, None)
    assert (out == 0.25).all()
    mono = outputs.open("Mono", connect)
    out = np.zeros((64, 1), dtype=np.float32)
    library.streams[1].callback(out, 64, AT, None)
    assert (out == 0.25).all()
    assert not mono.lost
    for output in (desk, mono, mono):
        output.close()
    assert devices._streams == 0
    assert library.streams[0].calls == ["start", "abort", "close"]
    with pytest.raises(Library_.CallbackAbort):  # one that was left behind plays no more
        library.streams[0].callback(np.zeros((64, 2), dtype=np.float32), 64, AT, None)


def test_a_callback_that_fails_is_a_lost_loudspeaker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library = Library_(("Desk", 48_000, 2))
    outputs, _ = port_audio(library, monkeypatch)

    def fail(_out: object, _end_s: float) -> None:
        raise ZeroDivisionError("internals")

    output = outputs.open("", lambda _: fail)
    out = np.ones((64, 2), dtype=np.float32)
    with pytest.raises(Library_.CallbackAbort):
        library.streams[0].callback(out, 64, AT, None)
    assert output.lost
    assert not out.any()
    output.close()
    assert "internals" in caplog.text


def test_loudspeakers_that_cannot_be_opened_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library_(("Desk", 48_000, 2))
    library.refused_hz = {48_000, 44_100}
    outputs, devices = port_audio(library, monkeypatch)
    with pytest.raises(
        AudioDeviceError, match=r"'Desk' \(ALSA\) cannot be opened \(Invalid sample rate\): check"
    ):
        outputs.open("", lambda _: pytest.fail)
    with pytest.raises(DeviceNotFoundError, match="'Yeti'"):
        outputs.open("Yeti", lambda _: pytest.fail)
    assert devices._streams == 0
    outputs, _ = port_audio(Library_(), monkeypatch)
    assert outputs.names() == ()
    with pytest.raises(DeviceNotFoundError, match="No loudspeaker was found: connect one"):
        outputs.open("", lambda _: pytest.fail)


def test_a_machine_without_sounddevice_or_with_a_list_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs, _ = port_audio(None, monkeypatch)  # None: as if it were not installed
    with pytest.raises(BackendMissingError, match="sounddevice is not installed, so nothing can be played"):
        outputs.names()
    library = Library_(("Desk", 48_000, 2))
    monkeypatch.setattr(library, "query_hostapis", lambda: 1 / 0)
    outputs, _ = port_audio(library, monkeypatch)
    with pytest.raises(AudioDeviceError, match="list of loudspeakers cannot be read"):
        outputs.names()


def test_a_sound_system_that_hangs_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_call: object, **_: object) -> Any:
        raise TimeoutError

    monkeypatch.setattr(audio_output, "call_with_timeout", hang)
    outputs = PortAudioOutputs()
    for use in (outputs.names, lambda: outputs.open("", lambda _: pytest.fail)):
        with pytest.raises(AudioDeviceError, match="has not answered for 4 s"):
            use()


def test_a_path_over_the_plane_is_played_from_its_beginning(
    make: MakePlayer, database: Path, outputs: HandOutputs
) -> None:
    library = read_library(database)
    placed = [
        replace(one, title=f"at {number}", facts=TrackFacts(pleasantness=number / 10 - 0.5, energy=0.0))
        for number, one in enumerate(library.playable)
    ]
    with using(database, writable=True) as connection:
        put_rows(connection, placed)
    player = make()
    assert player.refresh().result(SOON_S).ok
    outcome = player.play("local:path:-0.50,0.00:0.50,0.00:3").result(SOON_S)
    assert outcome == Outcome(OutcomeKind.DONE, "From -0.50,0.00 to 0.50,0.00 plays now.")
    listen(player, outputs, 0.1)
    seen = player.snapshot()
    assert seen.playlist is not None
    assert seen.playlist.tracks == 3
    assert seen.track is not None
    assert seen.track.title == "at 0"
    assert seen.playlist.uri not in {one.uri for one in seen.playlists}
    assert player.play("local:path:bliss:happy:3").result(SOON_S).kind is OutcomeKind.GONE

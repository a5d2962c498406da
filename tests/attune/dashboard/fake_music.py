"""Music without a player: what is asked for is written down, and the tests put in what is so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.directions import Direction, Feeling
from core.emotions import Emotion
from core.errors import AttuneError
from playback.library.tracks import Library
from playback.mapping.styles import LIFT, MATCH, Strategy, Style
from playback.player import (
    ConnectionState,
    Outcome,
    OutcomeKind,
    OutputDevice,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
    Playlist,
)
from playback.preferences.opinions import Opinion
from playback.preferences.preferences import Mode, PlaylistRef, Preferences
from playback.snapshot import MusicRecord, MusicSnapshot, Phase, RecordKind, Suggestion
from spotify.account import AccountStatus
from spotify.token_exchange import CREATE_PLAYLISTS

CLIENT_ID = "0123456789abcdef0123456789abcdef"
DISCONNECTED = PlayerConnection(ConnectionState.DISCONNECTED, "Not signed in.")
RAINY = Playlist("spotify:playlist:1", "Rainy day", 12, style=Style.CHILL)
PARTY = Playlist("spotify:playlist:2", "Party <b>bangers</b>", 40, style=Style.UPBEAT)
RUNNING = Playlist("spotify:playlist:3", "Running fast", 25, style=Style.ENERGETIC)
FOCUS = Playlist("spotify:playlist:4", "Focus", 9)
DESK_SPEAKER = OutputDevice("Desk", active=True, volume=0.5, id="1")
KITCHEN = OutputDevice("Kitchen", id="2")


@dataclass(frozen=True)
class FakeSignIn:
    url: str = "http://127.0.0.1:9/authorize?state=x"
    waiting: bool = True
    outcome: Outcome | None = None
    notice: str = ""


@dataclass(frozen=True)
class FakeScan:
    folder: Path = Path("/music")
    done: int = 40
    total: int = 100
    problem: str = ""
    running: bool = True


def dry_run(**changes: Any) -> PlayerSnapshot:
    connection = PlayerConnection(ConnectionState.CONNECTED, "Nothing is played; what would be is told.")
    return replace(PlayerSnapshot(PlayerKind.DRY_RUN, connection), **changes)


def on_spotify(**changes: Any) -> PlayerSnapshot:
    """Spotify that plays."""
    player = PlayerSnapshot(
        PlayerKind.SPOTIFY,
        PlayerConnection(ConnectionState.CONNECTED, account="Robin Listener", calls_today=37),
        playing=True,
        track=PlayingTrack("Drops on the window", "The Grey Clouds", 214.0, 63.0),
        playlist=RAINY,
        device=DESK_SPEAKER,
        volume=0.5,
        playlists=(RAINY, PARTY, RUNNING, FOCUS),
        devices=(DESK_SPEAKER, KITCHEN),
        taken_s=time.time(),
    )
    return replace(player, **changes)


def some_records(now_s: float) -> tuple[MusicRecord, ...]:
    return (
        MusicRecord(
            now_s - 20,
            RecordKind.SWITCHED,
            "Sad was held for 4.2 s with 81\xa0%, and nothing stood in the way.",
            Emotion.SAD,
            RAINY,
            OutcomeKind.DONE,
        ),
        MusicRecord(
            now_s - 200,
            RecordKind.HELD_BACK,
            "Angry was held, but the music changed 40 s ago and 120 s must pass between two changes.",
            Emotion.ANGRY,
        ),
        MusicRecord(now_s - 260, RecordKind.USER, "You pressed pause."),
        MusicRecord(
            now_s - 900,
            RecordKind.SWITCHED,
            "A lively, pleasant voice was heard for 6 s, so music that matches follows: Party.",
            Direction.LIVELY_PLEASANT,
            PARTY,
            OutcomeKind.DONE,
        ),
        MusicRecord(
            now_s - 90_000, RecordKind.FAILED, "No device is open: open Spotify somewhere.", Emotion.HAPPY,
            PARTY, OutcomeKind.NO_DEVICE,
        ),
    )  # fmt: skip


class FakeMusic:
    """Does as the engine's music, Spotify and library do, at once and without a player."""

    def __init__(self) -> None:
        self.shown = MusicSnapshot(dry_run(), Preferences(), Phase.NOT_LISTENING, "Nothing is listened to.")
        self.kind = PlayerKind.DRY_RUN
        self.asked: list[tuple[Any, ...]] = []
        self.looks = 0
        self.answered = Outcome(OutcomeKind.DONE)
        self.refusal: Exception | None = None
        self.gone: tuple[PlaylistRef, ...] = ()
        self.sign_in: FakeSignIn | None = None
        self.account = AccountStatus(scopes=(CREATE_PLAYLISTS,))
        self.found: dict[Style, tuple[Playlist, ...]] = {}
        self.sign_in_steps = ("Open the dashboard of Spotify for developers.", "Create an app & note its id.")
        self.redirect_address = "http://127.0.0.1:8898/callback"
        self.scanning: FakeScan | None = None
        self.counts = (0, 0)
        self.folder: Path | None = None
        self.known = Library()

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if self.refusal is not None:
            raise self.refusal

    def show(self, **changes: Any) -> None:
        self.shown = replace(self.shown, **changes)
        self.kind = self.shown.player.kind

    def snapshot(self) -> MusicSnapshot:
        return self.shown

    def mark_viewed(self) -> None:
        self.looks += 1

    def play(self, uri: str) -> None:
        self._note("play", uri)

    def pause(self) -> None:
        self._note("pause")

    def resume(self) -> None:
        self._note("resume")

    def next(self) -> None:
        self._note("next")

    def set_volume(self, volume: float) -> None:
        self._note("volume", volume)

    def choose_device(self, name: str) -> None:
        self._note("device", name)

    def undo(self) -> None:
        self._note("undo")

    def give_opinion(self, opinion: Opinion) -> None:
        self._note("opinion", opinion)

    def resume_autopilot(self) -> None:
        self._note("resume autopilot")
        self.show(phase=Phase.READY, message="It waits for an emotion.")

    def answer(self, yes: bool) -> None:
        self._note("answer", yes)
        self.show(suggestion=None)

    def refresh(self) -> Future[Outcome]:
        self._note("refresh")
        return self._answer()

    def search(self, style: Style) -> Future[Outcome]:
        self._note("search", style)
        return self._answer()

    def _answer(self) -> Future[Outcome]:
        answer: Future[Outcome] = Future()
        answer.set_result(self.answered)
        return answer

    def set_mode(self, mode: Mode) -> None:
        self._note("mode", mode)
        preferences = self.shown.preferences
        self.show(
            preferences=replace(preferences, autopilot=replace(preferences.autopilot, mode=mode)),
            phase=Phase.OFF if mode is Mode.OFF else Phase.READY,
        )

    def set_call(self, on: bool) -> None:
        self._note("call", on)
        self.show(on_call=on)

    def set_preferences(self, preferences: Preferences) -> None:
        self._note("preferences")
        self.show(preferences=preferences)

    def import_preferences(self, text: str) -> None:
        self._note("import", text)

    def suggestions(self) -> Mapping[Style, tuple[Playlist, ...]]:
        listed = self.shown.player.playlists
        return {style: tuple(one for one in listed if one.style is style) for style in Style}

    def candidates(self, feeling: Feeling) -> tuple[Playlist, ...]:
        choice = self.shown.preferences.choices[feeling]
        refs = [ref.uri for ref in (choice.match if choice.strategy is Strategy.MATCH else choice.lift)]
        if refs:
            return tuple(one for one in self.shown.player.playlists if one.uri in refs)
        styles = (MATCH if choice.strategy is Strategy.MATCH else LIFT)[feeling]
        return tuple(one for style in styles for one in self.suggestions()[style])

    def missing(self) -> tuple[PlaylistRef, ...]:
        return self.gone

    def use(self, kind: PlayerKind) -> None:
        self._note("use", kind)
        offline = PlayerSnapshot(kind, DISCONNECTED)
        self.show(player=dry_run() if kind is PlayerKind.DRY_RUN else offline)

    def begin_sign_in(self, client_id: str, *, may_create: bool = False) -> None:
        self._note("sign in", client_id, may_create)
        if len(client_id) != 32:
            raise AttuneError(f"{client_id!r} is no client id: copy the 32 signs from your app's page.")
        self.account = replace(self.account, client_id=client_id)
        self.sign_in = FakeSignIn()

    def sign_in_again(self, *, may_create: bool = False) -> None:
        self._note("sign in again", may_create)
        self.sign_in = FakeSignIn()

    def cancel_sign_in(self) -> None:
        self._note("cancel sign in")
        self.sign_in = FakeSignIn(
            waiting=False, outcome=Outcome(OutcomeKind.NOTHING_TO_DO, "The sign-in was cancelled.")
        )

    def disconnect(self) -> None:
        self._note("disconnect")
        self.sign_in = None
        self.show(player=PlayerSnapshot(self.kind, DISCONNECTED))

    def create_missing(self) -> Future[Outcome]:
        self._note("create missing")
        return self._answer()

    def start_scan(self, folder: Path) -> None:
        self._note("scan", folder)
        self.folder = folder
        self.scanning = FakeScan(folder, 0, 0)

    def cancel_scan(self) -> None:
        self._note("cancel scan")
        self.scanning = None


def a_suggestion() -> Suggestion:
    return Suggestion(RAINY, Emotion.SAD, "Sad was held for 4 s with 81\xa0%.")

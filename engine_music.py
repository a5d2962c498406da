"""The engine's part for the music: joins players, autopilot, sign-in and library; the doors use it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from core import paths
from core.errors import AttuneError, MusicError
from core.settings import Settings
from models.audio import open_stream
from models.emotion.plane import Feeling
from playback import mapping
from playback.audio_out import PortAudioOutputs, SoundSystem
from playback.conductor import Conductor
from playback.dry_run import DryRunPlayer
from playback.library import Library, library_mark, read_library
from playback.local import LocalPlayer
from playback.player import Outcome, OutcomeKind, Player, PlayerKind, Playlist
from playback.preferences import Mode, PlaylistRef, Preferences
from playback.preferences_file import (
    export_preferences,
    import_preferences,
    read_preferences,
    write_preferences,
)
from playback.snapshot import MusicRecord, MusicSnapshot, RecordKind
from playback.styles import Style
from realtime.calls import other_program_records
from realtime.capture.bounded import bounded
from realtime.capture.names import find_by_name
from realtime.capture.portaudio import device_list
from realtime.echo import EchoReference
from spotify.account import AccountStatus, SpotifyAccount
from spotify.own_app import redirect_uri, steps
from spotify.player import SpotifyPlayer
from spotify.sign_in import SignIn, SignInState

__all__ = ["Music", "ScanView", "SignInView"]

_LOG = logging.getLogger(__name__)
_OUTCOMES: Final[Mapping[SignInState, OutcomeKind]] = {
    SignInState.DONE: OutcomeKind.DONE,
    SignInState.CANCELLED: OutcomeKind.NOTHING_TO_DO,
}
_NEW_PLAYLIST: Final = "Attune: {style}"


@dataclass(frozen=True, slots=True)
class SignInView:
    """A sign-in at one moment.

    Parameters
    ----------
    url
        Spotify's page, to be opened in a browser of this machine.
    waiting
        It has not ended.
    outcome
        How it ended; None while it waits.
    notice
        One sentence where the redirect address is another one than usual; else empty.
    """

    url: str
    waiting: bool
    outcome: Outcome | None
    notice: str = ""


@dataclass(frozen=True, slots=True)
class ScanView:
    """The indexing of a music folder at one moment.

    Parameters
    ----------
    folder
        Which.
    done, total
        Files seen to, and found so far.
    problem
        One sentence on why it broke off; else empty.
    running
        It has not ended.
    """

    folder: Path
    done: int = 0
    total: int = 0
    problem: str = ""
    running: bool = True


class Music:
    """The music that follows what is heard; any thread may use it, and nothing of it waits.

    Parameters
    ----------
    settings
        All knobs.
    scan
        Indexes a music folder: called with the folder, something to call with files done and in all, and
        something that says whether to stop.
    record
        Puts what happened into the journal: kind and sentence.
    echo
        Is told what the local player sends out.
    player, mode
        For this run alone, instead of what people have decided; then no decision is kept.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        scan: Callable[[Path, Callable[[int, int], None], Callable[[], bool]], object],
        record: Callable[[str, str], None],
        echo: EchoReference,
        player: PlayerKind | None = None,
        mode: Mode | None = None,
    ) -> None:
        self._settings = settings
        self._scan = scan
        self._echo = echo
        self._lock = threading.Lock()
        self._account = SpotifyAccount(settings)
        self._spotify: SpotifyPlayer | None = None
        self._sign_in: SignIn | None = None
        self._scanning: ScanView | None = None
        self._known: tuple[object, Library] | None = None
        self._found: Mapping[Style, tuple[Playlist, ...]] = {}
        self._scan_over = threading.Event()
        preferences, problem = _kept_preferences()
        self._lent = player is not None or mode is not None
        if player is not None:
            preferences = replace(preferences, player=player)
        if mode is not None:
            preferences = replace(preferences, autopilot=replace(preferences.autopilot, mode=mode))
        self.conductor = Conductor(
            self._open(preferences.player, preferences.loudspeaker),
            preferences,
            save=self._save,
            record=record,
            call_is_on=other_program_records,
            problem=problem,
        )

    # What doors see

    def snapshot(self) -> MusicSnapshot:
        """The newest picture; never waits."""
        return self.conductor.snapshot()

    def look(self) -> None:
        """Say that somebody looks."""
        self.conductor.look()

    @property
    def kind(self) -> PlayerKind:
        """The player in use."""
        return self.snapshot().player.kind

    # What people ask for

    def play(self, uri: str) -> Future[Outcome]:
        """Play a playlist of the player in use."""
        return self.conductor.play(uri)

    def pause(self) -> Future[Outcome]:
        """Let the music rest."""
        return self.conductor.pause()

    def resume(self) -> Future[Outcome]:
        """Let it go on."""
        return self.conductor.resume()

    def next(self) -> Future[Outcome]:
        """Go to the next track."""
        return self.conductor.next()

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1."""
        return self.conductor.set_volume(volume)

    def choose_device(self, name: str) -> Future[Outcome]:
        """Let music come out of a device, and remember it; empty: whichever is active."""
        answer = self.conductor.choose_device(name)
        if self.kind is PlayerKind.LOCAL:  # Spotify's room remembers its own
            answer.add_done_callback(partial(self._keep_loudspeaker, name))
        return answer

    def _keep_loudspeaker(self, name: str, done: Future[Outcome]) -> None:
        if not done.cancelled() and done.result().ok:
            self.conductor.set_preferences(replace(self.snapshot().preferences, loudspeaker=name))

    def undo(self) -> None:
        """Take the autopilot's last switch back."""
        self.conductor.undo()

    def answer(self, yes: bool) -> None:
        """Answer the suggestion that waits."""
        self.conductor.answer(yes)

    def set_mode(self, mode: Mode) -> None:
        """Set what the autopilot may do."""
        self.conductor.set_mode(mode)

    def set_call(self, on: bool) -> None:
        """Say that a call is on or over."""
        self.conductor.set_call(on)

    def refresh(self) -> Future[Outcome]:
        """Ask the player anew what there is and what plays."""
        return self.conductor.refresh()

    def use(self, kind: PlayerKind) -> None:
        """Let another player play from now on.

        Raises
        ------
        AttuneError
            It cannot be opened; the one before stays.
        """
        with self._lock:
            if kind is self.kind:
                return
            preferences = self.snapshot().preferences
            player = self._open(kind, preferences.loudspeaker)
            self.conductor.set_preferences(replace(preferences, player=kind))
            self.conductor.use(player)

    # What people decide

    def set_preferences(self, preferences: Preferences) -> None:
        """Set all that people decide about the music."""
        self.conductor.set_preferences(preferences)

    def export_preferences(self) -> str:
        """The decisions as the text of a TOML file."""
        return export_preferences(self.snapshot().preferences)

    def import_preferences(self, text: str) -> None:
        """Take decisions from such a text; which player plays, and where, stays as it is.

        Raises
        ------
        MusicError
            It cannot be read.
        """
        loudspeaker = self.snapshot().preferences.loudspeaker
        given = replace(import_preferences(text), player=self.kind, loudspeaker=loudspeaker)
        self.conductor.set_preferences(given)

    def candidates(self, feeling: Feeling) -> tuple[Playlist, ...]:
        """The playlists that an emotion or a direction leads to now."""
        snapshot = self.snapshot()
        player = snapshot.player
        return mapping.candidates(snapshot.preferences, feeling, player.playlists, player.kind)

    def missing(self) -> tuple[PlaylistRef, ...]:
        """Chosen playlists of the player in use that are not there any more."""
        snapshot = self.snapshot()
        return mapping.missing(snapshot.preferences, snapshot.player.playlists, snapshot.player.kind)

    # Spotify

    @property
    def sign_in_steps(self) -> tuple[str, ...]:
        """How people get a client id."""
        return steps(self._settings.spotify_callback_port)

    @property
    def redirect_address(self) -> str:
        """What they register with their app."""
        return redirect_uri(self._settings.spotify_callback_port)

    @property
    def account(self) -> AccountStatus:
        """How the user stands to Spotify, as far as it is known here; reads one small file."""
        return self._account.status()

    @property
    def sign_in(self) -> SignInView | None:
        """The sign-in that goes on, or the last one; None before the first."""
        one = self._sign_in
        if one is None:
            return None
        outcome = one.outcome
        ended = Outcome(_OUTCOMES.get(outcome.state, OutcomeKind.FAILED), outcome.message)
        return SignInView(one.url, one.waiting, None if one.waiting else ended, one.notice)

    def begin_sign_in(self, client_id: str, *, may_create: bool = False) -> None:
        """Begin to sign in to Spotify; `sign_in` says where the page is.

        Raises
        ------
        AttuneError
            The client id is none, or nothing can be listened on.
        """
        self._sign_in = self._account.begin(client_id, may_create=may_create, on_signed_in=self._signed_in)

    def sign_in_again(self, *, may_create: bool = False) -> None:
        """Begin to sign in with the same app; the sign-in of now holds until that has succeeded.

        Parameters
        ----------
        may_create
            Ask for the right to make playlists too, if it was not given before.

        Raises
        ------
        AttuneError
            Nothing can be listened on.
        """
        account = self.account
        self.begin_sign_in(account.client_id, may_create=may_create or account.may_create)

    def cancel_sign_in(self) -> None:
        """End a sign-in that goes on."""
        self._account.cancel()

    def disconnect(self) -> None:
        """Delete everything that is kept about Spotify on this machine; how that went is recorded."""
        # What is being asked of Spotify just now has to end first, which may take some seconds.
        threading.Thread(target=self._disconnect, name="attune-disconnect", daemon=True).start()

    def _disconnect(self) -> None:
        outcome = Outcome(OutcomeKind.DONE, "You disconnected Spotify; nothing of it is kept here any more.")
        self._account.end_sign_in()  # it may want the lock
        with self._lock:
            try:
                if self._spotify is not None:
                    self._spotify.close()
                self._account.disconnect()
            except AttuneError as error:
                outcome = Outcome(OutcomeKind.FAILED, str(error))
            self._sign_in = None
            if self.kind is PlayerKind.SPOTIFY:
                self.conductor.use(self._open(PlayerKind.SPOTIFY, ""))
        self._note(outcome)

    def create_missing(self) -> Future[Outcome]:
        """Make an empty playlist on Spotify for each style that none of the user's stands for.

        Raises
        ------
        MusicError
            It is not Spotify that plays.
        """
        spotify = self._on_spotify("made")
        # One that is still empty is not missing.
        listed = [replace(one, tracks=None) for one in self.snapshot().player.playlists]
        lacking = [style for style, found in mapping.suggest(listed).items() if not found]
        if not lacking:
            raise MusicError("There is a playlist for each style already: fill those that are empty.")
        made = spotify.create_playlists([_NEW_PLAYLIST.format(style=style.value) for style in lacking])
        made.add_done_callback(lambda done: self._note(done.result()))
        return made

    def _note(self, outcome: Outcome) -> None:
        record = MusicRecord(
            time.time(),
            RecordKind.USER if outcome.ok else RecordKind.FAILED,
            outcome.message,
            outcome=outcome.kind,
        )
        self.conductor.note(record, "You saw to Spotify.")

    def search(self, style: Style) -> Future[Outcome]:
        """Look on Spotify for playlists that suit a style; `found` has them afterwards.

        Raises
        ------
        MusicError
            It is not Spotify that plays.
        """
        spotify = self._on_spotify("searched for")

        def take(playlists: tuple[Playlist, ...]) -> None:
            self._found = {**self._found, style: playlists}

        return spotify.search(mapping.search_words(style), take)

    def _on_spotify(self, done: str) -> SpotifyPlayer:
        """The player that is Spotify's; raises `MusicError` for people where another one plays."""
        if self._spotify is None:
            raise MusicError(f"Playlists can only be {done} on Spotify: choose it as the player first.")
        return self._spotify

    @property
    def found(self) -> Mapping[Style, tuple[Playlist, ...]]:
        """What was searched for since Spotify became the player, the best first; empty where nothing fits."""
        return self._found

    def _signed_in(self) -> None:
        """Go over to Spotify: nobody signs in to hear the dry run."""
        if self.kind is PlayerKind.SPOTIFY:
            self.refresh()
        else:
            self.use(PlayerKind.SPOTIFY)

    # Music on this machine

    @property
    def scanning(self) -> ScanView | None:
        """The indexing that goes on, or the last one; None before the first."""
        return self._scanning

    @property
    def music_folder(self) -> Path | None:
        """The folder that was indexed; None where none was."""
        return self._library().folder

    @property
    def library_counts(self) -> tuple[int, int]:
        """Tracks that can be played, and files that cannot be read."""
        library = self._library()
        playable = len(library.playable)
        return playable, len(library.rows) - playable

    def _library(self) -> Library:
        mark = library_mark(paths.library_file())
        if self._known is None or self._known[0] != mark:
            try:
                self._known = mark, read_library(paths.library_file())
            except MusicError as error:
                _LOG.warning("%s", error)
                self._known = mark, Library()
        return self._known[1]

    def scan(self, folder: Path) -> None:
        """Begin to index a music folder.

        Raises
        ------
        MusicError
            Another one is being indexed, or there is no such folder.
        """
        folder = folder.expanduser()
        with self._lock:
            if self._scanning is not None and self._scanning.running:
                raise MusicError(f"{self._scanning.folder} is being indexed: wait, or cancel it first.")
            if not folder.is_dir():
                raise MusicError(f"There is no folder {folder}: name the one that your music lies in.")
            self._scanning = ScanView(folder)
            self._scan_over = threading.Event()
            threading.Thread(
                target=self._scan_all, args=(folder, self._scan_over), name="attune-scan", daemon=True
            ).start()

    def cancel_scan(self) -> None:
        """Stop indexing; what was indexed stays."""
        self._scan_over.set()

    def _scan_all(self, folder: Path, over: threading.Event) -> None:
        def progress(done: int, total: int) -> None:
            self._scanning = ScanView(folder, done, total)

        problem = ""
        try:
            self._scan(folder, progress, over.is_set)
        except AttuneError as error:
            problem = str(error)
        except Exception:  # noqa: BLE001 - the thread ends here, and says so
            _LOG.exception("a music folder could not be indexed")
            problem = f"{folder} could not be indexed: the program's log says why."
        reached = self._scanning or ScanView(folder)
        self._scanning = replace(reached, problem=problem, running=False)
        if self.kind is PlayerKind.LOCAL:
            self.refresh()

    # Inside

    def close(self) -> None:
        """Stop and let go of everything, within about a second."""
        self.cancel_scan()
        self.cancel_sign_in()
        self.conductor.close()

    def _save(self, preferences: Preferences) -> None:
        if not self._lent:
            write_preferences(preferences, paths.music_file())

    def _open(self, kind: PlayerKind, loudspeaker: str) -> Player:
        self._spotify, self._found = None, {}
        match kind:
            case PlayerKind.SPOTIFY:
                self._spotify = SpotifyPlayer(self._account, api_url=self._settings.spotify_api_url)
                return self._spotify
            case PlayerKind.LOCAL:
                return LocalPlayer(
                    paths.library_file(),
                    open_sound=partial(open_stream, max_minutes=self._settings.max_file_minutes),
                    outputs=PortAudioOutputs(SoundSystem(device_list, bounded, find_by_name)),
                    device=loudspeaker or self._settings.output_device or "",
                    crossfade_s=self._settings.crossfade_s,
                    on_played=self._echo.feed,
                )
            case PlayerKind.DRY_RUN:
                return DryRunPlayer()


def _kept_preferences() -> tuple[Preferences, str]:
    """What people decided before; where that cannot be read, the defaults and one sentence."""
    try:
        return read_preferences(paths.music_file()), ""
    except MusicError as error:
        _LOG.warning("%s", error)
        return Preferences(), f"{error} Until then the defaults hold."

"""Setting up Spotify: sign-in, account, and the playlists that people look for or lack."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from core.errors import AttuneError, MusicError
from core.settings import Settings
from playback.mapping import candidates as mapping
from playback.mapping.style_words import SEARCHES
from playback.mapping.styles import Style
from playback.player import Outcome, OutcomeKind, PlayerKind, Playlist
from playback.serial_executor import SerialExecutor
from playback.snapshot import MusicRecord, RecordKind
from spotify.account import AccountStatus, SpotifyAccount
from spotify.app_registration import STEPS, redirect_uri
from spotify.player import SpotifyPlayer
from spotify.sign_in import SignIn, SignInState

if TYPE_CHECKING:
    from attune.engine.music import Music

_OUTCOMES: Final[Mapping[SignInState, OutcomeKind]] = {
    SignInState.DONE: OutcomeKind.DONE,
    SignInState.CANCELLED: OutcomeKind.NOTHING_TO_DO,
}
_NEW_PLAYLIST: Final = "Attune: {style}"


@dataclass(frozen=True, slots=True)
class SignInView:
    """A sign-in at one moment."""

    url: str  # Spotify's page, to be opened in a browser of this machine
    # It has not ended; how it ended, None while it waits.
    waiting: bool
    outcome: Outcome | None
    notice: str = ""  # one sentence where the redirect address is another one than usual; else empty


class SpotifySetup:
    """Connects the user's Spotify account; any thread may use it.

    Parameters
    ----------
    settings
        Addresses, and the port for the sign-in.
    music
        Gives the music, which goes over to Spotify after a sign-in.
    """

    def __init__(self, settings: Settings, *, music: Callable[[], Music]) -> None:
        self._settings = settings
        self._music = music
        self._account = SpotifyAccount(settings)
        self._thread = SerialExecutor("attune-spotify-setup")
        self._player: SpotifyPlayer | None = None
        self._sign_in: SignIn | None = None
        self._searches: tuple[tuple[Style, Future[Outcome]], ...] = ()

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over, from the next request on."""
        before, self._settings = self._settings, settings
        self._account.settings = settings
        if self._player is not None and before.spotify_api_url != settings.spotify_api_url:
            self._music().reopen(PlayerKind.SPOTIFY)

    def open_player(self) -> SpotifyPlayer:
        """Open a player on the account; what was found before is forgotten."""
        self._searches = ()
        self._player = SpotifyPlayer(self._account, api_url=self._settings.spotify_api_url)
        return self._player

    # Sign-in

    @property
    def sign_in_steps(self) -> tuple[str, ...]:
        """How people get a client id, with a place for the redirect address."""
        return STEPS

    @property
    def redirect_address(self) -> str:
        """What they register with their app."""
        return redirect_uri(self._settings.spotify_callback_port)

    @property
    def account(self) -> AccountStatus:
        """The user's account, as far as it is known here; reads one small file."""
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

        Parameters
        ----------
        client_id
            Of the user's own app.
        may_create
            Ask for the right to make playlists too.

        Raises
        ------
        AttuneError
            The client id is none, or nothing can be listened on.
        """
        self._sign_in = self._account.begin(client_id, may_create=may_create, on_signed_in=self._signed_in)

    def sign_in_again(self, *, may_create: bool = False) -> None:
        """Begin to sign in with the same app; the sign-in of now holds until that has succeeded.

        What was allowed before is asked for again; raises as `begin_sign_in` does.
        """
        account = self.account
        self.begin_sign_in(account.client_id, may_create=may_create or account.may_create)

    def cancel_sign_in(self) -> None:
        """End a sign-in that goes on."""
        self._account.cancel()

    def disconnect(self) -> None:
        """Delete everything that is kept about Spotify on this machine; how that went is recorded."""
        # What is being asked of Spotify just now has to end first, which may take some seconds.
        self._thread.post(self._disconnect)

    # Playlists

    @property
    def found(self) -> Mapping[Style, tuple[Playlist, ...]]:
        """What was searched for since Spotify became the player, the best first; empty where nothing fits."""
        if self._music().controller.kind is not PlayerKind.SPOTIFY:
            return {}
        ended = ((style, search.result()) for style, search in self._searches if search.done())
        return {style: outcome.playlists for style, outcome in ended if outcome.ok}

    def search(self, style: Style) -> Future[Outcome]:
        """Look for public playlists that suit a style; `found` has them afterwards.

        Raises
        ------
        MusicError
            It is not Spotify that plays.
        """
        search = self._player_in_use("searched for").search(SEARCHES[style])
        self._searches = (*self._searches, (style, search))
        return search

    def create_missing(self) -> Future[Outcome]:
        """Make an empty playlist for each style that none of the user's stands for.

        Raises
        ------
        MusicError
            It is not Spotify that plays, or no style lacks a playlist.
        """
        player = self._player_in_use("made")
        # One that is still empty is not missing.
        listed = [replace(one, tracks=None) for one in player.snapshot().playlists]
        lacking = [style for style, found in mapping.suggest(listed).items() if not found]
        if not lacking:
            raise MusicError("There is a playlist for each style already: fill those that are empty.")
        made = player.create_playlists([_NEW_PLAYLIST.format(style=style.value) for style in lacking])
        made.add_done_callback(lambda done: self._record(done.result()))
        return made

    def close(self) -> None:
        """End a sign-in that goes on."""
        self.cancel_sign_in()
        self._thread.close(0.0)

    def _player_in_use(self, done: str) -> SpotifyPlayer:
        if self._player is None or self._music().controller.kind is not PlayerKind.SPOTIFY:
            raise MusicError(f"Playlists can only be {done} on Spotify: choose it as the player first.")
        return self._player

    def _signed_in(self) -> None:
        """Go over to Spotify: nobody signs in to hear the dry run."""
        music = self._music()
        if music.controller.kind is PlayerKind.SPOTIFY:
            music.controller.refresh()
        else:
            music.use(PlayerKind.SPOTIFY)

    def _disconnect(self) -> None:
        outcome = Outcome(OutcomeKind.DONE, "You disconnected Spotify; nothing of it is kept here any more.")
        self._account.end_sign_in()
        try:
            if self._player is not None:
                self._player.close()
            self._account.disconnect()
        except AttuneError as error:
            outcome = Outcome(OutcomeKind.FAILED, str(error))
        self._sign_in = None
        self._music().reopen(PlayerKind.SPOTIFY)
        self._record(outcome)

    def _record(self, outcome: Outcome) -> None:
        record = MusicRecord(
            time.time(),
            RecordKind.USER if outcome.ok else RecordKind.FAILED,
            outcome.message,
            outcome=outcome.kind,
        )
        self._music().controller.add_record(record, "You set up Spotify.")

"""Polling of Spotify: when it is due, and what it changes in the cached state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from core.text import pluralize
from playback.player import ContentKind, Outcome, OutcomeKind, PlayerSnapshot
from spotify import call_quota
from spotify.api_errors import CallError
from spotify.client import SpotifyClient
from spotify.player_state_cache import PlayerStateCache

DONE: Final = Outcome(OutcomeKind.DONE)

_FRESH_S: Final = 5.0
_CONFIRM_S: Final = 1.5
_CONFIRM_AGAIN_S: Final = 3.0
_LISTING_S: Final = 3600.0
_BLOCKED_S: Final = 1800.0
_LIMITED_S: Final = 60.0  # least time after the last poll, however short a rate limit was
_RESERVED_CALLS: Final = 60  # polls at the end of a track are given up while fewer calls than this are left


@dataclass(frozen=True, slots=True)
class _Expected:
    """What should play soon; Spotify reports a change a little later than it makes it."""

    context_uri: str
    at_s: float
    again: bool = False


class PlayerPoller:
    """Polls Spotify and updates the cache; for one thread only. What asks Spotify raises `CallError`.

    Parameters
    ----------
    client
        To ask with.
    publish
        Called with every new snapshot.
    """

    def __init__(self, client: SpotifyClient, *, publish: Callable[[PlayerSnapshot], None]) -> None:
        self.cache = PlayerStateCache()  # the state of the player
        self._client = client
        self._health = client.health
        self._state = client.state
        self._clock = client.clock
        self._on_snapshot = publish
        self._published: PlayerSnapshot | None = None
        self._account = ""
        self._user_id = ""
        self._complete = False  # everything was asked once
        self._pages = 0
        self._listed_s = 0.0  # last try
        self._polled_s = 0.0  # last try
        self._expected: _Expected | None = None
        self._health.adopt_limit(
            self._state.limited_until_s(), self._clock(), quota=self._state.limited_by_quota
        )
        self.publish()

    # When

    def tick(self, *, watched: bool) -> None:
        """Poll what is due; costs nothing where nothing is.

        Parameters
        ----------
        watched
            Whether the snapshot is on screen.
        """
        now_s = self._clock()
        if self._health.may_poll(now_s):
            with suppress(CallError):
                if not self._complete:
                    if self._first_poll_due(now_s):
                        self.poll_all()
                elif self._poll_due(now_s, watched=watched):
                    self.poll()
                elif watched and self._listing_due(now_s):
                    self.list_playlists()
        self.publish()

    def _first_poll_due(self, now_s: float) -> bool:
        """Whether to try again what did not succeed at the start."""
        if self._health.failing:
            return self._state.calls() < call_quota.DAY_CALLS
        wait_s = _LIMITED_S if self._health.was_limited else _BLOCKED_S
        return self._calls_left() > 0 and not 0 <= now_s - self._polled_s < wait_s

    def _poll_due(self, now_s: float, *, watched: bool) -> bool:
        if self._health.failing:
            return self._state.calls() < call_quota.DAY_CALLS
        if self._expected is not None and now_s >= self._expected.at_s:
            return self._state.calls() < call_quota.CONFIRMING_CALLS
        interval_s = self._interval_s(now_s, watched=watched)
        if interval_s is None:
            return False
        passed_s = now_s - self._polled_s
        return passed_s < 0 or passed_s >= interval_s

    def _interval_s(self, now_s: float, *, watched: bool) -> float | None:
        calls, playing = self._state.calls(), self.cache.playback.playing
        interval_s = call_quota.interval_s(calls, self._state.rest_s(), watched=watched, playing=playing)
        if interval_s is None or self._health.polling_blocked:
            return None if interval_s is None else max(interval_s, _BLOCKED_S)
        if watched and self._calls_left() > _RESERVED_CALLS and self.cache.track_ended(now_s):
            return interval_s / 2  # the title on screen is wrong now
        return interval_s

    def _listing_due(self, now_s: float) -> bool:
        wait_s = _LISTING_S * max(1, self._pages)  # so that many pages cost no more than few
        return self._calls_left() > self._pages and not 0 <= now_s - self._listed_s < wait_s

    def _calls_left(self) -> int:
        return call_quota.polling_calls_left(self._state.calls())

    # What

    def poll_all(self) -> Outcome:
        """Ask what plays, and list devices and playlists."""
        self._account = self._client.account
        self.poll()
        self.list_devices()
        self.publish()
        self.list_playlists()
        self._complete = True
        playlists = pluralize(self.cache.playlist_count, "playlist")
        devices = pluralize(len(self.cache.devices), "device")
        return Outcome(OutcomeKind.DONE, f"Spotify answers: {playlists}, {devices}.")

    def poll(self) -> None:
        """Ask what plays."""
        self._polled_s = self._clock()
        expected, self._expected = self._expected, None
        seen = self._client.playback(repeat=not self._health.failing)
        self._health.record_playback()
        if seen.track is not None and seen.track.kind is ContentKind.ADVERT and not seen.context_uri:
            seen = replace(seen, context_uri=self.cache.playback.context_uri)  # the playlist goes on after it
        if expected is not None and expected.context_uri != seen.context_uri and not expected.again:
            # Just after a command Spotify may still report the state before it.
            self._expected = replace(expected, at_s=self._clock() + _CONFIRM_AGAIN_S, again=True)
            return
        if expected is not None and not seen.playing and seen.track is None:
            self.cache.mark_empty(seen.context_uri)
        self.cache.update(seen, self._clock())

    def poll_now(self) -> None:
        """Ask what plays, and accept the answer even where another one is expected."""
        self._expected = None
        self.poll()

    def ensure_fresh(self) -> None:
        """Ask what plays, unless that was done a few seconds ago or the calls are nearly spent."""
        fresh = 0 <= self._clock() - self._polled_s < _FRESH_S
        if not fresh and self._state.calls() < call_quota.CONFIRMING_CALLS:
            self.poll()

    def expect(self, context_uri: str) -> None:
        """Poll soon to confirm what a command did.

        Parameters
        ----------
        context_uri
            Address of the playlist that should play.
        """
        self._expected = _Expected(context_uri, self._clock() + _CONFIRM_S)

    def list_devices(self) -> None:
        """Ask where Spotify is open."""
        self.cache.devices = self._client.devices()

    def list_playlists(self) -> None:
        """Ask for the playlists."""
        self._listed_s = self._clock()
        found, self._pages = self._client.playlists(self.user_id())
        self.cache.set_playlists(found)

    def user_id(self) -> str:
        """Id of the account."""
        if not self._user_id:
            self._user_id = self._client.user_id()
        return self._user_id

    def reset(self) -> None:
        """Allow a new try, perhaps after a new sign-in."""
        if self._health.reset():
            self._user_id = ""

    def publish(self) -> None:
        """Publish a snapshot if it has changed."""
        connection = self._health.connection(
            self._clock(), account=self._account, asked=self._polled_s > 0, calls=self._state.calls()
        )
        snapshot = self.cache.snapshot(connection)
        if snapshot != self._published:
            self._published = snapshot
            self._on_snapshot(snapshot)

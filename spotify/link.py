"""Owns the looks at Spotify: when one is due, what it brings into the picture, what its end teaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from core.words import counted
from playback.player import Outcome, OutcomeKind, PlayerSnapshot
from spotify import quota
from spotify.answers import CallError, Fault, Row
from spotify.client import SpotifyClient
from spotify.credentials import Credentials
from spotify.memory import Memory
from spotify.picture import Picture
from spotify.standing import Standing

__all__ = ["DONE", "Link"]

DONE: Final = Outcome(OutcomeKind.DONE)

_FRESH_S: Final = 5.0
_CONFIRM_S: Final = 1.5
_AGAIN_S: Final = 3.0
_KEPT_FROM_ENDS: Final = 60
_LISTED_S: Final = 3600.0
_HINDERED_S: Final = 1800.0
_LIMITED_S: Final = 60.0
"""Not sooner after the look before, however short the limit was."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Expected:
    """What has to be seen soon, for Spotify tells of a change a little later than it makes it."""

    context_uri: str
    at_s: float
    again: bool = False


class Link:
    """Asks Spotify, and keeps the picture; one thread alone may use it.

    Parameters
    ----------
    client, credentials, memory
        What to ask with.
    clock
        Gives Unix time, s.
    publish
        Takes every new picture.
    """

    def __init__(
        self,
        client: SpotifyClient,
        credentials: Credentials,
        memory: Memory,
        *,
        clock: Callable[[], float],
        publish: Callable[[PlayerSnapshot], None],
    ) -> None:
        self.picture = Picture()
        self.standing = Standing()
        self._client = client
        self._credentials = credentials
        self._memory = memory
        self._clock = clock
        self._publish = publish
        self._published: PlayerSnapshot | None = None
        self._account = ""
        self._user_id = ""
        self._complete = False  # everything was seen once
        self._pages = 0
        self._listed_s = 0.0  # tried to, at least
        self._looked_s = 0.0  # tried to, at least
        self._expected: _Expected | None = None
        self.standing.heed(memory.limited_until_s(), clock())
        self.show()

    # When

    def tick(self, *, watched: bool) -> None:
        """Look what plays where it is time to; costs nothing where it is not."""
        now_s = self._clock()
        if self.standing.may_look(now_s):
            if not self._complete:
                if self._due_first(now_s):
                    self.ended(self.look_at_all)
            elif self._due(now_s, watched=watched):
                self.ended(self.look)
            elif watched and self._due_listing(now_s):
                self.ended(self.list_playlists)
        self.show()

    def _due_first(self, now_s: float) -> bool:
        """Whether to try again what did not succeed when the program began."""
        if self.standing.failing:
            return self._memory.calls() < quota.DAY_CALLS
        wait_s = _LIMITED_S if self.standing.was_limited else _HINDERED_S
        return self._left() > 0 and not 0 <= now_s - self._looked_s < wait_s

    def _due(self, now_s: float, *, watched: bool) -> bool:
        if self.standing.failing:
            return self._memory.calls() < quota.DAY_CALLS
        if self._expected is not None and now_s >= self._expected.at_s:
            return self._memory.calls() < quota.DOUBT_CALLS
        interval_s = self._interval_s(now_s, watched=watched)
        if interval_s is None:
            return False
        passed_s = now_s - self._looked_s
        return passed_s < 0 or passed_s >= interval_s

    def _interval_s(self, now_s: float, *, watched: bool) -> float | None:
        calls, playing = self._memory.calls(), self.picture.playback.playing
        interval_s = quota.interval_s(now_s, calls, watched=watched, playing=playing)
        if interval_s is None or self.standing.hindered:
            return None if interval_s is None else max(interval_s, _HINDERED_S)
        if watched and self._left() > _KEPT_FROM_ENDS and self.picture.track_ended(now_s):
            return interval_s / 2  # for who watches, it is the title that is wrong now
        return interval_s

    def _due_listing(self, now_s: float) -> bool:
        wait_s = _LISTED_S * max(1, self._pages)  # so that many pages cost no more than few
        return self._left() > self._pages and not 0 <= now_s - self._listed_s < wait_s

    def _left(self) -> int:
        return quota.left_for_looking(self._memory.calls())

    # What

    def look_at_all(self) -> Outcome:
        """Ask for everything."""
        self._account = self._credentials.account
        self.look()
        self.list_devices()
        self.show()
        self.list_playlists()
        self._complete = True
        playlists, devices = self.picture.listed, len(self.picture.devices)
        return Outcome(
            OutcomeKind.DONE,
            f"Spotify answers: {counted(playlists, 'playlist')}, {counted(devices, 'device')}.",
        )

    def look(self) -> Outcome:
        """Ask what plays."""
        self._looked_s = self._clock()
        expected, self._expected = self._expected, None
        repeat = not self.standing.failing
        seen = self.ask(lambda: self._client.playback(repeat=repeat), looked=True)
        self.standing.told()
        if expected is not None and expected.context_uri != seen.context_uri and not expected.again:
            # Just after a command it may still tell what was before.
            self._expected = replace(expected, at_s=self._clock() + _AGAIN_S, again=True)
            return DONE
        if expected is not None and not seen.playing and seen.track is None:
            self.picture.note_empty(seen.context_uri)
        self.picture.see(seen, self._clock())
        return DONE

    def glance(self) -> Outcome:
        """Ask what plays, unless that was done a few seconds ago or the day's calls are nearly spent."""
        fresh = 0 <= self._clock() - self._looked_s < _FRESH_S
        if fresh or self._memory.calls() >= quota.DOUBT_CALLS:
            return Outcome(OutcomeKind.NOTHING_TO_DO)
        return self.look()

    def look_afresh(self) -> Outcome:
        """Ask what plays, and believe it whatever it is."""
        self._expected = None
        return self.look()

    def expect(self, context_uri: str) -> None:
        """See to it that what a command led to is looked at soon."""
        self._expected = _Expected(context_uri, self._clock() + _CONFIRM_S)

    def list_devices(self) -> None:
        """Ask where Spotify is open."""
        self.picture.devices = self.ask(self._client.devices)

    def list_playlists(self) -> Outcome:
        """Ask for the playlists."""
        self._listed_s = self._clock()
        user_id = self.user_id()
        found, self._pages = self.ask(lambda: self._client.playlists(user_id))
        self.picture.list(found)
        return DONE

    def user_id(self) -> str:
        """Id of the account."""
        if not self._user_id:
            self._user_id = self.ask(self._client.user_id)
        return self._user_id

    def begin_anew(self) -> None:
        """Somebody wants a new try, perhaps after a new sign-in."""
        if self.standing.begin_anew():
            self._user_id = ""

    # How

    def ask(self, call: Callable[[], T], *, looked: bool = False) -> T:
        """Carry out a call, and learn from how it ends.

        Raises
        ------
        CallError
            It failed, or was not sent, because Spotify wants to be left alone.
        """
        began_s = self._clock()
        self.standing.heed(self._memory.limited_until_s(), began_s)
        limited = self.standing.limited(began_s)
        if limited is not None:
            raise CallError(Fault(Row.RATE_LIMITED, limited, reached=False))
        try:
            answer = call()
        except CallError as error:
            outcome = self.standing.take_note(
                error.fault, began_s=began_s, now_s=self._clock(), looked=looked
            )
            if outcome.kind is OutcomeKind.RATE_LIMITED and outcome.until_s is not None:
                self._memory.limit(outcome.until_s)
            raise CallError(replace(error.fault, outcome=outcome)) from None
        self.standing.answered()
        return answer

    def ended(self, carry_out: Callable[[], Outcome]) -> Outcome:
        """How something ended, whether it succeeded or not."""
        try:
            return carry_out()
        except CallError as error:
            return error.fault.outcome

    def show(self) -> None:
        """Publish the picture where it has changed."""
        connection = self.standing.connection(
            self._clock(), account=self._account, asked=self._looked_s > 0, calls=self._memory.calls()
        )
        snapshot = self.picture.snapshot(connection)
        if snapshot != self._published:
            self._published = snapshot
            self._publish(snapshot)

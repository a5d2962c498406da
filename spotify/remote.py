"""Owns what is known of the player at Spotify, and how a command is brought about there, on one thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from playback.player import (
    Connection,
    ConnectionState,
    Outcome,
    OutcomeKind,
    PlayerKind,
    PlayerSnapshot,
    Playlist,
)
from spotify import breaker, quota
from spotify.answers import CallError, Fault, Row, outcome_for
from spotify.breaker import Breaker
from spotify.client import SpotifyClient
from spotify.credentials import Credentials
from spotify.memory import Memory
from spotify.reading import Device, Playback, canonical_uri

__all__ = ["Remote"]

_LOG = logging.getLogger(__name__)
_CONFIRM_S: Final = 1.5
_AGAIN_S: Final = 3.0
_AFTER_END_S: Final = 1.0
_LEAST_APART_S: Final = 8.0
_KEPT_FOR_ENDS: Final = 40
_LISTED_S: Final = 3600.0
_HINDERED_S: Final = 1800.0
_NAME_LENGTH: Final = 100

_DONE: Final = Outcome(OutcomeKind.DONE)
_HINDERING: Final = frozenset({Row.APP_LAPSED, Row.NOT_LISTED})
_HINDERING_LOOKS: Final = frozenset({Row.SCOPE_MISSING, Row.FORBIDDEN})
_LATCHING: Final = frozenset({Row.SIGNED_OUT, Row.SIGN_IN_AGAIN, Row.TOKEN_EXPIRED})
_NO_DEVICE: Final = frozenset({Row.NO_ACTIVE_DEVICE, Row.DEVICE_GONE})
_NOWHERE: Final = outcome_for(Row.NO_ACTIVE_DEVICE)
_CONNECTING: Final = Connection(ConnectionState.DISCONNECTED, "Spotify is being asked.")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Expected:
    """What has to be seen soon, for Spotify tells of a change a little later than it makes it."""

    context_uri: str
    again: bool = False


class Remote:
    """The player at Spotify, as it is known here; one thread alone may use it.

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
        self._client = client
        self._credentials = credentials
        self._memory = memory
        self._clock = clock
        self._publish = publish
        self._breaker = Breaker()
        self._why = ""  # of the last failure
        self._latch: Outcome | None = None  # only a new sign-in helps
        self._no_premium: Outcome | None = None
        self._hindrance: Outcome | None = None  # Spotify answers, but does not tell
        self._account = ""
        self._user_id = ""
        self._playback = Playback()
        self._taken_s = 0.0
        self._devices: tuple[Device, ...] = ()
        self._playlists: dict[str, Playlist] = {}
        self._others: dict[str, Playlist] = {}  # played or found, but not listed
        self._pages = 0
        self._complete = False  # everything was seen once
        self._listed_s = 0.0  # tried to, at least
        self._tried_s = 0.0
        self._confirm_s: float | None = None
        self._expected: _Expected | None = None
        self._published: PlayerSnapshot | None = None
        self._show()

    # What somebody wants

    def refresh(self) -> Outcome:
        """Ask for everything anew; also the way back once somebody has signed in."""
        until_s = breaker.limited_until(self._breaker, self._clock())
        if until_s is not None:
            return self._limited(until_s)
        before, self._latch, self._hindrance = self._latch, None, None
        if before is not None:
            self._no_premium, self._user_id = None, ""  # it may be another account now
        outcome = self._outcome(self._look_at_all)
        if before is not None and outcome.kind is OutcomeKind.NOT_CONNECTED:
            self._latch = outcome = before  # forgotten by ourselves: it is still the user's turn
        self._show()
        return outcome

    def play(self, uri: str) -> Outcome:
        """Play a playlist, on the device that was chosen, else on the active one, else on the first."""
        playlist_uri = canonical_uri(uri)
        if not playlist_uri:
            return Outcome(OutcomeKind.FAILED, f"{uri!r} is no playlist of Spotify: choose another one.")
        return self._command(lambda: self._play(playlist_uri))

    def pause(self) -> Outcome:
        """Let the music rest."""
        return self._command(
            lambda: self._change(
                self._client.pause,
                there=lambda now: not now.playing,
                then=lambda now: replace(now, playing=False),
                wake=False,
            )
        )

    def resume(self) -> Outcome:
        """Go on."""
        return self._command(
            lambda: self._change(
                self._client.resume,
                there=lambda now: now.playing,
                then=lambda now: replace(now, playing=True),
            )
        )

    def next(self) -> Outcome:
        """Go to the next track."""

        def carry_out() -> Outcome:
            outcome = self._change(
                self._client.next,
                there=lambda _: False,
                then=lambda now: replace(now, playing=True, track=None),
                wake=False,
            )
            self._expect(self._playback.context_uri)
            return outcome

        return self._command(carry_out)

    def set_volume(self, volume: float) -> Outcome:
        """Set the volume of the device in use, 0 to 1."""
        if not 0.0 <= volume <= 1.0:
            return Outcome(
                OutcomeKind.FAILED, f"The volume cannot be {volume!r}: it must be a number from 0 to 1."
            )
        percent = round(100 * volume)
        return self._command(
            lambda: self._change(
                lambda device_id: self._client.set_volume(device_id, percent),
                there=lambda _: False,
                then=lambda now: replace(
                    now, device=None if now.device is None else replace(now.device, volume=percent / 100)
                ),
                wake=False,
            )
        )

    def choose_device(self, name: str) -> Outcome:
        """Remember a device, and let music go on there; an empty name forgets it."""
        if not name:
            self._memory.choose_device("")
            return Outcome(OutcomeKind.DONE, "Music comes out of whichever device is active.")
        return self._command(lambda: self._choose(name))

    def create_playlist(self, name: str) -> Outcome:
        """Make a private playlist of that name, without anything in it."""
        given = name.strip()
        if not 0 < len(given) <= _NAME_LENGTH:
            said = (
                f"A playlist cannot be called {name[:_NAME_LENGTH]!r}: give it 1 to {_NAME_LENGTH} letters."
            )
            return Outcome(OutcomeKind.FAILED, said)

        def carry_out() -> Outcome:
            made = self._ask(lambda: self._client.create_playlist(given, self._known_user()))
            self._playlists = {made.uri: made} | self._playlists
            return Outcome(OutcomeKind.DONE, f"{given} was made; it is empty until you add something to it.")

        return self._command(carry_out, player=False)

    def search(self, text: str) -> tuple[tuple[Playlist, ...], Outcome]:
        """Public playlists of that name, and how it went."""
        found: list[Playlist] = []

        def carry_out() -> Outcome:
            if text.strip():
                found.extend(self._ask(lambda: self._client.search(text.strip(), self._known_user())))
                self._others |= {one.uri: one for one in found}
            return _DONE

        outcome = self._command(carry_out, player=False)
        return tuple(found), outcome

    # What happens by itself

    def tick(self, *, watched: bool) -> None:
        """Look what plays where it is time to; costs nothing where it is not."""
        now_s = self._clock()
        if self._latch is None and now_s >= breaker.next_try_s(self._breaker, now_s):
            if not self._complete:
                if self._due_first(now_s):
                    self._outcome(self._look_at_all)
            elif self._due(now_s, watched=watched):
                self._outcome(self._look)
            elif watched and self._due_listing(now_s):
                self._outcome(self._list_playlists)
        self._show()

    def _due_first(self, now_s: float) -> bool:
        """Whether to try again what did not succeed when the program began."""
        if self._breaker.failures:
            return self._affordable()
        return self._left() and not 0 <= now_s - self._tried_s < _HINDERED_S

    def _due(self, now_s: float, *, watched: bool) -> bool:
        if self._breaker.failures:
            return self._affordable()
        if self._confirm_s is not None and now_s >= self._confirm_s:
            return self._affordable()
        playing = self._playback.playing
        interval_s = quota.interval_s(now_s, self._memory.calls(), watched=watched, playing=playing)
        if interval_s is None:
            return False
        if self._hindrance is not None:
            interval_s = max(interval_s, _HINDERED_S)
        passed_s = now_s - self._tried_s
        if passed_s < 0 or passed_s >= interval_s:
            return True
        return watched and passed_s >= _LEAST_APART_S and self._track_ended(now_s)

    def _track_ended(self, now_s: float) -> bool:
        track = self._playback.track
        if (
            not self._playback.playing
            or track is None
            or quota.left_for_looking(self._memory.calls()) <= _KEPT_FOR_ENDS
        ):
            return False
        if track.duration_s is None or track.position_s is None:
            return False
        return now_s - self._taken_s >= track.duration_s - track.position_s + _AFTER_END_S

    def _due_listing(self, now_s: float) -> bool:
        wait_s = _LISTED_S * max(1, self._pages)  # so that many pages cost no more than few
        return not 0 <= now_s - self._listed_s < wait_s and quota.left_for_looking(self._memory.calls()) > (
            self._pages
        )

    def _left(self) -> bool:
        return quota.left_for_looking(self._memory.calls()) > 0

    def _affordable(self) -> bool:
        """Whether there is a call left for what a command or a failure has left in doubt."""
        return self._memory.calls() < quota.DAY_CALLS

    # Looking

    def _look_at_all(self) -> Outcome:
        self._account = self._credentials.account
        self._look()
        self._list_devices()
        self._show()
        self._list_playlists()
        self._complete = True
        return Outcome(
            OutcomeKind.DONE,
            f"Spotify answers: {_counted(len(self._playlists), 'playlist')}, "
            f"{_counted(len(self._devices), 'device')}.",
        )

    def _look(self) -> Outcome:
        """Ask what plays."""
        self._tried_s = self._clock()
        expected, self._confirm_s, self._expected = self._expected, None, None
        try:
            seen = self._ask(lambda: self._client.playback(repeat=not self._breaker.failures))
        except CallError as error:
            if error.fault.row in _HINDERING_LOOKS:
                self._hindrance = error.fault.outcome
            raise
        self._hindrance = None
        if expected is not None and expected.context_uri != seen.context_uri and not expected.again:
            # Just after a command it may still tell what was before.
            self._expected = replace(expected, again=True)
            self._confirm_s = self._clock() + _AGAIN_S
            return _DONE
        if expected is not None and expected.context_uri == seen.context_uri and seen.track is None:
            self._note_empty(seen)
        self._see(seen)
        return _DONE

    def _now(self) -> Playback:
        """What plays, as far as it must have got by now."""
        track = self._playback.track
        if not self._playback.playing or track is None or track.position_s is None:
            return self._playback
        position_s = track.position_s + max(0.0, self._clock() - self._taken_s)
        if track.duration_s is not None:
            position_s = min(track.duration_s, position_s)
        return replace(self._playback, track=replace(track, position_s=position_s))

    def _see(self, seen: Playback) -> None:
        self._playback, self._taken_s = seen, self._clock()
        device = seen.device
        if device is not None and device.id and all(one.id != device.id for one in self._devices):
            self._devices = (*self._devices, device)
        self._devices = tuple(
            device if device is not None and one.id == device.id else replace(one, active=False)
            for one in self._devices
        )

    def _note_empty(self, seen: Playback) -> None:
        """What was played and holds nothing is known to be so the next time."""
        known = self._playlists.get(seen.context_uri)
        if known is not None and not seen.playing:
            self._playlists[known.uri] = replace(known, tracks=0)

    def _list_devices(self) -> None:
        self._devices = self._ask(self._client.devices)

    def _list_playlists(self) -> Outcome:
        self._listed_s = self._clock()
        user_id = self._known_user()
        found, self._pages = self._ask(lambda: self._client.playlists(user_id))
        self._playlists = {one.uri: one for one in found}
        return _DONE

    def _known_user(self) -> str:
        if not self._user_id:
            self._user_id = self._ask(self._client.user_id)
        return self._user_id

    # Commands

    def _play(self, uri: str) -> Outcome:
        known = self._known(uri)
        name = "The playlist" if known is None else known.name
        if known is not None and known.tracks == 0 and not self._holds_something(uri):
            return Outcome(OutcomeKind.EMPTY, f"{name} holds nothing that can be played: choose another one.")
        try:
            outcome = self._switched(uri)
        except CallError as error:
            if error.fault.row is not Row.NOT_FOUND:
                raise
            self._playlists.pop(uri, None)
            self._others.pop(uri, None)
            return Outcome(OutcomeKind.GONE, f"{name} is not there any more: choose another one.")
        if outcome.ok and known is None:
            self._others[uri] = Playlist(uri, "Unlisted playlist", owned=False)
        return outcome

    def _switched(self, uri: str) -> Outcome:
        def there(now: Playback) -> bool:
            return now.playing and now.context_uri == uri

        def change() -> Outcome:
            outcome = self._change(
                lambda device_id: self._client.play(device_id, uri),
                there=there,
                then=lambda _: Playback(playing=True, context_uri=uri),
                chosen=True,
            )
            if outcome.kind is OutcomeKind.DONE:
                self._expect(uri)
            return outcome

        try:
            return change()
        except CallError as error:
            if not error.fault.doubtful:
                raise
            self._client.rest()
            if not self._sees():
                raise
        # Seen now: it is known whether it was done, so nothing is done twice.
        return _DONE if there(self._playback) else change()

    def _sees(self) -> bool:
        """Look what plays after all; False where that does not succeed either."""
        self._expected = None
        return self._outcome(self._look).ok

    def _holds_something(self, uri: str) -> bool:
        try:
            held = self._ask(lambda: self._client.holds_something(uri))
        except CallError as error:
            if error.fault.row is not Row.FORBIDDEN:
                raise
            return True  # what others own does not tell
        return held

    def _change(
        self,
        do: Callable[[str], None],
        *,
        there: Callable[[Playback], bool],
        then: Callable[[Playback], Playback],
        wake: bool = True,
        chosen: bool = False,
    ) -> Outcome:
        """Send a command to a device.

        Parameters
        ----------
        do
            Sends it to the device of this id.
        there
            Whether it is so already.
        then
            What is known once it is done.
        wake
            A device that sleeps is woken, once.
        chosen
            It is for the device that was chosen, else for the one that is active.
        """
        device = self._target(chosen=chosen)
        if device is None:
            self._list_devices()
            device = self._target(chosen=chosen)
        if device is None:
            return self._nowhere(there)
        try:
            taker = self._sent(device, do, wake=wake, chosen=chosen)
        except CallError as error:
            row = error.fault.row
            if row is not Row.RESTRICTED and not (row in _NO_DEVICE and not wake):
                raise
            taker = self._plays_elsewhere(device)
            if there(self._playback):
                return Outcome(OutcomeKind.NOTHING_TO_DO)
            if taker is None:
                return error.fault.outcome
            other = taker.id
            self._ask(lambda: do(other))
        if taker is None:
            return _NOWHERE
        taker = replace(taker, active=True)
        after = then(replace(self._now(), device=taker))
        self._see(after if after.device is not None else replace(after, device=taker))
        return self._told(taker) if chosen else _DONE

    def _nowhere(self, there: Callable[[Playback], bool]) -> Outcome:
        if any(one.active for one in self._devices):
            return outcome_for(Row.DEVICE_CLOSED)
        self._see(Playback())
        return Outcome(OutcomeKind.NOTHING_TO_DO) if there(self._playback) else _NOWHERE

    def _plays_elsewhere(self, device: Device) -> Device | None:
        """Look again; where music plays on another device than we thought, that one."""
        self._expected = None
        self._look()
        seen = self._playback.device
        usable = seen is not None and seen.usable and seen.id != device.id
        return seen if usable and self._playback.playing else None

    def _told(self, device: Device) -> Outcome:
        wanted = self._memory.device
        if wanted and device.name != wanted:
            return Outcome(OutcomeKind.DONE, f"{wanted} is not there, so it is {device.name} that plays.")
        return _DONE

    def _sent(self, device: Device, do: Callable[[str], None], *, wake: bool, chosen: bool) -> Device | None:
        """The device that took it, perhaps after it was woken; None where none is there any more."""
        try:
            self._ask(lambda: do(device.id))
        except CallError as error:
            if error.fault.row not in _NO_DEVICE or not wake:
                raise
        else:
            return device
        self._list_devices()
        woken = self._target(chosen=chosen)
        if woken is not None:
            there = woken
            self._ask(lambda: self._client.transfer(there.id, play=False))
            self._ask(lambda: do(there.id))
        return woken

    def _target(self, *, chosen: bool) -> Device | None:
        usable = [one for one in self._devices if one.usable]
        remembered = [one for one in usable if one.name == self._memory.device]
        active = [one for one in usable if one.active]
        order = (remembered, active, usable) if chosen else (active, remembered, usable)
        return next((found[0] for found in order if found), None)

    def _choose(self, name: str) -> Outcome:
        self._list_devices()
        named = [one for one in self._devices if one.name == name]
        if not named:
            return Outcome(
                OutcomeKind.GONE, f"{name!r} is not there: open Spotify on it, or choose another device."
            )
        device = next((one for one in named if one.usable), named[0])
        if not device.usable:
            return Outcome(
                OutcomeKind.FORBIDDEN,
                f"{name} takes no commands from other programs: choose another device.",
            )
        self._memory.choose_device(name)
        if device.active:
            return Outcome(OutcomeKind.NOTHING_TO_DO, f"{name} is in use already.")
        playing = self._playback.playing
        self._ask(lambda: self._client.transfer(device.id, play=playing))
        self._see(replace(self._now(), device=replace(device, active=True)))
        self._expect(self._playback.context_uri)
        return _DONE

    def _expect(self, context_uri: str) -> None:
        """See to it that what a command led to is looked at soon."""
        self._expected = _Expected(context_uri)
        self._confirm_s = self._clock() + _CONFIRM_S

    # One call, and what it tells of Spotify

    def _command(self, carry_out: Callable[[], Outcome], *, player: bool = True) -> Outcome:
        refused = self._refused(player=player)
        if refused is not None:
            return refused
        outcome = self._outcome(carry_out)
        self._show()
        return outcome

    def _refused(self, *, player: bool) -> Outcome | None:
        """What can be said without asking Spotify."""
        now_s = self._clock()
        if self._latch is not None:
            return self._latch
        until_s = breaker.limited_until(self._breaker, now_s)
        if until_s is not None:
            return self._limited(until_s)
        if player and self._no_premium is not None:
            return self._no_premium
        if not breaker.may_command(self._breaker, now_s):
            return Outcome(OutcomeKind.UNREACHABLE, self._why)
        return None

    def _outcome(self, carry_out: Callable[[], Outcome]) -> Outcome:
        try:
            return carry_out()
        except CallError as error:
            outcome = error.fault.outcome
            until_s = breaker.limited_until(self._breaker, self._clock())
            return outcome if until_s is None else replace(outcome, until_s=until_s)

    def _ask(self, call: Callable[[], T]) -> T:
        began_s = self._clock()
        try:
            answer = call()
        except CallError as error:
            self._take_note(error.fault, began_s)
            raise
        self._breaker = breaker.answered(self._breaker)
        return answer

    def _take_note(self, fault: Fault, began_s: float) -> None:
        now_s, outcome = self._clock(), fault.outcome
        if fault.passing:
            self._breaker = breaker.failed(self._breaker, began_s=began_s, now_s=now_s, reached=fault.reached)
            self._why = outcome.message
        elif fault.row is Row.RATE_LIMITED:
            self._breaker = breaker.limited(self._breaker, now_s, outcome.until_s)
            self._why = outcome.message
            _LOG.warning("Spotify limits the rate for %.0f s", self._breaker.limited_until_s - now_s)
        else:
            self._breaker = breaker.answered(self._breaker)
        if fault.row in _LATCHING:
            self._latch = outcome
            if fault.row is Row.SIGN_IN_AGAIN:
                self._credentials.forget()
            _LOG.warning("%s", outcome.message)
        elif fault.row is Row.PREMIUM_REQUIRED:
            self._no_premium = outcome
            _LOG.warning("%s", outcome.message)
        elif fault.row in _HINDERING:
            self._hindrance = outcome

    def _limited(self, until_s: float) -> Outcome:
        return Outcome(OutcomeKind.RATE_LIMITED, self._why, until_s)

    # The picture

    def _known(self, uri: str) -> Playlist | None:
        return self._playlists.get(uri) or self._others.get(uri)

    def _show(self) -> None:
        """Publish the picture where it has changed."""
        playback = self._playback
        snapshot = PlayerSnapshot(
            kind=PlayerKind.SPOTIFY,
            connection=self._connection(),
            playing=playback.playing,
            track=playback.track,
            playlist=self._known(playback.context_uri),
            device=None if playback.device is None else playback.device.output(),
            volume=None if playback.device is None else playback.device.volume,
            playlists=tuple(self._playlists.values()),
            devices=tuple(one.output() for one in self._devices),
            taken_s=self._taken_s,
        )
        if snapshot != self._published:
            self._published = snapshot
            self._publish(snapshot)

    def _connection(self) -> Connection:
        now_s, calls = self._clock(), self._memory.calls()
        until_s = breaker.limited_until(self._breaker, now_s)
        state, message = ConnectionState.CONNECTED, f"Connected to Spotify{self._as_whom()}."
        if self._latch is not None:
            lost = self._latch.kind is OutcomeKind.NOT_CONNECTED
            state = ConnectionState.DISCONNECTED if lost else ConnectionState.SIGN_IN_AGAIN
            message = self._latch.message
        elif until_s is not None:
            state, message = ConnectionState.RATE_LIMITED, self._why
        elif self._breaker.failures:
            state, message = ConnectionState.DEGRADED, self._why
        elif self._hindrance is not None:
            state, message = ConnectionState.DEGRADED, self._hindrance.message
        elif not self._tried_s:
            state, message = _CONNECTING.state, _CONNECTING.message
        elif self._no_premium is not None:
            message = self._no_premium.message
        return Connection(state, message, until_s, self._account, calls)

    def _as_whom(self) -> str:
        return f" as {self._account}" if self._account else ""


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

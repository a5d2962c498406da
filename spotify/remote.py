"""Owns how a command is brought about at Spotify: on which device, woken or not, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from playback.player import Outcome, OutcomeKind, PlayerSnapshot, Playlist
from spotify.answers import CallError, Row, outcome_for
from spotify.client import SpotifyClient
from spotify.credentials import Credentials
from spotify.link import DONE, Link
from spotify.memory import Memory
from spotify.reading import Device, Playback, canonical_uri

__all__ = ["Remote"]

_NAME_LENGTH: Final = 100
_NO_DEVICE: Final = frozenset({Row.NO_ACTIVE_DEVICE, Row.DEVICE_GONE})
_NOWHERE: Final = outcome_for(Row.NO_ACTIVE_DEVICE)


class Remote:
    """The player at Spotify; one thread alone may use it, but for `publish`, which it calls.

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
        self._memory = memory
        self._clock = clock
        self._link = Link(client, credentials, memory, clock=clock, publish=publish)
        self._picture = self._link.picture
        self._standing = self._link.standing

    def tick(self, *, watched: bool) -> None:
        """Do what is due by itself; `watched` tells whether somebody looks."""
        self._link.tick(watched=watched)

    def glance(self) -> Outcome:
        """Ask what plays where that is not known well enough to change it unasked."""
        refused = self._standing.refused(self._clock(), player=True)
        if refused is not None:
            return refused
        outcome = self._link.ended(self._link.glance)
        self._link.show()
        return outcome

    def refresh(self) -> Outcome:
        """Ask for everything anew; also the way back once somebody has signed in."""
        limited = self._standing.limited(self._clock())
        if limited is not None:
            return limited
        self._link.begin_anew()
        outcome = self._link.ended(self._link.look_at_all)
        self._link.show()
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
            if outcome.ok:
                self._link.expect(self._picture.playback.context_uri)
            return outcome

        return self._command(carry_out)

    def set_volume(self, volume: float) -> Outcome:
        """Set the volume of the device in use, 0 to 1."""
        if not 0.0 <= volume <= 1.0:
            return Outcome(
                OutcomeKind.FAILED, f"The volume cannot be {volume!r}: it must be a number from 0 to 1."
            )
        percent = round(100 * volume)

        def louder(now: Playback) -> Playback:
            assert now.device is not None
            return replace(now, device=replace(now.device, volume=percent / 100))

        return self._command(
            lambda: self._change(
                lambda device_id: self._client.set_volume(device_id, percent),
                there=lambda _: False,
                then=louder,
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
            user_id = self._link.user_id()
            self._picture.add_first(self._link.ask(lambda: self._client.create_playlist(given, user_id)))
            return Outcome(OutcomeKind.DONE, f"{given} was made; it is empty until you add something to it.")

        return self._command(carry_out, player=False)

    def search(self, text: str) -> tuple[tuple[Playlist, ...], Outcome]:
        """Public playlists of that name, and how it went."""
        found: list[Playlist] = []

        def carry_out() -> Outcome:
            if words := text.strip():
                user_id = self._link.user_id()
                found.extend(self._link.ask(lambda: self._client.search(words, user_id)))
                self._picture.add_others(*found)
            return DONE

        outcome = self._command(carry_out, player=False)
        return tuple(found), outcome

    def _command(self, carry_out: Callable[[], Outcome], *, player: bool = True) -> Outcome:
        refused = self._standing.refused(self._clock(), player=player)
        if refused is not None:
            return refused
        outcome = self._link.ended(carry_out)
        self._link.show()
        return outcome

    # Playing

    def _play(self, uri: str) -> Outcome:
        known = self._picture.playlist(uri)
        name = "The playlist" if known is None else known.name
        if known is not None and known.tracks == 0 and not self._holds_something(uri):
            return Outcome(OutcomeKind.EMPTY, f"{name} holds nothing that can be played: choose another one.")
        try:
            outcome = self._switched(uri)
        except CallError as error:
            if error.fault.row is not Row.NOT_FOUND:
                raise
            self._picture.remove(uri)
            return Outcome(OutcomeKind.GONE, f"{name} is not there any more: choose another one.")
        if outcome.ok and known is None:
            self._picture.add_others(Playlist(uri, "Unlisted playlist", owned=False))
        return outcome

    def _holds_something(self, uri: str) -> bool:
        try:
            return self._link.ask(lambda: self._client.holds_something(uri))
        except CallError as error:
            if error.fault.row not in (Row.FORBIDDEN, Row.NOT_FOUND):
                raise
            return True  # what others own does not tell, and what is gone is refused in a moment

    def _switched(self, uri: str) -> Outcome:
        def there(now: Playback) -> bool:
            return now.playing and now.context_uri == uri

        def change() -> Outcome:
            outcome = self._change(
                lambda device_id: self._client.play(device_id, uri),
                there=there,
                then=lambda now: Playback(playing=True, context_uri=uri, device=now.device),
                chosen=True,
            )
            if outcome.kind is OutcomeKind.DONE:
                self._link.expect(uri)
            return outcome

        try:
            return change()
        except CallError as error:
            if not error.fault.doubtful:
                raise
            self._client.rest()
            if not self._link.ended(self._link.look_afresh).ok:
                raise
        # Seen now: it is known whether it was done, so nothing is done twice.
        return DONE if there(self._picture.playback) else change()

    # Devices

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
            What is known once it is done, from what was known before and the device that did it.
        wake
            A device that sleeps is woken, once.
        chosen
            It is for the device that was chosen, else for the one that is active.
        """
        device = self._target(chosen=chosen)
        if device is None:
            self._link.list_devices()
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
            if there(self._picture.playback):
                return Outcome(OutcomeKind.NOTHING_TO_DO)
            if taker is None:
                return error.fault.outcome
            other = taker.id
            self._link.ask(lambda: do(other))
        if taker is None:
            return _NOWHERE
        now_s = self._clock()
        known = replace(self._picture.at(now_s), device=replace(taker, active=True))
        self._picture.see(then(known), now_s)
        return self._told(taker) if chosen else DONE

    def _target(self, *, chosen: bool) -> Device | None:
        return self._picture.target(self._memory.device, chosen=chosen)

    def _sent(self, device: Device, do: Callable[[str], None], *, wake: bool, chosen: bool) -> Device | None:
        """The device that took it, perhaps after it was woken; None where none is there any more."""
        try:
            self._link.ask(lambda: do(device.id))
        except CallError as error:
            if error.fault.row not in _NO_DEVICE or not wake:
                raise
        else:
            return device
        self._link.list_devices()
        woken = self._target(chosen=chosen)
        if woken is not None:
            device_id = woken.id
            self._link.ask(lambda: self._client.transfer(device_id, play=False))
            self._link.ask(lambda: do(device_id))
        return woken

    def _nowhere(self, there: Callable[[Playback], bool]) -> Outcome:
        if any(one.active for one in self._picture.devices):
            return outcome_for(Row.DEVICE_CLOSED)
        self._picture.see(Playback(), self._clock())
        return Outcome(OutcomeKind.NOTHING_TO_DO) if there(self._picture.playback) else _NOWHERE

    def _plays_elsewhere(self, device: Device) -> Device | None:
        """Look again; where music plays on another device than we thought, that one."""
        self._link.look_afresh()
        seen = self._picture.playback.device
        usable = seen is not None and seen.usable and seen.id != device.id
        return seen if usable and self._picture.playback.playing else None

    def _told(self, device: Device) -> Outcome:
        wanted = self._memory.device
        if wanted and device.name != wanted:
            return Outcome(OutcomeKind.DONE, f"{wanted} is not there, so it is {device.name} that plays.")
        return DONE

    def _choose(self, name: str) -> Outcome:
        self._link.list_devices()
        named = [one for one in self._picture.devices if one.name == name]
        if not named:
            return Outcome(
                OutcomeKind.GONE, f"{name!r} is not there: open Spotify on it, or choose another device."
            )
        device = next((one for one in named if one.usable), named[0])
        if not device.usable:
            return outcome_for(Row.DEVICE_CLOSED)
        self._memory.choose_device(name)
        if device.active:
            return Outcome(OutcomeKind.NOTHING_TO_DO, f"{name} is in use already.")
        playing = self._picture.playback.playing
        self._link.ask(lambda: self._client.transfer(device.id, play=playing))
        now_s = self._clock()
        self._picture.see(replace(self._picture.at(now_s), device=replace(device, active=True)), now_s)
        self._link.expect(self._picture.playback.context_uri)
        return DONE

"""Commands to the player at Spotify: on which device, woken or not, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from core.phrases import Phrase
from playback.player import Outcome, OutcomeKind, PlayerSnapshot, Playlist
from spotify.api_errors import ApiErrorKind, CallError, OutcomeError, outcome_for, takes_no_commands
from spotify.client import SpotifyClient
from spotify.player_poller import DONE, PlayerPoller
from spotify.web_api_parsing import PlaybackState, SpotifyDevice, canonical_uri

_MAX_NAME: Final = 100
_DEVICE_MISSING: Final = frozenset({ApiErrorKind.NO_ACTIVE_DEVICE, ApiErrorKind.DEVICE_GONE})
_NO_DEVICE: Final = outcome_for(ApiErrorKind.NO_ACTIVE_DEVICE)


def _refusal_of(device: SpotifyDevice) -> Outcome:
    return Outcome(OutcomeKind.FORBIDDEN, takes_no_commands(device.name))


class PlaybackClient:
    """The player at Spotify; for one thread only, which also calls `publish`.

    The commands raise `OutcomeError` where they end early; `execute` turns that into an outcome.

    Parameters
    ----------
    client
        To send calls with.
    publish
        Called with every new snapshot.
    """

    def __init__(self, client: SpotifyClient, *, publish: Callable[[PlayerSnapshot], None]) -> None:
        self._client = client
        self._health = client.health
        self._state = client.state
        self._clock = client.clock
        self._poller = PlayerPoller(client, publish=publish)
        self._cache = self._poller.cache

    def tick(self, *, watched: bool) -> None:
        """Do what is due; `watched`: the snapshot is on screen."""
        self._poller.tick(watched=watched)

    def execute(self, command: Callable[[], Outcome]) -> Outcome:
        """Run one of the commands below, and publish what it changed.

        Parameters
        ----------
        command
            Bound to its arguments.
        """
        try:
            return command()
        except OutcomeError as error:
            return error.outcome
        finally:
            self._poller.publish()

    def refresh(self) -> Outcome:
        """Ask for everything again; also the way back after a new sign-in."""
        if (limit := self._health.rate_limit(self._clock())) is not None:
            return limit
        self._poller.reset()
        return self._poller.poll_all()

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Outcome:
        """Play a playlist on the chosen device, else on the active one, else on the first.

        Parameters
        ----------
        uri
            Address of the playlist.
        if_unchanged_since
            Unix time; nothing is played where the music was changed after it. None: play in any case.
        """
        playlist_uri = canonical_uri(uri)
        if not playlist_uri:
            return Outcome(OutcomeKind.FAILED, f"{uri!r} is no playlist of Spotify: choose another one.")
        self._refuse_early()
        if if_unchanged_since is not None:
            with suppress(CallError):  # the command itself then says why
                self._poller.ensure_fresh()
            if self._cache.changed_s > if_unchanged_since:
                return Outcome(
                    OutcomeKind.CHANGED, Phrase("The music was changed in Spotify itself meanwhile.")
                )
            self._refuse_early()
        known = self._cache.playlist(playlist_uri)
        name = "The playlist" if known is None else known.name
        if known is not None and known.tracks == 0 and not self._has_tracks(playlist_uri):
            return Outcome(OutcomeKind.EMPTY, f"{name} holds nothing that can be played: choose another one.")

        def plays(now: PlaybackState) -> bool:
            return now.playing and now.context_uri == playlist_uri

        change = partial(
            self._change,
            partial(self._client.play, uri=playlist_uri),
            is_done=plays,
            result=lambda now: PlaybackState(playing=True, context_uri=playlist_uri, device=now.device),
            prefer_chosen=True,
        )
        confirmed = False
        try:
            try:
                outcome = change()
            except CallError as error:
                if not (error.failure.uncertain and self._poll_after_pause()):
                    raise
                confirmed = plays(self._cache.playback)
                outcome = DONE if confirmed else change()
        except CallError as error:
            if error.failure.kind is not ApiErrorKind.NOT_FOUND:
                raise
            self._cache.remove(playlist_uri)
            return Outcome(OutcomeKind.GONE, f"{name} is not there any more: choose another one.")
        if outcome.kind is OutcomeKind.DONE and not confirmed:
            self._poller.expect(playlist_uri)
        if outcome.ok and known is None:
            self._cache.add_unlisted(Playlist(playlist_uri, "Unlisted playlist", owned=False))
        return outcome

    def pause(self) -> Outcome:
        """Pause playback."""
        self._refuse_early()
        return self._change(
            self._client.pause,
            is_done=lambda now: not now.playing,
            result=lambda now: replace(now, playing=False),
            wake=False,
        )

    def resume(self) -> Outcome:
        """Resume playback."""
        self._refuse_early()
        return self._change(
            self._client.resume,
            is_done=lambda now: now.playing,
            result=lambda now: replace(now, playing=True),
        )

    def next(self) -> Outcome:
        """Skip to the next track."""
        self._refuse_early()
        outcome = self._change(
            self._client.next,
            is_done=lambda _: False,
            result=lambda now: replace(now, playing=True, track=None),
            wake=False,
        )
        if outcome.ok:
            self._poller.expect(self._cache.playback.context_uri)
        return outcome

    def set_volume(self, volume: float) -> Outcome:
        """Set the volume of the device in use, 0 to 1."""
        if not 0.0 <= volume <= 1.0:
            return Outcome(
                OutcomeKind.FAILED, f"The volume cannot be {volume!r}: it must be a number from 0 to 1."
            )
        self._refuse_early()
        percent = round(100 * volume)

        def with_volume(now: PlaybackState) -> PlaybackState:
            assert now.device is not None
            return replace(now, device=replace(now.device, volume=percent / 100))

        return self._change(
            partial(self._client.set_volume, percent=percent),
            is_done=lambda _: False,
            result=with_volume,
            wake=False,
        )

    def choose_device(self, name: str) -> Outcome:
        """Remember a device, and continue playback there; an empty name forgets it."""
        if not name:
            self._state.remember_device("")
            return Outcome(OutcomeKind.DONE, "Music comes out of whichever device is active.")
        self._refuse_early()
        self._poller.list_devices()
        named = [one for one in self._cache.devices if one.name == name]
        if not named:
            return Outcome(
                OutcomeKind.GONE, f"{name!r} is not there: open Spotify on it, or choose another device."
            )
        device = next((one for one in named if one.usable), named[0])
        if not device.usable:
            return _refusal_of(device)
        self._state.remember_device(name)
        if device.active:
            return Outcome(OutcomeKind.NOTHING_TO_DO, f"{name} is in use already.")
        self._client.transfer(device.id, play=self._cache.playback.playing)
        now_s = self._clock()
        self._cache.update(replace(self._cache.at(now_s), device=replace(device, active=True)), now_s)
        self._poller.expect(self._cache.playback.context_uri)
        return DONE

    def create_playlist(self, name: str) -> Outcome:
        """Create an empty private playlist of that name."""
        name = name.strip()
        if not 0 < len(name) <= _MAX_NAME:
            return Outcome(
                OutcomeKind.FAILED,
                f"A playlist cannot be called {name[:_MAX_NAME]!r}: give it 1 to {_MAX_NAME} letters.",
            )
        self._refuse_early(needs_premium=False)
        self._cache.add_first(self._client.create_playlist(name, self._poller.user_id()))
        return Outcome(OutcomeKind.DONE, f"{name} was made; it is empty until you add something to it.")

    def search(self, text: str) -> Outcome:
        """Find public playlists of that name; the outcome holds them."""
        self._refuse_early(needs_premium=False)
        words = text.strip()
        found = self._client.search(words, self._poller.user_id()) if words else ()
        self._cache.add_unlisted(*found)
        return Outcome(OutcomeKind.DONE, playlists=found)

    def _refuse_early(self, *, needs_premium: bool = True) -> None:
        """End the command where its outcome is known without asking Spotify."""
        refusal = self._health.refusal(self._clock(), needs_premium=needs_premium)
        if refusal is not None:
            raise OutcomeError(refusal)

    def _has_tracks(self, uri: str) -> bool:
        try:
            return self._client.has_tracks(uri)
        except CallError as error:
            if error.failure.kind not in (ApiErrorKind.FORBIDDEN, ApiErrorKind.NOT_FOUND):
                raise
            return True  # other people's playlists cannot be read, and a deleted one is refused in a moment

    def _poll_after_pause(self) -> bool:
        """Find out what plays after an uncertain command."""
        self._client.pause_before_retry()
        try:
            self._poller.poll_now()
        except CallError:
            return False
        return True

    # Devices

    def _change(
        self,
        send: Callable[[str], None],
        *,
        is_done: Callable[[PlaybackState], bool],
        result: Callable[[PlaybackState], PlaybackState],
        wake: bool = True,
        prefer_chosen: bool = False,
    ) -> Outcome:
        """Send a command to the active device, or to the chosen one first; `wake` a device that sleeps.

        `is_done` says whether playback is already as it should be; `result` makes playback after the command
        from that before it.
        """
        find_target = partial(self._cache.target, self._state.device, prefer_chosen=prefer_chosen, wake=wake)
        target = find_target()
        if target is None:
            self._poller.list_devices()
            target = find_target()
        if target is None:
            return self._without_device(is_done, wake=wake)
        device: SpotifyDevice | None = target
        try:
            try:
                send(target.id)
            except CallError as error:
                device = self._after_refusal(error, target, find_target, wake=wake)
                if device is not None:
                    send(device.id)
        except CallError as error:
            kind = error.failure.kind
            if kind is not ApiErrorKind.RESTRICTED and (wake or kind not in _DEVICE_MISSING):
                raise
            device = self._other_device_in_use(target)
            if is_done(self._cache.playback):
                return Outcome(OutcomeKind.NOTHING_TO_DO)
            if device is None:
                return self._refusal_in_use() or error.outcome
            send(device.id)
        if device is None:
            return self._without_device(is_done, wake=wake)
        now_s = self._clock()
        before = replace(self._cache.at(now_s), device=replace(device, active=True))
        self._cache.update(result(before), now_s)
        chosen = self._state.device
        if prefer_chosen and chosen and device.name != chosen:
            there = any(one.name == chosen for one in self._cache.devices)
            why = "takes no commands from apps" if there else "is not there"
            return Outcome(OutcomeKind.DONE, f"{chosen} {why}, so it is {device.name} that plays.")
        return DONE

    def _after_refusal(
        self,
        error: CallError,
        target: SpotifyDevice,
        find_target: Callable[[], SpotifyDevice | None],
        *,
        wake: bool,
    ) -> SpotifyDevice | None:
        """The device to try next, awake; None where there is none. Raises the error where none can help."""
        kind = error.failure.kind
        if kind is ApiErrorKind.DEVICE_NOT_CONTROLLABLE:
            self._cache.mark_restricted(target)
            return find_target()
        if not (wake and kind in _DEVICE_MISSING):
            raise error
        self._poller.list_devices()
        device = find_target()
        if device is not None:
            self._client.transfer(device.id, play=False)
        return device

    def _without_device(self, is_done: Callable[[PlaybackState], bool], *, wake: bool) -> Outcome:
        """Outcome of a command for which there is no device, or only such as refuse it."""
        refusing = self._refusal_in_use()
        if refusing is None:
            self._cache.update(PlaybackState(), self._clock())
            if is_done(self._cache.playback):
                return Outcome(OutcomeKind.NOTHING_TO_DO)
            refusing = next((_refusal_of(one) for one in self._cache.devices if not one.usable), _NO_DEVICE)
        # Where music is to begin it may do so on another device soon, so that it is worth another try.
        return replace(refusing, kind=OutcomeKind.NO_DEVICE) if wake else refusing

    def _refusal_in_use(self) -> Outcome | None:
        """Outcome of a command to the device in use; None where it takes commands."""
        active = self._cache.active_device
        return None if active is None or active.usable else _refusal_of(active)

    def _other_device_in_use(self, target: SpotifyDevice) -> SpotifyDevice | None:
        """Ask again what plays; the device where it plays, if it is another one."""
        self._poller.poll_now()
        seen = self._cache.playback.device
        usable = seen is not None and seen.usable and seen.id != target.id
        return seen if usable and self._cache.playback.playing else None

"""Owns the player of the user's own files: playlists by mood, out of a loudspeaker of this machine."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from core.errors import AudioDeviceError, DeviceNotFoundError, MusicError
from playback.audio_out import Output, SoundOutputs
from playback.decode import OpenSound
from playback.feeder import Feeder, OnPlayed
from playback.library import library_mark, read_library
from playback.local_lists import Lists, lists_of
from playback.mixer import Deck, Mixer, Render
from playback.player import (
    Connection,
    ConnectionState,
    Outcome,
    OutcomeKind,
    OutputDevice,
    PlayerKind,
    PlayerSnapshot,
    Playlist,
    Track,
)
from playback.programme import Order, Programme
from playback.worker import CommandThread

__all__ = ["LocalPlayer"]

_LOG = logging.getLogger(__name__)
_TICK_S: Final = 0.25
_PAUSE_S: Final = 0.25
_BEGIN_S: Final = 0.3
_LOOK_S: Final = 2.0
_RETRY_S: Final = 1.0
_IDLE_S: Final = 10.0
_SCAN: Final = "run `attune library scan FOLDER`"
_NOTHING_CHOSEN: Final = Outcome(OutcomeKind.FAILED, "Nothing was played yet: choose a playlist first.")


@dataclass(frozen=True, slots=True)
class _Current:
    """What plays or rests."""

    playlist: Playlist
    order: Order
    deck: Deck

    @property
    def over(self) -> bool:
        return self.deck.ended and not self.deck.ready

    def track(self) -> Track | None:
        number, position_s = self.deck.heard()
        row = self.order.row(number)
        if row is None:
            return None
        return Track(row.title, row.artist, duration_s=row.duration_s, position_s=position_s)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What snapshots are made of."""

    connection: Connection
    playing: bool = False
    current: _Current | None = None
    device: str = ""
    volume: float = 1.0
    playlists: tuple[Playlist, ...] = ()
    devices: tuple[str, ...] = ()


class LocalPlayer:
    """Fulfils `playback.player.Player` with the files of a library.

    Parameters
    ----------
    database
        Of the library; only read, and read again when a scan has changed it.
    open_sound
        See `OpenSound`.
    outputs
        The loudspeakers: `playback.audio_out.PortAudioOutputs`.
    device
        Name of the loudspeaker; empty takes the system's default.
    crossfade_s
        How long a switch fades from the old to the new, s; the new one is the louder after a fifth of it.
    volume
        0 to 1.
    on_played
        See `OnPlayed`.
    clock
        Gives Unix time, s.
    seed
        Makes the playlists of styles come out alike; None draws one.
    """

    def __init__(
        self,
        database: Path,
        *,
        open_sound: OpenSound,
        outputs: SoundOutputs,
        device: str = "",
        crossfade_s: float = 1.5,
        volume: float = 1.0,
        on_played: OnPlayed | None = None,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
    ) -> None:
        self._database = database
        self._open_sound = open_sound
        self._outputs = outputs
        self._wanted = device
        self._crossfade_s = crossfade_s
        self._volume = volume
        self._clock = clock
        self._seed = random.randrange(2**31) if seed is None else seed  # noqa: S311 - no secret
        self._plays = 0
        self._lists = Lists()
        self._mark: object = None
        self._looked_s = -math.inf
        self._tried_s = -math.inf
        self._rest_since_s = -math.inf
        self._output: Output | None = None
        self._mixer: Mixer | None = None
        self._current: _Current | None = None
        self._playing = False
        self._lost = ""
        self._library_trouble = ""
        self._sound_trouble = ""
        self._skipped = ""
        self._devices: tuple[str, ...] = ()
        self._feeder = Feeder(on_played)
        self._seen = _Seen(Connection(ConnectionState.DEGRADED, "The music library is being read."))
        self._thread = CommandThread("attune-local-player", tick=self._tick, tick_s=_TICK_S)
        self.refresh()

    @property
    def kind(self) -> PlayerKind:
        """That it is the local one."""
        return PlayerKind.LOCAL

    @property
    def underruns(self) -> int:
        """Blocks for which no sound was ready in time."""
        return self._mixer.underruns if self._mixer is not None else 0

    def snapshot(self) -> PlayerSnapshot:
        """The newest picture; never waits."""
        seen = self._seen
        track = seen.current.track() if seen.current is not None else None
        names = dict.fromkeys((*seen.devices, seen.device) if seen.device else seen.devices)
        devices = tuple(
            OutputDevice(name, active=name == seen.device, volume=seen.volume, id=name) for name in names
        )
        return PlayerSnapshot(
            kind=self.kind,
            connection=seen.connection,
            playing=seen.playing,
            track=track,
            playlist=seen.current.playlist if seen.current is not None else None,
            device=next((device for device in devices if device.active), None),
            volume=seen.volume,
            playlists=seen.playlists,
            devices=devices,
            taken_s=self._clock(),
        )

    def look(self) -> None:
        """Nothing has to be asked for: what plays here is known."""

    def glance(self) -> Future[Outcome]:
        """What plays here is known."""
        return self._command(lambda: Outcome(OutcomeKind.NOTHING_TO_DO))

    def refresh(self) -> Future[Outcome]:
        """Read the library and list the loudspeakers anew."""
        return self._command(self._refresh)

    def play(self, uri: str) -> Future[Outcome]:
        """Play a playlist; of a style it is made on the spot."""
        return self._command(lambda: self._play(uri))

    def pause(self) -> Future[Outcome]:
        """Fade out, and rest."""
        return self._command(self._pause)

    def resume(self) -> Future[Outcome]:
        """Go on where it rested."""
        return self._command(self._resume)

    def next(self) -> Future[Outcome]:
        """Go to the next track."""
        return self._command(self._skip_on)

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1."""
        return self._command(lambda: self._set_volume(volume))

    def choose_device(self, name: str) -> Future[Outcome]:
        """Play out of the loudspeaker of that name; empty: the system's default."""
        return self._command(lambda: self._choose(name))

    def close(self) -> None:
        """Fall silent and let go of everything."""
        self._thread.close()
        output, self._output = self._output, None
        if output is not None:
            output.close()
        self._feeder.close()
        self._playing = False
        self._seen = replace(self._seen, playing=False)

    # Commands, on the player's thread

    def _command(self, carry_out: Callable[[], Outcome]) -> Future[Outcome]:
        def told() -> Outcome:
            try:
                return carry_out()
            except DeviceNotFoundError as error:
                return Outcome(OutcomeKind.GONE if self._wanted else OutcomeKind.NO_DEVICE, str(error))
            except AudioDeviceError as error:
                return Outcome(OutcomeKind.NO_DEVICE, str(error))
            finally:
                self._publish()

        return self._thread.submit(told)

    def _refresh(self) -> Outcome:
        self._mark = None
        self._read()
        try:
            self._devices = self._outputs.names()
        except AudioDeviceError as error:
            self._devices = ()
            self._sound_trouble = str(error)
        else:
            if not self._lost:
                self._sound_trouble = ""
        if self._library_trouble:
            return Outcome(OutcomeKind.FAILED, self._library_trouble)
        return Outcome(OutcomeKind.DONE)

    def _play(self, uri: str) -> Outcome:
        self._read()
        playlist = self._lists.playlists.get(uri)
        if not self._lists.playlists:
            connection = self._connection()
            kind = OutcomeKind.EMPTY if self._lists.library.rows else OutcomeKind.NOT_CONNECTED
            return Outcome(kind, connection.message)
        if playlist is None:
            return Outcome(
                OutcomeKind.GONE, f"The music library has no playlist {uri!r} any more: choose another one."
            )
        self._plays += 1
        first_seed = self._seed + 1000 * self._plays
        order = Order(lambda number: self._lists.rows(playlist, seed=first_seed + number))
        self._skipped = ""
        return self._start(playlist, order, 0, f"{playlist.name} plays now.")

    def _start(self, playlist: Playlist, order: Order, first: int, said: str) -> Outcome:
        self._lost = ""
        mixer = self._open()
        deck = self._deck(playlist, order, mixer, first)
        if deck is None:
            gone = self._folder_gone()
            why = gone or self._skipped or f"{playlist.name} holds nothing that can be played: {_SCAN} anew."
            return Outcome(OutcomeKind.GONE if gone else OutcomeKind.EMPTY, why)
        mixer.switch(deck, self._crossfade_s, first_s=_PAUSE_S)
        self._current = _Current(playlist, order, deck)
        self._playing = True
        return Outcome(OutcomeKind.DONE, said)

    def _deck(
        self, playlist: Playlist, order: Order, mixer: Mixer, first: int, *, skip_s: float = 0.0
    ) -> Deck | None:
        """Decode the beginning; None where there is nothing that can be decoded."""
        deck = Deck(mixer.rate_hz)
        programme = Programme(order, self._open_sound, self._note_skipped, first=first, skip_s=skip_s)
        programme.fill(deck, round(_BEGIN_S * mixer.rate_hz))
        if not deck.ready:
            programme.close()
            _LOG.warning("%s holds nothing that can be played", playlist.uri)
            return None
        self._feeder.add(deck, programme, mixer)
        return deck

    def _pause(self) -> Outcome:
        if not self._playing:
            return Outcome(OutcomeKind.NOTHING_TO_DO, "Nothing plays.")
        if self._mixer is not None:
            self._mixer.pause(_PAUSE_S)
        self._rest()
        return Outcome(OutcomeKind.DONE, "The music rests.")

    def _resume(self) -> Outcome:
        current = self._current
        if current is None:
            return _NOTHING_CHOSEN
        if self._playing:
            return Outcome(OutcomeKind.NOTHING_TO_DO, f"{current.playlist.name} plays already.")
        if current.over:
            return self._play(current.playlist.uri)
        self._open().resume(_PAUSE_S)
        self._playing = True
        return Outcome(OutcomeKind.DONE, f"{current.playlist.name} goes on.")

    def _skip_on(self) -> Outcome:
        current = self._current
        if current is None:
            return _NOTHING_CHOSEN
        number, _ = current.deck.heard()
        said = f"The next track of {current.playlist.name} plays now."
        return self._start(current.playlist, current.order, number + 1, said)

    def _set_volume(self, volume: float) -> Outcome:
        if not 0.0 <= volume <= 1.0:
            return Outcome(
                OutcomeKind.FAILED, f"The volume cannot be {volume!r}: it must be a number from 0 to 1."
            )
        if volume == self._volume:
            return Outcome(OutcomeKind.NOTHING_TO_DO, f"The volume is {volume:.0%} already.")
        self._volume = float(volume)
        if self._mixer is not None:
            self._mixer.set_volume(self._volume)
        return Outcome(OutcomeKind.DONE, f"The volume is {volume:.0%} now.")

    def _choose(self, name: str) -> Outcome:
        self._devices = self._outputs.names()
        if name and name not in self._devices:
            offered = ", ".join(map(repr, self._devices)) or "none at all"
            return Outcome(
                OutcomeKind.GONE, f"There is no loudspeaker {name!r}: connect it, or choose one of {offered}."
            )
        before, self._wanted, self._lost = self._wanted, name, ""
        self._sound_trouble = ""
        if self._output is not None or self._playing:
            self._let_go()
            try:
                self._open()
            except AudioDeviceError:
                self._wanted = before
                if self._playing:
                    self._tried_s = -math.inf  # the one before is tried with the next tick
                raise
        where = f"out of {name}" if name else "out of the system's default loudspeaker"
        return Outcome(OutcomeKind.DONE, f"Music comes {where} now.")

    # Now and then, on the player's thread

    def _tick(self) -> None:
        now_s = time.monotonic()
        if self._output is not None and self._output.lost:
            self._lose()
        if self._playing and self._output is None and now_s - self._tried_s >= _RETRY_S:
            self._retry(now_s)
        if self._playing and self._current is not None and self._current.over:
            self._rest()
        if not self._playing and self._output is not None and now_s - self._rest_since_s > _IDLE_S:
            self._let_go()
        if now_s - self._looked_s >= _LOOK_S:
            self._read()
        self._publish()

    def _lose(self) -> None:
        assert self._output is not None
        self._lost = self._output.name
        self._let_go()
        if self._playing:
            self._sound_trouble = (
                f"The loudspeaker {self._lost!r} has stopped taking sound: it is tried again every second, "
                "or choose another one."
            )
            _LOG.warning("%s", self._sound_trouble)
            self._publish()  # now: to open another one may take seconds

    def _retry(self, now_s: float) -> None:
        try:
            self._open()
        except AudioDeviceError as error:
            self._sound_trouble = f"{str(error).removesuffix('.')}; it is tried again every second."
        else:
            _LOG.info("the loudspeaker %s is back", self._output.name if self._output else "")
        self._tried_s = max(now_s, time.monotonic())

    def _read(self) -> None:
        """Read the library where it has changed."""
        self._looked_s = time.monotonic()
        mark = library_mark(self._database)
        if mark == self._mark:
            return
        try:
            self._lists = lists_of(read_library(self._database))
        except MusicError as error:
            self._library_trouble = str(error)
        else:
            self._mark = mark
            self._library_trouble = ""

    # Inside

    def _open(self) -> Mixer:
        """Have a loudspeaker open, and what is current go on in it; raises `AudioDeviceError`."""
        if self._output is not None and self._mixer is not None and not self._output.lost:
            return self._mixer
        self._let_go()
        made: list[Mixer] = []

        def connect(rate_hz: int) -> Render:
            same = self._mixer is not None and self._mixer.rate_hz == rate_hz
            mixer = self._mixer if same and self._mixer is not None else Mixer(rate_hz, volume=self._volume)
            made.append(mixer)
            return mixer.render

        self._output = self._outputs.open(self._lost or self._wanted, connect)
        self._sound_trouble = self._lost = ""
        mixer = made[-1]
        if mixer is not self._mixer:
            self._mixer = mixer
            self._carry_over(mixer)
        return mixer

    def _carry_over(self, mixer: Mixer) -> None:
        """Another loudspeaker may have another rate: what plays is decoded anew from where it was."""
        current = self._current
        if current is None:
            return
        number, position_s = current.deck.heard()
        current.deck.dropped = True
        deck = self._deck(current.playlist, current.order, mixer, number, skip_s=position_s)
        if deck is None:
            self._current = None
            return
        mixer.switch(deck, 0.0, first_s=_PAUSE_S)
        if not self._playing:
            mixer.pause(0.0)
        self._current = replace(current, deck=deck)

    def _let_go(self) -> None:
        output, self._output = self._output, None
        if output is not None:
            output.close()

    def _rest(self) -> None:
        self._playing = False
        self._rest_since_s = time.monotonic()

    def _note_skipped(self, sentence: str) -> None:
        self._skipped = sentence

    def _folder_gone(self) -> str:
        folder = self._lists.library.folder
        if folder is None or folder.is_dir():
            return ""
        return f"The music folder {folder} is not there any more: connect its disk, or {_SCAN} for another."

    def _connection(self) -> Connection:
        library = self._lists.library
        if not self._lists.playlists:
            if self._library_trouble:
                return Connection(ConnectionState.DISCONNECTED, self._library_trouble)
            if library.folder is None:
                return Connection(
                    ConnectionState.DISCONNECTED, f"No music folder was indexed yet: {_SCAN} with yours."
                )
            return Connection(
                ConnectionState.DISCONNECTED,
                f"None of the {len(library.rows)} files of {library.folder} can be played: {_SCAN} with "
                "another folder.",
            )
        for trouble in (self._library_trouble, self._sound_trouble, self._folder_gone()):
            if trouble:
                return Connection(ConnectionState.DEGRADED, trouble)
        ready = f"{len(library.playable)} tracks of {library.folder} are ready."
        return Connection(ConnectionState.CONNECTED, f"{ready} {self._skipped}".strip())

    def _publish(self) -> None:
        connection = self._connection()
        name = self._output.name if self._output is not None else self._lost
        self._seen = _Seen(
            connection,
            playing=self._playing and self._output is not None,
            current=self._current,
            device=name,
            volume=self._volume,
            playlists=tuple(self._lists.playlists.values()),
            devices=self._devices,
        )

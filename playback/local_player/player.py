"""The player of the user's own files: playlists by mood, out of a loudspeaker of this machine."""

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

from core.errors import AudioDeviceError, DeviceNotFoundError
from core.phrases import Phrase
from core.text import percent
from playback.library.database import WHERE_TO_SCAN
from playback.local_player.audio_output import SoundOutputs
from playback.local_player.decode import OpenSound
from playback.local_player.feeder import Feeder, OnPlayed
from playback.local_player.library_view import LibraryView
from playback.local_player.mixer import Deck, Mixer
from playback.local_player.play_queue import PlayQueue, TrackDecoder
from playback.local_player.speaker import Speaker
from playback.player import (
    NOTHING_CHOSEN,
    ConnectionState,
    Outcome,
    OutcomeKind,
    OutputDevice,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
    Playlist,
    volume_problem,
)
from playback.serial_executor import SerialExecutor

_LOG = logging.getLogger(__name__)
_TICK_S: Final = 0.25
_FADE_S: Final = 0.25
_BEGIN_S: Final = 0.3
_READ_S: Final = 2.0
_RETRY_S: Final = 1.0
_IDLE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Current:
    """What plays or is paused."""

    playlist: Playlist
    queue: PlayQueue
    deck: Deck

    @property
    def over(self) -> bool:
        return self.deck.ended and not self.deck.ready

    def track(self) -> PlayingTrack | None:
        number, position_s = self.deck.position()
        row = self.queue.row(number)
        if row is None:
            return None
        return PlayingTrack(row.title, row.artist, duration_s=row.duration_s, position_s=position_s)


class LocalPlayer:
    """Fulfils `playback.player.Player` with the files of a library.

    Parameters
    ----------
    database
        Of the library; only read, and read again when a scan has changed it.
    open_sound
        See `OpenSound`.
    outputs
        The loudspeakers: `playback.local_player.audio_output.PortAudioOutputs`.
    device
        Name of the loudspeaker; empty takes the system's default.
    crossfade_s
        How long a switch fades from the old to the new, s; the new one is the louder after a fifth of it.
    on_played
        See `OnPlayed`.
    seed
        Makes the playlists of styles come out alike; None draws one.
    """

    kind = PlayerKind.LOCAL

    def __init__(
        self,
        database: Path,
        *,
        open_sound: OpenSound,
        outputs: SoundOutputs,
        device: str = "",
        crossfade_s: float = 1.5,
        on_played: OnPlayed | None = None,
        seed: int | None = None,
    ) -> None:
        self._open_sound = open_sound
        self.crossfade_s = crossfade_s
        self._seed = random.randrange(2**31) if seed is None else seed  # noqa: S311 - no secret
        self._plays = 0
        self._library = LibraryView(database)
        self._speaker = Speaker(outputs, device)
        self._read_at_s = self._retried_s = self._paused_s = -math.inf
        self._current: _Current | None = None
        self._playing = False
        self._skipped = ""
        self._feeder = Feeder(on_played)
        reading = PlayerConnection(ConnectionState.DEGRADED, Phrase("The music library is being read."))
        # What plays moves on without the thread: its position is read when somebody asks.
        self._published: tuple[PlayerSnapshot, _Current | None] = PlayerSnapshot(self.kind, reading), None
        self._thread = SerialExecutor("attune-local-player", tick=self._tick, tick_s=_TICK_S)
        self.refresh()

    def snapshot(self) -> PlayerSnapshot:
        """The newest state; never waits."""
        snapshot, current = self._published
        track = None if current is None else current.track()
        return replace(snapshot, track=track, taken_s=time.time())

    def mark_viewed(self) -> None:
        """Do nothing: what plays is always known."""

    def refresh(self) -> Future[Outcome]:
        """Read the library and list the loudspeakers anew."""
        return self._submit(self._refresh)

    def play(self, uri: str, *, if_unchanged_since: float | None = None) -> Future[Outcome]:
        """Play a playlist, one of a style is made on the spot; nobody else can change what plays here."""
        del if_unchanged_since
        return self._submit(lambda: self._play(uri))

    def pause(self) -> Future[Outcome]:
        """Fade out, and pause."""
        return self._submit(self._pause)

    def resume(self) -> Future[Outcome]:
        """Go on where it was paused."""
        return self._submit(self._resume)

    def next(self) -> Future[Outcome]:
        """Go to the next track."""
        return self._submit(self._next)

    def set_volume(self, volume: float) -> Future[Outcome]:
        """Set the volume, 0 to 1."""
        return self._submit(lambda: self._set_volume(volume))

    def choose_device(self, name: str) -> Future[Outcome]:
        """Play out of the loudspeaker of that name; empty: the system's default."""
        return self._submit(lambda: self._choose_device(name))

    def close(self) -> None:
        """Fall silent and let go of everything."""
        self._thread.close()
        self._speaker.close()
        self._feeder.close()
        self._playing = False
        self._published = replace(self._published[0], playing=False), self._published[1]

    # Commands, on the player's thread

    def _submit(self, command: Callable[[], Outcome]) -> Future[Outcome]:
        def carry_out() -> Outcome:
            try:
                return command()
            except DeviceNotFoundError as error:
                named = bool(self._speaker.wanted)
                return Outcome(OutcomeKind.GONE if named else OutcomeKind.NO_DEVICE, str(error))
            except AudioDeviceError as error:
                return Outcome(OutcomeKind.NO_DEVICE, str(error))
            finally:
                self._publish()

        return self._thread.submit(carry_out)

    def _refresh(self) -> Outcome:
        self._read(anew=True)
        self._speaker.list_names()
        problem = self._library.problem
        return Outcome(OutcomeKind.FAILED if problem else OutcomeKind.DONE, problem)

    def _play(self, uri: str) -> Outcome:
        self._read()
        lists = self._library.lists
        playlist = lists.playlist(uri)
        if not lists.playlists:
            kind = OutcomeKind.EMPTY if lists.library.rows else OutcomeKind.NOT_CONNECTED
            return Outcome(kind, self._connection().message)
        if playlist is None:
            return Outcome(
                OutcomeKind.GONE, f"The music library has no playlist {uri!r} any more: choose another one."
            )
        self._plays += 1
        first_seed = self._seed + 1000 * self._plays
        queue = PlayQueue(
            lambda number: self._library.lists.rows(playlist, seed=first_seed + number, round_number=number)
        )
        self._skipped = ""
        return self._start(playlist, queue, 0, f"{playlist.name} plays now.")

    def _start(self, playlist: Playlist, queue: PlayQueue, first: int, message: str) -> Outcome:
        self._speaker.forget_lost()
        mixer = self._open()
        deck = self._deck(playlist, queue, mixer, first)
        if deck is None:
            gone = self._library.folder_problem
            empty = (
                f"{playlist.name} holds nothing that can be played: scan your music anew ({WHERE_TO_SCAN})."
            )
            why = gone or self._skipped or empty
            return Outcome(OutcomeKind.GONE if gone else OutcomeKind.EMPTY, why)
        mixer.switch(deck, self.crossfade_s, first_s=_FADE_S)
        self._current = _Current(playlist, queue, deck)
        self._playing = True
        return Outcome(OutcomeKind.DONE, message)

    def _deck(
        self, playlist: Playlist, queue: PlayQueue, mixer: Mixer, first: int, *, skip_s: float = 0.0
    ) -> Deck | None:
        """Decode the beginning; None where there is nothing that can be decoded."""
        deck = Deck(mixer.rate_hz)
        decoder = TrackDecoder(queue, self._open_sound, self._note_skipped, first=first, skip_s=skip_s)
        decoder.fill(deck, round(_BEGIN_S * mixer.rate_hz))
        if not deck.ready:
            decoder.close()
            _LOG.warning("%s holds nothing that can be played", playlist.uri)
            return None
        self._feeder.add(deck, decoder, mixer)
        return deck

    def _pause(self) -> Outcome:
        if not self._playing:
            return Outcome(OutcomeKind.NOTHING_TO_DO, Phrase("Nothing plays."))
        if self._speaker.mixer is not None:
            self._speaker.mixer.pause(_FADE_S)
        self._rest()
        return Outcome(OutcomeKind.DONE, "The music rests.")

    def _resume(self) -> Outcome:
        current = self._current
        if current is None:
            return NOTHING_CHOSEN
        if self._playing:
            return Outcome(OutcomeKind.NOTHING_TO_DO, f"{current.playlist.name} plays already.")
        if current.over:
            return self._play(current.playlist.uri)
        self._open().resume(_FADE_S)
        self._playing = True
        return Outcome(OutcomeKind.DONE, f"{current.playlist.name} goes on.")

    def _next(self) -> Outcome:
        current = self._current
        if current is None:
            return NOTHING_CHOSEN
        number, _ = current.deck.position()
        message = f"The next track of {current.playlist.name} plays now."
        return self._start(current.playlist, current.queue, number + 1, message)

    def _set_volume(self, volume: float) -> Outcome:
        if (problem := volume_problem(volume, self._speaker.volume)) is not None:
            return problem
        self._speaker.set_volume(float(volume))
        return Outcome(OutcomeKind.DONE, f"The volume is {percent(volume)} now.")

    def _choose_device(self, name: str) -> Outcome:
        speaker = self._speaker
        before, was_open = speaker.wanted, speaker.is_open
        if not speaker.choose(name):
            offered = ", ".join(map(repr, speaker.names)) or "none at all"
            return Outcome(
                OutcomeKind.GONE, f"There is no loudspeaker {name!r}: connect it, or choose one of {offered}."
            )
        if was_open or self._playing:
            speaker.close()
            try:
                self._open()
            except AudioDeviceError:
                speaker.wanted = before
                self._retried_s = -math.inf  # the one before is tried with the next tick
                raise
        where = f"out of {name}" if name else "out of the system's default loudspeaker"
        return Outcome(OutcomeKind.DONE, f"Music comes {where} now.")

    # Now and then, on the player's thread

    def _tick(self) -> None:
        now_s = time.monotonic()
        if self._speaker.check(playing=self._playing):
            self._publish()  # now: to open another one may take seconds
        if self._playing and not self._speaker.is_open and now_s - self._retried_s >= _RETRY_S:
            self._retry(now_s)
        if self._playing and self._current is not None and self._current.over:
            self._rest()
        if not self._playing and self._speaker.is_open and now_s - self._paused_s > _IDLE_S:
            self._speaker.close()
        if now_s - self._read_at_s >= _READ_S:
            self._read()
        self._publish()

    def _retry(self, now_s: float) -> None:
        try:
            self._open()
        except AudioDeviceError as error:
            self._speaker.problem = f"{str(error).removesuffix('.')}; it is tried again every second."
        else:
            _LOG.info("the loudspeaker %s is back", self._speaker.name)
        self._retried_s = max(now_s, time.monotonic())

    def _read(self, *, anew: bool = False) -> None:
        self._read_at_s = time.monotonic()
        self._library.read(anew=anew)

    # Inside

    def _open(self) -> Mixer:
        """Have a loudspeaker open, and what is current go on in it; raises `AudioDeviceError`."""
        before = self._speaker.mixer
        mixer = self._speaker.open()
        if mixer is not before and self._current is not None:
            self._carry_over(mixer, self._current)
        return mixer

    def _carry_over(self, mixer: Mixer, current: _Current) -> None:
        """Another loudspeaker may have another rate: what plays is decoded anew from where it was."""
        number, position_s = current.deck.position()
        current.deck.dropped = True
        deck = self._deck(current.playlist, current.queue, mixer, number, skip_s=position_s)
        if deck is None:
            self._current = None
            return
        mixer.switch(deck, 0.0, first_s=_FADE_S)
        if not self._playing:
            mixer.pause(0.0)
        self._current = replace(current, deck=deck)

    def _rest(self) -> None:
        self._playing = False
        self._paused_s = time.monotonic()

    def _note_skipped(self, sentence: str) -> None:
        self._skipped = sentence

    def _connection(self) -> PlayerConnection:
        return self._library.connection(sound_problem=self._speaker.problem, skipped=self._skipped)

    def _publish(self) -> None:
        speaker, current = self._speaker, self._current
        names = dict.fromkeys((*speaker.names, speaker.name) if speaker.name else speaker.names)
        devices = {
            name: OutputDevice(name, active=name == speaker.name, volume=speaker.volume, id=name)
            for name in names
        }
        snapshot = PlayerSnapshot(
            kind=self.kind,
            connection=self._connection(),
            playing=self._playing and speaker.is_open,
            playlist=None if current is None else current.playlist,
            device=devices.get(speaker.name),
            volume=speaker.volume,
            playlists=tuple(self._library.lists.playlists.values()),
            devices=tuple(devices.values()),
        )
        self._published = snapshot, current

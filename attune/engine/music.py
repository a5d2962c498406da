"""The music of this program: its controller, and the players that it can use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from attune.engine.switch_notifier import SwitchNotifier
from core import paths
from core.errors import MusicError
from core.settings import Settings
from models.audio import open_stream
from playback.controller import PlaybackController
from playback.dry_run import DryRunPlayer
from playback.local_player.audio_output import PortAudioOutputs
from playback.local_player.player import LocalPlayer
from playback.player import Player, PlayerKind
from playback.preferences.file import read_preferences, write_preferences
from playback.preferences.preferences import Mode, PlaylistRef, Preferences
from playback.snapshot import MusicRecord
from playback.system_player.backends import open_backend
from playback.system_player.links import merge_links
from playback.system_player.player import SystemPlayer
from realtime.call_detection import other_program_records
from realtime.echo_cancellation import EchoReference

_LOG = logging.getLogger(__name__)


class Music:
    """Opens players, and has its `controller` use them; any thread may use it.

    Parameters
    ----------
    settings, open_spotify
        All settings, and what opens the player on Spotify.
    record
        Takes what happened, and one sentence on it for the journal.
    echo
        Gets what the local player sends out.
    player, mode
        For this run alone, instead of what people have decided; then no decision is saved.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        open_spotify: Callable[[], Player],
        record: Callable[[MusicRecord, str], None],
        echo: EchoReference,
        player: PlayerKind | None = None,
        mode: Mode | None = None,
    ) -> None:
        self._settings = settings
        self._open_spotify = open_spotify
        self._record_switch = record
        self._notifier = SwitchNotifier(lambda: self._settings.notify_on_switch)
        self._echo = echo
        self._lock = threading.Lock()
        self._local: LocalPlayer | None = None  # the newest
        preferences, problem = _saved_preferences()
        self._preferences: Callable[[], Preferences] = lambda: preferences  # until there is a controller
        self._saved_links = preferences.links
        if player is not None:
            preferences = replace(preferences, player=player)
        if mode is not None:
            preferences = replace(preferences, autopilot=replace(preferences.autopilot, mode=mode))
        saves = player is None and mode is None
        self.controller = PlaybackController(
            self._open(preferences.player, preferences),
            preferences,
            save=self._save if saves else lambda _: None,
            record=self._record,
            call_is_on=other_program_records,
            problem=problem,
        )
        self._preferences = lambda: self.controller.snapshot().preferences

    def use(self, kind: PlayerKind) -> None:
        """Let another player play from now on.

        Raises
        ------
        AttuneError
            It cannot be opened; the one before stays.
        """
        with self._lock:
            if kind is self.controller.kind:
                return
            preferences = self._preferences()
            player = self._open(kind, preferences)
            self.controller.set_preferences(replace(preferences, player=kind))
            self.controller.use(player)

    def reopen(self, kind: PlayerKind) -> None:
        """Open the player anew if it is of this kind."""
        with self._lock:
            if kind is self.controller.kind:
                self.controller.use(self._open(kind, self._preferences()))

    def set_settings(self, settings: Settings) -> None:
        """Take other settings over; where the loudspeaker is another one, from the next player on."""
        self._settings = settings
        if self._local is not None:
            self._local.crossfade_s = settings.crossfade_s

    def close(self) -> None:
        """Stop, and close the player, within about a second."""
        self.controller.close()
        self._notifier.close()

    def _record(self, record: MusicRecord, sentence: str) -> None:
        self._notifier.take(record)
        self._record_switch(record, sentence)

    def _open(self, kind: PlayerKind, preferences: Preferences) -> Player:
        match kind:
            case PlayerKind.SPOTIFY:
                return self._open_spotify()
            case PlayerKind.LOCAL:
                self._local = LocalPlayer(
                    paths.library_file(),
                    open_sound=partial(open_stream, max_minutes=self._settings.max_file_minutes),
                    outputs=PortAudioOutputs(),
                    device=preferences.loudspeaker or self._settings.output_device or "",
                    crossfade_s=self._settings.crossfade_s,
                    on_played=self._echo.feed,
                )
                return self._local
            case PlayerKind.SYSTEM:
                return SystemPlayer(open_backend, links=self._links, chosen=preferences.open_player)
            case PlayerKind.DRY_RUN:
                return DryRunPlayer()

    def _save(self, preferences: Preferences) -> None:
        """Write what was decided; links that another program pasted into the file meanwhile stay there."""
        kept, problem = _saved_preferences()
        if not problem:
            links = merge_links(kept.links, before=self._saved_links, now=preferences.links)
            self._saved_links, preferences = preferences.links, replace(preferences, links=links)
        write_preferences(preferences, paths.music_file())

    def _links(self) -> tuple[PlaylistRef, ...]:
        return self._preferences().links


def _saved_preferences() -> tuple[Preferences, str]:
    """What people decided before; where that cannot be read, the defaults and one sentence."""
    try:
        return read_preferences(paths.music_file()), ""
    except MusicError as error:
        _LOG.warning("%s", error)
        return Preferences(), f"{error} Until then the defaults hold."

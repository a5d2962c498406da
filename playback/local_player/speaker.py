"""The loudspeaker in use: opened when it is needed, tried again by name when it is lost, closed at rest."""

from __future__ import annotations

import logging

from core.errors import AudioDeviceError
from playback.local_player.audio_output import Output, SoundOutputs
from playback.local_player.mixer import Mixer, Render

_LOG = logging.getLogger(__name__)


class Speaker:
    """One loudspeaker with the mixer that plays into it; one thread alone may use it.

    Parameters
    ----------
    outputs
        The loudspeakers of this machine.
    wanted
        Name of the one to use; empty: the system's default.
    """

    def __init__(self, outputs: SoundOutputs, wanted: str) -> None:
        self.wanted = wanted
        # What plays into it; None before it was first opened.
        self.mixer: Mixer | None = None
        self.names: tuple[str, ...] = ()  # loudspeakers of this machine, as they were last listed
        self.problem = ""  # one sentence on why nothing comes out of it; else empty
        self.volume = 1.0  # 0 to 1
        self._outputs = outputs
        self._output: Output | None = None
        self._lost = ""

    @property
    def is_open(self) -> bool:
        """Whether it takes sound, as far as is known."""
        return self._output is not None

    @property
    def name(self) -> str:
        """Name of the loudspeaker that is open or was lost; empty where there is none."""
        return self._output.name if self._output is not None else self._lost

    def list_names(self) -> None:
        """List the loudspeakers; `problem` says why that cannot be."""
        try:
            self.names = self._outputs.names()
        except AudioDeviceError as error:
            self.names = ()
            self.problem = str(error)
        else:
            if not self._lost:
                self.problem = ""

    def choose(self, name: str) -> bool:
        """Use another one from the next opening on; False where there is none of that name.

        Raises
        ------
        AudioDeviceError
            They cannot be listed.
        """
        self.names = self._outputs.names()
        if name and name not in self.names:
            return False
        self.wanted = name
        self.forget_lost()
        self.problem = ""
        return True

    def open(self) -> Mixer:
        """Have it open; another mixer than before where it has another rate.

        Raises
        ------
        AudioDeviceError
            It cannot be opened.
        """
        if self._output is not None and self.mixer is not None and not self._output.lost:
            return self.mixer
        self.close()
        made: list[Mixer] = []

        def connect(rate_hz: int) -> Render:
            same = self.mixer is not None and self.mixer.rate_hz == rate_hz
            made.append(self.mixer if same and self.mixer else Mixer(rate_hz, volume=self.volume))
            return made[-1].render

        self._output = self._outputs.open(self._lost or self.wanted, connect)
        self.problem = self._lost = ""
        self.mixer = made[-1]
        return self.mixer

    def close(self) -> None:
        """Let go of it; harmless where none is open."""
        output, self._output = self._output, None
        if output is not None:
            output.close()

    def forget_lost(self) -> None:
        """Open the wanted one next, not the one that was lost."""
        self._lost = ""

    def check(self, *, playing: bool) -> bool:
        """Let go of it where it has stopped taking sound; whether that is so."""
        if self._output is None or not self._output.lost:
            return False
        self._lost = self._output.name
        self.close()
        if playing:
            self.problem = (
                f"The loudspeaker {self._lost!r} has stopped taking sound: it is tried again every second, "
                "or choose another one."
            )
            _LOG.warning("%s", self.problem)
        return True

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 to 1."""
        self.volume = volume
        if self.mixer is not None:
            self.mixer.set_volume(volume)

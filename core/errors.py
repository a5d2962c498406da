"""Every error that a person may read: one sentence on what happened, and what to do."""

from __future__ import annotations

__all__ = [
    "AnalysisCancelledError",
    "AttuneError",
    "AudioDecodeError",
    "AudioDeviceError",
    "BackendMissingError",
    "DataError",
    "DeviceLostError",
    "DeviceNotFoundError",
    "DownloadError",
    "JournalError",
    "ModelError",
    "MusicError",
    "SettingsError",
    "TagsError",
    "VoiceError",
    "WeightsError",
]


class AttuneError(Exception):
    """Root of all errors raised on purpose.

    The message is written for people: it names the offending value and says what to do.
    Front doors print it as it is, without a traceback.
    """


class SettingsError(AttuneError):
    """A setting is unknown, out of range or unreadable."""


class AudioDecodeError(AttuneError):
    """A file or a byte string cannot be turned into audio."""


class AudioDeviceError(AttuneError):
    """A sound device cannot be opened or used."""


class BackendMissingError(AudioDeviceError):
    """A sound library (PortAudio, PyAudio, soundcard) is not installed on this machine."""


class DeviceNotFoundError(AudioDeviceError):
    """No sound device has the asked name, or there is none at all."""


class DeviceLostError(AudioDeviceError):
    """A device that was open has stopped delivering sound."""


class ModelError(AttuneError):
    """A model cannot be built or run."""


class WeightsError(ModelError):
    """A weight file is missing, corrupt or not the one that was expected."""


class DownloadError(AttuneError):
    """A file cannot be fetched from its address."""


class AnalysisCancelledError(AttuneError):
    """Somebody stopped the analysis of a file."""


class TagsError(AttuneError):
    """Tags cannot be written into a sound file."""


class DataError(AttuneError):
    """A data set for training or evaluation is not what it claims to be."""


class VoiceError(AttuneError):
    """The adaptation to the user's voice cannot be made, kept or used."""


class JournalError(AttuneError):
    """The journal cannot be opened, read or written."""


class MusicError(AttuneError):
    """What people decided about the music, or a player, cannot be used."""

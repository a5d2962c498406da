"""Every error that a person may read: one sentence on what happened, and what to do."""

from __future__ import annotations


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
    """An open device has stopped delivering sound."""


class ModelError(AttuneError):
    """A model cannot be built or run."""


class WeightsError(ModelError):
    """A weight file is missing, corrupt or another one."""


class ExtraMissingError(ModelError):
    """A library that only an extra of the installation brings is missing."""


class DownloadError(AttuneError):
    """A file cannot be fetched from its address."""


class AnalysisCancelledError(AttuneError):
    """Somebody stopped the analysis of a file."""


class TagsError(AttuneError):
    """Tags cannot be written into a sound file."""


class DataError(AttuneError):
    """A data set for training or evaluation is not usable, or a file cannot be written."""


class VoiceError(AttuneError):
    """The adaptation to the user's voice cannot be fitted, saved or used."""


class JournalError(AttuneError):
    """The journal cannot be opened, read or written."""


class HomeAutomationError(AttuneError):
    """The broker of home automation cannot be reached or refuses, or its password cannot be kept."""


class MusicError(AttuneError):
    """The music preferences, or a player, cannot be used."""


class CatalogError(AttuneError):
    """A catalogue, or what it is made of, cannot be read or written."""

"""Every knob of Attune, with unit, range and one line of help."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core import paths
from core.errors import SettingsError

__all__ = ["ENERGY_THRESHOLD", "PLEASANTNESS_THRESHOLD", "Settings", "load_settings"]

ENERGY_THRESHOLD: Final = 0.80
PLEASANTNESS_THRESHOLD: Final = 0.80
"""Confidence from which the two other statements are accepted, unless people decide otherwise."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_CLIENT_ID: Final = re.compile("[0-9a-f]{32}", re.IGNORECASE)


class Settings(BaseSettings):
    """All settings; immutable once read.

    Order of precedence: arguments (command line), environment (`ATTUNE_THRESHOLD=0.8`),
    the TOML file `settings.toml` in the user's configuration folder, defaults.
    """

    model_config = SettingsConfigDict(env_prefix="ATTUNE_", frozen=True, extra="forbid")

    # Sound
    device: str | None = Field(default=None, description="Microphone by name; unset takes the default")
    backend: Literal["sounddevice", "pyaudio"] = Field(
        default="sounddevice", description="Library that opens the microphone"
    )
    block_ms: float = Field(default=20.0, ge=5.0, le=200.0, description="Length of a device block, ms")
    fifo_s: float = Field(default=2.0, ge=0.5, le=30.0, description="Room between device and worker, s")
    stall_s: float = Field(
        default=2.0, ge=0.5, le=30.0, description="No block for so long means the device is lost, s"
    )
    retry_s: float = Field(default=1.0, ge=0.1, le=60.0, description="Time between attempts to reopen, s")
    digital_silence_s: float = Field(
        default=5.0, ge=1.0, le=60.0, description="Exact zeros for so long are reported, s"
    )
    # Browsers wake a hidden tab only once a minute: anything shorter would stop a listener in use.
    idle_stop_s: float = Field(
        default=150.0,
        ge=0.0,
        le=86_400.0,
        description="Listening stops when no page has looked for this time, s; 0 never",
    )

    # Decisions
    hop_s: float = Field(default=0.5, ge=0.1, le=3.0, description="Time between two windows, s")
    speech_threshold: float = Field(
        default=0.5, ge=0.05, le=0.95, description="Speech probability from which a frame is speech"
    )
    min_speech_share: float = Field(
        default=0.35, ge=0.0, le=1.0, description="Share of a window that must be speech"
    )
    threshold: float = Field(
        default=0.70, ge=0.30, le=0.99, description="Confidence from which an emotion is accepted"
    )
    energy_threshold: float = Field(
        default=ENERGY_THRESHOLD,
        ge=0.55,
        le=0.99,
        description="Confidence from which a voice is accepted as lively, or as quiet",
    )
    pleasantness_threshold: float = Field(
        default=PLEASANTNESS_THRESHOLD,
        ge=0.55,
        le=0.99,
        description="Confidence from which a voice is accepted as pleasant, or as unpleasant",
    )
    hysteresis: float = Field(
        default=0.15,
        ge=0.0,
        le=0.30,
        description="An accepted statement is kept down to its threshold minus this",
    )
    smoothing_s: float = Field(
        default=1.0, ge=0.0, le=10.0, description="Time constant of the smoothing of log-probabilities, s"
    )
    min_dwell_s: float = Field(
        default=1.0,
        ge=0.0,
        le=10.0,
        description="A statement must hold its threshold for so long to be accepted, s",
    )

    # Music
    music_from: float = Field(
        default=0.3, ge=0.0, le=1.0, description="Score of music or singing from which music plays"
    )
    voice_over_music: float = Field(
        default=-0.7, ge=-1.0, le=1.0, description="By how much speech must exceed music and singing to count"
    )
    music_beside_from: float = Field(
        default=0.03, ge=0.0, le=1.0, description="Score of music from which it is taken out behind a voice"
    )

    # Music on Spotify
    spotify_client_id: str = Field(
        default="", description="Client id of your own Spotify app, 32 hexadecimal digits; empty: asked for"
    )
    spotify_accounts_url: str = Field(
        default="https://accounts.spotify.com", description="Address of Spotify's accounts service"
    )
    spotify_api_url: str = Field(
        default="https://api.spotify.com", description="Address of Spotify's Web API, without the version"
    )
    spotify_callback_port: int = Field(
        default=8898, ge=0, le=65_535, description="Port of 127.0.0.1 to which a sign-in comes back; 0 any"
    )

    # Music on this machine
    music_folder: Path | None = Field(
        default=None, description="Folder of your own music; unset takes the one that was indexed last"
    )
    output_device: str | None = Field(
        default=None, description="Loudspeaker of the local player by name; unset takes the default"
    )
    crossfade_s: float = Field(
        default=1.5, ge=0.0, le=10.0, description="How long the local player fades from music to music, s"
    )

    # Models
    threads: int = Field(
        default=0, ge=0, le=16, description="Threads of a model; 0 takes the cores, at most 4"
    )
    provider: Literal["cpu", "cuda", "coreml", "directml"] = Field(
        default="cpu", description="ONNX Runtime execution provider"
    )
    emotion_model: Path | None = Field(
        default=None, description="ONNX file of an emotion model; unset takes the embedded one"
    )
    mood_backbone: Path | None = Field(
        default=None,
        description="ONNX file of a YAMNet, or yamnet: Google's, once fetched; unset takes the embedded one",
    )
    mood_head: Path | None = Field(
        default=None, description="ONNX file of a mood head; unset takes the embedded one"
    )
    max_file_minutes: float = Field(
        default=240.0, gt=0.0, le=1440.0, description="Longest audio file that is read, minutes"
    )

    # Journal
    journal: bool = Field(default=True, description="Write decisions (never audio) to the journal")
    journal_path: Path = Field(
        default_factory=lambda: paths.data_dir() / "journal.sqlite3", description="Where the journal is kept"
    )
    retention_days: int = Field(
        default=90, ge=0, le=3650, description="Sessions older than this are deleted, days; 0 keeps all"
    )

    @field_validator("mood_backbone", mode="before")
    @classmethod
    def _fetched(cls, given: object) -> object:
        """Let a name stand for what `attune models fetch` brought; a file of that name is `./yamnet`."""
        return paths.weights_dir() / f"{given}.onnx" if given == "yamnet" else given

    @field_validator("emotion_model", "mood_backbone", "mood_head", "music_folder", "journal_path")
    @classmethod
    def _at_home(cls, path: Path | None) -> Path | None:
        """Let `~` stand for the home folder, as it does in a shell."""
        try:
            return path and path.expanduser()
        except RuntimeError as error:
            raise ValueError(str(error)) from error

    @field_validator("spotify_client_id")
    @classmethod
    def _hexadecimal(cls, given: str) -> str:
        if given and not _CLIENT_ID.fullmatch(given):
            raise ValueError("a client id has 32 hexadecimal digits")
        return given.lower()

    @field_validator("spotify_accounts_url", "spotify_api_url")
    @classmethod
    def _private(cls, address: str) -> str:
        """Tokens are sent there: nobody on the way may read them."""
        parts = urlsplit(address)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        ):
            raise ValueError("it must begin with https://, or be an http:// address of this machine")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("it must be a plain address, without name, query or fragment")
        return address.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the TOML file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, paths.settings_file())


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Parameters
    ----------
    **overrides
        Fields from the command line; those that are None are passed over.

    Raises
    ------
    SettingsError
        A field is unknown or out of range, or the TOML file cannot be read.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"Setting {name!r} cannot be {first.get('input')!r}: {first['msg']}. "
            f"Correct it on the command line, in ATTUNE_{name.upper()} or in {paths.settings_file()}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(
            f"The settings file {paths.settings_file()} cannot be read: {error}. Correct or remove it."
        ) from error

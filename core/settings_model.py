"""All settings of Attune, with unit, range, words for people, and when a change takes effect."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, Literal

from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from core import paths
from core.setting_info import Section, SettingInfo, TakesEffect, info_of, setting
from core.setting_values import ClientId, FetchedPath, FilePath, HostName, OptionalPath, Topic, WebAddress
from core.settings_file import read_settings_file

ENERGY_THRESHOLD: Final = 0.80
PLEASANTNESS_THRESHOLD: Final = 0.80
"""Default confidence from which a statement about energy or pleasantness is accepted."""


_sound = partial(setting, section=Section.SOUND, takes_effect=TakesEffect.LISTENING)
_gate = partial(setting, section=Section.CONFIDENCE, takes_effect=TakesEffect.AT_ONCE)
_player = partial(setting, section=Section.PLAYER, takes_effect=TakesEffect.AT_ONCE)
_models = partial(setting, section=Section.MODELS, takes_effect=TakesEffect.LISTENING)
_home = partial(setting, section=Section.HOME, takes_effect=TakesEffect.AT_ONCE)
_journal = partial(setting, section=Section.PRIVACY, takes_effect=TakesEffect.LISTENING)


class Settings(BaseSettings):
    """All settings; immutable once read.

    Order of precedence: arguments (command line), environment (`ATTUNE_THRESHOLD=0.8`),
    the TOML file `settings.toml` in the user's configuration folder, defaults.
    """

    model_config = SettingsConfigDict(env_prefix="ATTUNE_", frozen=True, extra="forbid")

    # Sound
    device: str | None = _sound(
        None,
        "Microphone",
        "The microphone to begin with, by its name. Without one, the system's default.",
    )
    backend: Literal["sounddevice", "pyaudio"] = _sound(
        "sounddevice",
        "Sound library",
        "The library that opens the microphone. PyAudio is worth a try where sounddevice fails.",
        for_experts=True,
    )
    block_ms: float = _sound(
        20.0,
        "Block length",
        "How much sound the device hands over at a time.",
        unit="ms",
        for_experts=True,
        within=(5.0, 200.0),
    )
    fifo_s: float = _sound(
        2.0,
        "Buffer length",
        "How much sound may wait while the computer is busy, before some is lost.",
        unit="s",
        for_experts=True,
        within=(0.5, 30.0),
    )
    stall_s: float = _sound(
        2.0,
        "Device counts as lost after",
        "When no sound has come for so long, the device is closed and looked for again.",
        unit="s",
        for_experts=True,
        within=(0.5, 30.0),
    )
    retry_s: float = _sound(
        1.0,
        "Look for a lost device every",
        "The time between two attempts to open it again.",
        unit="s",
        for_experts=True,
        within=(0.1, 60.0),
    )
    digital_silence_s: float = _sound(
        5.0,
        "Report a muted microphone after",
        "When it has sent nothing but zeros for so long, the page asks whether it is muted.",
        unit="s",
        for_experts=True,
        within=(1.0, 60.0),
    )
    # Browsers wake a hidden tab only once a minute: less than that would stop a listener in use.
    idle_stop_s: float = _journal(
        150.0,
        "Stop listening without a page",
        "Listening stops when no page has been open for so long. 0 never stops it.",
        unit="s",
        within=(0.0, 86_400.0),
        takes_effect=TakesEffect.AT_ONCE,
    )

    # Decisions
    hop_s: float = _gate(
        0.5,
        "Time between two answers",
        "How often the voice of the last 3 s is listened to. Less costs more computing.",
        unit="s",
        for_experts=True,
        within=(0.1, 3.0),
        takes_effect=TakesEffect.LISTENING,
    )
    speech_threshold: float = _gate(
        0.5,
        "Minimum probability of speech",
        "From this probability on, a moment counts as speech.",
        unit="%",
        for_experts=True,
        within=(0.05, 0.95),
        takes_effect=TakesEffect.LISTENING,
    )
    min_speech_share: float = _gate(
        0.35,
        "Minimum share of speech",
        "How much of the last 3 s must be speech before anything is said about it.",
        unit="%",
        for_experts=True,
        within=(0.0, 1.0),
    )
    threshold: float = _gate(
        0.70,
        "Minimum confidence",
        "From this confidence on, an emotion is named. The higher it is, the more often the answer is "
        "“Unsure”.",
        unit="%",
        within=(0.30, 0.99),
    )
    energy_threshold: float = _gate(
        ENERGY_THRESHOLD,
        "Minimum confidence in energy",
        "From this confidence on, a voice is called lively or quiet.",
        unit="%",
        within=(0.55, 0.99),
    )
    pleasantness_threshold: float = _gate(
        PLEASANTNESS_THRESHOLD,
        "Minimum confidence in pleasantness",
        "From this confidence on, a voice is called pleasant or unpleasant.",
        unit="%",
        within=(0.55, 0.99),
    )
    hysteresis: float = _gate(
        0.15,
        "Leeway",
        "An answer is given up only when its confidence has fallen this far below the minimum.",
        unit="%",
        within=(0.0, 0.30),
    )
    smoothing_s: float = _gate(
        1.0,
        "Smoothing",
        "Over how long answers are averaged. More is calmer, and slower.",
        unit="s",
        within=(0.0, 10.0),
    )
    min_dwell_s: float = _gate(
        1.0,
        "Must hold for",
        "How long an answer must reach its minimum before it counts.",
        unit="s",
        within=(0.0, 10.0),
    )

    # Music beside the voice
    music_from: float = _gate(
        0.3,
        "Music plays from",
        "From this score of music or singing on, music counts as playing.",
        unit="%",
        for_experts=True,
        within=(0.0, 1.0),
    )
    voice_over_music: float = _gate(
        -0.7,
        "Voice over music",
        "By how much speech must score higher than music for a voice to count. Negative is more lenient.",
        for_experts=True,
        within=(-1.0, 1.0),
    )
    music_beside_from: float = _gate(
        0.03,
        "Take music out from",
        "From this score of music on, it is taken out from behind a voice.",
        unit="%",
        for_experts=True,
        within=(0.0, 1.0),
    )

    # Music on Spotify
    spotify_client_id: ClientId = _player(
        "",
        "Spotify client id",
        "Of your own app at Spotify, 32 digits and letters from a to f, for the next sign-in. Without one, "
        "the page Playlists asks for it.",
    )
    spotify_accounts_url: WebAddress = _player(
        "https://accounts.spotify.com",
        "Address of Spotify's sign-in",
        "Only tests need another one.",
        for_experts=True,
    )
    spotify_api_url: WebAddress = _player(
        "https://api.spotify.com",
        "Address of Spotify's Web API",
        "Without the version. Only tests need another one.",
        for_experts=True,
    )
    spotify_callback_port: int = _player(
        8898,
        "Port for the sign-in",
        "The port of this machine to which Spotify sends you back; part of your app's redirect address. "
        "0 takes any.",
        for_experts=True,
        within=(0, 65_535),
    )

    # Music on this machine
    music_folder: OptionalPath = _player(
        None,
        "Folder of your music",
        "What the page Playlists proposes to scan, for the local player. Without one, the folder that was "
        "scanned last.",
    )
    output_device: str | None = _player(
        None,
        "Loudspeaker",
        "Of the local player, by its name, unless the page Playlists names another. Without one, the "
        "system's default.",
        takes_effect=TakesEffect.PROGRAM,
        for_experts=True,
    )
    crossfade_s: float = _player(
        1.5,
        "Crossfade",
        "How long the local player fades from one playlist to the next.",
        unit="s",
        within=(0.0, 10.0),
    )
    notify_on_switch: bool = _player(
        False,
        "Desktop notifications",
        "When the autopilot changes the music, or suggests to, the desktop says so, and what was heard. "
        "Whoever sees the screen can read it.",
    )

    # Models
    threads: int = _models(
        0,
        "Threads",
        "How many threads a model uses. 0 takes one for each core, at most 4.",
        for_experts=True,
        within=(0, 16),
    )
    provider: Literal["cpu", "cuda", "coreml", "directml"] = _models(
        "cpu",
        "Runs on",
        "The processor, or a graphics card where ONNX Runtime supports it.",
        for_experts=True,
    )
    emotion_model: OptionalPath = _models(
        None,
        "Emotion model",
        "An ONNX file of your own. Without one, the built-in model.",
    )
    mood_backbone: FetchedPath = _models(
        None,
        "Music model",
        "An ONNX file of your own, or “yamnet” for Google's, once `attune models fetch yamnet` has fetched "
        "it. Without one, the built-in model.",
    )
    mood_head: OptionalPath = _models(
        None,
        "Mood model",
        "An ONNX file of your own that turns the music model's answers into moods. Without one, the "
        "built-in model.",
    )
    max_file_minutes: float = _models(
        240.0,
        "Longest audio file",
        "Longer files are refused.",
        unit="min",
        for_experts=True,
        gt=0.0,
        le=1440.0,
        takes_effect=TakesEffect.AT_ONCE,
    )

    # Home automation
    mqtt_host: HostName = _home(
        "",
        "MQTT broker",
        "Host name or address of the broker that your home automation uses. Without one, nothing is sent.",
    )
    mqtt_port: int = _home(
        0,
        "Port of the broker",
        "0 is the usual one: 1883, or 8883 where the connection is encrypted.",
        within=(0, 65_535),
    )
    mqtt_tls: bool = _home(
        False,
        "Encrypted connection",
        "With TLS. The broker needs a certificate that this machine trusts.",
    )
    mqtt_username: str = _home(
        "",
        "Name at the broker",
        "Where the broker asks for one. The password is kept apart from the settings.",
    )
    mqtt_name: str = _home(
        "",
        "Name of this machine",
        "What home automation calls it; different on every machine. Without one, the machine's own name.",
    )
    mqtt_ca_file: OptionalPath = _home(
        None,
        "Certificate authority",
        "A PEM file, where an authority of your own has signed the broker's certificate.",
        for_experts=True,
    )
    mqtt_discovery_prefix: Topic = _home(
        "homeassistant",
        "Discovery prefix",
        "Where Home Assistant looks for new devices on the broker.",
        for_experts=True,
    )

    # Journal
    journal: bool = _journal(
        True,
        "Keep a journal",
        "Write down what was decided and what played, never sound. The page History shows it.",
    )
    journal_path: FilePath = _journal(
        lambda: paths.data_dir() / "journal.sqlite3",
        "File of the journal",
        "Where the journal is kept. What is in the old file stays there.",
        for_experts=True,
    )
    retention_days: int = _journal(
        90,
        "Keep sessions for",
        "Older ones are deleted automatically. 0 keeps all.",
        unit="days",
        within=(0, 3650),
    )

    # The pages
    language: Literal["en", "auto", "de", "es"] = setting(
        "en",
        "Language of the pages",
        "“auto” is the language of your browser. Some reasons and errors are in English so far, and so "
        "is the terminal.",
        section=Section.LANGUAGE,
        takes_effect=TakesEffect.AT_ONCE,
    )

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
        values = read_settings_file(settings_cls.model_fields).values
        return init_settings, env_settings, InitSettingsSource(settings_cls, dict(values))


SETTINGS: Final[Mapping[str, SettingInfo]] = {
    name: info_of(name, field) for name, field in Settings.model_fields.items()
}
"""What is known of each setting."""

"""What works on this machine, and what to do about the rest."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from core import paths
from core.errors import AttuneError
from core.settings import Settings, load_settings
from models import assets, runtime
from models.emotion.recogniser import load_recogniser
from realtime.capture import SourceKind, list_devices
from realtime.journal import Journal

__all__ = ["Check", "Verdict", "examine"]

_LOW_DISK_BYTES = 200_000_000


class Verdict(StrEnum):
    """How a check went."""

    GOOD = "good"
    OPTIONAL = "not installed"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    topic
        What was looked at.
    verdict
        Good, optional and absent, or bad.
    finding
        What was found.
    remedy
        What to do about it; empty when nothing is to be done.
    """

    topic: str
    verdict: Verdict
    finding: str
    remedy: str = ""


def examine() -> Iterator[Check]:
    """Look at everything, one check after another; none of them changes anything of the user's."""
    yield Check("Python", Verdict.GOOD, f"{platform.python_version()} on {platform.platform()}")
    settings = Settings.model_construct()
    try:
        settings = load_settings()
        yield Check("Settings", Verdict.GOOD, f"{paths.settings_file()} (absent is fine)")
    except AttuneError as error:
        yield Check("Settings", Verdict.BAD, str(error), "Until then the defaults are used here.")
    yield from _sound()
    yield from _weights()
    yield _emotion_model(settings)
    yield Check("Providers", Verdict.GOOD, ", ".join(runtime.available_providers()))
    yield _journal(settings)
    yield _disk()
    yield from _extras()


def _sound() -> Iterator[Check]:
    try:
        devices = list_devices()
    except AttuneError as error:
        yield Check("Microphones", Verdict.BAD, str(error), "The demo and recordings work without one.")
        return
    for topic, kind, remedy in (
        ("Microphones", SourceKind.MICROPHONE, "Connect one; the demo and recordings work without."),
        ("System audio", SourceKind.SYSTEM, "Install the extra: pip install -e '.[loopback]'."),
    ):
        names = [device.name for device in devices if device.kind is kind]
        if names:
            yield Check(topic, Verdict.GOOD, ", ".join(names))
        else:
            yield Check(topic, Verdict.OPTIONAL, "none found", remedy)


def _weights() -> Iterator[Check]:
    for asset in assets.assets():
        try:
            assets.locate(asset.name)
        except AttuneError as error:
            yield Check(f"Weights {asset.name}", Verdict.BAD, str(error))
        else:
            size_mb = asset.size_bytes / 1e6
            yield Check(f"Weights {asset.name}", Verdict.GOOD, f"intact, {size_mb:.1f} MB, {asset.licence}")


def _emotion_model(settings: Settings) -> Check:
    try:
        info = load_recogniser(
            settings.emotion_model, threads=settings.threads, provider=settings.provider
        ).info
    except AttuneError as error:
        return Check("Emotion model", Verdict.BAD, str(error))
    finding = f"{info.name} {info.version} runs on {info.provider} with {info.threads} threads"
    return Check("Emotion model", Verdict.GOOD, finding)


def _journal(settings: Settings) -> Check:
    if not settings.journal:
        return Check("Journal", Verdict.OPTIONAL, "switched off in the settings")
    try:
        journal = Journal(settings.journal_path, retention_days=0)
    except AttuneError as error:
        return Check("Journal", Verdict.BAD, str(error))
    try:
        sessions = len(journal.sessions())
    finally:
        journal.close()
    return Check("Journal", Verdict.GOOD, f"{sessions} sessions in {settings.journal_path}")


def _disk() -> Check:
    folder = paths.data_dir()
    while not folder.exists():
        folder = folder.parent
    free_bytes = shutil.disk_usage(folder).free
    finding = f"{free_bytes / 1e9:.1f} GB free at {folder}"
    if free_bytes < _LOW_DISK_BYTES:
        return Check("Disk", Verdict.BAD, finding, "Make room: the journal cannot be written on a full disk.")
    return Check("Disk", Verdict.GOOD, finding)


def _extras() -> Iterator[Check]:
    for extra, module, purpose in (
        ("media", "av", "m4a, aac and broken Opus files"),
        ("loopback", "soundcard", "system audio"),
        ("pyaudio", "pyaudio", "PyAudio as another way to the microphone"),
        ("train", "torch", "training and evaluation"),
    ):
        if importlib.util.find_spec(module) is None:
            remedy = f"pip install -e '.[{extra}]'"
            yield Check(f"Extra {extra}", Verdict.OPTIONAL, f"not installed: {purpose}", remedy)
        else:
            yield Check(f"Extra {extra}", Verdict.GOOD, purpose)

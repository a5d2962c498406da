"""The extras of the installation: what each is for, and how it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra in pyproject.toml."""

    module: str  # that is there once it is installed
    purpose: str


EXTRAS: Final[Mapping[str, Extra]] = MappingProxyType(
    {
        "media": Extra("av", "m4a, aac and broken Opus files"),
        "loopback": Extra("soundcard", "system audio"),
        "pyaudio": Extra("pyaudio", "PyAudio as another way to the microphone"),
        "tags": Extra("mutagen", "moods and profiles in the tags of files"),
        "yamnet": Extra("h5py", "fetching Google's YAMNet"),
        "analysis": Extra("librosa", "tempo, key, classical features and pictures of tracks"),
        "mqtt": Extra("paho", "home automation"),
        "api": Extra("fastapi", "the API"),
        "catalog": Extra("ray", "catalogues of any size"),
        "train": Extra("torch", "training and evaluation"),
        "hub": Extra("datasets", "datasets of the Hugging Face hub"),
    }
)


def install_command(extra: str) -> str:
    """The command that installs an extra, in a checkout."""
    return f"pip install -e '.[{extra}]' -c constraints.txt"


def missing_library(extra: str, library: str | None) -> str:
    """One sentence on a library that is not installed.

    Parameters
    ----------
    extra
        A key of `EXTRAS`.
    library
        Its name, as an `ImportError` tells it; None takes the module of the extra.
    """
    needed = EXTRAS[extra]
    name = library or needed.module
    return f"The library {name!r} is needed for {needed.purpose}: run `{install_command(extra)}`."

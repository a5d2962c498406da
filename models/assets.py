"""The weight files: list, location, licence, source, and check of their integrity."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core import paths
from core.errors import WeightsError

WEIGHTS_DIR: Final = Path(__file__).parent / "weights"
_MANIFEST: Final = WEIGHTS_DIR / "manifest.toml"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A public file that is downloaded and not changed: its SHA-256 is known."""

    title: str  # for people
    url: str
    file: str  # name in the user's cache folder
    size_bytes: int
    sha256: str
    licence: str  # SPDX identifier
    source: str  # origin, for people

    @property
    def path(self) -> Path:
        """Where it is stored; it need not exist."""
        return paths.cache_dir() / "weights" / self.file


PINNED_FILES: Final = {
    "whisper": PinnedFile(
        title="Whisper base",
        url="https://huggingface.co/Systran/faster-whisper-base/resolve/main/model.bin",
        file="whisper.bin",
        size_bytes=145_217_532,
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        licence="MIT",
        source="Whisper base (OpenAI), converted to CTranslate2: Systran/faster-whisper-base on Hugging Face",
    )
}
"""Files that only training uses, by name."""

FETCHABLE: Final = ("yamnet", *PINNED_FILES)
"""Names for `attune models fetch`. Pinned files are stored in the user's cache, converted graphs in the
user's data folder with a record in the format of the manifest."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One weight file."""

    name: str  # key in the manifest
    folder: Path
    file: str  # path within the folder
    size_bytes: int
    sha256: str
    licence: str  # SPDX identifier
    source: str  # origin, for people
    card: Path | None  # its model card; None for a fetched file
    for_training: bool = False  # whether only training uses it


def assets() -> tuple[Asset, ...]:
    """All weight files in the manifest, present or not.

    Raises
    ------
    WeightsError
        The manifest is missing, unreadable or incomplete.
    """
    try:
        entries = tomllib.loads(_MANIFEST.read_text(encoding="utf-8"))
        return tuple(_asset(name, entry) for name, entry in entries.items())
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The list of weight files {_MANIFEST} cannot be read ({error}): restore it from the repository."
        ) from error


def fetched_asset(name: str) -> Asset | None:
    """A fetched weight file, present or not; None where it was never fetched.

    Parameters
    ----------
    name
        One of `FETCHABLE`.

    Raises
    ------
    WeightsError
        Its record cannot be read.
    """
    if (pinned := PINNED_FILES.get(name)) is not None:
        return _pinned(name, pinned) if pinned.path.exists() else None
    path = paths.weights_dir() / f"{name}.toml"
    try:
        return _asset(name, tomllib.loads(path.read_text(encoding="utf-8"))[name], path.parent)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(
            f"The record {path} of fetched weights cannot be read ({error!r}): {_fetch_again(name)}."
        ) from error


def locate(name: str) -> Path:
    """Path of a weight file, checked against the size and SHA-256 of its manifest or record.

    Parameters
    ----------
    name
        As in the manifest, or one of `FETCHABLE`.

    Raises
    ------
    WeightsError
        The name is unknown, the file is missing, it was never fetched, or its content differs.
    """
    if name in FETCHABLE:
        asset = fetched_asset(name)
        if asset is None:
            otherwise = "" if name in PINNED_FILES else ", or leave the setting that names them out"
            raise WeightsError(
                f"The weights {name!r} were not fetched yet: run `attune models fetch {name}`{otherwise}."
            )
        return _check(asset, _fetch_again(name))
    known = {asset.name: asset for asset in assets()}
    asset = known.get(name)
    if asset is None:
        raise WeightsError(f"There are no weights called {name!r}: there are {', '.join(known)}.")
    return _check(asset, "restore it from the repository")


def verified(path: Path) -> Path:
    """A weight file that the user named, after a check of its integrity if it was fetched.

    Parameters
    ----------
    path
        Any file; the user's own are not checked.

    Raises
    ------
    WeightsError
        See `locate`.
    """
    if path.stem in FETCHABLE and path.absolute().parent == paths.weights_dir().absolute():
        return locate(path.stem)
    return path


def _fetch_again(name: str) -> str:
    return f"run `attune models fetch {name} --force`"


def _check(asset: Asset, restore: str) -> Path:
    path = asset.folder / asset.file
    if not path.is_file():
        raise WeightsError(f"The weight file {path} is missing: {restore}.")
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"The weight file {path} cannot be read ({error.strerror}): change its permissions."
        ) from error
    if size_bytes != asset.size_bytes:
        raise WeightsError(
            f"The weight file {path} has {size_bytes} bytes instead of {asset.size_bytes}: {restore}."
        )
    if sha256 != asset.sha256:
        raise WeightsError(f"The weight file {path} is damaged (its SHA-256 is another): {restore}.")
    return path


def _pinned(name: str, pinned: PinnedFile) -> Asset:
    return Asset(
        name=name,
        folder=pinned.path.parent,
        file=pinned.file,
        size_bytes=pinned.size_bytes,
        sha256=pinned.sha256,
        licence=pinned.licence,
        source=pinned.source,
        card=None,
        for_training=True,
    )


def _asset(name: str, entry: Mapping[str, Any], folder: Path | None = None) -> Asset:
    return Asset(
        name=name,
        folder=folder or WEIGHTS_DIR,
        file=entry["file"],
        size_bytes=entry["size_bytes"],
        sha256=entry["sha256"],
        licence=entry["licence"],
        source=entry["source"],
        card=WEIGHTS_DIR / entry["card"] if "card" in entry else None,
    )

"""The weight files: which there are, where they lie, whose they are, and whether they are intact."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core import paths
from core.errors import WeightsError

__all__ = ["FETCHABLE", "PINNED", "WEIGHTS_DIR", "Asset", "Pinned", "assets", "checked", "fetched", "locate"]

WEIGHTS_DIR: Final = Path(__file__).parent / "weights"
_MANIFEST: Final = WEIGHTS_DIR / "manifest.toml"


@dataclass(frozen=True, slots=True)
class Pinned:
    """A file of others that is fetched and kept as it is: its SHA-256 is known beforehand.

    Parameters
    ----------
    title
        What it is, for people.
    url
        Its public address.
    file
        Name of the file in the folder of the user's cache.
    size_bytes, sha256
        What it must be.
    licence
        SPDX identifier.
    source
        Where it comes from, for people.
    """

    title: str
    url: str
    file: str
    size_bytes: int
    sha256: str
    licence: str
    source: str

    @property
    def path(self) -> Path:
        """Where it lies once it is fetched; it need not exist."""
        return paths.cache_dir() / "weights" / self.file


PINNED: Final = {
    "whisper": Pinned(
        title="Whisper base",
        url="https://huggingface.co/Systran/faster-whisper-base/resolve/main/model.bin",
        file="whisper.bin",
        size_bytes=145_217_532,
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        licence="MIT",
        source="Whisper base (OpenAI), converted to CTranslate2: Systran/faster-whisper-base on Hugging Face",
    )
}
"""What training alone uses, by name."""

FETCHABLE: Final = ("yamnet", *PINNED)
"""What `attune models fetch` brings: files that are kept as they are into the user's cache; graphs that are
made of others into the user's own folder, beside a record in the manifest's form.
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """One weight file.

    Parameters
    ----------
    name
        How code asks for it.
    folder
        Where it lies; None where the package that carries it is not installed.
    package
        Installed package that carries it; None for the project's own and for what was fetched.
    file
        Path within the folder.
    size_bytes, sha256
        What it must be.
    licence
        SPDX identifier.
    source
        Where it comes from, for people.
    card
        Model card beside it, None for files of other packages.
    for_training
        Whether training alone uses it.
    """

    name: str
    folder: Path | None
    package: str | None
    file: str
    size_bytes: int
    sha256: str
    licence: str
    source: str
    card: Path | None
    for_training: bool = False


def assets() -> tuple[Asset, ...]:
    """All weight files that the manifest names, present or not.

    Raises
    ------
    WeightsError
        The manifest is missing, unreadable or incomplete.
    """
    try:
        entries = tomllib.loads(_MANIFEST.read_text(encoding="utf-8"))
        return tuple(_asset(name, entry) for name, entry in entries.items())
    except (
        OSError,
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        AttributeError,
        KeyError,
        TypeError,
    ) as error:
        raise WeightsError(
            f"The list of weight files {_MANIFEST} cannot be read ({error}): restore it from the repository."
        ) from error


def fetched(name: str) -> Asset | None:
    """One of `FETCHABLE` as it was fetched, present or not; None where it never was.

    Raises
    ------
    WeightsError
        Its record cannot be read.
    """
    if (pinned := PINNED.get(name)) is not None:
        return _pinned(name, pinned) if pinned.path.exists() else None
    path = paths.weights_dir() / f"{name}.toml"
    try:
        return _asset(name, tomllib.loads(path.read_text(encoding="utf-8"))[name], path.parent)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The record {path} of fetched weights cannot be read ({error!r}): {_fetch(name)}."
        ) from error


def locate(name: str) -> Path:
    """Find a weight file and check that it is intact.

    Parameters
    ----------
    name
        As in the manifest, or one of `FETCHABLE`.

    Returns
    -------
    path
        A file whose size and SHA-256 are those of the manifest, or of the record made when it was fetched.

    Raises
    ------
    WeightsError
        The name is unknown, the file or the package that carries it is missing, it was never fetched, or its
        content is another.
    """
    if name in FETCHABLE:
        asset = fetched(name)
        if asset is None:
            otherwise = "" if name in PINNED else ", or leave the setting that names them out"
            raise WeightsError(
                f"The weights {name!r} were not fetched yet: run `attune models fetch {name}`{otherwise}."
            )
        return _intact(asset, _fetch(name))
    known = {asset.name: asset for asset in assets()}
    asset = known.get(name)
    if asset is None:
        raise WeightsError(f"There are no weights called {name!r}: there are {', '.join(known)}.")
    restore = "restore it from the repository" if asset.package is None else f"install {asset.package} again"
    return _intact(asset, restore)


def checked(path: Path) -> Path:
    """A weight file that the user names: what was fetched is checked, other files are the user's own.

    Raises
    ------
    WeightsError
        See `locate`.
    """
    if path.stem in FETCHABLE and path.absolute().parent == paths.weights_dir().absolute():
        return locate(path.stem)
    return path


def _fetch(name: str) -> str:
    return f"run `attune models fetch {name} --force`"


def _intact(asset: Asset, restore: str) -> Path:
    if asset.folder is None:
        raise WeightsError(f"The package {asset.package} is not installed: install the project again.")
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


def _pinned(name: str, pinned: Pinned) -> Asset:
    return Asset(
        name=name,
        folder=pinned.path.parent,
        package=None,
        file=pinned.file,
        size_bytes=pinned.size_bytes,
        sha256=pinned.sha256,
        licence=pinned.licence,
        source=pinned.source,
        card=None,
        for_training=True,
    )


def _asset(name: str, entry: Mapping[str, Any], folder: Path | None = None) -> Asset:
    package = entry.get("package")
    return Asset(
        name=name,
        folder=folder or _folder(package),
        package=package,
        file=entry["file"],
        size_bytes=entry["size_bytes"],
        sha256=entry["sha256"],
        licence=entry["licence"],
        source=entry["source"],
        card=WEIGHTS_DIR / entry["card"] if "card" in entry else None,
    )


def _folder(package: str | None) -> Path | None:
    """Folder of an installed package, found without importing it; the project's own by default."""
    if package is None:
        return WEIGHTS_DIR
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])

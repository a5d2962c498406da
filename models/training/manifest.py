"""Owns the writing of `models/weights/manifest.toml`: what a new weight file must be from now on."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from core.errors import WeightsError
from models.writing import write_whole

__all__ = ["register"]


def register(
    file: Path, *, licence: str, source: str, manifest: Path | None = None, name: str = "", card: str = ""
) -> None:
    """Enter a weight file into the manifest, instead of an entry of the same name before.

    Parameters
    ----------
    file
        The weight file, in the manifest's folder or below it.
    licence
        SPDX identifier.
    source
        Where it comes from, for people.
    manifest
        None: the one beside the file.
    name, card
        Of the entry; by default the file's stem, and `<name>.md`.

    Raises
    ------
    WeightsError
        There is no manifest.
    DataError
        It cannot be written, as on a full disk; it stays as it was.
    """
    manifest = manifest or file.with_name("manifest.toml")
    name = name or file.stem
    try:
        text = manifest.read_text(encoding="utf-8")
    except OSError as error:
        raise WeightsError(
            f"There is no list of weight files {manifest} to enter {file.name} into: "
            "export into models/weights of the repository."
        ) from error
    content = file.read_bytes()
    entry = (
        f"[{name}]\n"
        f'file = "{file.relative_to(manifest.parent).as_posix()}"\n'
        f"size_bytes = {len(content)}\n"
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
        f'licence = "{licence}"\n'
        f'source = "{source}"\n'
        f'card = "{card or f"{name}.md"}"\n'
    )
    others = re.sub(rf"^\[{re.escape(name)}\]\n(?:(?!\[).*\n?)*", "", text, flags=re.MULTILINE)
    write_whole(manifest, f"{others.rstrip()}\n\n{entry}", what=f"The list of weight files {manifest}")

"""Owns the writing of `models/weights/manifest.toml`: what a new weight file must be from now on."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from core.errors import WeightsError

__all__ = ["register"]


def register(file: Path, *, licence: str, source: str) -> None:
    """Enter a weight file, under its stem, into the manifest beside it, instead of an entry before.

    Parameters
    ----------
    file
        The weight file; its card is `<stem>.md`.
    licence
        SPDX identifier.
    source
        Where it comes from, for people.

    Raises
    ------
    WeightsError
        There is no manifest beside the file.
    """
    manifest = file.with_name("manifest.toml")
    try:
        text = manifest.read_text(encoding="utf-8")
    except OSError as error:
        raise WeightsError(
            f"There is no list of weight files {manifest} to enter {file.name} into: "
            "export into models/weights of the repository."
        ) from error
    content = file.read_bytes()
    entry = (
        f"[{file.stem}]\n"
        f'file = "{file.name}"\n'
        f"size_bytes = {len(content)}\n"
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
        f'licence = "{licence}"\n'
        f'source = "{source}"\n'
        f'card = "{file.stem}.md"\n'
    )
    others = re.sub(rf"^\[{re.escape(file.stem)}\]\n(?:(?!\[).*\n?)*", "", text, flags=re.MULTILINE)
    manifest.write_text(f"{others.rstrip()}\n\n{entry}", encoding="utf-8")

"""The release of a trained file: staged, recorded as JSON, and entered into the list of weight files."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from torch import nn

from core.errors import WeightsError
from core.files import staged, write_atomic
from models.assets import WEIGHTS_DIR
from training.libraries import library_versions
from training.records import json_text

LICENCE: Final = "CC-BY-NC-SA-4.0"
"""Of weights that were trained on corpora which do not allow commercial use."""
_SOURCE: Final = "Trained in this project; see its card"


def round_to_float16(module: nn.Module) -> None:
    """Round the matrices of a module, in place, to values that float16 holds: the graph stores them so."""
    for value in module.parameters():
        if value.ndim > 1:
            value.data = value.data.half().float()


def release_record(path: Path, version: str, command: str, *libraries: str) -> dict[str, Any]:
    """What every record of a released file begins with."""
    return {
        "name": path.stem,
        "version": version,
        "licence": LICENCE,
        "made": {"command": command, "libraries": library_versions(*libraries)},
    }


@contextmanager
def staged_release(
    path: Path, record: Mapping[str, Any], *, source: str = _SOURCE, encoder: Path | None = None
) -> Iterator[Path]:
    """Give a folder for a model's file; file, ``<name>.json`` and list entry take their places together.

    Parameters
    ----------
    path
        Where the model is to be. In the folder of the program's own weights it is entered into their list;
        elsewhere it is opened by a setting, unlisted.
    record
        Content of the JSON file; it may be filled until the block ends.
    encoder
        Folder of the encoder behind the model; copied beside it as ``<name>-encoder`` and listed too.

    Yields
    ------
    Path
        The folder to write ``path.name`` into.

    Raises
    ------
    DataError
        Something cannot be written, as on a full disk: what was there before stays.
    """
    with staged(path.parent, what=f"The model {path}") as making:
        yield making
        (making / f"{path.stem}.json").write_text(json_text(record), encoding="utf-8")
        beside = making / f"{path.stem}-encoder"
        if encoder is not None:
            beside.mkdir()
            for file in encoder.iterdir():
                if file.is_file():
                    shutil.copyfile(file, beside / file.name)
        if path.resolve().parent == WEIGHTS_DIR:
            manifest = making / "manifest.toml"
            shutil.copyfile(path.with_name(manifest.name), manifest)
            entry: dict[str, Any] = {"licence": LICENCE, "source": source, "card": f"{path.stem}.md"}
            register(making / path.name, **entry)
            if encoder is not None:
                register(beside / "model.safetensors", manifest=manifest, name=beside.name, **entry)


def register(
    file: Path, *, licence: str, source: str, manifest: Path | None = None, name: str = "", card: str = ""
) -> None:
    """Enter a weight file into ``manifest.toml``, instead of an entry of the same name before.

    By default the manifest is the one beside the file, the name the file's stem, and the card ``<name>.md``.

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
    write_atomic(manifest, f"{others.rstrip()}\n\n{entry}", what=f"The list of weight files {manifest}")

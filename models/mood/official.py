"""Owns Google's own YAMNet: fetched when asked for, made into a graph, known by its answers, put in place."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from core import paths
from core.errors import ModelError, WeightsError
from models import assets
from models.download import DownloadSettings, Progress
from models.fetch import brought
from models.mood.backbone import EMBEDDED_BACKBONE, load_backbone
from models.mood.fingerprint import Fingerprint, differences, read_fingerprint, signals
from models.mood.keras_file import Weights, read_keras
from models.writing import staged

__all__ = ["LICENCE", "NAME", "URL", "convert", "fetch_official"]

NAME: Final = "yamnet"
URL: Final = "https://storage.googleapis.com/audioset/yamnet.h5"
LICENCE: Final = "Apache-2.0"
_CARD: Final = "yamnet.md"
_LIBRARIES: Final = ("h5py", "onnx")
_PREFIX: Final = "network."
"""Before the names of YAMNet's weights in our graphs; the log-mels' constants have another."""
_LAYERS: Final = ("conv1", *(f"{kind}{layer}" for layer in range(2, 15) for kind in ("dw", "pw")), "fc")


def fetch_official(
    *,
    url: str = "",
    given: Path | None = None,
    settings: DownloadSettings | None = None,
    fingerprint: Fingerprint | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> Path:
    """Fetch yamnet.h5 and put the graph made of it into the user's folder of weights.

    From then on ``mood_backbone = "yamnet"`` uses it. What was there before stays until all is done. What was
    fetched is kept until it has been converted, or was refused (see `models.fetch.brought`).

    Parameters
    ----------
    url
        Where it is; empty takes `URL`, Google's public address.
    given
        A yamnet.h5 at hand that is taken instead; it stays as it is.
    settings
        How patient the download is.
    fingerprint
        What the weights must answer; None takes that of the reference.
    on_progress
        See `models.download.Progress`.

    Returns
    -------
    path
        The graph.

    Raises
    ------
    DownloadError
        See `models.download.download`.
    WeightsError
        What came, or the file at hand, is not the reference or cannot be read; it is not kept.
    ModelError
        A library is missing.
    DataError
        The graph cannot be written, as on a full disk.
    """
    _need_libraries()
    url = url or URL
    expected = fingerprint or read_fingerprint()
    student = assets.locate(EMBEDDED_BACKBONE)
    source = url if given is None else f"{given.name}, a file at hand"
    with brought(url, f"{NAME}.h5", given=given, settings=settings, on_progress=on_progress) as file:
        return convert(file, student, expected, source=source)


def convert(keras: Path, student: Path, expected: Fingerprint, *, source: str) -> Path:
    """Make a graph of yamnet.h5, and put it with its record into the user's folder of weights.

    Parameters
    ----------
    keras
        The file.
    student
        Graph of a YAMNet of ours: the new one is a copy of it with other weights.
    expected
        What the weights must answer to the test signals.
    source
        Where the file comes from, for the record.

    Returns
    -------
    path
        The graph.

    Raises
    ------
    WeightsError
        The file is not YAMNet's, or answers otherwise; nothing is put in place.
    DataError
        The graph cannot be written.
    """
    folder = paths.weights_dir()
    with staged(folder, what=f"The weights {folder / NAME}.onnx") as making:
        graph, record = making / f"{NAME}.onnx", making / f"{NAME}.toml"
        content = _graph(keras, student)
        graph.write_bytes(content)
        record.write_text(_record(content, source), encoding="utf-8")
        _refuse_others(graph, expected)
    return folder / f"{NAME}.onnx"


def _graph(keras: Path, student: Path) -> bytes:
    """The student's graph, with the weights of the file in float32."""
    import onnx  # noqa: PLC0415 - only where weights are converted
    from onnx import numpy_helper  # noqa: PLC0415

    from models.training.half_storage import widen  # noqa: PLC0415

    model = onnx.load(student)
    widen(model)
    stored = {
        weight.name.removeprefix(_PREFIX): weight
        for weight in model.graph.initializer
        if weight.name.startswith(_PREFIX)
    }
    wanted = {f"{layer}.{part}" for layer in _LAYERS for part in ("weight", "bias")}
    if stored.keys() != wanted:
        raise WeightsError(
            f"The embedded backbone {student} has other layers than YAMNet: restore it from the repository."
        )
    weights: Weights = read_keras(keras, {name: tuple(weight.dims) for name, weight in stored.items()})
    for name, weight in stored.items():
        weight.CopyFrom(numpy_helper.from_array(weights[name], weight.name))
    _describe(model, {"name": NAME, "version": _version(keras), "licence": LICENCE})
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _describe(model: Any, said: Mapping[str, str]) -> None:
    """Change what the graph says of itself; classes, rate and patches stay the student's."""
    for entry in model.metadata_props:
        entry.value = said.get(entry.key, entry.value)


def _version(keras: Path) -> str:
    """The file has no version of its own: the beginning of its SHA-256 stands for it."""
    return f"h5-{hashlib.sha256(keras.read_bytes()).hexdigest()[:8]}"


def _record(content: bytes, source: str) -> str:
    return (
        "# Written by `attune models fetch`; size and SHA-256 are checked each time the file is loaded.\n\n"
        f"[{NAME}]\n"
        f'file = "{NAME}.onnx"\n'
        f"size_bytes = {len(content)}\n"
        f'sha256 = "{hashlib.sha256(content).hexdigest()}"\n'
        f'licence = "{LICENCE}"\n'
        f"source = {json.dumps(f'Google, {source}; converted by this program')}\n"
        f'card = "{_CARD}"\n'
    )


def _refuse_others(graph: Path, expected: Fingerprint) -> None:
    heard = load_backbone(graph, threads=1).hear(np.stack(list(signals().values())))
    found = differences(Fingerprint(heard.embedding, heard.scores), expected)
    if found:
        raise WeightsError(
            f"What was fetched is another network than the reference YAMNet (it differs in {len(found)} of "
            f"{len(signals())} test signals; {found[0]}): it is not used; look for a newer version of Attune."
        )


def _need_libraries() -> None:
    """Say what is missing before anything is fetched."""
    for library in _LIBRARIES:
        try:
            importlib.import_module(library)
        except ModuleNotFoundError as error:
            raise ModelError(
                f"The library {error.name!r} is missing: run `pip install -e '.[yamnet]' -c constraints.txt`."
            ) from error

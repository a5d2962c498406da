"""Google's YAMNet: downloaded on request, converted to ONNX, and verified by its answers to test signals."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path
from typing import Final

import numpy as np

from core import paths
from core.errors import ExtraMissingError, WeightsError
from core.extras import missing_library
from core.files import staged
from models import assets
from models.download import DownloadSettings, Progress
from models.fetch import local_or_downloaded
from models.mood.backbone import EMBEDDED_BACKBONE, load_backbone
from models.mood.fingerprint import Fingerprint, mismatches, read_fingerprint, signals
from models.mood.keras_file import Weights, read_keras

NAME: Final = "yamnet"
URL: Final = "https://storage.googleapis.com/audioset/yamnet.h5"
LICENCE: Final = "Apache-2.0"
_CARD: Final = "yamnet.md"
_LIBRARIES: Final = ("h5py", "onnx")
_PREFIX: Final = "network."
"""Of the names of YAMNet's weights in our graphs; the constants of the log-mels have another prefix."""
_LAYERS: Final = ("conv1", *(f"{kind}{layer}" for layer in range(2, 15) for kind in ("dw", "pw")), "fc")


def fetch_google_yamnet(
    *,
    url: str = "",
    given: Path | None = None,
    settings: DownloadSettings | None = None,
    fingerprint: Fingerprint | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> Path:
    """Download yamnet.h5, put the graph made of it into the user's folder, and return the graph's path.

    From then on ``mood_backbone = "yamnet"`` uses it. An earlier graph stays until the new one is complete,
    the download until it was converted or refused (see `models.fetch.local_or_downloaded`).

    Parameters
    ----------
    url
        Empty takes `URL`, Google's public address.
    given
        A local yamnet.h5 to use instead; it is not changed.
    settings
        Timeouts and retries of the download.
    fingerprint
        Expected answers of the weights; None takes the reference's.
    on_progress
        See `models.download.Progress`.

    Raises
    ------
    DownloadError
        See `models.download.download`.
    WeightsError
        The file is not the reference YAMNet, or cannot be read; a download is deleted.
    ExtraMissingError
        A library is missing.
    DataError
        The graph cannot be written, as on a full disk.
    """
    _need_libraries()
    url = url or URL
    expected = fingerprint or read_fingerprint()
    student = assets.locate(EMBEDDED_BACKBONE)
    source = url if given is None else f"{given.name}, a local file"
    with local_or_downloaded(
        url, f"{NAME}.h5", given=given, settings=settings, on_progress=on_progress
    ) as file:
        return convert(file, student, expected, source=source)


def convert(keras: Path, student: Path, expected: Fingerprint, *, source: str) -> Path:
    """Convert yamnet.h5 to a graph, put it with its record into the user's folder, and return its path.

    Parameters
    ----------
    keras
        The file.
    student
        Graph of one of our YAMNets, of which the new graph is a copy with other weights.
    expected
        Expected answers to the test signals.
    source
        Where the file comes from, for the record.

    Raises
    ------
    WeightsError
        The file is not YAMNet's, or its answers differ; nothing is put in place.
    DataError
        The graph cannot be written.
    """
    folder = paths.weights_dir()
    with staged(folder, what=f"The weights {folder / NAME}.onnx") as making:
        graph, record = making / f"{NAME}.onnx", making / f"{NAME}.toml"
        content = _graph(keras, student)
        graph.write_bytes(content)
        record.write_text(_record(content, source), encoding="utf-8")
        _check_answers(graph, expected)
    return folder / f"{NAME}.onnx"


def _graph(keras: Path, student: Path) -> bytes:
    """The student's graph, with the weights of the file in float32."""
    import onnx  # noqa: PLC0415 - only where weights are converted
    from onnx import numpy_helper  # noqa: PLC0415

    from models.float16_storage import restore_float32  # noqa: PLC0415

    model = onnx.load(student)
    restore_float32(model)
    stored = {
        weight.name.removeprefix(_PREFIX): weight
        for weight in model.graph.initializer
        if weight.name.startswith(_PREFIX)
    }
    expected = {f"{layer}.{part}" for layer in _LAYERS for part in ("weight", "bias")}
    if stored.keys() != expected:
        raise WeightsError(
            f"The embedded backbone {student} has other layers than YAMNet: restore it from the repository."
        )
    weights: Weights = read_keras(keras, {name: tuple(weight.dims) for name, weight in stored.items()})
    for name, weight in stored.items():
        weight.CopyFrom(numpy_helper.from_array(weights[name], weight.name))
    # The file has no version of its own: the beginning of its SHA-256 takes its place.
    version = f"h5-{hashlib.sha256(keras.read_bytes()).hexdigest()[:8]}"
    metadata = {"name": NAME, "version": version, "licence": LICENCE}
    for entry in model.metadata_props:  # classes, rate and patches stay the student's
        entry.value = metadata.get(entry.key, entry.value)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


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


def _check_answers(graph: Path, expected: Fingerprint) -> None:
    output = load_backbone(graph, threads=1).predict(np.stack(list(signals().values())))
    found = mismatches(Fingerprint(output.embedding, output.scores), expected)
    if found:
        raise WeightsError(
            f"What was fetched is another network than the reference YAMNet (it differs in {len(found)} of "
            f"{len(signals())} test signals; {found[0]}): it is not used; look for a newer version of Attune."
        )


def _need_libraries() -> None:
    """Refuse before the download where a library is missing."""
    for library in _LIBRARIES:
        try:
            importlib.import_module(library)
        except ModuleNotFoundError as error:
            raise ExtraMissingError(missing_library("yamnet", error.name)) from error

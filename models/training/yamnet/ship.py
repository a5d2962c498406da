"""Owns the making of the student's file: training, graph, figures on sound it never heard, and entry."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import DataError, ModelError
from models.mood.head import load_head
from models.runtime import load_session
from models.training.manifest import register
from models.training.onnx_file import write_graph
from models.training.provenance import library_versions
from models.training.records import write_json
from models.training.yamnet.agreement import (
    ESC_CLASSES,
    LEAST_RECORDINGS,
    PATCH_SAMPLES,
    Said,
    agreement,
    esc_accuracy,
)
from models.training.yamnet.distil import DistilSettings, distil_layers
from models.training.yamnet.material import kept_out_music, kept_out_sounds, student_recordings
from models.training.yamnet.network import N_CLASSES, PATCH_FRAMES, ServedYamnet, Yamnet, read_yamnet
from models.training.yamnet.sounds import PieceSettings
from models.writing import staged

__all__ = ["LICENCE", "SETTINGS", "VERSION", "read_classes", "ship_student", "student_metadata"]

VERSION: Final = "1.0.0"
LICENCE: Final = "CC-BY-NC-SA-4.0"
SETTINGS: Final = DistilSettings(
    steps=12_000,
    still_steps=3_000,
    batch=32,
    n_frames=PATCH_FRAMES,
    peak_rate=2e-3,
    apart=0.025,
    peak=1.0,
    pieces=PieceSettings(mixed_share=0.3, quiet_share=0.7, quietest=0.02),
)
_SOURCE: Final = "Trained in this project to answer as YAMNet does; see its card"
_MOST_BYTES: Final = 8_000_000
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
Progress = Callable[[str, int, int], None]


def read_classes(path: Path) -> tuple[str, ...]:
    """Names of AudioSet's classes in the order of the scores, from YAMNet's class map.

    Parameters
    ----------
    path
        A CSV file with the columns ``index`` and ``display_name``.

    Raises
    ------
    DataError
        The file is missing, no such table, or does not name YAMNet's 521 classes in order.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = [(int(row["index"]), row["display_name"]) for row in csv.DictReader(handle)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"The class map {path} cannot be read ({error!r}): give yamnet_class_map.csv."
        ) from error
    if [index for index, _ in rows] != list(range(N_CLASSES)):
        raise DataError(
            f"The class map {path} names {len(rows)} classes: give that of YAMNet, with {N_CLASSES}."
        )
    names = tuple(name for _, name in rows)
    if lacking := {name for several in ESC_CLASSES.values() for name in several} - set(names):
        raise DataError(f"The class map {path} lacks {min(lacking)!r}: give that of YAMNet.")
    return names


def ship_student(
    reference: Path,
    classes: Sequence[str],
    music: Path,
    speech: Path | None,
    run: Path,
    path: Path,
    *,
    settings: DistilSettings = SETTINGS,
    version: str = VERSION,
    command: str = "",
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Train the student, or go on with it; write graph and ``<name>.json``.

    Parameters
    ----------
    reference
        YAMNet's weights, as `read_yamnet` reads them.
    classes
        Names of the 521 scores.
    music, speech
        See `material.student_recordings`.
    run
        Folder of checkpoint and synthesised songs.
    path
        The ONNX file; in the folder of the program's own weights it is entered into their list.
    settings, version
        The recipe; written into the file.
    command
        The command line, for the record.
    on_progress
        Called with what is being done, how much of it is done and in all.

    Returns
    -------
    dict
        What the JSON file holds.

    Raises
    ------
    DataError
        Something is missing, or cannot be written, as on a full disk: what was shipped before stays.
    ModelError
        A library is missing, or the graph answers otherwise than the student.
    WeightsError
        The reference cannot be read, or the checkpoint is of another recipe.
    """
    teacher = read_yamnet(reference)
    songs = run / "songs"

    def sung(done: int, total: int) -> None:
        on_progress("songs from MIDI", done, total)

    _check_end(music, songs, sung)
    heard = student_recordings(music, speech, songs, on_progress=sung)
    digest = hashlib.sha256()
    for part in (*(value.numpy() for value in teacher.state_dict().values()), *heard):
        digest.update(np.ascontiguousarray(part).data)
    on_progress("training", 0, 1)
    student = distil_layers(teacher, heard, run / "student", settings, identity=digest.hexdigest())
    assert isinstance(student, Yamnet)
    for value in student.parameters():
        value.data = value.data.half().float() if value.ndim > 1 else value.data
    on_progress("figures", 0, 1)
    record: dict[str, Any] = {
        "name": path.stem,
        "version": version,
        "licence": LICENCE,
        "heard_hours": round(sum(sound.size for sound in heard) / 16_000 / 3600, 2),
        "patches_seen": (settings.steps + settings.still_steps) * settings.batch,
        "settings": asdict(replace(settings, threads=0)),
        "made": {"command": command, "libraries": library_versions("torch", "onnx")},
    }
    with staged(path.parent, what=f"The model {path}") as making:
        graph = making / path.name
        served = ServedYamnet(student).eval()
        metadata = student_metadata(path.stem, version, classes)
        write_graph(
            served, graph, metadata, _probes(), name="yamnet", takes="waveform", gives=["embedding", "scores"]
        )
        if graph.stat().st_size > _MOST_BYTES:
            raise ModelError(f"The graph has {graph.stat().st_size} bytes, more than {_MOST_BYTES}.")
        record |= _figures(graph, ServedYamnet(teacher).eval(), music, songs, classes)
        write_json(making / f"{path.stem}.json", record)
        if path.resolve().parent == _WEIGHTS_DIR:  # elsewhere it is opened by `mood_backbone`, unlisted
            listed = making / "manifest.toml"
            shutil.copyfile(path.with_name(listed.name), listed)
            register(graph, licence=LICENCE, source=_SOURCE)
    return record


def _check_end(music: Path, songs: Path, on_progress: Callable[[int, int], None]) -> None:
    """Make sure, before hours of training, that graph and figures can be made."""
    missing = [name for name in ("onnx", "onnxscript", "scipy") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"The library {missing[0]!r} is missing: run `pip install -e '.[train]' -c constraints.txt`."
        )
    load_head()
    kept_out_sounds(music)
    for name, sounds in kept_out_music(music, songs, on_progress=on_progress).items():
        if len(sounds) < LEAST_RECORDINGS:
            raise DataError(
                f"Only {len(sounds)} recordings of {name} are kept out, too few for figures: give the whole "
                f"archive in {music}."
            )


def student_metadata(name: str, version: str, classes: Sequence[str]) -> dict[str, str]:
    """The metadata every served backbone carries; all values are strings, ``classes`` as JSON."""
    return {
        "name": name,
        "version": version,
        "licence": LICENCE,
        "classes": json.dumps(list(classes)),
        "sample_rate_hz": "16000",
        "patch_samples": str(PATCH_SAMPLES),
    }


def _probes() -> NDArray[np.float32]:
    """Noise, a tone in faint noise, both quiet, and silence, ``(5, 15600)``."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(PATCH_SAMPLES)
    # Not in perfect silence: what is left there of a tone is the rounding of float32, and each order of
    # summation has its own.
    tone = np.sin(2 * np.pi * 440.0 * np.arange(PATCH_SAMPLES) / 16_000) + 0.1 * noise
    probes = np.stack([noise, tone, 1e-2 * noise, 1e-2 * tone, np.zeros(PATCH_SAMPLES)])
    return probes.astype(np.float32)


def _figures(
    graph: Path, teacher: ServedYamnet, music: Path, songs: Path, classes: Sequence[str]
) -> dict[str, Any]:
    """On music and sounds that the student never heard: the graph against the reference."""
    session, head = load_session(graph), load_head()

    def student(patches: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        embedding, scores = session.run({"waveform": patches})
        return embedding, scores

    def reference(patches: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            embedding, scores = teacher(torch.from_numpy(patches))
        return embedding.numpy(), scores.numpy()

    kept = kept_out_music(music, songs)
    kept["all"] = [sound for sounds in kept.values() for sound in sounds]
    sounds, truth = kept_out_sounds(music)
    networks: dict[str, Said] = {"student": student, "reference": reference}
    return {
        "size_bytes": graph.stat().st_size,
        "music": {
            name: agreement(student, reference, recordings, head.probabilities)
            for name, recordings in kept.items()
        },
        "esc10": {
            "recordings": len(sounds),
            **{
                name: round(esc_accuracy(network, sounds, truth, classes), 4)
                for name, network in networks.items()
            },
        },
    }

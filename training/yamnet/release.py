"""The release of YAMNet's student: training, graph, figures on unseen sound, and list entry."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import DataError, ModelError
from models.mood.head import load_head
from models.runtime import load_session
from training.data.recordings import sounds_digest
from training.libraries import require_libraries
from training.onnx_file import probe_sounds, write_graph
from training.progress import Progress, StepProgress, no_progress
from training.release import LICENCE, release_record, round_to_float16, staged_release
from training.yamnet.agreement import ESC_CLASSES, LEAST_RECORDINGS, PATCH_SAMPLES, agreement, esc_accuracy
from training.yamnet.distil import DistilSettings, distil_layers
from training.yamnet.network import N_CLASSES, PATCH_FRAMES, ServedYamnet, Yamnet, read_yamnet
from training.yamnet.recordings import PieceSettings, held_out_music, held_out_sounds, student_recordings

VERSION: Final = "1.0.0"
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


def read_classes(path: Path) -> tuple[str, ...]:
    """Names of AudioSet's classes in the order of the scores, from YAMNet's class map.

    It is a CSV file with the columns ``index`` and ``display_name``.

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


def release_student(
    reference: Path,
    classes: Sequence[str],
    music: Path,
    speech: Path | None,
    run: Path,
    path: Path,
    *,
    settings: DistilSettings = SETTINGS,
    command: str = "",
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train the student, or go on with it; write graph and ``<name>.json``, and return what that holds.

    Raises
    ------
    DataError
        Something is missing, or cannot be written, as on a full disk: the last release stays.
    ModelError
        A library is missing, or the graph answers otherwise than the student.
    WeightsError
        The reference cannot be read, or the checkpoint is of another recipe.
    """
    teacher = read_yamnet(reference)
    songs = run / "songs"

    def on_song(done: int, total: int) -> None:
        on_progress("songs from MIDI", done, total)

    _check_end(music, songs, on_song)
    recordings = student_recordings(music, speech, songs, on_progress=on_song)
    identity = sounds_digest([*(value.numpy() for value in teacher.state_dict().values()), *recordings])
    on_progress("training", 0, 1)
    student = distil_layers(teacher, recordings, run / "student", settings, identity=identity)
    assert isinstance(student, Yamnet)
    round_to_float16(student)
    on_progress("figures", 0, 1)
    record: dict[str, Any] = {
        **release_record(path, VERSION, command, "torch", "onnx"),
        "heard_hours": round(sum(sound.size for sound in recordings) / 16_000 / 3600, 2),
        "patches_seen": (settings.steps + settings.still_steps) * settings.batch,
        "settings": asdict(replace(settings, threads=0)),
    }
    with staged_release(path, record, source=_SOURCE) as making:
        graph, served = making / path.name, ServedYamnet(student).eval()
        metadata, probes = _student_metadata(path.stem, VERSION, classes), probe_sounds(PATCH_SAMPLES)
        write_graph(
            served, graph, metadata, probes, name="yamnet", takes="waveform", gives=["embedding", "scores"]
        )
        if graph.stat().st_size > _MOST_BYTES:
            raise ModelError(f"The graph has {graph.stat().st_size} bytes, more than {_MOST_BYTES}.")
        record |= _figures(graph, ServedYamnet(teacher).eval(), music, songs, classes)
    return record


def _check_end(music: Path, songs: Path, on_song: StepProgress) -> None:
    """Make sure, before hours of training, that graph and figures can be made."""
    require_libraries("onnx", "onnxscript", "scipy")
    load_head()
    held_out_sounds(music)
    for name, sounds in held_out_music(music, songs, on_progress=on_song).items():
        if len(sounds) < LEAST_RECORDINGS:
            raise DataError(
                f"Only {len(sounds)} recordings of {name} are kept out, too few for figures: give the whole "
                f"archive in {music}."
            )


def _student_metadata(name: str, version: str, classes: Sequence[str]) -> dict[str, str]:
    """The metadata every served backbone carries, as strings; ``classes`` are JSON."""
    return {
        "name": name,
        "version": version,
        "licence": LICENCE,
        "classes": json.dumps(list(classes)),
        "sample_rate_hz": "16000",
        "patch_samples": str(PATCH_SAMPLES),
    }


def _figures(
    graph: Path, teacher: ServedYamnet, music: Path, songs: Path, classes: Sequence[str]
) -> dict[str, Any]:
    """The graph against the reference, on music and sounds that the student was not trained on."""
    session, head = load_session(graph), load_head()

    def student(patches: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        embedding, scores = session.run({"waveform": patches})
        return embedding, scores

    def reference(patches: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            embedding, scores = teacher(torch.from_numpy(patches))
        return embedding.numpy(), scores.numpy()

    held_out = held_out_music(music, songs)
    held_out["all"] = [sound for sounds in held_out.values() for sound in sounds]
    sounds, truth = held_out_sounds(music)
    accuracies = {
        name: round(esc_accuracy(network, sounds, truth, classes), 4)
        for name, network in (("student", student), ("reference", reference))
    }
    return {
        "size_bytes": graph.stat().st_size,
        "music": {
            name: agreement(student, reference, recordings, head.predict)
            for name, recordings in held_out.items()
        },
        "esc10": {"recordings": len(sounds), **accuracies},
    }

"""The figures of the heads that ship beside the mood head, as their cards have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from models.mood.backbone import load_backbone
from models.track.heads import (
    GEMS_HEAD,
    GENRE_HEAD,
    INSTRUMENT_HEAD,
    TRACK_HEADS,
    EmbeddingHead,
    load_track_head,
)
from models.track.tasks import InputKind
from training.mood.head import MoodSettings
from training.mood.jamendo import read_jamendo
from training.mood.protocols import official_split, train_head
from training.progress import Progress, no_progress
from training.track.heads import gems, tags, valence_arousal
from training.track.heads.kernel import KernelHead, TrackView

JAMENDO: Final = "jamendo"
MUSIC: Final = "music"
"""Folders of the data: MTG-Jamendo; Emotify, clips in quadrants, and librosa's examples."""
TAG_TASKS: Final[Mapping[str, str]] = {GENRE_HEAD: "genre", INSTRUMENT_HEAD: "instrument"}
"""Head -> task of MTG-Jamendo."""


def evaluate_heads(
    data: Path,
    run: Path,
    *,
    heads: Sequence[str] = TRACK_HEADS,
    weights: Path | None = None,
    threads: int = 1,
    on_progress: Progress = no_progress,
) -> dict[str, dict[str, Any]]:
    """Measure heads on music that they did not learn from.

    Heads of tags are the files, on the official test. Heads of few data are fitted anew without each fold, on
    top of the mood head of the run, which is trained where the run lacks it.

    Parameters
    ----------
    weights
        Folder of the heads; None: the embedded ones.

    Returns
    -------
    dict
        By name: ``official_test`` (`tags.tag_figures`); or what `gems_figures` or `axes_figures` gives.
    """
    found: dict[str, dict[str, Any]] = {}
    view = None
    for done, name in enumerate(heads):
        on_progress(name, done, len(heads))
        if name in TAG_TASKS:
            head = load_track_head(name if weights is None else weights / f"{name}.onnx")
            found[name] = {"official_test": _on_official_test(head, data / JAMENDO, TAG_TASKS[name])}
            continue
        view = view or mood_view(data / JAMENDO, run, threads=threads, on_progress=on_progress)
        found[name] = (gems_figures if name == GEMS_HEAD else axes_figures)(data / MUSIC, view)
    return found


def _on_official_test(head: EmbeddingHead, jamendo: Path, name: str) -> dict[str, Any]:
    task = tags.read_tag_task(jamendo, name)
    answers = head.predict(task.tracks.embeddings[task.split.test]).astype(np.float64)
    return tags.tag_figures(task, answers, np.array(head.info.thresholds))


def mood_view(
    jamendo: Path, run: Path, *, threads: int = 1, on_progress: Progress = no_progress
) -> TrackView:
    """What the mood head of a run sees of music; the head is trained where the run lacks it."""
    tracks = read_jamendo(jamendo)
    split, settings = official_split(tracks), MoodSettings(threads=threads)
    head = train_head(tracks, split, settings, run, lambda done: on_progress("mood head", done, done))
    return TrackView(head.net, tracks.embeddings[np.concatenate([split.train, split.validation])])


def gems_figures(music: Path, view: TrackView) -> dict[str, Any]:
    """``by_track`` (`gems.gems_by_track`) and ``by_segment`` (`gems.gems_by_segment`)."""
    data = gems.read_gems(music)
    segments = gems.read_segments(music, load_backbone())
    return {
        "by_track": gems.gems_by_track(gems.gems_problem(view, data), data),
        "by_segment": gems.gems_by_segment(view, segments),
    }


def axes_figures(music: Path, view: TrackView) -> dict[str, Any]:
    """``by_artist``, ``emotify`` (`valence_arousal.axes_elsewhere`), and ``examples``.

    The last are 13 clips that come with librosa, heard by the embedded backbone: the two values of each, and
    their correlation over these and Emotify.
    """
    data = valence_arousal.read_quadrant_clips(music)
    problem = valence_arousal.va_problem(view, data)
    head = valence_arousal.va_head(view, problem)
    emotify = gems.read_gems(music)
    heard = valence_arousal.example_embeddings(music, load_backbone())
    clips, tracks = (
        head_answers(head, rows)
        for rows in (np.stack(list(heard.values())), emotify.inputs[InputKind.EMBEDDING])
    )
    both = np.concatenate([clips, tracks])
    return {
        "by_artist": valence_arousal.va_by_artist(problem, data),
        "emotify": valence_arousal.axes_elsewhere(
            tracks, np.asarray(emotify.targets["gems_shares"], dtype=np.float32), emotify.tasks[0].labels
        ),
        "examples": {
            "clips": {
                name.rpartition("/")[2]: [round(float(value), 3) for value in row[:2]]
                for name, row in sorted(zip(heard, clips, strict=True))
            },
            "correlation": _correlation(clips),
            "correlation_with_emotify": _correlation(both),
        },
    }


def _correlation(answers: NDArray[np.float64]) -> float:
    return round(float(np.corrcoef(answers[:, 0], answers[:, 1])[0, 1]), 4)


def head_answers(head: KernelHead, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Answers to raw embeddings ``(tracks, 1024)``."""
    with torch.no_grad():
        answers: NDArray[np.float64] = head(torch.from_numpy(embeddings)).double().numpy()
    return answers

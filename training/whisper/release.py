"""The release of the compact encoder: distilled, measured on unseen speech, written with its figures."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from core.errors import DataError
from core.files import staged
from models.assets import PINNED_FILES
from training.data.cache import open_clips
from training.data.window import voice_window
from training.emotion.encoders import load_hybrid, save_compact_encoder
from training.emotion.protocols import TRAINED_CORPORA
from training.libraries import library_versions
from training.progress import Progress, no_progress
from training.records import write_json
from training.whisper.distil import EncoderDistilSettings, distil_encoder
from training.whisper.narrow import explained_variance
from training.whisper.sounds import TRAINING_PROMPTS, UnlabelledSounds, draw_windows, open_sounds
from training.whisper.teacher import Teacher, read_encoder

RECORD_NAME: Final = "figures.json"
_TEST_WINDOWS: Final = 48
"""Windows of each corpus that the figures are about."""
_SEED: Final = 5


def release_encoder(
    data: Path,
    prompts: Path | None,
    teacher: Path | None,
    unseen: Path | None,
    run: Path,
    out: Path,
    *,
    settings: EncoderDistilSettings | None = None,
    threads: int = 2,
    command: str = "",
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Distil the compact encoder, or go on with it, and write its folder.

    Parameters
    ----------
    unseen
        Speech that the figures are about, of the corpora that heads learn from; none of it is trained on.
        None: windows of the training sounds, drawn once more.
    out
        Folder to write, whole or not at all: ``config.json``, ``model.safetensors`` in float16, and
        ``figures.json``. The figures are of the encoder as it is read back.

    Returns
    -------
    dict
        What ``figures.json`` holds: ``teacher_variance`` and ``narrowed_variance`` of the teacher's last
        block (shares), ``variance`` before the first block and after each, and how it was made.

    Raises
    ------
    DataError, WeightsError
        Sounds, teacher or checkpoint cannot be read, or the folder cannot be written.
    """
    settings = replace(settings or EncoderDistilSettings(), threads=threads)
    whisper = PINNED_FILES["whisper"]
    on_progress("reading the teacher and the material", 0, 3)
    wide = Teacher(read_encoder(teacher or whisper.path), settings.student.n_layers)
    sounds = open_sounds(data, prompts)
    tested = _test_windows(unseen, sounds)
    on_progress("teaching", 1, 3)
    distilled = distil_encoder(wide, sounds, tested, run / "encoder", settings)
    on_progress("writing", 2, 3)
    with staged(out, what=f"The encoder {out}") as making:
        save_compact_encoder(distilled.student, making)
        kept: Any = load_hybrid(making).encoder
        variance = explained_variance(wide, distilled.basis, kept, tested)
        record = {
            "teacher": {"name": "Whisper base, encoder", "licence": "MIT", "sha256": whisper.sha256},
            "teacher_variance": round(variance[-1], 4),
            "narrowed_variance": round(distilled.narrowed[-1], 4),
            "variance": [round(share, 4) for share in variance],
            "judged_windows": len(tested),
            "heard_hours": round(sounds.hours, 2),
            "heard_prompts": list(TRAINING_PROMPTS) if prompts is not None else [],
            "windows": settings.steps * settings.batch,
            "settings": {**asdict(settings), "threads": None},
            "made": {"command": command, "libraries": library_versions("torch", "transformers")},
        }
        write_json(making / RECORD_NAME, record)
    return record


def _test_windows(unseen: Path | None, sounds: UnlabelledSounds) -> Tensor:
    """Windows that the figures are about, in random order."""
    rng = np.random.default_rng(_SEED)
    if unseen is None:
        return torch.from_numpy(draw_windows(sounds, rng, _TEST_WINDOWS))
    cache = open_clips(unseen)
    windows = []
    for corpus in TRAINED_CORPORA:
        clips = [clip for clip in cache.clips if clip.corpus == corpus]
        drawn = [clips[row] for row in rng.permutation(len(clips))[:_TEST_WINDOWS]]
        windows += [voice_window(cache.audio(clip), clip.active) for clip in drawn]
    if not windows:
        raise DataError(f"The speech in {unseen} holds none of {', '.join(TRAINED_CORPORA)}.")
    return torch.from_numpy(np.stack(windows)[rng.permutation(len(windows))])

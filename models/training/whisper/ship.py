"""The making of the compact encoder's folder: taught, measured on unheard speech, written with figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from core.errors import DataError
from models import assets
from models.training.data.speech import open_clips
from models.training.data.window import voice_window
from models.training.emotion.encoders import load_hybrid, save_compact_encoder
from models.training.emotion.protocols import TRAINED_CORPORA
from models.training.provenance import library_versions
from models.training.records import write_json
from models.training.whisper.distil import EncoderDistilSettings, distil_encoder
from models.training.whisper.material import HEARD_PROMPTS, UnlabelledSounds, draw_windows, open_material
from models.training.whisper.narrow import explained_variance
from models.training.whisper.teacher import Teacher
from models.training.whisper.weights import read_encoder
from models.writing import staged

__all__ = ["RECORD_NAME", "ship_encoder"]

RECORD_NAME: Final = "figures.json"
_JUDGED: Final = 48
"""Windows of each corpus that the figures are about."""
_SEED: Final = 5
Progress = Callable[[str, int, int], None]


def ship_encoder(
    data: Path,
    prompts: Path | None,
    teacher: Path | None,
    unheard: Path | None,
    run: Path,
    out: Path,
    *,
    settings: EncoderDistilSettings | None = None,
    threads: int = 2,
    command: str = "",
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Teach the compact encoder, or go on with it, and write its folder.

    Parameters
    ----------
    data, prompts
        What is heard, see `material.open_material`.
    teacher
        ``model.bin`` of Whisper base; None: the fetched one.
    unheard
        Speech that the figures are about, of the corpora that heads learn from; none of it is heard. None:
        windows of the material's own, drawn once more.
    run
        Folder of the training; checkpoints lie in ``encoder`` in it.
    out
        Folder to write, whole or not at all: ``config.json``, ``model.safetensors`` in float16, and
        ``figures.json``. The figures are of the encoder as it is read back.
    settings, threads
        The recipe, and threads of torch.
    command
        The command line, for the record.
    on_progress
        Called with what is being done, how much of it is done and in all.

    Returns
    -------
    dict
        What ``figures.json`` holds: ``teacher_variance`` and ``narrowed_variance`` of the teacher's last
        block (shares), ``variance`` before the first block and after each, and how it was made.

    Raises
    ------
    DataError, WeightsError
        UnlabelledSounds, teacher or checkpoint cannot be read, or the folder cannot be written.
    """
    settings = replace(settings or EncoderDistilSettings(), threads=threads)
    on_progress("reading the teacher and the material", 0, 3)
    wide = Teacher(read_encoder(teacher or assets.PINNED["whisper"].path), settings.student.n_layers)
    material = open_material(data, prompts)
    judged = _judged(unheard, material)
    on_progress("teaching", 1, 3)
    taught = distil_encoder(wide, material, judged, run / "encoder", settings)
    on_progress("writing", 2, 3)
    with staged(out, what=f"The encoder {out}") as making:
        save_compact_encoder(taught.student, making)
        kept: Any = load_hybrid(making).encoder
        variance = explained_variance(wide, taught.basis, kept, judged)
        record = {
            "teacher": {
                "name": "Whisper base, encoder",
                "licence": "MIT",
                "sha256": assets.PINNED["whisper"].sha256,
            },
            "teacher_variance": round(variance[-1], 4),
            "narrowed_variance": round(taught.narrowed[-1], 4),
            "variance": [round(share, 4) for share in variance],
            "judged_windows": len(judged),
            "heard_hours": round(material.hours, 2),
            "heard_prompts": list(HEARD_PROMPTS) if prompts is not None else [],
            "windows": settings.steps * settings.batch,
            "settings": {**asdict(settings), "threads": None},
            "made": {"command": command, "libraries": library_versions("torch", "transformers")},
        }
        write_json(making / RECORD_NAME, record)
    return record


def _judged(unheard: Path | None, material: UnlabelledSounds) -> Tensor:
    """Windows that the figures are about, in an order drawn by chance."""
    rng = np.random.default_rng(_SEED)
    if unheard is None:
        return torch.from_numpy(draw_windows(material, rng, _JUDGED))
    cache = open_clips(unheard)
    windows = []
    for corpus in TRAINED_CORPORA:
        clips = [clip for clip in cache.clips if clip.corpus == corpus]
        for row in rng.permutation(len(clips))[:_JUDGED]:
            clip = clips[row]
            windows.append(voice_window(cache.audio(clip), (clip.active_start, clip.active_stop)))
    if not windows:
        raise DataError(f"The speech in {unheard} holds none of {', '.join(TRAINED_CORPORA)}.")
    return torch.from_numpy(np.stack(windows)[rng.permutation(len(windows))])

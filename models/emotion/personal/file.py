"""File of a fitted adaptation to one user's voice: JSON, readable by its owner only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.emotions import EMOTIONS
from core.errors import VoiceError
from core.files import write_atomic
from core.text_files import read_text_file
from models.emotion.personal.fit import as_clips
from models.emotion.personal.voice import PersonalVoice, Score, VoiceClips
from models.emotion.recogniser import ModelInfo

_FORMAT: Final = 2
_FORMATS: Final = (1, _FORMAT)  # the first keeps no takes


def save_voice(voice: PersonalVoice, path: Path) -> None:
    """Write an adaptation, whole or not at all.

    Parameters
    ----------
    voice
        The adaptation.
    path
        Of the file; its folder is made.

    Raises
    ------
    VoiceError
        The folder or the file cannot be written.
    """
    text = json.dumps({"format": _FORMAT, **asdict(voice)}, default=np.ndarray.tolist)
    write_atomic(
        path,
        text,
        what=f"The file of your voice, {path},",
        error_type=VoiceError,
        advice="change the folder's permissions",
        private=True,
    )


def load_voice(path: Path, model: ModelInfo) -> PersonalVoice | None:
    """Read what `save_voice` wrote; None where there is no such file.

    Parameters
    ----------
    path
        Of the file.
    model
        In use; the adaptation must be fitted to it.

    Raises
    ------
    VoiceError
        It cannot be read, is damaged, or was made for another model.
    """
    what, advice = f"The file of your voice, {path},", "delete it and record again"
    text = read_text_file(path, what=what, error_type=VoiceError, advice=advice)
    if text is None:
        return None
    try:
        voice = _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise VoiceError(f"{what} is damaged ({error!r}): {advice}.") from error
    if voice.model_sha256 != model.sha256:
        raise VoiceError(
            f"Your voice was recorded for the model {voice.model}, but {model.name} {model.version} "
            "with other weights is in use: record it again."
        )
    return voice


def _parse(content: Mapping[str, Any]) -> PersonalVoice:
    fields = dict(content)
    if fields.pop("format") not in _FORMATS:
        raise ValueError("another format")
    arrays = {
        name: np.asarray(fields.pop(name), dtype=np.float64) for name in ("mean", "scale", "weights", "bias")
    }
    size = arrays["mean"].size
    shapes = {"mean": (size,), "scale": (size,), "weights": (size, len(EMOTIONS)), "bias": (len(EMOTIONS),)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} of shape {arrays[name].shape}")
    numbers = {name: float(fields.pop(name)) for name in ("slope", "temperature", "strength")}
    if not np.isfinite(list(numbers.values())).all() or numbers["temperature"] < 1:
        raise ValueError(f"temperature {numbers['temperature']}")
    if not (arrays["scale"] > 0).all():
        raise ValueError("a scale of 0")
    clips = tuple(int(count) for count in fields.pop("clips"))
    if len(clips) != len(EMOTIONS):
        raise ValueError(f"{len(clips)} counts")
    corrections = int(fields.pop("corrections", 0))
    takes = _takes(fields.pop("takes", None), size)
    scores = {name: Score(**score) if (score := fields.pop(name)) else None for name in ("before", "after")}
    return PersonalVoice(
        model=str(fields.pop("model")),
        model_sha256=str(fields.pop("model_sha256")),
        made_at=str(fields.pop("made_at")),
        enabled=bool(fields.pop("enabled")),
        clips=clips,
        before=scores["before"],
        after=scores["after"],
        mean=arrays["mean"],
        scale=arrays["scale"],
        weights=arrays["weights"],
        bias=arrays["bias"],
        slope=numbers["slope"],
        temperature=numbers["temperature"],
        strength=numbers["strength"],
        corrections=corrections,
        takes=takes,
        **fields,  # an unknown field is a TypeError
    )


def _takes(content: Mapping[str, Any] | None, size: int) -> VoiceClips | None:
    if content is None:
        return None
    takes = as_clips(content["logits"], content["embedding"], content["labels"])
    finite = np.isfinite(takes.logits).all() and np.isfinite(takes.embedding).all()
    known = ((takes.labels >= 0) & (takes.labels < len(EMOTIONS))).all()
    if takes.embedding.shape[1] != size or not (finite and known):
        raise ValueError(f"takes of shape {takes.embedding.shape}")
    return takes

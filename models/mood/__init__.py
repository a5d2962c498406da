"""Mood of music: 59 tags, over time and as a whole."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.mood.tagger import MoodTagger

__all__ = ["predict_timeline_and_theme"]


def predict_timeline_and_theme(
    path: str | Path, top_k: int = 3, device: str = "cpu"
) -> tuple[list[tuple[float, list[tuple[str, float]]]], list[tuple[str, float]]]:
    """Mood of a file of any length, over time and as a whole.

    The settings `mood_backbone` and `mood_head` name the models, by default the embedded ones. They stay
    loaded for the next call.

    Parameters
    ----------
    path
        The file.
    top_k
        Number of tags, at least 1, the likeliest first.
    device
        Key of `models.runtime.PROVIDERS`, such as `cpu` or `cuda`.

    Returns
    -------
    timeline
        One pair a patch: its start in seconds, and the tags of the 5 s around it with their probabilities in
        [0, 1]; no tags without music.
    theme
        The tags of the whole file; only these probabilities are calibrated (for Google's YAMNet,
        approximately for the embedded student). Empty where it holds no music.

    Raises
    ------
    AudioDecodeError
        See `models.audio.open_stream`.
    ModelError
        The device is not available, or `top_k` is below 1.
    WeightsError
        A model's file is missing, damaged or none of this kind.
    SettingsError
        The settings cannot be read.

    Examples
    --------
    >>> timeline, theme = predict_timeline_and_theme("song.mp3")
    >>> theme[0]
    ('film', 0.21)
    """
    from core.settings import load_settings  # noqa: PLC0415 - importing this package stays cheap
    from models.mood.result import check_top_k, top_tags  # noqa: PLC0415

    check_top_k(top_k)
    settings = load_settings()
    tagger = _loaded(settings.mood_backbone, settings.mood_head, settings.threads, device)
    result = tagger.analyse(Path(path), max_minutes=settings.max_file_minutes)
    timeline = [
        (float(start_s), top_tags(row, top_k))
        for start_s, row in zip(result.starts_s, result.timeline, strict=True)
    ]
    return timeline, top_tags(result.theme, top_k)


@lru_cache(maxsize=2)
def _loaded(backbone: Path | None, head: Path | None, threads: int, provider: str) -> MoodTagger:
    from models.mood.tagger import load_tagger  # noqa: PLC0415 - it brings ONNX Runtime

    return load_tagger(backbone=backbone, head=head, threads=threads, provider=provider)

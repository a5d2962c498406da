"""Windows and whole recordings as plain values, the same for the terminal's JSON and for the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import EMOTIONS
from models.resample import SAMPLE_RATE_HZ
from realtime.clip_summary import ClipEmotion
from realtime.emotion_answer import EmotionAnswer
from realtime.notices import Notice
from realtime.snapshot import AxisStatement, WindowResult, accepted_word


def plain_clip(name: str, clip: ClipEmotion, answer: EmotionAnswer) -> dict[str, Any]:
    """A recording and all its windows.

    Parameters
    ----------
    name
        Of its file, for people.
    clip, answer
        What is said of it.
    """
    return {
        "file": name,
        "kind": clip.kind,
        "emotion": clip.emotion,
        "confidence": clip.confidence,
        "probabilities": plain_probabilities(clip.probabilities),
        "energy": plain_axis(clip.energy, ENERGY_WORDS),
        "pleasantness": plain_axis(clip.pleasantness, PLEASANTNESS_WORDS),
        "direction": clip.direction,
        **asdict(answer),
        "notice": clip.notice,
        "windows": [plain_window(window) for window in clip.windows],
    }


def plain_window(window: WindowResult) -> dict[str, Any]:
    """One window as JSON has it."""
    reading, decision = window.reading, window.decision
    return {
        "time_s": reading.clock / SAMPLE_RATE_HZ,
        "kind": decision.kind,
        "emotion": decision.emotion,
        "leading": decision.leading,
        "confidence": decision.confidence,
        "speech_share": reading.speech_share,
        "only_music": reading.only_music,
        "probabilities": plain_probabilities(reading.probabilities),
        "energy": plain_axis(decision.energy, ENERGY_WORDS, reading.energy),
        "pleasantness": plain_axis(decision.pleasantness, PLEASANTNESS_WORDS, reading.pleasantness),
        "direction": decision.direction,
        "changed": decision.changed,
        "reason": decision.reason,
        "latency_ms": reading.latency_ms,
    }


def plain_notice(notice: Notice) -> dict[str, Any]:
    """One notice as JSON has it."""
    return {
        "kind": notice.kind,
        "ends": notice.ends,
        "severity": notice.severity,
        "message": notice.message,
        "at_s": notice.at_s,
        "time_s": notice.clock / SAMPLE_RATE_HZ,
    }


def plain_axis(
    statement: AxisStatement | None, words: tuple[str, str], probability: float | None = None
) -> dict[str, Any] | None:
    """What is accepted, how sure that (or the likelier side) is, and what the model said of the window."""
    if statement is None:
        return None
    return {
        "accepted": accepted_word(statement, words),
        "confidence": statement.confidence,
        f"p_{words[0]}": statement.probability if probability is None else probability,
    }


def plain_probabilities(probabilities: tuple[float, ...] | None) -> dict[str, float] | None:
    """The eight probabilities by the names of the emotions."""
    return None if probabilities is None else dict(zip(EMOTIONS, probabilities, strict=True))

"""Owns how an emotion model is introduced: its name, licence and honest figures in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from dashboard.markup import Markup, tag

if TYPE_CHECKING:
    from models.emotion.personal import PersonalVoice
    from models.emotion.recogniser import ModelInfo

__all__ = ["model_card"]

_SPLITS: Final = {
    "test": "On speakers it has never heard",
    "unseen_language": "In a language it has never heard",
}
_CORPORA: Final = {
    "crema_d": "CREMA-D",
    "emodb": "EMO-DB",
    "emotiontts_ko": "EmotionTTS (Korean)",
    "nemo": "nEMO (Polish)",
    "ravdess_song": "RAVDESS song",
    "ravdess_speech": "RAVDESS speech",
    "savee": "SAVEE",
    "tess": "TESS",
}
_SURE: Final = "0.70"
_LEFT_OUT: Final = "loco"
"""Figures by corpus, each of a model that never heard that corpus."""
_STATEMENTS: Final = {"the emotion": "", "the energy": "energy_", "the pleasantness": "pleasantness_"}
"""Statement -> how the names of its figures begin."""


def model_card(info: ModelInfo, *, voice: PersonalVoice | None = None) -> Markup:
    """Introduce a model to people.

    Parameters
    ----------
    info
        What the model says of itself; all of it is taken for data, and escaped. Of its metrics
        those are told that have a mean recall ("ua", 0 to 1) and say on which split it was measured, and how
        often each statement is right on corpora left out ("loco").
    voice
        What adapts it to the user at the microphone, where that is switched on.
    """
    threads = f"{info.threads} thread" + ("" if info.threads == 1 else "s")
    sentences = [
        f"{info.name} {info.version}, licence {info.licence}, runs on {info.provider.upper()} with {threads}."
    ]
    for split, words in _SPLITS.items():
        figures = [
            _figure(corpus, figure)
            for corpus, figure in info.metrics.items()
            if isinstance(figure, Mapping)
            and figure.get("split") == split
            and _share(figure, "ua") is not None
        ]
        if figures:
            sentences.append(f"{words} its mean recall is {', '.join(figures)}.")
    if left_out := _on_corpora_left_out(info.metrics.get(_LEFT_OUT)):
        sentences.append(left_out)
    if voice is not None:
        takes = "one take" if sum(voice.clips) == 1 else f"{sum(voice.clips)} takes"
        sentences.append(f"At the microphone it is adapted to your voice ({takes}).")
    return tag("p", tag("strong", "Model: "), " ".join(sentences))


def _figure(corpus: str, figure: Mapping[str, Any]) -> str:
    words = f"{_percent(_share(figure, 'ua') or 0.0)} on {_CORPORA.get(corpus, corpus.replace('_', ' '))}"
    right, sure = _share(figure, f"accuracy_at_{_SURE}"), _share(figure, f"coverage_at_{_SURE}")
    if right is None or sure is None:
        return words
    return f"{words} (it is sure of {_percent(sure)}, and {_percent(right)} of those are right)"


def _on_corpora_left_out(corpora: object) -> str:
    """How often what is accepted is right in recordings unlike those of training; empty if not measured."""
    if not isinstance(corpora, Mapping):
        return ""
    parts = []
    for statement, prefix in _STATEMENTS.items():
        figures = [
            (right, sure)
            for figure in corpora.values()
            if isinstance(figure, Mapping)
            and (right := _share(figure, f"{prefix}right")) is not None
            and (sure := _share(figure, f"{prefix}share")) is not None
        ]
        if figures:
            right, sure = (sum(column) / len(figures) for column in zip(*figures, strict=True))
            parts.append(f"of {statement} in {_percent(right)} of {_percent(sure)} that it is sure of")
    if not parts:
        return ""
    return (
        "In recordings unlike those that it learned from (means over corpora left out) "
        f"it is right {', '.join(parts)}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _share(figure: Mapping[str, Any], key: str) -> float | None:
    """A figure from 0 to 1; those that stand in per cent in the file are above 1."""
    value = figure.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if value <= 1.0 else value / 100.0

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


def model_card(info: ModelInfo, *, voice: PersonalVoice | None = None) -> Markup:
    """Introduce a model to people.

    Parameters
    ----------
    info
        What the model says of itself; all of it is taken for data, and escaped. Of its metrics
        those are told that have a mean recall ("ua", 0 to 1) and say on which split it was measured.
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


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _share(figure: Mapping[str, Any], key: str) -> float | None:
    value = figure.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

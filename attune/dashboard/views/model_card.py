"""How an emotion model is introduced: in a line, or with its licence and figures in a few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import percent
from attune.dashboard.views.html import fill

if TYPE_CHECKING:
    from models.emotion.personal import PersonalVoice
    from models.emotion.recogniser import ModelInfo

_SPLITS: Final = {
    "test": N_("On speakers it has never heard its mean recall is {figures}."),
    "unseen_language": N_("In a language it has never heard its mean recall is {figures}."),
}
_CORPORA: Final = {
    "crema_d": "CREMA-D",
    "emodb": "EMO-DB",
    "emotiontts_ko": N_("EmotionTTS (Korean)"),
    "nemo": N_("nEMO (Polish)"),
    "ravdess_song": N_("RAVDESS song"),
    "ravdess_speech": N_("RAVDESS speech"),
    "savee": "SAVEE",
    "tess": "TESS",
}
_SURE: Final = "0.70"
_LEFT_OUT: Final = "loco"  # figures by corpus, each of a model that never heard that corpus
_LINE_WITHOUT_FIGURES: Final = "{name}."
_LINE: Final = N_(
    "{name}. Of recordings unlike those that it learned from, it is sure of the emotion in {sure}, "
    "and right in {right} of those."
)
_STATEMENTS: Final = {
    "": N_("of the emotion in {right} of {sure} that it is sure of"),
    "energy_": N_("of the energy in {right} of {sure} that it is sure of"),
    "pleasantness_": N_("of the pleasantness in {right} of {sure} that it is sure of"),
}
"""How the names of a statement's figures begin -> what they say."""


def model_line(info: ModelInfo, *, voice: PersonalVoice | None = None) -> Markup:
    """Introduce a model in a line.

    Parameters
    ----------
    info, voice
        As `model_card` has them.
    """
    name, figures = f"{info.name} {info.version}", _means_left_out(info.metrics.get(_LEFT_OUT)).get("")
    said = _LINE_WITHOUT_FIGURES if figures is None else _(_LINE)
    right, sure = figures or (0.0, 0.0)
    return _paragraph(said.format(name=name, right=percent(right), sure=percent(sure)), _adapted(voice))


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
    said = ngettext(
        "{name}, licence {licence}, runs on {provider} with {count} thread.",
        "{name}, licence {licence}, runs on {provider} with {count} threads.",
        info.threads,
    )
    name, provider = f"{info.name} {info.version}", info.provider.upper()
    sentences = [said.format(name=name, licence=info.licence, provider=provider, count=info.threads)]
    for split, words in _SPLITS.items():
        figures = [
            _figure(corpus, figure)
            for corpus, figure in info.metrics.items()
            if isinstance(figure, Mapping)
            and figure.get("split") == split
            and _share(figure, "ua") is not None
        ]
        if figures:
            sentences.append(_(words).format(figures=", ".join(figures)))
    if left_out := _on_corpora_left_out(info.metrics.get(_LEFT_OUT)):
        sentences.append(left_out)
    return _paragraph(*sentences, _adapted(voice))


def _paragraph(*sentences: str) -> Markup:
    return fill(Markup("<p><strong>{} </strong>{}</p>"), _("Model:"), " ".join(filter(None, sentences)))


def _adapted(voice: PersonalVoice | None) -> str:
    if voice is None:
        return ""
    said = ngettext(
        "At the microphone it is adapted to your voice (one take).",
        "At the microphone it is adapted to your voice ({count} takes).",
        sum(voice.clips),
    )
    return said.format(count=sum(voice.clips))


def _figure(corpus: str, figure: Mapping[str, Any]) -> str:
    known = _CORPORA.get(corpus)
    heard = corpus.replace("_", " ") if known is None else _(known)
    recall = percent(_share(figure, "ua") or 0.0)
    right, sure = _share(figure, f"accuracy_at_{_SURE}"), _share(figure, f"coverage_at_{_SURE}")
    if right is None or sure is None:
        return _("{recall} on {corpus}").format(recall=recall, corpus=heard)
    said = _("{recall} on {corpus} (it is sure of {sure}, and {right} of those are right)")
    return said.format(recall=recall, corpus=heard, sure=percent(sure), right=percent(right))


def _on_corpora_left_out(corpora: object) -> str:
    """How often what is accepted is right in recordings unlike those of training; empty if not measured."""
    parts = [
        _(_STATEMENTS[prefix]).format(right=percent(right), sure=percent(sure))
        for prefix, (right, sure) in _means_left_out(corpora).items()
    ]
    if not parts:
        return ""
    said = _(
        "In recordings unlike those that it learned from (means over corpora left out) it is right {parts}."
    )
    return said.format(parts=", ".join(parts))


def _means_left_out(corpora: object) -> dict[str, tuple[float, float]]:
    """For each kind of statement that was measured: the share that is right, and the share that is sure."""
    if not isinstance(corpora, Mapping):
        return {}
    means = {}
    for prefix in _STATEMENTS:
        figures = [
            (right, sure)
            for figure in corpora.values()
            if isinstance(figure, Mapping)
            and (right := _share(figure, f"{prefix}right")) is not None
            and (sure := _share(figure, f"{prefix}share")) is not None
        ]
        if figures:
            right, sure = (sum(column) / len(figures) for column in zip(*figures, strict=True))
            means[prefix] = (right, sure)
    return means


def _share(figure: Mapping[str, Any], key: str) -> float | None:
    """A figure from 0 to 1; those that stand in per cent in the file are above 1."""
    value = figure.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if value <= 1.0 else value / 100.0

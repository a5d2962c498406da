"""What is said beside a setting: what it does, its default, when a change holds, and who has set it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import decimal, percent
from attune.dashboard.views.html import render
from core.setting_info import SettingInfo, TakesEffect
from core.settings import Origin

DEFAULT: Final = N_("Default: {}.")
NOT_SET: Final = N_("not set")
ON, OFF = N_("on"), N_("off")
TAKES_EFFECT: Final = {
    TakesEffect.AT_ONCE: N_("Takes effect at once."),
    TakesEffect.LISTENING: N_("Takes effect when listening starts again."),
    TakesEffect.PROGRAM: N_("Takes effect when Attune starts again."),
}
SET_ELSEWHERE: Final = {
    Origin.ENVIRONMENT: N_("Set by {variable} in the environment, so it cannot be changed here."),
    Origin.ARGUMENT: N_("Set when Attune was started, so it cannot be changed here."),
    Origin.THIS_RUN: N_("Holds until Attune ends, because the settings file cannot be written."),
}
CHOICES: Final = {
    "cpu": N_("The processor"),
    "cuda": N_("NVIDIA graphics card (CUDA)"),
    "coreml": "Apple (Core ML)",
    "directml": N_("Graphics card on Windows (DirectML)"),
    "pyaudio": "PyAudio",
    "auto": N_("As in the browser"),
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
}
"""What the words of the file are called for people."""

_UNITS: Final = {"min": N_("minutes"), "days": N_("days")}


def unit_words(info: SettingInfo) -> str:
    """What stands behind a number."""
    return _(_UNITS.get(info.unit, info.unit))


def value_words(info: SettingInfo, value: Any) -> str:
    """Write a value as people read it."""
    if value is None or value == "":
        return _(NOT_SET)
    if isinstance(value, bool):
        return _(ON if value else OFF)
    if isinstance(value, Path) or not isinstance(value, int | float):
        return _(CHOICES.get(str(value), str(value)))
    if info.unit == "%":
        return percent(value)
    return f"{decimal(value, 4)} {unit_words(info)}".strip()


def setting_text(info: SettingInfo, origin: Origin, *, waits: bool, problem: str) -> Markup:
    """Introduce a setting.

    Parameters
    ----------
    info, origin
        The setting, and where its value comes from.
    waits
        Whether it has been changed and does not hold yet.
    problem
        Why the value that was given is not used; else empty.
    """
    return render(
        "setting",
        name=info.name,
        title=_(info.title),
        explanation=_(info.explanation),
        default="" if info.default in (None, "") else _(DEFAULT).format(value_words(info, info.default)),
        effect=_(TAKES_EFFECT[info.takes_effect]),
        elsewhere=_(SET_ELSEWHERE.get(origin, "")).format(variable=info.variable),
        waits=waits,
        problem=problem,
    )

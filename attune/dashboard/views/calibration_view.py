"""The calibration on the page "Your voice": what to say, how it goes, and the takes so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import decimal
from attune.dashboard.views.html import render
from attune.dashboard.views.level_meter import level_meter
from attune.dashboard.views.statements import statement_rows
from core.emotions import EMOTIONS, Emotion
from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD
from models.emotion.personal import Score, summarise_clip
from models.emotion.recogniser import softmax
from realtime.calibration.calibration import AnalysedTake
from realtime.calibration.prompts import HINTS, Prompt
from realtime.calibration.take import MIN_SPEECH_S
from realtime.calibration.take_recorder import Recording, RecordingState
from realtime.snapshot import AxisStatement, InputLevel

_TITLE: Final = N_("Your voice · Attune")
_MIN_PROBABILITY: Final = 1e-6  # probabilities are kept so far from 0 and 1 that their logits stay finite


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidence from which each of the three statements is accepted, 0 to 1."""

    emotion: float = 0.70
    energy: float = ENERGY_THRESHOLD
    pleasantness: float = PLEASANTNESS_THRESHOLD


@dataclass(frozen=True, slots=True)
class CalibrationView:
    """Everything that is drawn."""

    prompts: Sequence[Prompt]  # what is to be said, in order
    index: int  # which of them is to be said now
    takes: Mapping[str, AnalysedTake]  # the checked takes by the prompts' keys
    # The newest recording; None before the first.
    recording: Recording | None = None
    # Key of the take that was checked last in this tab; None before the first.
    last: str | None = None
    thresholds: Thresholds = Thresholds()  # from which what the model says of a take is accepted

    @property
    def is_open(self) -> bool:
        """Whether the microphone is open."""
        return self.recording is not None and self.recording.state is RecordingState.RECORDING

    @property
    def title(self) -> str:
        """Name of the browser's tab; a dot stands before it while sound is taken in."""
        title = _(_TITLE)
        return f"● {title}" if self.is_open else title


def next_open(prompts: Sequence[Prompt], takes: Mapping[str, AnalysedTake], index: int) -> int:
    """Find the next prompt without a good take, going round from `index`; the last where all have one."""
    count = len(prompts)
    places = ((index + step) % count for step in range(1, count + 1))
    return next((place for place in places if not _is_good(takes, prompts[place])), count - 1)


def _is_good(takes: Mapping[str, AnalysedTake], prompt: Prompt) -> bool:
    """Whether a prompt has a take that can be used."""
    take = takes.get(prompt.key)
    return take is not None and take.check.good


def calibration_view(view: CalibrationView) -> Markup:
    """Draw the sentence to say, the meter, and the takes so far."""
    prompt = view.prompts[view.index]
    recording = view.recording if view.is_open else None
    speech_s = recording.speech_s if recording is not None else 0.0
    enough = speech_s >= MIN_SPEECH_S
    return render(
        "calibration",
        is_open=view.is_open,
        prompt=prompt,
        hint=_(HINTS[prompt.emotion]),
        number=view.index + 1,
        count=len(view.prompts),
        meter=level_meter(recording.level if recording else InputLevel(), is_open=recording is not None),
        speech_share=min(1.0, speech_s / MIN_SPEECH_S),
        speech_words=f"{decimal(speech_s)} s"
        if enough
        else _("{seconds} of {needed} s").format(seconds=decimal(speech_s), needed=decimal(MIN_SPEECH_S)),
        verdict=_verdict(view),
        answers=_answers(view),
        rows=[row for emotion in EMOTIONS if (row := _row(view, emotion))["takes"]],
        done=sum(_is_good(view.takes, one) for one in view.prompts),
    )


def _verdict(view: CalibrationView) -> tuple[str, str]:
    """How the last take went, or what to do: its CSS class, and a sentence."""
    if view.is_open:
        return "info", _("Say the sentence. Recording ends when you pause.")
    if view.recording is not None and view.recording.state is RecordingState.FAILED:
        return "warn", view.recording.message
    if view.last is not None and view.last in view.takes:
        check = view.takes[view.last].check
        return "good" if check.good else "warn", check.sentence
    return "info", _("Record the sentence, said as its emotion asks.")


def _answers(view: CalibrationView) -> list[tuple[str, str, bool]]:
    """What the model, not adapted, says of the last take; nothing where it was not asked."""
    take = None if view.is_open or view.last is None else view.takes.get(view.last)
    if take is None or take.answers is None:
        return []
    answers, thresholds = take.answers, view.thresholds
    logits, _ = summarise_clip(answers)
    probabilities = softmax(logits)
    best = int(probabilities.argmax())
    return statement_rows(
        EMOTIONS[best],
        float(probabilities[best]),
        accepted=float(probabilities[best]) >= thresholds.emotion,
        energy=_summary(answers.energy, thresholds.energy),
        pleasantness=_summary(answers.pleasantness, thresholds.pleasantness),
    )


def _summary(windows: npt.NDArray[np.float32] | None, threshold: float) -> AxisStatement | None:
    """Draw the windows of a take together: by their mean logit, as the emotion is."""
    if windows is None:
        return None
    clipped = np.clip(windows.astype(np.float64), _MIN_PROBABILITY, 1.0 - _MIN_PROBABILITY)
    probability = float(1.0 / (1.0 + np.exp(-np.mean(np.log(clipped / (1.0 - clipped))))))
    sure = max(probability, 1.0 - probability) >= threshold
    return AxisStatement(probability >= 0.5 if sure else None, probability)


def _row(view: CalibrationView, emotion: Emotion) -> dict[str, Any]:
    """The takes of one emotion, each with its text, its CSS class, and whether it comes now."""
    prompts = [prompt for prompt in view.prompts if prompt.emotion is emotion]
    takes = []
    for prompt in prompts:
        take = view.takes.get(prompt.key)
        css_class = "empty" if take is None else "good" if take.check.good else "bad"
        takes.append((prompt.text, css_class, prompt is view.prompts[view.index]))
    return {"emotion": emotion, "takes": takes, "done": sum(css_class == "good" for _, css_class, _ in takes)}


def fit_scores(before: Score, after: Score) -> Markup:
    """Draw how left-out takes were recognised, before and after."""
    return render("fit_scores", scores=(before, after))

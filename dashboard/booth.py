"""Owns what the booth looks like: what to say, how it goes, what is done; pure functions, no Streamlit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD
from dashboard.charts import meter
from dashboard.markup import Markup, tag
from dashboard.statements import ENERGY, PLEASANTNESS, axis_words, emotion_words, percent
from models.emotion.labels import EMOTIONS
from models.emotion.personal import Score, summarise_clip
from models.emotion.recogniser import Answers, softmax
from realtime.calibration import Heard
from realtime.prompts import HINTS, Prompt
from realtime.recorder import Recording, RecordingState
from realtime.snapshot import AxisStatement, Level
from realtime.take import MIN_SPEECH_S

__all__ = ["Booth", "Thresholds", "booth", "next_open", "scores"]

_TITLE: Final = "Your voice · Attune"
_SMALLEST: Final = 1e-6
"""Probabilities end there and as far below 1: their logits stay finite."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidence from which each of the three statements is accepted, 0 to 1."""

    emotion: float = 0.70
    energy: float = ENERGY_THRESHOLD
    pleasantness: float = PLEASANTNESS_THRESHOLD


@dataclass(frozen=True, slots=True)
class Booth:
    """Everything that is drawn.

    Parameters
    ----------
    prompts
        What is to be said, in order.
    index
        Which of them stands in the booth now.
    heard
        The judged takes by the prompts' keys.
    recording
        The newest recording; None before the first.
    last
        Key of the take that was judged last in this tab; None before the first.
    thresholds
        From which what the model says of a take is accepted.
    """

    prompts: Sequence[Prompt]
    index: int
    heard: Mapping[str, Heard]
    recording: Recording | None = None
    last: str | None = None
    thresholds: Thresholds = Thresholds()

    @property
    def open(self) -> bool:
        """Whether the microphone is open."""
        return self.recording is not None and self.recording.state is RecordingState.RECORDING

    @property
    def title(self) -> str:
        """Name of the browser's tab; a dot stands before it while sound is taken in."""
        return f"● {_TITLE}" if self.open else _TITLE


def next_open(prompts: Sequence[Prompt], heard: Mapping[str, Heard], index: int) -> int:
    """Find the next prompt without a good take, going round from `index`; the last where all have one."""
    count = len(prompts)
    places = ((index + step) % count for step in range(1, count + 1))
    return next((place for place in places if not is_good(heard, prompts[place])), count - 1)


def is_good(heard: Mapping[str, Heard], prompt: Prompt) -> bool:
    """Whether a prompt has a take that can be used."""
    take = heard.get(prompt.key)
    return take is not None and take.check.good


def booth(view: Booth) -> Markup:
    """Draw the sentence to say, the meter, and the takes so far."""
    return tag("div", _sentence(view), _takes(view), class_="pair booth")


def _sentence(view: Booth) -> Markup:
    prompt = view.prompts[view.index]
    now = view.recording if view.open else None
    level = now.level if now is not None else Level()
    speech_s = now.speech_s if now is not None else 0.0
    words = "Recording" if now is not None else "Ready"
    return tag(
        "section",
        tag(
            "div",
            tag("span", class_="dot", aria_hidden="true"),
            tag("strong", words, class_="words", data_testid="booth-state"),
            tag("span", f"Sentence {view.index + 1} of {len(view.prompts)}", class_="clock"),
            class_="state",
        ),
        tag(
            "p",
            tag(
                "strong",
                prompt.emotion.capitalize(),
                style=f"--hue:var(--at-{prompt.emotion})",
                class_="mood",
            ),
            tag("span", HINTS[prompt.emotion], class_="hint"),
            class_="how",
        ),
        tag("blockquote", prompt.text, class_="words-to-say", data_testid="sentence"),
        tag(
            "div",
            meter(level, open_=now is not None),
            _speech(speech_s),
            class_="gauges",
        ),
        _verdict(view),
        _said(view),
        class_=f"card say-it {'on' if now is not None else 'off'}",
        aria_label="What to say",
    )


def _speech(speech_s: float) -> Markup:
    share = min(1.0, speech_s / MIN_SPEECH_S)
    return tag(
        "div",
        tag("span", "Speech", class_="name"),
        tag(
            "div",
            tag("div", class_="said", style=f"transform:scaleX({share:.3f})"),
            class_="track",
            aria_hidden="true",
        ),
        tag(
            "span",
            f"{speech_s:.1f} s" if share >= 1.0 else f"{speech_s:.1f} of {MIN_SPEECH_S:g} s",
            class_="value",
        ),
        class_="meter speech" + (" enough" if share >= 1.0 else ""),
    )


def _verdict(view: Booth) -> Markup:
    recording = view.recording
    if view.open:
        look, words = "info", "Say the sentence. Recording ends when you pause."
    elif recording is not None and recording.state is RecordingState.FAILED:
        look, words = "warn", recording.message
    elif view.last is not None and view.last in view.heard:
        check = view.heard[view.last].check
        look, words = "good" if check.good else "warn", check.sentence
    else:
        look, words = "info", "Record the sentence, said as its emotion asks."
    mark = {"good": "✓", "warn": "!", "info": "i"}[look]
    return tag(
        "div",
        tag(
            "p",
            tag("span", mark, class_="mark", aria_hidden="true"),
            words,
            class_=look,
            data_testid="verdict",
        ),
        class_="notices",
        role="status",
    )


def _said(view: Booth) -> Markup:
    """What the model, not adapted, says of the take that was judged last; empty where it was not asked."""
    take = None if view.open or view.last is None else view.heard.get(view.last)
    if take is None or take.answers is None:
        return tag("div")
    return tag(
        "div",
        tag("p", "What the model, not adapted to you, heard in the last take:", class_="aside"),
        tag(
            "dl",
            *(
                tag(
                    "div",
                    tag("dt", name),
                    tag("dd", words, data_testid=f"heard-{name.lower()}"),
                    class_="accepted" if accepted else None,
                )
                for name, words, accepted in _statements(take.answers, view.thresholds)
            ),
            class_="statements",
        ),
    )


def _statements(answers: Answers, thresholds: Thresholds) -> Iterator[tuple[str, str, bool]]:
    """Name, words, and whether it is accepted, of each statement on one take."""
    logits, _ = summarise_clip(answers)
    probabilities = softmax(logits)
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    accepted = confidence >= thresholds.emotion
    yield "Emotion", emotion_words(EMOTIONS[best], confidence, accepted=accepted), accepted
    axes = (
        (ENERGY, answers.energy, thresholds.energy),
        (PLEASANTNESS, answers.pleasantness, thresholds.pleasantness),
    )
    for axis, windows, threshold in axes:
        if windows is None:
            continue
        statement = _summary(windows, threshold)
        yield axis.name, axis_words(axis, statement), statement.accepted is not None


def _summary(windows: npt.NDArray[np.float32], threshold: float) -> AxisStatement:
    """Draw the windows of a take together: by their mean logit, as the emotion is."""
    inside = np.clip(windows.astype(np.float64), _SMALLEST, 1.0 - _SMALLEST)
    probability = float(1.0 / (1.0 + np.exp(-np.mean(np.log(inside / (1.0 - inside))))))
    sure = max(probability, 1.0 - probability) >= threshold
    return AxisStatement(probability >= 0.5 if sure else None, probability)


def _takes(view: Booth) -> Markup:
    good = sum(is_good(view.heard, prompt) for prompt in view.prompts)
    current = view.prompts[view.index]
    rows = []
    for emotion in EMOTIONS:
        prompts = [prompt for prompt in view.prompts if prompt.emotion is emotion]
        if not prompts:
            continue
        done = sum(is_good(view.heard, prompt) for prompt in prompts)
        dots = [_dot(view, prompt, now=prompt is current) for prompt in prompts]
        rows.append(
            tag(
                "div",
                tag("span", emotion.capitalize(), class_="name"),
                tag("span", *dots, class_="dots", aria_hidden="true"),
                tag("span", f"{done} of {len(prompts)}", class_="value"),
                class_="take" + (" leads" if emotion is current.emotion else ""),
                style=f"--hue:var(--at-{emotion})",
                role="listitem",
                aria_label=f"{emotion.capitalize()}: {done} of {len(prompts)} done",
            )
        )
    return tag(
        "section",
        tag("h2", "Takes", tag("span", f"{good} of {len(view.prompts)} done", class_="aside")),
        tag("div", *rows, class_="takes", role="list"),
        class_="card",
        aria_label="Takes",
    )


def _dot(view: Booth, prompt: Prompt, *, now: bool) -> Markup:
    take = view.heard.get(prompt.key)
    look = "empty" if take is None else "good" if take.check.good else "bad"
    sign = {"empty": "", "good": "✓", "bad": "!"}[look]
    return tag("span", sign, class_=f"one {look}" + (" now" if now else ""), title=prompt.text)


def scores(before: Score, after: Score) -> Markup:
    """Draw how left-out takes were read, before and after."""
    rows = (
        ("Right", f"{before.right} of {before.clips}", f"{after.right} of {after.clips}"),
        ("Mean recall", percent(before.recall), percent(after.recall)),
        ("Log loss, less is better", f"{before.log_loss:.2f}", f"{after.log_loss:.2f}"),
    )
    return tag(
        "table",
        tag(
            "tr",
            tag("th", "On takes left out of the fit", scope="col"),
            tag("th", "As it is", scope="col"),
            tag("th", "Adapted", scope="col"),
        ),
        *(
            tag("tr", tag("th", name, scope="row"), tag("td", one), tag("td", other))
            for name, one, other in rows
        ),
        class_="at-scores",
    )

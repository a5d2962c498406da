"""What was decided in the last two minutes, and what would have been with the settings as they are now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_colours import HUES
from attune.dashboard.views.formatting import capitalized
from attune.dashboard.views.html import render
from attune.dashboard.views.statements import UNSURE
from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import EMOTIONS
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import Decision, DecisionKind, accepted_word

LENGTH_S: Final = 120.0
EMOTION, ENERGY, PLEASANTNESS = N_("Emotion"), N_("Energy"), N_("Pleasantness")
THEN, NOW = N_("As it was decided"), N_("With these settings")
NOTHING: Final = N_("No voice")
BEGINS, ENDS = N_("2 minutes ago"), N_("now")

_QUIET: Final = ""  # without a voice nothing is said
_UNSURE_LOOK: Final = "unsure"


@dataclass(frozen=True, slots=True)
class PreviewSegment:
    """A stretch of time over which the same was said."""

    word: str  # what was said; empty without a voice
    # Of the two minutes, s.
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Statement:
    title: str
    words: tuple[str, ...]  # what may be accepted
    said: Callable[[Decision], str | None]  # the word that was accepted; None: unsure


_STATEMENTS: Final = (
    _Statement(EMOTION, tuple(EMOTIONS), lambda decision: decision.emotion),
    _Statement(ENERGY, ENERGY_WORDS, lambda decision: accepted_word(decision.energy, ENERGY_WORDS)),
    _Statement(
        PLEASANTNESS,
        PLEASANTNESS_WORDS,
        lambda decision: accepted_word(decision.pleasantness, PLEASANTNESS_WORDS),
    ),
)


def gate_preview(then: Sequence[Decision], now: Sequence[Decision], hop_s: float) -> Markup:
    """Draw two strips for each statement, and for how long each answer held.

    Parameters
    ----------
    then
        What was decided, oldest first.
    now
        What would have been decided of the same readings.
    hop_s
        Time between two of them, s.
    """
    return render(
        "gate_preview",
        statements=[
            {
                "title": _(statement.title),
                "strips": [_strip(statement, THEN, then, hop_s), _strip(statement, NOW, now, hop_s)],
            }
            for statement in _STATEMENTS
            if _known(statement, then)
        ],
        nothing=_(NOTHING),
        begins=_(BEGINS),
        ends=_(ENDS),
    )


def _known(statement: _Statement, decisions: Sequence[Decision]) -> bool:
    """Whether the model says it at all."""
    return statement.title == EMOTION or any(decision.energy is not None for decision in decisions)


def _strip(
    statement: _Statement, name: str, decisions: Sequence[Decision], hop_s: float
) -> dict[str, object]:
    stretches = _stretches(statement, decisions, hop_s)
    total_s: dict[str, float] = {}
    for one in stretches:
        total_s[one.word] = total_s.get(one.word, 0.0) + one.end_s - one.start_s
    return {
        "name": _(name),
        "parts": [_part(statement, one) for one in stretches if one.word],
        "answers": [
            {"look": _look(statement, word), "words": _words(word, total_s[word])}
            for word in (*statement.words, UNSURE)
            if word in total_s
        ],
    }


def _stretches(
    statement: _Statement, decisions: Sequence[Decision], hop_s: float
) -> tuple[PreviewSegment, ...]:
    """Join decisions that say the same; a hole of more than two hops stays a hole."""
    found: list[PreviewSegment] = []
    for decision in decisions:
        end_s = LENGTH_S - (decisions[-1].clock - decision.clock) / SAMPLE_RATE_HZ
        word = _word(statement, decision)
        last = found[-1] if found else None
        near = last is not None and end_s - last.end_s <= 2.0 * hop_s + 1e-6
        if last is not None and near and last.word == word:
            found[-1] = PreviewSegment(word, last.start_s, end_s)
        else:
            start_s = last.end_s if last is not None and near else end_s - hop_s
            found.append(PreviewSegment(word, max(0.0, start_s), end_s))
    return tuple(found)


def _word(statement: _Statement, decision: Decision) -> str:
    if decision.kind is DecisionKind.NO_SPEECH:
        return _QUIET
    return statement.said(decision) or UNSURE


def _part(statement: _Statement, one: PreviewSegment) -> dict[str, object]:
    return {
        "left": f"{100.0 * one.start_s / LENGTH_S:.2f}",
        "width": f"{100.0 * (one.end_s - one.start_s) / LENGTH_S:.2f}",
        "look": _look(statement, one.word),
        "title": _words(one.word, one.end_s - one.start_s),
    }


def _look(statement: _Statement, word: str) -> dict[str, str]:
    """A class of the style sheet, and the colour of an emotion."""
    if word == UNSURE:
        return {"kind": _UNSURE_LOOK, "hue": ""}
    if statement.title == EMOTION:
        return {"kind": "emotion", "hue": HUES[word]}
    return {"kind": "high" if word == statement.words[0] else "low", "hue": ""}


def _words(word: str, length_s: float) -> str:
    return f"{capitalized(_(word))} {length_s:.0f} s"

"""The last two minutes: a lane for each emotion and one for no speech, so that colour is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import feeling_name
from attune.dashboard.views.formatting import capitalized, decimal
from attune.dashboard.views.html import render
from core.emotions import EMOTIONS, Emotion
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import Decision, DecisionKind

LENGTH_S: Final = 120.0
NO_SPEECH: Final = N_("No speech")
LEANING: Final = N_("Unsure, leaning to {emotion}")
NOTHING: Final = N_("No decision yet.")
NOTHING_IN_WORDS: Final = N_("No decision in the last two minutes.")
IN_WORDS: Final = N_("Last two minutes: {runs}.")

_KINDS: Final = {DecisionKind.UNSURE: N_("unsure"), DecisionKind.NO_SPEECH: N_("no speech")}
_CSS_CLASSES: Final = {
    DecisionKind.ACCEPTED: "accepted",
    DecisionKind.UNSURE: "unsure",
    DecisionKind.NO_SPEECH: "quiet",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the timeline over which the decision was the same."""

    kind: DecisionKind  # what the gate said
    # The accepted or leading emotion; None without speech.
    emotion: Emotion | None
    # On the sample clock.
    start_s: float
    end_s: float


def _runs_of(history: Sequence[Decision], hop_s: float) -> tuple[Run, ...]:
    """Join decisions that say the same into runs; a hole of more than two hops stays a hole."""
    runs: list[Run] = []
    for decision in history:
        end_s = decision.clock / SAMPLE_RATE_HZ
        emotion = decision.emotion if decision.kind is DecisionKind.ACCEPTED else decision.leading
        last = runs[-1] if runs else None
        near = last is not None and end_s - last.end_s <= 2.0 * hop_s + 1e-6
        if last is not None and near and (last.kind, last.emotion) == (decision.kind, emotion):
            runs[-1] = Run(last.kind, last.emotion, last.start_s, end_s)
        else:
            start_s = last.end_s if last is not None and near else end_s - hop_s
            runs.append(Run(decision.kind, emotion, start_s, end_s))
    return tuple(runs)


def emotion_timeline() -> Markup:
    """Draw the empty timeline; see `timeline_values`."""
    names = [feeling_name(emotion) for emotion in EMOTIONS]
    return render(
        "emotion_timeline",
        lanes=[*map(capitalized, names), _(NO_SPEECH)],
        names=names,
        nothing=_(NOTHING),
        leaning=_(LEANING),
        decimals=decimal(0.5)[1],
        length_s=LENGTH_S,
    )


def timeline_values(history: Sequence[Decision], clock: int, hop_s: float) -> dict[str, object]:
    """Values of the timeline, which moves on once a second.

    Parameters
    ----------
    history
        Decisions, oldest first.
    clock
        Sample clock of the present.
    hop_s
        Time between two decisions, s.

    Returns
    -------
    values
        `runs` are lists of look, lane, emotion, start and length in seconds.
    """
    now_s = clock // SAMPLE_RATE_HZ
    past = [decision for decision in history if decision.clock <= now_s * SAMPLE_RATE_HZ]
    runs = [run for run in _runs_of(past, hop_s) if run.end_s > now_s - LENGTH_S]
    return {
        "runs": [_drawn(run) for run in runs],
        "strip": f"{100 - 100 * now_s / LENGTH_S:.2f}%",
        "no_runs_hidden": bool(runs),
        "timeline_words": _words(runs),
    }


def _drawn(run: Run) -> list[object]:
    lane = len(EMOTIONS) if run.emotion is None else EMOTIONS.index(run.emotion)
    length_s = run.end_s - run.start_s
    return [_CSS_CLASSES[run.kind], lane, run.emotion or "quiet", round(run.start_s, 2), round(length_s, 2)]


def _words(runs: Sequence[Run]) -> str:
    """Put the timeline into words, for those who cannot see it: how long what was decided."""
    if not runs:
        return _(NOTHING_IN_WORDS)
    total_s: dict[str, float] = {}
    for run in runs:
        accepted = run.emotion if run.kind is DecisionKind.ACCEPTED else None
        name = _(_KINDS.get(run.kind, run.kind.value)) if accepted is None else feeling_name(accepted)
        total_s[name] = total_s.get(name, 0.0) + run.end_s - run.start_s
    longest_first = sorted(total_s.items(), key=lambda item: -item[1])
    return _(IN_WORDS).format(runs=", ".join(f"{name} {length_s:.0f} s" for name, length_s in longest_first))

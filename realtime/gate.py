"""The confidence filter: readings in, an accepted emotion or "unsure" out. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from core.settings import Settings
from models.emotion.labels import EMOTIONS, Emotion
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import Decision, DecisionKind, Reading

__all__ = ["GateConfig", "GateState", "gate_config", "step"]

_FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class GateConfig:
    """How the gate decides.

    Parameters
    ----------
    enter
        Smoothed probability from which an emotion may be accepted, 0 to 1.
    leave
        Smoothed probability below which an accepted emotion is given up, at most `enter`.
    smoothing_s
        Time constant of the exponential smoothing of log-probabilities, seconds; 0 is none.
    min_dwell_s
        An emotion must hold `enter` for so long before it is accepted, seconds.
    min_speech_share
        Share of the window that must be speech, 0 to 1.
    """

    enter: float = 0.70
    leave: float = 0.55
    smoothing_s: float = 1.0
    min_dwell_s: float = 1.0
    min_speech_share: float = 0.35


@dataclass(frozen=True, slots=True)
class GateState:
    """What the gate remembers between two readings.

    Parameters
    ----------
    clock
        Sample clock of the last reading with speech.
    smoothed
        Smoothed log-probabilities, normalised; None before speech.
    accepted
        The emotion that is accepted now.
    candidate, since
        The emotion that holds `enter` now, and the sample clock since when.
    """

    clock: int = 0
    smoothed: tuple[float, ...] | None = None
    accepted: Emotion | None = None
    candidate: Emotion | None = None
    since: int = 0


def gate_config(settings: Settings, *, threshold: float | None = None) -> GateConfig:
    """The gate's part of the settings, with another threshold where one is given."""
    enter = settings.threshold if threshold is None else threshold
    return GateConfig(
        enter=enter,
        leave=max(0.0, enter - settings.hysteresis),
        smoothing_s=settings.smoothing_s,
        min_dwell_s=settings.min_dwell_s,
        min_speech_share=settings.min_speech_share,
    )


def step(state: GateState, reading: Reading, config: GateConfig) -> tuple[GateState, Decision]:
    """Take one reading.

    Without enough speech nothing is claimed and what was believed is forgotten. With speech the
    log-probabilities are smoothed over time; an emotion is accepted once it has held `enter` for
    `min_dwell_s`, and kept until it falls below `leave`.

    Parameters
    ----------
    state
        From the step before, or `GateState()`.
    reading
        The newest one; its clock is later than that of the step before.
    config
        May change between steps.

    Returns
    -------
    state, decision
        The state for the next step, and what to believe now.
    """
    if reading.probabilities is None or reading.speech_share < config.min_speech_share:
        return GateState(clock=reading.clock), _no_speech(state, reading, config)

    logs = _smooth(state, reading, config)
    probabilities = tuple(math.exp(value) for value in logs)
    best = max(range(len(EMOTIONS)), key=probabilities.__getitem__)
    leading, confidence = EMOTIONS[best], probabilities[best]

    candidate = leading if confidence >= config.enter else None
    since = state.since if candidate is not None and candidate == state.candidate else reading.clock
    held_s = (reading.clock - since) / SAMPLE_RATE_HZ
    accepted = _accept(state, probabilities, candidate, held_s, config)

    following = GateState(reading.clock, logs, accepted, candidate, since)
    decision = Decision(
        clock=reading.clock,
        kind=DecisionKind.UNSURE if accepted is None else DecisionKind.ACCEPTED,
        emotion=accepted,
        leading=leading,
        confidence=confidence if accepted is None else probabilities[EMOTIONS.index(accepted)],
        smoothed=probabilities,
        changed=accepted != state.accepted,
        reason="",
    )
    return following, replace(decision, reason=_reason(decision, candidate, held_s, config))


def _smooth(state: GateState, reading: Reading, config: GateConfig) -> tuple[float, ...]:
    """Exponentially smoothed log-probabilities, normalised so that their exponentials sum to 1."""
    assert reading.probabilities is not None
    logs = [math.log(max(value, _FLOOR)) for value in reading.probabilities]
    if state.smoothed is not None and config.smoothing_s > 0:
        elapsed_s = (reading.clock - state.clock) / SAMPLE_RATE_HZ
        keep = math.exp(-elapsed_s / config.smoothing_s)
        logs = [keep * old + (1.0 - keep) * new for old, new in zip(state.smoothed, logs, strict=True)]
    top = max(logs)
    norm = top + math.log(sum(math.exp(value - top) for value in logs))
    return tuple(value - norm for value in logs)


def _accept(
    state: GateState,
    probabilities: tuple[float, ...],
    candidate: Emotion | None,
    held_s: float,
    config: GateConfig,
) -> Emotion | None:
    if candidate is not None and (candidate == state.accepted or held_s >= config.min_dwell_s):
        return candidate
    kept = state.accepted is not None and probabilities[EMOTIONS.index(state.accepted)] >= config.leave
    return state.accepted if kept else None


def _no_speech(state: GateState, reading: Reading, config: GateConfig) -> Decision:
    return Decision(
        clock=reading.clock,
        kind=DecisionKind.NO_SPEECH,
        emotion=None,
        leading=None,
        confidence=0.0,
        smoothed=None,
        changed=state.accepted is not None,
        reason=(
            "Music plays, and no voice stands out from it."
            if reading.only_music
            else f"Only {reading.speech_share:.0%} of the last 3 s is speech; "
            f"{config.min_speech_share:.0%} is needed."
        ),
    )


def _reason(decision: Decision, candidate: Emotion | None, held_s: float, config: GateConfig) -> str:
    assert decision.leading is not None
    shown = f"{decision.leading.capitalize()} leads with {decision.confidence:.0%}"
    if decision.emotion is None:
        if candidate is None:
            return f"{shown}; {config.enter:.0%} is needed."
        return f"{shown}, for {held_s:.1f} s; it is accepted after {config.min_dwell_s:.1f} s."
    if candidate == decision.emotion:
        return f"{shown}, above {config.enter:.0%}, for {held_s:.1f} s."
    return (
        f"{decision.emotion.capitalize()} is kept at {decision.confidence:.0%}, "
        f"until it falls below {config.leave:.0%}."
    )

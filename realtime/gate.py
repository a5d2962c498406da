"""The confidence filter: readings in, three statements out, each accepted or unsure. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD, Settings
from models.emotion.labels import EMOTIONS, Emotion
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import AxisStatement, Decision, DecisionKind, Reading, plane_words

__all__ = [
    "GateConfig",
    "GateState",
    "Limits",
    "StatementState",
    "axis_limits",
    "gate_config",
    "judge",
    "step",
]

_FLOOR = 1e-6
_HIGH = 0  # class of lively, and of pleasant; class 1 is quiet, and unpleasant


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a statement begins and ends.

    Parameters
    ----------
    enter
        Smoothed probability from which a class may be accepted, 0 to 1.
    leave
        Smoothed probability below which an accepted class is given up, at most `enter`.
    """

    enter: float
    leave: float


def axis_limits(enter: float, hysteresis: float) -> Limits:
    """Limits of energy or pleasantness: one side is never kept once the other is likelier."""
    return Limits(enter, max(0.5, enter - hysteresis))


@dataclass(frozen=True, slots=True)
class GateConfig:
    """How the gate decides.

    Parameters
    ----------
    enter, leave
        Limits of the emotion, see `Limits`.
    smoothing_s
        Time constant of the exponential smoothing of log-probabilities, seconds; 0 is none.
    min_dwell_s
        A class must hold its `enter` for so long before it is accepted, seconds.
    min_speech_share
        Share of the window that must be speech, 0 to 1.
    energy, pleasantness
        Limits of the other two statements.
    """

    enter: float = 0.70
    leave: float = 0.55
    smoothing_s: float = 1.0
    min_dwell_s: float = 1.0
    min_speech_share: float = 0.35
    energy: Limits = Limits(ENERGY_THRESHOLD, ENERGY_THRESHOLD - 0.15)
    pleasantness: Limits = Limits(PLEASANTNESS_THRESHOLD, PLEASANTNESS_THRESHOLD - 0.15)

    @property
    def emotion(self) -> Limits:
        """Limits of the emotion."""
        return Limits(self.enter, self.leave)


@dataclass(frozen=True, slots=True)
class StatementState:
    """What is remembered of one statement between two readings.

    Parameters
    ----------
    clock
        Sample clock of the last answer.
    smoothed
        Smoothed log-probabilities of the classes, normalised; None before the first answer.
    accepted
        Index of the class that is accepted now.
    candidate, since
        Index of the class that holds `enter` now, and the sample clock since when.
    """

    clock: int = 0
    smoothed: tuple[float, ...] | None = None
    accepted: int | None = None
    candidate: int | None = None
    since: int = 0

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Smoothed probabilities of the classes, summing to 1; none before the first answer."""
        return tuple(math.exp(value) for value in self.smoothed or ())

    @property
    def leading(self) -> int:
        """Index of the class with the highest smoothed probability, the first of equals."""
        smoothed = self.smoothed or ()
        return max(range(len(smoothed)), key=smoothed.__getitem__)

    @property
    def held_s(self) -> float:
        """For how long the candidate has held `enter`, seconds."""
        return (self.clock - self.since) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class GateState:
    """What the gate remembers between two readings: of each statement, until there is no speech."""

    emotion: StatementState = StatementState()
    energy: StatementState = StatementState()
    pleasantness: StatementState = StatementState()


def gate_config(settings: Settings, *, threshold: float | None = None) -> GateConfig:
    """The gate's part of the settings, with another threshold of the emotion where one is given."""
    enter = settings.threshold if threshold is None else threshold
    return GateConfig(
        enter=enter,
        leave=max(0.0, enter - settings.hysteresis),
        smoothing_s=settings.smoothing_s,
        min_dwell_s=settings.min_dwell_s,
        min_speech_share=settings.min_speech_share,
        energy=axis_limits(settings.energy_threshold, settings.hysteresis),
        pleasantness=axis_limits(settings.pleasantness_threshold, settings.hysteresis),
    )


def judge(
    state: StatementState,
    clock: int,
    probabilities: tuple[float, ...],
    limits: Limits,
    *,
    smoothing_s: float,
    min_dwell_s: float,
) -> StatementState:
    """Take one answer to one question.

    The log-probabilities are smoothed over time; a class is accepted once it has held `enter` for
    `min_dwell_s`, and kept until it falls below `leave`.

    Parameters
    ----------
    state
        From the answer before, or `StatementState()`.
    clock
        Sample clock of the answer, later than that of the one before.
    probabilities
        Of the classes, summing to 1.
    limits, smoothing_s, min_dwell_s
        See `GateConfig`; may change between answers.
    """
    logs = _smooth(state, clock, probabilities, smoothing_s)
    smoothed = tuple(math.exp(value) for value in logs)
    leading = max(range(len(smoothed)), key=smoothed.__getitem__)
    candidate = leading if smoothed[leading] >= limits.enter else None
    since = state.since if candidate is not None and candidate == state.candidate else clock

    accepted = state.accepted
    dwelt = (clock - since) / SAMPLE_RATE_HZ >= min_dwell_s
    if candidate is not None and (candidate == accepted or dwelt):
        accepted = candidate
    elif accepted is not None and smoothed[accepted] < limits.leave:
        accepted = None
    return StatementState(clock, logs, accepted, candidate, since)


def step(state: GateState, reading: Reading, config: GateConfig) -> tuple[GateState, Decision]:
    """Take one reading.

    Without enough speech, or where nothing but music is heard, nothing is claimed and what was believed is
    forgotten. Else emotion, energy and pleasantness are judged, each by itself (`judge`).

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
        return GateState(), _no_speech(state, reading, config)

    def judged(
        before: StatementState, probabilities: tuple[float, ...] | None, limits: Limits
    ) -> StatementState:
        if probabilities is None:
            return StatementState()
        return judge(
            before,
            reading.clock,
            probabilities,
            limits,
            smoothing_s=config.smoothing_s,
            min_dwell_s=config.min_dwell_s,
        )

    following = GateState(
        judged(state.emotion, reading.probabilities, config.emotion),
        judged(state.energy, _two_sides(reading.energy), config.energy),
        judged(state.pleasantness, _two_sides(reading.pleasantness), config.pleasantness),
    )
    now, smoothed = following.emotion, following.emotion.probabilities
    leading, accepted = now.leading, _emotion(now.accepted)
    energy, pleasantness = _axis(following.energy), _axis(following.pleasantness)
    return following, Decision(
        clock=reading.clock,
        kind=DecisionKind.UNSURE if accepted is None else DecisionKind.ACCEPTED,
        emotion=accepted,
        leading=EMOTIONS[leading],
        confidence=smoothed[leading if now.accepted is None else now.accepted],
        smoothed=smoothed,
        changed=accepted != _emotion(state.emotion.accepted),
        reason=_reason(now, config, plane_words(energy, pleasantness)),
        energy=energy,
        pleasantness=pleasantness,
    )


def _smooth(
    state: StatementState, clock: int, probabilities: tuple[float, ...], smoothing_s: float
) -> tuple[float, ...]:
    """Exponentially smoothed log-probabilities, normalised so that their exponentials sum to 1."""
    logs = [math.log(max(value, _FLOOR)) for value in probabilities]
    if state.smoothed is not None and smoothing_s > 0:
        elapsed_s = (clock - state.clock) / SAMPLE_RATE_HZ
        keep = math.exp(-elapsed_s / smoothing_s)
        logs = [keep * old + (1.0 - keep) * new for old, new in zip(state.smoothed, logs, strict=True)]
    top = max(logs)
    norm = top + math.log(sum(math.exp(value - top) for value in logs))
    return tuple(value - norm for value in logs)


def _two_sides(high: float | None) -> tuple[float, ...] | None:
    return None if high is None else (high, 1.0 - high)


def _axis(state: StatementState) -> AxisStatement | None:
    if state.smoothed is None:
        return None
    accepted = None if state.accepted is None else state.accepted == _HIGH
    return AxisStatement(accepted, state.probabilities[_HIGH])


def _emotion(index: int | None) -> Emotion | None:
    return None if index is None else EMOTIONS[index]


def _no_speech(state: GateState, reading: Reading, config: GateConfig) -> Decision:
    return Decision(
        clock=reading.clock,
        kind=DecisionKind.NO_SPEECH,
        emotion=None,
        leading=None,
        confidence=0.0,
        smoothed=None,
        changed=state.emotion.accepted is not None,
        reason=(
            "Music plays, and no voice stands out from it."
            if reading.only_music
            else f"Only {reading.speech_share:.0%} of the last 3 s is speech; "
            f"{config.min_speech_share:.0%} is needed."
        ),
    )


def _reason(state: StatementState, config: GateConfig, direction: str) -> str:
    """Why the emotion is accepted or not; where it is not, what is sure beside it goes before."""
    smoothed, accepted, candidate = state.probabilities, state.accepted, state.candidate
    if accepted is None:
        leading = EMOTIONS[state.leading]
        sure = f"Sounds {direction}, but the emotion is unsure: " if direction else ""
        subject = f"{sure}{leading}" if sure else leading.capitalize()
        shown = f"{subject} leads with {smoothed[state.leading]:.0%}"
        if candidate is None:
            return f"{shown}; {config.enter:.0%} is needed."
        return f"{shown}, for {state.held_s:.1f} s; it is accepted after {config.min_dwell_s:.1f} s."
    name, shown = EMOTIONS[accepted].capitalize(), f"{smoothed[accepted]:.0%}"
    if candidate == accepted:
        return f"{name} leads with {shown}, above {config.enter:.0%}, for {state.held_s:.1f} s."
    return f"{name} is kept at {shown}, until it falls below {config.leave:.0%}."

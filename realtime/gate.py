"""The confidence gate: readings in, three statements out, each accepted or unsure. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from core.emotions import EMOTIONS, Emotion
from core.phrases import Phrase
from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD, Settings
from core.text import percent
from models.resample import SAMPLE_RATE_HZ
from realtime.snapshot import AxisStatement, Decision, DecisionKind, Reading, plane_words

_FLOOR = 1e-6
_HIGH = 0  # class of lively, and of pleasant; class 1 is quiet, and unpleasant


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a statement begins and ends."""

    enter: float  # smoothed probability from which a class may be accepted, 0 to 1
    leave: float  # smoothed probability below which an accepted class is given up, at most `enter`


def _axis_limits(enter: float, hysteresis: float) -> Limits:
    """Limits of energy or pleasantness: one side is never kept once the other is likelier."""
    return Limits(enter, max(0.5, enter - hysteresis))


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Thresholds and times of the gate."""

    # Limits of the emotion, see `Limits`.
    enter: float = 0.70
    leave: float = 0.55
    # Time constant of the exponential smoothing of log-probabilities, seconds; 0 is none.
    smoothing_s: float = 1.0
    min_dwell_s: float = 1.0  # a class must hold its `enter` for so long before it is accepted, seconds
    min_speech_share: float = 0.35  # share of the window, or of a stretch of it, that must be speech, 0 to 1
    # Limits of the other two statements.
    energy: Limits = Limits(ENERGY_THRESHOLD, ENERGY_THRESHOLD - 0.15)
    pleasantness: Limits = Limits(PLEASANTNESS_THRESHOLD, PLEASANTNESS_THRESHOLD - 0.15)

    @property
    def emotion(self) -> Limits:
        """Limits of the emotion."""
        return Limits(self.enter, self.leave)


@dataclass(frozen=True, slots=True)
class StatementState:
    """What is remembered of one statement between two readings."""

    clock: int = 0  # sample clock of the last prediction
    # Smoothed log-probabilities of the classes, normalised; None before the first.
    smoothed: tuple[float, ...] | None = None
    accepted: int | None = None  # index of the class that is accepted now
    # Index of the class that holds `enter` now, and the sample clock since when.
    candidate: int | None = None
    since: int = 0

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Smoothed probabilities of the classes, summing to 1; none before the first step."""
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
    brief: bool = False  # that of the readings it comes from


def gate_config(settings: Settings) -> GateConfig:
    """Read the configuration from the settings."""
    return GateConfig(
        enter=settings.threshold,
        leave=max(0.0, settings.threshold - settings.hysteresis),
        smoothing_s=settings.smoothing_s,
        min_dwell_s=settings.min_dwell_s,
        min_speech_share=settings.min_speech_share,
        energy=_axis_limits(settings.energy_threshold, settings.hysteresis),
        pleasantness=_axis_limits(settings.pleasantness_threshold, settings.hysteresis),
    )


def _step_statement(
    state: StatementState,
    clock: int,
    probabilities: tuple[float, ...],
    limits: Limits,
    *,
    smoothing_s: float,
    min_dwell_s: float,
) -> StatementState:
    """Take one prediction of one statement.

    The log-probabilities are smoothed over time; a class is accepted once it has held `enter` for
    `min_dwell_s`, and kept until it falls below `leave`.
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
    """Take one reading, and return the state for the next step, and what is accepted now.

    Without enough speech, or with nothing but music, nothing is accepted and the state is forgotten.
    Else emotion, energy and pleasantness are decided, each by itself (`_step_statement`). Single words are
    judged apart from longer speech: what the beginning of a sentence sounds like says nothing of the rest.

    Parameters
    ----------
    state
        From the step before, or `GateState()`.
    reading
        The newest one; its clock is later than that of the step before.
    config
        May change between steps.
    """
    little = reading.speech_share < config.min_speech_share and not reading.brief
    if reading.probabilities is None or little:
        return GateState(), _no_speech(state, reading)

    def decided(
        before: StatementState, probabilities: tuple[float, ...] | None, limits: Limits
    ) -> StatementState:
        if probabilities is None:
            return StatementState()
        return _step_statement(
            before,
            reading.clock,
            probabilities,
            limits,
            smoothing_s=config.smoothing_s,
            min_dwell_s=config.min_dwell_s,
        )

    before = state if reading.brief == state.brief else GateState()
    following = GateState(
        decided(before.emotion, reading.probabilities, config.emotion),
        decided(before.energy, _two_sides(reading.energy), config.energy),
        decided(before.pleasantness, _two_sides(reading.pleasantness), config.pleasantness),
        reading.brief,
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
        brief=reading.brief,
    )


def decide_again(readings: Iterable[Reading], config: GateConfig) -> tuple[Decision, ...]:
    """What would have been decided of readings that are known.

    Parameters
    ----------
    readings
        Oldest first.
    config
        For all of them.
    """
    state, decisions = GateState(), []
    for reading in readings:
        state, decision = step(state, reading, config)
        decisions.append(decision)
    return tuple(decisions)


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


def _no_speech(state: GateState, reading: Reading) -> Decision:
    return Decision(
        clock=reading.clock,
        kind=DecisionKind.NO_SPEECH,
        emotion=None,
        leading=None,
        confidence=0.0,
        smoothed=None,
        changed=state.emotion.accepted is not None,
        reason=(
            Phrase("Music plays, and no voice stands out from it.")
            if reading.only_music
            else Phrase(
                "Only {share} of the last 3 s is speech, too little for an answer.",
                share=percent(reading.speech_share),
            )
        ),
    )


def _reason(state: StatementState, config: GateConfig, direction: str) -> Phrase:
    """Why the emotion is accepted or not; where it is not, what is sure beside it goes before."""
    probabilities, accepted, held_s = state.probabilities, state.accepted, state.held_s
    share, needed = percent(probabilities[state.leading]), percent(config.enter)
    if accepted is None:
        leading = Phrase(EMOTIONS[state.leading].value)
        leads = (
            Phrase(
                "{emotion} leads with {share}; {needed} is needed.",
                capital=not direction,
                emotion=leading,
                share=share,
                needed=needed,
            )
            if state.candidate is None
            else Phrase(
                "{emotion} leads with {share}, for {held} s; it is accepted after {dwell} s.",
                capital=not direction,
                emotion=leading,
                share=share,
                held=held_s,
                dwell=config.min_dwell_s,
            )
        )
        if not direction:
            return leads
        return Phrase(
            "Sounds {direction}, but the emotion is unsure: {leads}", direction=Phrase(direction), leads=leads
        )
    emotion, share = Phrase(EMOTIONS[accepted].value), percent(probabilities[accepted])
    if state.candidate == accepted:
        return Phrase(
            "{emotion} leads with {share}, above {needed}, for {held} s.",
            capital=True,
            emotion=emotion,
            share=share,
            needed=needed,
            held=held_s,
        )
    return Phrase(
        "{emotion} is kept at {share}, until it falls below {lowest}.",
        capital=True,
        emotion=emotion,
        share=share,
        lowest=percent(config.leave),
    )

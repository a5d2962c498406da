"""Synthetic snapshots, an engine that plays them, a machine of made-up devices: no sound, no model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from attune.engine.listening_pause import ListeningPause
from core.emotions import EMOTIONS, Emotion
from core.errors import AttuneError
from core.settings import Settings
from models.emotion.personal import PersonalVoice, Score, ValidatedFit, VoiceClips
from realtime.calibration.calibration import AnalysedTake
from realtime.calibration.take import TakeCheck
from realtime.calibration.take_recorder import Recording, RecordingState
from realtime.capture.source import DEMO_PLAYS, SourceInfo, SourceKind, SourceSpec
from realtime.corrections import Stretch
from realtime.snapshot import (
    AxisStatement,
    Counters,
    Decision,
    DecisionKind,
    InputLevel,
    ListenerState,
    Reading,
    Snapshot,
    StageTiming,
)
from tests.attune.dashboard.fake_music import FakeMusic

RATE_HZ = 16_000
HOP_S = 0.5
DEMO = SourceInfo(SourceKind.DEMO, "Built-in demo", 48_000, 1)
MICROPHONE = SourceInfo(SourceKind.MICROPHONE, "Desk microphone", 44_100, 2, host_api="ALSA", live=True)
METRICS = {
    "ravdess_speech": {"split": "test", "ua": 0.633, "accuracy_at_0.70": 0.89, "coverage_at_0.70": 0.42},
    "crema_d": {"split": "test", "ua": 0.61, "accuracy_at_0.70": None, "coverage_at_0.70": 0.0},
    "emotiontts_ko": {"split": "unseen_language", "ua": 0.17},
}
NO_MICROPHONE = "No microphone was found: connect one, and allow this program to use it"


def probabilities(emotion: Emotion, share: float) -> tuple[float, ...]:
    """One emotion has `share`, the others have equal parts of the rest."""
    return tuple(share if other is emotion else (1 - share) / 7 for other in EMOTIONS)


def accepted(emotion: Emotion = Emotion.HAPPY, share: float = 0.84, *, second: float = 5.0) -> Decision:
    reason = f"{emotion.capitalize()} led for 1.0 s with {share:.0%}, above the threshold of 70%."
    return Decision(
        round(second * RATE_HZ),
        DecisionKind.ACCEPTED,
        emotion,
        emotion,
        share,
        probabilities(emotion, share),
        False,
        reason,
    )


def unsure(leading: Emotion = Emotion.SAD, share: float = 0.48, *, second: float = 5.0) -> Decision:
    reason = f"{leading.capitalize()} leads with {share:.0%}, below the threshold of 70%."
    return Decision(
        round(second * RATE_HZ),
        DecisionKind.UNSURE,
        None,
        leading,
        share,
        probabilities(leading, share),
        False,
        reason,
    )


def no_speech(*, second: float = 5.0) -> Decision:
    return Decision(
        round(second * RATE_HZ),
        DecisionKind.NO_SPEECH,
        None,
        None,
        0.0,
        None,
        False,
        "Only 4% of the window is speech, less than 35%.",
    )


def axis(probability: float, *, sure_from: float = 0.8) -> AxisStatement:
    """A statement that is accepted from a confidence on."""
    sure = max(probability, 1.0 - probability) >= sure_from
    return AxisStatement(probability >= 0.5 if sure else None, probability)


def on_plane(decision: Decision, energy: float, pleasantness: float) -> Decision:
    """The same of a model that knows the plane: these are the probabilities of lively and of pleasant."""
    return replace(decision, energy=axis(energy), pleasantness=axis(pleasantness))


def listening(decision: Decision | None = None, **changes: Any) -> Snapshot:
    """A healthy listener with this newest decision."""
    clock = decision.clock if decision is not None else RATE_HZ
    reading = None
    if decision is not None:
        share = 0.8 if decision.smoothed is not None else 0.04
        reading = Reading(clock, share, decision.smoothed, 21.0)
    snapshot = Snapshot(
        state=ListenerState.LISTENING,
        session_id=1,
        source=DEMO,
        clock=clock,
        level=InputLevel(-23.4, -11.0),
        reading=reading,
        decision=decision,
        history=(decision,) if decision is not None else (),
        counters=Counters(windows=12),
        timing={"total": StageTiming(18.4, 31.2, 44.0), "emotion": StageTiming(12.6, 20.0, 30.0)},
        resampler_delay_ms=33.0,
    )
    return replace(snapshot, **changes)


def story(seconds: float) -> tuple[Decision, ...]:
    """Two minutes of somebody's moods, ending after `seconds`."""
    script: Sequence[tuple[float, Callable[[float, float], Decision]]] = (
        (4.0, lambda t, _: no_speech(second=t)),
        (5.0, lambda t, x: unsure(Emotion.NEUTRAL, 0.42 + 0.02 * x, second=t)),
        (14.0, lambda t, x: accepted(Emotion.HAPPY, 0.74 + 0.1 * math.sin(x), second=t)),
        (6.0, lambda t, _: unsure(Emotion.SURPRISED, 0.51, second=t)),
        (9.0, lambda t, x: accepted(Emotion.ANGRY, 0.86 + 0.05 * math.sin(2 * x), second=t)),
        (6.0, lambda t, _: no_speech(second=t)),
        (4.0, lambda t, _: unsure(Emotion.FEARFUL, 0.38, second=t)),
        (16.0, lambda t, x: accepted(Emotion.SAD, 0.78 + 0.08 * math.cos(x), second=t)),
        (5.0, lambda t, _: unsure(Emotion.CALM, 0.57, second=t)),
        (12.0, lambda t, x: accepted(Emotion.CALM, 0.72 + 0.1 * math.sin(x), second=t)),
    )
    length_s = sum(part_s for part_s, _ in script)
    decisions = []
    second = 3.0
    while second <= seconds:
        into_s = (second - 3.0) % length_s
        for part_s, decide in script:
            if into_s < part_s:
                if seconds - second < 120:
                    decisions.append(decide(second, into_s))
                break
            into_s -= part_s
        second += HOP_S
    return tuple(decisions)


@dataclass(frozen=True)
class FakeDevice:
    kind: SourceKind
    name: str
    host_api: str = "ALSA"
    backend: str = "sounddevice"
    rate_hz: int = 48_000
    channels: int = 2
    is_default: bool = False


@dataclass(frozen=True)
class FakeModel:
    name: str = "attune-emotion-compact"
    version: str = "0.1"
    licence: str = "CC BY-NC-SA 4.0"
    labels: tuple[str, ...] = tuple(EMOTIONS)
    temperature: float = 1.3
    corpora: tuple[str, ...] = ("RAVDESS",)
    metrics: dict[str, Any] = field(default_factory=lambda: dict(METRICS))
    provider: str = "cpu"
    threads: int = 2
    plane: bool = False


class FakeCalibration:
    """Does as `realtime.calibration` says: the tests put in what was heard and fitted."""

    def __init__(self) -> None:
        self.voice: PersonalVoice | None = None
        self.problem = ""
        self.takes: dict[str, AnalysedTake] = {}
        self.now: Recording | None = None
        self.trial: ValidatedFit | None = None
        self.refusal: AttuneError | None = None
        self.recorded: list[tuple[str, SourceSpec]] = []
        self.asked: tuple[str, Emotion] | None = None
        self.learnt_from: VoiceClips | None = None

    @property
    def active(self) -> PersonalVoice | None:
        return self.voice if self.voice is not None and self.voice.enabled else None

    def recording(self) -> Recording | None:
        return self.now

    def record(self, key: str, emotion: Emotion, spec: SourceSpec) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.recorded.append((key, spec))
        self.asked = key, emotion
        self.now = Recording(recorded_s=1.0, speech_s=0.6, level=InputLevel(-25.0, -12.0))

    def say(self, *, good: bool = True) -> None:
        """The take that is being recorded ends."""
        assert self.asked is not None
        key, emotion = self.asked
        self.takes[key] = AnalysedTake(emotion, take_check(good=good), None)
        self.now = Recording(RecordingState.DONE)

    def stop_recording(self) -> None:
        self.say(good=False)

    def fit_again(self, corrections: VoiceClips | None) -> ValidatedFit:
        self.learnt_from = corrections
        assert self.trial is not None
        return self.trial

    def fit(self, *, neutral_only: bool, corrections: VoiceClips | None = None) -> ValidatedFit:
        self.learnt_from = corrections
        assert self.trial is not None
        assert neutral_only in {True, False}
        return self.trial

    def keep(self, voice: PersonalVoice) -> None:
        self.voice = voice

    def enable(self, on: bool) -> None:
        assert self.voice is not None
        self.voice = replace(self.voice, enabled=on)

    def delete(self) -> bool:
        self.voice, self.problem = None, ""
        return True


class FakeCorrections:
    """Does as `engine.corrections` says: the tests put in what can be corrected and learnt from."""

    def __init__(self) -> None:
        self.shown: Stretch | None = None
        self.kept: list[tuple[Stretch, Emotion | None]] = []
        self.refusal: AttuneError | None = None
        self.learnable: VoiceClips | None = None

    def stretch(self) -> Stretch | None:
        return self.shown

    def correct(self, stretch: Stretch, meant: Emotion | None) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.kept.append((stretch, meant))

    def undo(self, session_id: int, from_clock: int) -> None:
        self.kept = [
            one for one in self.kept if (one[0].session_id, one[0].from_clock) != (session_id, from_clock)
        ]

    def clips(self) -> VoiceClips | None:
        return self.learnable


def take_check(*, good: bool) -> TakeCheck:
    sentence = "Good: 2.0 s of speech at -25 dBFS." if good else "It was too quiet (-55 dBFS): move closer."
    return TakeCheck(good, sentence, 2.0, -25.0)


def a_trial(*, better: bool) -> ValidatedFit:
    before, after = Score(16, 8, 0.5, 1.5), Score(16, 12, 0.75, 0.9)
    if not better:
        before, after = after, before
    voice = PersonalVoice(
        *("emotion-test 1.0", "ab", np.zeros(4), np.ones(4), np.zeros((4, 8)), np.zeros(8), 1.0, 1.1),
        clips=(2,) * 8,
        strength=1.0,
        made_at="2026-11-21T12:00:00+00:00",
        before=before,
        after=after,
    )
    return ValidatedFit(voice, before, after, rescaled=before)


class FakeHome:
    """Home automation that tells nobody."""

    def __init__(self) -> None:
        self.problem = ""
        self.connected = False
        self.tries = 0

    def open(self) -> None:
        self.tries += 1

    def set_settings(self, _: Settings) -> None:
        self.tries += 1


class FakeEngine:
    """Does as `engine.Engine` says, without sound: the tests put the next snapshot into `shown`."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = self.listening_settings = settings or Settings(journal=False)
        self.model: Any = FakeModel()
        self.calibration = FakeCalibration()
        self.pause = ListeningPause(self)  # type: ignore[arg-type]
        self.corrections = FakeCorrections()
        self.home = FakeHome()
        self.music = self.spotify = self.library = FakeMusic()
        self.use_player = self.music.use
        self.music_snapshot = self.music.snapshot
        self.shown = Snapshot()
        self.spec: SourceSpec | None = None
        self.refusal: Exception | None = None
        self.started: list[SourceSpec] = []
        self.stops = 0
        self.beats = 0
        self.closed = False

    def start(self, spec: SourceSpec) -> None:
        self.started.append(spec)
        if self.refusal is not None:
            if isinstance(self.refusal, AttuneError):
                self.shown = Snapshot(state=ListenerState.FAILED, message=str(self.refusal))
            raise self.refusal
        self.spec = spec
        self.shown = listening(accepted())

    def stop(self, reason: str = "") -> None:
        self.stops += 1
        self.shown = replace(self.shown, state=ListenerState.STOPPED, message=reason)

    def snapshot(self) -> Snapshot:
        return self.pause.shown(self.shown)

    @property
    def threshold(self) -> float:
        return self.settings.threshold

    def set_threshold(self, threshold: float) -> None:
        self.set_settings(self.settings.model_copy(update={"threshold": threshold}))

    def set_settings(self, settings: Settings) -> None:
        self.settings = settings

    def heartbeat(self) -> None:
        self.beats += 1

    def close(self) -> None:
        self.closed = True


class Machine:
    """The devices of a made-up machine."""

    def __init__(self) -> None:
        self.devices: tuple[FakeDevice, ...] = ()
        self.suggestion = SourceSpec(SourceKind.DEMO)
        self.reason = f"{NO_MICROPHONE}{DEMO_PLAYS}"
        self.problem: Exception | None = None
        self.backends: list[str] = []

    def list_devices(self, *, backend: str) -> tuple[FakeDevice, ...]:
        self.backends.append(backend)
        if self.problem is not None:
            raise self.problem
        return self.devices

    def suggest_source(self, _settings: object) -> tuple[SourceSpec, str]:
        return self.suggestion, self.reason

    def plug_in_microphone(self) -> None:
        self.devices = (FakeDevice(SourceKind.MICROPHONE, "Desk microphone"),)
        self.suggestion = SourceSpec(SourceKind.MICROPHONE)
        self.reason = "The default microphone, Desk microphone (ALSA), is ready."


def recording(path: str) -> SourceSpec:
    return SourceSpec(SourceKind.FILE, path=Path(path))

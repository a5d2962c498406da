"""The user's voice through the engine: recorded, fitted, kept, used at the microphone alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.engine.engine import Engine
from core import paths
from core.emotions import Emotion
from core.errors import AudioDecodeError, DeviceNotFoundError, JournalError, VoiceError
from core.settings import Settings
from models.emotion.personal import PersonalVoice, save_voice
from realtime.calibration.take_recorder import RecordingState
from realtime.capture.source import Block, SourceKind, SourceSpec
from realtime.corrections import Stretch
from realtime.snapshot import ListenerState
from tests.models.emotion_graphs import write_emotion_model
from tests.realtime.sources import ArraySource, voice

MICROPHONE = SourceSpec(SourceKind.MICROPHONE)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "voice_file", lambda: tmp_path / "voice.json")


class Bench:
    """An engine at whose microphone the tests speak."""

    def __init__(self, settings: Settings) -> None:
        self.sound: Block = voice(3.0)
        self.live = False
        self.opened = 0
        self.engine = Engine(settings, open_source=self._open)

    def _open(self, _spec: SourceSpec, _settings: Settings) -> ArraySource:
        self.opened += 1
        return ArraySource(self.sound, lossless=not self.live, live=self.live)

    def say(self, key: str, emotion: Emotion, sound: Block) -> None:
        self.sound = sound
        self.engine.calibration.record(key, emotion, MICROPHONE)
        assert self.engine.calibration.wait(20.0)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Bench]:
    settings = Settings(journal_path=tmp_path / "journal.sqlite3", threads=1, stall_s=0.5)
    bench = Bench(settings)
    yield bench
    bench.engine.close()


def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.01)


def fitted(at: Bench, *, bias: int | None = None) -> PersonalVoice:
    """A voice for the model in use; with `bias`, one that hears that emotion everywhere."""
    at.engine.calibration.forget()
    for number in range(3):
        at.say(f"neutral-{number}", Emotion.NEUTRAL, voice(3.0, seed=number))
    made = at.engine.calibration.fit().voice
    if bias is not None:
        made.bias[bias] = 50.0
    return made


def test_a_take_is_recorded_analysed_and_its_sound_forgotten(at: Bench) -> None:
    at.say("happy-1", Emotion.HAPPY, voice(3.5))
    now = at.engine.calibration.recording()
    assert now is not None
    assert now.state is RecordingState.DONE
    heard = at.engine.calibration.takes["happy-1"]
    assert heard.check.good, heard.check.sentence
    assert heard.answers is not None
    assert heard.answers.logits.shape[1] == 8
    assert sum(array.nbytes for array in (heard.answers.logits, heard.answers.embedding)) < 10_000


def test_recording_ends_by_itself_after_a_pause(at: Bench) -> None:
    silence = np.zeros((16_000 * 8, 1), dtype=np.float32)
    at.say("sad-1", Emotion.SAD, np.concatenate([voice(2.5), silence]))
    now = at.engine.calibration.recording()
    assert now is not None
    assert 3.0 < now.recorded_s < 5.0
    assert at.engine.calibration.takes["sad-1"].check.good


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        (voice(0.6), "s of speech were heard"),
        (np.zeros((48_000, 1), dtype=np.float32), "Nothing but zeros"),
        (np.clip(voice(3.0) * 50, -1, 1), "clipped"),
    ],
)
def test_a_bad_take_is_named_and_not_used(at: Bench, sound: Block, words: str) -> None:
    at.say("calm-1", Emotion.CALM, sound)
    heard = at.engine.calibration.takes["calm-1"]
    assert words in heard.check.sentence
    assert heard.answers is None
    with pytest.raises(VoiceError, match="no take of your voice"):
        at.engine.calibration.fit()


def test_a_microphone_that_falls_silent_for_good_is_one_sentence(at: Bench) -> None:
    at.live = True
    at.engine.calibration.record("calm-1", Emotion.CALM, MICROPHONE)
    assert at.engine.calibration.wait(20.0)
    now = at.engine.calibration.recording()
    assert now is not None
    assert now.state is RecordingState.FAILED
    assert "stopped delivering sound" in now.message


def test_a_microphone_that_is_not_there_raises_and_nothing_is_left() -> None:
    def refuse(_spec: SourceSpec, _settings: Settings) -> ArraySource:
        raise DeviceNotFoundError("There is no microphone: connect one.")

    engine = Engine(Settings(journal=False, threads=1), open_source=refuse)
    with pytest.raises(DeviceNotFoundError):
        engine.calibration.record("calm-1", Emotion.CALM, MICROPHONE)
    assert engine.calibration.recording() is None
    engine.close()


def test_recording_stops_listening_and_listening_stops_recording(at: Bench) -> None:
    at.live, at.sound = True, voice(30.0)
    at.engine.start(MICROPHONE)
    at.engine.calibration.record("calm-1", Emotion.CALM, MICROPHONE)
    assert at.engine.snapshot().state is ListenerState.STOPPED
    assert "a sentence of yours is recorded" in at.engine.snapshot().message
    at.engine.start(MICROPHONE)
    now = at.engine.calibration.recording()
    assert now is not None
    assert now.state is not RecordingState.RECORDING
    assert at.engine.snapshot().listening


def test_a_voice_is_used_at_the_microphone_and_nowhere_else(at: Bench) -> None:
    disgust = 6
    at.engine.calibration.keep(fitted(at, bias=disgust))
    at.sound = voice(5.0)
    at.engine.start(MICROPHONE)
    assert at.engine.wait(20.0)
    snapshot = at.engine.snapshot()
    assert snapshot.personal
    assert snapshot.reading is not None
    assert snapshot.reading.probabilities is not None
    assert snapshot.reading.probabilities[disgust] > 0.99
    assert at.engine.journal is not None
    at.engine.journal.flush(5.0)
    assert at.engine.journal.sessions()[-1].model.endswith(", adapted")
    at.engine.start(SourceSpec(SourceKind.FILE))
    assert at.engine.wait(20.0)
    other = at.engine.snapshot()
    assert not other.personal
    assert other.reading is not None
    assert other.reading.probabilities is not None
    assert other.reading.probabilities[disgust] < 0.9


def test_switching_reaches_the_open_microphone_and_the_next_start(at: Bench) -> None:
    at.engine.calibration.keep(fitted(at))
    at.live, at.sound = True, voice(60.0)
    at.engine.start(MICROPHONE)
    assert at.engine.snapshot().personal
    at.engine.calibration.enable(False)
    assert not at.engine.snapshot().personal
    assert at.engine.calibration.voice is not None
    at.engine.calibration.enable(True)
    assert at.engine.snapshot().personal
    assert at.engine.calibration.delete()
    assert not at.engine.snapshot().personal
    assert not paths.voice_file().exists()
    with pytest.raises(VoiceError, match="No voice is kept"):
        at.engine.calibration.enable(True)
    assert not at.engine.calibration.delete()


def test_a_voice_is_there_again_after_a_restart_switched_as_it_was(at: Bench) -> None:
    at.engine.calibration.keep(fitted(at))
    at.engine.calibration.enable(False)
    again = Engine(Settings(journal=False, threads=1))
    assert again.calibration.voice is not None
    assert again.calibration.active is None
    assert again.calibration.voice.clips[0] == 3
    again.close()


@pytest.mark.parametrize("damage", ["model", "cut"])
def test_a_voice_that_does_not_fit_is_said_and_listening_goes_on_without(at: Bench, damage: str) -> None:
    save_voice(fitted(at), paths.voice_file())
    text = paths.voice_file().read_text()
    if damage == "model":
        text = json.dumps({**json.loads(text), "model_sha256": "another"})
    paths.voice_file().write_text(text[: 400 if damage == "cut" else None])
    at.engine.start(MICROPHONE)
    assert at.engine.wait(20.0)
    snapshot = at.engine.snapshot()
    assert snapshot.state is ListenerState.FINISHED
    assert not snapshot.personal
    assert ("recorded for the model" if damage == "model" else "is damaged") in snapshot.voice_error


def test_recordings_are_takes_too(at: Bench, tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    soundfile.write(path, voice(3.0), 16_000)
    assert at.engine.calibration.add("one", Emotion.NEUTRAL, path).good
    assert at.engine.calibration.add("two", Emotion.NEUTRAL, path.read_bytes()).good
    with pytest.raises(AudioDecodeError, match=r"no recording .*gone\.wav"):
        at.engine.calibration.add("three", Emotion.NEUTRAL, tmp_path / "gone.wav")
    assert set(at.engine.calibration.takes) == {"one", "two"}
    at.engine.calibration.forget()
    assert not at.engine.calibration.takes


def test_neutral_only_leaves_the_other_takes_aside(at: Bench) -> None:
    for number in range(3):
        at.say(f"neutral-{number}", Emotion.NEUTRAL, voice(3.0, seed=number))
        at.say(f"angry-{number}", Emotion.ANGRY, voice(3.0, seed=10 + number))
    assert at.engine.calibration.fit(neutral_only=True).voice.clips == (3, 0, 0, 0, 0, 0, 0, 0)
    assert at.engine.calibration.fit().voice.clips == (3, 0, 0, 0, 3, 0, 0, 0)


def test_a_voice_made_for_the_model_before_is_said_and_its_plane_is_heard_without(
    at: Bench, tmp_path: Path
) -> None:
    save_voice(fitted(at), paths.voice_file())
    newer = Bench(
        Settings(journal=False, threads=1, emotion_model=write_emotion_model(tmp_path / "newer.onnx"))
    )
    newer.engine.start(MICROPHONE)
    assert newer.engine.wait(20.0)
    snapshot = newer.engine.snapshot()
    newer.engine.close()
    assert snapshot.state is ListenerState.FINISHED
    assert "tiny 1.0 with other weights is in use: record it again" in snapshot.voice_error
    assert not snapshot.personal
    assert snapshot.decision is not None
    assert snapshot.decision.energy is not None


def test_takes_for_a_model_with_the_plane_adapt_its_emotions(tmp_path: Path) -> None:
    """What is fitted has no part of energy and pleasantness, and the voice is used with that model."""
    model = write_emotion_model(tmp_path / "plane.onnx")
    bench = Bench(Settings(journal=False, threads=1, emotion_model=model))
    made = fitted(bench, bias=6)
    assert made.weights.shape == (2, 8)
    bench.engine.calibration.keep(made)
    bench.sound = voice(4.0)
    bench.engine.start(MICROPHONE)
    assert bench.engine.wait(20.0)
    snapshot = bench.engine.snapshot()
    bench.engine.close()
    assert snapshot.personal
    assert snapshot.reading is not None
    assert snapshot.reading.probabilities is not None
    assert snapshot.reading.probabilities[6] > 0.99
    assert snapshot.reading.energy is not None
    assert snapshot.reading.pleasantness is not None


def test_a_take_keeps_what_a_model_with_the_plane_says_of_each_window(tmp_path: Path) -> None:
    with_plane = write_emotion_model(tmp_path / "plane.onnx")
    without = write_emotion_model(tmp_path / "emotions.onnx", axes=())
    for model, knows in ((with_plane, True), (without, False)):
        one = Bench(Settings(journal=False, threads=1, emotion_model=model))
        one.say("neutral-1", Emotion.NEUTRAL, voice(7.0, seed=1))
        answers = one.engine.calibration.takes["neutral-1"].answers
        one.engine.close()
        assert answers is not None
        assert (answers.energy is not None) == (answers.pleasantness is not None) == knows
        assert answers.energy is None or len(answers.energy) == len(answers.logits) > 1


# Corrections


def test_a_correction_at_the_microphone_is_kept_and_learnt_from(at: Bench) -> None:
    at.engine.calibration.keep(fitted(at))
    kept = at.engine.calibration.voice
    assert kept is not None
    assert kept.takes is not None
    at.sound = voice(6.0)
    at.engine.start(MICROPHONE)
    assert at.engine.wait(20.0)
    stretch = at.engine.corrections.stretch()
    assert stretch is not None
    at.engine.corrections.correct(stretch, None)
    (row,) = at.engine.corrections.all()
    assert (row.from_clock, row.to_clock, row.meant) == (stretch.from_clock, stretch.to_clock, None)
    assert row.windows >= 1
    clips = at.engine.corrections.clips()
    assert clips is not None
    assert clips.embedding.shape == (1, kept.takes.embedding.shape[1])
    again = at.engine.calibration.fit_again(clips).voice
    assert (again.corrections, again.clips) == (1, kept.clips)
    at.engine.corrections.undo(stretch.session_id, stretch.from_clock)
    assert at.engine.corrections.all() == ()
    assert at.engine.corrections.clips() is None
    assert at.engine.calibration.fit_again(None).voice.corrections == 0


def test_of_what_others_say_a_correction_keeps_no_feature(at: Bench) -> None:
    at.sound = voice(6.0)
    at.engine.start(SourceSpec(SourceKind.FILE))
    assert at.engine.wait(20.0)
    stretch = at.engine.corrections.stretch()
    assert stretch is not None
    at.engine.corrections.correct(stretch, Emotion.SAD)
    (row,) = at.engine.corrections.all()
    assert (row.meant, row.windows) == ("sad", 0)
    assert at.engine.corrections.clips() is None


def test_a_stretch_of_a_session_before_is_corrected_without_features(at: Bench) -> None:
    at.sound = voice(6.0)
    at.engine.start(MICROPHONE)
    assert at.engine.wait(20.0)
    stretch = at.engine.corrections.stretch()
    assert stretch is not None
    at.engine.start(MICROPHONE)
    assert at.engine.wait(20.0)
    at.engine.corrections.correct(stretch, Emotion.SAD)
    (row,) = at.engine.corrections.all()
    assert (row.session_id, row.windows) == (stretch.session_id, 0)


def test_without_a_journal_nothing_is_corrected_and_it_is_said() -> None:
    engine = Engine(Settings(journal=False, threads=1))
    assert engine.corrections.stretch() is None
    assert engine.corrections.all() == ()
    assert engine.corrections.clips() is None
    with pytest.raises(JournalError, match="journal = true"):
        engine.corrections.correct(Stretch(1, 0, 1, None), Emotion.SAD)
    engine.close()


def test_without_kept_takes_there_is_nothing_to_fit_again(at: Bench) -> None:
    with pytest.raises(VoiceError, match="record them first"):
        at.engine.calibration.fit_again(None)

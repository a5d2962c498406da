"""The page "Your voice": from the first prompt to a voice that is kept, switched off and deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.pages import voice
from attune.dashboard.views.calibration_view import CalibrationView, Thresholds, calibration_view, next_open
from attune.dashboard.views.formatting import day_text
from core.emotions import EMOTIONS, Emotion
from core.errors import DeviceNotFoundError
from models.emotion.personal import VoiceClips
from models.emotion.recogniser import Answers
from realtime.calibration.calibration import AnalysedTake
from realtime.calibration.prompts import PROMPTS, prompts_for
from realtime.calibration.take_recorder import Recording, RecordingState
from realtime.capture.source import SourceKind, SourceSpec
from tests.attune.dashboard.fakes import FakeEngine, Machine, a_trial, probabilities, take_check
from tests.attune.dashboard.tabs import healthy, labels
from tests.paths import ROOT

APP = str(ROOT / "app.py")
SCRIPT = "from attune.dashboard.pages import voice\nvoice.page()\n"


@pytest.fixture
def tab(machine: Machine, invented_context: None) -> AppTest:  # noqa: ARG001
    """A browser tab at the page, not yet open, on a machine with a microphone."""
    machine.plug_in_microphone()
    return AppTest.from_string(SCRIPT, default_timeout=20)


def drawn(tab: AppTest) -> str:
    (component,) = tab.get("bidi_component")
    proto: Any = component.proto
    return str(proto.json)


def test_a_sentence_is_recorded_judged_and_followed_by_the_next(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    assert PROMPTS[0].text in drawn(tab)
    assert tab.button(key="voice fit").disabled
    healthy(tab.button(key="voice record").click().run())
    assert engine.calibration.recorded == [(PROMPTS[0].key, SourceSpec(SourceKind.MICROPHONE))]
    assert "Stop" in labels(tab)
    assert "Recording" in drawn(tab)
    assert tab.button(key="voice Skip").disabled
    engine.calibration.say()
    healthy(tab.run())
    assert "Good: 2.0 s" in drawn(tab)
    assert PROMPTS[1].text in drawn(tab)


def test_a_bad_take_says_why_and_the_sentence_stays(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.button(key="voice record").click().run())
    engine.calibration.say(good=False)
    healthy(tab.run())
    assert "too quiet" in drawn(tab)
    assert "Sentence 1 of 24" in drawn(tab)


def test_a_chosen_microphone_is_recorded_from(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    healthy(tab.selectbox(key="voice source").set_value("mic|sounddevice|ALSA|Desk microphone").run())
    healthy(tab.button(key="voice record").click().run())
    ((_, spec),) = engine.calibration.recorded
    assert spec.device == "Desk microphone"


def test_back_skip_and_neutral_only(tab: AppTest) -> None:
    healthy(tab.run())
    assert tab.button(key="voice Back").disabled
    healthy(tab.button(key="voice Skip").click().run())
    assert PROMPTS[1].text in drawn(tab)
    healthy(tab.selectbox(key="voice mode").select_index(1).run())
    assert "Sentence 1 of 6" in drawn(tab)
    assert "Angry" not in drawn(tab)


def test_a_microphone_that_is_refused_is_one_sentence(tab: AppTest, engine: FakeEngine) -> None:
    healthy(tab.run())
    engine.calibration.refusal = DeviceNotFoundError("There is no microphone: connect one.")
    healthy(tab.button(key="voice record").click().run())
    assert "There is no microphone" in tab.error[0].value
    assert "Record" in labels(tab)


def fill(engine: FakeEngine) -> None:
    engine.calibration.takes = {
        prompt.key: AnalysedTake(prompt.emotion, take_check(good=True), None) for prompt in PROMPTS
    }


def test_a_fit_that_helps_is_kept_switched_and_deleted(tab: AppTest, engine: FakeEngine) -> None:
    fill(engine)
    engine.calibration.trial = a_trial(better=True)
    healthy(tab.run())
    healthy(tab.button(key="voice fit").click().run())
    assert engine.calibration.voice is not None
    assert "Kept" in tab.success[0].value
    assert any("8 of 16" in str(html.proto.body) for html in tab.get("html"))
    healthy(tab.toggle(key="voice enabled").set_value(False).run())
    assert not engine.calibration.voice.enabled
    healthy(tab.button(key="voice delete").click().run())
    assert engine.calibration.voice is None
    assert len(tab.toggle) == 0


def test_a_fit_that_does_not_help_is_not_kept_unless_asked(tab: AppTest, engine: FakeEngine) -> None:
    fill(engine)
    engine.calibration.trial = a_trial(better=False)
    healthy(tab.run())
    healthy(tab.button(key="voice fit").click().run())
    assert engine.calibration.voice is None
    assert "was not kept" in tab.warning[0].value
    healthy(tab.button(key="voice keep").click().run())
    assert engine.calibration.voice is not None


def test_a_voice_that_cannot_be_used_is_told_and_can_be_deleted(tab: AppTest, engine: FakeEngine) -> None:
    engine.calibration.problem = "Your voice was recorded for another model: record it again."
    healthy(tab.run())
    assert "for another model" in tab.warning[0].value
    healthy(tab.button(key="voice delete").click().run())
    assert len(tab.warning) == 0


def test_without_a_microphone_the_browsers_is_offered(tab: AppTest, machine: Machine) -> None:
    machine.devices, machine.suggestion = (), SourceSpec(SourceKind.DEMO)
    healthy(tab.run())
    assert any("If your browser has one" in caption.value for caption in tab.caption)
    assert "Record" not in labels(tab)
    machine.plug_in_microphone()
    healthy(tab.button(key="voice refresh").click().run())
    assert "Record" in labels(tab)


def test_the_live_page_says_when_the_model_is_adapted(
    tab: AppTest,  # noqa: ARG001 - it opens the context
    engine: FakeEngine,
) -> None:
    engine.calibration.voice = a_trial(better=True).voice
    first = healthy(AppTest.from_file(APP, default_timeout=20).run())
    sentence = "At the microphone it is adapted to your voice (16 takes)."
    assert any(sentence in str(html.proto.body) for html in first.get("html"))
    engine.calibration.enable(False)
    healthy(first.run())
    assert not any(sentence in str(html.proto.body) for html in first.get("html"))


def test_the_calibration_escapes_and_tells_a_failed_recording() -> None:
    failed = Recording(RecordingState.FAILED, message="The source <b> is gone.")
    markup = calibration_view(CalibrationView(PROMPTS, 0, {}, failed))
    assert "The source &lt;b&gt; is gone." in markup


def answers(*, energy: float | None, pleasantness: float | None) -> Answers:
    """Of two windows: angry leads with 80\xa0% in both."""
    logits = np.log(np.tile(np.array(probabilities(Emotion.ANGRY, 0.8), dtype=np.float32), (2, 1)))
    energies, pleasures = (
        None if value is None else np.full(2, value, dtype=np.float32) for value in (energy, pleasantness)
    )
    return Answers(np.exp(logits), logits, logits, energies, pleasures)


def after_a_take(said: Answers | None, **changes: Any) -> str:
    prompt = PROMPTS[12]
    heard = {prompt.key: AnalysedTake(prompt.emotion, take_check(good=True), said)}
    return calibration_view(
        CalibrationView(PROMPTS, 13, heard, Recording(RecordingState.DONE), prompt.key, **changes)
    )


def test_the_three_statements_on_a_take_are_shown() -> None:
    shown = after_a_take(answers(energy=0.95, pleasantness=0.3))
    assert "Angry, 80\xa0%" in shown
    assert "Lively, 95\xa0%" in shown
    assert "Unsure, unpleasant leads with 70\xa0%" in shown


def test_a_statement_on_a_take_is_accepted_from_its_threshold_on() -> None:
    shown = after_a_take(
        answers(energy=0.95, pleasantness=0.3), thresholds=Thresholds(0.9, energy=0.97, pleasantness=0.6)
    )
    assert "Unsure, angry leads with 80\xa0%" in shown
    assert "Unsure, lively leads with 95\xa0%" in shown
    assert "Unpleasant, 70\xa0%" in shown


def test_a_model_without_the_plane_says_the_emotion_of_a_take_alone() -> None:
    shown = after_a_take(answers(energy=None, pleasantness=None))
    assert "Angry, 80\xa0%" in shown
    assert "Energy" not in shown


def test_a_take_that_the_model_was_not_asked_about_has_no_statements() -> None:
    assert "heard in the last take" not in after_a_take(None)
    assert "heard in the last take" not in calibration_view(CalibrationView(PROMPTS, 0, {}))


def test_the_next_prompt_is_the_next_without_a_good_take() -> None:
    heard = {PROMPTS[1].key: AnalysedTake(PROMPTS[1].emotion, take_check(good=True), None)}
    assert next_open(PROMPTS, heard, 0) == 2
    assert next_open(PROMPTS, heard, len(PROMPTS) - 1) == 0
    everything = {p.key: AnalysedTake(p.emotion, take_check(good=True), None) for p in PROMPTS}
    assert next_open(PROMPTS, everything, 3) == len(PROMPTS) - 1


def test_prompts_are_three_for_each_emotion_and_six_neutral_ones() -> None:
    assert [prompt.emotion for prompt in PROMPTS] == [emotion for emotion in EMOTIONS for _ in range(3)]
    neutral = prompts_for(neutral_only=True)
    assert {prompt.emotion for prompt in neutral} == {EMOTIONS[0]}
    assert len({prompt.key for prompt in (*PROMPTS, *neutral)}) == len(PROMPTS) + 3


def clips(count: int) -> VoiceClips:
    return VoiceClips(np.zeros((count, 8)), np.zeros((count, 4)), np.zeros(count, dtype=np.int64))


def test_corrections_that_were_made_since_are_learnt_by_a_button(tab: AppTest, engine: FakeEngine) -> None:
    trial = a_trial(better=True)
    engine.calibration.voice = replace(trial.voice, takes=clips(3))
    engine.calibration.trial = replace(trial, voice=replace(trial.voice, takes=clips(3), corrections=2))
    healthy(tab.run())
    assert not [button for button in tab.button if button.key == "voice again"]
    engine.corrections.learnable = clips(2)
    healthy(tab.run())
    assert tab.button(key="voice again").label == "Fit again with your 2 corrections"
    healthy(tab.button(key="voice again").click().run())
    assert engine.calibration.learnt_from is engine.corrections.learnable
    made = datetime.fromisoformat("2026-11-21T12:00:00+00:00").astimezone()  # in local time
    words = f"16 takes of yours and 2 corrections, {day_text(made.date())}, {made:%H:%M}."
    assert any(words in one.value.replace("\\", "") for one in tab.markdown)
    assert not [button for button in tab.button if button.key == "voice again"]
    engine.corrections.learnable = None  # they were taken back
    healthy(tab.run())
    assert tab.button(key="voice again").label == "Fit again without corrections"


def test_corrections_count_beside_new_sentences(tab: AppTest, engine: FakeEngine) -> None:
    engine.corrections.learnable = clips(1)
    engine.calibration.trial = a_trial(better=True)
    for emotion in EMOTIONS[:2]:
        for number in range(2):
            key = f"{emotion}-{number}"
            engine.calibration.takes[key] = AnalysedTake(emotion, take_check(good=True), None)
    healthy(tab.run())
    healthy(tab.button(key="voice fit").click().run())
    assert engine.calibration.learnt_from is engine.corrections.learnable


def test_a_take_that_could_not_be_recorded_again_is_not_taken_for_the_one_before(
    tab: AppTest, engine: FakeEngine
) -> None:
    engine.calibration.takes[PROMPTS[0].key] = AnalysedTake(PROMPTS[0].emotion, take_check(good=True), None)
    healthy(tab.run())
    healthy(tab.button(key="voice record").click().run())
    engine.calibration.now = Recording(RecordingState.FAILED, message="The device is gone.")
    healthy(tab.run())
    assert "The device is gone." in drawn(tab)
    assert "Sentence 1 of 24" in drawn(tab)


def test_a_microphone_that_is_gone_meanwhile_is_one_sentence(
    tab: AppTest, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy(tab.run())
    chosen = "mic|sounddevice|ALSA|Desk microphone"
    healthy(tab.selectbox(key="voice source").set_value(chosen).run())
    monkeypatch.setattr(voice, "_microphones", lambda _: {})
    monkeypatch.setattr(voice, "_steps", lambda *_: None)
    tab.button(key="voice record").click().run()
    assert "This microphone is not there any more" in tab.error[0].value
    assert engine.calibration.recorded == []


def test_a_switch_in_another_tab_is_noticed(engine: FakeEngine) -> None:
    states = []
    calibration: Any = engine.calibration
    for kept in (None, a_trial(better=True).voice, replace(a_trial(better=True).voice, enabled=False)):
        calibration.voice = kept
        states.append(voice._shown_state(calibration))
    assert len(set(states)) == 3

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from fakes import (
    HOP_S,
    MICROPHONE,
    RATE_HZ,
    accepted,
    listening,
    no_speech,
    on_plane,
    probabilities,
    story,
    unsure,
)

from dashboard import charts
from dashboard.charts import GateLine, Run
from models.emotion.labels import EMOTIONS, Emotion
from realtime.capture.source import SourceKind
from realtime.snapshot import (
    Counters,
    DecisionKind,
    Level,
    ListenerState,
    MoodReading,
    RollingTheme,
    Snapshot,
    Tenor,
)

GATE = GateLine(0.70, 0.55)
VOID_FREE = {"br", "img", "hr", "input", "meta", "link"}


class Page(HTMLParser):
    """Reads a board back: its text, its elements, and whether it is well formed."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in VOID_FREE
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def having(self, name: str, part: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if part in (attributes.get(name) or "").split()]

    def one(self, name: str, part: str) -> dict[str, str | None]:
        (found,) = self.having(name, part)
        return found


def drawn(snapshot: Snapshot, gate: GateLine = GATE) -> Page:
    return Page(charts.board(snapshot, gate, HOP_S))


def with_plane(snapshot: Snapshot) -> Page:
    return Page(charts.board(snapshot, GATE, HOP_S, with_plane=True))


def number(attributes: dict[str, str | None], pattern: str) -> float:
    match = re.search(pattern, attributes["style"] or "")
    assert match is not None
    return float(match[1])


def test_an_accepted_emotion_is_named_with_its_confidence_and_reason() -> None:
    decision = accepted(Emotion.HAPPY, 0.844)
    page = drawn(listening(decision))
    assert "Happy" in page.text
    assert "Accepted with 84 % confidence" in page.text
    assert decision.reason in page.text
    assert page.having("class", "accepted")
    assert "happy" in (page.one("class", "arc")["style"] or "")


def test_unsure_claims_no_emotion_and_greys_the_leading_one() -> None:
    page = drawn(listening(unsure(Emotion.SAD, 0.48)))
    assert "Unsure" in page.text
    assert "Sad leads with 48 %" in page.text
    assert "Accepted with" not in page.text
    assert "hero unsure" in (page.one("aria-label", "The")["class"] or "")
    assert not [bar for bar in page.having("class", "bar") if "accepted" in (bar["class"] or "").split()]


def test_no_speech_shows_neither_emotion_nor_percentages() -> None:
    page = drawn(listening(no_speech()))
    assert "No speech" in page.text
    assert "Too little speech in the last 3 seconds" in page.text
    bars = [bar["aria-label"] for bar in page.having("class", "bar")]
    assert bars == [f"{emotion.capitalize()} \N{EN DASH}" for emotion in EMOTIONS]


def test_music_without_a_voice_is_said_as_such() -> None:
    snapshot = listening(no_speech())
    assert snapshot.reading is not None
    page = drawn(replace(snapshot, reading=replace(snapshot.reading, only_music=True)))
    assert "Only music" in page.text
    assert "Too little speech" not in page.text


def test_before_the_first_window_it_says_what_it_waits_for() -> None:
    page = drawn(listening(None, clock=22_400, timing={}))
    assert "for the first 3 seconds of sound, 1.4 s so far" in page.text
    assert "No decision has been taken yet." in page.text
    assert "no window yet" in page.text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ListenerState.STOPPED, "Choose a source and press Start."),
        (ListenerState.STARTING, "Opening the source."),
        (ListenerState.FINISHED, "The recording is over."),
        (ListenerState.FAILED, "The sentence above says why"),
        (ListenerState.DEVICE_LOST, "Trying to open it again by its name."),
    ],
)
def test_whatever_is_not_listening_claims_no_emotion(state: ListenerState, words: str) -> None:
    snapshot = listening(accepted(Emotion.ANGRY, 0.93), state=state)
    page = drawn(snapshot)
    assert words in page.text
    assert "93 %" not in page.text
    assert "No sound comes in, so nothing is decided." in page.text
    assert "Angry" not in charts.title(snapshot)


def test_a_lost_device_is_named_with_what_is_done_about_it() -> None:
    message = 'The microphone "Desk microphone" is gone; trying again every second.'
    snapshot = listening(accepted(), state=ListenerState.DEVICE_LOST, source=MICROPHONE, message=message)
    page = drawn(snapshot)
    assert message in page.text
    assert "Desk microphone · ALSA · 44.1 kHz stereo" in page.text
    assert page.having("class", "lost")
    assert charts.title(snapshot) == "● Device lost · Attune"
    assert number(page.one("class", "peak"), r"left:([\d.]+)%") == 0.0


def test_digital_silence_is_told_in_words() -> None:
    level = Level(-120.0, -120.0, clipping=False, digital_silence=True)
    page = drawn(listening(unsure(), source=MICROPHONE, level=level))
    assert "nothing but zeros: the microphone is muted" in page.text
    assert "below \N{MINUS SIGN}60 dBFS" in page.text


@pytest.mark.parametrize("kind", [kind for kind in SourceKind if kind is not SourceKind.MICROPHONE])
def test_zeros_of_another_source_are_no_fault(kind: SourceKind) -> None:
    source = replace(MICROPHONE, kind=kind)
    page = drawn(listening(no_speech(), source=source, level=Level(digital_silence=True)))
    assert "microphone is muted" not in page.text
    assert ("Nothing is being played" in page.text) == (kind is SourceKind.SYSTEM)
    assert not page.having("class", "warn")


@pytest.mark.parametrize("state", [ListenerState.LISTENING, ListenerState.STOPPED, ListenerState.FINISHED])
def test_what_was_wrong_with_a_recording_is_told_whatever_became_of_it(state: ListenerState) -> None:
    notice = "talk.wav ends in the middle: the last second could not be read."
    page = drawn(listening(accepted(), state=state, notice=notice))
    assert page.text.count(notice) == 1
    assert len(page.having("class", "warn")) == 1


@pytest.mark.parametrize("state", [ListenerState.STOPPED, ListenerState.STARTING, ListenerState.LISTENING])
def test_a_message_is_told_once(state: ListenerState) -> None:
    message = "Listening stopped, because no page was open for 150 s."
    snapshot = listening(None, state=state, message=message)
    page = drawn(snapshot)
    assert page.text.count(message) == 1
    assert ("Not listening" in page.text) == (state is ListenerState.STOPPED)


def test_clipping_is_told_in_the_scales_place() -> None:
    quiet, loud = (
        drawn(listening(unsure(), level=Level(-3.0, 0.0, clipping=clipping))) for clipping in (False, True)
    )
    assert "hidden" in quiet.one("class", "clipping")
    assert "hidden" not in loud.one("class", "clipping")
    assert "hidden" in loud.one("class", "scale")
    assert loud.one("role", "meter")["aria-valuetext"] == "\N{MINUS SIGN}3 dBFS, clipping"


def test_a_hostile_device_name_stays_text() -> None:
    name = "<img src=x onerror=alert(1)>\"'&"
    message = "<script>alert(2)</script>"
    snapshot = listening(
        unsure(),
        source=replace(MICROPHONE, name=name),
        message=message,
        notice="<u>cut</u>",
        journal_error="<b>full</b>",
    )
    page = drawn(snapshot)
    assert name in page.text
    assert message in page.text
    assert "<u>cut</u>" in page.text
    assert "<b>full</b>" in page.text
    assert not [tag for tag, _ in page.elements if tag in {"img", "script", "b", "u"}]
    assert not [attributes for _, attributes in page.elements if "onerror" in attributes]


def test_bars_keep_order_and_colour_whatever_leads() -> None:
    for emotion in EMOTIONS:
        page = drawn(listening(accepted(emotion, 0.79)))
        bars = [a for _, a in page.elements if (a.get("data-testid") or "").startswith("bar-")]
        assert [bar["data-testid"] for bar in bars] == [f"bar-{other}" for other in EMOTIONS]
        for bar, other, share in zip(bars, EMOTIONS, probabilities(emotion, 0.79), strict=True):
            assert f"var(--at-{other})" in (bar["style"] or "")
            assert number(bar, r"scaleX\(([\d.]+)\)") == pytest.approx(share, abs=1e-4)


def test_the_gates_lines_stand_at_their_probabilities() -> None:
    page = drawn(listening(accepted()), GateLine(0.83, 0.68))
    assert number(page.one("data-testid", "enter"), r"left:([\d.]+)%") == 83.0
    assert number(page.one("data-testid", "leave"), r"left:([\d.]+)%") == 68.0
    assert "accepted from 83 %" in page.text
    assert "kept down to 68 %" in page.text


def test_structure_is_the_same_for_every_decision_so_that_bars_can_glide() -> None:
    accepted_, unsure_, quiet, waiting, stopped = (
        [tag for tag, _ in drawn(snapshot).elements if tag not in {"g", "line"}]
        for snapshot in (
            listening(accepted(), history=()),
            listening(unsure(), history=()),
            listening(no_speech(), history=()),
            listening(None),
            Snapshot(),
        )
    )
    assert accepted_ == unsure_ == quiet == waiting == stopped


def test_with_the_plane_the_bars_are_details_that_are_closed_until_somebody_opens_them() -> None:
    page = with_plane(listening(on_plane(unsure(), 0.7, 0.4)))
    details = page.one("data-testid", "details")
    assert "open" not in details
    assert page.elements.index(("details", details)) < page.elements.index(
        ("section", page.one("class", "bars"))
    )
    assert page.one("data-testid", "plane")["role"] == "img"


def test_a_model_without_the_plane_shows_the_bars_at_once() -> None:
    page = drawn(listening(unsure()))
    assert not page.having("data-testid", "details")
    assert not page.having("data-testid", "plane")
    assert page.having("class", "bars")


def test_the_plane_does_not_change_the_structure_for_any_decision() -> None:
    shapes = [
        [tag for tag, _ in with_plane(snapshot).elements if tag not in {"g", "line"}]
        for snapshot in (
            listening(on_plane(accepted(), 0.9, 0.8), history=()),
            listening(no_speech(), history=()),
            listening(None),
            Snapshot(),
            listening(accepted(), history=()),  # a decision of a model before, that knew no plane
        )
    ]
    assert all(shape == shapes[0] for shape in shapes)


def test_an_accepted_direction_is_the_headline_where_no_emotion_is_sure() -> None:
    snapshot = listening(on_plane(unsure(Emotion.ANGRY, 0.5), 0.95, 0.05))
    page = with_plane(snapshot)
    assert "Lively and unpleasant" in page.text
    assert "No emotion is sure: angry leads with 50 %" in page.text
    assert page.having("class", "leaning")
    assert charts.title(snapshot) == "● Lively and unpleasant · Attune"


def test_music_of_the_past_leaves_no_mark_on_the_plane() -> None:
    mood = MoodReading(RATE_HZ, (), (RollingTheme(10.0, (("film", 0.3),), (0.125,) * 8, -0.5, 0.5),))
    assert "hidden" not in with_plane(listening(unsure(), mood=mood)).one("data-testid", "plane-music")
    for snapshot in (listening(unsure()), listening(None, state=ListenerState.FINISHED, mood=mood)):
        assert "hidden" in with_plane(snapshot).one("data-testid", "plane-music")


def test_runs_join_what_says_the_same() -> None:
    history = (
        accepted(second=3.0),
        accepted(second=3.5),
        unsure(Emotion.SAD, second=4.0),
        unsure(Emotion.CALM, second=4.5),
        no_speech(second=5.0),
    )
    assert charts.runs_of(history, HOP_S) == (
        Run(DecisionKind.ACCEPTED, Emotion.HAPPY, 2.5, 3.5),
        Run(DecisionKind.UNSURE, Emotion.SAD, 3.5, 4.0),
        Run(DecisionKind.UNSURE, Emotion.CALM, 4.0, 4.5),
        Run(DecisionKind.NO_SPEECH, None, 4.5, 5.0),
    )


def test_a_dropped_window_leaves_no_hole_but_a_gap_does() -> None:
    one_dropped = (accepted(second=3.0), accepted(second=4.0))
    assert charts.runs_of(one_dropped, HOP_S) == (Run(DecisionKind.ACCEPTED, Emotion.HAPPY, 2.5, 4.0),)
    gap = (accepted(second=3.0), accepted(second=9.0))
    assert [(run.start_s, run.end_s) for run in charts.runs_of(gap, HOP_S)] == [(2.5, 3.0), (8.5, 9.0)]


def test_the_timeline_tells_kinds_apart_by_look_and_lane() -> None:
    history = (accepted(second=10.0), unsure(second=10.5), no_speech(second=11.0))
    page = drawn(listening(history[-1], history=history))
    runs = page.having("class", "run")
    assert [(run["class"], number(run, r"--lane:(\d+)")) for run in runs] == [
        ("run accepted", EMOTIONS.index(Emotion.HAPPY)),
        ("run unsure", EMOTIONS.index(Emotion.SAD)),
        ("run quiet", len(EMOTIONS)),
    ]
    assert [run["title"] for run in runs] == [
        "Happy, 0.5 s",
        "Unsure, leaning to sad, 0.5 s",
        "No speech, 0.5 s",
    ]


def test_only_the_strip_moves_between_two_ticks() -> None:
    history = story(60.0)
    before, after = (
        drawn(listening(history[-1], history=history, clock=round(second * RATE_HZ)))
        for second in (60.0, 60.25)
    )
    assert before.having("class", "run") == after.having("class", "run")
    moved = [number(page.one("class", "strip"), r"translateX\((-?[\d.]+)%\)") for page in (before, after)]
    assert moved[0] - moved[1] == pytest.approx(100 * 0.25 / 120, abs=0.002)


def test_only_two_minutes_are_drawn_and_put_into_words() -> None:
    history = (accepted(second=5.0), *(no_speech(second=150 + 0.5 * index) for index in range(8)))
    page = drawn(listening(history[-1], history=history))
    (label,) = [
        a["aria-label"] for _, a in page.elements if (a.get("aria-label") or "").startswith("Last two")
    ]
    assert label == "Last two minutes: no speech 4 s."


def test_counters_and_latency_are_shown() -> None:
    counters = Counters(windows=240, dropped_windows=3, overflows=2, lost_frames=512, reconnects=1)
    text = " ".join(drawn(listening(accepted(), counters=counters)).text.split())
    for words in (
        "Latency, median 18 ms p95 31 ms, worst 44 ms model 13 ms, resampler adds 33 ms",
        "Windows dropped 3 of 240 due",
        "Overflows 2 512 frames lost",
        "Reconnects 1",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("snapshot", "title"),
    [
        (Snapshot(), "Attune"),
        (listening(None), "● Listening · Attune"),
        (listening(accepted(Emotion.FEARFUL, 0.718)), "● Fearful 72 % · Attune"),
        (listening(unsure()), "● Unsure · Attune"),
        (listening(no_speech()), "● No speech · Attune"),
    ],
)
def test_the_tab_says_what_is_going_on(snapshot: Snapshot, title: str) -> None:
    assert charts.title(snapshot) == title


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (61.9, "1:01"), (3599.0, "59:59"), (3661.0, "1:01:01")]
)
def test_the_clock_is_written_for_people(seconds: float, text: str) -> None:
    assert charts.clock_text(seconds) == text


@pytest.mark.parametrize(
    ("dbfs", "share"), [(-120.0, 0.0), (-60.0, 0.0), (-30.0, 0.5), (0.0, 1.0), (3.0, 1.0)]
)
def test_the_meter_stays_on_its_scale(dbfs: float, share: float) -> None:
    assert charts.meter_share(dbfs) == pytest.approx(share)


@pytest.mark.parametrize(
    ("emotion", "voice_s", "said"),
    [
        (Emotion.SAD, 12.0, "Sad, as the last half minute adds up (91 %)."),
        (None, 12.0, "Of no one emotion for sure; sad leads with 91 % over the last half minute."),
        (None, 1.0, "Nobody has spoken for long enough to say."),
    ],
)
def test_what_the_talk_adds_up_to_is_said(emotion: Emotion | None, voice_s: float, said: str) -> None:
    shares = tuple(0.91 if other is Emotion.SAD else 0.09 / 7 for other in EMOTIONS)
    tenor = Tenor(RATE_HZ * 60, emotion, shares, voice_s)
    page = Page(charts.board(replace(listening(accepted(Emotion.SAD)), tenor=tenor), GATE, HOP_S))
    assert said in page.text
    assert "Nobody has spoken" in Page(charts.board(listening(no_speech()), GATE, HOP_S)).text

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest

from attune.dashboard.translations import languages, use_language
from attune.dashboard.views.emotion_timeline import Run, _runs_of
from attune.dashboard.views.formatting import clock_text
from attune.dashboard.views.level_meter import meter_share
from attune.dashboard.views.live_board import board_values, live_below, live_hero, title, wall
from attune.dashboard.views.live_details import GateLines
from core.emotions import EMOTIONS, Emotion
from playback.snapshot import MusicSnapshot
from realtime.capture.source import SourceKind
from realtime.notices import NoticeKind
from realtime.response import feeling_to_follow
from realtime.snapshot import (
    Counters,
    DecisionKind,
    InputLevel,
    ListenerState,
    MoodReading,
    RollingTheme,
    Snapshot,
    SustainedEmotion,
)
from tests.attune.dashboard.boards import Attributes, Page
from tests.attune.dashboard.fakes import (
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

GATE = GateLines(0.70, 0.55)
SONG = MoodReading(
    RATE_HZ,
    (),
    (RollingTheme(10.0, (("film", 0.3),), (0.125,) * 8, -0.5, 0.5), RollingTheme(60.0, (), ())),
)


def values_of(
    snapshot: Snapshot, gate: GateLines = GATE, music: MusicSnapshot | None = None
) -> dict[str, Any]:
    return board_values(snapshot, gate, music, hop_s=HOP_S)


def drawn(snapshot: Snapshot, gate: GateLines = GATE) -> Page:
    return Page(live_hero() + live_below(), values_of(snapshot, gate))


def sustained(emotion: Emotion | None, leading: Emotion, voice_s: float = 12.0) -> SustainedEmotion:
    return SustainedEmotion(RATE_HZ, emotion, probabilities(leading, 0.91), voice_s)


def number(attributes: Attributes, pattern: str) -> float:
    match = re.search(pattern, attributes["style"] or "")
    assert match is not None
    return float(match[1])


def test_an_accepted_emotion_is_named_with_its_confidence_and_reason() -> None:
    decision = accepted(Emotion.HAPPY, 0.844)
    page = drawn(listening(decision))
    assert page.having("data-testid", "headline")
    values = values_of(listening(decision))
    assert (values["headline"], values["detail"], values["reason"]) == (
        "Happy",
        "84\xa0% sure",
        decision.reason,
    )
    assert "accepted" in (page.one("data-testid", "hero")["class"] or "").split()
    assert "--hue:var(--at-happy)" in (page.one("data-testid", "hero")["style"] or "")


def test_unsure_claims_no_emotion_and_names_the_closest() -> None:
    page = drawn(listening(unsure(Emotion.SAD, 0.48)))
    values = values_of(listening(unsure(Emotion.SAD, 0.48)))
    assert values["headline"] == "Unsure"
    assert values["detail"] == "No single emotion is clear; the closest is sad (48\xa0%)"
    assert "hero unsure" in (page.one("data-testid", "hero")["class"] or "")
    assert values["hue"] == "var(--at-soft)"
    assert not values["accepted"]


def test_no_speech_shows_neither_emotion_nor_percentages() -> None:
    values = values_of(listening(no_speech()))
    assert (values["headline"], values["detail"]) == ("No voice", "Nobody has spoken in the last 3 seconds")
    assert values["bars"] is values["newest"] is values["leads"] is None


def test_music_without_a_voice_is_said_as_such() -> None:
    snapshot = listening(no_speech())
    assert snapshot.reading is not None
    values = values_of(replace(snapshot, reading=replace(snapshot.reading, only_music=True)))
    assert values["headline"] == "Only music"
    assert "Nobody has spoken" not in values["detail"]


def test_before_the_first_window_it_says_what_it_waits_for() -> None:
    page = drawn(listening(None, clock=22_400, timing={}))
    assert "The first answer comes after 3 seconds of sound: 1 so far" in page.text
    assert "No decision has been taken yet." in page.text
    assert "no window yet" in page.text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ListenerState.STOPPED, "Choose what to listen to and press Start."),
        (ListenerState.STARTING, "The source is being opened."),
        (ListenerState.FINISHED, "The recording is over."),
        (ListenerState.FAILED, "The sentence above says why"),
        (ListenerState.DEVICE_LOST, "Trying to open it again by its name."),
    ],
)
def test_whatever_is_not_listening_claims_no_emotion(state: ListenerState, words: str) -> None:
    snapshot = listening(accepted(Emotion.ANGRY, 0.93), state=state)
    page = drawn(snapshot)
    assert words in page.text
    assert "93\xa0%" not in page.text
    assert "No sound comes in, so nothing is decided." in page.text
    assert "Angry" not in title(snapshot)


def test_a_lost_device_is_named_with_what_is_done_about_it() -> None:
    message = "Desk microphone has stopped delivering sound. It will be opened again as soon as it is back."
    snapshot = listening(accepted(), state=ListenerState.DEVICE_LOST, source=MICROPHONE, message=message)
    page = drawn(snapshot)
    assert message in page.text
    assert "Desk microphone · ALSA · 44.1 kHz stereo" in page.text
    assert "lost" in (page.one("aria-label", "Listener")["class"] or "").split()
    assert title(snapshot) == "● Device lost · Attune"
    assert values_of(snapshot)["level"] == "0.00"


def test_digital_silence_is_told_in_words() -> None:
    level = InputLevel(-120.0, -120.0, clipping=False, digital_silence=True)
    page = drawn(listening(unsure(), source=MICROPHONE, level=level))
    assert "nothing but zeros: the microphone is muted" in page.text
    assert "below \N{MINUS SIGN}60 dBFS" in page.text


@pytest.mark.parametrize("kind", [kind for kind in SourceKind if kind is not SourceKind.MICROPHONE])
def test_zeros_of_another_source_are_no_fault(kind: SourceKind) -> None:
    source = replace(MICROPHONE, kind=kind)
    page = drawn(listening(no_speech(), source=source, level=InputLevel(digital_silence=True)))
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
    assert (values_of(snapshot)["headline"] == "Not listening") == (state is ListenerState.STOPPED)


def test_the_level_is_told_in_words_that_keep_their_place() -> None:
    words = {
        dbfs: values_of(listening(unsure(), level=InputLevel(dbfs, dbfs)))["level_words"]
        for dbfs in (-120.0, -55.0, -23.0, -5.0)
    }
    assert words == {-120.0: "no sound", -55.0: "low", -23.0: "good", -5.0: "loud"}
    page = drawn(listening(unsure(), level=InputLevel(-3.0, 0.0, clipping=True)))
    assert page.one("role", "meter")["aria-valuetext"] == "too loud: turn the input down"
    assert "clipping" in (page.one("role", "meter")["class"] or "")
    assert values_of(Snapshot())["level_words"] == ""


def test_what_was_found_out_about_the_sound_is_told_while_it_holds() -> None:
    quiet = {NoticeKind.QUIET_VOICE: "The voice is very quiet: move closer."}
    lost = Counters(lost_clock=100 * RATE_HZ)
    for second, told in ((105, True), (111, False)):
        snapshot = listening(unsure(), clock=second * RATE_HZ, counters=lost, sound_notices=quiet)
        page = drawn(snapshot)
        assert quiet[NoticeKind.QUIET_VOICE] in page.text
        assert ("Sound was lost" in page.text) == told
        assert len(page.having("class", "warn")) == 1 + told


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
    page = drawn(Snapshot())
    bars = [a for _, a in page.elements if (a.get("data-testid") or "").startswith("bar-")]
    assert [bar["data-testid"] for bar in bars] == [f"bar-{emotion}" for emotion in EMOTIONS]
    assert all(
        f"var(--at-{emotion})" in (bar["style"] or "") for bar, emotion in zip(bars, EMOTIONS, strict=True)
    )
    for index, emotion in enumerate(EMOTIONS):
        values = values_of(listening(accepted(emotion, 0.79)))
        shares = [round(100 * share) for share in probabilities(emotion, 0.79)]
        assert (values["bars"], values["newest"], values["leads"]) == (shares, shares, index)
        assert values["accepted"]


def test_the_gates_lines_stand_at_their_probabilities() -> None:
    page = drawn(listening(accepted()), GateLines(0.83, 0.68))
    rows = page.one("class", "rows")
    assert number(rows, r"--enter:([\d.]+)%") == 83.0
    assert number(rows, r"--leave:([\d.]+)%") == 68.0
    text = " ".join(page.text.split())
    assert "accepted from 83 %" in text
    assert "kept down to 68 %" in text


def test_every_drawing_brings_all_values_so_that_nothing_of_another_stays() -> None:
    moving = {"voice_x", "voice_y", "music_x", "music_y", "halo_x", "halo_y"}  # of marks that may be hidden
    names = [
        values_of(snapshot).keys() - moving
        for snapshot in (
            listening(on_plane(accepted(), 0.9, 0.8)),
            listening(unsure(), history=()),
            listening(no_speech()),
            listening(None),
            listening(accepted(), state=ListenerState.DEVICE_LOST),
            Snapshot(),
        )
    ]
    assert all(one == names[0] for one in names)


@pytest.mark.parametrize("markup", [live_hero() + live_below(), wall()])
def test_no_place_of_the_markup_waits_for_a_value_that_does_not_come(markup: Any) -> None:
    values = values_of(listening(on_plane(accepted(), 0.9, 0.8), mood=SONG)) | {"planeless": False}
    bound = {
        pair.split()[1]
        for _, attributes in Page(markup).elements
        for pair in filter(None, (attributes.get("data-bind") or "").split(","))
    }
    assert bound <= values.keys()


def test_numbers_are_details_that_are_closed_until_somebody_opens_them() -> None:
    page = drawn(listening(on_plane(unsure(), 0.7, 0.4)))
    details = page.one("data-testid", "details")
    assert "open" not in details
    folded = page.elements.index(("details", details))
    for part in ("rows", "statements", "shares", "themes", "figures"):
        (place,) = [n for n, (_, a) in enumerate(page.elements) if part in (a.get("class") or "").split()]
        assert place > folded
    assert page.one("data-testid", "plane")["role"] == "img"


def test_an_accepted_direction_is_the_headline_where_no_emotion_is_sure() -> None:
    snapshot = listening(on_plane(unsure(Emotion.ANGRY, 0.5), 0.95, 0.05))
    values = values_of(snapshot)
    assert values["headline"] == "Lively and unpleasant"
    assert values["detail"] == "No single emotion is clear; the closest is angry (50\xa0%)"
    clear = "No single emotion is clear enough, but the voice is clearly lively and unpleasant."
    assert values["reason"] == clear
    assert drawn(snapshot).having("class", "leaning")
    assert title(snapshot) == "● Lively and unpleasant (demo) · Attune"


def test_music_of_the_past_leaves_no_mark_on_the_plane() -> None:
    assert not values_of(listening(unsure(), mood=SONG))["music_hidden"]
    for snapshot in (listening(unsure()), listening(None, state=ListenerState.FINISHED, mood=SONG)):
        assert values_of(snapshot)["music_hidden"]
        assert "hidden" in drawn(snapshot).one("data-testid", "plane-music")


def test_runs_join_what_says_the_same() -> None:
    history = (
        accepted(second=3.0),
        accepted(second=3.5),
        unsure(Emotion.SAD, second=4.0),
        unsure(Emotion.CALM, second=4.5),
        no_speech(second=5.0),
    )
    assert _runs_of(history, HOP_S) == (
        Run(DecisionKind.ACCEPTED, Emotion.HAPPY, 2.5, 3.5),
        Run(DecisionKind.UNSURE, Emotion.SAD, 3.5, 4.0),
        Run(DecisionKind.UNSURE, Emotion.CALM, 4.0, 4.5),
        Run(DecisionKind.NO_SPEECH, None, 4.5, 5.0),
    )


def test_a_dropped_window_leaves_no_hole_but_a_gap_does() -> None:
    one_dropped = (accepted(second=3.0), accepted(second=4.0))
    assert _runs_of(one_dropped, HOP_S) == (Run(DecisionKind.ACCEPTED, Emotion.HAPPY, 2.5, 4.0),)
    gap = (accepted(second=3.0), accepted(second=9.0))
    assert [(run.start_s, run.end_s) for run in _runs_of(gap, HOP_S)] == [(2.5, 3.0), (8.5, 9.0)]


def test_the_timeline_tells_kinds_apart_by_look_and_lane() -> None:
    history = (accepted(second=10.0), unsure(second=10.5), no_speech(second=11.0))
    assert values_of(listening(history[-1], history=history))["runs"] == [
        ["accepted", EMOTIONS.index(Emotion.HAPPY), "happy", 9.5, 0.5],
        ["unsure", EMOTIONS.index(Emotion.SAD), "sad", 10.0, 0.5],
        ["quiet", len(EMOTIONS), "quiet", 10.5, 0.5],
    ]


def test_only_the_strip_moves_between_two_seconds_of_the_same() -> None:
    history = tuple(accepted(second=second / 2) for second in range(6, 121))
    before, after = (
        values_of(listening(history[-1], history=history, clock=second * RATE_HZ)) for second in (60, 61)
    )
    assert (
        before["runs"] == after["runs"] == [["accepted", EMOTIONS.index(Emotion.HAPPY), "happy", 2.5, 57.5]]
    )
    moved = [float(values["strip"].rstrip("%")) for values in (before, after)]
    assert moved[0] - moved[1] == pytest.approx(100 / 120, abs=0.011)


def test_within_a_second_the_timeline_and_the_trail_bring_nothing_new() -> None:
    """They are most of what is sent; the whole of the board stays below a kilobyte a drawing."""
    history = tuple(on_plane(decision, 0.7, 0.4) for decision in story(60.5))
    before, after = (
        values_of(listening(history[-1], history=history, clock=round(second * RATE_HZ)))
        for second in (60.5, 60.75)
    )
    assert [name for name in before if before[name] != after[name]] == []


def test_only_two_minutes_are_drawn_and_put_into_words() -> None:
    history = (accepted(second=5.0), *(no_speech(second=150 + 0.5 * index) for index in range(8)))
    values = values_of(listening(history[-1], history=history, clock=154 * RATE_HZ))
    assert values["timeline_words"] == "Last two minutes: no speech 4 s."


def test_counters_and_latency_are_shown() -> None:
    counters = Counters(windows=240, dropped_windows=3, overflows=2, lost_frames=512, reconnects=1)
    text = " ".join(drawn(listening(accepted(), counters=counters)).text.split())
    for words in (
        "Latency, median 18 ms p95 31 ms, worst 44 ms; model 13 ms, resampler adds 33 ms",
        "Windows dropped 3 of 240 due",
        "Overflows 2 512 frames lost",
        "Reconnects 1",
    ):
        assert words in text


def test_the_second_screen_says_that_the_demo_plays() -> None:
    assert "Demo with synthetic voices" in Page(wall(), values_of(listening(accepted()))).text
    for snapshot in (
        listening(accepted(), source=MICROPHONE),
        Snapshot(),
        listening(state=ListenerState.FINISHED),
    ):
        assert "Demo" not in Page(wall(), values_of(snapshot)).text


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (Snapshot(), "Attune"),
        (listening(None), "● Listening (demo) · Attune"),
        (listening(accepted(Emotion.FEARFUL, 0.718)), "● Fearful (demo) · Attune"),
        (listening(unsure()), "● Unsure (demo) · Attune"),
        (listening(no_speech()), "● No voice (demo) · Attune"),
        (listening(accepted(), source=MICROPHONE), "● Happy · Attune"),
        (listening(accepted(), source=None), "● Happy · Attune"),
    ],
)
def test_the_tab_says_what_is_going_on(snapshot: Snapshot, words: str) -> None:
    assert title(snapshot) == words


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (61.9, "1:01"), (3599.0, "59:59"), (3661.0, "1:01:01")]
)
def test_the_clock_is_written_for_people(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


@pytest.mark.parametrize(
    ("dbfs", "share"), [(-120.0, 0.0), (-60.0, 0.0), (-30.0, 0.5), (0.0, 1.0), (3.0, 1.0)]
)
def test_the_meter_stays_on_its_scale(dbfs: float, share: float) -> None:
    assert meter_share(dbfs) == pytest.approx(share)


@pytest.mark.parametrize(
    ("emotion", "voice_s", "said"),
    [
        (Emotion.SAD, 12.0, "Sad, 91\xa0%"),
        (None, 12.0, "Unsure, sad leads with 91\xa0%"),
        (None, 1.0, "Nobody has spoken for long enough to say"),
    ],
)
def test_what_the_talk_adds_up_to_is_a_detail(emotion: Emotion | None, voice_s: float, said: str) -> None:
    snapshot = listening(accepted(Emotion.SAD), sustained=sustained(emotion, Emotion.SAD, voice_s))
    assert values_of(snapshot)["statement_talk"] == said


# One verdict


@pytest.mark.parametrize("decision", [unsure(Emotion.NEUTRAL, 0.57), no_speech()])
def test_what_the_music_follows_is_the_headline_and_the_half_minute_its_reason(decision: Any) -> None:
    values = values_of(listening(decision, sustained=sustained(Emotion.ANGRY, Emotion.ANGRY)))
    assert values["headline"] == "Angry"
    assert "ostly angry over the last 30 s" in values["detail"]
    assert values["hue"] == "var(--at-angry)"
    assert ("hushed" in values["look"]) == (decision.leading is None)
    assert "Unsure" not in values["plane_words"]
    assert (
        title(listening(decision, sustained=sustained(Emotion.ANGRY, Emotion.ANGRY)))
        == "● Angry (demo) · Attune"
    )


def test_another_half_minute_is_but_a_nuance_of_what_is_accepted() -> None:
    snapshot = listening(accepted(Emotion.HAPPY, 0.84), sustained=sustained(Emotion.ANGRY, Emotion.ANGRY))
    values = values_of(snapshot)
    assert values["headline"] == "Happy"
    assert values["detail"] == "84\xa0% sure. Mostly angry over the last 30 s"


@pytest.mark.parametrize("second", [None, Emotion.ANGRY, Emotion.CALM])
@pytest.mark.parametrize(
    "decision",
    [accepted(), unsure(), no_speech(), on_plane(unsure(), 0.95, 0.5), on_plane(unsure(), 0.5, 0.95)],
)
def test_the_headline_is_always_what_the_music_follows(decision: Any, second: Emotion | None) -> None:
    talk = None if second is None else sustained(second, second)
    feeling = feeling_to_follow(decision, talk)
    values = values_of(listening(decision, sustained=talk))
    if feeling is not None:
        assert values["headline"] == feeling.capitalize()
    else:
        assert values["headline"] in {"Unsure", "No voice"}


@pytest.mark.parametrize("language", languages())
def test_the_board_speaks_the_language_of_the_page(language: str) -> None:
    snapshot = listening(on_plane(accepted(), 0.9, 0.9), history=(accepted(),))
    english = values_of(snapshot)
    use_language(language)
    try:
        values = values_of(snapshot)
        text = Page(live_hero() + live_below(), values).text
    finally:
        use_language("en")
    said = ("title", "demo", "state", "source", "level_words", "headline", "detail", "plays", "plane_words")
    for name in (*said, "timeline_words", "statement_emotion", "figure_latency_note", "figure_source"):
        assert values[name] != english[name], name
    assert values["reason"] == english["reason"]  # what the gate says is in English
    for words in ("Details", "Why", "What is felt", "Last two minutes", "Eight emotions"):
        assert words not in text


def test_until_when_listening_is_paused_is_said_in_local_time() -> None:
    now = dt.datetime.now()
    paused = Snapshot(state=ListenerState.PAUSED, message="Paused.", resumes_at_s=now.timestamp())
    assert values_of(paused)["detail"] == f"Paused until {now:%H:%M}."
    assert values_of(replace(paused, resumes_at_s=None))["detail"] == "Paused."

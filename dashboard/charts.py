"""Owns what a snapshot looks like: pure functions from a `Snapshot` to markup, no Streamlit, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.markup import Markup, tag
from dashboard.music import music
from dashboard.plane import plane
from dashboard.statements import UNSURE, percent, statement_name
from models.emotion.labels import EMOTIONS, Emotion
from realtime.capture.source import SourceKind
from realtime.snapshot import Decision, DecisionKind, Level, ListenerState, RollingTheme, Snapshot, Tenor

__all__ = ["GateLine", "Run", "board", "runs_of", "title"]

RATE_HZ: Final = 16_000
WINDOW_S: Final = 3.0
TIMELINE_S: Final = 120.0
TIMELINE_MARKS_S: Final = (120, 90, 60, 30, 0)
METER_FLOOR_DBFS: Final = -60.0
METER_MARKS_DBFS: Final = (-60, -48, -36, -24, -12, 0)
LABELLED_RUN_S: Final = 8.0

_LEAST_TALK_S: Final = 3.0
_NONE: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"

NOTICE_MARKS: Final = {"info": "i", "warn": "!"}
ZEROS: Final = {
    SourceKind.MICROPHONE: (
        "warn",
        "The source delivers nothing but zeros: the microphone is muted, "
        "or the system does not let this program use it.",
    ),
    SourceKind.SYSTEM: ("info", "Nothing is being played on this machine."),
}
"""What a source of exact zeros means; elsewhere it is only a recording with a silent place."""
NO_SPEECH_LANE: Final = len(EMOTIONS)

HEADLINES: Final = {
    ListenerState.STOPPED: ("Not listening", "Choose a source and press Start."),
    ListenerState.STARTING: ("Starting", "Opening the source."),
    ListenerState.DEVICE_LOST: ("Device lost", "Trying to open it again by its name."),
    ListenerState.FINISHED: ("Finished", "The recording is over. Press Start to hear it again."),
    ListenerState.FAILED: ("Not listening", "The sentence above says why; choose a source and press Start."),
}


@dataclass(frozen=True, slots=True)
class GateLine:
    """Where the gate draws its lines, as probabilities.

    Parameters
    ----------
    enter
        An emotion is accepted from here.
    leave
        An accepted emotion is kept down to here.
    """

    enter: float
    leave: float


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the timeline over which the decision was the same.

    Parameters
    ----------
    kind
        What the gate said.
    emotion
        The accepted or leading emotion; None without speech.
    start_s, end_s
        On the sample clock.
    """

    kind: DecisionKind
    emotion: Emotion | None
    start_s: float
    end_s: float


def _signed(number: float) -> str:
    return f"{number:.0f}".replace("-", _MINUS)


def clock_text(seconds: float) -> str:
    """Write a duration as minutes and seconds, or hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def shown_decision(snapshot: Snapshot) -> Decision | None:
    """Take the decision that speaks of the present: none unless sound is being taken in."""
    return snapshot.decision if snapshot.state is ListenerState.LISTENING else None


def runs_of(history: Sequence[Decision], hop_s: float) -> tuple[Run, ...]:
    """Join decisions that say the same into runs.

    Parameters
    ----------
    history
        Decisions, oldest first.
    hop_s
        Time between two decisions, s: each covers so much time before its clock. A hole of more
        than two hops stays a hole.
    """
    runs: list[Run] = []
    for decision in history:
        end_s = decision.clock / RATE_HZ
        emotion = decision.emotion if decision.kind is DecisionKind.ACCEPTED else decision.leading
        last = runs[-1] if runs else None
        near = last is not None and end_s - last.end_s <= 2.0 * hop_s + 1e-6
        if last is not None and near and (last.kind, last.emotion) == (decision.kind, emotion):
            runs[-1] = Run(last.kind, last.emotion, last.start_s, end_s)
        else:
            start_s = last.end_s if last is not None and near else end_s - hop_s
            runs.append(Run(decision.kind, emotion, start_s, end_s))
    return tuple(runs)


def title(snapshot: Snapshot) -> str:
    """Name the browser's tab; a dot stands before it while sound is taken in."""
    if snapshot.state is ListenerState.DEVICE_LOST:
        return "● Device lost · Attune"
    if not snapshot.listening:
        return "Attune"
    decision = shown_decision(snapshot)
    if decision is None:
        return "● Listening · Attune"
    if decision.kind is DecisionKind.ACCEPTED and decision.emotion is not None:
        return f"● {decision.emotion.capitalize()} {percent(decision.confidence)} · Attune"
    if decision.kind is DecisionKind.UNSURE:
        return f"● {statement_name(decision)} · Attune"
    return f"● {decision.kind.capitalize()} · Attune"


def board(snapshot: Snapshot, gate: GateLine, hop_s: float, *, with_plane: bool = False) -> Markup:
    """Draw the whole Live board.

    Parameters
    ----------
    snapshot
        What to show.
    gate
        The gate's lines.
    hop_s
        Time between two decisions, s.
    with_plane
        The model knows energy and pleasantness: beside the present stands their plane, and the eight bars
        are details. Without it the bars stand there.
    """
    if with_plane:
        beside, below = _plane(snapshot, hop_s), _details(bars(snapshot, gate))
    else:
        beside, below = bars(snapshot, gate), Markup("")
    return Markup(
        sign(snapshot)
        + notices(snapshot)
        + tag("div", hero(snapshot, gate), beside, class_="pair")
        + below
        + music(snapshot)
        + timeline(snapshot, hop_s)
        + figures(snapshot)
    )


def _plane(snapshot: Snapshot, hop_s: float) -> Markup:
    return plane(
        shown_decision(snapshot),
        snapshot.history,
        _newest_theme(snapshot),
        clock=snapshot.clock,
        hop_s=hop_s,
    )


def _newest_theme(snapshot: Snapshot) -> RollingTheme | None:
    """What is heard of the music of the present."""
    if snapshot.state is not ListenerState.LISTENING or snapshot.mood is None or not snapshot.mood.themes:
        return None
    return snapshot.mood.themes[0]


def _details(*content: Markup) -> Markup:
    """What is shown to those who open it; whether it is open is the browser's (`board.js`), not ours."""
    return tag(
        "details",
        tag("summary", tag("strong", "Details"), tag("span", "the eight emotions", class_="aside")),
        *content,
        class_="card details",
        data_testid="details",
    )


def sign(snapshot: Snapshot) -> Markup:
    """Draw the listening sign, with the source, the time and the level meter."""
    lost = snapshot.state is ListenerState.DEVICE_LOST
    look = "lost" if lost else "on" if snapshot.listening else "off"
    words = "Device lost" if lost else "Listening" if snapshot.listening else snapshot.state.capitalize()
    source = snapshot.source
    if source is None:
        detail = "No source is open"
    else:
        channels = {1: "mono", 2: "stereo"}.get(source.channels, f"{source.channels} channels")
        parts = (source.name, source.host_api, f"{source.rate_hz / 1000:g} kHz {channels}")
        detail = " · ".join(part for part in parts if part)
    return tag(
        "section",
        tag(
            "div",
            tag("span", class_="dot", aria_hidden="true"),
            tag("strong", words, class_="words"),
            tag("span", clock_text(snapshot.clock / RATE_HZ), class_="clock", title="Time heard"),
            class_="state",
        ),
        tag("div", detail, class_="source", title=detail),
        meter(snapshot.level, open_=snapshot.listening and not lost),
        class_=f"card sign {look}",
        aria_label="Listener",
    )


def meter(level: Level, *, open_: bool) -> Markup:
    """Draw the level meter: loudness as a bar, the peak as a tick, both in dBFS."""
    rms_dbfs = level.rms_dbfs if open_ else METER_FLOOR_DBFS
    peak_dbfs = level.peak_dbfs if open_ else METER_FLOOR_DBFS
    loud = meter_share(rms_dbfs)
    # It comes and goes with single loud sounds: it stands in the scale's place, so nothing is pushed about.
    clipping = open_ and level.clipping
    if not open_:
        words = _NONE
    elif level.digital_silence or level.rms_dbfs < METER_FLOOR_DBFS:
        words = f"below {_signed(METER_FLOOR_DBFS)} dBFS"
    else:
        words = f"{_signed(level.rms_dbfs)} dBFS"
    marks = [
        tag("span", _signed(mark), style=f"left:{100 * meter_share(mark):.2f}%") for mark in METER_MARKS_DBFS
    ]
    return tag(
        "div",
        tag("span", "Level", class_="name"),
        tag(
            "div",
            tag("div", class_="fill", style=f"clip-path:inset(0 {100 - 100 * loud:.1f}% 0 0)"),
            tag("div", class_="peak", style=f"left:{100 * meter_share(peak_dbfs):.1f}%"),
            tag("div", *marks, class_="scale", aria_hidden="true", hidden=clipping),
            tag("strong", "Clipping: turn the input down", class_="clipping", hidden=not clipping),
            class_="track",
            role="meter",
            aria_label="Level",
            aria_valuemin=f"{METER_FLOOR_DBFS:.0f}",
            aria_valuemax="0",
            aria_valuenow=f"{min(0.0, max(METER_FLOOR_DBFS, rms_dbfs)):.0f}",
            aria_valuetext=f"{words}, clipping" if clipping else words,
        ),
        tag("span", words, class_="value"),
        class_="meter",
    )


def meter_share(dbfs: float) -> float:
    """Place on the meter, 0 (left) to 1 (right)."""
    return min(1.0, max(0.0, 1.0 - dbfs / METER_FLOOR_DBFS))


def notices(snapshot: Snapshot) -> Markup:
    """Say what the person must know about; an empty list where there is nothing."""
    notes: list[tuple[str, str]] = []
    # In every other state the large card, or the page on a failure, says the message.
    if snapshot.message and snapshot.state is ListenerState.LISTENING:
        notes.append(("info", snapshot.message))
    kind = snapshot.source.kind if snapshot.source is not None else None
    if snapshot.state is ListenerState.LISTENING and snapshot.level.digital_silence and kind in ZEROS:
        notes.append(ZEROS[kind])
    if snapshot.notice:
        notes.append(("warn", snapshot.notice))
    if snapshot.journal_error:
        notes.append(("warn", snapshot.journal_error))
    if snapshot.voice_error:
        notes.append(("warn", snapshot.voice_error))
    return tag(
        "div",
        *(
            tag(
                "p",
                tag("span", NOTICE_MARKS[look], class_="mark", aria_hidden="true"),
                text,
                class_=look,
            )
            for look, text in notes
        ),
        class_="notices",
        role="status",
    )


@dataclass(frozen=True, slots=True)
class _Present:
    """What the large card says: its look, the emotion it is coloured by, and the words."""

    look: str
    headline: str
    detail: str
    share: float = 0.0
    emotion: Emotion | None = None


def _present(snapshot: Snapshot) -> _Present:
    decision = shown_decision(snapshot)
    if decision is None:
        return _without_decision(snapshot)
    if decision.kind is DecisionKind.ACCEPTED and decision.emotion is not None:
        detail = f"Accepted with {percent(decision.confidence)} confidence"
        name = decision.emotion.capitalize()
        return _Present("accepted", name, detail, decision.confidence, decision.emotion)
    if decision.kind is DecisionKind.UNSURE and decision.leading is not None:
        detail = f"{decision.leading.capitalize()} leads with {percent(decision.confidence)}"
        headline = statement_name(decision)
        if headline != UNSURE:
            look, detail = "leaning", f"No emotion is sure: {detail[0].lower()}{detail[1:]}"
        else:
            look = "unsure"
        return _Present(look, headline, detail, decision.confidence, decision.leading)
    if snapshot.reading is not None and snapshot.reading.only_music:
        return _Present("quiet", "Only music", "No voice stands out from it")
    return _Present("quiet", "No speech", f"Too little speech in the last {WINDOW_S:.0f} seconds")


def _without_decision(snapshot: Snapshot) -> _Present:
    if snapshot.state is ListenerState.LISTENING:
        heard_s = min(WINDOW_S, snapshot.clock / RATE_HZ)
        detail = f"for the first {WINDOW_S:.0f} seconds of sound, {heard_s:.1f} s so far"
        return _Present("empty", "Waiting", detail, heard_s / WINDOW_S)
    headline, detail = HEADLINES[snapshot.state]
    # The sentence on a failure stands above the board already.
    told = snapshot.state is ListenerState.FAILED
    return _Present("empty", headline, detail if told else snapshot.message or detail)


def hero(snapshot: Snapshot, gate: GateLine) -> Markup:
    """Draw the present in large: an accepted emotion, "unsure", "no speech", or why there is none."""
    present = _present(snapshot)
    decision = shown_decision(snapshot)
    if decision is not None:
        reason = decision.reason
    elif snapshot.state is ListenerState.LISTENING:
        reason = "No decision has been taken yet."
    else:
        reason = "No sound comes in, so nothing is decided."
    return tag(
        "section",
        tag("h2", "Now"),
        tag(
            "div",
            ring(present.share, gate, emotion=present.emotion, gated=decision is not None),
            tag(
                "div",
                tag("p", present.headline, class_="headline", data_testid="headline"),
                tag("p", present.detail, class_="detail"),
                class_="say",
            ),
            class_="present",
        ),
        tag(
            "p",
            tag("span", "Talk", class_="label"),
            tag("span", talk(snapshot.tenor if snapshot.listening else None), data_testid="talk"),
            class_="talk",
        ),
        tag(
            "p",
            tag("span", "Why", class_="label"),
            tag("span", reason, data_testid="reason"),
            class_="why",
        ),
        tag("p", f"{present.headline}.", class_="hidden", role="status"),
        class_=f"card hero {present.look}",
        aria_label="The present",
    )


def talk(tenor: Tenor | None) -> str:
    """Say what the last half minute of voice adds up to, which is what the music follows."""
    if tenor is None or tenor.voice_s < _LEAST_TALK_S:
        return "Nobody has spoken for long enough to say."
    share, leading = max(zip(tenor.probabilities, EMOTIONS, strict=True))
    if tenor.emotion is not None:
        share = tenor.probabilities[EMOTIONS.index(tenor.emotion)]
        return f"{tenor.emotion.capitalize()}, as the last half minute adds up ({percent(share)})."
    return f"Of no one emotion for sure; {leading} leads with {percent(share)} over the last half minute."


def ring(share: float, gate: GateLine, *, emotion: Emotion | None, gated: bool) -> Markup:
    """Draw a ring that fills with the confidence, with the gate's two lines across it."""
    words = percent(share) if emotion is not None else _NONE
    lines = tag("g", _ring_line(gate.leave, "leave"), _ring_line(gate.enter, "enter")) if gated else tag("g")
    return tag(
        "svg",
        tag("circle", class_="rail", cx="60", cy="60", r="50", pathLength="100"),
        tag(
            "circle",
            class_="arc",
            cx="60",
            cy="60",
            r="50",
            pathLength="100",
            style=f"stroke-dashoffset:{100 - 100 * share:.1f};stroke:{_colour(emotion)}",
        ),
        lines,
        tag("text", words, class_="number", x="60", y="61"),
        class_="ring",
        viewBox="0 0 120 120",
        role="img",
        aria_label=f"Confidence {words}; the gate accepts from {percent(gate.enter)}",
    )


def _ring_line(share: float, look: str) -> Markup:
    return tag(
        "line", class_=look, x1="60", x2="60", y1="3", y2="17", transform=f"rotate({360 * share:.1f} 60 60)"
    )


def _colour(emotion: Emotion | None) -> str:
    return f"var(--at-{emotion})" if emotion is not None else "var(--at-quiet)"


def bars(snapshot: Snapshot, gate: GateLine) -> Markup:
    """Eight bars in a fixed order: what the gate judges (smoothed), and the newest window as a tick."""
    decision = shown_decision(snapshot)
    smoothed = decision.smoothed if decision is not None else None
    newest = snapshot.reading.probabilities if smoothed is not None and snapshot.reading is not None else None
    chosen = (decision.emotion or decision.leading) if decision is not None else None
    rows = [
        _bar(
            emotion,
            smoothed[index] if smoothed is not None else None,
            newest[index] if newest is not None else None,
            leads=emotion is chosen,
            accepted=decision is not None and decision.emotion is emotion,
        )
        for index, emotion in enumerate(EMOTIONS)
    ]
    return tag(
        "section",
        tag("h2", "Eight emotions", tag("span", "smoothed, calibrated", class_="aside")),
        tag(
            "div",
            tag(
                "div",
                tag("span", class_="line leave", style=f"left:{100 * gate.leave:.1f}%", data_testid="leave"),
                tag("span", class_="line enter", style=f"left:{100 * gate.enter:.1f}%", data_testid="enter"),
                class_="lines",
                aria_hidden="true",
            ),
            *rows,
            class_="rows",
            role="list",
            aria_label="Probability of each emotion",
        ),
        tag(
            "p",
            tag(
                "span", tag("i", class_="swatch enter"), f"accepted from {percent(gate.enter)}", class_="key"
            ),
            _key("leave", f"kept down to {percent(gate.leave)}"),
            _key("newest", "newest window alone"),
            class_="legend",
        ),
        class_="card bars" if smoothed is not None else "card bars idle",
        aria_label="Probabilities",
    )


def _key(look: str, words: str) -> Markup:
    """Explain one sign of a legend."""
    return tag("span", tag("i", class_=f"swatch {look}"), words, class_="key")


def _bar(
    emotion: Emotion, share: float | None, newest: float | None, *, leads: bool, accepted: bool
) -> Markup:
    words = percent(share) if share is not None else _NONE
    return tag(
        "div",
        tag("span", emotion.capitalize(), class_="name"),
        tag(
            "div",
            tag(
                "div",
                class_="fill",
                style=f"transform:scaleX({share or 0.0:.4f});background:{_colour(emotion)}",
                data_testid=f"bar-{emotion}",
            ),
            tag("div", class_="newest", style=f"left:{100 * (newest or 0.0):.1f}%", hidden=newest is None),
            class_="track",
            aria_hidden="true",
        ),
        tag("span", words, class_="value"),
        class_="bar" + (" leads" if leads else "") + (" accepted" if accepted else ""),
        role="listitem",
        aria_label=f"{emotion.capitalize()} {words}" + (", accepted" if accepted else ""),
    )


def timeline(snapshot: Snapshot, hop_s: float) -> Markup:
    """Draw the last two minutes: a lane for each emotion and one for no speech, so colour is not needed."""
    now_s = snapshot.clock / RATE_HZ
    runs = [run for run in runs_of(snapshot.history, hop_s) if run.end_s > now_s - TIMELINE_S]
    lanes = [
        tag("span", emotion.capitalize(), style=f"--lane:{lane}") for lane, emotion in enumerate(EMOTIONS)
    ]
    lanes.append(tag("span", "No speech", style=f"--lane:{NO_SPEECH_LANE}"))
    marks = [
        tag(
            "span",
            "now" if mark == 0 else f"{_signed(-mark)} s",
            style=f"left:{100 - 100 * mark / TIMELINE_S:.2f}%",
        )
        for mark in TIMELINE_MARKS_S
    ]
    # The runs stand still on a strip whose zero is the start of the source; only the strip moves.
    # So a tick changes one transform, and the browser slides it without laying anything out anew.
    strip = tag(
        "div",
        *(_run(run) for run in runs),
        class_="strip",
        style=f"transform:translateX({100 - 100 * now_s / TIMELINE_S:.3f}%)",
    )
    return tag(
        "section",
        tag(
            "h2",
            "Last two minutes",
            tag(
                "span",
                _key("accepted", "accepted"),
                _key("unsure", "unsure, leading emotion"),
                _key("quiet", "no speech"),
                class_="aside",
            ),
        ),
        tag(
            "div",
            tag("div", *lanes, class_="lanes", aria_hidden="true"),
            tag(
                "div",
                strip,
                tag("p", "" if runs else "No decision yet.", class_="nothing"),
                class_="plot",
                role="img",
                aria_label=_timeline_words(runs),
            ),
            tag("div", *marks, class_="marks", aria_hidden="true"),
            class_="chart",
        ),
        class_="card timeline",
        aria_label="Timeline",
    )


def _run(run: Run) -> Markup:
    lane = NO_SPEECH_LANE if run.emotion is None else EMOTIONS.index(run.emotion)
    look = {
        DecisionKind.ACCEPTED: "accepted",
        DecisionKind.UNSURE: "unsure",
        DecisionKind.NO_SPEECH: "quiet",
    }[run.kind]
    length_s = run.end_s - run.start_s
    name = run.emotion.capitalize() if run.emotion is not None else "No speech"
    words = f"Unsure, leaning to {run.emotion}" if run.kind is DecisionKind.UNSURE else name
    return tag(
        "div",
        tag("span", name if length_s >= LABELLED_RUN_S and run.kind is DecisionKind.ACCEPTED else ""),
        class_=f"run {look}",
        style=(
            f"--lane:{lane};--hue:{_colour(run.emotion)};"
            f"left:{100 * run.start_s / TIMELINE_S:.3f}%;width:{100 * length_s / TIMELINE_S:.3f}%"
        ),
        title=f"{words}, {length_s:.1f} s",
    )


def _timeline_words(runs: Sequence[Run]) -> str:
    """Put the timeline into words, for those who cannot see it: how long what was decided."""
    if not runs:
        return "No decision in the last two minutes."
    total_s: dict[str, float] = {}
    for run in runs:
        accepted = run.kind is DecisionKind.ACCEPTED and run.emotion is not None
        name = str(run.emotion) if accepted else str(run.kind)
        total_s[name] = total_s.get(name, 0.0) + run.end_s - run.start_s
    longest_first = sorted(total_s.items(), key=lambda item: -item[1])
    parts = ", ".join(f"{name} {length_s:.0f} s" for name, length_s in longest_first)
    return f"Last two minutes: {parts}."


def figures(snapshot: Snapshot) -> Markup:
    """Tell how fast and how complete the listening is, in figures."""
    counters = snapshot.counters
    total, model = snapshot.timing.get("total"), snapshot.timing.get("emotion")
    latency = f"{total.median_ms:.0f} ms" if total is not None else _NONE
    tail = "no window yet" if total is None else f"p95 {total.p95_ms:.0f} ms, worst {total.worst_ms:.0f} ms"
    # Windows without speech are quick, for the model is not asked: its own time is told beside them.
    asked = f"model {model.median_ms:.0f} ms, " if model is not None else ""
    parts = f"{asked}resampler adds {snapshot.resampler_delay_ms:.0f} ms"
    reading = snapshot.reading if snapshot.listening else None
    speech = percent(reading.speech_share) if reading is not None else _NONE
    return tag(
        "dl",
        _figure("Latency, median", latency, tail, parts),
        _figure("Speech in the window", speech, "of the last 3 seconds"),
        _figure("Windows dropped", f"{counters.dropped_windows}", f"of {counters.windows} due"),
        _figure("Overflows", f"{counters.overflows}", f"{counters.lost_frames} frames lost"),
        _figure("Reconnects", f"{counters.reconnects}", "since the start"),
        class_="figures",
        aria_label="Figures",
    )


def _figure(name: str, value: str, *notes: str) -> Markup:
    return tag(
        "div",
        tag("dt", name),
        tag("dd", value, class_="value"),
        *(tag("dd", note, class_="note") for note in notes),
        class_="card figure",
    )

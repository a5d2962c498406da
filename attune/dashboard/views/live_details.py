"""The numbers of the Live board, which are folded away: statements, bars, music heard, figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import NONE, capitalized, decimal, percent, signed
from attune.dashboard.views.html import render
from attune.dashboard.views.plane import music_place
from attune.dashboard.views.source_choices import source_name
from attune.dashboard.views.statements import ENERGY, PLEASANTNESS, statement_rows
from attune.dashboard.views.verdict import shown_decision
from core.emotions import EMOTIONS
from models.mood.mood_scale import MOODS
from models.mood.result import NO_MUSIC
from realtime.capture.source import SourceKind
from realtime.live_mood_tagger import ROLLING_S
from realtime.snapshot import (
    Decision,
    DecisionKind,
    ListenerState,
    Reading,
    RollingTheme,
    Snapshot,
    SustainedEmotion,
)

_AUDIO_CLASSES: Final = (N_("music"), N_("singing"), N_("speech"), N_("silence"))
_TAGS: Final = 4
_MOODS: Final = 3
_MINUTE_S: Final = 60.0
_FLOOR_DBFS: Final = -60.0
_EMOTION: Final = N_("Emotion")
_MUSIC: Final = N_("Music")
_ADDED_UP: Final = N_("Last 30 s")
_STATEMENTS: Final = {
    "emotion": _EMOTION,
    "energy": ENERGY.name,
    "pleasantness": PLEASANTNESS.name,
    "talk": _ADDED_UP,
    "music": _MUSIC,
}
_MIN_VOICE_S: Final = 3.0

TOO_LITTLE: Final = N_("Nobody has spoken for long enough to say")
NOTHING_HEARD: Final = N_("nothing to hear yet")
ACCEPTED: Final = N_("accepted")
FIGURES: Final = {
    "source": N_("Source"),
    "level": N_("Level"),
    "latency": N_("Latency, median"),
    "speech": N_("Speech in the window"),
    "dropped": N_("Windows dropped"),
    "overflows": N_("Overflows"),
    "reconnects": N_("Reconnects"),
}


@dataclass(frozen=True, slots=True)
class GateLines:
    """The gate's thresholds, as probabilities."""

    enter: float  # an emotion is accepted from here
    leave: float  # an accepted emotion is kept down to here


def live_details() -> Markup:
    """Draw the details without values; see `detail_values`."""
    return render(
        "live_details",
        statements=_STATEMENTS,
        emotions=EMOTIONS,
        classes=_AUDIO_CLASSES,
        themes=[_theme_title(seconds) for seconds in ROLLING_S],
        figures=FIGURES,
        accepted=_(ACCEPTED),
    )


def detail_values(snapshot: Snapshot, gate: GateLines) -> dict[str, object]:
    """All values of the details.

    Parameters
    ----------
    snapshot
        What to show.
    gate
        The gate's thresholds.
    """
    decision = shown_decision(snapshot)
    return {
        "enter": f"{gate.enter:.0%}",
        "leave": f"{gate.leave:.0%}",
        "enter_words": percent(gate.enter),
        "leave_words": percent(gate.leave),
        **_statements(snapshot, decision),
        **_bars(decision, snapshot.reading),
        **_music(snapshot),
        **_figures(snapshot),
    }


def _statements(snapshot: Snapshot, decision: Decision | None) -> dict[str, object]:
    rows = dict.fromkeys(_STATEMENTS.values(), (NONE, False))
    if decision is not None and decision.leading is not None:
        said = statement_rows(
            decision.emotion or decision.leading,
            decision.confidence,
            accepted=decision.kind is DecisionKind.ACCEPTED,
            energy=decision.energy,
            pleasantness=decision.pleasantness,
        )
        rows |= {name: (words, accepted) for name, words, accepted in said}
    if snapshot.state is ListenerState.LISTENING:
        rows[_ADDED_UP] = _added_up(snapshot.sustained)
    theme = snapshot.mood.themes[0] if snapshot.mood and snapshot.mood.themes else None
    if snapshot.state is ListenerState.LISTENING and (place := music_place(theme)) is not None:
        rows[_MUSIC] = capitalized(place.words), False
    values: dict[str, object] = {}
    for key, name in _STATEMENTS.items():
        words, accepted = rows[name]
        values |= {f"statement_{key}": words, f"statement_{key}_look": "accepted" if accepted else ""}
    return values


def _added_up(sustained: SustainedEmotion | None) -> tuple[str, bool]:
    """What the last half minute of voice adds up to."""
    if sustained is None or sustained.voice_s < _MIN_VOICE_S:
        return _(TOO_LITTLE), False
    share, leading = max(zip(sustained.probabilities, EMOTIONS, strict=True))
    sure = sustained.emotion is not None
    ((_name, words, _sure),) = statement_rows(
        sustained.emotion or leading, share, accepted=sure, energy=None, pleasantness=None
    )
    return words, sure


def _bars(decision: Decision | None, reading: Reading | None) -> dict[str, object]:
    """The eight emotions as bars: what the gate judges (smoothed), and the newest window as a tick.

    In per cent and in the order of `EMOTIONS`. They change twice a second: the browser makes words of them.
    """
    smoothed = decision.smoothed if decision is not None else None
    newest = reading.probabilities if smoothed is not None and reading is not None else None
    accepted = decision.emotion if decision is not None else None
    chosen = (accepted or decision.leading) if decision is not None else None
    return {
        "bars": None if smoothed is None else [round(100 * share) for share in smoothed],
        "newest": None if newest is None else [round(100 * share) for share in newest],
        "leads": None if chosen is None else EMOTIONS.index(chosen),
        "accepted": accepted is not None,
    }


# The music beside the voice


def _music(snapshot: Snapshot) -> dict[str, object]:
    """Four scores, and the mood of the last seconds in words."""
    mood = snapshot.mood if snapshot.state is ListenerState.LISTENING else None
    newest = asdict(mood.class_scores[-1]) if mood is not None and mood.class_scores else {}
    themes = mood.themes if mood is not None else [RollingTheme(seconds, (), ()) for seconds in ROLLING_S]
    values: dict[str, object] = {"mood_problem": snapshot.mood_error if mood is None else ""}
    values["mood_problem_hidden"] = not values["mood_problem"]
    for name in _AUDIO_CLASSES:
        share = newest.get(name)
        values |= {
            f"class_{name}_share": f"{share or 0.0:.2f}",
            f"class_{name}": NONE if share is None else percent(share),
        }
    for number, theme in enumerate(themes):
        words = _theme_words(theme, heard=mood is not None)
        values |= {f"theme_{number}_{part}": said for part, said in words.items()}
    return values


def _theme_title(seconds: float) -> str:
    if seconds == _MINUTE_S:
        return _("Last minute")
    return _("Last {seconds} s").format(seconds=f"{seconds:.0f}")


def _theme_words(theme: RollingTheme, *, heard: bool) -> dict[str, str]:
    """The leading mood in large, the strongest with their weights, the likeliest tags."""
    moods = sorted(zip(MOODS, theme.moods, strict=False), key=lambda mood: -mood[1])
    if moods:
        strongest = ", ".join(f"{mood_name(name)} {percent(weight)}" for name, weight in moods[:_MOODS])
        tags = ", ".join(mood_name(tag) for tag, _share in theme.tags[:_TAGS])
        return {"mood": capitalized(mood_name(moods[0][0])), "moods": strongest, "tags": tags}
    share = "" if theme.music_share is None else f" ({percent(theme.music_share)})"
    return {"mood": NONE, "moods": f"{_(NO_MUSIC)}{share}" if heard else _(NOTHING_HEARD), "tags": ""}


# Figures


def _figures(snapshot: Snapshot) -> dict[str, object]:
    """How fast and how complete the listening is: a value each, and notes."""
    counters = snapshot.counters
    total, model = snapshot.timing.get("total"), snapshot.timing.get("emotion")
    latency = f"{total.median_ms:.0f} ms" if total is not None else NONE
    tail = _("no window yet")
    if total is not None:
        worst = f"{total.worst_ms:.0f}"
        tail = _("p95 {p95} ms, worst {worst} ms").format(p95=f"{total.p95_ms:.0f}", worst=worst)
    # Windows without speech are quick, for the model is not asked: its own time is told beside them.
    asked = _("model {time} ms").format(time=f"{model.median_ms:.0f}") + ", " if model is not None else ""
    late = _("resampler adds {time} ms").format(time=f"{snapshot.resampler_delay_ms:.0f}")
    reading = snapshot.reading if snapshot.listening else None
    level, peak = _level(snapshot)
    lost = ngettext("{count} frame lost", "{count} frames lost", counters.lost_frames)
    figures = {
        "source": (_source(snapshot), ""),
        "level": (level, peak),
        "latency": (latency, f"{tail}; {asked}{late}"),
        "speech": (NONE if reading is None else percent(reading.speech_share), _("of the last 3 seconds")),
        "dropped": (f"{counters.dropped_windows}", _("of {count} due").format(count=counters.windows)),
        "overflows": (f"{counters.overflows}", lost.format(count=counters.lost_frames)),
        "reconnects": (f"{counters.reconnects}", _("since the start")),
    }
    values: dict[str, object] = {}
    for name, (value, note) in figures.items():
        values |= {f"figure_{name}": value, f"figure_{name}_note": note}
    return values


def _source(snapshot: Snapshot) -> str:
    source = snapshot.source
    if source is None:
        return NONE
    many = ngettext("{count} channel", "{count} channels", source.channels).format(count=source.channels)
    channels = {1: _("mono"), 2: _("stereo")}.get(source.channels, many)
    name = source_name(source) if source.kind is SourceKind.DEMO else source.name
    parts = (name, source.host_api, f"{decimal(source.rate_hz / 1000, 4)} kHz {channels}")
    return " · ".join(part for part in parts if part)


def _level(snapshot: Snapshot) -> tuple[str, str]:
    level = snapshot.level
    if not snapshot.listening or snapshot.state is ListenerState.DEVICE_LOST:
        return NONE, ""
    if level.digital_silence or level.rms_dbfs < _FLOOR_DBFS:
        return _("below {level} dBFS").format(level=signed(_FLOOR_DBFS)), ""
    return f"{signed(level.rms_dbfs)} dBFS", _("peak {level} dBFS").format(level=signed(level.peak_dbfs))

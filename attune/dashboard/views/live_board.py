"""The Live page's board: from a snapshot to values of its markup, without Streamlit and without a clock."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.emotion_timeline import emotion_timeline, timeline_values
from attune.dashboard.views.formatting import clock_text
from attune.dashboard.views.html import render
from attune.dashboard.views.level_meter import meter_share
from attune.dashboard.views.live_details import GateLines, detail_values, live_details
from attune.dashboard.views.music_line import music_values
from attune.dashboard.views.plane import plane_values, trail_look
from attune.dashboard.views.source_choices import source_name
from attune.dashboard.views.statements import ENERGY, PLEASANTNESS
from attune.dashboard.views.verdict import LiveVerdict, shown_decision, verdict_of
from core.text import printable
from models.resample import SAMPLE_RATE_HZ
from playback.snapshot import MusicSnapshot
from realtime.capture.source import SourceKind
from realtime.notice_log import conditions
from realtime.notices import NoticeKind, Severity
from realtime.snapshot import InputLevel, ListenerState, Snapshot

_ELSEWHERE: Final = frozenset(
    {
        *(NoticeKind.DEVICE_LOST, NoticeKind.STOPPED, NoticeKind.FINISHED, NoticeKind.FAILED),
        NoticeKind.MOOD_PROBLEM,
    }
)
"""What the large card, the top of the page or the part on music says."""

NO_SOURCE: Final = ""
STATES: Final = {
    ListenerState.STOPPED: N_("Not listening"),
    ListenerState.PAUSED: N_("Paused"),
    ListenerState.STARTING: N_("Starting"),
    ListenerState.LISTENING: N_("Listening"),
    ListenerState.DEVICE_LOST: N_("Device lost"),
    ListenerState.FINISHED: N_("Finished"),
    ListenerState.FAILED: N_("Not listening"),
}
_LOUD_DBFS: Final = -9.0
_QUIET_DBFS: Final = -50.0
LEVELS: Final = (
    N_("no sound"),
    N_("low"),
    N_("good"),
    N_("loud"),
    N_("too loud: turn the input down"),
)
DEMO: Final = N_("Demo with synthetic voices")
DEMO_FELT: Final = N_("{feeling} (demo)")


def title(snapshot: Snapshot) -> str:
    """Name the browser's tab; a dot stands before it while sound is taken in."""
    if not snapshot.listening:
        return "Attune"
    words = verdict_of(snapshot).headline
    if _plays_demo(snapshot):
        words = _(DEMO_FELT).format(feeling=words)
    return f"● {words} · Attune"


def _plays_demo(snapshot: Snapshot) -> bool:
    return snapshot.listening and snapshot.source is not None and snapshot.source.kind is SourceKind.DEMO


def live_hero() -> Markup:
    """Draw the upper part of the board without values: whether it listens, what is felt, the plane, why."""
    return render("live_hero", **_frame())


def live_below() -> Markup:
    """Draw the lower part without values: the last two minutes, and the details."""
    return render("live_below", timeline=emotion_timeline(), details=live_details())


def wall() -> Markup:
    """Draw the view for a second screen without values: the word, the plane, what plays."""
    return render("wall", **_frame())


def _frame() -> dict[str, object]:
    return {
        "energy": ENERGY,
        "pleasantness": PLEASANTNESS,
        "trail": trail_look(),
        "starting": _(STATES[ListenerState.STARTING]),
    }


def board_values(
    snapshot: Snapshot, gate: GateLines, music: MusicSnapshot | None, *, hop_s: float
) -> dict[str, object]:
    """All values of the board.

    Parameters
    ----------
    snapshot
        What to show.
    gate
        The gate's thresholds.
    music
        What plays; None where no music follows yet.
    hop_s
        Time between two decisions, s.
    """
    verdict, decision = verdict_of(snapshot), shown_decision(snapshot)
    listening = snapshot.state is ListenerState.LISTENING
    theme = snapshot.mood.themes[0] if listening and snapshot.mood and snapshot.mood.themes else None
    return {
        "title": title(snapshot),
        "demo": _(DEMO) if _plays_demo(snapshot) else "",
        **_indicator(snapshot),
        **_verdict(verdict),
        **music_values(music),
        **plane_values(decision, verdict, snapshot.history, theme, hop_s=hop_s),
        **timeline_values(snapshot.history, snapshot.clock, hop_s),
        **detail_values(snapshot, gate),
    }


def _verdict(verdict: LiveVerdict) -> dict[str, object]:
    return {
        "look": verdict.look,
        "headline": printable(verdict.headline),
        "detail": printable(verdict.detail),
        "reason": printable(verdict.reason),
    }


def _indicator(snapshot: Snapshot) -> dict[str, object]:
    lost = snapshot.state is ListenerState.DEVICE_LOST
    is_open = snapshot.listening and not lost
    level = snapshot.level if is_open else InputLevel()
    return {
        "listening": "lost" if lost else "on" if snapshot.listening else "off",
        "state": _(STATES[snapshot.state]),
        "heard": clock_text(snapshot.clock / SAMPLE_RATE_HZ),
        "source": source_name(snapshot.source) if snapshot.source is not None else NO_SOURCE,
        "level": f"{meter_share(level.rms_dbfs):.2f}",
        "level_percent": f"{100 * meter_share(level.rms_dbfs):.0f}",
        "level_words": _level_words(level) if is_open else "",
        "level_look": "clipping" if level.clipping else "",
        "notices": _notices(snapshot),
    }


def _level_words(level: InputLevel) -> str:
    if level.clipping:
        return _(LEVELS[4])
    if level.digital_silence or meter_share(level.rms_dbfs) == 0.0:
        return _(LEVELS[0])
    return _(LEVELS[1 if level.rms_dbfs < _QUIET_DBFS else 3 if level.rms_dbfs > _LOUD_DBFS else 2])


def _notices(snapshot: Snapshot) -> Markup:
    """What the person must know about: its CSS class, and a sentence."""
    notices = [
        ("info" if condition.severity is Severity.INFO else "warn", _(condition.message))
        for kind, condition in conditions(snapshot).items()
        if kind not in _ELSEWHERE
    ]
    if snapshot.state is ListenerState.LISTENING and snapshot.message:
        # In every other state the large card, or the page on a failure, says it.
        notices.insert(0, ("info", _(snapshot.message)))
    return render("notices", notices=notices)

"""How long answers took, as a histogram and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

import altair as alt
from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import decimal
from attune.dashboard.views.html import render
from realtime.snapshot import Counters, StageTiming

TITLE: Final = N_("Time from the sound to the answer, ms")
ANSWERS: Final = N_("Answers")
STAGES: Final = {
    "queue": N_("Waiting for the model"),
    "resample": N_("Resampling"),
    "voice activity": N_("Looking for speech"),
    "mood": N_("Hearing the music"),
    "emotion": N_("Hearing the voice"),
    "gate": N_("Deciding"),
    "total": N_("All together"),
}
COUNTERS: Final = {
    "windows": N_("Answers due"),
    "dropped_windows": N_("Answers skipped, because the computer was too slow"),
    "overflows": N_("Times the device lost sound"),
    "lost_frames": N_("Samples lost for lack of room"),
    "reconnects": N_("Times a lost device came back"),
}
COLUMNS: Final = (N_("Step"), N_("Median, ms"), N_("95 of 100 below, ms"), N_("Longest, ms"))
COUNTED: Final = (N_("Since listening started"), N_("Number"))

_BINS: Final = 24
_HEIGHT: Final = 180
_COLOUR: Final = "#6b78ea"


def latency_histogram(latencies_ms: Sequence[float]) -> alt.Chart:
    """Draw how often answers took how long.

    Parameters
    ----------
    latencies_ms
        Of single answers, ms; at least one.
    """
    values = [{"ms": value} for value in latencies_ms]
    chart: alt.Chart = (
        alt.Chart(alt.Data(values=values), height=_HEIGHT)  # type: ignore[no-untyped-call]
        .mark_bar(color=_COLOUR)
        .encode(
            x=alt.X("ms:Q", bin=alt.Bin(maxbins=_BINS), title=_(TITLE)),
            y=alt.Y("count():Q", title=_(ANSWERS)),
        )
    )
    return chart


def timing_table(timing: Mapping[str, StageTiming]) -> Markup:
    """Draw how long each step takes."""
    rows = [
        (
            _(STAGES.get(stage, stage)),
            *(decimal(value) for value in (one.median_ms, one.p95_ms, one.worst_ms)),
        )
        for stage, one in timing.items()
    ]
    return render("plain_table", columns=[_(name) for name in COLUMNS], rows=rows, stacked=False)


def counters_table(counters: Counters) -> Markup:
    """Draw what was counted since listening started."""
    counted = asdict(counters)
    rows = [(_(words), counted[name]) for name, words in COUNTERS.items()]
    return render("plain_table", columns=[_(name) for name in COUNTED], rows=rows, stacked=False)

"""Diagnostics on the page "Settings": the doctor, how long answers take, the log, and a report."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import run_command, show_problem
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.html import escape_markdown, render
from attune.diagnostics import log_tail, report_text
from attune.doctor import Check, Verdict, examine
from core import paths

if TYPE_CHECKING:
    from realtime.snapshot import Snapshot

DOCTOR: Final = N_("What works on this machine")
SPEED: Final = N_("How fast the answers come")
LOG: Final = N_("Log")
REPORT: Final = N_("Report")
EXAMINE: Final = N_("Examine")
WORKING: Final = N_("What works ({})")
EXAMINING: Final = N_("Examining this machine …")
DOCTOR_HELP: Final = N_(
    "Looks at devices, models, files and folders. It changes nothing, and takes some seconds."
)
ALL_GOOD: Final = N_("Everything that Attune needs works.")
SPEED_NOTHING: Final = N_("Nothing was heard yet: press Start on the page Live.")
SPEED_ALT: Final = N_("How often answers took how long, over the last two minutes.")
SPEED_AS_OF: Final = N_("The last two minutes, as of {time}.")
REFRESH: Final = N_("Refresh")
LOG_NOTHING: Final = N_("The log is empty.")
LOG_HELP: Final = N_("The newest lines of {}. Tokens and passwords are taken out before anything is written.")
REPORT_HELP: Final = N_(
    "One text file with all of the above, to go with a question. It names devices and folders, but holds no "
    "sound, no words and nothing of your sign-in. Read it before you send it."
)
MAKE: Final = N_("Make the report")
DOWNLOAD: Final = N_("Download the report")
VERDICTS: Final = {Verdict.GOOD: N_("Works"), Verdict.OPTIONAL: N_("Optional"), Verdict.BAD: N_("Wrong")}

_HEADING: Final = Markup('<h2 class="at-heading">{}</h2>')
_CHECKS: Final = "settings checks"
_REPORT: Final = "settings report"
_LOG_SHOWN: Final = 200
_LOG_REPORTED: Final = 500


def diagnostics(context: AppContext) -> None:
    """Draw the section."""
    snapshot = context.engine.snapshot()
    with st.container(border=True, key="settings-doctor"):
        _draw_doctor()
    with st.container(border=True, key="settings-speed"):
        _draw_speed(snapshot)
    with st.container(border=True, key="settings-log"):
        _draw_log()
    with st.container(border=True, key="settings-report"):
        _draw_report(context, snapshot)


def _draw_doctor() -> None:
    st.html(_HEADING.format(_(DOCTOR)))
    st.caption(_(DOCTOR_HELP))
    st.button(_(EXAMINE), key="examine", icon=":material/stethoscope:", on_click=_ask, args=(_CHECKS,))
    _carry_out(_CHECKS, _examine)
    checks: tuple[Check, ...] = st.session_state.get(_CHECKS, ())
    if checks:
        if all(check.verdict is not Verdict.BAD for check in checks):
            st.success(_(ALL_GOOD), icon=":material/check:")
        rows = {
            verdict: [(check, _(words)) for check in checks if check.verdict is verdict]
            for verdict, words in VERDICTS.items()
        }
        good = rows[Verdict.GOOD]
        to_look_at = rows[Verdict.BAD] + rows[Verdict.OPTIONAL]
        st.html(render("doctor", to_look_at=to_look_at, good=good, summary=_(WORKING).format(len(good))))


def _ask(what: str) -> None:
    st.session_state[f"{what} asked"] = True


def _carry_out(what: str, command: Callable[[], object]) -> None:
    """Do what was asked for, which takes a while; where another run cuts this one short, that one does it."""
    if st.session_state.get(f"{what} asked"):
        with st.spinner(_(EXAMINING)):
            run_command(what, command)
            st.session_state[f"{what} asked"] = False
    show_problem(what)


def _examine() -> tuple[Check, ...]:
    checks = st.session_state[_CHECKS] = tuple(examine())
    return checks


def _draw_speed(snapshot: Snapshot) -> None:
    st.html(_HEADING.format(_(SPEED)))
    latencies_ms = [reading.latency_ms for reading in snapshot.readings if reading.probabilities is not None]
    if not latencies_ms:
        st.caption(_(SPEED_NOTHING))
        return
    views = importlib.import_module("attune.dashboard.views.latency_chart")  # altair takes a while to load
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_(SPEED_AS_OF).format(time=f"{datetime.now():%H:%M:%S}"), width="content")
        st.button(_(REFRESH), key="refresh speed", type="tertiary", icon=":material/refresh:")
    st.altair_chart(views.latency_histogram(latencies_ms), alt=_(SPEED_ALT))
    left, right = st.columns(2, gap="medium")
    left.html(views.timing_table(snapshot.timing))
    right.html(views.counters_table(snapshot.counters))


def _draw_log() -> None:
    st.html(_HEADING.format(_(LOG)))
    st.caption(_(LOG_HELP).format(escape_markdown(str(paths.log_file()))))
    if lines := log_tail(_LOG_SHOWN):
        st.code("\n".join(lines), language=None, height=260, wrap_lines=True)
    else:
        st.caption(_(LOG_NOTHING))


def _draw_report(context: AppContext, snapshot: Snapshot) -> None:
    st.html(_HEADING.format(_(REPORT)))
    st.caption(_(REPORT_HELP))
    st.button(_(MAKE), key="make report", icon=":material/description:", on_click=_ask, args=(_REPORT,))
    _carry_out(_REPORT, partial(_make_report, context, snapshot))
    if made := st.session_state.get(_REPORT):
        st.download_button(
            _(DOWNLOAD),
            made[1],
            file_name=made[0],
            mime="text/plain",
            icon=":material/download:",
            type="primary",
            on_click="ignore",
        )


def _make_report(context: AppContext, snapshot: Snapshot) -> None:
    at = datetime.now().astimezone()
    checks = st.session_state.get(_CHECKS) or _examine()
    text = report_text(checks, context.settings.refresh(), snapshot, log_tail(_LOG_REPORTED), at)
    st.session_state[_REPORT] = f"attune-report-{at:%Y-%m-%d-%H%M}.txt", text

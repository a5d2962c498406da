"""The page "Settings": each field changes what it says, and is kept; what is wrong is told."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attune import diagnostics
from attune.dashboard.components import diagnostics as diagnostics_part
from attune.dashboard.components import page_header
from attune.dashboard.components.setting_fields import FOR_EXPERTS
from attune.dashboard.pages.settings import SECTIONS
from attune.dashboard.views.gate_preview import gate_preview
from attune.dashboard.views.setting_words import setting_text, value_words
from attune.dashboard.views.stored_data import stored_bytes
from attune.doctor import Check, Verdict
from core import paths
from core.emotions import Emotion
from core.setting_info import Section, TakesEffect
from core.settings import SETTINGS, Origin, Settings, read_settings, save_setting
from realtime.capture.source import SourceKind, SourceSpec
from realtime.gate import GateConfig, decide_again
from realtime.snapshot import Counters, Reading, Snapshot, StageTiming
from tests.attune.dashboard.fakes import FakeEngine, Machine, listening, probabilities
from tests.attune.dashboard.tabs import healthy

pytestmark = pytest.mark.usefixtures("invented_context")

HOP = 8_000


def readings(confidence: float, count: int = 60) -> tuple[Reading, ...]:
    happy = probabilities(Emotion.HAPPY, confidence)
    return tuple(
        Reading(HOP * i, 0.8, happy, 20.0 + i, energy=0.9, pleasantness=0.5) for i in range(6, count)
    )


def listened(confidence: float) -> Snapshot:
    """A listener that has heard a happy voice for half a minute, at its default settings."""
    heard = readings(confidence)
    history = decide_again(heard, GateConfig())
    return listening(history[-1], readings=heard, history=history)


def _page() -> None:
    from attune.dashboard.pages import settings  # noqa: PLC0415 - the whole script of a tab

    settings.page()


@pytest.fixture
def open_section() -> Callable[[str], AppTest]:
    def opened(section: str) -> AppTest:
        tab = AppTest.from_function(_page, default_timeout=30)
        tab.query_params["section"] = section
        return healthy(tab.run())

    return opened


def widget_of(tab: AppTest, name: str) -> object:
    kinds = (tab.slider, tab.number_input, tab.text_input, tab.selectbox, tab.toggle)
    return next(one for kind in kinds for one in kind if (one.key or "").startswith(f"setting {name} "))


@pytest.mark.parametrize("section", [section.value for section in Section])
def test_every_setting_has_its_field(
    open_section: Callable[[str], AppTest], section: str, machine: Machine
) -> None:
    machine.plug_in_microphone()
    tab = open_section(section)
    for info in SETTINGS.values():
        if info.section == section:
            assert widget_of(tab, info.name) is not None
    for_experts = any(info.for_experts for info in SETTINGS.values() if info.section == section)
    assert [one.label for one in tab.expander if one.label == FOR_EXPERTS] == [FOR_EXPERTS] * for_experts


CHANGES = {
    "threshold": (85, 0.85),
    "smoothing_s": (2.5, 2.5),
    "retention_days": (30, 30),
    "spotify_callback_port": (0, 0),
    "device": ("Desk microphone", "Desk microphone"),
    "provider": ("cuda", "cuda"),
    "music_folder": ("~/Music", "~/Music"),
    "spotify_client_id": ("AB" * 16, "ab" * 16),
    "notify_on_switch": (True, True),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_field_changes_what_it_says_and_is_kept(
    open_section: Callable[[str], AppTest],
    engine: FakeEngine,
    machine: Machine,
    settings_file: Path,
    name: str,
) -> None:
    machine.plug_in_microphone()
    chosen, kept = CHANGES[name]
    tab = open_section(SETTINGS[name].section)
    before = getattr(engine.settings, name)
    healthy(widget_of(tab, name).set_value(chosen).run())
    assert tab.error == []
    assert tomllib.loads(settings_file.read_text())[name] == kept
    assert getattr(engine.settings, name) == getattr(read_settings().settings, name) != before
    reset = tab.button(key=f"reset {name}")
    assert reset.label == f"Reset “{SETTINGS[name].title}”"
    healthy(reset.click().run())
    assert name not in tomllib.loads(settings_file.read_text())
    assert getattr(engine.settings, name) == before
    shown = widget_of(tab, name).value
    assert shown != chosen


def test_a_wrong_text_is_told_and_changes_nothing(
    open_section: Callable[[str], AppTest], engine: FakeEngine, settings_file: Path
) -> None:
    tab = open_section("player")
    healthy(widget_of(tab, "spotify_client_id").set_value("my app").run())
    assert [("32 hexadecimal digits" in error.value) for error in tab.error] == [True]
    assert engine.settings.spotify_client_id == ""
    assert not settings_file.exists()


def test_what_the_environment_sets_is_locked_and_says_so(
    open_section: Callable[[str], AppTest], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_SMOOTHING_S", "3")
    engine.set_settings(Settings(journal=False))
    tab = open_section("confidence")
    assert widget_of(tab, "smoothing_s").disabled
    assert not widget_of(tab, "threshold").disabled
    assert any("ATTUNE_SMOOTHING_S in the environment" in html.body for html in tab.get("html"))


def test_another_program_and_a_text_editor_are_followed(
    open_section: Callable[[str], AppTest], engine: FakeEngine, settings_file: Path
) -> None:
    tab = open_section("confidence")
    save_setting("threshold", 0.9)
    healthy(tab.run())
    assert widget_of(tab, "threshold").value == 90
    assert engine.threshold == 0.9
    settings_file.write_text("# by hand\nthreshold = 0.6\n")
    healthy(tab.run())
    assert widget_of(tab, "threshold").value == 60


def test_a_broken_file_is_told_and_kept_aside_at_the_first_change(
    open_section: Callable[[str], AppTest], settings_file: Path
) -> None:
    settings_file.write_text("threshold = \n")
    tab = open_section("confidence")
    (told,) = (warning.value for warning in tab.warning)
    assert "is not TOML" in told
    assert "the file is kept aside" in told
    healthy(widget_of(tab, "threshold").set_value(85).run())
    assert tab.warning == []
    assert any("bak" in info.value for info in tab.info)
    assert settings_file.with_name("settings.toml.bak").read_text() == "threshold = \n"
    assert tomllib.loads(settings_file.read_text())["threshold"] == 0.85


def test_a_file_of_a_newer_attune_is_told_and_kept(
    open_section: Callable[[str], AppTest], settings_file: Path
) -> None:
    settings_file.write_text('version = 9\naura = "violet"\nthreshold = "high"\n')
    tab = open_section("confidence")
    assert any("aura" in info.value for info in tab.info)
    assert any("cannot be 'high'" in html.body.replace("&#39;", "'") for html in tab.get("html"))
    healthy(widget_of(tab, "smoothing_s").set_value(2.0).run())
    assert tomllib.loads(settings_file.read_text()) == {
        "version": 9,
        "aura": "violet",
        "threshold": "high",
        "smoothing_s": 2.0,
    }


def test_an_unknown_line_is_told(open_section: Callable[[str], AppTest], settings_file: Path) -> None:
    settings_file.write_text("treshold = 0.9\n")
    tab = open_section("sound")
    assert ["did you mean" in warning.value for warning in tab.warning] == [True]


def test_a_folder_that_may_not_be_written_is_told_and_the_change_holds_for_this_run(
    open_section: Callable[[str], AppTest], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = open_section("confidence")

    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as read_only:
        read_only.setattr(os, "open", refuse)
        healthy(widget_of(tab, "threshold").set_value(85).run())
    assert ["holds only until Attune ends" in error.value for error in tab.error] == [True]
    assert engine.threshold == 0.85
    healthy(tab.run())
    assert widget_of(tab, "threshold").value == 85
    assert any("Holds until Attune ends" in html.body for html in tab.get("html"))


def test_what_waits_is_told_and_can_be_had_at_once(
    open_section: Callable[[str], AppTest], engine: FakeEngine
) -> None:
    engine.start(SourceSpec(SourceKind.DEMO))
    tab = open_section("confidence")
    assert tab.info == []
    healthy(widget_of(tab, "hop_s").set_value(1.0).run())
    assert ["when listening starts again" in info.value for info in tab.info] == [True]
    healthy(tab.button(key="start again").click().run())
    assert engine.started == [SourceSpec(SourceKind.DEMO)] * 2


def test_the_preview_shows_what_was_and_what_would_have_been_decided(
    open_section: Callable[[str], AppTest], engine: FakeEngine
) -> None:
    tab = open_section("confidence")
    assert any("Nothing was heard yet" in caption.value for caption in tab.caption)
    engine.shown = listened(0.8)
    healthy(widget_of(tab, "threshold").set_value(95).run())
    (preview,) = (html.body for html in tab.get("html") if 'class="at-preview"' in html.body)
    decided, would_be = preview.split("With these settings")[:2]
    assert "Happy 26 s" in decided
    assert "Happy" not in would_be.partition("Energy")[0]
    assert "Lively" in preview


@pytest.mark.parametrize("section", list(SECTIONS))
def test_a_section_can_be_linked(open_section: Callable[[str], AppTest], section: str) -> None:
    assert list(open_section(section).query_params["section"]) in (list(section), [section])


def test_models_are_introduced_with_licence_and_card(open_section: Callable[[str], AppTest]) -> None:
    tab = open_section("models")
    said = " ".join(text.value for text in tab.markdown)
    assert "emotion\\-compact" in said
    assert "CC\\-BY\\-NC\\-SA" in said
    (card,) = (one for one in tab.expander if one.label == "Model card of emotion-compact")
    text = card.markdown[0].value
    assert text.startswith("### emotion-compact")  # below the headings of the page
    assert "\n#### " in text


def test_privacy_says_what_is_kept(open_section: Callable[[str], AppTest]) -> None:
    tab = open_section("privacy")
    (table,) = (html.body for html in tab.get("html") if 'class="at-table' in html.body)
    for word in ("Journal", "Your voice", "Sign-in to Spotify", "Log"):
        assert word in table


def test_diagnostics_make_one_report(
    open_section: Callable[[str], AppTest], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = (
        Check("Python", Verdict.GOOD, "3.11"),
        Check("Journal", Verdict.BAD, "is locked", "Close `other`."),
    )
    monkeypatch.setattr(diagnostics_part, "examine", lambda: iter(checks))
    engine.shown = listened(0.8)
    tab = open_section("diagnostics")
    healthy(tab.button(key="examine").click().run())
    (listed,) = (html.body for html in tab.get("html") if 'class="at-doctor"' in html.body)
    assert listed.index("Journal") < listed.index("What works (1)") < listed.index("Python")
    assert "<code>other</code>" in listed
    healthy(tab.button(key="make report").click().run())
    name, text = tab.session_state["settings report"]
    assert name.startswith("attune-report-")
    assert "[bad] Journal: is locked" in text


# Without the page


def test_a_report_holds_no_secret_and_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings_file: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "attune.log")
    settings_file.write_text(f'spotify_client_id = "{"ab" * 16}"\nmusic_folder = "{tmp_path}/music"\n')
    secret = "AQ" + "d3x" * 20
    (tmp_path / "attune.log").write_text(f"one\nrefresh_token={secret}\n{tmp_path}/song.mp3\x1b[2J\n")
    snapshot = replace(Snapshot(counters=Counters(windows=3)), timing={"total": StageTiming(1.0, 2.0, 3.0)})
    log = diagnostics.log_tail(2)
    assert len(log) == 2
    text = diagnostics.report_text(
        [Check("Disk", Verdict.GOOD, f"free at {tmp_path}")],
        read_settings(),
        snapshot,
        log,
        datetime.now(UTC),
    )
    assert secret not in text
    assert "ab" * 16 not in text
    assert str(tmp_path) not in text
    assert "\x1b" not in text
    for part in ("free at ~", "music_folder = ~/music (file)", "windows: 3", "total: 1.0, 2.0, 3.0"):
        assert part in text


def test_values_are_written_as_people_read_them() -> None:
    for name, value, words in (
        ("threshold", 0.7, "70\xa0%"),
        ("hop_s", 0.5, "0.5 s"),
        ("retention_days", 90, "90 days"),
        ("journal", True, "on"),
        ("device", None, "not set"),
        ("provider", "cpu", "The processor"),
    ):
        assert value_words(SETTINGS[name], value) == words


def test_a_setting_says_when_it_holds_and_escapes_what_comes_from_outside() -> None:
    html = setting_text(SETTINGS["hop_s"], Origin.FILE, waits=True, problem="<b>no</b>")
    assert "when listening starts again" in html
    assert "&lt;b&gt;" in html
    assert SETTINGS["hop_s"].takes_effect is TakesEffect.LISTENING


def test_the_preview_of_a_model_without_a_plane_has_one_statement() -> None:
    heard = tuple(replace(one, energy=None, pleasantness=None) for one in readings(0.9))
    decisions = decide_again(heard, GateConfig())
    assert gate_preview(decisions, decisions, 0.5).count("<h3>") == 1


def test_the_size_of_what_is_kept_counts_what_stands_beside_it(tmp_path: Path) -> None:
    assert stored_bytes(tmp_path / "none") == 0
    for name in ("journal.sqlite3", "journal.sqlite3-wal"):
        (tmp_path / name).write_bytes(b"12345")
    assert stored_bytes(tmp_path / "journal.sqlite3") == 10
    assert stored_bytes(tmp_path) == 10


def test_live_and_settings_share_the_minimum_confidence(settings_file: Path) -> None:
    context = page_header.shared_context()
    context.settings.change("threshold", 0.9)
    assert context.engine.threshold == 0.9
    assert tomllib.loads(settings_file.read_text())["threshold"] == 0.9

"""What is listed comes as JSON, as CSV, or as text that no pipe cuts."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import soundfile
from rich.console import Console

from attune.cli import console, devices, evaluation_tables, main
from realtime.capture import AudioDevice, SourceKind
from tests.realtime.sources import voice
from tests.terminal import Terminal

LISTINGS = (
    *(
        "devices",
        "doctor",
        "journal sessions",
        "corrections list",
        "models list",
        "library show",
        "spotify devices",
    ),
    *("player list", "player links"),
    *("spotify playlists", "data check", "data stats", "bench emotion", "bench mood", "emotion", "mood"),
    *("evaluate emotion", "evaluate personal", "evaluate corrections", "evaluate protocols"),
)
JSON_ALONE = ("listen", "library scan", "spotify status", "evaluate mood", "calibrate")
LONG = "A microphone with a name that is longer than any line of a terminal, " * 4


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv("COLUMNS")
    return Terminal(capsys, monkeypatch)


@pytest.fixture
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (
        AudioDevice(SourceKind.MICROPHONE, LONG, "ALSA", "sounddevice", 48_000, 2, True),
        AudioDevice(SourceKind.SYSTEM, 'Echo\x1b[2J, "loud"\n', "", "sounddevice", 44_100, 1, False),
    )
    monkeypatch.setattr(devices, "list_devices", lambda **_: found)


def options_of(words: str) -> set[str]:
    group, _, name = words.partition(" ")
    command = main.load_command(group)
    if name:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("command", LISTINGS)
def test_every_listing_has_both_forms(command: str) -> None:
    assert {"--json", "--csv"} <= options_of(command)


@pytest.mark.parametrize("command", JSON_ALONE)
def test_what_is_no_table_has_json(command: str) -> None:
    assert "--json" in options_of(command)


@pytest.mark.usefixtures("_listed")
def test_a_pipe_gets_one_whole_line_a_row(attune: Terminal) -> None:
    code, out, _ = attune("devices")
    head, first, second = out.splitlines()
    assert code == 0
    assert head.split() == ["kind", "name", "host", "API", "library", "rate,", "Hz", "channels", "default"]
    assert LONG in first
    assert r'Echo\x1b[2J, "loud"\n' in second
    assert "…" not in out


@pytest.mark.usefixtures("_listed")
def test_a_narrow_terminal_loses_nothing_either(attune: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    narrow = Console(file=screen, force_terminal=True, color_system=None, width=60, _environ={})
    monkeypatch.setattr(console, "out", narrow)
    assert attune("devices")[0] == 0
    assert "…" not in screen.getvalue()
    assert max(map(len, screen.getvalue().splitlines())) == 60


@pytest.mark.usefixtures("_listed")
def test_json_and_csv_say_the_same(attune: Terminal) -> None:
    records = json.loads(attune("devices", "--json")[1])
    rows = list(csv.DictReader(io.StringIO(attune("devices", "--csv")[1])))
    assert [row.keys() for row in rows] == [record.keys() for record in records]
    assert records[1]["name"] == 'Echo\x1b[2J, "loud"\n'
    assert rows[1]["name"] == r'Echo\x1b[2J, "loud"\n'
    assert (records[0]["rate_hz"], records[0]["default"]) == (48_000, True)
    assert (rows[0]["rate_hz"], rows[0]["default"]) == ("48000", "true")
    code, out, err = attune("devices", "--csv", "--json")
    assert (code, out) == (2, "")
    assert "choose one of --json and --csv" in err


def test_nothing_to_list_is_an_empty_list_and_a_header(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "list_devices", lambda **_: ())
    assert attune("devices", "--json")[1] == "[]\n"
    assert attune("devices", "--csv")[1] == "kind,name,host_api,library,rate_hz,channels,default\n"


def test_sessions_have_moments_with_their_zone(attune: Terminal, tmp_path: Path) -> None:
    talk = tmp_path / "talk.wav"
    soundfile.write(talk, voice(4.0), 16_000)
    assert json.loads(attune("journal", "sessions", "--json")[1]) == []
    attune("listen", "--fast", "--source", str(talk))
    (session,) = json.loads(attune("journal", "sessions", "--json")[1])
    assert (session["id"], session["rate_hz"], session["source_name"]) == (1, 16_000, "talk.wav")
    for moment in (session["started_at"], session["ended_at"]):
        assert datetime.fromisoformat(moment).tzinfo is not None
    (row,) = csv.DictReader(io.StringIO(attune("journal", "sessions", "--csv")[1]))
    assert row["started_at"] == session["started_at"]
    assert json.loads(row["settings"]) == session["settings"]
    _, line = attune("journal", "sessions")[1].splitlines()
    assert session["started_at"] in line
    assert session["model"] in line


def test_an_export_goes_to_standard_output_too(attune: Terminal, tmp_path: Path) -> None:
    code, out, err = attune("journal", "export", "-")
    assert (code, err) == (0, "")
    assert out.startswith("record,session_id,started_at")
    assert not (tmp_path / "-").exists()


@dataclass
class _Thing:
    name: str
    share: float
    parts: tuple[str, ...]
    missing: str | None = None


def test_values_of_any_kind(capsys: pytest.CaptureFixture[str]) -> None:
    things = [_Thing("caf\udce9", float("nan"), ("a", "b"))]
    console.print_data(console.table_of(_Thing, things), as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"name": r"caf\xe9", "share": None, "parts": ["a", "b"], "missing": None}
    ]
    console.print_data(console.table_of(_Thing, [_Thing("=1+1", 0.25, ("a",))]), as_csv=True)
    assert capsys.readouterr().out == 'name,share,parts,missing\n\'=1+1,0.25,"[""a""]",\n'


def test_figures_of_an_evaluation_are_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    right = {"ua": 0.5, "accepted": 3, "coverage": 0.3, "accepted_accuracy": None, "ece": 0.1}
    place = {"corpus": "nemo", "who": "unseen", "way": "clip", "n": 10}
    report = {
        "table": [{**place, "classes": 6, "eight_way": right, "masked": {**right, "ua": 0.6}}],
        "plane_table": [{**place, **right, "axis": "energy", "auc": 0.9}],
    }
    evaluation_tables.print_emotion_csv(report)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["statement"], row["answers"]) for row in rows] == [
        *[("emotion", "8"), ("emotion", "6")],
        ("energy", "2"),
    ]
    assert [(row["ua"], row["auc"], row["accepted_accuracy"]) for row in rows[1:]] == [
        *[("0.6", "", ""), ("0.5", "0.9", "")]
    ]


def test_gains_of_calibration_are_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    state = {"ua": 0.5, "coverage": 0.2, "accepted_accuracy": 0.9, "ece": 0.1}
    entry = {"takes": 24, "users": 3, "before": state, "after": {**state, "ua": 0.7}, "kept": 1.0}
    report = {"corpora": {"nemo": {"emotions": entry, "neutral": None}}, "unseen_corpora": {}}
    evaluation_tables.print_personal_csv(report)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["mode"], row["users"], row["ua_before"], row["ua_after"]) == ("emotions", "3", "0.5", "0.7")

"""The terminal: what it prints, how it exits, and one sentence for every mistake."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

from attune.cli import console, devices, listen, main
from attune.cli.training_options import command_line
from attune.engine.engine import Engine
from core.emotions import EMOTIONS
from core.errors import DeviceNotFoundError
from playback.player import (
    ConnectionState,
    PlayerConnection,
    PlayerKind,
    PlayerSnapshot,
    PlayingTrack,
    Playlist,
)
from playback.preferences.preferences import Preferences
from playback.snapshot import MusicRecord, MusicSnapshot, RecordKind
from realtime.capture import AudioDevice, SourceKind, SourceSpec
from tests.models.emotion_graphs import write_emotion_model
from tests.realtime.sources import voice
from tests.terminal import Terminal


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    soundfile.write(path, voice(5.0), 16_000)
    return path


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch)


def windows_of(out: str) -> list[dict[str, Any]]:
    """The lines of `listen --json` but for the last, which says that the recording is over."""
    *lines, end = [json.loads(line) for line in out.splitlines()]
    assert (end["type"], end["kind"], end["ends"]) == ("notice", "finished", None)
    assert {line["type"] for line in lines} == {"window"}
    return lines


def test_listen_to_a_file_prints_one_json_object_per_window(attune: Terminal, recording: Path) -> None:
    code, out, _ = attune("listen", "--source", str(recording), "--fast", "--json")
    lines = windows_of(out)
    assert code == 0
    assert [line["time_s"] for line in lines] == [3.0, 3.5, 4.0, 4.5, 5.0]
    assert set(lines[0]["probabilities"]) == set(EMOTIONS)
    assert {line["kind"] for line in lines} <= {"accepted", "unsure", "no speech"}


def test_listen_twice_gives_the_same_lines(attune: Terminal, recording: Path) -> None:
    def lines() -> list[dict[str, object]]:
        _, out, _ = attune("listen", "--source", str(recording), "--fast", "--json")
        return [{**line, "latency_ms": 0} for line in windows_of(out)]

    assert lines() == lines()


def test_listen_in_words(attune: Terminal, recording: Path) -> None:
    code, out, _ = attune("listen", "--source", str(recording), "--fast")
    assert code == 0
    assert "voice.wav" in out
    assert "The recording is over." in out
    assert "━" * 40 in out, "no bar of what has been heard"


def test_emotion_in_json_and_in_a_table(attune: Terminal, recording: Path) -> None:
    code, out, _ = attune("emotion", "--json", str(recording))
    clip = json.loads(out)
    assert code == 0
    assert clip["file"] == str(recording)
    assert clip["emotion"] in EMOTIONS
    assert len(clip["windows"]) == 5
    code, out, _ = attune("emotion", str(recording))
    assert code == 0
    assert f"Whole clip: {clip['emotion']}" in out


@pytest.fixture
def falling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A voice that the tiny model of emotion, energy and pleasantness takes for lively and pleasant."""
    model = write_emotion_model(tmp_path / "plane.onnx", energy_offset=11.0)
    monkeypatch.setenv("ATTUNE_EMOTION_MODEL", str(model))
    path = tmp_path / "falling.wav"
    signal = voice(5.0)
    signal *= np.geomspace(1.0, 0.1, len(signal), dtype=np.float32)[:, np.newaxis]
    soundfile.write(path, signal, 16_000, subtype="FLOAT")
    return path


def test_listen_in_json_carries_three_statements(attune: Terminal, falling: Path) -> None:
    code, out, _ = attune("listen", "--source", str(falling), "--fast", "--json")
    lines = windows_of(out)
    assert code == 0
    assert lines[0]["energy"]["accepted"] is None  # it must last a while first
    assert lines[0]["direction"] is None
    assert lines[-1]["energy"]["accepted"] == "lively"
    assert lines[-1]["pleasantness"]["accepted"] == "pleasant"
    assert lines[-1]["direction"] == "lively and pleasant"
    assert lines[-1]["reason"].startswith("Sounds lively and pleasant, but the emotion is unsure: ")
    for line in lines:
        assert 0.5 <= line["energy"]["confidence"] <= 1.0
        assert set(line["energy"]) == {"accepted", "confidence", "p_lively"}
        assert set(line["pleasantness"]) == {"accepted", "confidence", "p_pleasant"}


def test_listen_in_words_says_what_is_sure_on_the_plane(attune: Terminal, falling: Path) -> None:
    out = attune("listen", "--source", str(falling), "--fast")[1]
    assert re.search(r"^energy: lively \d\d\xa0%  pleasantness: pleasant \d\d\xa0%\s*$", out, re.MULTILINE)
    assert "Sounds lively and pleasant, but the emotion is unsure: " in out
    strict = ("--energy-threshold", "0.99", "--pleasantness-threshold", "0.99")
    out = attune("listen", "--source", str(falling), "--fast", *strict)[1]
    assert re.search(
        r"^energy: lively \d\d\xa0% \(unsure\)  pleasantness: pleasant \d\d\xa0% \(unsure\)",
        out,
        re.MULTILINE,
    )
    assert "Sounds" not in out


def test_clip_carries_three_statements_in_json_and_in_words(attune: Terminal, falling: Path) -> None:
    clip = json.loads(attune("emotion", "--json", str(falling))[1])
    assert (clip["energy"]["accepted"], clip["pleasantness"]["accepted"]) == ("lively", "pleasant")
    assert clip["direction"] == "lively and pleasant"
    assert clip["energy"]["p_lively"] == clip["energy"]["confidence"]
    assert clip["windows"][-1]["direction"] == "lively and pleasant"
    out = attune("emotion", str(falling))[1]
    assert re.search(r"confidence .* gate .* energy .* pleasantness", out)
    assert re.search(
        r"lively\? \d\d\xa0% .* pleasant\? \d\d\xa0%", out
    )  # the first window: it must last a while
    assert re.search(r"lively \d\d\xa0% .* pleasant \d\d\xa0%", out)
    said = re.compile(
        r"Whole clip: \w+ \d+\xa0% \(unsure\), lively (\d+)\xa0%, pleasant \d+\xa0%$", re.MULTILINE
    ).search(out)
    assert said is not None
    assert int(said[1]) == round(100 * clip["energy"]["p_lively"])
    strict = attune("emotion", "--energy-threshold", "0.99", str(falling))[1]
    assert re.search(r"lively \d+\xa0% \(unsure\), pleasant \d+\xa0%$", strict, re.MULTILINE)


def test_model_without_the_plane_has_nulls_in_json_and_nothing_in_words(
    attune: Terminal, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_emotion_model(tmp_path / "older.onnx", axes=())
    monkeypatch.setenv("ATTUNE_EMOTION_MODEL", str(model))
    line = windows_of(attune("listen", "--source", str(recording), "--fast", "--json")[1])[-1]
    clip = json.loads(attune("emotion", "--json", str(recording))[1])
    for said in (line, clip):
        assert (said["energy"], said["pleasantness"], said["direction"]) == (None, None, None)
    for command in (("listen", "--source", str(recording), "--fast"), ("emotion", str(recording))):
        out = attune(*command)[1]
        assert "energy" not in out
        assert "pleasant" not in out


def test_journal_exports_three_statements(attune: Terminal, falling: Path, tmp_path: Path) -> None:
    attune("listen", "--source", str(falling), "--fast", "--json")
    table = tmp_path / "out.csv"
    assert attune("journal", "export", str(table))[0] == 0
    with table.open(encoding="utf-8", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["energy"]) > 0.8
    assert (last["accepted_energy"], last["accepted_pleasantness"]) == ("lively", "pleasant")
    assert last["direction"] == "lively and pleasant"


def test_one_bad_file_among_good_ones_is_named_and_the_rest_is_done(
    attune: Terminal, recording: Path, tmp_path: Path
) -> None:
    poem = tmp_path / "poem.mp3"
    poem.write_text("no sound at all")
    code, out, err = attune("emotion", "--json", str(poem), str(recording))
    assert code == 1
    assert "poem.mp3" in err
    assert json.loads(out)["file"] == str(recording)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("listen", "--source", "gone.wav"), "gone.wav"),
        (("emotion", "gone.wav"), "gone.wav"),
    ],
)
def test_mistakes_are_one_sentence_without_a_traceback(
    attune: Terminal, args: tuple[str, ...], words: str
) -> None:
    code, _, err = attune(*args)
    assert code == 1
    assert err.lstrip().startswith("Error: ")
    assert words in err
    assert "Traceback" not in err


def test_wrong_options_are_usage_errors(attune: Terminal) -> None:
    assert attune("listen", "--treshold", "0.7")[0] == 2
    assert attune("emotion")[0] == 2
    assert attune("emotion", "--threshold", "7", "x.wav")[0] == 2
    assert attune("listen", "--source", "demo", "--energy-threshold", "0.5")[0] == 2
    assert attune("emotion", "--pleasantness-threshold", "1", "x.wav")[0] == 2
    code, _, err = attune("listen", "--source", "demo", "--backend", "abacus")
    assert (code, "abacus" in err) == (2, True)


@pytest.mark.parametrize(
    ("args", "option"),
    [
        (("--source", "mic", "--fast"), "--fast"),
        (("--source", "system", "--fast"), "--fast"),
        (("--device", "USB", "--fast"), "--fast"),
        (("--source", "demo", "--device", "USB"), "--device"),
        (("--source", "talk.wav", "--device", "USB"), "--device"),
        (("--source", "talk.wav", "--host-api", "ALSA"), "--host-api"),
        (("--source", "system", "--host-api", "ALSA"), "--host-api"),
    ],
)
def test_options_that_do_not_fit_the_source_are_usage_errors(
    attune: Terminal, args: tuple[str, ...], option: str
) -> None:
    code, _, err = attune("listen", *args)
    assert code == 2
    assert option in err
    assert "--source" in err


class Asked:
    """Takes the engine's place and keeps what it was asked to listen to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spec: SourceSpec | None = None
        monkeypatch.setattr(Engine, "start", self._start)

    def _start(self, spec: SourceSpec, **_: object) -> None:
        self.spec = spec


class Following:
    """Takes the engine's place while music follows: each wait brings the next picture of the music."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *pictures: MusicSnapshot) -> None:
        self.times_viewed = 0
        left = list(pictures)
        seen: list[MusicSnapshot] = []

        def wait(_: Engine, _timeout_s: float) -> bool:
            seen.append(left.pop(0))
            return not left

        monkeypatch.setattr(Engine, "start", lambda *_, **__: None)
        monkeypatch.setattr(Engine, "wait", wait)
        monkeypatch.setattr(Engine, "open_music", lambda *_: None)
        monkeypatch.setattr(Engine, "music_snapshot", lambda _: seen[-1])
        monkeypatch.setattr(Engine, "music", self)

    def mark_viewed(self) -> None:
        self.times_viewed += 1


LISTEN = ("listen", "--source", "demo", "--player", "spotify")
RAINY = Playlist("spotify:playlist:1", "Rainy day")
CONNECTED = PlayerConnection(ConnectionState.CONNECTED, "Connected to Spotify.")


def music(
    *records: MusicRecord,
    message: str = "",
    connection: PlayerConnection = CONNECTED,
    playing: bool = False,
    track: PlayingTrack | None = None,
    playlist: Playlist | None = None,
) -> MusicSnapshot:
    player = PlayerSnapshot(PlayerKind.SPOTIFY, connection, playing, track, playlist)
    return MusicSnapshot(player, Preferences(), message=message, records=records)


def happened(*reasons: str, at_s: float = 100.0) -> tuple[MusicRecord, ...]:
    return tuple(MusicRecord(at_s, RecordKind.USER, reason) for reason in reasons)


def test_of_what_happens_at_once_nothing_is_lost_and_nothing_told_twice(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three, four = happened("one", "two", "three", "four")
    (same,) = happened("four")  # twice in a row the same, at the same time
    (back,) = happened("back", at_s=1.0)  # the clock was set back
    given = [one, two, three, four, same, back]

    def start(engine: Engine, _: SourceSpec) -> None:
        for record in given:
            engine.music.add_record(record, "")

    def wait(engine: Engine, _timeout_s: float) -> bool:
        return len(engine.music.snapshot().records) == len(given)

    monkeypatch.setattr(Engine, "start", start)
    monkeypatch.setattr(Engine, "wait", wait)
    code, out, _ = attune("listen", "--source", "demo", "--player", "dry-run", "--json")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert {(line["type"], line["music"]) for line in lines} == {("music", "user")}
    assert [line["reason"] for line in lines] == ["one", "two", "three", "four", "four", "back"]


def test_on_a_terminal_the_music_is_marked_as_viewed(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=screen, force_terminal=True, width=100, _environ={}))
    following = Following(monkeypatch, music(), music())
    assert attune(*LISTEN)[0] == 0
    assert following.times_viewed == 2
    assert "nothing plays" in screen.getvalue()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_through_a_pipe_the_music_is_not_marked_as_viewed(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    following = Following(monkeypatch, music(), music())
    assert attune(*LISTEN, *options)[0] == 0
    assert following.times_viewed == 0


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (music(), "nothing plays"),
        (music(playlist=RAINY), "nothing plays"),
        (music(playing=True), "music plays"),
        (music(playing=True, playlist=RAINY), "Rainy day"),  # its track is not known yet
        (music(playing=True, track=PlayingTrack("Drops")), "Drops"),
        (music(playing=True, track=PlayingTrack("Drops"), playlist=RAINY), "Drops (Rainy day)"),
    ],
)
def test_what_plays_is_named(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch, picture: MusicSnapshot, says: str
) -> None:
    Following(monkeypatch, picture)
    lines = attune(*LISTEN)[1].splitlines()
    assert [line.rstrip() for line in lines if line.startswith("spotify: ")] == [f"spotify: {says}"]


def test_what_is_wrong_is_said_once(attune: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "No music folder was indexed yet: run `attune library scan FOLDER` with yours."
    shown = music(
        message=f"The player cannot play: {wrong}", connection=PlayerConnection(CONNECTED.state, wrong)
    )
    Following(monkeypatch, shown)
    assert attune(*LISTEN)[1].count("No music folder") == 1
    held_back = happened(f"Angry was heard for 4 s, but the player cannot play: {wrong}")
    Following(monkeypatch, replace(shown, records=held_back))
    out = attune(*LISTEN)[1]
    assert out.count("No music folder") == 1
    assert "Angry was heard" in out


def test_microphone_of_the_settings_is_used_for_the_microphone_alone(
    attune: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text("device = 'USB'\nbackend = 'pyaudio'\n")
    asked = Asked(monkeypatch)
    assert attune("listen", "--source", "mic", "--host-api", "ALSA")[0] == 0
    assert asked.spec == SourceSpec(SourceKind.MICROPHONE, device="USB", host_api="ALSA", backend="pyaudio")
    attune("listen", "--source", "system")
    assert asked.spec == SourceSpec(SourceKind.SYSTEM)
    attune("listen", "--source", "system", "--device", "Speakers")
    assert asked.spec == SourceSpec(SourceKind.SYSTEM, device="Speakers")
    attune("listen", "--source", "demo")
    assert asked.spec == SourceSpec(SourceKind.DEMO)


def test_device_without_a_source_is_a_microphone(attune: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    attune("listen", "--device", "USB")
    assert asked.spec == SourceSpec(SourceKind.MICROPHONE, device="USB")


def test_fast_stays_with_a_suggested_demo_and_is_refused_with_a_suggested_microphone(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    suggested = SourceSpec(SourceKind.DEMO)
    monkeypatch.setattr(listen, "suggest_source", lambda _: (suggested, "No microphone was found."))
    code, _, err = attune("listen", "--fast")
    assert (code, err.strip()) == (0, "No microphone was found.")
    assert asked.spec == SourceSpec(SourceKind.DEMO, fast=True)
    suggested = SourceSpec(SourceKind.MICROPHONE)
    assert attune("listen", "--fast")[0] == 2


def test_microphone_that_is_not_there_is_named(attune: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DeviceNotFoundError("There is no microphone called 'Gone', nor any other: connect it.")

    monkeypatch.setattr(Engine, "start", refuse)
    code, out, err = attune("listen", "--source", "mic", "--device", "Gone")
    assert (code, out) == (1, "")
    assert err == "Error: There is no microphone called 'Gone', nor any other: connect it.\n"


def test_microphone_is_looked_for_and_its_absence_is_said_here_too(attune: Terminal) -> None:
    code, _, err = attune("listen", "--source", "mic", "--device", "No Such Microphone")
    assert code == 1
    assert re.match(r"Error: (There is no microphone called 'No Such Microphone'|PortAudio|The sound)", err)


@pytest.mark.parametrize(
    "command",
    [
        "listen", "devices", "emotion", "doctor", "bench emotion", "journal sessions", "journal export",
        "journal clear",
    ],
)  # fmt: skip
def test_help_has_examples(attune: Terminal, command: str) -> None:
    code, out, _ = attune(*command.split(), "--help")
    assert code == 0
    assert re.search(rf"Examples?: attune {command}", out)


def test_devices_are_listed_as_the_chosen_library_has_them(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(*, backend: str) -> tuple[AudioDevice, ...]:
        return (AudioDevice(SourceKind.MICROPHONE, "Mikrofon für [b]", "ALSA", backend, 48_000, 2, True),)

    monkeypatch.setattr(devices, "list_devices", listed)
    code, out, _ = attune("devices", "--json", "--backend", "pyaudio")
    assert code == 0
    assert out.isascii()
    assert json.loads(out) == [
        {
            "kind": "mic",
            "name": "Mikrofon für [b]",
            "host_api": "ALSA",
            "library": "pyaudio",
            "rate_hz": 48_000,
            "channels": 2,
            "default": True,
        }
    ]
    assert "Mikrofon für [b]" in attune("devices")[1]


def test_no_device_at_all_points_to_the_demo(attune: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "list_devices", lambda **_: ())
    code, out, _ = attune("devices")
    assert (code, "attune listen --source demo" in out) == (0, True)


def test_doctor_names_every_topic(attune: Terminal) -> None:
    _, out, _ = attune("doctor", "--json")
    checks = {check["topic"]: check for check in json.loads(out)}
    assert checks["Weights emotion-compact"]["verdict"] == "good"
    assert checks["Emotion model"]["verdict"] == "good"
    assert checks["Journal"]["verdict"] == "good"
    assert checks["Log"]["finding"].endswith("attune.log")
    assert "CC" in checks["Weights emotion-compact"]["finding"]


def test_doctor_tells_a_broken_settings_file(attune: Terminal, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("threshold = 12")
    code, out, _ = attune("doctor")
    assert code == 1
    assert "threshold" in out


def test_journal_is_listed_exported_and_cleared(attune: Terminal, recording: Path, tmp_path: Path) -> None:
    attune("listen", "--source", str(recording), "--fast", "--json")
    assert "voice.wav" in attune("journal", "sessions")[1]
    table = tmp_path / "out.csv"
    assert attune("journal", "export", str(table))[0] == 0
    assert len(table.read_text().splitlines()) == 1 + 5
    code, _, err = attune("journal", "export", str(table))
    assert (code, "out.csv" in err) == (1, True)
    assert attune("journal", "export", str(tmp_path / "out.xls"))[0] == 1
    assert attune("journal", "export", str(tmp_path / "out.parquet"))[0] == 0
    assert attune("journal", "clear", "--yes")[0] == 0
    assert "voice.wav" not in attune("journal", "sessions")[1]


def test_embedded_speed_is_one_json_object(attune: Terminal) -> None:
    code, out, _ = attune("bench", "emotion", "--embedded-only", "--json", "--repeats", "3", "--threads", "1")
    figures = json.loads(out)
    assert code == 0
    assert figures["embedded_median_ms"] > 0
    assert figures["threads"] == 1


def test_speed_in_a_table(attune: Terminal) -> None:
    code, out, _ = attune("bench", "emotion", "--embedded-only", "--repeats", "3", "--threads", "1")
    assert code == 0
    assert "embedded_median_ms" in out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_terminal_without_our_signs_is_survived(recording: Path, tmp_path: Path, encoding: str) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "attune", *args],
            capture_output=True,
            check=False,
            env={
                **os.environ,
                "PYTHONIOENCODING": encoding,
                "HOME": str(tmp_path),
                "XDG_STATE_HOME": str(tmp_path / "state"),
            },
        )

    talk = recording.rename(tmp_path / "gespräch ♪.wav")
    done = run("listen", "--source", str(talk), "--fast")
    assert (done.returncode, b"Error" in done.stderr) == (0, False)
    assert b"#" in done.stdout
    assert b"Traceback" not in run("doctor").stderr


def test_what_nobody_expected_goes_to_the_log_and_not_to_the_terminal(
    attune: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(**_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(devices, "list_devices", break_down)
    code, _, err = attune("devices")
    assert code == 1
    log = tmp_path / "attune.log"
    assert err == f"Error: Something unexpected went wrong: the program's log, {log}, says what.\n"
    assert "a mistake of ours" in caplog.text


@pytest.mark.parametrize("command", [("journal", "export", "{}.csv"), ("data", "check", "{}")])
def test_a_file_that_no_command_foresaw_is_named(attune: Terminal, command: tuple[str, ...]) -> None:
    name = "n" * 300
    code, _, err = attune(*(word.format(name) for word in command))
    assert code == 1
    assert err.endswith("cannot be used (File name too long): check its name, folder and permissions.\n")
    assert name in err


def test_terminal_starts_without_what_is_heavy_or_not_its_own() -> None:
    heavy = {"torch", "transformers", "librosa", "streamlit", "sounddevice", "soundcard", "pyaudio"}
    program = f"""
import sys, attune.cli.main
print({{'numpy', 'onnxruntime', 'pydantic', 'attune.engine'}} & set(sys.modules))
for name in attune.cli.main.COMMANDS:
    attune.cli.main.load_command(name)
print({heavy} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["set()", "set()", ""]


@pytest.mark.parametrize("name", main.COMMANDS)
def test_list_of_commands_says_what_each_command_says_of_itself(attune: Terminal, name: str) -> None:
    first_paragraph = " ".join(main.load_command(name).help.partition("\n\n")[0].split())
    assert first_paragraph == main.COMMANDS[name]
    assert name in attune("--help")[1]


def test_commands_that_are_not_there_are_usage_errors_with_a_suggestion(attune: Terminal) -> None:
    code, _, err = attune("listne")
    assert (code, "No such command" in err, "'listen'" in err) == (2, True, True)
    assert attune()[0] == 2
    assert attune("journal")[0] == 2


def test_recorded_command_says_no_place_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = ["--data", str(tmp_path), "--corpus", f"nemo={tmp_path}/a b.onnx", "--noise", "../music"]
    monkeypatch.setattr(sys, "argv", ["attune", "evaluate", "personal", *given])
    said = f"attune evaluate personal --data {tmp_path.name} --corpus 'nemo=a b.onnx' --noise ../music"
    assert command_line() == said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_output_on_a_full_disk_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "attune", "emotions", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "The output cannot be written because the disk is full" in done.stderr
    assert "Traceback" not in done.stderr

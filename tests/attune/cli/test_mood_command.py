"""`attune mood`: what it prints, how it exits, and one sentence for every bad file."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from attune.cli import console, main
from core.errors import SettingsError
from core.mood_tags import TAGS
from models.mood.mood_scale import MOODS
from models.mood.result import CSV_COLUMNS
from models.mood.tagger import MoodTagger
from tests.models.mood.test_file_tags import moods_in, song
from tests.models.mood.test_tagger import noise, swelling
from tests.models.mood_graphs import write_backbone, write_head
from tests.paths import ROOT
from tests.terminal import Terminal
from training.speed import mood as bench

RATE_HZ = 16_000


@pytest.fixture(autouse=True)
def _tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(write_backbone(tmp_path / "backbone.onnx")))
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", str(write_head(tmp_path / "head.onnx")))


@pytest.fixture
def mood(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "mood")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder with two files of one name, something hidden, and something else."""
    folder = tmp_path / "music"
    for number, place in enumerate(("a", "b/deep", ".hidden")):
        (folder / place).mkdir(parents=True)
        soundfile.write(folder / place / "song.wav", swelling(12.0, seed=number), RATE_HZ)
    (folder / "notes.txt").write_text("no sound")
    (folder / "a" / "._song.wav").write_text("what macOS leaves on other disks")
    return folder


def test_theme_in_words(mood: Terminal, music: Path) -> None:
    code, out, _ = mood(music / "a" / "song.wav")
    assert code == 0
    assert "song.wav  0:12.00" in out
    theme, moods, heard = out.splitlines()[1:4]
    assert theme.split()[0] == "theme"
    assert len([tag for tag in theme.replace(",", "").split() if tag in TAGS]) == 3
    assert moods.split()[0] == "moods"
    assert heard.split()[:2] == ["heard", "music"]
    for option in ("--theme", "--mood"):
        assert mood(option, music / "a" / "song.wav")[1] == out


def test_timeline_in_words(mood: Terminal, music: Path) -> None:
    code, out, _ = mood("--timeline", "-k", "1", music / "a" / "song.wav")
    assert code == 0
    head, *rows = out.splitlines()[1:]
    assert head.split() == ["from", "mood", "tags"]
    assert len(rows) == 13
    time_, mood_word, tag, share = rows[-1].split(maxsplit=3)
    assert time_ == "0:11.52"
    assert mood_word in MOODS
    assert tag in TAGS
    assert share.rstrip().endswith("\xa0%")
    assert len({row.index(row.split()[1]) for row in rows}) == 1, "moods stand below each other"
    assert "theme" not in out
    assert "theme" in mood("--timeline", "--theme", music / "a" / "song.wav")[1]


def test_hours_are_written_as_hours() -> None:
    assert [
        console.duration_text(seconds, decimals=2) for seconds in (0.0, 59.999, 3_599.99, 3_723.5, 86_400.0)
    ] == [*("0:00.00", "1:00.00", "59:59.99", "1:02:03.50", "24:00:00.00")]


def test_folders_are_looked_through_and_files_of_one_name_told_apart(mood: Terminal, music: Path) -> None:
    code, out, err = mood("--json", "-k", "2", music)
    answers = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [answer["file"] for answer in answers] == [
        str(music / "a" / "song.wav"),
        str(music / "b" / "deep" / "song.wav"),
    ]
    assert [len(answer["theme"]) for answer in answers] == [2, 2]
    assert answers[0]["theme"] != answers[1]["theme"]
    assert "timeline" not in answers[0]


def test_json_of_the_timeline_has_a_row_a_patch(mood: Terminal, music: Path) -> None:
    _, out, _ = mood("--json", "--timeline", music / "a" / "song.wav")
    answer = json.loads(out)
    assert [row["start_s"] for row in answer["timeline"][:3]] == [0.0, 0.96, 1.92]
    assert len(answer["timeline"]) == 13
    assert "theme" not in answer


def test_csv_is_one_table(mood: Terminal, music: Path) -> None:
    code, out, _ = mood("--csv", "--theme", "--timeline", "-k", "59", music)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 2 * (1 + 13) * 59
    assert {row["part"] for row in rows} == {"theme", "timeline"}


def test_bad_files_are_named_with_their_places_and_the_others_go_on(
    mood: Terminal, music: Path, tmp_path: Path
) -> None:
    (music / "a" / "bad.mp3").write_text("no sound at all")
    (music / "b" / "bad.mp3").touch()
    (tmp_path / "nothing").mkdir()
    code, out, err = mood("--json", tmp_path / "gone.wav", music, tmp_path / "nothing")
    assert code == 1
    assert len(out.splitlines()) == 2
    errors = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == len(err.splitlines()) == 4
    assert "gone.wav" in errors[0]
    assert f"{music / 'a' / 'bad.mp3'} is not sound" in errors[1]
    assert f"{music / 'b' / 'bad.mp3'} is empty" in errors[2]
    assert "There is no sound file in the folder" in errors[3]


@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9.wav",
        b"line\nbreak.wav",
        b"\x1b[31mred\x07.wav",
        "[bold]:smile: \N{MUSICAL NOTE}.wav".encode(),
        ("long" * 62 + ".wav").encode(),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_names_of_any_kind_are_survived_and_order_nothing(
    mood: Terminal, tmp_path: Path, name: bytes
) -> None:
    folder = tmp_path / "named"
    folder.mkdir()
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    soundfile.write(str(folder / "plain.wav"), swelling(6.0), RATE_HZ)
    try:
        (folder / "plain.wav").rename(path)
    except OSError:
        pytest.skip("this disk wants names to be text")
    code, out, err = mood(path, path.with_suffix(".mp3"))
    assert code == 1
    assert len(out.splitlines()) == 4
    assert len(err.splitlines()) == 1
    assert not {"\x1b", "\x07"} & set(out + err)
    assert ":smile:" in out or "smile" not in str(path)
    assert json.loads(mood("--json", folder)[1])["duration_s"] == 6.0
    assert len(list(csv.DictReader(io.StringIO(mood("--csv", folder)[1], newline="")))) == 3


def test_silence_is_said(mood: Terminal, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hush.wav", np.zeros(RATE_HZ * 8), RATE_HZ)
    code, out, err = mood(tmp_path / "hush.wav")
    assert code == 0
    assert out.splitlines()[1:] == ["  none: it is silent"]
    assert "is silent (below -70 dBFS throughout), so it has no mood" in err
    _, out, _ = mood("--json", tmp_path / "hush.wav")
    answer = json.loads(out)
    assert (answer["silent"], answer["theme"], answer["moods"], answer["plane"]) == (True, [], {}, {})
    assert "so it has no mood" in answer["notices"][0]


def test_tags_are_written_when_asked_for_and_never_of_silence(mood: Terminal, tmp_path: Path) -> None:
    path = song(tmp_path, "mp3")
    code, _, err = mood("--write-tags", "-k", "2", path)
    assert code == 0
    assert 1 <= len(moods_in(path)) <= 2
    assert set(moods_in(path)) <= set(TAGS)
    assert f"Wrote {', '.join(moods_in(path))} into {path}." in err
    soundfile.write(tmp_path / "hush.flac", np.zeros(RATE_HZ * 8), RATE_HZ)
    before = (tmp_path / "hush.flac").read_bytes()
    assert mood("--write-tags", tmp_path / "hush.flac")[0] == 0
    assert (tmp_path / "hush.flac").read_bytes() == before
    assert "Nothing was written into" in mood("--write-tags", tmp_path / "hush.flac")[2]


def test_what_holds_no_music_is_said_and_gets_no_tags(
    mood: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = write_backbone(tmp_path / "loud.onnx", loud_is_music=True)
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", str(backbone))
    music, talk = noise(6.0, level=0.2), noise(30.0, level=0.04)
    path = tmp_path / "talk.flac"
    soundfile.write(path, np.concatenate([music, talk, np.zeros(RATE_HZ * 12)]), RATE_HZ)
    before = path.read_bytes()
    code, out, err = mood("--write-tags", "--theme", "--timeline", path)
    assert code == 0
    assert out.splitlines()[1] == "  none: no music was heard"
    assert out.splitlines()[2].split()[0] == "heard"
    words = [line[11:].strip() for line in out.splitlines()[4:]]
    assert words[0].split()[0] in MOODS, "the jingle"
    assert words[20] == "no music"
    assert words[-1] == "silent"
    assert "talk.flac: no music was heard (18\xa0% of it sounds like music, 20\xa0% is needed), so no" in err
    assert "Nothing was written into" in err
    assert path.read_bytes() == before
    answer = json.loads(mood("--json", path)[1])
    assert (answer["music"], answer["silent"], answer["theme"], answer["moods"]) == (False, False, [], {})
    assert answer["music_share"] == pytest.approx(0.18, abs=0.01)
    (row,) = csv.DictReader(io.StringIO(mood("--csv", path)[1]))
    assert (row["part"], row["tag"], row["probability"]) == ("theme", "", "")
    assert float(row["music_share"]) == answer["music_share"]


def test_a_file_that_holds_no_tags_is_told_but_scored(mood: Terminal, tmp_path: Path) -> None:
    code, out, err = mood("--write-tags", song(tmp_path, "wav"))
    assert code == 1
    assert "theme" in out
    assert "song.wav cannot hold tags" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "FILE"),
        (("--json", "--csv", "x.wav"), "choose one"),
        (("-k", "0", "x.wav"), "'-k'"),
        (("-k", "60", "x.wav"), "'-k'"),
        (("--device", "abacus", "x.wav"), "abacus"),
        (("--cuda", "--device", "cpu", "x.wav"), "contradicts"),
    ],
)
def test_wrong_options_are_usage_errors(mood: Terminal, args: tuple[str, ...], words: str) -> None:
    code, _, err = mood(*args)
    assert (code, words in err) == (2, True)


@pytest.mark.parametrize("option", [("--cuda",), ("--device", "cuda")])
def test_a_device_that_is_absent_is_one_sentence(
    mood: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    monkeypatch.setattr("models.runtime.available_providers", lambda: ("cpu",))
    code, _, err = mood(*option, music)
    assert code == 1
    assert err.startswith("Error: Provider 'cuda' is not available on this machine: use cpu")


def test_weights_that_are_missing_are_one_sentence(
    mood: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_MOOD_HEAD", "gone.onnx")
    code, _, err = mood(music)
    assert code == 1
    assert "gone.onnx is missing" in err


def test_progress_stays_off_what_is_no_terminal(mood: Terminal, music: Path) -> None:
    assert mood("--csv", music)[2] == ""


def test_progress_is_shown_on_a_terminal(
    mood: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=shown, force_terminal=True, width=100, _environ={}))
    mood("--json", music)
    assert "1/2 song.wav" in shown.getvalue()
    assert "2/2 song.wav" in shown.getvalue()


def test_ctrl_c_leaves_with_130_and_without_a_traceback(
    mood: Terminal, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = MoodTagger.analyse, []

    def interrupted(self: MoodTagger, source: Path, **options: object) -> object:
        if done:
            raise KeyboardInterrupt
        done.append(source)
        return real(self, source, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(MoodTagger, "analyse", interrupted)
    code, out, err = mood("--json", music)
    assert code == 130
    assert len(out.splitlines()) == 1
    assert err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_ctrl_c_stops_a_long_file_within_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "hours.wav"
    with soundfile.SoundFile(path, "w", samplerate=RATE_HZ, channels=1, subtype="PCM_16") as file:
        for _ in range(200):
            file.write(np.full(RATE_HZ * 60, 3_000, dtype=np.int16))
    code = "import sys; sys.argv[0] = 'attune'; from attune.cli.main import main; main()"
    program = subprocess.Popen(
        [sys.executable, "-c", code, "mood", "--csv", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)},
    )
    assert program.stdout is not None
    program.stdout.readline()  # the table has begun, so the models are loaded
    time.sleep(0.3)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "Traceback" not in err


def test_help_has_examples(mood: Terminal) -> None:
    code, out, _ = mood("--help")
    assert code == 0
    assert "Examples: attune mood song.mp3" in out


@pytest.fixture
def short_songs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's song lasts 4 seconds, and eager torch is left out: tests measure no speed."""
    monkeypatch.setattr(bench, "SONG_S", 4.0)
    monkeypatch.setattr(bench, "_eager", lambda _: None)


@pytest.mark.usefixtures("short_songs")
def test_speed_is_one_json_object(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["attune", "bench", "mood", "--repeats", "1", "--threads", "1", "--json"]
    )
    with pytest.raises(SystemExit) as left:
        main.main()
    assert not left.value.code
    figures = json.loads(capsys.readouterr().out)
    assert figures["end_to_end_s"] > 0
    assert figures["backbone"] == "tiny 1"
    assert figures["network_ratio"] is None
    assert "needs the extra 'train'" in figures["note"]


@pytest.mark.usefixtures("short_songs")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_peak_memory_is_that_of_a_process_of_its_own() -> None:
    peak_mb = bench.peak_of_hours(8.0 / 3600.0)
    assert peak_mb is not None
    assert 30.0 < peak_mb < 400.0


def test_rounds_and_threads_below_one_are_refused() -> None:
    with pytest.raises(SettingsError, match="0 threads and 5 rounds"):
        bench.run(threads=0)

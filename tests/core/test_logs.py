"""The log: a file for its owner alone, nothing on the terminal, and no trouble of its own."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import logs, paths


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "state" / "attune.log"
    monkeypatch.setattr(paths, "log_file", lambda: file)
    return file


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers)
    for handler in before:  # a door may have started the log in this process
        if isinstance(handler, logs._PrivateLogFile):
            root.removeHandler(handler)
            handler.close()
    factory = logging.getLogRecordFactory()
    levels = {name: logging.getLogger(name).level for name in logs._OWN_PACKAGES}
    yield
    logging.setLogRecordFactory(factory)
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_ours_are_kept_from_info_on_others_from_warning_on(file: Path) -> None:
    assert logs.start_logging() == file
    for name in ("attune.engine", "realtime.listener", "urllib3", "attuned"):
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).info("%s says info", name)
        logging.getLogger(name).warning("%s says warning", name)
    text = file.read_text(encoding="utf-8")
    said = [line.split("] ")[1] for line in text.splitlines()]
    assert said == [
        "attune.engine says info",
        "attune.engine says warning",
        "realtime.listener says info",
        "realtime.listener says warning",
        "urllib3 says warning",
        "attuned says warning",
    ]


def test_starting_twice_writes_every_line_once(file: Path) -> None:
    assert logs.start_logging() == logs.start_logging() == file
    logging.getLogger("attune").warning("once")
    assert file.read_text(encoding="utf-8").count("once") == 1


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_file_and_folder_are_their_owners_alone(file: Path) -> None:
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o644)
    logs.start_logging()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_log_rotates_and_stays_small(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MAX_BYTES", 1_000)
    logs.start_logging()
    for number in range(200):
        logging.getLogger("attune").info("line %d %s", number, "x" * 50)
    kept = sorted(file.parent.iterdir())
    assert [one.name for one in kept] == ["attune.log", "attune.log.1", "attune.log.2"]
    assert all(one.stat().st_size <= 1_000 for one in kept)
    if os.name == "posix":
        assert {stat.S_IMODE(one.stat().st_mode) for one in kept} == {0o600}
    assert "line 199" in file.read_text(encoding="utf-8")


def test_folder_that_cannot_be_written_is_survived_in_silence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = (
        "import logging; from pathlib import Path; from core import logs, paths\n"
        f"paths.log_file = lambda: Path({str(tmp_path / 'file' / 'attune.log')!r})\n"
        "print(logs.start_logging())\n"
        "logging.getLogger('attune').error('lost')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("None", "")


def test_line_that_cannot_be_written_is_passed_over(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.start_logging()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logs._PrivateLogFile, "shouldRollover", full)
    logging.getLogger("attune").error("lost")
    assert capsys.readouterr().err == ""
    assert file.exists()


TOKEN = "BQDxTz-abcdefghijklmnopqrstuvwxyz_0123456789"


class _Library(logging.Handler):
    """A handler of somebody else's, with a formatter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = "" if record.exc_info is None else str(record.exc_info[1])
        self.said.append(f"{record.msg} {record.args} {self.format(record)} {trace} {record.stack_info}")


@pytest.fixture
def library() -> Iterator[_Library]:
    """A logger that is propagated nowhere and that Attune does not know."""
    handler, log = _Library(), logging.getLogger("somebody.else")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    yield handler
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)
    log.propagate = True


def test_secrets_reach_no_handler_whoever_logs_them(file: Path, library: _Library) -> None:
    logs.start_logging()
    for name in ("somebody.else", "attune"):
        log = logging.getLogger(name)
        log.warning("Headers: %s", {"Authorization": f"Bearer {TOKEN}"})
        log.warning(f"body {TOKEN}")
        try:
            raise ValueError(f"refused: {TOKEN}")
        except ValueError:
            log.exception("a failure with %s", "a traceback", stack_info=True)
        log.warning("too many %s", TOKEN, "of them")  # noqa: PLE1205
        log.warning("plain %s", "words")
    assert len(library.said) == 5
    for text in (file.read_text(encoding="utf-8"), *library.said):
        assert TOKEN not in text
    assert "plain words" in library.said[-1]
    assert "('words',)" in library.said[-1]  # what holds no secret is as it ever was
    assert "Traceback" in library.said[2]
    assert "a failure with a traceback" in file.read_text(encoding="utf-8")


def test_exception_without_secrets_is_left_to_the_handlers(file: Path, library: _Library) -> None:
    assert logs.start_logging() == file
    try:
        raise ValueError("all can read this")
    except ValueError:
        logging.getLogger("somebody.else").exception("oh")
    assert library.said[0].endswith(" all can read this None")


def test_record_made_elsewhere_is_redacted_before_the_file(file: Path) -> None:
    logs.start_logging()
    logging.getLogger("attune").handle(
        logging.LogRecord("attune", logging.ERROR, "", 0, "sent %s", (TOKEN,), None)
    )
    text = file.read_text(encoding="utf-8")
    assert "sent [secret]" in text
    assert TOKEN not in text


def test_nothing_from_outside_orders_the_terminal_or_looks_like_a_line_of_the_log(
    file: Path, library: _Library
) -> None:
    logs.start_logging()
    name = "Echo\x1b[2J\n2026-11-29 ERROR attune forged\udce9\u202e"
    for log in (logging.getLogger("attune"), logging.getLogger("somebody.else")):
        log.warning("device %s", name)
        try:
            raise ValueError(name)
        except ValueError:
            log.exception("a failure")
    text = file.read_text(encoding="utf-8")
    for said in (text, *library.said):
        assert not {"\x1b", "\udce9", "\u202e"} & set(said)
        assert "Echo\\x1b[2J" in said
    assert r"device Echo\x1b[2J\n2026-11-29 ERROR attune forged\xe9\u202e" in text.splitlines()[0]

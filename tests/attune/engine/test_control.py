"""Commands from other programs: who may give them, and what is said of programs that are gone or hang."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Client, Listener
from pathlib import Path

import pytest

from attune.engine import control
from attune.engine.control import Answer, ControlServer, is_gone, other_programs, send_command
from core import paths
from core.errors import AttuneError

only_posix = pytest.mark.skipif(os.name != "posix", reason="rights of files are POSIX's")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    yield tmp_path / "data" / "running"
    for thread in threading.enumerate():
        assert thread.name != "attune-control" or not thread.join(5.0)  # type: ignore[func-returns-value]


def repeat(command: str, duration_s: float | None) -> str:
    if command == "refuse":
        raise AttuneError("Not now.")
    return f"{command} {duration_s}"


def test_a_command_reaches_all_programs_of_the_profile(data: Path) -> None:
    assert send_command("pause") == ()
    with closing(ControlServer(repeat)), closing(ControlServer(repeat)):
        assert send_command("pause", 60.0) == (Answer(os.getpid(), True, "pause 60.0"),) * 2
        assert send_command("refuse") == (Answer(os.getpid(), False, "Not now."),) * 2
    assert send_command("pause") == ()
    assert list(data.iterdir()) == []


def test_other_programs_with_this_profile_are_named_until_they_are_closed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert other_programs() == ()
    with closing(ControlServer(repeat)):
        assert other_programs() == ()
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: 4711)
            other = ControlServer(repeat)
        with closing(other):
            assert other_programs() == (4711,)
            assert not is_gone(4711)
        assert is_gone(4711)
    data.chmod(0o755)
    if os.name == "posix":
        assert other_programs() == ()


@only_posix
def test_only_the_user_may_read_the_addresses(data: Path) -> None:
    with closing(ControlServer(repeat)):
        (file,) = data.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
    data.chmod(0o755)
    with pytest.raises(AttuneError, match="open to other users"):
        send_command("pause")
    with closing(ControlServer(repeat)):
        assert list(data.iterdir()) == []


def test_nobody_is_heard_without_the_key_or_with_nonsense(data: Path) -> None:
    with closing(ControlServer(repeat)):
        (file,) = data.iterdir()
        told = json.loads(file.read_text())
        with pytest.raises((EOFError, OSError, control.AuthenticationError)):
            Client(told["address"], authkey=b"guessed")
        for nonsense in (b"", b"no json", b"[]", b'{"command": 1, "duration_s": "soon"}'):
            with Client(told["address"], authkey=bytes.fromhex(told["key"])) as connection:
                connection.send_bytes(nonsense)
                connection.recv_bytes()
        assert send_command("pause")[0].ok


def test_programs_that_are_gone_are_forgotten(data: Path) -> None:
    data.mkdir(parents=True, mode=0o700)
    with closing(ControlServer(repeat)):
        (file,) = data.iterdir()
        (data / "elsewhere.json").write_text(json.dumps({**json.loads(file.read_text()), "host": "another"}))
        left = {**json.loads(file.read_text()), "address": str(data / "nobody")}
        (data / "gone.json").write_text(json.dumps(left))
        (data / "torn.json").write_text('{"address"')
        assert len(send_command("pause")) == 1
        assert {path.name for path in data.iterdir()} == {file.name, "elsewhere.json"}


def test_a_program_that_hangs_is_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_ANSWER_S", 0.1)
    data.mkdir(parents=True, mode=0o700)
    with Listener(authkey=b"key") as silent:
        told = {"host": control.platform.node(), "process": 7, "address": silent.address, "key": b"key".hex()}
        (data / "7.json").write_text(json.dumps(told))
        (answer,) = send_command("pause")
        assert (answer.process, answer.ok) == (7, False)
        assert "may be suspended" in answer.sentence

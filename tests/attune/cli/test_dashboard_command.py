"""`attune dashboard`: which server it runs, on which port, and how it ends."""

from __future__ import annotations

import runpy
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from attune.cli import dashboard
from tests.paths import ROOT
from tests.terminal import Terminal


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "dashboard")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that Streamlit would have run with."""
    lines: list[list[str]] = []
    monkeypatch.setattr(runpy, "run_module", lambda name, **_: lines.append([name, *sys.argv]))
    return lines


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_streamlit_runs_the_script_with_the_settings_beside_it(
    attune: Terminal, started: list[list[str]]
) -> None:
    port = free_port()
    assert attune()[0] == 0
    assert attune("--port", str(port), "--no-browser")[0] == 0
    assert attune("--browser")[0] == 0
    run = ["streamlit", "streamlit", "run", str(ROOT / "app.py")]
    assert started == [
        run,
        [*run, f"--server.port={port}", "--server.headless=true"],
        [*run, "--server.headless=false"],
    ]
    assert (dashboard.dashboard_script().parent / ".streamlit" / "config.toml").exists()


def test_a_busy_port_is_one_sentence(attune: Terminal, started: list[list[str]], busy_port: int) -> None:
    code, out, err = attune("--port", str(busy_port))
    assert (code, out, started) == (1, "", [])
    assert err.startswith(f"Error: Port {busy_port} cannot be used (")
    assert err.endswith("): name another with --port.\n")


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_what_is_no_port_is_a_usage_error(attune: Terminal, port: str) -> None:
    assert attune("--port", port)[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signal to one process")
def test_it_serves_from_any_folder_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "attune", "dashboard", "--no-browser", "--port", str(port)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout is not None
        lines = iter(program.stdout.readline, "")
        # The address is that of the settings: without them Streamlit listens to the whole network.
        assert any(f"URL: http://127.0.0.1:{port}" in line for line in lines)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10) as answer:
            assert answer.read() == b"ok"
        program.send_signal(signal.SIGINT)
        rest = program.stdout.read()
        assert program.wait(20) == 0
    assert "Traceback" not in rest


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="their names are text")
def test_a_folder_whose_name_is_no_utf_8_is_one_sentence(
    attune: Terminal, started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    monkeypatch.chdir(folder)
    code, out, err = attune()
    assert (code, out, started) == (1, "", [])
    assert f"the name of the folder {tmp_path}/caf\\xe9 is not UTF-8: rename it" in err

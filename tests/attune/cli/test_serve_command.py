"""`attune serve`: what it prints, how it ends, and what it refuses before anything is loaded."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.paths import ROOT
from tests.terminal import Terminal

TOKEN = "0123456789abcdef"


@pytest.fixture
def attune(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "serve")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_says_where_it_answers_and_ends_in_order(number: int, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    program = subprocess.Popen(
        [sys.executable, "-m", "attune", "serve", "--port", "0", "--token-file", str(tmp_path / "token")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        line = program.stdout.readline()
        found = re.fullmatch(
            r"Attune answers at (http://127\.0\.0\.1:\d+)\. It asks for the token\. Ctrl-C stops\.\n", line
        )
        assert found is not None, line
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert requests.get(f"{found[1]}/metrics", timeout=60).status_code == 401
        assert requests.get(f"{found[1]}/metrics", headers=headers, timeout=60).status_code == 200
        program.send_signal(number)
        _, errors = program.communicate(timeout=60)
    finally:
        program.kill()
        program.wait()
    assert (program.returncode, errors) == (0, "")


def test_other_machines_are_let_in_only_with_a_token(attune: Terminal) -> None:
    code, _, error = attune("--host", "0.0.0.0")
    assert code == 1
    assert "Other machines can reach 0.0.0.0: give a token with --token-file or in ATTUNE_API_TOKEN" in error


@pytest.mark.parametrize("token", ["", "short", "long enough but\twith a tab", "lang genug, aber größer"])
def test_a_token_that_cannot_be_used_is_not_shown(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("ATTUNE_API_TOKEN", token)
    code, _, error = attune()
    assert code == 1
    assert "The token in ATTUNE_API_TOKEN cannot be used: it needs 16 or more plain characters" in error
    assert not token or token not in error


def test_a_token_file_that_is_missing_is_named(attune: Terminal, tmp_path: Path) -> None:
    code, _, error = attune("--token-file", str(tmp_path / "gone"))
    assert (code, f"There is no file {tmp_path / 'gone'}" in error) == (1, True)


def test_the_token_is_no_option(attune: Terminal) -> None:
    assert attune("--token", TOKEN)[0] == 2


def test_without_the_extra_it_says_how_to_install_it(
    attune: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("attune.api")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, _, error = attune()
    assert code == 1
    assert error == (
        "Error: The library 'fastapi' is needed for the API: run "
        "`pip install -e '.[api]' -c constraints.txt`.\n"
    )

"""Calls: what the sound server's and the registry's answers mean, and what no answer does."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from realtime import call_detection

MICROPHONE = {"index": 1, "name": "headset", "monitor_source": ""}
MONITOR = {"index": 0, "name": "room.monitor", "monitor_source": "room"}
Say = Callable[..., None]

linux = pytest.mark.skipif(sys.platform != "linux", reason="pactl")


def output(**changes: Any) -> dict[str, Any]:
    """A program that records the microphone."""
    usual = {
        "index": 7,
        "source": 1,
        "corked": False,
        "resample_method": "speex-float-1",
        "properties": {"application.process.id": "999999999"},
    }
    return usual | changes


@pytest.fixture
def pactl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """A pactl that answers what it is told to."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def say(*outputs: dict[str, Any], script: str = "") -> None:
        for kind, listed in (("sources", [MONITOR, MICROPHONE]), ("source-outputs", outputs)):
            (tmp_path / kind).write_text(json.dumps(listed))
        program = tmp_path / "pactl"
        program.write_text(f"#!/bin/sh\n{script or f'cat {tmp_path}/$3'}\n")
        program.chmod(0o755)

    return say


@linux
@pytest.mark.parametrize(
    ("outputs", "recorded"),
    [
        ([], False),
        ([output()], True),
        ([output(source=0)], False),
        ([output(corked=True)], False),
        ([output(resample_method="peaks")], False),
        ([output(properties={})], False),
        ([output(properties={"application.process.id": str(os.getpid())})], False),
        ([output(source=0), output()], True),
    ],
    ids=["nobody", "a call", "of a monitor", "paused", "a meter", "a module", "ourselves", "both"],
)
def test_another_program_at_the_microphone_is_a_call(
    pactl: Say, outputs: list[dict[str, Any]], recorded: bool
) -> None:
    pactl(*outputs)
    assert call_detection.other_program_records() is recorded


@linux
@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo '[1]'", "echo '{}'", "exec sleep 60"])
def test_no_answer_is_unknown(pactl: Say, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(call_detection, "_ANSWER_S", 0.5)
    pactl(script=script)
    assert call_detection.other_program_records() is None


@linux
def test_machine_without_sound_server_tools_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert call_detection.other_program_records() is None


def test_other_machines_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert call_detection.other_program_records() is None


Registry = dict[str, Any]
_KEY = "Software\\Microsoft\\Windows\\CurrentVersion\\CapabilityAccessManager\\ConsentStore\\microphone"


def winreg(consent: Registry | None) -> ModuleType:
    """As much of Windows' registry as is asked for: folders are dictionaries, values numbers."""

    @contextmanager
    def open_key(key: Registry, name: str) -> Iterator[Registry]:
        if name not in key:
            raise FileNotFoundError(2, name)
        yield key[name]

    def query_value(key: Registry, name: str) -> tuple[int, int]:
        if name not in key:
            raise FileNotFoundError(2, name)
        return key[name], 11

    def folders(key: Registry) -> list[str]:
        return [name for name, value in key.items() if isinstance(value, dict)]

    module: Any = SimpleNamespace(
        HKEY_CURRENT_USER={} if consent is None else {_KEY: consent},
        HKEYType=dict,
        OpenKey=open_key,
        QueryInfoKey=lambda key: (len(folders(key)), 0, 0),
        EnumKey=lambda key, number: folders(key)[number],
        QueryValueEx=query_value,
    )
    return module


def use(start: int, stop: int) -> Registry:
    return {"LastUsedTimeStart": start, "LastUsedTimeStop": stop, "Value": 1}


OWN = sys.executable.replace("\\", "#")


@pytest.mark.parametrize(
    ("consent", "recorded"),
    [
        (None, None),
        ({}, False),
        ({"Teams_8wekyb": use(5, 9), "NonPackaged": {"C:#zoom.exe": use(5, 9)}}, False),
        ({"Teams_8wekyb": use(5, 0)}, True),
        ({"Teams_8wekyb": {}, "NonPackaged": {"C:#zoom.exe": use(5, 0)}}, True),
        ({"NonPackaged": {OWN.upper(): use(5, 0)}}, False),
        ({"Teams_8wekyb": use(0, 0)}, False),
    ],
    ids=["no record", "empty", "over", "store app", "program", "ourselves", "never"],
)
def test_use_without_an_end_is_a_call_on_windows(
    monkeypatch: pytest.MonkeyPatch, consent: Registry | None, recorded: bool | None
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        patch.setitem(sys.modules, "winreg", winreg(consent))
        importlib.reload(call_detection)
        assert call_detection.other_program_records() is recorded
    importlib.reload(call_detection)

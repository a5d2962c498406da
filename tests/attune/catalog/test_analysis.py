"""Whole runs: Ray starts, works and ends as it does for people."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
pytest.importorskip("fsspec")
pytest.importorskip("psutil")

import psutil

from attune.catalog.index import FILE
from attune.catalog.schema import TRACKS, ErrorKind, open_tracks
from tests.attune.catalog.catalog_sounds import write_catalogue, write_music
from tests.paths import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_200)]

WAIT_S = 500.0

OTHER_MODELS = """
import sys
from contextlib import closing
from pathlib import Path

from attune.catalog.index import CatalogIndex
from attune.catalog.ray_session import RayResources, ray_session
from attune.catalog.sources import Source, entries
from core.errors import AttuneError
from core.settings import Settings

with closing(CatalogIndex(Path(sys.argv[2]))) as index, ray_session(RayResources(workers=1)) as workers:
    from attune.catalog.distribution import Distribution, distribute

    plan = index.plan(entries(Source(sys.argv[1])))
    try:
        distribute(
            Distribution(plan.pending, workers, 1_000, Settings(), "models of another version"),
            index,
            lambda _done, _total: None,
        )
    except AttuneError as error:
        sys.exit(str(error))
"""
"""A run whose worker has other models than the program that started it."""


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "attune.cli.main", "catalog", "analyse", *map(str, words)]


def started(*words: str | Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command(*words), stdout=pipe, stderr=pipe, text=True, cwd=ROOT)


def run(*words: str | Path) -> dict[str, Any]:
    done = subprocess.run(
        command(*words, "--json"), capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return dict(json.loads(done.stdout))


def refused(*words: str | Path) -> str:
    done = subprocess.run(
        command(*words), capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """By name of the file; each location stands there once."""
    found = open_tracks(out).to_table().to_pylist()
    by_name = {Path(row["location"]).name: row for row in found}
    assert len(by_name) == len(found)
    return by_name


def parts(out: Path) -> list[Path]:
    return sorted((out / TRACKS).glob("*/*.parquet"))


def worker_processes(run_id: int) -> list[Any]:
    found = psutil.Process(run_id).children(recursive=True)
    return [process for process in found if "CatalogWorker" in " ".join(_words(process))]


def _words(process: Any) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def until(what: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    end_s = time.monotonic() + WAIT_S
    while not (found := what()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s
        time.sleep(0.02)
    return found


def test_a_catalogue_is_analysed_once_and_gone_on_with(tmp_path: Path) -> None:
    source, out = tmp_path / "music", tmp_path / "out"
    files = write_catalogue(source, 9)
    (source / "noise.mp3").write_bytes(b"no sound" * 100)
    first = run(source, "--out", out, "--workers", "2")
    assert (first["entries"], first["analysed"], first["failed"]) == (10, 9, 1)
    found = rows(out)
    assert found["noise.mp3"]["error_kind"] == ErrorKind.SOUND
    assert all(found[file.name]["embedding"] for file in files)
    before = [part.read_bytes() for part in parts(out)]

    assert run(source, "--out", out)["pending"] == 0
    assert [part.read_bytes() for part in parts(out)] == before

    write_music(files[0], 100)  # another content
    moved = files[1].rename(files[1].with_name("moved.wav"))
    write_music(source / "new.wav", 101)
    again = run(source, "--out", out, "--workers", "1")
    assert (again["pending"], again["analysed"], again["reused"], again["failed"]) == (3, 2, 1, 0)
    after = rows(out)
    assert after[moved.name]["embedding"] == found[files[1].name]["embedding"]
    assert after[files[0].name]["content_key"] != found[files[0].name]["content_key"]
    assert after[files[2].name] == found[files[2].name]

    write_music(tmp_path / "other" / "same.wav", 2)
    assert "another --out" in refused(tmp_path / "other", "--out", out)
    assert run(tmp_path / "other", "--out", out, "--add")["reused"] == 1


def test_a_worker_that_is_killed_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    source, out = tmp_path / "music", tmp_path / "out"
    files = write_catalogue(source, 24)
    process = started(source, "--out", out, "--workers", "2", "--json")
    worker = until(lambda: worker_processes(process.pid), process)[0]
    busy = until(lambda: worker.cpu_times().user > 3.0 and worker, process)  # it is past its imports
    busy.kill()
    output, problems = process.communicate(timeout=WAIT_S)
    assert (process.returncode, problems) == (0, "")
    summary = json.loads(output)
    assert sorted(rows(out)) == sorted(file.name for file in files)
    # Of what had been finished nothing was computed again: each analysis that ended is a row.
    assert (summary["analysed"], summary["reused"], summary["failed"]) == (24, 0, 0)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_keeps_what_is_finished(tmp_path: Path, number: int) -> None:
    source, out = tmp_path / "music", tmp_path / "out"
    write_catalogue(source, 60)
    process = started(source, "--out", out, "--workers", "1")
    worker = until(lambda: worker_processes(process.pid), process)[0]
    until(lambda: worker.cpu_times().user > 6.0, process)
    process.send_signal(number)
    output, problems = process.communicate(timeout=WAIT_S)
    assert process.returncode == 128 + number
    assert "what was analysed is kept" in problems
    assert output == ""
    kept = len(rows(out)) if parts(out) else 0
    assert kept < 60
    summary = run(source, "--out", out, "--workers", "2")
    assert (summary["pending"], summary["analysed"]) == (60 - kept, 60 - kept)
    assert len(rows(out)) == 60


def test_a_run_that_is_killed_is_gone_on_with(tmp_path: Path) -> None:
    source, out = tmp_path / "music", tmp_path / "out"
    write_catalogue(source, 40)
    process = started(source, "--out", out, "--workers", "1")
    until(lambda: worker_processes(process.pid), process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=WAIT_S)
    psutil.wait_procs(children, timeout=WAIT_S)
    assert [child for child in children if child.is_running()] == []
    assert run(source, "--out", out)["entries"] == 40
    assert len(rows(out)) == 40


def test_what_a_worker_cannot_use_is_one_sentence(tmp_path: Path) -> None:
    source = tmp_path / "music"
    write_catalogue(source, 2)
    done = subprocess.run(
        [sys.executable, "-c", OTHER_MODELS, str(source), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"On the machine {socket.gethostname()}: ")
    assert "install the same on all machines" in line


def test_what_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    source, out = tmp_path / "music", tmp_path / "out"
    write_catalogue(source, 1)
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").touch()
    assert "holds other things" in refused(source, "--out", tmp_path / "holiday")
    assert "There is no" in refused(tmp_path / "gone", "--out", out)
    (tmp_path / "empty").mkdir()
    assert "no sound" in refused(tmp_path / "empty", "--out", out)
    assert "cannot be joined" in refused(source, "--out", out, "--ray-address", "127.0.0.1:9")
    assert "MB" in refused(source, "--out", out, "--worker-memory", "1000000000")
    run(source, "--out", out)
    identity = json.loads((out / "catalog.json").read_text())
    (out / "catalog.json").write_text(json.dumps(identity | {"models": "others"}))
    assert "other models" in refused(source, "--out", out)
    (out / "catalog.json").write_text(json.dumps(identity | {"form": 99}))
    assert "form 99" in refused(source, "--out", out)
    (out / "catalog.json").write_text(json.dumps(identity))
    (out / FILE).write_bytes(b"no database" * 1000)
    assert run(source, "--out", out)["pending"] == 0  # the index is made anew

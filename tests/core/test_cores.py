"""The cores that a process may use: its container's limit counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import cores
from core.cores import core_limit, usable_cores


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of a container's limit, on a machine with four cores."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(4)), raising=False)
    monkeypatch.setattr(cores, "_CGROUP_LIMIT", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("text", "share", "threads"),
    [
        ("max 100000\n", 4.0, 4),
        ("100000 100000\n", 1.0, 1),
        ("50000 100000\n", 0.5, 1),
        ("10000 100000\n", 0.1, 1),
        ("150000 100000\n", 1.5, 2),
        ("370000 100000\n", 3.7, 4),
        ("900000 100000\n", 4.0, 4),
        ("what is this", 4.0, 4),
    ],
)
def test_cores_of_a_container_count_also_parts_of_one(
    limit: Path, text: str, share: float, threads: int
) -> None:
    limit.write_text(text)
    assert core_limit() == pytest.approx(share)
    assert usable_cores() == threads


def test_without_a_container_all_cores_count(limit: Path) -> None:
    assert not limit.exists()
    assert core_limit() == usable_cores() == 4
